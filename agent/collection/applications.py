"""What Argo CD says: applications, what Git wants of them, and how live objects differ."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agent.collection.reads import Reads, look_at
from agent.collection.sources import Sources
from agent.situation import Application, Manifest
from tools.argocd.models import ApplicationState
from tools.argocd.read import ArgoReader
from tools.reading import Reading

MOST_APPLICATIONS = 60
"""Manifests are read of this many applications, last deployed first."""


@dataclass(frozen=True)
class Deliveries:
    """Applications and manifests, by application name."""

    applications: tuple[Application, ...] = ()
    manifests: Mapping[str, Manifest] = field(default_factory=dict[str, Manifest])


async def read_applications(sources: Sources, namespace: str | None, reads: Reads) -> Deliveries:
    """The applications that deploy into `namespace`."""
    argocd = sources.argocd
    if argocd is None:
        reads.missing("argocd")
        return Deliveries()
    reading = await reads.attempt("application", "argocd", "applications", argocd.applications(namespace))
    if reading is None:
        return Deliveries()
    latest = sorted(reading.value, key=_deployed_at, reverse=True)[:MOST_APPLICATIONS]
    applications, manifests = await asyncio.gather(
        asyncio.gather(*(_application(argocd, state, reading, reads) for state in latest)),
        asyncio.gather(*(_manifest(argocd, state.entry.name, reads) for state in latest)),
    )
    named = zip((state.entry.name for state in latest), manifests, strict=True)
    return Deliveries(tuple(applications), {name: manifest for name, manifest in named if manifest})


async def _application(
    argocd: ArgoReader, state: ApplicationState, reading: Reading[tuple[ApplicationState, ...]], reads: Reads
) -> Application:
    look = look_at("application", "argocd", reading, f"{len(reading.value)} applications")
    history = state.entry.history
    changed_at = history[-1].deployed_at if history else None
    if state.entry.sync_status != "OutOfSync":
        return Application(look, state, changed_at)
    question = f"diff of {state.entry.name}"
    diff = await reads.attempt("application", "argocd", question, argocd.diff(state.entry.name))
    drifted = tuple(f"{item.kind.lower()}/{item.name}" for item in diff.value) if diff else ()
    return Application(look, state, changed_at, drifted)


async def _manifest(argocd: ArgoReader, name: str, reads: Reads) -> Manifest | None:
    reading = await reads.attempt("application", "argocd", f"manifests of {name}", argocd.manifests(name))
    if reading is None:
        return None
    look = look_at("application", "argocd", reading, f"manifests of {name}")
    return Manifest(look, documents=reading.value)


def _deployed_at(state: ApplicationState) -> float:
    history = state.entry.history
    moment: datetime | None = history[-1].deployed_at if history else None
    return moment.timestamp() if moment else 0.0
