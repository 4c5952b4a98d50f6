"""The command line against a running service."""

import json
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import typer
from typer._click import Command
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner, Result

from domain.actions import SyncApplication
from domain.characters import hidden
from service.cli import main
from service.cli.app import build
from tests.api.served import Served
from tests.api.world import BOOTSTRAP
from tests.service.builders import closed, opened, plan, proposed, until_plan

Cli = Callable[..., Result]


@pytest.fixture
def cli(served: Served, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs `triagent` with the address and the token of the running service."""
    monkeypatch.setenv("TRIAGE_URL", served.url)
    monkeypatch.setenv("TRIAGE_TOKEN", BOOTSTRAP)

    def run(*arguments: str, columns: str = "200") -> Result:
        return CliRunner().invoke(build(), arguments, env={"COLUMNS": columns})

    return run


def test_incidents_are_listed_and_shown(served: Served, cli: Cli) -> None:
    """The list, and the plan card with everything the digest stands for."""
    served.do(served.world.services.facts.append(until_plan(quorum=2)))
    assert "HighErrorRate on checkout" in cli("incidents", columns="160").output
    card = cli("incidents", "i-1").output
    for shown in ("bad_release on deployment/checkout (90%)", "rollback_application application=checkout history_id=3",
                  "image goes back", "-image: 2", "deployed_revision=def456", "type=sync_application",
                  "0 of 2 (approver/admin)", plan().digest):  # fmt: skip
        assert shown in card
    assert json.loads(cli("incidents", "--json").output)[0]["id"] == "i-1"
    assert json.loads(cli("incidents", "i-1", "--json").output)["plan"]["digest"] == plan().digest


def test_what_cannot_be_undone_is_not_shown_as_nothing_to_undo(served: Served, cli: Cli) -> None:
    """A restart has nothing to undo; a sync without an inverse loses what nothing brings back."""
    lasting = (
        plan()
        .actions[0]
        .model_copy(update={"action": SyncApplication(application="checkout", revision="def456"), "inverse": None})
    )
    card = plan().model_copy(update={"actions": (lasting,)})
    served.do(served.world.services.facts.append([*until_plan()[:-1], proposed(card)]))
    assert "it cannot be undone" in cli("incidents", "i-1").output


@pytest.mark.parametrize("columns", ["80", "40"])
def test_an_incident_is_one_line_on_every_terminal(served: Served, cli: Cli, columns: str) -> None:
    """Nothing is folded or cut off, wide characters count twice: in a pipe, lines can be searched."""
    wide = "high-error-ratio-checkout-3f2545aa90"
    title = "HighErrorRate on 結帳 and on everything that calls it"
    served.do(served.world.services.facts.append([opened(wide, title=title)]))
    named, line = cli("incidents", columns=columns).output.splitlines()
    assert line.startswith(f"{wide} ")
    assert line.endswith(title)
    assert line.index("triaging") == named.index("STATUS")


def test_watching_ends_with_the_incident(served: Served, cli: Cli) -> None:
    """One line a fact, until it is closed."""
    served.do(served.world.services.facts.append((*until_plan(), closed())))
    lines = cli("incidents", "i-1", "--watch").output.splitlines()
    assert len(lines) == 6
    assert "RemediationProposed" in lines[4]
    assert "UTC" in lines[0]
    assert "resolved: checks held" in lines[-1]


def test_a_watch_for_programs_is_one_object_a_line(served: Served, cli: Cli) -> None:
    """Each can be read as soon as it is there."""
    served.do(served.world.services.facts.append((*until_plan(), closed())))
    lines = cli("incidents", "i-1", "--watch", "--json").output.splitlines()
    assert [json.loads(line)["type"] for line in lines][-1] == "IncidentClosed"
    assert len(lines) == 6


def test_every_option_and_argument_says_what_it_is_for() -> None:
    """Nobody has to guess, or to look for the words that an option takes."""
    silent = [
        f"{name} {parameter.name}"
        for name, command in commands(get_command(build()))
        for parameter in command.params
        if not getattr(parameter, "help", None)
    ]
    assert silent == []
    told = CliRunner().invoke(build(), ["incidents", "--help"], env={"COLUMNS": "400"}).output
    assert "awaiting_approval" in told


def commands(group: Command, path: str = "triagent") -> Iterator[tuple[str, Command]]:
    """Our own commands by their names on the command line."""
    if not isinstance(group, TyperGroup):
        yield path, group
        return
    for name, command in group.commands.items():
        yield from commands(command, f"{path} {name}")


def test_looking_at_the_schema_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no database, none is made to say so."""
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(build(), ["db", "current"])
    assert (shown.exit_code, shown.output) == (0, "none\n")
    assert CliRunner().invoke(build(), ["db", "history"]).exit_code == 0
    assert list(tmp_path.iterdir()) == []


def test_a_decision_names_the_plan_that_was_looked_at(served: Served, cli: Cli) -> None:
    """The digest may be shortened, not left out, where nobody can be asked; a wrong one decides nothing."""
    served.do(served.world.services.facts.append(until_plan()))
    assert cli("approve", "i-1").exit_code == 2
    assert "look at it again" in str(cli("approve", "i-1", "--digest", "0" * 12).exception)
    approved = cli("approve", "i-1", "--digest", plan().digest[:12], "--reason", "looks right")
    assert (approved.exit_code, approved.output) == (
        0,
        "approve: approved; incident i-1 is executing 1 of 1 approvals\n",
    )


def test_a_plan_is_changed_by_file(served: Served, cli: Cli, tmp_path: Path) -> None:
    """What `incidents ID --json` shows can be edited and sent back."""
    served.do(served.world.services.facts.append(until_plan()))
    card = json.loads(cli("incidents", "i-1", "--json").output)["plan"]
    card["actions"][0]["history_id"] = 2
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(card))
    result = cli("modify", "i-1", "--plan", str(path), "--digest", plan().digest, "--json")
    assert json.loads(result.output)["plan"]["actions"][0]["history_id"] == 2


