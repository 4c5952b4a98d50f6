"""`triagent ask`: the answer as it is found."""

from typing import Annotated

import typer
from rich.text import Text

from service.cli.client import Client, Json, Refused, Url
from service.cli.output import JsonObject, console, errors, objects, print_json


def ask(
    question: Annotated[str, typer.Argument(help="For example: why is checkout slow since 10:20?")],
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="Look here only.")] = None,
    as_json: Json = False,
    url: Url = "",
) -> None:
    """Ask in plain language; the answer cites evidence, or says that there is not enough."""
    client = Client(url, verbatim=as_json)
    body: JsonObject = {"question": question, "namespace": namespace}
    if as_json:
        print_json(client.post("/ask", body))
        return
    with client.events("POST", "/ask", body) as events:
        for event in events:
            _print(event.kind, event.data)


def _print(kind: str, data: JsonObject) -> None:
    match kind:
        case "problem":
            raise Refused(str(data["detail"]))
        case "answer":
            _print_answer(data)
        case _:
            errors.print(Text(f"· {data.get('text') or data.get('tool') or kind}", "dim"))


def _print_answer(answer: JsonObject) -> None:
    console.print(Text(str(answer["answer"])), soft_wrap=True)
    for item in objects(answer["evidence"]):
        seen = str(item["unavailable"] or item["summary"]).partition("\n")[0]
        console.print(Text.assemble((f"  {item['id']} ", "cyan"), f"{item['source']}: {seen}"), soft_wrap=True)
