"""The recorded objects as the API server keeps them: by resource, in the order of their keys."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from tools.documents import JsonObject, text_at
from tools.kubernetes.kinds import CLUSTER_SCOPED, CONTROLLER_REVISION, LEASE, NAMESPACE, NAMESPACED, Kind

CLUSTER_WIDE = frozenset({kind.kind for kind in (*CLUSTER_SCOPED, NAMESPACE)})
BUILT_IN = (*NAMESPACED, *CLUSTER_SCOPED, NAMESPACE, CONTROLLER_REVISION, LEASE)
"""Kinds that every server has, whether there are objects of them or not."""

_API_VERSIONS = {kind.kind: kind.api_version for kind in BUILT_IN}
"""For objects that do not say: the items of a typed list."""

Place = tuple[str, str]
"""Namespace (empty for what has none) and name."""


def plural_of(kind: str) -> str:
    """The resource name of a kind that is not built in: English plurals, as generators of CRDs make them."""
    name = kind.lower()
    if name.endswith(("s", "x", "ch", "sh")):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") and name[-2:-1] not in set("aeiou") else f"{name}s"


def place_of(item: JsonObject) -> Place:
    """Where an object is kept."""
    return text_at(item, "metadata", "namespace"), text_at(item, "metadata", "name")


class ObjectTable:
    """Objects by resource. Of two with one key the later one counts."""

    def __init__(self, items: Iterable[JsonObject]) -> None:
        self._items = tuple(items)

    def kind(self, api_version: str, plural: str) -> Kind | None:
        """The resource of that name; None if the server has no such thing."""
        return self.kinds.get((api_version, plural))

    def objects(self, kind: Kind, namespace: str | None, after: Place = ("", "")) -> Sequence[JsonObject]:
        """Objects of a kind, in one namespace or all, by namespace and name, beginning after a place."""
        found = self._stored.get((kind.api_version, kind.kind), {})
        return [item for place, item in found.items() if place > after and namespace in {None, place[0]}]

    def object(self, kind: Kind, namespace: str | None, name: str) -> JsonObject | None:
        """One object."""
        return self._stored.get((kind.api_version, kind.kind), {}).get((namespace or "", name))

    @cached_property
    def kinds(self) -> Mapping[tuple[str, str], Kind]:
        """Resources by group version and plural name: the built-in ones, and those that were recorded."""
        known = {(kind.api_version, kind.kind): kind for kind in BUILT_IN}
        for api_version, name in self._stored:
            known.setdefault((api_version, name), Kind(name, api_version, plural_of(name)))
        return {(kind.api_version, kind.plural): kind for kind in known.values()}

    @cached_property
    def _stored(self) -> Mapping[tuple[str, str], Mapping[Place, JsonObject]]:
        tables: dict[tuple[str, str], dict[Place, JsonObject]] = {}
        for resource, place, item in sorted(self._keyed(), key=lambda entry: entry[:2]):
            tables.setdefault(resource, {})[place] = item
        return tables

    def _keyed(self) -> Iterator[tuple[tuple[str, str], Place, JsonObject]]:
        for item in self._items:
            kind = text_at(item, "kind")
            yield (text_at(item, "apiVersion") or _API_VERSIONS.get(kind, "v1"), kind), place_of(item), item
