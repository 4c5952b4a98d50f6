"""All commands. Those of other packages are found by entry point, so that nothing here imports them."""

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points, version
from typing import Annotated, Any

import typer
from typer._click import Command, Context
from typer.core import TyperCommand, TyperGroup
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
    """Commands of other packages are imported when they are run; a broken one costs nobody the others."""

    def list_commands(self, ctx: Context) -> list[str]:
        """Own commands, then the others'."""
        return [*super().list_commands(ctx), *(name for name in sorted(_plugins()) if name not in self.commands)]

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """The command of that name, None if there is none."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        plugin = _plugins().get(cmd_name)
        return _Mounted(plugin) if plugin else None


class _Mounted(TyperCommand):
    """A command of another package, listed by what that package says of itself: suites take seconds to import."""

    def __init__(self, plugin: EntryPoint) -> None:
        super().__init__(plugin.name, help=_package_says(plugin))
        self._plugin = plugin

    def make_context(
        self, info_name: str | None, args: list[str], parent: Context | None = None, **extra: Any
    ) -> Context:
        """The real command's: from here on it is as if it had been there all the time."""
        return _loaded(self._plugin).make_context(info_name, args, parent, **extra)


def _package_says(plugin: EntryPoint) -> str:
    """The first line of the package's docstring."""
    try:
        package = import_module(plugin.module.partition(".")[0])
    except Exception as error:  # noqa: BLE001 - another package's module: whatever it raises, say so and go on
        return f"(broken: {error!r})"
    return (package.__doc__ or "").partition("\n")[0]


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
