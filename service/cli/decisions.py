"""`triagent approve|reject|modify|escalate|cancel`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, cast

import typer

from service.cli.card import plan_card
from service.cli.client import Client, Json, Refused, Url
from service.cli.output import JsonObject, an_object, console, for_people, print_json

IncidentId = Annotated[str, typer.Argument(help="The incident.", metavar="ID")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; kept with the decision.")]
Digest = Annotated[
    str, typer.Option("--digest", "-d", help="The plan you looked at, 8 characters or more; asked for on a terminal.")
]


def approve(
    incident_id: IncidentId, digest: Digest = "", reason: Reason = "", as_json: Json = False, url: Url = ""
) -> None:
    """Approve the plan with this digest."""
    _decide_about_plan("approve", incident_id, digest, reason, as_json=as_json, url=url)


def reject(
    incident_id: IncidentId, digest: Digest = "", reason: Reason = "", as_json: Json = False, url: Url = ""
) -> None:
    """Reject the plan: nothing is written."""
    _decide_about_plan("reject", incident_id, digest, reason, as_json=as_json, url=url)


def modify(
    incident_id: IncidentId,
    plan: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="JSON file: the incident's `plan`, changed.")],
    digest: Digest = "",
    reason: Reason = "",
    as_json: Json = False,
    url: Url = "",
) -> None:
    """Change the plan; approval is asked for again. `triagent incidents ID --json` has the plan to start from."""
    try:
        changed = json.loads(plan.read_text(encoding="utf-8"))
    except ValueError as error:
        raise typer.BadParameter(f"{plan} is not JSON: {error}") from error
    more: JsonObject = {"plan": changed}
    _decide_about_plan("modify", incident_id, digest, reason, as_json=as_json, url=url, more=more)


def escalate(incident_id: IncidentId, reason: Reason = "", as_json: Json = False, url: Url = "") -> None:
    """Page a human and end the triage."""
    _post(Client(url, verbatim=as_json), "escalate", incident_id, {"reason": reason}, as_json=as_json)


def cancel(incident_id: IncidentId, reason: Reason = "", as_json: Json = False, url: Url = "") -> None:
    """End the triage."""
    _post(Client(url, verbatim=as_json), "cancel", incident_id, {"reason": reason}, as_json=as_json)


COMMANDS: dict[str, Callable[..., None]] = {
    "approve": approve,
    "reject": reject,
    "modify": modify,
    "escalate": escalate,
    "cancel": cancel,
}


def _decide_about_plan(
    kind: str, incident_id: str, digest: str, reason: str, *, as_json: bool, url: str, more: JsonObject | None = None
) -> None:
    client = Client(url, verbatim=as_json)
    reviewed = _reviewed_digest(client, kind, incident_id, digest)
    body: JsonObject = {"plan_digest": reviewed, "reason": reason, **(more or {})}
    _post(client, kind, incident_id, body, as_json=as_json)


def _reviewed_digest(client: Client, kind: str, incident_id: str, given: str) -> str:
    """The full digest of the plan that `given` begins; without one, the plan is shown and confirmed on a terminal."""
    if len(given) == 64:
        return given
    incident = an_object(client.get(f"/incidents/{incident_id}"))
    plan = cast("JsonObject | None", incident["plan"])
    if plan is None:
        raise Refused(f"incident {incident_id} has no plan")
    digest = str(plan["digest"])
    if not given:
        _confirm(cast("JsonObject", for_people(plan)), kind)
    elif len(given) < 8 or not digest.startswith(given):
        raise Refused(f"the plan under review has the digest {digest}, not {given}; look at it again")
    return digest


def _confirm(plan: JsonObject, kind: str) -> None:
    if not console.is_terminal:
        raise typer.BadParameter(f"--digest is needed to {kind} without a terminal")
    console.print(plan_card(plan))
    typer.confirm(f"{kind} this plan?", abort=True)


def _post(client: Client, kind: str, incident_id: str, body: JsonObject, *, as_json: bool) -> None:
    state = client.post(f"/incidents/{incident_id}/{kind}", body)
    if as_json:
        print_json(state)
        return
    gate = f"{state['approvals']} of {state['quorum']} approvals" if kind == "approve" else ""
    console.print(
        f"{kind}: {state['outcome']}; incident {incident_id} is {state['status']} {gate}".rstrip(), markup=False
    )
