"""The shop as a whole: one state, moved on in ticks."""

import random
import uuid
from datetime import datetime, timedelta

from lab.shop.argocd.applications import Applications, new_spec
from lab.shop.argocd.git import Git
from lab.shop.argocd.models import Automated, SyncPolicy
from lab.shop.argocd.operations import Operations
from lab.shop.clock import Clock
from lab.shop.cluster.deployments import DeploymentController
from lab.shop.cluster.endpoints import EndpointsController
from lab.shop.cluster.events import EventRecorder
from lab.shop.cluster.garbage import GarbageCollector
from lab.shop.cluster.images import Registry
from lab.shop.cluster.kubelet import Kubelet
from lab.shop.cluster.reconciler import Reconciler
from lab.shop.cluster.replica_sets import ReplicaSetController
from lab.shop.cluster.scheduler import Scheduler
from lab.shop.cluster.stateful_sets import StatefulSetController
from lab.shop.cluster.store import ObjectStore
from lab.shop.manifests import Release, application_name
from lab.shop.metrics.requests import RequestMetrics
from lab.shop.releases import ADDRESSES, Releases
from lab.shop.seed import seed_cluster
from lab.shop.tempo.traces import TraceStore
from lab.shop.topology import NAMESPACE, SERVICES, Service
from lab.shop.traffic.conditions import Conditions
from lab.shop.traffic.customers import Customers
from lab.shop.traffic.network import Network
from lab.shop.traffic.saturation import Saturation
from lab.shop.traffic.walk import Walker

TICK = 0.25
# Long enough for every rollout of the shop's past to finish.
ROLLOUT_SECONDS = 14.0


class Shop:
    """The cluster, the customers and what both leave behind; the same seed gives the same life."""

    def __init__(self, seed: int, now: datetime):
        self.clock = Clock(now - timedelta(days=9))
        self.store = ObjectStore(self.clock, _stream(seed, "uids"))
        self.events = EventRecorder(self.store, self.clock, _stream(seed, "events"))
        self.registry = Registry()
        self.kubelet = Kubelet(self.store, self.events, self.registry, self.clock)
        self.conditions = Conditions()
        self.metrics = RequestMetrics()
        self.traces = TraceStore(_stream(seed, "sampling"))
        self.git = Git(self.clock, _stream(seed, "git"))
        self.applications = Applications(self.store, self.git)
        self.operations = Operations(self.applications, self.store, self.events, self.clock)
        self.releases = Releases(self.store, self.git, self.applications, self.operations, self.registry)
        self.network = Network(self.store, self.kubelet, _stream(seed, "balancing"))
        self.saturation = Saturation(self.conditions)
        self._deployments = DeploymentController(self.store, self.events, self.clock)
        self._controllers = Reconciler(
            self.store,
            GarbageCollector(self.store),
            ReplicaSetController(self.store, self.events, _stream(seed, "names")),
            StatefulSetController(self.store, self.events),
            Scheduler(self.store, self.events),
        )
        self._endpoints = Reconciler(self.store, EndpointsController(self.store))
        self._customers = Customers(self._walker(seed), self.conditions, ADDRESSES)
        self._live_through_the_past(now, _stream(seed, "applications"))

    def _walker(self, seed: int) -> Walker:
        return Walker(
            network=self.network,
            saturation=self.saturation,
            conditions=self.conditions,
            metrics=self.metrics,
            traces=self.traces,
            clock=self.clock,
            rng=_stream(seed, "traffic"),
        )

    def step(self, seconds: float) -> None:
        """Let time pass, in ticks."""
        left = seconds
        while left > 1e-9:
            passed = min(TICK, left)
            self._tick(passed)
            self._customers.step(passed)
            self.saturation.step(passed, list(self.kubelet.processes()))
            left -= passed
        self.metrics.forget_pods({pod.name for pod in self.kubelet.pods()})

    def _tick(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.operations.step()
        self._deployments.step()
        self._controllers.step()
        self.kubelet.step(seconds)
        self._endpoints.step()

    def _live_through_the_past(self, now: datetime, rng: random.Random) -> None:
        """Every service was released twice before today, so that there is something to look back at and go back to."""
        seed_cluster(self.store)
        for service in SERVICES:
            if service.tracked:
                self._add_application(service, rng)
        for days, cause in ((9, "Initial release"), (2, "Update dependencies and base image")):
            self.clock.jump(now - timedelta(days=days))
            for service in SERVICES:
                tag = service.version if days == 2 else _version_before(service.version)
                self.releases.release(Release(service, self.releases.push(service.name, tag), f"{cause} ({tag})"))
            self._settle()
        self.clock.jump(now)
        self.events.expire()

    def _settle(self) -> None:
        for _ in range(int(ROLLOUT_SECONDS / TICK)):
            self._tick(TICK)

    def _add_application(self, service: Service, rng: random.Random) -> None:
        spec = new_spec(self.git.repository(service.name), NAMESPACE)
        if service.auto_sync:
            spec = spec.model_copy(update={"sync_policy": SyncPolicy(automated=Automated())})
        uid = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        self.applications.add(application_name(service.name), service.name, uid, spec, self.clock.now())


def _stream(seed: int, name: str) -> random.Random:
    """A source of chance of its own, so that reading one part of the shop does not change another."""
    return random.Random(f"{seed}/{name}")


def _version_before(tag: str) -> str:
    major, minor, patch = (int(part) for part in tag.split("."))
    return f"{major}.{minor}.{patch - 1}" if patch else f"{major}.{minor - 1}.4"
