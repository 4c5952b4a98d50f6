"""The site as a whole: put on a cluster, released to, reverted."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from lab.cluster.kubectl import Kubectl
from lab.process import ServerError, Servers, free_port
from lab.shop.cluster.objects import Manifest
from lab.shop.manifests import Release
from lab.shop.releases import with_cause
from lab.shop.topology import BY_NAME, SERVICES, Service
from lab.site.argo import Argo
from lab.site.control import Weather
from lab.site.images import version_before
from lab.site.layout import application_of, delivery_of, namespace_of
from lab.site.manifests import application_manifest, foundation, metrics_service, release_of, site_manifests
from lab.site.repositories import Repository
from lab.site.traffic import TrafficAddresses

DELIVERED_WITHIN = 90.0
"""Seconds for every application to be deployed and healthy, on a busy machine."""

RUNNING = "running.json"
"""In the data folder: where the simulator answers that was started last."""

Say = Callable[[str], None]
"""Tells what is being done now, in a few words."""


@dataclass(frozen=True)
class Access:
    """The way into a cluster: an administrator's kubeconfig, Argo CD's URL and a token that may sync.

    The API server asks for the logs of all nodes at `node_port`.
    """

    kubeconfig: Path
    argocd: str
    argocd_token: str
    node_port: int


@dataclass
class Site:
    """The running site."""

    kubectl: Kubectl
    argo: Argo
    traffic: TrafficAddresses
    repositories: dict[str, Repository]

    def release(self, release: Release) -> str:
        """Commit and let Argo CD deliver, or apply; the Git revision, empty for what no repository holds.

        Returns when the release is asked for, not when it runs: a bad one never may.
        """
        service, manifests = release.service, site_manifests(release)
        application = application_of(service)
        if application is None:
            self.kubectl.apply([with_cause(manifest, release.cause) for manifest in manifests])
            return ""
        revision = self.repositories[service.name].commit(manifests, release.cause)
        self.deliver(service)
        return revision

    def deliver(self, service: Service) -> None:
        """Let Argo CD see what Git says now, and deploy it unless it does so by itself."""
        application = application_of(service)
        if application is None:
            return
        self.argo.application(application, refresh=True)
        if delivery_of(service) == "on-request":
            self.argo.sync(application)

    def settle(self, *services: Service, within: float = DELIVERED_WITHIN) -> None:
        """Return when the services run what was released last. Raises `ServerError` when one takes longer."""
        wanted = [
            (application, self.repositories[service.name].head)
            for service in services
            if (application := application_of(service))
        ]
        self.argo.wait(wanted, within=within)
        for service in services:
            if application_of(service) is None:
                where = f"--namespace={namespace_of(service)}"
                kind = service.kind.lower()
                self.kubectl.run("rollout", "status", f"{kind}/{service.name}", where, f"--timeout={within:.0f}s")

    def weather(self, weather: Weather) -> None:
        """Change what happens outside the cluster."""
        httpx.put(
            f"{self.traffic.control}/weather", json=weather.model_dump(mode="json"), trust_env=False, timeout=10
        ).raise_for_status()

    def restore(self, name: str) -> None:
        """Release the service's sound version again and wait for it."""
        service = BY_NAME[name]
        self.release(release_of(service, cause=f"Revert {name} to {service.version}"))
        self.settle(service)


def start_site(servers: Servers, access: Access, data_dir: Path, say: Say) -> Site:
    """Put the shop on a cluster and let its customers come; whatever an earlier start left there is made sound again.

    Every service is released twice at first, so that there is something to go back to. Raises `ServerError`.
    """
    kubectl = Kubectl(access.kubeconfig)
    say("namespaces and secrets")
    kubectl.apply(foundation())
    say("traffic simulator")
    traffic = start_traffic(servers, access, data_dir / "traffic")
    kubectl.apply(metrics_service(_port(traffic.resource_metrics)))
    site = Site(kubectl, Argo(access.argocd, access.argocd_token), traffic, _repositories(data_dir))
    if not (data_dir / RUNNING).exists():
        say("first release of every service")
        _first_release(site)
    say("current release of every service")
    for service in SERVICES:
        site.release(release_of(service))
    site.settle(*SERVICES)
    (data_dir / RUNNING).write_text(traffic.model_dump_json())
    return site


def running_site(access: Access, data_dir: Path) -> Site:
    """The site that another process started with this folder. Raises `ServerError` when none did."""
    if not (data_dir / RUNNING).exists():
        raise ServerError(f"no site was started with {data_dir}")
    traffic = TrafficAddresses.model_validate_json((data_dir / RUNNING).read_bytes())
    argo = Argo(access.argocd, access.argocd_token)
    return Site(Kubectl(access.kubeconfig), argo, traffic, _repositories(data_dir))


def start_traffic(servers: Servers, access: Access, data_dir: Path, *, seed: int = 1) -> TrafficAddresses:
    """Start the simulator; it waits for whatever is not in the cluster yet."""
    data_dir.mkdir(parents=True, exist_ok=True)
    where = ["--kubeconfig", access.kubeconfig, "--data-dir", data_dir, "--seed", str(seed)]
    ports = ["--metrics-port", str(free_port()), "--node-port", str(access.node_port)]
    argv = [sys.executable, "-m", "lab.site.traffic", *where, *ports]
    return TrafficAddresses.model_validate_json(servers.start("traffic", argv).first_line(within=60))


def _repositories(data_dir: Path) -> dict[str, Repository]:
    return {each.name: Repository(data_dir / "git" / each.name) for each in SERVICES if application_of(each)}


def _first_release(site: Site) -> None:
    """Applications need a repository with something in it before they exist; Argo CD needs them before it syncs."""
    applications: list[Manifest] = []
    for name, repository in site.repositories.items():
        before = _release_before(BY_NAME[name])
        repository.commit(site_manifests(before), before.cause)
        applications.append(application_manifest(before.service, repository.url))
    site.kubectl.apply(applications)
    for service in SERVICES:
        if application_of(service):
            site.deliver(service)
        else:
            site.release(_release_before(service))
    site.settle(*SERVICES)


def _release_before(service: Service) -> Release:
    return release_of(service, version_before(service.version), "Initial release")


def _port(url: str) -> int:
    return urlsplit(url).port or 443
