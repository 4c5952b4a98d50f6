"""Lists of objects of many kinds, in parallel, each kind with its own outcome."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from pydantic import JsonValue

from domain.errors import UpstreamError, UpstreamRejected
from domain.redaction import redact_object
from tools.documents import JsonObject, as_object, object_at, objects_at, text_at
from tools.http import Upstream
from tools.kubernetes.kinds import CLUSTER_SCOPED, LEASE, NAMESPACED, POD, Kind

PAGE = 500
MAX_PER_KIND = 5000
IN_PARALLEL = 8
JSON = "application/json"
METADATA_ONLY = f"{JSON};as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
"""Names without contents: values that are not needed do not leave the API server."""


@dataclass(frozen=True)
class Listing:
    """One kind in one place: its objects, or why there are none, or not all."""

    kind: Kind
    items: tuple[JsonObject, ...]
    problem: UpstreamError | None = None
    cut: bool = False

    @property
    def denial(self) -> str | None:
        """Why something is missing, for people."""
        if self.problem is not None:
            return f"{self.kind.plural}: {self.problem}"
        return f"{self.kind.plural}: only the first {MAX_PER_KIND} were read" if self.cut else None


async def list_all(upstream: Upstream, namespace: str | None) -> tuple[Listing, ...]:
    """Every kind that the analyzers look at: of a namespace (of all if None), of the cluster, of the node heartbeats.

    Raises the first error if nothing at all could be read.
    """
    wanted: list[tuple[Kind, str | None]] = [(kind, namespace) for kind in NAMESPACED]
    wanted += [(kind, None) for kind in CLUSTER_SCOPED]
    wanted.append((LEASE, "kube-node-lease"))
    if namespace not in {None, "kube-system"}:
        wanted.append((POD, "kube-system"))
    slots = asyncio.Semaphore(IN_PARALLEL)
    listings = await asyncio.gather(*(_outcome(upstream, slots, kind, place) for kind, place in wanted))
    _refuse_total_failure(listings)
    return tuple(listings)


async def list_objects(upstream: Upstream, kind: Kind, namespace: str | None, **selectors: str) -> Listing:
    """The redacted objects of one kind, page by page."""
    items: list[JsonObject] = []
    params: dict[str, str | int] = {"limit": PAGE, **selectors}
    accept = METADATA_ONLY if kind.named_only else JSON
    while True:
        page = await upstream.value(kind.path(namespace), params, clean=partial(_cleaned, kind=kind), accept=accept)
        items += objects_at(page, "items")
        more = text_at(page, "metadata", "continue")
        if not more or len(items) >= MAX_PER_KIND:
            return Listing(kind, tuple(items[:MAX_PER_KIND]), cut=bool(more) or len(items) > MAX_PER_KIND)
        params["continue"] = more


async def _outcome(upstream: Upstream, slots: asyncio.Semaphore, kind: Kind, namespace: str | None) -> Listing:
    async with slots:
        try:
            return await list_objects(upstream, kind, namespace)
        except UpstreamRejected as exc:
            # 404: the server does not have this kind, which is an answer.
            return Listing(kind, (), problem=None if exc.status == 404 else exc)
        except UpstreamError as exc:
            return Listing(kind, (), problem=exc)


def _refuse_total_failure(listings: Iterable[Listing]) -> None:
    problems = [listing.problem for listing in listings]
    first = next((problem for problem in problems if problem is not None), None)
    if first is not None and all(problem is not None for problem in problems):
        raise first


def _cleaned(document: JsonValue, kind: Kind) -> JsonValue:
    """A list whose items say what they are (lists leave that out), redacted, without managed fields."""
    items: list[JsonValue] = [_item(item, kind) for item in objects_at(document, "items")]
    return redact_object({**as_object(document), "kind": f"{kind.kind}List", "items": items})


def _item(item: JsonObject, kind: Kind) -> JsonObject:
    contents = {key: value for key, value in item.items() if key not in {"kind", "apiVersion", "metadata"}}
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        **({} if kind.named_only else contents),
        "metadata": {key: value for key, value in object_at(item, "metadata").items() if key != "managedFields"},
    }
