"""The offline analysis: collect what the tools see, let the analyzers look at it, rank what they find."""

from datetime import datetime

from agent.analyzers.ranking import ranked
from agent.analyzers.registry import suspicions
from agent.collection import collect
from agent.collection.sources import Sources
from agent.inventories import inventory_of
from agent.looks import gathered
from agent.situation import Situation
from domain.alerts import Alert
from domain.diagnosis import Blindspot, Finding
from domain.evidence import Evidence
from domain.inventory import Inventory
from domain.model import Model

__all__ = ["Analysis", "Sources", "analyse", "analysis_of"]


class Analysis(Model):
    """Findings most likely first, every evidence they cite, the names seen, and what could not be seen.

    A source that failed is in `blindspots` and also an evidence whose `unavailable` says why. No findings means that
    nothing points at a fault: a healthy system, or too little evidence.
    """

    findings: tuple[Finding, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    inventory: Inventory = Inventory()
    blindspots: tuple[Blindspot, ...] = ()


async def analyse(
    sources: Sources,
    namespace: str | None,
    *,
    at: datetime,
    service: str | None = None,
    alerts: tuple[Alert, ...] = (),
) -> Analysis:
    """Look at everything once and say what is wrong. A source that fails is a blindspot, never an exception."""
    situation = await collect(sources, namespace, at=at, service=service, alerts=alerts)
    return analysis_of(situation)


def analysis_of(situation: Situation) -> Analysis:
    """The pure part of `analyse`."""
    chosen = ranked(suspicions(situation))
    statements = [statement for suspicion in chosen for statement in suspicion.statements]
    return Analysis(
        findings=tuple(suspicion.finding for suspicion in chosen),
        evidence=(*gathered(statements), *situation.unavailable),
        inventory=inventory_of(situation),
        blindspots=situation.blindspots,
    )
