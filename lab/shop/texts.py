"""Texts that people and programs outside can put where operators look: all that a cluster repeats without reading."""

import base64
import gzip
import json
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field

from lab.shop.argocd.models import OperationState
from lab.shop.cluster.events import reference
from lab.shop.cluster.kinds import CONFIG_MAP, DEPLOYMENT, EVENT, POD
from lab.shop.cluster.objects import Manifest, StoredObject, section, text
from lab.shop.manifests import application_name
from lab.shop.shop import Shop
from lab.shop.tempo.traces import Resource, Span, Trace
from lab.shop.topology import NAMESPACE

CHANGE_CAUSE = "kubernetes.io/change-cause"
EVENT_MESSAGE_LIMIT = 1024
"""What the API server takes."""
TRACE_ID = "5afe" * 8
Undo = Callable[[], None]


class Texts(BaseModel):
    """What is written where about `service`; None leaves the place as it is.

    `log`: a line in every container's log. `event`: the message of a warning about one of its pods. `argo`: the
    message of its application's last operation. `trace`: the error and an attribute of a span, in a trace of its own.
    `annotation`: the change cause of its Deployment. `notes`: what a Helm release of it says after an upgrade.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: str
    log: str | None = None
    event: str | None = None
    argo: str | None = None
    trace: str | None = None
    annotation: str | None = None
    notes: str | None = None


class Written(BaseModel):
    """Where what was written can be looked up."""

    trace_id: str | None = None
    application: str | None = None
    release: str | None = Field(default=None, description="the ConfigMap that stores the Helm release")


class Noticeboard:
    """Holds one set of texts at a time; the next one takes the place of the one before."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._undo: list[Undo] = []

    def post(self, texts: Texts) -> Written:
        """Take down what was there, and put `texts` up."""
        while self._undo:
            self._undo.pop()()
        places: tuple[tuple[str | None, Callable[[str, str], Undo | None]], ...] = (
            (texts.log, self._log),
            (texts.event, self._event),
            (texts.argo, self._argo),
            (texts.trace, self._trace),
            (texts.annotation, self._annotation),
            (texts.notes, self._notes),
        )
        for words, put in places:
            undo = put(texts.service, words) if words is not None else None
            if undo:
                self._undo.append(undo)
        application = self._shop.applications.find(application_name(texts.service))
        return Written(
            trace_id=TRACE_ID if texts.trace is not None else None,
            application=application.name if application else None,
            release=_release_name(texts.service) if texts.notes is not None else None,
        )

    def _log(self, service: str, words: str) -> Undo:
        del service
        processes = [process for process in self._shop.kubelet.processes() if process.running]
        for process in processes:
            for line in words.splitlines() or [""]:
                process.write(self._shop.clock.now(), line)
        lines = set(words.splitlines())

        def undo() -> None:
            for process in processes:
                kept = [line for line in process.log if line.text not in lines]
                process.log.clear()
                process.log.extend(kept)

        return undo

    def _event(self, service: str, words: str) -> Undo | None:
        pods = [pod for pod in self._shop.store.objects(POD, NAMESPACE) if pod.name.startswith(f"{service}-")]
        if not pods:
            return None
        message = words[:EVENT_MESSAGE_LIMIT]
        self._shop.events.record(reference(pods[-1]), "Warning", "BackOff", message, "kubelet")

        def undo() -> None:
            for found in self._shop.store.objects(EVENT, NAMESPACE):
                if text(found.manifest, "message") == message:
                    self._shop.store.delete(found)

        return undo

    def _argo(self, service: str, words: str) -> Undo | None:
        application = self._shop.applications.find(application_name(service))
        if application is None or application.operation_state is None:
            return None
        before = application.operation_state
        said: OperationState = before.model_copy(update={"message": words})
        application.operation_state = said

        def undo() -> None:
            if application.operation_state is said:
                application.operation_state = before

        return undo

    def _trace(self, service: str, words: str) -> Undo:
        self._shop.traces.offer(self._failed_request(service, words))
        return lambda: _replaced(self._shop, self._failed_request(service, "connection reset"))

    def _failed_request(self, service: str, words: str) -> Trace:
        now = int(self._shop.clock.now().timestamp() * 1e9)
        resource = Resource({"service.name": service, "k8s.namespace.name": NAMESPACE})
        span = Span(
            span_id="5afe" * 4,
            parent_id="",
            name="POST /pay",
            kind="server",
            resource=resource,
            start=now - 50_000_000,
            end=now,
            status="error",
            message=words,
            attributes={"http.request.header.user-agent": words, "enduser.comment": words},
        )
        return Trace(TRACE_ID, [span])

    def _annotation(self, service: str, words: str) -> Undo | None:
        found = self._shop.store.find(DEPLOYMENT, service, NAMESPACE)
        if found is None:
            return None
        before = section(section(found.manifest, "metadata"), "annotations").get(CHANGE_CAUSE)
        self._annotate(service, words)
        return lambda: self._annotate(service, str(before) if before is not None else "")

    def _annotate(self, service: str, words: str) -> None:
        found = self._shop.store.get(DEPLOYMENT, service, NAMESPACE)
        metadata = section(found.manifest, "metadata")
        annotations: Manifest = {**section(metadata, "annotations"), CHANGE_CAUSE: words}
        self._shop.store.replace(found, {**found.manifest, "metadata": {**metadata, "annotations": annotations}})

    def _notes(self, service: str, words: str) -> Undo:
        name = _release_name(service)
        release = {"name": service, "version": 1, "info": {"status": "deployed", "notes": words}}
        packed = base64.b64encode(gzip.compress(json.dumps(release).encode(), mtime=0)).decode()
        labels: Manifest = {"owner": "helm", "name": service, "status": "deployed", "version": "1"}
        data: Manifest = {"release": packed, "NOTES.txt": words}
        stored: StoredObject = self._shop.store.create(
            CONFIG_MAP, {"metadata": {"name": name, "namespace": NAMESPACE, "labels": labels}, "data": data}
        )
        return lambda: _deleted(self._shop, stored)


def _replaced(shop: Shop, trace: Trace) -> None:
    """A failed trace is always kept, and takes the place of the one with its id."""
    shop.traces.offer(trace)


def _deleted(shop: Shop, stored: StoredObject) -> None:
    found = shop.store.find(stored.kind, stored.name, stored.namespace)
    if found:
        shop.store.delete(found)


def _release_name(service: str) -> str:
    return f"sh.helm.release.v1.{service}.v1"
