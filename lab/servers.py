"""Start-up of the real servers: writes their configuration below a data folder, waits until they answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from lab.parts import part
from lab.process import Server, Servers, answers, free_port, succeeds


@dataclass(frozen=True)
class Started:
    """A server that answers at `address` (a URL; `host:port` for Temporal), and its process."""

    address: str
    server: Server


@dataclass(frozen=True)
class Scrape:
    """A target for Prometheus: `host:port` with `/metrics`."""

    job: str
    target: str


@dataclass(frozen=True)
class Webhook:
    """Where Alertmanager posts, and the file with the bearer token it sends (read anew for each post)."""

    url: str
    token_file: Path


@dataclass(frozen=True)
class Grouping:
    """Alertmanager's grouping, with waits short enough to watch."""

    by: tuple[str, ...] = ("alertname", "namespace", "service")
    wait: str = "1s"
    interval: str = "2s"
    repeat: str = "1m"


@dataclass(frozen=True)
class PrometheusOptions:
    """What Prometheus scrapes, which rules it evaluates, whom it tells; intervals are one second.

    `history` is an OpenMetrics file with samples from before the start.
    """

    scrape: Sequence[Scrape] = ()
    rules: Sequence[Path] = ()
    alertmanager: str | None = None
    history: Path | None = None
    flags: Sequence[str] = field(default=("--enable-feature=exemplar-storage",))


def prometheus(
    servers: Servers, data_dir: Path, options: PrometheusOptions | None = None, *, port: int | None = None
) -> Started:
    """Start Prometheus on loopback with its data in `data_dir`; ServerError when it does not get ready."""
    options = options or PrometheusOptions()
    data_dir.mkdir(parents=True, exist_ok=True)
    config = data_dir / "prometheus.yml"
    config.write_text(yaml.safe_dump(_prometheus_config(options), sort_keys=False))
    storage = data_dir / "tsdb"
    if options.history:
        backfill = [part("promtool"), "tsdb", "create-blocks-from", "openmetrics", options.history, storage]
        servers.start("promtool", backfill).finish(within=60)
    listen = f"127.0.0.1:{port or free_port()}"
    server = servers.start(
        "prometheus",
        [
            part("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={storage}",
            f"--web.listen-address={listen}",
            f"--web.external-url=http://{listen}",  # links in alerts name this address, not the host's name
            *options.flags,
        ],
    )
    server.wait_until(answers(f"http://{listen}/-/ready"), within=30)
    return Started(f"http://{listen}", server)


def _prometheus_config(options: PrometheusOptions) -> Mapping[str, object]:
    alerting = {"alertmanagers": [{"static_configs": [{"targets": [_host_port(options.alertmanager)]}]}]}
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path.resolve()) for path in options.rules],
        # honor_labels: the scraped page speaks for many pods and services and labels its own samples.
        "scrape_configs": [
            {"job_name": each.job, "honor_labels": True, "static_configs": [{"targets": [each.target]}]}
            for each in options.scrape
        ],
        **({"alerting": alerting} if options.alertmanager else {}),
    }


def alertmanager(
    servers: Servers, data_dir: Path, webhook: Webhook, *, grouping: Grouping | None = None, port: int | None = None
) -> Started:
    """Start Alertmanager on loopback with one webhook receiver that gets firing and resolved notices."""
    data_dir.mkdir(parents=True, exist_ok=True)
    config = data_dir / "alertmanager.yml"
    config.write_text(yaml.safe_dump(_alertmanager_config(webhook, grouping or Grouping()), sort_keys=False))
    listen = f"127.0.0.1:{port or free_port()}"
    server = servers.start(
        "alertmanager",
        [
            part("alertmanager"),
            f"--config.file={config}",
            f"--storage.path={data_dir / 'storage'}",
            f"--web.listen-address={listen}",
            f"--web.external-url=http://{listen}",  # links in alerts name this address, not the host's name
            "--cluster.listen-address=",  # one instance, no gossip
        ],
    )
    server.wait_until(answers(f"http://{listen}/-/ready"), within=30)
    return Started(f"http://{listen}", server)


def _alertmanager_config(webhook: Webhook, grouping: Grouping) -> Mapping[str, object]:
    authorization = {"type": "Bearer", "credentials_file": str(webhook.token_file.resolve())}
    receiver = {"url": webhook.url, "send_resolved": True, "http_config": {"authorization": authorization}}
    return {
        # An alert that Prometheus stops sending is resolved after this long; its own resolved notices come sooner.
        "global": {"resolve_timeout": "1m"},
        "route": {
            "receiver": "triage",
            "group_by": list(grouping.by),
            "group_wait": grouping.wait,
            "group_interval": grouping.interval,
            "repeat_interval": grouping.repeat,
        },
        "receivers": [{"name": "triage", "webhook_configs": [receiver]}],
    }


def temporal(servers: Servers, data_dir: Path, *, port: int | None = None) -> Started:
    """Start a Temporal dev server with an SQLite file in `data_dir`, tuned as its defaults are five times slower."""
    data_dir.mkdir(parents=True, exist_ok=True)
    binary, address = part("temporal"), f"127.0.0.1:{port or free_port()}"
    server = servers.start(
        "temporal",
        [
            *(binary, "server", "start-dev", "--headless"),
            *("--ip", "127.0.0.1", "--port", address.rpartition(":")[2], "--ui-port", str(free_port())),
            *("--db-filename", data_dir / "temporal.db"),
            *("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"),
            *("--dynamic-config-value", "system.enableActivityEagerExecution=true"),
            *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=5000"),
            *("--dynamic-config-value", 'history.timerProcessorMaxTimeShift="250ms"'),
        ],
    )
    described = [binary, "operator", "namespace", "describe", "--namespace", "default", "--address", address]
    server.wait_until(succeeds(described), within=60)
    return Started(address, server)


def _host_port(url: str | None) -> str:
    return (url or "").removeprefix("http://")
