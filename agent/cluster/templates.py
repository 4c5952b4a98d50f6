"""What differs between two revisions of a workload's pod template."""

from collections.abc import Iterator

from agent.cluster.pods import Container, PodSpec
from agent.cluster.workloads import Workload

WHOLE_POD = tuple(name for name in PodSpec.model_fields if name not in {"containers", "node_name"})


def differences(before: Workload, after: Workload) -> Iterator[str]:
    """The parts of a template that differ, in words."""
    old = {item.name: item for item in before.template.containers}
    new = {item.name: item for item in after.template.containers}
    fields = ("image", "env", "env_from", "args", "command", "resources", "ports", "liveness_probe", "readiness_probe")
    for field in fields:
        if any(_part(old.get(name), field) != _part(item, field) for name, item in new.items()):
            yield field
    for field in WHOLE_POD:
        if getattr(before.template, field) != getattr(after.template, field):
            yield field
    if _checksums(before) != _checksums(after):
        yield "configuration"


def _checksums(workload: Workload) -> dict[str, str]:
    """Annotations by which charts make pods restart with their configuration, such as Helm's `checksum/config`."""
    annotations = workload.spec.template.metadata.annotations
    return {key: value for key, value in annotations.items() if "checksum" in key or "hash" in key}


def _part(container: Container | None, field: str) -> object:
    return getattr(container, field, None)
