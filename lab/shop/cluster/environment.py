"""Environment variables of a container, resolved when it starts."""

from lab.shop.cluster.kinds import CONFIG_MAP, SECRET
from lab.shop.cluster.objects import strings
from lab.shop.cluster.ports import Finds
from lab.shop.cluster.views import Container, EnvVar, KeySelector

# Secrets in the shop hold no secret: programs get this instead of a value.
PLACEHOLDER = "not-a-real-secret"


class ContainerConfigError(Exception):
    """The container cannot be created; the message is the kubelet's."""


def resolved_environment(container: Container, namespace: str, store: Finds) -> dict[str, str]:
    """The variables the program will see. Raises `ContainerConfigError` when a referenced object or key is missing."""
    resolved: dict[str, str] = {}
    for source in container.env_from:
        if source.config_map_ref:
            resolved |= _config_map(source.config_map_ref, namespace, store)
        if source.secret_ref:
            resolved |= dict.fromkeys(_secret(source.secret_ref, namespace, store), PLACEHOLDER)
    for variable in container.env:
        value = _value(variable, namespace, store)
        if value is not None:
            resolved[variable.name] = value
    return resolved


def _value(variable: EnvVar, namespace: str, store: Finds) -> str | None:
    source = variable.value_from
    if source and source.config_map_key_ref:
        wanted = source.config_map_key_ref
        return _keyed(_config_map(wanted, namespace, store), wanted, f"ConfigMap {namespace}/{wanted.name}")
    if source and source.secret_key_ref:
        wanted = source.secret_key_ref
        values = dict.fromkeys(_secret(wanted, namespace, store), PLACEHOLDER)
        return _keyed(values, wanted, f"Secret {namespace}/{wanted.name}")
    return variable.value


def _keyed(values: dict[str, str], wanted: KeySelector, where: str) -> str | None:
    if wanted.key not in values and not wanted.optional:
        raise ContainerConfigError(f"couldn't find key {wanted.key} in {where}")
    return values.get(wanted.key)


def _config_map(wanted: KeySelector, namespace: str, store: Finds) -> dict[str, str]:
    found = store.find(CONFIG_MAP, wanted.name, namespace)
    if found is None and not wanted.optional:
        raise ContainerConfigError(f'configmap "{wanted.name}" not found')
    return strings(found.manifest, "data") if found else {}


def _secret(wanted: KeySelector, namespace: str, store: Finds) -> dict[str, str]:
    found = store.find(SECRET, wanted.name, namespace)
    if found is None and not wanted.optional:
        raise ContainerConfigError(f'secret "{wanted.name}" not found')
    return strings(found.manifest, "data") if found else {}
