"""What every read-only tool answers to a planner, whatever system it asks."""

from domain.diagnosis import Finding
from domain.evidence import Evidence
from domain.inventory import Inventory
from domain.model import Model


class ToolAnswer(Model):
    """Evidence a call collected, names it saw, and (from the analysis tool) findings.

    `text` is what a model reads: summaries with evidence ids and citable keys, within the token budget.
    """

    text: str
    evidence: tuple[Evidence, ...] = ()
    inventory: Inventory = Inventory()
    findings: tuple[Finding, ...] = ()
