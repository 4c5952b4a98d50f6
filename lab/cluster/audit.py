"""The API server's own record of what was done to its objects: the proof of how often something was written.

Source: https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
"""

from collections.abc import Iterator
from os import SEEK_END
from pathlib import Path

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

_BLOCK = 64 * 1024
_READS = ["get", "list", "watch"]
_CHATTER: list[JsonValue] = [
    {"group": "", "resources": ["events", "nodes", "nodes/status", "pods/status"]},
    {"group": "coordination.k8s.io", "resources": ["leases"]},
    {"group": "events.k8s.io", "resources": ["events"]},
    {"group": "authentication.k8s.io"},
    {"group": "authorization.k8s.io"},
]
_WORKLOADS: list[JsonValue] = [{"group": "apps"}, {"group": "autoscaling"}, {"group": "batch"}]


def policy() -> str:
    """Writes only, those to workloads with their bodies; what kubelets and leaders repeat is left out."""
    rules: list[JsonValue] = [
        {"level": "None", "verbs": list[JsonValue](_READS)},
        {"level": "None", "resources": _CHATTER},
        {"level": "RequestResponse", "resources": _WORKLOADS, "omitManagedFields": True},
        {"level": "Metadata"},
    ]
    document = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": rules}
    return yaml.safe_dump(document, sort_keys=False)


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class User(_Wire):
    """Who asked."""

    username: str = ""


class ObjectReference(_Wire):
    """What it was about."""

    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""


class ResponseStatus(_Wire):
    """How it ended."""

    code: int = 0


class AuditEvent(_Wire):
    """One request, `audit.k8s.io/v1`."""

    audit_id: str = Field(alias="auditID")
    stage: str
    uri: str = Field(alias="requestURI")
    verb: str
    user: User = User()
    object: ObjectReference = Field(default=ObjectReference(), alias="objectRef")
    response: ResponseStatus = Field(default=ResponseStatus(), alias="responseStatus")
    received: AwareDatetime = Field(alias="requestReceivedTimestamp")

    @property
    def effective(self) -> bool:
        """Whether it changed something, or could have: it was let through and was no dry run."""
        return self.stage == "ResponseComplete" and self.response.code < 300 and "dryRun=All" not in self.uri


class AuditLog:
    """The audit log's file, read from a place in it onwards."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def position(self) -> int:
        """Where the last whole line ends: hand it to `events` to see only what comes later.

        The file's size will not do: a line that is being written grows page by page.
        """
        if not self.path.exists():
            return 0
        with self.path.open("rb") as log:
            end = log.seek(0, SEEK_END)
            while end > 0:
                start = max(0, end - _BLOCK)
                log.seek(start)
                newline = log.read(end - start).rfind(b"\n")
                if newline >= 0:
                    return start + newline + 1
                end = start
        return 0

    def events(self, since: int = 0) -> Iterator[AuditEvent]:
        """What was logged since that position; a line that is still being written is left for the next time."""
        with self.path.open("rb") as log:
            log.seek(since)
            for line in log:
                if line.endswith(b"\n"):
                    yield AuditEvent.model_validate_json(line)

    def writes(self, since: int = 0, *, user: str | None = None) -> list[AuditEvent]:
        """The requests that changed something, of one user (by prefix of the name) or of all."""
        events = self.events(since)
        return [event for event in events if event.effective and event.user.username.startswith(user or "")]
