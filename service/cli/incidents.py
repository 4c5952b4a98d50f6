"""`triagent incidents`: the list, one incident with its plan card, or its timeline as it happens."""

from typing import Annotated, get_args

import typer

from domain.facts import IncidentStatus
from service.cli.card import print_incident
from service.cli.client import Client, Json, Url
from service.cli.output import NONE, an_object, console, local_time, objects, print_json, print_json_line, print_rows
from service.cli.timeline import fact_line


def incidents(
    incident_id: Annotated[str | None, typer.Argument(help="Show this one.", metavar="[ID]")] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow its facts until it is closed.")] = False,
    status: Annotated[
        list[str] | None, typer.Option(help=f"Only these; may be repeated: {', '.join(get_args(IncidentStatus))}")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="List so many at most, newest first.")] = 20,
    as_json: Json = False,
    url: Url = "",
) -> None:
    """List incidents, show one, or watch one."""
    client = Client(url, verbatim=as_json)
    if incident_id is None:
        if watch:
            raise typer.BadParameter("--watch needs the id of an incident")
        _list(client, status, limit, as_json=as_json)
    elif watch:
        _watch(client, incident_id, as_json=as_json)
    else:
        _show(client, incident_id, as_json=as_json)


def _list(client: Client, status: list[str] | None, limit: int, *, as_json: bool) -> None:
    found = objects(client.get("/incidents", status=status, limit=limit))
    if as_json:
        print_json(found)
        return
    if not found:
        console.print("no incidents")
        return
    rows = (
        [
            *(str(item[name] or NONE) for name in ("id", "status", "severity", "namespace")),
            local_time(item["opened_at"]),
            str(item["title"]),
        ]
        for item in found
    )
    print_rows(("ID", "STATUS", "SEVERITY", "NAMESPACE", "OPENED", "TITLE"), rows)


def _show(client: Client, incident_id: str, *, as_json: bool) -> None:
    incident = an_object(client.get(f"/incidents/{incident_id}"))
    if as_json:
        print_json(incident)
    else:
        print_incident(incident)


def _watch(client: Client, incident_id: str, *, as_json: bool) -> None:
    with client.events("GET", f"/incidents/{incident_id}/events") as events:
        for event in events:
            if as_json:
                print_json_line(event.data)
            else:
                console.print(fact_line(event.data), soft_wrap=True)
