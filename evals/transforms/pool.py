"""The cases of one suite, looked at for parts: which of them has an application that is well, or sick in itself."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from agent.callgraph import CallGraph
from domain.objects import ObjectRef
from evals.exposition import samples
from evals.labels import Label
from evals.recordings import Recording, read
from evals.transforms.wellness import is_well, own_workloads

CONTAINED = frozenset({"Startup_Fault", "Runtime_Fault", "Service_Routing_Fault"})
"""Classes whose faults lie in the application's own objects, so that taking these takes the fault along."""

ELSEWHERE = frozenset({"gateway_misroute", "service_dns_resolution_failure"})
"""Causes of those classes that may lie in another object than the one they are named after: a gateway, a resolver."""


@dataclass(frozen=True, eq=False)
class Summary:
    """What is known of a case without holding on to its files. `well`: applications that are, by their state."""

    folder: Path
    system: str
    namespace: str
    label: Label
    well: frozenset[str]
    calls: CallGraph

    @property
    def application(self) -> str:
        """The application that is at fault; empty where it is a node or the namespace."""
        fault = ObjectRef.parse(self.label.fault_object)
        return fault.name if fault.kind == "app" else ""

    @property
    def contained(self) -> bool:
        """Whether the fault can be taken out of the case with the application's objects."""
        inside = self.label.fault_taxonomy in CONTAINED and self.label.root_cause not in ELSEWHERE
        return bool(self.application) and inside

    def spares(self, application: str) -> bool:
        """Whether the application is well here and calls nothing that is at fault, so that its log is calm too."""
        victims = self.calls.above(self.application) | {self.application}
        return application in self.well and application not in victims


class Pool:
    """A suite's labelled cases with one fault. Reads lazily, and keeps the few cases that are asked for again."""

    def __init__(self, folders: Sequence[Path], *, seed: int = 0) -> None:
        self._folders = folders
        self._dice = random.Random(seed)  # noqa: S311 - a reproducible choice
        self.read = lru_cache(maxsize=24)(read)
        self._summaries: dict[Path, Summary | None] = {}

    def summaries(self) -> Iterator[Summary]:
        """The cases in the suite's order."""
        return (found for folder in self._folders if (found := self.summary(folder)) is not None)

    def shuffled(self) -> list[Summary]:
        """The cases in an order that the seed decides."""
        found = list(self.summaries())
        self._dice.shuffle(found)
        return found

    def summary(self, folder: Path) -> Summary | None:
        """What is known of one case; None for one without exactly one fault."""
        if folder not in self._summaries:
            self._summaries[folder] = _summary(folder, self.read(folder))
        return self._summaries[folder]

    def donor(self, target: Summary, application: str) -> Recording | None:
        """A case of the same system in which the application is well and does not depend on the one at fault."""
        for other in self.shuffled():
            kin = (other.system, other.namespace) == (target.system, target.namespace)
            if kin and other.contained and other.spares(application):
                return self.read(other.folder)
        return None


def _summary(folder: Path, case: Recording) -> Summary | None:
    label = case.label
    if label is None or len(label.faults) != 1:
        return None
    well = frozenset(item.name for item in own_workloads(case) if is_well(case, item))
    return Summary(folder, str(case.header.get("system", "")), case.namespace, label, well, _calls(case))


def _calls(case: Recording) -> CallGraph:
    traced = (item for item in samples(case.metrics) if item.name == "traces_service_graph_request_total")
    return CallGraph.of((item.label("client"), item.label("server")) for item in traced)
