"""Kubernetes' answers, typed."""

from dataclasses import dataclass

from domain.inventory import WorkloadEntry
from domain.model import Model, Timestamp
from domain.objects import ObjectRef
from domain.plans import WorkloadPrecondition
from tools.documents import JsonObject


@dataclass(frozen=True)
class ObjectList:
    """Objects as `kubectl get -o json` gives them, redacted, `kind` and `apiVersion` set, managed fields left out.

    `denied` names the kinds that could not be read, and why. A kind the server does not have is neither.
    """

    items: tuple[JsonObject, ...]
    denied: tuple[str, ...] = ()

    def of(self, kind: str) -> tuple[JsonObject, ...]:
        """The objects of a kind, such as `Pod`."""
        return tuple(item for item in self.items if item["kind"] == kind)


class Event(Model):
    """An event about an object. `count` is how often it was seen between `first_seen` and `last_seen`."""

    involved: ObjectRef
    type: str
    reason: str
    message: str
    count: int
    first_seen: Timestamp | None
    last_seen: Timestamp | None
    source: str = ""


class WorkloadState(Model):
    """A workload now. `message` says what the rollout waits for, in `kubectl rollout status`' words."""

    entry: WorkloadEntry
    precondition: WorkloadPrecondition
    available: int
    updated: int
    observed_generation: int
    rolled_out: bool
    message: str
