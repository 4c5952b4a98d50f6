"""The settings by group: what each means, its default, and which values refuse to start."""

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import limits
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    UrlConstraints,
    model_validator,
)
from pydantic_core import Url
from pydantic_settings import NoDecode

STATE_FOLDER = Path(".triagent")
"""Where the defaults keep their files, relative to the working directory."""

_HTTP_URL: TypeAdapter[Url] = TypeAdapter(Annotated[Url, UrlConstraints(allowed_schemes=["http", "https"])])


def _http_url(value: str) -> str:
    if not value:
        return value
    _HTTP_URL.validate_python(value)
    return value.rstrip("/")


def _database_url(value: SecretStr) -> SecretStr:
    scheme, _, path = value.get_secret_value().partition("://")
    if scheme.partition("+")[0] not in {"sqlite", "postgresql", "postgres"}:
        raise ValueError("expected sqlite:///path or postgresql://user:password@host/name")
    if scheme.startswith("sqlite") and (not path.strip("/") or ":memory:" in path):
        raise ValueError("a database in memory would lose acknowledged alerts; expected sqlite:///path")
    return value


def _rate(value: str) -> str:
    if value:
        limits.parse_many(value)
    return value


def _comma_separated(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


HttpUrl = Annotated[str, AfterValidator(_http_url)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Days = Annotated[int, Field(ge=0, le=36_500)]
Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_separated)]


class Group(BaseModel):
    """What every group shares."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TemporalSettings(Group):
    """Durable execution."""

    address: str = Field(default="", description="host:port of a Temporal frontend; empty: an embedded dev server")
    namespace: str = Field(default="default", min_length=1, description="Temporal namespace")
    ui_port: int | None = Field(
        default=None, ge=1, le=65_535, description="port of the embedded dev server's web UI; empty: no UI"
    )


class DatabaseSettings(Group):
    """Facts, inbox, tokens, audit log."""

    url: Annotated[SecretStr, AfterValidator(_database_url)] = Field(
        default=SecretStr(f"sqlite:///{STATE_FOLDER}/triagent.db"),
        description="sqlite:///path or postgresql://user:password@host/name",
    )


class QdrantSettings(Group):
    """The index behind knowledge search."""

    url: HttpUrl = Field(default="", description="a Qdrant server; empty: embedded")
    path: Path | None = Field(default=None, description=f"folder of the embedded index; default {STATE_FOLDER}/qdrant")
    api_key: SecretStr | None = Field(default=None, description="key of the Qdrant server")

    @model_validator(mode="after")
    def _one_place(self) -> "QdrantSettings":
        if self.url and self.path:
            raise ValueError("TRIAGE_QDRANT__URL and TRIAGE_QDRANT__PATH are both set; keep one")
        if self.api_key and not self.url:
            raise ValueError("TRIAGE_QDRANT__API_KEY needs TRIAGE_QDRANT__URL")
        return self

    @property
    def folder(self) -> Path:
        """Where the embedded index lives."""
        return self.path or STATE_FOLDER / "qdrant"


class EmbeddingsSettings(Group):
    """Dense retrieval."""

    model: str = Field(default="", description="a sentence-transformers model; empty: BM25 only")


KEYED_PROVIDERS = frozenset(
    {"openai", "openai-chat", "openai-responses", "anthropic", "google", "google-gla", "groq", "mistral", "openrouter"}
)
"""Providers of hosted models, which answer nobody without a key."""


class PlannerSettings(Group):
    """Who investigates."""

    model: str = Field(default="offline", min_length=1, description="`offline`, or a pydantic-ai model id")
    base_url: HttpUrl = Field(default="", description="an OpenAI-compatible server")
    api_key: SecretStr | None = Field(default=None, description="key of the model's provider")
    max_tool_calls: int = Field(default=24, ge=1, le=200, description="tool calls an investigation may make")
    max_tokens: int = Field(default=200_000, ge=1_000, description="tokens an investigation may use, in and out")
    request_timeout: float = Field(default=45.0, gt=0, le=55, description="seconds for one model request")

    @model_validator(mode="after")
    def _reachable(self) -> "PlannerSettings":
        provider, colon, _ = self.model.partition(":")
        if self.model == "offline":
            self._refuse_leftovers()
        elif not colon:
            raise ValueError(f"TRIAGE_PLANNER__MODEL is {self.model!r}; expected `offline` or `provider:model`")
        elif provider in KEYED_PROVIDERS and not (self.api_key or self.base_url):
            raise ValueError(
                f"TRIAGE_PLANNER__MODEL={self.model} needs TRIAGE_PLANNER__API_KEY or TRIAGE_PLANNER__BASE_URL"
            )
        return self

    def _refuse_leftovers(self) -> None:
        if self.base_url or self.api_key:
            raise ValueError(
                "TRIAGE_PLANNER__BASE_URL or TRIAGE_PLANNER__API_KEY is set, but TRIAGE_PLANNER__MODEL is offline"
            )


class UpstreamSettings(Group):
    """A system triagent reads from."""

    url: HttpUrl = Field(default="", description="base URL; empty: not configured")
    token: SecretStr | None = Field(default=None, description="bearer token")


class ArgoSettings(UpstreamSettings):
    """Argo CD."""

    write_token: SecretStr | None = Field(
        default=None, description="bearer token for approved changes; empty: applications cannot be changed"
    )

    @model_validator(mode="after")
    def _has_a_url(self) -> "ArgoSettings":
        if self.write_token and not self.url:
            raise ValueError("TRIAGE_ARGOCD__WRITE_TOKEN needs TRIAGE_ARGOCD__URL")
        return self

    @property
    def write(self) -> UpstreamSettings | None:
        """Argo CD with the token that approved changes are made with; None without one."""
        return UpstreamSettings(url=self.url, token=self.write_token) if self.write_token else None


class GrafanaSettings(Group):
    """Where people look at dashboards."""

    url: HttpUrl = Field(default="", description="base URL; watched by /readyz")


class ClusterAccess(NamedTuple):
    """A kubeconfig and a context in it; None: the service account of the pod, the file's current one."""

    kubeconfig: Path | None
    context: str | None


