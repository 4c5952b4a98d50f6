"""Names of Kubernetes objects and Argo CD applications, as the product writes them."""

from typing import Annotated, Literal, Self

from pydantic import StringConstraints

from domain.model import Model

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
"""A DNS-1123 subdomain, as Kubernetes names are. Free text does not fit."""

WorkloadKind = Literal["deployment", "statefulset", "daemonset"]


class ObjectRef(Model):
    """Any object a cause can be about; `str()` is `kind/name` in lower case."""

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*$", max_length=63)]
    name: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    namespace: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @classmethod
    def parse(cls, text: str, namespace: str | None = None) -> Self:
        """From `kind/name`; raises `ValueError` for anything else."""
        kind, slash, name = text.partition("/")
        if not slash:
            raise ValueError(f"expected kind/name, got {text!r}")
        return cls(kind=kind.lower(), name=name, namespace=namespace)


class WorkloadRef(Model):
    """A workload that actions can change."""

    kind: WorkloadKind = "deployment"
    namespace: Name
    name: Name

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def object(self) -> ObjectRef:
        """The same object as a cause names it."""
        return ObjectRef(kind=self.kind, name=self.name, namespace=self.namespace)
