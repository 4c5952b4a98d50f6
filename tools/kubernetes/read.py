"""Reads of Kubernetes.

Source: https://kubernetes.io/docs/reference/kubernetes-api/
"""

import asyncio

from pydantic import JsonValue

from domain.errors import InvalidQuery, NotFound, UpstreamGarbled, UpstreamRejected, UpstreamUnavailable
from domain.inventory import RolloutRevision
from domain.model import canonical_json
from domain.objects import ObjectRef, WorkloadRef
from domain.redaction import redact
from tools.documents import JsonObject, object_at, objects_at, text_at
from tools.http import Params, Upstream
from tools.kubernetes.events import EVENTS, by_time, event_of
from tools.kubernetes.history import StoredRevision, current_revision, stored_revisions
from tools.kubernetes.kinds import AUTOSCALER, EVENT, NAMESPACE, POD, WORKLOADS
from tools.kubernetes.listing import list_all, list_objects
from tools.kubernetes.models import Event, ObjectList, WorkloadState
from tools.kubernetes.workloads import WORKLOAD, Workload, state_of
from tools.reading import Reading

MAX_TAIL = 5000
GREP_TAIL = 5000
"""Lines that `grep` looks through."""
KUBELET_LOGS = "/containerLogs/"
"""In the words of an API server that could not get a log from a node."""
DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