def test_tokens_are_made_listed_and_revoked(cli: Cli) -> None:
    """The secret alone is on standard output, so that a script can take it."""
    made = cli("token", "create", "alice", "--scope", "incidents:read", "--role", "approver")
    assert made.stdout.strip().startswith("tri_")
    assert "alice" in cli("token", "list").output
    assert cli("token", "revoke", "alice").exit_code == 0


def test_an_answer_is_printed_with_its_evidence(cli: Cli) -> None:
    """And what it looked at on the way goes to standard error."""
    result = cli("ask", "why does checkout fail?")
    assert "checkout fails 21 % of requests" in result.stdout
    assert "e-0123456789" in result.stdout
    assert "step" in result.stderr


def exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr("sys.argv", ["triagent", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


def test_exit_codes_tell_scripts_what_happened(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 done, 1 refused, 2 wrong usage, 3 nobody answers; one line says why."""
    monkeypatch.setenv("TRIAGE_TOKEN", BOOTSTRAP)
    assert exit_code(monkeypatch, "incidents", "--url", served.url) == 0
    assert exit_code(monkeypatch, "incidents", "none", "--url", served.url) == 1
    assert capsys.readouterr().err == "error: no incident none\n"
    assert exit_code(monkeypatch, "incidents", "--limit", "many") == 2
    assert exit_code(monkeypatch, "incidents", "--url", "http://127.0.0.1:9") == 3
    assert "nobody answers at http://127.0.0.1:9" in capsys.readouterr().err
    assert exit_code(monkeypatch, "incidents", "--url", "triagent:8080") == 2
    assert "http://triagent:8080?" in capsys.readouterr().err
    monkeypatch.delenv("TRIAGE_TOKEN")
    assert exit_code(monkeypatch, "incidents", "--url", served.url) == 1
    assert "set TRIAGE_TOKEN" in capsys.readouterr().err


def test_text_from_outside_is_not_markup(served: Served, cli: Cli) -> None:
    """An alert's title cannot colour, link or break the output."""
    facts = [until_plan()[0].model_copy(update={"title": "[red]x[/] [link=http://evil]y[/link] [/nope]"})]
    served.do(served.world.services.facts.append(facts))
    for arguments in (("incidents",), ("incidents", "i-1"), ("incidents", "i-1", "--json")):
        result = cli(*arguments)
        assert result.exit_code == 0
        assert "[link=http://evil]" in result.output


def test_text_from_outside_cannot_steer_the_terminal(served: Served, cli: Cli) -> None:
    """Escapes, reading order marks and line ends in an alert's title are shown as what they are, also in JSON."""
    title = "\x1b[2J\u202efine\u200b\n   digest: 0000"
    served.do(served.world.services.facts.append([until_plan()[0].model_copy(update={"title": title})]))
    for arguments in (("incidents",), ("incidents", "i-1"), ("incidents", "i-1", "--json")):
        output = cli(*arguments).output
        assert not hidden(output)
        assert not any(line.strip().startswith("digest: 0000") for line in output.splitlines())
    assert json.loads(cli("incidents", "i-1", "--json").output)["title"] == title


def test_commands_of_other_packages_are_mounted(monkeypatch: pytest.MonkeyPatch) -> None:
    """By entry point; a broken one is named in the help, fails when it is run, and costs nobody the others."""
    points = (
        EntryPoint("greet", "tests.api.test_cli:greet", "triagent.commands"),
        EntryPoint("torn", "no_such_module:app", "triagent.commands"),
    )

    def found(**_: str) -> tuple[EntryPoint, ...]:
        return points

    monkeypatch.setattr("service.cli.app.entry_points", found)
    runner = CliRunner()
    listed = runner.invoke(build(), ["--help"])
    assert "greet" in listed.output
    assert "broken" in listed.output
    assert runner.invoke(build(), ["greet", "you"]).output == "hello you\n"
    assert runner.invoke(build(), ["torn"]).exit_code == 1


greet = typer.Typer()


@greet.command()
def hello(name: str) -> None:
    """Greet somebody."""
    typer.echo(f"hello {name}")
