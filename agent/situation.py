"""Everything a triage knows at one moment, typed; what the analyzers work on. Collecting it is `agent.collection`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

from agent.addresses import addresses
from agent.anomalies import Anomaly, anomaly_of, strongest
from agent.callgraph import CallGraph
from agent.cluster.index import Cluster
from agent.cluster.objects import Service
from agent.cluster.pods import Pod
from agent.cluster.workloads import Workload
from agent.looks import Look
from agent.manifests import parsed
from agent.stated import stated_anomalies
from agent.suspects import Suspect, suspects
from domain.diagnosis import Blindspot
from domain.evidence import Evidence
from domain.objects import ObjectRef
from tools.alertmanager.models import ActiveAlert
from tools.argocd.models import ApplicationState
from tools.documents import JsonObject
from tools.prometheus.models import Series
from tools.tempo.models import TraceSummary

NOWHERE = Look(kind="object", source="nothing", query="", digest="", at=datetime(1970, 1, 1, tzinfo=UTC))
"""Where a part that was not read would be cited from; nothing in it can be."""


class LogKey(NamedTuple):
    """Whose log it is. `previous` is the container before the last restart."""

    namespace: str
    pod: str
    container: str
    previous: bool = False


@dataclass(frozen=True)
class Log:
    """The end of a container's log."""

    look: Look
    text: str

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """Its lines, oldest first."""
        return tuple(self.text.splitlines())

    @cached_property
    def folded(self) -> str:
        """Its text in lower case."""
        return self.text.lower()


@dataclass(frozen=True)
class Manifest:
    """What Git says an application should be: YAML text, or `documents` where they came as objects."""

    look: Look
    text: str = ""
    documents: tuple[JsonObject, ...] = ()

    @cached_property
    def cluster(self) -> Cluster:
        """The declared objects. Empty where the YAML does not parse: the live objects still tell most."""
        return Cluster(self.documents or parsed(self.text))

    def declares(self, name: str) -> bool:
        """Whether a workload of that name is in it."""
        may = not self.text or name in self.text
        return may and any(item.name == name for item in self.cluster.workloads)


@dataclass(frozen=True)
class Signal:
    """One golden signal of every service or node, over the window."""

    look: Look
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Application:
    """An Argo CD application. `changed_at`: when its last history entry was deployed; `drifted`: objects unlike Git."""

    look: Look
    state: ApplicationState
    changed_at: datetime | None = None
    drifted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trace:
    """One trace, reduced."""

    look: Look
    summary: TraceSummary


@dataclass(frozen=True)
class Ailing:
    """A workload that is not what it should be, with its pods that are not ready."""

    workload: Workload
    pods: tuple[Pod, ...]
    sick: tuple[Pod, ...]

    @property
    def missing(self) -> int:
        """Replicas asked for that were never created: of the newest revision, where the controller says it cannot."""
        status = self.workload.status
        lacking = self.workload.desired - max(len(self.pods), status.replicas)
        stuck = self.workload.desired - status.updated_replicas if self.workload.refused else 0
        return max(lacking, stuck, 0)

    @property
    def down(self) -> bool:
        """Whether no replica serves."""
        return self.workload.desired > 0 and self.workload.status.ready_replicas == 0


