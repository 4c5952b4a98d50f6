"""Kubernetes quantities: `250m` cores, `256Mi` bytes."""

_SUFFIXES = {
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}


def quantity(value: str | int | float) -> float:
    """The number a quantity stands for, in cores or bytes.

    Raises `ValueError` on text that is not a quantity.
    Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    if not isinstance(value, str):
        return float(value)
    digits = value.rstrip("mkMGTKi")
    suffix = value[len(digits) :]
    if suffix and suffix not in _SUFFIXES:
        raise ValueError(f"quantities must match the regular expression of a number and a suffix: {value!r}")
    return float(digits) * _SUFFIXES.get(suffix, 1.0)
