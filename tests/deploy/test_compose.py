"""`docker-compose.yml` and the configurations it mounts."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from compose_spec import ComposeSpecification, PyCompose

from lab.parts import part
from service.settings import Settings, known_settings, load_settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
OURS = pytest.mark.parametrize("service", ["api", "worker"])
REQUIRED = {"POSTGRES_PASSWORD": "p", "TRIAGE_API__BOOTSTRAP_TOKEN": "0123456789abcdef"}
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?[^}]*)\}")


def test_the_compose_file_follows_the_compose_specification():
    """Every service, volume and secret is what the specification allows."""
    parsed = PyCompose.from_yaml(yaml.safe_dump(COMPOSE))  # anchors and merge keys resolved
    parsed.validate()
    ComposeSpecification.model_validate(COMPOSE)
    assert set(parsed.service_names()) == set(COMPOSE["services"])


@pytest.mark.parametrize("broken", ["services: {x: {imgae: y}}", "services: {x: {ports: 80}}", "servces: {}"])
def test_the_validation_would_notice(broken):
    """A misspelt or mistyped field is refused."""
    with pytest.raises(ValueError, match=r"unknown|invalid|expected|missing|extension"):
        PyCompose.from_yaml(broken)


def test_it_describes_the_whole_service():
    """Temporal with its UI on 8088, PostgreSQL, Qdrant, Prometheus, Alertmanager, Tempo and Grafana beside ours."""
    assert set(COMPOSE["services"]) >= {
        "api",
        "worker",
        "temporal",
        "postgresql",
        "qdrant",
        "prometheus",
        "alertmanager",
        "tempo",
        "grafana",
    }
    assert COMPOSE["services"]["temporal-ui"]["ports"] == ["127.0.0.1:8088:8080"]


def test_prometheus_scrapes_what_serves_metrics():
    """API and worker, each at the port it listens on."""
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    (job,) = (job for job in config["scrape_configs"] if job["job_name"] == "triagent")
    settings = Settings()
    wanted = {f"api:{settings.api.port}", f"worker:{settings.worker.port}"}
    assert set(job["static_configs"][0]["targets"]) == wanted


def interpolated(service, given):
    """A service's environment as compose makes it of an .env file with the `given` variables."""

    def value(match):
        return given.get(match["name"]) or match["default"] or ""

    environment = COMPOSE["services"][service]["environment"]
    return {name: VARIABLE.sub(value, text) for name, text in environment.items()}


@OURS
def test_every_setting_it_passes_exists(service):
    """No TRIAGE_ variable is unknown to the service, which would refuse to start."""
    known = {setting.name for setting in known_settings()}
    assert set(COMPOSE["services"][service]["environment"]) <= known


@OURS
def test_what_is_not_set_is_not_missed(service):
    """With nothing but the two secrets that it asks for, the settings are whole: what is empty counts as unset."""
    settings = load_settings(interpolated(service, REQUIRED))
    assert settings.kubernetes.kubeconfig is None
    assert (settings.policy.file, settings.signals.file, settings.objectives.file) == (None, None, None)


def test_reading_and_writing_identities_reach_the_worker(tmp_path):
    """Clusters by context, Argo CD's second token, the pager's key; the API is not told what only writing needs."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.touch()
    given = REQUIRED | {
        "TRIAGE_KUBERNETES__KUBECONFIG": str(kubeconfig),
        "TRIAGE_KUBERNETES__CONTEXT": "read",
        "TRIAGE_KUBERNETES__WRITE_CONTEXT": "write",
        "TRIAGE_ARGOCD__URL": "https://argocd.example",
        "TRIAGE_ARGOCD__TOKEN": "reads",
        "TRIAGE_ARGOCD__WRITE_TOKEN": "writes",
        "TRIAGE_PAGER__WEBHOOK_URL": "https://events.example",
        "TRIAGE_PAGER__ROUTING_KEY": "key",
    }
    worker, api = (load_settings(interpolated(service, given)) for service in ("worker", "api"))
    assert (worker.kubernetes.context, worker.kubernetes.write_context) == ("read", "write")
    assert worker.argocd.write.token.get_secret_value() == "writes"
    assert worker.pager.routing_key.get_secret_value() == "key"
    assert api.kubernetes.context == "read"
    assert "writes" not in interpolated("api", given).values()


@OURS
def test_a_site_may_bring_files(service):
    """`./site` is mounted where the settings can name files in it, and need not be there."""
    (mount,) = COMPOSE["services"][service]["volumes"]
    assert (mount["source"], mount["target"], mount["read_only"]) == ("./site", "/etc/triagent", True)
    assert mount["bind"]["create_host_path"]


def test_every_file_it_mounts_exists():
    """Bind mounts point into the repository."""
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", []):
            if isinstance(volume, str) and volume.startswith("./"):
                assert (ROOT / volume.partition(":")[0]).exists()


def test_secrets_stay_out_of_the_repository():
    """What the pages tell people to write beside the code is ignored by Git."""
    names = [".env", "triagent.env", "jane.token", "deploy/alertmanager/token", "docker-compose.override.yml", "site/x"]
    argv = ["/usr/bin/env", "git", "check-ignore", "--no-index", *names]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.splitlines() == names


@pytest.mark.servers
def test_prometheus_accepts_its_configuration_and_rules():
    """promtool checks the shipped configuration."""
    done = subprocess.run(
        [part("promtool"), "check", "config", ROOT / "deploy/prometheus/prometheus.yml"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
