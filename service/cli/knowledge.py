"""`triagent knowledge sync|search`: what the triage knows, from the same documents and database as the service.

An embedded index belongs to one process. While a service runs on it, `search` builds one of its own for the moment.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from domain.characters import visible
from domain.learning import KnowledgeQuery, Match
from service.cli.client import Json
from service.cli.output import NONE, console, errors, print_json, print_rows
from service.settings import load_settings

if TYPE_CHECKING:
    from knowledge.library import Knowledge

# The index takes longer to import than most commands to run.
# ruff: noqa: PLC0415

Answer = TypeVar("Answer")

app = typer.Typer(no_args_is_help=True, help="Runbooks, patterns and past incidents.")


@app.command()
def sync() -> None:
    """Read every source again and bring the index up to date."""
    from service.library import REFRESH

    refreshed = _with_knowledge(lambda knowledge: knowledge.refresh())
    if refreshed is None:
        console.print(f"the running service has the index; it takes changes up within {REFRESH:.0f} s")
        return
    for problem in refreshed.problems:
        errors.print(visible(f"skipped {problem.source}: {problem.reason}"), markup=False, soft_wrap=True)
    counts = f"{refreshed.patterns} patterns, {refreshed.runbooks} runbooks, {refreshed.incidents} past incidents"
    console.print(f"{counts}; {refreshed.written} chunks written, {refreshed.removed} removed", markup=False)


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="Symptoms in plain words, or an alert's name.")],
    service: Annotated[str | None, typer.Option(help="The service it is about.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Show so many matches at most.")] = 10,
    as_json: Json = False,
) -> None:
    """Search as a triage does; `known` marks what passed the threshold."""
    query = KnowledgeQuery(text=text, service=service, limit=limit)
    matches = _with_knowledge(lambda knowledge: _matches(knowledge, query))
    if matches is None:
        matches = _apart(lambda knowledge: _matches(knowledge, query))
    if as_json:
        print_json([match.model_dump(mode="json", exclude={"pattern"}) for match in matches])
        return
    if not matches:
        console.print("nothing found")
        return
    rows = (
        [match.kind, match.doc_id, f"{match.confidence:.2f}", "known" if match.known else NONE, visible(match.title)]
        for match in matches
    )
    print_rows(("KIND", "ID", "CONFIDENCE", "KNOWN", "TITLE"), rows)


async def _matches(knowledge: "Knowledge", query: KnowledgeQuery) -> tuple[Match, ...]:
    await knowledge.refresh()
    return (await knowledge.lookup(query)).matches


def _with_knowledge(work: Callable[["Knowledge"], Awaitable[Answer]]) -> Answer | None:
    """What `work` makes of the service's own index; None if a running service has it."""
    from knowledge.stores.lock import FolderInUse

    try:
        return asyncio.run(_done(work, None))
    except FolderInUse:
        return None


def _apart(work: Callable[["Knowledge"], Awaitable[Answer]]) -> Answer:
    """What `work` makes of a new index that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="triagent-index-", ignore_cleanup_errors=True) as folder:
        return asyncio.run(_done(work, Path(folder)))


async def _done(work: Callable[["Knowledge"], Awaitable[Answer]], folder: Path | None) -> Answer:
    from service.library import open_knowledge
    from service.store.database import Database
    from service.store.schema import upgrade

    settings = load_settings()
    database = Database(settings.database.url.get_secret_value())
    try:
        await upgrade(database)
        return await work(open_knowledge(settings, database, folder))
    finally:
        await database.close()
