"""The human in the loop: asked on a terminal; without one, the demo's own reviewer, through the same API."""

import sys
from typing import Literal

from rich.console import Console
from rich.prompt import Prompt

from lab.demo.api import Api
from lab.demo.facts import RemediationProposed

Verdict = Literal["approve", "reject"]
REASONS: dict[Verdict, str] = {"approve": "evidence and effect agree", "reject": "change freeze until tomorrow"}


class Reviewer:
    """Decides with a token of its own, as the API asks of every reviewer."""

    def __init__(self, api: Api, console: Console) -> None:
        self._api = api
        self._console = console

    def decide(self, incident_id: str, proposed: RemediationProposed, suggestion: Verdict) -> Verdict:
        """Approve or reject exactly this plan; returns what was decided."""
        verdict: Verdict = suggestion
        if self._console.is_terminal and sys.stdin.isatty():
            asked = Prompt.ask(
                "Your decision", choices=["approve", "reject"], default=suggestion, console=self._console
            )
            verdict = "approve" if asked == "approve" else "reject"
        self._api.decide(incident_id, verdict, digest=proposed.digest, reason=REASONS[verdict])
        return verdict
