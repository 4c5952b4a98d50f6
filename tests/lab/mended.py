"""The cluster once an incident is over and its fault mended: recorded by the product, and given to it as a suite."""

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evals.labels import healthy
from evals.results import CaseResult, resumed
from lab.demo.product import TRIAGENT
from lab.environment import inherited
from lab.proof import report

LIMIT_S = 300
AT_MOST = 3
"""States recorded at a time: half a minute each."""
SETTLING_S = 75
"""Rates look back a minute: until then a fault that is mended still shows in them."""


@dataclass(frozen=True)
class MendedStates:
    """A suite of healthy states, which grows. `settings` are the product's own, with its URL and a token."""

    folder: Path
    settings: Mapping[str, str]
    waiting: list[str] = field(default_factory=list[str])
    """Incidents whose fault has been mended since the last recording."""

    def record(self) -> None:
        """Record what the systems say of the last incidents that wait; called when there are no alerts."""
        if self.waiting:
            time.sleep(SETTLING_S)
        for incident in self.waiting[-AT_MOST:]:
            self._run("record", incident, f"--out={self.folder / 'suite'}")
            case = self.folder / "suite" / incident
            (case / "expected.json").write_text(healthy().model_dump_json(), encoding="utf-8")
            _alerted_anew(case)
        self.waiting.clear()

    def causes(self) -> dict[str, Sequence[str]]:
        """What the product names in each state, by incident; an error counts as named."""
        results = self.folder / "results.jsonl"
        self._run("run", str(self.folder / "suite"), "--planner=offline", f"--out={results}")
        return {case.id: _named(case) for case in resumed(results)}

    def _run(self, *arguments: str) -> None:
        env = inherited(self.settings, without_prefix="TRIAGE_")
        argv = [TRIAGENT, "evals", *arguments]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def _alerted_anew(case: Path) -> None:
    """The same alert goes off now, for nothing: of the incident itself its cause would still be the right answer."""
    webhook = json.loads((case / "webhook.json").read_text(encoding="utf-8"))
    now = json.loads((case / "case.json").read_text(encoding="utf-8"))["taken_at"]
    webhook["alerts"] = [{**alert, "status": "firing", "startsAt": now} for alert in webhook["alerts"]]
    (case / "webhook.json").write_text(json.dumps(webhook), encoding="utf-8")


def _named(case: CaseResult) -> Sequence[str]:
    if case.error is not None:
        return [case.error]
    return [f"{cause.cause} of {cause.object}: {cause.confidence}" for cause in case.causes]


def row(causes: Mapping[str, Sequence[str]]) -> report.Row:
    """The states and those in which something was named, for the report."""
    return {"mended states recorded": len(causes), "false alarms": sum(bool(named) for named in causes.values())}