class KubernetesReader:
    """A cluster, read only. Secrets lose their values before anything else sees them."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream

    async def objects(self, namespace: str | None) -> Reading[ObjectList]:
        """Objects of every kind the analyzers look at, in one namespace or in all.

        Kinds that may not be read are named in `denied`. Raises an `UpstreamError` if nothing could be read.
        """
        listings = await list_all(self.upstream, namespace)
        found = ObjectList(
            items=tuple(item for listing in listings for item in listing.items),
            denied=tuple(listing.denial for listing in listings if listing.denial),
        )
        raw = await asyncio.to_thread(canonical_json, {"items": list(found.items), "denied": list(found.denied)})
        return await self.upstream.reading(found, f"objects of namespace {namespace or '*'}", raw, notes=found.denied)

    async def logs(
        self,
        namespace: str,
        pod: str,
        container: str | None = None,
        *,
        tail: int = 200,
        previous: bool = False,
        grep: str | None = None,
        since_seconds: int | None = None,
    ) -> Reading[str]:
        """The last `tail` lines (at most 5,000) of a container, of its previous run with `previous`.

        `grep` keeps lines that have any of its `|`-separated words, case ignored; it is no regular expression.
        Without `container`: the pod's default one, else its first. Raises `NotFound` for a pod that is not there.
        """
        tail = max(1, min(tail, MAX_TAIL))
        params: dict[str, str | int] = {"tailLines": GREP_TAIL if grep else tail}
        params |= {"previous": "true"} if previous else {}
        params |= {"sinceSeconds": max(1, since_seconds)} if since_seconds is not None else {}
        text, container = await self._log(namespace, pod, container, params)
        lines = (await asyncio.to_thread(redact, text)).splitlines()
        if grep:
            lines = _matching(lines, grep)
        text = "\n".join(lines[-tail:])
        query = f"logs {namespace}/{pod}/{container or ''}" + "".join(f" {key}={params[key]}" for key in sorted(params))
        query += f" grep={grep}" if grep else ""
        return await self.upstream.reading(text, query, text.encode())

    async def events(self, namespace: str, involved: ObjectRef | None = None) -> Reading[tuple[Event, ...]]:
        """Events of a namespace or of one object, oldest first by when they were last seen."""
        selectors = {"fieldSelector": f"involvedObject.name={involved.name}"} if involved else {}
        listing = await list_objects(self.upstream, EVENT, namespace, **selectors)
        raw = canonical_json(list(listing.items))
        parsed = (event_of(item) for item in self.upstream.parsed(EVENTS, list(listing.items)))
        events = [event for event in parsed if event and (involved is None or event.involved.kind == involved.kind)]
        query = f"events of {involved} in {namespace}" if involved else f"events in {namespace}"
        return await self.upstream.reading(tuple(sorted(events, key=by_time)), query, raw)

    async def rollout_history(self, ref: WorkloadRef) -> Reading[tuple[RolloutRevision, ...]]:
        """The revisions that can be put back, oldest first. Raises `NotFound`."""
        revisions = await stored_revisions(self._get, ref, await self._workload(ref))
        raw = canonical_json([{"revision": item.entry.number, "template": item.template} for item in revisions])
        entries = tuple(item.entry for item in revisions)
        return await self.upstream.reading(entries, f"rollout history of {ref} in {ref.namespace}", raw)

    async def workload(self, ref: WorkloadRef) -> Reading[WorkloadState]:
        """The workload now, with its history and autoscaler as far as they may be read. Raises `NotFound`."""
        workload = await self._workload(ref)
        revisions, autoscaled_max = await asyncio.gather(self._revisions(ref, workload), self._autoscaled_max(ref))
        state = state_of(
            ref,
            workload,
            tuple(item.entry for item in revisions),
            current=current_revision(ref, workload, revisions),
            autoscaled_max=autoscaled_max,
        )
        raw = canonical_json(workload.model_dump(mode="json", by_alias=True))
        return await self.upstream.reading(state, f"{ref} in {ref.namespace}", raw)

    async def namespaces(self) -> Reading[tuple[str, ...]]:
        """Names of all namespaces, sorted."""
        listing = await list_objects(self.upstream, NAMESPACE, None)
        names = tuple(sorted(text_at(item, "metadata", "name") for item in listing.items))
        return await self.upstream.reading(names, "namespaces", canonical_json(list(names)))

    async def ready(self) -> None:
        """Return if the API server answers and knows us."""
        await self.upstream.get("/version")

    async def _get(self, path: str, params: Params = ()) -> JsonValue:
        return (await self.upstream.document(path, params)).value

    async def _workload(self, ref: WorkloadRef) -> Workload:
        path = WORKLOADS[ref.kind].path(ref.namespace, ref.name)
        try:
            return self.upstream.parsed(WORKLOAD, await self._get(path))
        except UpstreamRejected as exc:
            if exc.status == 404:
                raise NotFound(f"{ref} in {ref.namespace} does not exist") from exc
            raise

    async def _revisions(self, ref: WorkloadRef, workload: Workload) -> tuple[StoredRevision, ...]:
        try:
            return await stored_revisions(self._get, ref, workload)
        except UpstreamRejected:
            return ()

    async def _autoscaled_max(self, ref: WorkloadRef) -> int | None:
        try:
            document = await self._get(AUTOSCALER.path(ref.namespace))
        except UpstreamRejected:
            return None
        specs = (object_at(item, "spec") for item in objects_at(document, "items"))
        limits = (spec.get("maxReplicas") for spec in specs if _scales(spec, ref))
        return next((limit for limit in limits if isinstance(limit, int)), None)

    async def _log(
        self, namespace: str, pod: str, container: str | None, params: dict[str, str | int]
    ) -> tuple[str, str | None]:
        """The text, and the container it is of where that is known."""
        path = f"{POD.path(namespace, pod)}/log"
        try:
            return await self.upstream.get_text(
                path, params | ({"container": container} if container else {})
            ), container
        except UpstreamUnavailable as exc:
            if KUBELET_LOGS in str(exc):  # the API server is well; it is the pod's node that does not answer
                raise UpstreamRejected("kubernetes", f"the node does not give the log: {exc}", 500) from exc
            raise
        except UpstreamRejected as exc:
            if exc.status == 404:
                raise NotFound(f"pod/{pod} in {namespace} does not exist") from exc
            if container or exc.status != 400 or "container name must be specified" not in str(exc):
                raise
        container = await self._default_container(namespace, pod)
        return await self.upstream.get_text(path, params | {"container": container}), container

    async def _default_container(self, namespace: str, pod: str) -> str:
        document = await self._get(POD.path(namespace, pod))
        chosen = text_at(document, "metadata", "annotations", DEFAULT_CONTAINER)
        names = [text_at(item, "name") for item in objects_at(document, "spec", "containers")]
        if not chosen and not names:
            raise UpstreamGarbled("kubernetes", f"pod/{pod} in {namespace} has no containers")
        return chosen or names[0]


def _scales(spec: JsonObject, ref: WorkloadRef) -> bool:
    target = object_at(spec, "scaleTargetRef")
    return text_at(target, "kind").lower() == ref.kind and text_at(target, "name") == ref.name


def _matching(lines: list[str], grep: str) -> list[str]:
    words = [word.casefold() for word in grep.split("|") if word]
    if not words:
        raise InvalidQuery("grep needs at least one word")
    return [line for line in lines if any(word in line.casefold() for word in words)]
