"""Settings: from the environment alone, refused by name when they are wrong, and documented."""

from pathlib import Path

import pytest

from domain.errors import Misconfigured
from service.settings import Settings, known_settings, load_client_settings, load_settings, settings_table
from service.site_files import load_site_files

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_an_empty_environment_is_enough() -> None:
    """Every setting has a default: embedded Temporal, SQLite, offline planner."""
    settings = load_settings({})
    assert (settings.temporal.address, settings.planner.model, settings.api.port) == ("", "offline", 8080)
    assert settings.database.url.get_secret_value() == "sqlite:///.triagent/triagent.db"


def test_every_setting_is_read_from_its_variable() -> None:
    """`TRIAGE_` and `__` lead to the field, whatever its type; an empty variable is one that is not set."""
    settings = load_settings(
        {
            "TRIAGE_PLANNER__MODEL": "openai:gpt-5",
            "TRIAGE_PLANNER__API_KEY": "k",
            "TRIAGE_API__PORT": "0",
            "TRIAGE_KNOWLEDGE__SOURCES": "runbooks, git+https://git.example/books@main",
            "TRIAGE_KUBERNETES__IN_CLUSTER": "true",
            "TRIAGE_PROMETHEUS__URL": "http://prometheus:9090/",
            "TRIAGE_TEMPO__URL": "",
            "UNRELATED": "x",
        }
    )
    assert settings.planner.model == "openai:gpt-5"
    assert settings.api.port == 0
    assert settings.knowledge.sources == ("runbooks", "git+https://git.example/books@main")
    assert settings.kubernetes.in_cluster
    assert settings.prometheus.url == "http://prometheus:9090"
    assert settings.tempo.url == ""


REFUSED = {
    "typo": (
        {"TRIAGE_PLANER__MODEL": "x"},
        "TRIAGE_PLANER__MODEL is not a setting; did you mean TRIAGE_PLANNER__MODEL",
    ),
    "lower case": ({"triage_api__port": "1"}, "triage_api__port is not a setting; did you mean TRIAGE_API__PORT"),
    "nothing like it": ({"TRIAGE_BOGUS": "1"}, "TRIAGE_BOGUS is not a setting; see docs/settings.md"),
    "group": ({"TRIAGE_PLANNER": '{"model": "offline"}'}, "TRIAGE_PLANNER is not a setting"),
    "number": ({"TRIAGE_API__PORT": "eighty"}, "TRIAGE_API__PORT: "),
    "range": ({"TRIAGE_API__PORT": "70000"}, "TRIAGE_API__PORT: "),
    "url": ({"TRIAGE_PROMETHEUS__URL": "prometheus:9090"}, "TRIAGE_PROMETHEUS__URL: "),
    "scheme": ({"TRIAGE_TEMPO__URL": "ftp://tempo"}, "TRIAGE_TEMPO__URL: "),
    "two indexes": (
        {"TRIAGE_QDRANT__URL": "http://qdrant:6333", "TRIAGE_QDRANT__PATH": "index"},
        "TRIAGE_QDRANT__URL and TRIAGE_QDRANT__PATH are both set",
    ),
    "no key": ({"TRIAGE_PLANNER__MODEL": "anthropic:x"}, "needs TRIAGE_PLANNER__API_KEY or TRIAGE_PLANNER__BASE_URL"),
    "no provider": ({"TRIAGE_PLANNER__MODEL": "gpt-5"}, "expected `offline` or `provider:model`"),
    "leftover key": ({"TRIAGE_PLANNER__API_KEY": "k"}, "TRIAGE_PLANNER__MODEL is offline"),
    "database": ({"TRIAGE_DATABASE__URL": "mysql://x/y"}, "TRIAGE_DATABASE__URL: "),
    "in memory": ({"TRIAGE_DATABASE__URL": "sqlite:///:memory:"}, "TRIAGE_DATABASE__URL: .*lose acknowledged alerts"),
    "kubeconfig": ({"TRIAGE_KUBERNETES__KUBECONFIG": "/nope"}, "TRIAGE_KUBERNETES__KUBECONFIG: /nope is not a file"),
    "writer": ({"TRIAGE_KUBERNETES__WRITE_CONTEXT": "w"}, "TRIAGE_KUBERNETES__WRITE_CONTEXT needs"),
    "pager": ({"TRIAGE_PAGER__TOKEN": "t"}, "need TRIAGE_PAGER__WEBHOOK_URL"),
    "soak": ({"TRIAGE_VERIFICATION__SOAK": "700"}, "TRIAGE_VERIFICATION__SOAK must be shorter"),
    "weak token": ({"TRIAGE_API__BOOTSTRAP_TOKEN": "short"}, "TRIAGE_API__BOOTSTRAP_TOKEN is too short"),
    "rate": ({"TRIAGE_API__RATE_LIMIT": "often"}, "TRIAGE_API__RATE_LIMIT: "),
}


