"""`triagent token create|list|revoke`."""

from typing import Annotated

import typer

from service.cli.client import Client, Json, Url
from service.cli.output import NONE, JsonObject, console, errors, joined, local_time, objects, print_json, print_rows
from service.scopes import SCOPES

app = typer.Typer(no_args_is_help=True, help="Operator tokens.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who will use it: the identity in decisions and in the audit log.")],
    scope: Annotated[list[str], typer.Option("--scope", "-s", help=f"May be repeated: {', '.join(SCOPES)}")],
    role: Annotated[
        list[str] | None, typer.Option("--role", help="responder, approver or admin; may be repeated")
    ] = None,
    days: Annotated[float | None, typer.Option(help="Days until it expires; never by default.")] = None,
    as_json: Json = False,
    url: Url = "",
) -> None:
    """Make a token. It is shown once."""
    body: JsonObject = {"name": name, "scopes": [*scope], "roles": [*(role or [])], "expires_in_days": days}
    token = Client(url, verbatim=True).post("/tokens", body)
    if as_json:
        print_json(token)
        return
    errors.print(f"token of {name}, shown once:", markup=False)
    console.print(str(token["token"]), markup=False, soft_wrap=True)


@app.command("list")
def list_tokens(as_json: Json = False, url: Url = "") -> None:
    """List tokens; never their secrets."""
    found = objects(Client(url, verbatim=as_json).get("/tokens"))
    if as_json:
        print_json(found)
        return
    rows = (
        [
            str(token["name"]),
            *(joined(token[name], " ") or NONE for name in ("scopes", "roles")),
            *(local_time(token[f"{name}_at"]) for name in _TIMES),
        ]
        for token in found
    )
    print_rows(("NAME", "SCOPES", "ROLES", "CREATED", "EXPIRES", "LAST USED", "REVOKED"), rows)


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="Whose token, as `triagent token list` has it.")], url: Url = ""
) -> None:
    """End a token at once."""
    Client(url).delete(f"/tokens/{name}")
    console.print(f"{name} is revoked", markup=False)


_TIMES = ("created", "expires", "last_used", "revoked")
