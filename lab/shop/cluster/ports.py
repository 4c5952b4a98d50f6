"""What traffic and metrics read of a cluster, whichever keeps it: the shop's own, or a mirror of a real one."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from lab.shop.cluster.kinds import Kind
from lab.shop.cluster.objects import StoredObject
from lab.shop.cluster.processes import Process, RunningPod


class Finds(Protocol):
    """Objects by name."""

    def find(self, kind: Kind, name: str, namespace: str = "") -> StoredObject | None:
        """The object of that name, or None."""
        ...


class Objects(Finds, Protocol):
    """The newest version of every object."""

    @property
    def version(self) -> int:
        """Goes up with every change of any object."""
        ...

    def objects(self, kind: Kind, namespace: str = "") -> Sequence[StoredObject]:
        """The objects of a kind, by namespace and name; an empty namespace means all of them."""
        ...


class Programs(Protocol):
    """What runs in the pods."""

    def pods(self) -> Sequence[RunningPod]:
        """The pods that a node has taken on."""
        ...

    def processes(self) -> Iterable[Process]:
        """The containers of all pods."""
        ...

    def listening(self, ip: str, port: int) -> Process | None:
        """The program that accepts connections there, None when nothing does."""
        ...
