"""One recording brought up as a site, and the settings by which the product finds it."""

import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import SecretStr, TypeAdapter
from starlette.applications import Starlette
from starlette.routing import Mount

from evals.recordings import Recording
from evals.replay.alertmanager import AlertmanagerReplay
from evals.replay.argocd import ArgoReplay
from evals.replay.endings import with_endings
from evals.replay.kubernetes import REVIEWER, KubernetesReplay
from evals.replay.listening import listening
from evals.replay.objects import ObjectTable
from evals.replay.prometheus import Commands, prometheus
from service.setting_groups import ArgoSettings, FileSettings, KubernetesSettings, UpstreamSettings
from service.settings import Settings
from tools.documents import JsonObject

CONTEXT = "replay"
TOKEN = "replay"  # noqa: S105 - the replayed systems ask nobody for one
_APPLICATIONS: TypeAdapter[list[JsonObject]] = TypeAdapter(list[JsonObject])


@dataclass(frozen=True)
class ReplayedSite:
    """Where the replayed systems answer."""

    kubeconfig: Path
    prometheus: str
    alertmanager: str
    argocd: str
    signals: Path

    def settings(self, base: Settings) -> Settings:
        """`base` with this site's systems, and none other of the kinds a triage reads."""
        return base.model_copy(
            update={
                "kubernetes": KubernetesSettings(kubeconfig=self.kubeconfig),
                "prometheus": UpstreamSettings(url=self.prometheus),
                "alertmanager": UpstreamSettings(url=self.alertmanager),
                "argocd": ArgoSettings(url=self.argocd),
                "tempo": UpstreamSettings(),
                "signals": FileSettings(file=self.signals),
            }
        )

    def reviewing(self, base: Settings) -> Settings:
        """`settings`, with the identities that plans are prepared with: dry runs are answered, writes refused."""
        read = self.settings(base)
        return read.model_copy(
            update={
                "kubernetes": KubernetesSettings(kubeconfig=self.kubeconfig, write_context=REVIEWER),
                "argocd": ArgoSettings(url=self.argocd, write_token=SecretStr(REVIEWER)),
            }
        )


@asynccontextmanager
async def replayed(recording: Recording, signals: Path, commands: Commands) -> AsyncGenerator[ReplayedSite]:
    """The recorded systems, answering while the block runs. `signals` is the suite's catalogue.

    Raises `Misconfigured` for a recording that cannot be served, `UpstreamUnavailable` if Prometheus does not start.
    """
    with tempfile.TemporaryDirectory(prefix="triagent-replay-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        async with (
            listening(_application(recording)) as url,
            prometheus(commands, with_endings(recording.metrics, recording.taken_at), folder) as metrics,
        ):
            yield ReplayedSite(
                kubeconfig=_kubeconfig(folder, f"{url}/kubernetes"),
                prometheus=metrics,
                alertmanager=f"{url}/alertmanager",
                argocd=f"{url}/argocd",
                signals=signals,
            )


def _application(recording: Recording) -> Starlette:
    objects = ObjectTable(recording.items)
    kubernetes = KubernetesReplay(objects, recording.logs, recording.taken_at)
    argocd = ArgoReplay(recording.manifests, recording.namespace, objects, _applications(recording))
    return Starlette(
        routes=[
            Mount("/kubernetes", routes=kubernetes.routes()),
            Mount("/argocd", routes=argocd.routes()),
            Mount("/alertmanager", routes=AlertmanagerReplay(recording.active_alerts).routes()),
        ]
    )


def _applications(recording: Recording) -> tuple[JsonObject, ...]:
    """What Argo CD said of its applications, where that was recorded. Raises `ValidationError`."""
    content = recording.extra.get("applications.json", b"[]")
    return tuple(_APPLICATIONS.validate_json(content))


def _kubeconfig(folder: Path, server: str) -> Path:
    path = folder / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": CONTEXT,
        "clusters": [{"name": "replay", "cluster": {"server": server}}],
        "contexts": [
            {"name": CONTEXT, "context": {"cluster": "replay", "user": "reader"}},
            {"name": REVIEWER, "context": {"cluster": "replay", "user": REVIEWER}},
        ],
        "users": [{"name": "reader", "user": {"token": TOKEN}}, {"name": REVIEWER, "user": {"token": REVIEWER}}],
    }
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path