class KubernetesSettings(Group):
    """The cluster."""

    kubeconfig: Path | None = Field(default=None, description="kubeconfig file")
    context: str = Field(default="", description="context to read with; empty: the file's current one")
    write_kubeconfig: Path | None = Field(
        default=None, description="kubeconfig file of the write identity; empty: KUBECONFIG with WRITE_CONTEXT"
    )
    write_context: str = Field(
        default="",
        description="context for approved changes; without it and WRITE_KUBECONFIG workloads cannot be changed",
    )
    in_cluster: bool = Field(default=False, description="read with the service account of the pod triagent runs in")

    @model_validator(mode="after")
    def _one_identity(self) -> "KubernetesSettings":
        if self.in_cluster and (self.kubeconfig or self.context):
            raise ValueError("TRIAGE_KUBERNETES__IN_CLUSTER contradicts TRIAGE_KUBERNETES__KUBECONFIG and __CONTEXT")
        if self.write_kubeconfig and not self.configured:
            raise ValueError("TRIAGE_KUBERNETES__WRITE_KUBECONFIG needs an identity to read with")
        if self.write_context and not (self.write_kubeconfig or self.kubeconfig):
            raise ValueError(
                "TRIAGE_KUBERNETES__WRITE_CONTEXT needs TRIAGE_KUBERNETES__KUBECONFIG or __WRITE_KUBECONFIG beside it"
            )
        for name, file in (("KUBECONFIG", self.kubeconfig), ("WRITE_KUBECONFIG", self.write_kubeconfig)):
            if file and not file.is_file():
                raise ValueError(f"TRIAGE_KUBERNETES__{name}: {file} is not a file")
        return self

    @property
    def configured(self) -> bool:
        """Whether there is a cluster at all."""
        return bool(self.kubeconfig or self.context or self.in_cluster)

    @property
    def read(self) -> ClusterAccess | None:
        """What investigations read with; None where there is no cluster."""
        return ClusterAccess(self.kubeconfig, self.context or None) if self.configured else None

    @property
    def write(self) -> ClusterAccess | None:
        """What approved changes are made with; None where nobody named it: reading alone is the default."""
        if not (self.write_kubeconfig or self.write_context):
            return None
        return ClusterAccess(self.write_kubeconfig or self.kubeconfig, self.write_context or None)


