"""Whether what a reviewer is shown is what would run: every place that shows a plan, read back and compared."""

import io
import re
from collections.abc import Iterator, Sequence
from typing import cast

from pydantic import JsonValue
from rich.console import Console

from domain import facts
from domain.actions import ACTION
from domain.alerts import AlertGroup
from domain.characters import hidden
from domain.diagnosis import Diagnosis
from domain.evidence import Evidence
from domain.facts import Fact
from domain.incidents import project
from domain.model import Timestamp
from domain.plans import Plan, PlannedAction
from domain.policy import ApprovalRule
from service.api.views import PlanView, fact_view, incident_view
from service.cli.card import incident_lines
from service.cli.output import JsonObject, for_people, json_text
from service.cli.timeline import fact_line
from service.store.facts import NumberedFact

WIDTHS = (60, 100, 200)
FIELDS = (
    "effect",
    "touches",
    "diff",
    "only if",
    "undone by",
    "checks",
    "because",
    "proposed by",
    "approval",
    "expires",
    "digest",
)
_ACTION_LINE = re.compile(r"^│\s{1,2}(\d+)\. ([a-z_]+)\b")
_FIELD_LINE = re.compile(r"^│\s{1,4}(" + "|".join(FIELDS) + r"):")


def opened(incident_id: str, group: AlertGroup, at: Timestamp) -> facts.IncidentOpened:
    """The first fact of an incident."""
    return facts.IncidentOpened(
        id="f1",
        incident_id=incident_id,
        at=at,
        title=group.title,
        severity=group.severity,
        namespace=group.namespace,
        service=group.service,
        alerts=group.alerts,
        group_id=group.group_id,
    )


def history(
    group: AlertGroup, evidence: tuple[Evidence, ...], diagnosis: Diagnosis, plan: Plan, rule: ApprovalRule
) -> tuple[NumberedFact, ...]:
    """The facts of an incident that has come to its plan."""
    incident, at = plan.incident_id, plan.created_at
    told: tuple[Fact, ...] = (
        opened(incident, group, at),
        facts.EvidenceCollected(id="f2", incident_id=incident, at=at, tool="analyse_namespace", evidence=evidence),
        facts.TriagePhaseCompleted(id="f3", incident_id=incident, at=at, diagnosis=diagnosis),
        facts.RemediationProposed(
            id="f4",
            incident_id=incident,
            at=at,
            plan=plan,
            digest=plan.digest,
            quorum=rule.quorum,
            roles=rule.roles,
        ),
    )
    return tuple(NumberedFact(number, fact) for number, fact in enumerate(told, start=1))


def differences(told: Sequence[NumberedFact], plan: Plan) -> Iterator[str]:
    """Why a reviewer could take this plan for another one; none if all views show it as it is."""
    incident = project([item.fact for item in told])
    view = incident_view(incident, told)
    if view.plan is None or not same_plan(view.plan, plan):
        yield "the API's plan is not the one its digest stands for"
    shown = cast("JsonObject", view.model_dump(mode="json"))
    yield from _hidden("triagent incidents --json", json_text(cast("JsonValue", shown)))
    for item in told:
        line = fact_line(cast("JsonObject", for_people(fact_view(item).model_dump(mode="json"))))
        yield from _hidden("triagent incidents --watch", line.plain)
        if "\n" in line.plain:
            yield "triagent incidents --watch: a fact on more than one line"
    for width in WIDTHS:
        yield from _card(shown, plan, width)


def same_plan(view: PlanView, plan: Plan) -> bool:
    """Whether the plan rebuilt from what the API shows has the digest it shows, and that of the plan."""
    actions = [
        PlannedAction(
            action=ACTION.validate_python({"type": action.type, **(action.model_extra or {})}),
            risk=action.risk,
            precondition=action.precondition,
            predicted_effect=action.predicted_effect,
            inverse=action.inverse,
        )
        for action in view.actions
    ]
    rebuilt = plan.model_copy(
        update={
            "version": view.version,
            "actions": tuple(actions),
            "checks": view.checks,
            "rationale": view.rationale,
            "evidence_digests": view.evidence_digests,
            "proposed_by": view.proposed_by,
            "created_at": view.created_at,
            "expires_at": view.expires_at,
        }
    )
    return rebuilt.digest == view.digest == plan.digest


def rendered(incident: JsonObject, width: int) -> str:
    """`triagent incidents ID` on a terminal of that width, without colours: any escape in it is not ours."""
    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None, force_terminal=False, highlight=False)
    for part in incident_lines(incident):
        console.print(part)
    return out.getvalue()


def _card(incident: JsonObject, plan: Plan, width: int) -> Iterator[str]:
    text = rendered(cast("JsonObject", for_people(incident)), width)
    where = f"card at width {width}"
    yield from _hidden(where, text)
    lines = text.splitlines()
    actions = [(int(match[1]), match[2]) for line in lines if (match := _ACTION_LINE.match(line))]
    wanted = [(number, planned.action.type) for number, planned in enumerate(plan.actions, start=1)]
    if actions != wanted:
        yield f"{where} shows the actions {actions}, the plan has {wanted}"
    fields = [match[1] for line in lines if (match := _FIELD_LINE.match(line))]
    if fields != _fields(plan):
        yield f"{where} shows the fields {fields}, the plan has {_fields(plan)}"
    squeezed = re.sub(r"[\s│]+", "", text)
    yield from (f"{where} does not show {part!r}" for part in _parts(plan) if re.sub(r"\s+", "", part) not in squeezed)


def _fields(plan: Plan) -> list[str]:
    fields: list[str] = []
    for planned in plan.actions:
        fields.append("effect")
        fields += ["touches"] if planned.predicted_effect.blast_radius else []
        fields += ["diff"] if planned.predicted_effect.diff else []
        fields += ["only if", "undone by"]
    return [*fields, "checks", "because", "proposed by", "approval", "expires", "digest"]


def _parts(plan: Plan) -> Iterator[str]:
    """What must stand on the card, word for word."""
    yield plan.digest
    for planned in plan.actions:
        action = planned.action
        workload = getattr(action, "workload", None)
        if workload is not None:
            yield f"workload={workload.kind}/{workload.namespace}/{workload.name}"
        for name in ("replicas", "to_revision", "application", "history_id", "revision"):
            if (value := getattr(action, name, None)) is not None:
                yield f"{name}={value}"


def _hidden(where: str, text: str) -> Iterator[str]:
    found = hidden(text)
    if found:
        yield f"{where} has characters that do not show: {found[:5].encode('unicode_escape').decode()}"
