import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.cluster.argocd import PROJECT, RBAC
from lab.parts import part
from service.api.app import described_app
from service.settings import Settings, load_settings
from service.site_files import load_site_files
from tests.docs.pages import PAGES, ROOT, blocks

EXAMPLES = {block.first.removeprefix("# "): block.text for page in PAGES for block in blocks(page, "yaml")}


def settings(tmp_path: Path, variable: str, file: str) -> Settings:
    """Settings that name the example as the site's file."""
    path = tmp_path / file
    path.write_text(EXAMPLES[file], encoding="utf-8")
    return load_settings({variable: str(path)})


def test_every_example_is_checked() -> None:
    """A YAML block on a page says which file it is, and a test here reads it."""
    tests = Path(__file__).read_text(encoding="utf-8")
    assert [file for file in EXAMPLES if f'"{file}"' not in tests] == []


def test_the_signals_load(tmp_path: Path) -> None:
    """The example replaces shipped signals, and the service takes the file."""
    signals = load_site_files(settings(tmp_path, "TRIAGE_SIGNALS__FILE", "signals.yaml")).signals
    assert "rpc_handled_total" in signals.render("error_ratio", namespace="shop")
    assert "request_rate" in signals


def test_the_objectives_load(tmp_path: Path) -> None:
    """The most specific entry wins, as the page says."""
    objectives = load_site_files(settings(tmp_path, "TRIAGE_OBJECTIVES__FILE", "objectives.yaml")).objectives
    assert [item.threshold for item in objectives.of("shop", "checkout")] == [0.005, 0.3]
    assert [item.threshold for item in objectives.of("shop", "cart")] == [0.01]


def test_the_policy_loads(tmp_path: Path) -> None:
    """Two people for high risk, and half a day to decide."""
    policy = load_site_files(settings(tmp_path, "TRIAGE_POLICY__FILE", "policy.yaml")).policy
    assert (policy.rule("high").quorum, policy.expiry.total_seconds()) == (2, 12 * 3600)


def test_alertmanager_posts_to_a_route_that_there_is() -> None:
    """The webhook's path is the API's."""
    config: Any = yaml.safe_load(EXAMPLES["alertmanager.yml"])
    (webhook,) = config["receivers"][0]["webhook_configs"]
    assert "post" in described_app().openapi()["paths"][webhook["url"].removeprefix("http://127.0.0.1:8080")]
    assert webhook["send_resolved"]


def test_argocds_accounts_get_and_sync_and_no_more() -> None:
    """The account that reads gets; the one that writes also syncs; each has a role, and nothing else is granted."""
    accounts: Any = yaml.safe_load(EXAMPLES["argocd-accounts.yaml"])["data"]
    policy: Any = yaml.safe_load(EXAMPLES["argocd-rbac.yaml"])["data"]["policy.csv"]
    lines = [tuple(word.strip() for word in line.split(",")) for line in policy.splitlines()]
    grants = {(role, *what) for kind, role, *what in lines if kind == "p"}
    roles = {account: role for kind, account, role, *_ in lines if kind == "g"}
    assert grants == {
        ("role:triagent-read", "applications", "get", "shop/*", "allow"),
        ("role:triagent-write", "applications", "get", "shop/*", "allow"),
        ("role:triagent-write", "applications", "sync", "shop/*", "allow"),
    }
    assert {f"accounts.{account}" for account in roles} == set(accounts)
    assert policy.replace("shop/*", f"{PROJECT}/*") == RBAC


def test_the_compose_override_fits_the_compose_file() -> None:
    """It changes services that there are."""
    compose: Any = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert set(yaml.safe_load(EXAMPLES["docker-compose.override.yml"])["services"]) <= set(compose["services"])


@pytest.mark.servers
def test_prometheus_accepts_the_alerts_about_triagent(tmp_path: Path) -> None:
    """promtool checks the rules."""
    rules = tmp_path / "rules.yml"
    rules.write_text(EXAMPLES["triagent-alerts.yml"], encoding="utf-8")
    argv = [part("promtool"), "check", "rules", rules]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
