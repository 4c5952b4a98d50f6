"""One incident for a reviewer: what is wrong, why we think so, and the plan card."""

from collections.abc import Iterator
from typing import cast

from pydantic import JsonValue
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from service.cli.output import NONE, JsonObject, an_object, console, joined, local_time, objects

SHOWN_ONLY = {"type", "risk", "precondition", "predicted_effect", "inverse"}
NAMES_WIDTH = 16
"""Of the column with the names of fields. Values never reach into it: no text can pass for a field of its own."""


def print_incident(incident: JsonObject) -> None:
    """Head, alerts, diagnosis and plan card."""
    for part in incident_lines(incident):
        console.print(part, soft_wrap=isinstance(part, Text))


def incident_lines(incident: JsonObject) -> Iterator[RenderableType]:
    """What `print_incident` prints, part by part."""
    yield _head(incident)
    yield from _diagnosis(an_object(incident["diagnosis"]))
    plan = cast("JsonObject | None", incident["plan"])
    if plan:
        yield plan_card(plan)
        if incident["status"] == "awaiting_approval":
            yield _next_steps(str(incident["id"]), str(plan["digest"]))


def plan_card(plan: JsonObject) -> Panel:
    """What the digest stands for: every action with what must hold, what it will do, and what undoes it."""
    parts: list[RenderableType] = []
    for number, action in enumerate(objects(plan["actions"]), start=1):
        parts.extend(_action(number, action))
    checks = ", ".join(_arguments(check) for check in objects(plan["checks"]))
    approvals = cast("list[str]", plan["approvals"])
    roles = joined(plan["roles"], "/")
    parts += [
        _field("checks", checks or "none"),
        _field("because", str(plan["rationale"] or NONE)),
        _field("proposed by", str(plan["proposed_by"])),
        _field("approval", f"{len(approvals)} of {plan['quorum']} ({roles}) {', '.join(approvals)}"),
        _field("expires", local_time(plan["expires_at"])),
        _field("digest", str(plan["digest"])),
    ]
    return Panel(Group(*parts), title=f"plan {plan['version']} · {plan['risk']} risk", title_align="left")


def _head(incident: JsonObject) -> Text:
    where = "/".join(str(part) for part in (incident["namespace"], incident["service"]) if part)
    alerts = objects(incident["alerts"])
    firing = sum(alert["status"] == "firing" for alert in alerts)
    return Text.assemble(
        (f"{incident['title']}\n", "bold"),
        f"{incident['id']} · {incident['status']} · {incident['phase']} · {incident['severity']} · {where}\n",
        f"opened {local_time(incident['opened_at'])}, {len(alerts)} alert(s), {firing} firing",
        f"\nclosed {local_time(incident['closed_at'])}: {incident['close_reason']}" if incident["closed_at"] else "",
    )


def _diagnosis(diagnosis: JsonObject | None) -> Iterator[Text]:
    if diagnosis is None:
        yield Text("\nno diagnosis yet", "dim")
        return
    confidence = cast("float", diagnosis["confidence"])
    yield Text(f"\n{diagnosis['summary']} ({confidence:.0%}, {diagnosis['planner']})")
    for place, cause in enumerate(objects(diagnosis["causes"]), start=1):
        yield Text(
            f" {place}. {cause['cause']} on {cause['object']} ({cast('float', cause['confidence']):.0%})", "cyan"
        )
        for claim in objects(cause["claims"]):
            yield Text(f"    {claim['text']} [{joined(claim['evidence'])}]")
    for spot in objects(diagnosis["blindspots"]):
        yield Text(f" not seen: {spot['source']}: {spot['reason']}", "yellow")


def _action(number: int, action: JsonObject) -> Iterator[RenderableType]:
    effect = an_object(action["predicted_effect"])
    own = {name: value for name, value in action.items() if name not in SHOWN_ONLY}
    yield Text.assemble((f"{number}. {action['type']} ", "bold"), _arguments(own), f"  ({action['risk']} risk)")
    yield _field("effect", f"{effect['summary']} ({effect['dry_run']} dry run)")
    if effect["blast_radius"]:
        yield _field("touches", joined(effect["blast_radius"]))
    if effect["diff"]:
        yield _field("diff", Syntax(str(effect["diff"]), "diff", background_color="default", word_wrap=True))
    yield _field("only if", _arguments(an_object(action["precondition"])))
    inverse = cast("JsonObject | None", action["inverse"])
    without = "nothing to undo" if action["type"] == "restart_workload" else "nothing: it cannot be undone"
    yield _field("undone by", _arguments(inverse) if inverse else without)


def _arguments(value: JsonObject) -> str:
    return " ".join(f"{name}={_flat(item)}" for name, item in value.items() if item not in (None, [], ""))


def _flat(item: JsonValue) -> str:
    if isinstance(item, dict):
        return "/".join(map(str, item.values()))
    return ",".join(map(str, item)) if isinstance(item, list) else str(item)


def _field(name: str, value: str | Syntax) -> Table:
    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_column(width=NAMES_WIDTH, no_wrap=True)
    row.add_column(overflow="fold")
    row.add_row(Text(f"   {name}:", "dim"), Text(value) if isinstance(value, str) else value)
    return row


def _next_steps(incident_id: str, digest: str) -> Text:
    return Text(
        f"triagent approve {incident_id} --digest {digest[:12]}   or: reject, modify, escalate, cancel", "green"
    )
