"""`python -m lab.parts NAME...`: provision the named parts side by side, telling what goes on and how long it took."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from lab.parts.cache import PartError, bin_dir
from lab.parts.catalogue import PARTS, Part
from lab.parts.provision import provision

HEARTBEAT_S = 15
"""Without a terminal there is no spinner: a line this often says that it is still going on."""


class Reporter:
    """One line a part: a live one on a terminal, printed lines in a log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True
        )

    def run(self, part: Part) -> bool:
        """Provision one part; True when it is there."""
        started = heard = time.monotonic()
        task = self._progress.add_task(part.name)

        def say(text: str) -> None:
            nonlocal heard
            self._progress.update(task, description=f"{part.name}: {text}")
            if not self._console.is_terminal and time.monotonic() - heard > HEARTBEAT_S:
                heard = time.monotonic()
                self._console.print(f"  {part.name}: {text}, {heard - started:.0f} s", highlight=False)

        try:
            outcome, done = f"[green]✓[/] {part.name} {provision(part, say)}", True
        except PartError as exc:
            outcome, done = f"[red]✗[/] {exc}", False
        self._progress.remove_task(task)
        self._console.print(f"{outcome}, {time.monotonic() - started:.1f} s", highlight=False, soft_wrap=True)
        return done

    def run_all(self, parts: list[Part]) -> bool:
        """Provision all parts at once; True when all are there."""
        with self._progress, ThreadPoolExecutor(max_workers=len(parts)) as threads:
            return all(list(threads.map(self.run, parts)))


def main(names: Annotated[list[str] | None, typer.Argument(metavar="NAME...")] = None) -> None:
    """Provision servers into the user's cache: those named, or all that there are."""
    unknown = [name for name in names or [] if name not in PARTS]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: known are {', '.join(PARTS)}")
    console = Console(stderr=True)
    if not Reporter(console).run_all([PARTS[name] for name in names or PARTS]):
        raise typer.Exit(1)
    console.print(f"  in {bin_dir()}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
