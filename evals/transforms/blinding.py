"""Cases with one source missing: does confidence fall, and how far does the diagnosis carry?"""

from dataclasses import replace

from evals.recordings import Recording
from tools.documents import text_at


def without_logs(case: Recording) -> Recording:
    """No container has logged anything."""
    return replace(case, logs={})


def without_metrics(case: Recording) -> Recording:
    """Prometheus knows nothing. What Alertmanager fires stays: that is another server."""
    return replace(case, metrics="# EOF\n")


def without_events(case: Recording) -> Recording:
    """Events have expired, as they do after an hour."""
    return replace(case, items=tuple(item for item in case.items if text_at(item, "kind") != "Event"))


def without_manifests(case: Recording) -> Recording:
    """Git is out of reach."""
    return replace(case, manifests={})
