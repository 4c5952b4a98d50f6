"""The plan as its reviewer sees it: actions, preconditions, predicted effect, risk, digest, expiry."""

from datetime import UTC, datetime

from pydantic import JsonValue
from rich.console import Group
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from lab.demo.facts import PlannedAction, RemediationProposed

DIFF_LINES = 14


def plan_card(proposed: RemediationProposed) -> Panel:
    """The card for one proposed plan."""
    plan = proposed.plan
    parts = [part for number, action in enumerate(plan.actions, start=1) for part in _action(number, action)]
    checks = Text("\n".join(f"check  {in_words(check)}" for check in plan.checks), "dim")
    left = plan.expires_at - datetime.now(UTC)
    terms = Table.grid(padding=(0, 2))
    terms.add_row("digest", proposed.digest)
    terms.add_row("needs", f"{proposed.quorum} approval(s) by {' or '.join(proposed.roles)}")
    terms.add_row("expires", f"{plan.expires_at:%Y-%m-%d %H:%M:%S %Z} (in {left.total_seconds() / 3600:.1f} h)")
    title = f"plan by {plan.proposed_by}, {len(plan.actions)} action(s)"
    rationale = [Text(plan.rationale)] if plan.rationale else []
    return Panel(Group(*rationale, *parts, checks, terms), title=Text(title), title_align="left", width=110)


def in_words(value: dict[str, JsonValue]) -> str:
    """A typed action, check or precondition on one line: its type, then its fields."""
    fields = [f"{key}={_plain(field)}" for key, field in value.items() if key != "type" and field is not None]
    return " ".join([str(value.get("type", "")), *fields])


def _action(number: int, planned: PlannedAction) -> list[Text | Syntax]:
    effect = planned.predicted_effect
    touched = f"; touches {', '.join(effect.blast_radius)}" if effect.blast_radius else ""
    without = "nothing to undo" if planned.type == "restart_workload" else "cannot be undone"
    inverse = in_words(planned.inverse) if planned.inverse else without
    lines = [
        Text.assemble((f"{number}. {in_words(planned.arguments)}", "bold"), f"   risk {planned.risk}"),
        Text(f"   only if  {in_words(planned.precondition)}", "dim"),
        Text(f"   effect   {effect.summary}{touched} ({effect.dry_run} dry run)"),
        Text(f"   undo     {inverse}", "dim"),
    ]
    if not effect.diff:
        return [*lines]
    diff = effect.diff.splitlines()
    more = [Text(f"   … {len(diff) - DIFF_LINES} more lines of the diff", "dim")] if len(diff) > DIFF_LINES else []
    return [*lines, Syntax("\n".join(diff[:DIFF_LINES]), "diff", background_color="default"), *more]


def _plain(value: JsonValue) -> str:
    if isinstance(value, dict):
        return "/".join(str(each) for each in value.values() if each is not None)
    if isinstance(value, list):
        return ",".join(_plain(each) for each in value)
    return str(value)
