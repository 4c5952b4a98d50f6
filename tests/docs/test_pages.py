import re
import tomllib
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from agent.planner.models import RUN_SECONDS
from domain.actions import ACTION
from domain.policy import Policy
from service.cli.app import build
from service.metrics import Metrics
from service.scopes import SCOPES
from service.settings import CLIENT_TOKEN, CLIENT_URL, known_settings
from service.store.mail import Depth
from tests.docs.pages import (
    ARCHITECTURE,
    CONTRIBUTING,
    GETTING_STARTED,
    OPERATIONS,
    PAGES,
    ROOT,
    anchors,
    blocks,
    code,
    links,
    name,
)

SETTINGS = {setting.name for setting in known_settings()} | {CLIENT_URL, CLIENT_TOKEN}
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=name)


@EVERY_PAGE
def test_every_setting_that_is_named_exists(page: Path) -> None:
    """No page asks for a variable that the service would refuse."""
    named = set(re.findall(r"\bTRIAGE_[A-Z][A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
    assert named <= SETTINGS


@EVERY_PAGE
def test_every_link_leads_somewhere(page: Path) -> None:
    """Files that are linked exist, and the headings behind `#` too."""
    broken: list[str] = []
    for link in links(page):
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(link)
    assert broken == []


@EVERY_PAGE
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    """`make x` on a page is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    commands = [*code(page), *(line for block in blocks(page, "sh") for line in block.text.splitlines())]
    named = {match[1] for command in commands if (match := re.match(r"make ([a-z-]+)", command))}
    assert named <= targets


@EVERY_PAGE
def test_every_command_that_is_named_exists(page: Path) -> None:
    """`triagent x` on a page is a command, its own or another package's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = get_command(build())
    assert isinstance(own, TyperGroup)
    named = {match[1] for text in code(page) if (match := re.match(r"triagent ([a-z]+)", text))}
    assert named <= {*own.commands, *project["entry-points"]["triagent.commands"]}


@pytest.mark.parametrize("page", [ARCHITECTURE, CONTRIBUTING], ids=name)
def test_every_path_that_is_named_exists(page: Path) -> None:
    """Whoever looks for a room finds it where the page says."""
    rooms = {path.name for path in ROOT.iterdir() if path.is_dir()}
    paths = [path for path in code(page) if re.fullmatch(r"[\w.-]+/[\w./-]*", path) and path.split("/")[0] in rooms]
    assert len(paths) > 1
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_map_of_the_house_is_complete() -> None:
    """Every package, and every folder of code beside them, has its line."""
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {"tests", "deploy"}
    assert {f"{room}/" for room in rooms} - set(code(ARCHITECTURE)) == set()


def test_the_tables_of_scopes_and_risks_are_the_code_s() -> None:
    """The operator's tables name every scope, and every action at its risk with the shipped policy's quorum."""
    rows = re.findall(r"^\| (\S+) \| (.+) \| (.+) \| (.+) \|$", OPERATIONS.read_text(encoding="utf-8"), re.MULTILINE)
    by_risk = {row[0]: row[1:] for row in rows}
    assert {scope for scope in code(OPERATIONS) if re.fullmatch(r"[a-z]+:[a-z]+|ask", scope)} == set(SCOPES)
    for schema in ACTION.json_schema()["$defs"].values():
        if "type" in schema.get("properties", {}) and "const" in schema["properties"]["type"]:
            assert any(f"`{schema['properties']['type']['const']}`" in row[0] for row in by_risk.values())
    for risk, rule in Policy().rules.items():
        assert by_risk[risk][1:] == (str(rule.quorum), ", ".join(rule.roles))


def test_every_metric_of_the_table_is_exposed() -> None:
    """What the page says to watch is there."""
    exposed = Metrics().render(Depth(0, 0.0, 0), 0).decode()
    rows = re.findall(
        r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*)(?: \*)? \| ", OPERATIONS.read_text(encoding="utf-8"), re.MULTILINE
    )
    named = {metric for row in rows for metric in re.findall(r"`([a-z_]+)`", row)}
    metrics = {
        metric for metric in named if metric.endswith(("_seconds", "_depth", "_aside", "_groups", "_pending", "_total"))
    }
    assert len(metrics) >= 8
    families = set(re.findall(r"^# TYPE (\S+) ", exposed, re.MULTILINE))
    assert metrics <= families


def test_the_limit_of_an_investigation_is_the_code_s() -> None:
    """How long a language model may take, as operators read it."""
    assert f"{RUN_SECONDS:g} s an investigation by a language model" in OPERATIONS.read_text(encoding="utf-8")


def test_every_make_target_has_its_help() -> None:
    """`make help` lists what pages name; what only other targets need is not named on one."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    helped = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    named = {match[1] for page in PAGES for command in code(page) if (match := re.match(r"make ([a-z-]+)", command))}
    assert named <= helped


def test_the_go_that_pages_ask_for_is_the_modules() -> None:
    """Whoever installs what the page says can build every server."""
    modules = (ROOT / "lab/parts/modules").glob("*/go.mod")
    asked = {re.findall(r"^go (\S+)$", module.read_text(encoding="utf-8"), re.MULTILINE)[0] for module in modules}
    for page in (ROOT / "README.md", GETTING_STARTED, ROOT / "docs/lab.md"):
        assert set(re.findall(r"\bGo (\d+\.\d+\.\d+)", page.read_text(encoding="utf-8"))) == asked
