"""Argo CD's API, as far as whoever releases uses it.

Source: https://argo-cd.readthedocs.io/en/stable/developer-guide/api-docs/
"""

import time
from collections.abc import Sequence

import httpx
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from lab.process import ServerError

POLL_S = 0.3


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)


class _Sync(_Model):
    status: str = ""
    revision: str = ""


class _Health(_Model):
    status: str = ""


class _Result(_Model):
    revision: str = ""


class _Initiator(_Model):
    username: str = ""


class _Order(_Model):
    """An operation as it was asked for."""

    initiated_by: _Initiator = _Initiator()


class _Operation(_Model):
    phase: str = ""
    message: str = ""
    sync_result: _Result = _Result()
    operation: _Order = _Order()


class HistoryEntry(_Model):
    """One deployment of an application."""

    id: int
    revision: str
    initiated_by: _Initiator = _Initiator()


class _Status(_Model):
    sync: _Sync = _Sync()
    health: _Health = _Health()
    operation_state: _Operation = _Operation()
    history: list[HistoryEntry] = Field(default_factory=list[HistoryEntry])


class Application(_Model):
    """An application as the API shows it. `operation` is there from when it was asked for until it ends."""

    status: _Status = _Status()
    operation: _Order | None = None

    @property
    def deployed(self) -> str:
        """The revision that was deployed last; empty before the first."""
        return self.status.history[-1].revision if self.status.history else ""

    def operations_by(self, user: str) -> int:
        """What a user asked for, by Argo CD's own record: what was deployed, and what is under way or failed."""
        state = self.status.operation_state
        begun_by = [entry.initiated_by for entry in self.status.history]
        if self.operation is not None:
            begun_by.append(self.operation.initiated_by)
        elif state.phase != "Succeeded":
            begun_by.append(state.operation.initiated_by)
        return sum(initiator.username == user for initiator in begun_by)

    def runs(self, revision: str) -> bool:
        """Whether live objects are what that revision says, and healthy.

        A revision that changes no object is never deployed: the application is in sync with it as it is.
        """
        settled = self.status.operation_state.phase == "Succeeded" and self.status.health.status == "Healthy"
        return settled and self.status.sync.status == "Synced" and self.status.sync.revision == revision


class Argo:
    """A client with one identity's token."""

    def __init__(self, url: str, token: str):
        self._client = httpx.Client(
            base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
        )

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def application(self, name: str, *, refresh: bool = False) -> Application:
        """The application; `refresh` lets Argo CD look at Git first."""
        query = {"refresh": "normal"} if refresh else {}
        answer = self._client.get(f"/applications/{name}", params=query).raise_for_status()
        return Application.model_validate_json(answer.content)

    def sync(self, name: str) -> None:
        """Ask for what Git says now."""
        answer = self._client.post(f"/applications/{name}/sync", json={"prune": False})
        if answer.is_error:
            raise ServerError(f"Argo CD refuses to sync {name}: {answer.text[:300]}")

    def wait(self, wanted: Sequence[tuple[str, str]], *, within: float) -> None:
        """Return when every `(application, revision)` runs. Raises `ServerError` when one takes longer."""
        deadline = time.monotonic() + within
        for name, revision in wanted:
            while not (now := self.application(name)).runs(revision):
                if time.monotonic() > deadline:
                    state = now.status
                    raise ServerError(
                        f"{name} does not run {revision[:8]} after {within:g} s: {state.operation_state.phase} "
                        f"{state.operation_state.message[:200]}, {state.health.status}, {state.sync.status} with "
                        f"{state.sync.revision[:8]}, last deployed {now.deployed[:8]}"
                    )
                time.sleep(POLL_S)