class KnowledgeSettings(Group):
    """Runbooks and patterns of the site."""

    sources: Listed = Field(default=(), description="folders or git+https://…@ref, comma-separated")


class FileSettings(Group):
    """A YAML file of the site."""

    file: Path | None = Field(default=None, description="YAML file; empty: the shipped defaults")


class ApiSettings(Group):
    """The HTTP server."""

    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(default=8080, ge=0, le=65_535, description="port to listen on; 0: any free one")
    bootstrap_token: SecretStr | None = Field(default=None, description="an admin token for first use")
    max_body: int = Field(default=4 * 2**20, ge=1024, description="bytes a request body may have")
    rate_limit: Annotated[str, AfterValidator(_rate)] = Field(
        default="", description="requests a token may make, such as 600/minute; webhooks are exempt; empty: no limit"
    )

    @model_validator(mode="after")
    def _strong(self) -> "ApiSettings":
        if self.bootstrap_token and len(self.bootstrap_token.get_secret_value()) < 16:
            raise ValueError("TRIAGE_API__BOOTSTRAP_TOKEN is too short; use 16 characters or more")
        return self


class WorkerSettings(Group):
    """A process that is a worker and nothing else."""

    port: int = Field(
        default=8081,
        ge=0,
        le=65_535,
        description="port of /healthz, /readyz and /metrics of `triagent worker`, on API__HOST; 0: none",
    )


class CorrelationSettings(Group):
    """Alerts to incidents."""

    wait: float = Field(default=2.0, ge=0, le=3600, description="seconds to wait for more alerts of a group")
    reopen_window: float = Field(default=600.0, ge=0, description="seconds in which a repeat joins its closed incident")
    quiet_period: Seconds = Field(
        default=600.0, description="seconds all alerts must have been gone for until an undecided plan is dropped"
    )


class VerificationSettings(Group):
    """Did the change help."""

    soak: float = Field(default=60.0, ge=0, le=86_400, description="seconds all checks must hold without a break")
    timeout: Seconds = Field(default=600.0, description="seconds until a change that does not help is undone")
    interval: Seconds = Field(default=5.0, description="seconds between two looks")
    window: str = Field(
        default="1m", pattern=r"^[1-9][0-9]*[smh]$", description="window of the rates that are looked at, as in PromQL"
    )

    @model_validator(mode="after")
    def _fits(self) -> "VerificationSettings":
        if self.soak >= self.timeout:
            raise ValueError("TRIAGE_VERIFICATION__SOAK must be shorter than TRIAGE_VERIFICATION__TIMEOUT")
        return self


class PagerSettings(Group):
    """Whom to call."""

    webhook_url: HttpUrl = Field(default="", description="where pages are posted; PagerDuty Events v2 or plain JSON")
    token: SecretStr | None = Field(default=None, description="bearer token for a plain webhook")
    routing_key: SecretStr | None = Field(default=None, description="PagerDuty routing key")

    @model_validator(mode="after")
    def _has_a_url(self) -> "PagerSettings":
        if not self.webhook_url and (self.token or self.routing_key):
            raise ValueError("TRIAGE_PAGER__TOKEN and __ROUTING_KEY need TRIAGE_PAGER__WEBHOOK_URL")
        return self


class RetentionSettings(Group):
    """How long the database keeps what is over. 0: for good."""

    incidents: Days = Field(default=730, description="days after its end that an incident and its facts are kept")
    artifacts: Days = Field(default=180, description="days that raw tool output is kept after it was last seen")
    audit: Days = Field(default=2555, description="days that entries of the audit log are kept")


class HttpSettings(Group):
    """How upstreams are asked."""

    timeout: Seconds = Field(default=10.0, description="seconds for one request to an upstream")
    max_bytes: int = Field(default=16 * 2**20, ge=1024, description="bytes an upstream's answer may have")


class TelemetrySettings(Group):
    """Traces."""

    otlp_endpoint: HttpUrl = Field(default="", description="OTLP/HTTP base URL; empty: spans are not exported")


class LogSettings(Group):
    """Log lines, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="least level written")
    format: Literal["console", "json"] = Field(default="console", description="for people, or for a log pipeline")
