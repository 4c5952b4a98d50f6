"""All commands. Those of other packages are found by entry point, so that nothing here imports them."""

from importlib.metadata import EntryPoint, entry_points, version
from typing import Annotated

import typer
from typer._click import Command, Context
from typer.core import TyperGroup
from typer.main import get_command

from service.cli import ask, database, decisions, incidents, knowledge, server, tokens
from service.cli.output import console, fail

ENTRY_POINTS = "triagent.commands"


def build() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        cls=_WithEntryPoints,
        name="triagent",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        help="SRE triage: alerts become diagnosed, approved, verified and documented fixes.",
    )
    app.callback()(_root)
    for name, run in server.COMMANDS.items():
        app.command(name)(run)
    app.command("ask")(ask.ask)
    app.command("incidents")(incidents.incidents)
    for name, run in decisions.COMMANDS.items():
        app.command(name)(run)
    for group, commands in (("knowledge", knowledge.app), ("token", tokens.app), ("db", database.app)):
        app.add_typer(commands, name=group)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        console.print(version("triagent"))
        raise typer.Exit


def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """SRE triage: alerts become diagnosed, approved, verified and documented fixes."""


class _WithEntryPoints(TyperGroup):
    """Commands of other packages are imported when they are run or listed; a broken one costs nobody the others."""

    def list_commands(self, ctx: Context) -> list[str]:
        """Own commands, then the others'."""
        return [*super().list_commands(ctx), *(name for name in sorted(_plugins()) if name not in self.commands)]

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """The command of that name, None if there is none."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        plugin = _plugins().get(cmd_name)
        return _loaded(plugin) if plugin else None


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _loaded(plugin: EntryPoint) -> Command:
    try:
        commands = plugin.load()
    except Exception as error:  # noqa: BLE001 - another package's module: whatever it raises, say so and go on
        commands = _broken(f"{plugin.value} cannot be loaded: {error!r}")
    command = get_command(commands)
    command.name = plugin.name
    return command


def _broken(reason: str) -> typer.Typer:
    app = typer.Typer()

    @app.command(help=f"(broken: {reason})")
    def broken() -> None:  # pyright: ignore[reportUnusedFunction] - registered by the decorator
        fail(reason)
        raise typer.Exit(1)

    return app
