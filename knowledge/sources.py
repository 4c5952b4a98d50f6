"""Where documents come from: the shipped folders, the site's folders, Git checkouts."""

from itertools import chain
from pathlib import Path

from domain.learning import Pattern, Runbook
from domain.model import Model
from knowledge.checkout import checked_out
from knowledge.loading import Problem, load

SHIPPED = (Path(__file__).parent / "patterns", Path(__file__).parent / "runbooks")


class Collected(Model):
    """All documents of all sources; a later source replaces an earlier one's document of the same id."""

    patterns: tuple[Pattern, ...] = ()
    runbooks: tuple[Runbook, ...] = ()
    problems: tuple[Problem, ...] = ()


async def collect(sources: tuple[str, ...], checkouts: Path) -> Collected:
    """Read the shipped folders, then `sources`. What cannot be read is a problem that names it."""
    folders = [(str(folder), folder, False) for folder in SHIPPED]
    problems: list[Problem] = []
    for source in sources:
        if not source.startswith("git+"):
            folders.append((source, Path(source), True))
            continue
        checkout = await checked_out(source, checkouts)
        problems += checkout.problems
        if checkout.folder is not None:
            folders.append((source, checkout.folder, True))
    loaded = [load(folder, source=name, site=site) for name, folder, site in folders]
    patterns = {item.id: item for item in chain.from_iterable(part.patterns for part in loaded)}
    runbooks = {item.id: item for item in chain.from_iterable(part.runbooks for part in loaded)}
    problems += chain.from_iterable(part.problems for part in loaded)
    return Collected(patterns=tuple(patterns.values()), runbooks=tuple(runbooks.values()), problems=tuple(problems))
