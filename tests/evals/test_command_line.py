"""`triagent evals …` and `triagent demo` as a shell sees them: exit codes and help like every other command's."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

import evals
from service.cli import main
from service.cli.app import build

INSTALLED = str(Path(evals.__file__).parents[1])


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (1, ("metrics", "--suite", "{nowhere}")),
        (1, ("run", "{nowhere}", "--planner", "offline", "--out", "{nowhere}")),
        (1, ("retrieval-ablation", "{nowhere}")),
        (1, ("transform", "{nowhere}", "renamed", "{nowhere}/x")),
        (1, ("llm-faults", "{nowhere}")),
        (2, ("scoreboard", "--only", "gremlins")),
        (3, ("record", "i-1", "--out", "{nowhere}", "--url", "http://127.0.0.1:9")),
    ],
)
def test_the_suites_exit_as_every_command_does(
    code: int,
    arguments: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """1 refused, 2 wrong usage, 3 nobody answers; the reason is said, without a traceback."""
    told = [argument.format(nowhere=tmp_path / "nowhere") for argument in arguments]
    monkeypatch.setattr("sys.argv", ["triagent", "evals", *told])
    monkeypatch.setenv("TRIAGE_TOKEN", "any")
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [("demo",), ("evals",), ("evals", "scoreboard"), ("evals", "retrieval-ablation"), ("evals", "llm")]
)
def test_help_is_the_same_on_every_machine(command: tuple[str, ...]) -> None:
    """Defaults are named as in the repository; completion is offered once, by `triagent` itself."""
    shown = CliRunner().invoke(build(), [*command, "--help"], env={"COLUMNS": "300"}).output
    assert INSTALLED not in shown
    assert "--install-completion" not in shown
    assert command == ("evals",) or "COMMAND" not in shown
