"""Which resource a request path is about."""

from dataclasses import dataclass

from lab.shop.cluster.errors import NotFoundError
from lab.shop.cluster.kinds import NAMESPACE, Kind, kind_of_resource


@dataclass(frozen=True)
class Target:
    """A resource request: a collection when `name` is empty, all namespaces when `namespace` is."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def parse_path(path: str) -> Target:
    """The target of `/api/v1/…` or `/apis/{group}/{version}/…`. Raises `NotFoundError` for anything else."""
    segments = [segment for segment in path.split("/") if segment]
    if segments[:1] == ["api"] and len(segments) > 2:
        group, version, rest = "", segments[1], segments[2:]
    elif segments[:1] == ["apis"] and len(segments) > 3:
        group, version, rest = segments[1], segments[2], segments[3:]
    else:
        raise _unknown()
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    kind = kind_of_resource(group, version, rest[0])
    if kind is None or len(rest) > 3 or (namespace and not kind.namespaced and kind is not NAMESPACE):
        raise _unknown()
    _, name, subresource = (*rest, "", "")[:3]
    if not _serves(kind, subresource):
        raise _unknown()
    return Target(kind, namespace, name, subresource)


def _serves(kind: Kind, subresource: str) -> bool:
    if subresource == "log":
        return kind.plural == "pods"
    if subresource == "scale":
        return kind.scalable
    return not subresource


def _unknown() -> NotFoundError:
    return NotFoundError("the server could not find the requested resource")
