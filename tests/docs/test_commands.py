import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from lab.demo.stack import Stack, product_settings, start_stack
from lab.environment import inherited
from lab.process import Servers, answers, free_port
from lab.servers import Webhook
from tests.docs.pages import CONTRIBUTING, GETTING_STARTED, OPERATIONS, PAGES, Block, blocks

BIN = Path(sys.executable).parent
DOCUMENTED_URL = "http://127.0.0.1:8080"
RUN = {GETTING_STARTED, OPERATIONS}
SETTINGS_FILE = "cat > triagent.env <<EOF"

NOT_RUN = {
    SETTINGS_FILE: "the fixture runs it, and starts the service with what it writes",
    "set -a; . ./triagent.env; set +a\ntriagent up": "the fixture starts the service",
    "make demo": "takes minutes; tests/lab has its parts",
    "make setup": "made the environment that runs this",
    "make evals": "takes minutes; tests/evals has its parts",
    "triagent evals run SUITE --planner offline --out results.jsonl": "needs suites, minutes and models: tests/evals",
    "make help": "lint, types, imports and tests themselves: what CI runs",
    ".venv/bin/pytest tests/domain": "a run of the tests inside of a test",
    ".venv/bin/pytest tests/workflows --record-histories": "writes new recordings",
    ".venv/bin/python -m service.settings > docs/settings.md": "writes into the repository; other tests compare",
    "cat > .env <<EOF": "needs Docker; tests/deploy checks the compose file",
    "kubectl apply -k deploy/kubernetes/base": "needs a cluster; tests/lab/test_least_privilege.py applies them to one",
    "kubectl create clusterrolebinding triagent-read \\": "needs a cluster",
    "kubectl create token triagent-read -n triagent --duration 8h": "needs a cluster",
    'pg_dump --format=custom --file=triagent.dump "$TRIAGE_DATABASE__URL"': "PostgreSQL's own tool",
}
"""By first line, or by the whole text where first lines are alike."""

WAIT_FOR = {
    # Worker and API of one process start side by side.
    "set -a; . ./triagent.env; set +a": """
until curl -s "$TRIAGE_URL/readyz" | grep -q '"worker":{"state":"up"'; do sleep 0.2; done
""",
    # Where a reader reads on, a plan is made.
    "export TRIAGE_TOKEN=$(cat jane.token)": """
until curl -s "$TRIAGE_URL/incidents?status=awaiting_approval" \\
  -H "Authorization: Bearer $TRIAGE_API__BOOTSTRAP_TOKEN" | grep -q '"id"'; do sleep 0.2; done
""",
}

QUICK = {
    "TRIAGE_CORRELATION__WAIT": "0.2",
    "TRIAGE_VERIFICATION__SOAK": "1",
    "TRIAGE_VERIFICATION__TIMEOUT": "30",
    "TRIAGE_VERIFICATION__INTERVAL": "0.5",
    "TRIAGE_VERIFICATION__WINDOW": "10s",
}
"""Seconds where a site waits minutes."""


@dataclass(frozen=True)
class Site:
    """Where somebody follows the pages: a working directory, and the service on the settings written there."""

    folder: Path
    url: str
    environment: Mapping[str, str]

    def paste(self, text: str) -> str:
        """Run commands in a shell as the reader has it, up to the first that fails; returns what they print."""
        done = subprocess.run(
            ["/usr/bin/env", "bash", "-euo", "pipefail", "-c", text.replace(DOCUMENTED_URL, self.url)],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def follow(self, page: Path) -> str:
        """Paste the commands of a page one block after another; returns what they print."""
        shown = [block for block in blocks(page, "sh") if reason(block) is None]
        return self.paste(
            "\n".join(f"echo '== {block}'\n{WAIT_FOR.get(block.first, '')}{block.text}" for block in shown)
        )


def reason(block: Block) -> str | None:
    """Why a block is not run; None if it is."""
    return NOT_RUN.get(block.first) or NOT_RUN.get(block.text.strip())


def settings_of(folder: Path, stack: Stack, port: int) -> dict[str, str]:
    """Write the page's settings file as the page says, then put the shop's addresses in the place of the examples."""
    (block,) = (block for block in blocks(GETTING_STARTED, "sh") if block.first == SETTINGS_FILE)
    subprocess.run(["/usr/bin/env", "bash", "-euc", block.text], cwd=folder, check=True, timeout=30)
    file = folder / "triagent.env"
    documented = dict(line.split("=", 1) for line in file.read_text(encoding="utf-8").splitlines())
    real = product_settings(stack)
    assert set(real) <= set(documented), "the page leaves out what the service needs"
    settings = {**documented, **real, "TRIAGE_API__PORT": str(port)}
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
    return settings


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The service of the getting-started page, on a shop in which one service cannot pull its image."""
    folder, port = tmp_path_factory.mktemp("site"), free_port()
    url = f"http://127.0.0.1:{port}"
    with Servers(folder / "logs") as servers:
        webhook = Webhook(f"{url}/alerts/alertmanager", folder / "no.token")
        stack = start_stack(servers, folder / "shop", webhook, past_minutes=0)
        httpx.post(f"{stack.shop.control}/failures/bad-image-tag", json={"service": "payment"}).raise_for_status()
        settings = settings_of(folder, stack, port)
        environment = inherited({**settings, **QUICK}, without_prefix="TRIAGE_")
        environment["PATH"] = f"{BIN}:{environment['PATH']}"
        server = servers.start("triagent", [BIN / "triagent", "up"], env=environment, cwd=folder)
        server.wait_until(answers(f"{url}/readyz"), within=60)
        access = {"TRIAGE_URL": url, "TRIAGE_TOKEN": settings["TRIAGE_API__BOOTSTRAP_TOKEN"]}
        yield Site(folder, url, environment | access)


@pytest.mark.servers
@pytest.mark.temporal
def test_getting_started_leads_from_settings_to_a_resolved_incident(site: Site) -> None:
    """Every command of the page works in its place, and the end is what the page promises."""
    told = site.follow(GETTING_STARTED)
    assert '"status":"ready"' in told
    assert '{"received":1,"deduplicated":0}' in told
    assert "approve: approved" in told
    assert "resolved: applied; every check held" in told
    assert (site.folder / "jane.token").stat().st_mode & 0o077 == 0


@pytest.mark.servers
@pytest.mark.temporal
def test_the_commands_of_the_operations_page_work(site: Site) -> None:
    """Backup, schema, tokens, audit log, readiness."""
    told = site.follow(OPERATIONS)
    assert '"intact":true' in told
    assert (site.folder / "backup.db").stat().st_size > 0


def test_every_command_is_run_or_has_a_reason_why_not() -> None:
    """No page shows a command that nobody tries."""
    untried = [
        str(block) for page in PAGES for block in blocks(page, "sh") if page not in RUN and reason(block) is None
    ]
    assert untried == []


def test_no_reason_is_left_over() -> None:
    """A reason is for a block that is there."""
    shown = [block for page in PAGES for block in blocks(page, "sh")]
    assert [key for key in (*NOT_RUN, *WAIT_FOR) if all(key not in {b.first, b.text.strip()} for b in shown)] == []
    assert {block.page for block in shown if reason(block) is None} == RUN
    assert any(block.page == CONTRIBUTING for block in shown)
