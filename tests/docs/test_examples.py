import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.parts import part
from service.api.app import described_app
from service.settings import Settings, load_settings
from service.site_files import load_site_files
from tests.docs.pages import PAGES, ROOT, blocks
from tools.kubernetes.kinds import CLUSTER_SCOPED, CONTROLLER_REVISION, LEASE, NAMESPACE, NAMESPACED, WORKLOADS, Kind

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


def granted(role: str) -> dict[tuple[str, str], set[str]]:
    """Group and resource to verbs."""
    rules: Any = yaml.safe_load(EXAMPLES[role])["rules"]
    return {
        (group, resource): set(rule["verbs"])
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def resource(kind: Kind) -> tuple[str, str]:
    """Group and resource of a kind."""
    return kind.api_version.rpartition("/")[0], kind.plural


def test_the_read_role_is_all_that_is_read() -> None:
    """Every kind that is read, with get and list; nothing else, and no other verb."""
    kinds = (*NAMESPACED, *CLUSTER_SCOPED, CONTROLLER_REVISION, LEASE, NAMESPACE)
    wanted = {*map(resource, kinds), ("", "pods/log")}
    assert granted("read-role.yaml") == {key: {"get", "list"} for key in wanted}


def test_the_write_role_patches_workloads_only() -> None:
    """The one verb that changes something is for the kinds that actions name."""
    patched = {kind for kind, verbs in granted("write-role.yaml").items() if verbs - {"get", "list"}}
    assert patched == set(map(resource, WORKLOADS.values()))


def test_the_compose_override_fits_the_compose_file() -> None:
    """It changes services that there are."""
    compose: Any = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert set(yaml.safe_load(EXAMPLES["docker-compose.override.yml"])["services"]) <= set(compose["services"])


@pytest.mark.lab
def test_prometheus_accepts_the_alerts_about_triagent(tmp_path: Path) -> None:
    """promtool checks the rules."""
    rules = tmp_path / "rules.yml"
    rules.write_text(EXAMPLES["triagent-alerts.yml"], encoding="utf-8")
    argv = [part("promtool"), "check", "rules", rules]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
