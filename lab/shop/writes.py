"""The write log: every mutating request that reached the cluster or Argo CD, whatever came of it."""

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict


class Write(BaseModel):
    """One request; `changed` says whether any object or application was different afterwards."""

    model_config = ConfigDict(frozen=True)

    time: AwareDatetime
    api: Literal["kubernetes", "argocd"]
    user: str
    verb: str
    path: str
    dry_run: bool
    status: int
    changed: bool


class WriteLog:
    """All writes since the start."""

    def __init__(self) -> None:
        self._writes: list[Write] = []

    def record(
        self,
        *,
        at: datetime,
        api: Literal["kubernetes", "argocd"],
        user: str,
        verb: str,
        path: str,
        dry_run: bool,
        status: int,
        changed: bool,
    ) -> None:
        """Add a request."""
        write = Write(
            time=at, api=api, user=user, verb=verb, path=path, dry_run=dry_run, status=status, changed=changed
        )
        self._writes.append(write)

    def all(self) -> list[Write]:
        """All writes, oldest first."""
        return list(self._writes)
