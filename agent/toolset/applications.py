"""Tools over Argo CD."""

from typing import Annotated

from pydantic import Field
from pydantic_ai import RunContext

from agent.analysis import Sources
from agent.toolset.cited import CitedAnswer, cite, evidence_of
from agent.toolset.focus import Focus
from agent.toolset.wording import clock
from domain.errors import NotConfigured
from domain.evidence import Claim, Evidence, Observation
from domain.inventory import Inventory
from tools.argocd.models import ApplicationState, ResourceDiff
from tools.argocd.read import ArgoReader
from tools.reading import Reading

ApplicationName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
SHOWN_HISTORY = 8
SHOWN_RESOURCES = 20
DIFF_LINES = 80


class ApplicationTools:
    """Applications: what is deployed, since when, and how live differs from Git."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    async def get_application(self, ctx: RunContext[Focus], name: ApplicationName) -> CitedAnswer:
        """An Argo CD application: sync, health, deployment history, and the objects that are not well.

        Args:
            name: The application's name.
        """
        return application_answer(await self._argo().application(name))

    async def application_diff(self, ctx: RunContext[Focus], name: ApplicationName) -> CitedAnswer:
        """How the live objects of an application differ from what Git says, as a unified diff.

        Args:
            name: The application's name.
        """
        return _diff_answer(name, await self._argo().diff(name))

    def _argo(self) -> ArgoReader:
        if self._sources.argocd is None:
            raise NotConfigured("argocd")
        return self._sources.argocd


def application_answer(reading: Reading[ApplicationState]) -> CitedAnswer:
    """What one application's state says."""
    state, entry = reading.value, reading.value.entry
    name = f"application/{entry.name}"
    observations = [
        Observation(key=f"{name} sync", value=entry.sync_status),
        Observation(key=f"{name} health", value=entry.health),
        Observation(key=f"{name} auto sync", value="on" if entry.auto_sync else "off"),
        Observation(
            key=f"{name} operation", value=f"{state.operation_phase or 'none'} {state.operation_message}".strip()
        ),
        *(
            Observation(key=f"{name} condition {index}", value=text)
            for index, text in enumerate(state.conditions[:5], 1)
        ),
    ]
    for item in entry.history[::-1][:SHOWN_HISTORY]:
        since = item.deployed_at.isoformat() if item.deployed_at else "unknown"
        observations.append(Observation(key=f"{name} history {item.history_id}", value=f"{item.revision} at {since}"))
    unwell = [r for r in state.resources if r.sync not in {"", "Synced"} or r.health not in {"", "Healthy"}]
    for resource in unwell[:SHOWN_RESOURCES]:
        text = f"{resource.sync} {resource.health} {resource.message}".strip()
        observations.append(Observation(key=f"{resource.kind.lower()}/{resource.name}", value=text or "unknown"))
    evidence = evidence_of(
        "application",
        "argocd",
        reading,
        summary=f"{name} is {entry.sync_status} and {entry.health}",
        observations=observations,
    )
    return CitedAnswer.of(
        evidence, claims=_application_claims(evidence, state), inventory=Inventory(applications=(entry,))
    )


def _application_claims(evidence: Evidence, state: ApplicationState) -> list[Claim]:
    name = f"application/{state.entry.name}"
    status = f"{name} is {state.entry.sync_status} and {state.entry.health}"
    claims = [cite(evidence, status, f"{name} sync", f"{name} health")]
    if not state.entry.history:
        return claims
    last = state.entry.history[-1]
    text = f"{name} was last deployed at {clock(last.deployed_at)}, at revision {last.revision}"
    return [cite(evidence, text, f"{name} history {last.history_id}"), *claims]


def _diff_answer(name: str, reading: Reading[tuple[ResourceDiff, ...]]) -> CitedAnswer:
    differing = [item for item in reading.value if item.diff.strip()]
    observations = [Observation(key="differing objects", value=float(len(differing)))]
    for item in differing:
        where = f"{item.kind.lower()}/{item.name}"
        lines = [line for line in item.diff.splitlines() if line[:1] in "+-" and line[:3] not in {"+++", "---"}]
        observations.extend(
            Observation(key=f"{where} diff {index}", value=line) for index, line in enumerate(lines, start=1)
        )
    evidence = evidence_of(
        "application",
        "argocd",
        reading,
        summary=f"application/{name}: {len(differing)} object(s) differ from Git",
        observations=observations[:DIFF_LINES],
    )
    text = f"{len(differing)} object(s) of application/{name} differ from Git"
    return CitedAnswer.of(evidence, claims=[cite(evidence, text, "differing objects")] if differing else [])
