"""The shop's control API: break it, heal it, read its write log and the pages it received."""

import time
from datetime import datetime

import httpx
from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter

from lab.demo.api import DemoError


class Write(BaseModel):
    """One mutating request that reached Kubernetes or Argo CD."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    time: datetime
    api: str
    user: str
    verb: str
    path: str
    dry_run: bool
    status: int
    changed: bool


_WRITES: TypeAdapter[list[Write]] = TypeAdapter(list[Write])
_PAGES: TypeAdapter[list[dict[str, JsonValue]]] = TypeAdapter(list[dict[str, JsonValue]])


class Control:
    """A client of the control API, and of Prometheus to see that calm has returned."""

    def __init__(self, url: str, prometheus: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=10, trust_env=False)
        self._prometheus = prometheus

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def fail(self, failure: str, service: str) -> None:
        """Switch a failure on."""
        self._client.post(f"/failures/{failure}", json={"service": service}).raise_for_status()

    def heal(self) -> None:
        """Switch every failure off."""
        self._client.delete("/failures").raise_for_status()

    def writes(self) -> list[Write]:
        """The write log, oldest first."""
        return _WRITES.validate_json(self._client.get("/writes").raise_for_status().content)

    def pages(self) -> list[dict[str, JsonValue]]:
        """What the pager's webhook received, oldest first."""
        return _PAGES.validate_json(self._client.get("/pages").raise_for_status().content)

    def wait_for_calm(self, *, within: float = 60) -> None:
        """Return when Prometheus has no alert, pending or firing, and has seen traffic."""
        calm = "sum(rate(http_requests_total[10s])) > 0 unless on () count(ALERTS)"
        self._until(calm, within, f"alerts did not end within {within:g} s")

    def wait_for_history(self, seconds: int, *, within: float = 180) -> None:
        """Return when Prometheus has seen traffic for so long: without a past nothing leaves it."""
        past = f"sum(rate(http_requests_total[10s] offset {seconds}s)) > 0"
        self._until(past, within, f"there is no traffic of {seconds} s ago after {within:g} s")

    def _until(self, expression: str, within: float, problem: str) -> None:
        """Return when the query has a result."""
        deadline = time.monotonic() + within
        while not self._query(expression):
            if time.monotonic() > deadline:
                raise DemoError(problem)
            time.sleep(0.5)

    def _query(self, expression: str) -> bool:
        answer = httpx.get(f"{self._prometheus}/api/v1/query", params={"query": expression}, trust_env=False)
        return bool(answer.raise_for_status().json()["data"]["result"])