@dataclass(frozen=True)
class Situation:
    """The world as the tools saw it. `onset` is when the incident's first alert started, if it has alerts."""

    now: datetime
    namespace: str | None = None
    onset: datetime | None = None
    cluster: Cluster = field(default_factory=Cluster)
    objects: Look = NOWHERE
    events: Look = NOWHERE
    logs: Mapping[LogKey, Log] = field(default_factory=dict[LogKey, Log])
    manifests: Mapping[str, Manifest] = field(default_factory=dict[str, Manifest])
    signals: Mapping[str, Signal] = field(default_factory=dict[str, Signal])
    alerts: tuple[ActiveAlert, ...] = ()
    alerts_look: Look = NOWHERE
    applications: tuple[Application, ...] = ()
    traces: tuple[Trace, ...] = ()
    blindspots: tuple[Blindspot, ...] = ()
    unavailable: tuple[Evidence, ...] = ()

    def concerns(self, namespace: str) -> bool:
        """Whether objects of that namespace are what the triage is about."""
        return self.namespace is None or namespace == self.namespace

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """Workloads the triage is about."""
        return tuple(item for item in self.cluster.workloads if self.concerns(item.namespace))

    @cached_property
    def services(self) -> tuple[Service, ...]:
        """Services the triage is about."""
        return tuple(item for item in self.cluster.services if self.concerns(item.namespace))

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        """Pods the triage is about."""
        return tuple(pod for pod in self.cluster.pods if self.concerns(pod.namespace))

    @cached_property
    def ailing(self) -> tuple[Ailing, ...]:
        """Workloads that lack replicas now. Whatever events say of the past, a workload that has them is well."""
        states = (self._state(item) for item in self.workloads if item.desired > 0)
        return tuple(state for state in states if state is not None)

    def _state(self, workload: Workload) -> Ailing | None:
        pods = tuple(pod for pod in self.cluster.pods_of(workload) if pod.status.phase != "Failed")
        sick = tuple(pod for pod in pods if not pod.ready)
        short = workload.status.ready_replicas < workload.desired or bool(workload.refused)
        return Ailing(workload, pods, sick) if short or sick else None

    def healthy(self, workload: Workload) -> bool:
        """Whether the workload has all its replicas."""
        return workload.desired > 0 and all(item.workload is not workload for item in self.ailing)

    def logs_of(self, pod: Pod, *, previous: bool | None = None) -> tuple[tuple[LogKey, Log], ...]:
        """The pod's logs that were read, the previous containers' first: they hold the reason of a crash."""
        found = [
            (key, log)
            for key, log in self._logs_by_pod.get((pod.namespace, pod.name), ())
            if previous is None or key.previous == previous
        ]
        return tuple(sorted(found, key=lambda item: not item[0].previous))

    @cached_property
    def _logs_by_pod(self) -> dict[tuple[str, str], list[tuple[LogKey, Log]]]:
        ordered = sorted(self.logs.items())
        return {pod: list(group) for pod, group in groupby(ordered, key=lambda item: (item[0].namespace, item[0].pod))}

    def manifest_of(self, name: str) -> Manifest | None:
        """What Git says of the workload `name`: by application name, else the manifest that declares it."""
        if name in self.manifests:
            return self.manifests[name]
        return next((item for item in self.manifests.values() if item.declares(name)), None)

    @cached_property
    def calls(self) -> CallGraph:
        """Who calls whom: as traces show it, else as the workloads' configuration has it."""
        return self.traced_calls or self.configured_calls

    @cached_property
    def traced_calls(self) -> CallGraph | None:
        """Who calls whom as traces show it; None where they show no call."""
        signal = self.signals.get("dependencies")
        traced = [(series.labels.get("client", ""), series.labels.get("server", "")) for series in _series(signal)]
        return CallGraph.of(pair for pair in traced if all(pair)) if any(map(all, traced)) else None

    @cached_property
    def configured_calls(self) -> CallGraph:
        """Who names whom in environment variables and ConfigMaps."""
        known = {service.name for service in self.services}
        return CallGraph.of(
            (workload.name, address.service)
            for workload in self.workloads
            for _, _, address in addresses(workload, self.cluster)
            if address.service in known and address.service != workload.name
        )

    @cached_property
    def anomalies(self) -> tuple[Anomaly, ...]:
        """Signals that left their past, strongest first."""
        judged = (
            anomaly_of(name, series, signal.look, self.onset, alerted=bool(self.onset or self.alerts))
            for name, signal in self.signals.items()
            for series in signal.series
        )
        measured = [item for item in judged if item is not None]
        known = {(item.signal, item.subject) for item in measured}
        stated = [
            item for item in stated_anomalies(self.alerts, self.alerts_look) if (item.signal, item.subject) not in known
        ]
        return strongest((*measured, *stated))

    def budding(self, signal: str) -> tuple[Anomaly, ...]:
        """What may become anomalies of a signal: series whose last points left their past, too few to be sure."""
        found = self.signals.get(signal)
        if found is None:
            return ()
        judged = (anomaly_of(signal, series, found.look, self.onset, budding=True) for series in found.series)
        return strongest(item for item in judged if item is not None)

    @cached_property
    def suspects(self) -> tuple[Suspect, ...]:
        """Services by how much their signals point at them, culprits before victims."""
        return suspects(self.anomalies, self.calls, self.onset)

    def anomaly(self, subject: str, *signals: str) -> Anomaly | None:
        """The first of the signals of a service or node that has left its past."""
        found = {item.signal: item for item in reversed(self.anomalies) if item.subject == subject}
        return next((found[name] for name in signals if name in found), None)

    def risen(self, subject: str, *signals: str) -> Anomaly | None:
        """The first of the signals of a service or node that went up and still matters."""
        found = (self.anomaly(subject, name) for name in signals)
        return next((item for item in found if item and item.rise > 0 and item.ongoing), None)

    def workload_behind(self, service: str) -> Workload | None:
        """The workload that serves what metrics call `service`: by name, else by the Service's selector."""
        for item in self.workloads:
            if item.name == service:
                return item
        found = next((item for item in self.services if item.name == service), None)
        return next(iter(self.cluster.backends(found)), None) if found else None

    def object_behind(self, service: str) -> ObjectRef:
        """What to call `service` in a finding: its workload, else the Service."""
        workload = self.workload_behind(service)
        return reference(workload) if workload else ObjectRef(kind="service", name=service, namespace=self.namespace)

    def since(self, moment: datetime | None) -> timedelta | None:
        """How long ago that was."""
        return self.now - moment if moment else None


def reference(item: Workload | Service | Pod) -> ObjectRef:
    """The object as findings name it."""
    return ObjectRef(kind=item.kind.lower(), name=item.name, namespace=item.namespace or None)


def _series(signal: Signal | None) -> tuple[Series, ...]:
    return signal.series if signal else ()
