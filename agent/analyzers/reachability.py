"""Whether a Service can be reached, by probes from inside the cluster."""

from dataclasses import dataclass

from agent.cluster.objects import Service
from agent.looks import Statement, states
from agent.situation import Situation
from tools.prometheus.models import Series


@dataclass(frozen=True)
class Reach:
    """What probes say. `works` and `fails` are both false where nobody probes."""

    works: bool = False
    fails: bool = False
    statements: tuple[Statement, ...] = ()


def reach(situation: Situation, service: Service) -> Reach:
    """The last word of every probe of the Service."""
    signal = situation.signals.get("probe_success")
    if signal is None:
        return Reach()
    of = [series for series in signal.series if series.labels.get("service") == service.name and series.points]
    if not of:
        return Reach()
    failing = [series for series in of if series.points[-1][1] < 1]
    if not failing:
        return Reach(works=True)
    seen = signal.look.sees(_key(failing[0]), 0.0)
    return Reach(fails=True, statements=(states(f"probes of {service} fail", seen),))


def _key(series: Series) -> str:
    labels = series.labels
    port = f":{labels['port']}" if "port" in labels else ""
    return f"{labels.get('service', '')}{port} probe_success"