@pytest.mark.parametrize(("environ", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_refused_by_name(environ: dict[str, str], says: str) -> None:
    """Unknown names, bad values and contradictions name their setting."""
    with pytest.raises(Misconfigured, match=says):
        load_settings(environ)


def test_all_problems_are_named_at_once() -> None:
    """Nobody wants to find them one start at a time."""
    with pytest.raises(Misconfigured) as caught:
        load_settings({"TRIAGE_API__PORT": "x", "TRIAGE_TEMPO__URL": "y"})
    assert len(str(caught.value).splitlines()) == 2


def test_secrets_do_not_show() -> None:
    """Not in the settings' text, which may end up in a log."""
    environ = {
        "TRIAGE_API__BOOTSTRAP_TOKEN": "s3cret-s3cret-s3cret",
        "TRIAGE_DATABASE__URL": "postgresql://u:s3cret@h/d",
    }
    assert "s3cret" not in repr(load_settings(environ))


def test_the_client_has_settings_of_its_own() -> None:
    """`TRIAGE_URL` and `TRIAGE_TOKEN` are for the command line and no mistake."""
    environ = {"TRIAGE_URL": "http://triagent:1", "TRIAGE_TOKEN": "t"}
    load_settings(environ)
    client = load_client_settings(environ)
    assert client.url == "http://triagent:1"


def test_values_may_be_given_without_an_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Direct construction reads no variable."""
    monkeypatch.setenv("TRIAGE_API__PORT", "1")
    assert Settings().api.port == 8080


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "not yaml": (b"rules:\n  low: [", "line 2: "),
    "not utf-8": (b"rules: \xff", "utf-8"),
    "unknown field": (b"expiry: P1D\nquorum: 0\n", "line 2, quorum: "),
    "nested": (b"rules:\n  low: {}\n  medium: {}\n  high:\n    quorum: 0\n", "line 5, rules.high.quorum: "),
    "gate turned off": (b"rules: {}\n", "policy has no rule"),
}


@pytest.mark.parametrize(("text", "says"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_policy_file_is_refused_with_its_line(tmp_path: Path, text: bytes, says: str) -> None:
    """The setting, the file, the line and the field."""
    path = tmp_path / "policy.yaml"
    path.write_bytes(text)
    with pytest.raises(Misconfigured, match=r"TRIAGE_POLICY__FILE: .*policy\.yaml") as caught:
        load_site_files(load_settings({"TRIAGE_POLICY__FILE": str(path)}))
    assert says in str(caught.value)


BAD_SIGNALS: dict[str, tuple[str, str]] = {
    "not yaml": ("up: up\nerrors: [", "line 2"),
    "not a mapping": ("- up\n", "is not a mapping of signal names to PromQL"),
    "not a query": ("up: up\nerrors: {a: b}\n", "line 2, errors: "),
    "nested, not flat": ("signals:\n  up: up\n", "line 1, signals: "),
    "name": ("up: up\n\nMyErrors: up\n", "line 3, MyErrors: "),
    "placeholder": ("up: up\nerrors: up{a='$app'}\n", "line 2, errors: "),
}


@pytest.mark.parametrize(("text", "says"), BAD_SIGNALS.values(), ids=BAD_SIGNALS)
def test_a_bad_signals_file_is_refused_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    """The setting, the file, and the line of the entry that is wrong."""
    path = tmp_path / "signals.yaml"
    path.write_text(text)
    with pytest.raises(Misconfigured, match=r"TRIAGE_SIGNALS__FILE: .*signals\.yaml") as caught:
        load_site_files(load_settings({"TRIAGE_SIGNALS__FILE": str(path)}))
    assert says in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """Rather than running with other rules than its owner believes."""
    with pytest.raises(Misconfigured, match="TRIAGE_SIGNALS__FILE: cannot read"):
        load_site_files(load_settings({"TRIAGE_SIGNALS__FILE": str(tmp_path / "none.yaml")}))


def test_site_files_are_read(tmp_path: Path) -> None:
    """A policy, objectives and signals of one's own take effect."""
    (tmp_path / "p.yaml").write_text("max_replicas: 7\n")
    (tmp_path / "o.yaml").write_text("services:\n  - objectives: [{signal: latency_p95, threshold: 0.2}]\n")
    (tmp_path / "s.yaml").write_text("latency_p95: my_latency\n")
    names = {"POLICY": "p", "OBJECTIVES": "o", "SIGNALS": "s"}
    environ = {f"TRIAGE_{name}__FILE": str(tmp_path / f"{file}.yaml") for name, file in names.items()}
    site = load_site_files(load_settings(environ))
    assert site.policy.max_replicas == 7
    assert site.objectives.of("shop", "checkout")[0].threshold == 0.2
    assert site.signals.render("latency_p95") == "my_latency"
    assert "error_ratio" in site.signals


def test_the_documented_table_is_the_code() -> None:
    """`docs/settings.md` lists exactly the settings there are; `python -m service.settings` prints it."""
    assert DOCS.read_text(encoding="utf-8") == settings_table()


def test_every_setting_is_described() -> None:
    """In a few words, by name."""
    assert all(setting.description for setting in known_settings())
