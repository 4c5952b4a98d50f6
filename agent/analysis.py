"""The offline analysis: collect what the tools see, let the analyzers look at it, rank what they find."""

from datetime import datetime

from agent.analyzers.doubt import doubted
from agent.analyzers.ranking import ranked
from agent.analyzers.registry import suspicions
from agent.collection import collect
from agent.collection.sources import Sources
from agent.inventories import inventory_of
from agent.looks import Statement, gathered
from agent.situation import Situation
from domain.alerts import Alert
from domain.diagnosis import Blindspot, Finding
from domain.evidence import Claim, Evidence
from domain.inventory import Inventory
from domain.model import Model

__all__ = ["Analysis", "Sources", "analyse", "analysis_of"]

SUSPECTS = 3
"""Services that are told of by their signals alone."""


class Analysis(Model):
    """Findings most likely first, every evidence they cite, the names seen, and what could not be seen.

    `suspects` are what rose most, during an incident, in the services that their signals point at: culprits before
    victims, no causes. A source that failed is in `blindspots` and also an evidence whose `unavailable` says why. No
    findings means that nothing points at a fault: a healthy system, or too little evidence.
    """

    findings: tuple[Finding, ...] = ()
    suspects: tuple[Claim, ...] = ()
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
    chosen = doubted(situation, ranked(suspicions(situation)))
    suspected = _suspected(situation)
    statements = [statement for suspicion in chosen for statement in suspicion.statements]
    return Analysis(
        findings=tuple(suspicion.finding for suspicion in chosen),
        suspects=tuple(statement.claim for statement in suspected),
        evidence=(*gathered([*statements, *suspected]), *situation.unavailable),
        inventory=inventory_of(situation),
        blindspots=situation.blindspots,
    )


def _suspected(situation: Situation) -> tuple[Statement, ...]:
    """What rose in the first suspects. While nobody complains, what rises is the weather."""
    first = situation.suspects[:SUSPECTS] if situation.onset else ()
    statements = (suspect.statement for suspect in first)
    return tuple(statement for statement in statements if statement)
