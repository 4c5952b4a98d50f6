"""The part of Argo CD that decides, and an application of it as it was reviewed."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from domain.actions import RollbackApplication, SyncApplication
from domain.plans import ApplicationPrecondition

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OLD, NEW = "a" * 40, "b" * 40
REVIEWED = ApplicationPrecondition(
    uid="u", deployed_revision=NEW, last_history_id=1, target_revision="HEAD", auto_sync=False
)
ROLLBACK = RollbackApplication(application="shop", history_id=0, revision=OLD)
SYNC = SyncApplication(application="shop", revision=NEW)


@dataclass
class Argo:
    """The part of Argo CD that decides: one operation at a time, a growing history, remarks kept with a sync.

    Operations run until they are told to finish, or, if `prompt`, until somebody looks.
    """

    auto_sync: bool = False
    uid: str = "u"
    history: list[dict[str, object]] = field(
        default_factory=lambda: [{"id": 0, "revision": OLD}, {"id": 1, "revision": NEW}]
    )
    state: dict[str, object] | None = None
    waiting: dict[str, object] | None = None
    requests: list[dict[str, object]] = field(default_factory=list)
    lose: int = 0
    prompt: bool = False
    head: str = NEW
    clock: datetime = NOW

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return self._start(request)
        if "/can-i/" in request.url.path:
            return httpx.Response(200, json={"value": "yes"})
        if request.url.path.endswith("/manifests"):
            return httpx.Response(200, json={"manifests": [], "revision": request.url.params["revision"]})
        if self.prompt and self.waiting:
            self.finish()
        return httpx.Response(200, json=self.document())

    def document(self) -> dict[str, object]:
        """The application as the API gives it."""
        automated = {"automated": {"prune": False}} if self.auto_sync else {}
        status = {
            "history": self.history,
            "sync": {"status": "Synced", "revision": self.head},
            "operationState": self.state,
        }
        spec = {"source": {"targetRevision": "HEAD"}, "syncPolicy": automated, "destination": {"namespace": "shop"}}
        return {
            "metadata": {"name": "shop", "uid": self.uid},
            "spec": spec,
            "status": status,
            "operation": self.waiting,
        }

    def finish(self, phase: str = "Succeeded") -> None:
        """The running operation ends."""
        assert self.state is not None
        operation = self.state["operation"]
        assert isinstance(operation, dict)
        if phase == "Succeeded":
            self.deploy(operation["sync"]["revision"])
        self.state = {**self.state, "phase": phase, "finishedAt": self.clock.isoformat()}
        self.waiting = None

    def deploy(self, revision: str) -> None:
        """Another entry of the history."""
        deployed_at = self.clock.isoformat()
        self.history.append({"id": len(self.history), "revision": revision, "deployedAt": deployed_at})

    def start(self, revision: str, **more: object) -> None:
        """An operation begins."""
        operation = {"sync": {"revision": revision}, **more}
        self.waiting = operation
        self.state = {"operation": operation, "phase": "Running", "startedAt": self.clock.isoformat()}

    def _start(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if self.state and self.state["phase"] == "Running":
            return httpx.Response(400, json={"code": 9, "message": "another operation is already in progress"})
        self.requests.append(body)
        rollback = request.url.path.endswith("/rollback")
        revision = self.history[body["id"]]["revision"] if rollback else body["revision"]
        self.start(str(revision), **({} if rollback else {"info": body["infos"]}))
        if self.lose:
            self.lose -= 1
            raise httpx.ReadTimeout("the answer was lost", request=request)
        return httpx.Response(200, json=self.document())
