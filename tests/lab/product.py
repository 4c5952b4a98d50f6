"""The product as a process, and those who deal with it over HTTP: Alertmanager, and people who decide."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.demo.api import CLOSED

SETTINGS = {
    "TRIAGE_PLANNER__MODEL": "offline",
    "TRIAGE_CORRELATION__WAIT": "0.5",
    "TRIAGE_VERIFICATION__SOAK": "1",
    "TRIAGE_VERIFICATION__TIMEOUT": "60",
    "TRIAGE_VERIFICATION__INTERVAL": "0.5",
    "TRIAGE_HTTP__TIMEOUT": "60",
    "TRIAGE_LOG__LEVEL": "warning",
}
"""Seconds where a site waits minutes; requests may be held up for long."""
POLL = 0.3
UNAVAILABLE = 503
TRIES = 5
Incident = dict[str, Any]


def without_objectives(folder: Path) -> dict[str, str]:
    """A site without metrics: services are held to their rollouts and alerts alone."""
    file = folder / "objectives.yaml"
    file.write_text("services: [{objectives: []}]\n", encoding="utf-8")
    return {"TRIAGE_OBJECTIVES__FILE": str(file)}


def fingerprint(namespace: str, service: str) -> str:
    """As long and as stable as Alertmanager's."""
    return hashlib.sha256(f"{namespace}/{service}".encode()).hexdigest()[:16]


@dataclass
class Service:
    """The product's API with one token that may do everything here."""

    http: httpx.AsyncClient

    async def alert(self, namespace: str, service: str, *, started: datetime, status: str = "firing") -> None:
        """Post an alert about a service's pods, as Alertmanager does."""
        labels = {"alertname": "PodsNotReady", "namespace": namespace, "service": service, "severity": "warning"}
        alert = {
            "status": status,
            "labels": labels,
            "annotations": {"summary": f"pods of {service} are not ready"},
            "startsAt": started.isoformat(),
            "endsAt": datetime.now(UTC).isoformat() if status == "resolved" else "0001-01-01T00:00:00Z",
            "fingerprint": fingerprint(namespace, service),
        }
        body = {"version": "4", "status": status, "groupKey": f"{namespace}/{service}", "alerts": [alert]}
        (await self.http.post("/alerts/alertmanager", json=body)).raise_for_status()

    async def incident(self, namespace: str) -> Incident:
        """The one incident of a namespace, empty while there is none."""
        listed = (await self.http.get("/incidents", params={"namespace": namespace})).raise_for_status().json()
        assert len(listed) <= 1, listed
        if not listed:
            return {}
        return (await self.http.get(f"/incidents/{listed[0]['id']}")).raise_for_status().json()

    async def until(self, namespace: str, wanted: Callable[[Incident], bool], *, within: float = 120) -> Incident:
        """The incident of a namespace once it is as wanted; fails with its facts when that takes too long."""
        deadline = asyncio.get_running_loop().time() + within
        while True:
            incident = await self.incident(namespace)
            if incident and wanted(incident):
                return incident
            if asyncio.get_running_loop().time() > deadline:
                facts = [(fact["type"], fact.get("reason")) for fact in incident.get("facts", [])]
                pytest.fail(f"{namespace} after {within:g} s: {incident.get('status')}: {facts}")
            await asyncio.sleep(POLL)

    async def until_asked(self, namespace: str, *, version: int = 1, within: float = 120) -> Incident:
        """The incident once that version of its plan waits for approval."""

        def asked(incident: Incident) -> bool:
            waits = incident["status"] == "awaiting_approval" and incident["plan"]["version"] >= version
            return waits or incident["status"] in CLOSED

        return await self.until(namespace, asked, within=within)

    async def until_closed(self, namespace: str, *, within: float = 120) -> Incident:
        """The incident once it is over."""
        return await self.until(namespace, lambda incident: incident["status"] in CLOSED, within=within)

    async def decide(self, incident: Incident, decision: str) -> None:
        """Decide about the plan as it was shown; what could not be taken in time is sent again, and counts once."""
        body = {"plan_digest": incident["plan"]["digest"], "reason": "by the test"}
        path, key = f"/incidents/{incident['id']}/{decision}", {"Idempotency-Key": incident["plan"]["digest"]}
        for _ in range(TRIES):
            answer = await self.http.post(path, json=body, headers=key)
            if answer.status_code != UNAVAILABLE:
                break
        assert answer.status_code == 200, answer.text


def facts_of(incident: Incident, kind: str) -> list[dict[str, Any]]:
    """The facts of one type, oldest first."""
    return [fact for fact in incident["facts"] if fact["type"] == kind]
