"""All settings, and the only place that reads the environment.

Names are `TRIAGE_` plus group and field, joined by `__`: `TRIAGE_PLANNER__MODEL`. Unknown names, contradictions and bad
values refuse to start and are listed by name. `docs/settings.md` is generated from this file.
"""

import difflib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from domain.errors import Misconfigured
from service import setting_groups as groups

PREFIX = "TRIAGE_"
CLIENT_URL = "TRIAGE_URL"
CLIENT_TOKEN = "TRIAGE_TOKEN"  # noqa: S105 - the name of a variable


class Settings(BaseSettings):
    """Built by `load_settings`; direct construction takes values and reads no environment."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__")

    temporal: groups.TemporalSettings = groups.TemporalSettings()
    database: groups.DatabaseSettings = groups.DatabaseSettings()
    qdrant: groups.QdrantSettings = groups.QdrantSettings()
    embeddings: groups.EmbeddingsSettings = groups.EmbeddingsSettings()
    planner: groups.PlannerSettings = groups.PlannerSettings()
    prometheus: groups.UpstreamSettings = groups.UpstreamSettings()
    alertmanager: groups.UpstreamSettings = groups.UpstreamSettings()
    tempo: groups.UpstreamSettings = groups.UpstreamSettings()
    argocd: groups.ArgoSettings = groups.ArgoSettings()
    grafana: groups.GrafanaSettings = groups.GrafanaSettings()
    kubernetes: groups.KubernetesSettings = groups.KubernetesSettings()
    knowledge: groups.KnowledgeSettings = groups.KnowledgeSettings()
    signals: groups.FileSettings = groups.FileSettings()
    policy: groups.FileSettings = groups.FileSettings()
    objectives: groups.FileSettings = groups.FileSettings()
    api: groups.ApiSettings = groups.ApiSettings()
    worker: groups.WorkerSettings = groups.WorkerSettings()
    correlation: groups.CorrelationSettings = groups.CorrelationSettings()
    verification: groups.VerificationSettings = groups.VerificationSettings()
    pager: groups.PagerSettings = groups.PagerSettings()
    retention: groups.RetentionSettings = groups.RetentionSettings()
    http: groups.HttpSettings = groups.HttpSettings()
    telemetry: groups.TelemetrySettings = groups.TelemetrySettings()
    log: groups.LogSettings = groups.LogSettings()
    cache: Path = Path(".triagent/cache")
    """The user's cache folder, where set-up puts server binaries; XDG says where, no setting of ours."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Values given to the constructor only; `load_settings` brings the environment in."""
        return (init_settings,)


class ClientSettings(BaseModel):
    """How the command line reaches a running service. Exempt from the check for unknown names."""

    model_config = ConfigDict(frozen=True)

    url: str = "http://127.0.0.1:8080"
    token: SecretStr | None = None


class Setting(NamedTuple):
    """One row of the settings table."""

    name: str
    default: str
    description: str


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from `environ`, by default the process's. Raises `Misconfigured`, which lists every problem."""
    variables = os.environ if environ is None else environ
    _refuse_unknown(variables)
    try:
        return Settings.model_validate({**_Environment(variables)(), "cache": _cache_folder(variables)})
    except ValidationError as error:
        raise Misconfigured("\n".join(_problem(item) for item in error.errors())) from error


def load_client_settings(environ: Mapping[str, str] | None = None) -> ClientSettings:
    """Where the service is and who is asking, from `TRIAGE_URL` and `TRIAGE_TOKEN`."""
    variables = os.environ if environ is None else environ
    given = {"url": variables.get(CLIENT_URL), "token": variables.get(CLIENT_TOKEN)}
    return ClientSettings.model_validate({name: value for name, value in given.items() if value})


def known_settings() -> tuple[Setting, ...]:
    """Every setting in the order of the code."""
    return tuple(
        Setting(_variable(group, name), _default(field), field.description or "")
        for group, model in _groups()
        for name, field in model.model_fields.items()
    )


def settings_table() -> str:
    """`docs/settings.md`."""
    rows = [
        f"| `{item.name}` | {f'`{item.default}`' if item.default else ''} | {item.description} |"
        for item in known_settings()
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            "From the environment only. Unknown `TRIAGE_` variables and contradictions refuse to start, by name.",
            "An empty variable is not set. This page is generated: `python -m service.settings > docs/settings.md`.",
            "",
            "| variable | default | meaning |",
            "|---|---|---|",
            *rows,
            "",
            f"The command line reads `{CLIENT_URL}` (default `{ClientSettings().url}`) and `{CLIENT_TOKEN}`.",
            "",
        ]
    )


class _Environment(EnvSettingsSource):
    """pydantic-settings' reader of variables, over a mapping that the caller chose."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        # An empty variable means "not set": compose files and charts pass those along.
        return {name.lower(): value for name, value in self._variables.items() if value}


def _cache_folder(variables: Mapping[str, str]) -> Path:
    home = variables.get("HOME") or str(Path.home())
    return Path(variables.get("XDG_CACHE_HOME") or f"{home}/.cache") / "triagent"


def _groups() -> Iterator[tuple[str, type[groups.Group]]]:
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, groups.Group):
            yield name, field.annotation


def _variable(*path: str) -> str:
    return PREFIX + "__".join(path).upper()


def _default(field: FieldInfo) -> str:
    value: object = field.default
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if value in {None, (), ""}:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refuse_unknown(variables: Mapping[str, str]) -> None:
    known = [setting.name for setting in known_settings()]
    unknown = sorted(
        name for name in variables if name.upper().startswith(PREFIX) and name not in {*known, CLIENT_URL, CLIENT_TOKEN}
    )
    if unknown:
        raise Misconfigured("\n".join(_unknown(name, known) for name in unknown))


def _unknown(name: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(name.upper(), known, n=3, cutoff=0.8)
    return f"{name} is not a setting" + (
        f"; did you mean {' or '.join(nearest)}?" if nearest else "; see docs/settings.md"
    )


def _problem(error: ErrorDetails) -> str:
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error" and PREFIX in message:
        return message
    return f"{_variable(*(str(part) for part in error['loc'][:2]))}: {message}"


if __name__ == "__main__":
    sys.stdout.write(settings_table())
