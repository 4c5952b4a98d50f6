"""How each of the site's incidents must end: cause, object, change or advice, and what the cluster looks like then."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from lab.shop.manifests import image_of
from lab.shop.topology import BY_NAME
from lab.site.layout import AUTOSCALED, LEGACY, NAMESPACES, application_of
from lab.site.site import Site

SHOP = NAMESPACES[0]
IMAGE = ".spec.template.spec.containers[0].image"
SETTLED_WITHIN = 30.0
Write = tuple[str, str]
"""Resource and name of what the write identity changed in Kubernetes itself; Argo CD writes as itself."""


@dataclass(frozen=True)
class Live:
    """A field of a live object, as kubectl's JSONPath gives it, and what it must be in the end."""

    kind: str
    name: str
    path: str
    wanted: str
    namespace: str = SHOP

    def settled(self, site: Site) -> str:
        """What it is, as soon as it is as wanted; else what it still is after a while: reconcilers take their time."""
        deadline = time.monotonic() + SETTLED_WITHIN
        while (now := site.kubectl.get(self.kind, self.name, self.namespace, self.path)) != self.wanted:
            if time.monotonic() > deadline:
                break
            time.sleep(0.5)
        return now


def _nothing(_: Site) -> str:
    return ""


@dataclass(frozen=True)
class Ending:
    """What must be so when the incident is over.

    `change` is how the one action that was approved begins, empty where no typed action can help: then a human is
    paged. `says` is what the plan, or the page, must tell whoever reads it.
    """

    cause: str
    object: str
    live: Live
    change: str = ""
    writes: tuple[Write, ...] = ()
    says: Callable[[Site], str] = _nothing

    @property
    def status(self) -> Literal["resolved", "escalated"]:
        """As the incident's own status."""
        return "resolved" if self.change else "escalated"


def _revert_in_git(service: str) -> Callable[[Site], str]:
    """The bad revision by its name, and that Git has it still."""
    return lambda site: f"Git still has revision {_head(site, service)} on main: revert it there"


def _follows_git(service: str) -> Callable[[Site], str]:
    return lambda site: f"Revert revision {_head(site, service)} in Git"


def _head(site: Site, service: str) -> str:
    return site.repositories[service].head[:12]


def _sound_image(service: str, namespace: str = SHOP) -> Live:
    return Live("deployment", service, IMAGE, image_of(service, BY_NAME[service].version), namespace)


def _argo(action: str, service: str) -> str:
    return f"{action} application={application_of(BY_NAME[service])}"


ENDINGS: Mapping[str, Ending] = {
    "bad-release": Ending(
        cause="bad_release",
        object="deployment/checkout",
        change=_argo("rollback_application", "checkout"),
        says=_revert_in_git("checkout"),
        live=_sound_image("checkout"),
    ),
    "bad-configuration": Ending(
        cause="bad_configuration_change",
        object="deployment/catalog",
        change=_argo("rollback_application", "catalog"),
        says=_revert_in_git("catalog"),
        live=Live("configmap", "catalog-config", ".data.REQUEST_TIMEOUT", "2s"),
    ),
    "saturation": Ending(
        cause="pod_cpu_overload",
        object="deployment/inventory",
        change=f"scale_workload workload=deployment/{SHOP}/inventory replicas=6",
        writes=(("deployments", "inventory"),),
        says=lambda _: "the next sync undoes it unless Git follows",
        live=Live("deployment", "inventory", ".status.readyReplicas", "6"),
    ),
    "saturation-beyond-autoscaling": Ending(
        cause="pod_cpu_overload",
        object="deployment/frontend",
        says=lambda _: "An autoscaler scales deployment/frontend",
        live=Live("deployment", "frontend", ".spec.replicas", str(AUTOSCALED["frontend"][1])),
    ),
    "secret-removed": Ending(
        cause="missing_secret_binding",
        object="deployment/inventory",
        says=lambda _: 'secret "inventory-db" not found',
        live=Live("deployment", "inventory", ".spec.replicas", str(BY_NAME["inventory"].replicas)),
    ),
    "missing-image": Ending(
        cause="incorrect_image_reference",
        object="deployment/payment",
        change=f"undo_rollout workload=deployment/{LEGACY}/payment",
        writes=(("deployments", "payment"),),
        live=_sound_image("payment", LEGACY),
    ),
    "node-selector": Ending(
        cause="node_selector_mismatch",
        object="deployment/cart",
        change=_argo("rollback_application", "cart"),
        says=_revert_in_git("cart"),
        live=Live("deployment", "cart", ".spec.template.spec.nodeSelector", ""),
    ),
    "out-of-sync": Ending(
        cause="service_selector_mismatch",
        object="service/cart",
        change=_argo("sync_application", "cart"),
        says=lambda _: "only drift of live objects is undone",
        live=Live("service", "cart", ".spec.selector", '{"app.kubernetes.io/name":"cart"}'),
    ),
    "patched-against-git": Ending(
        cause="bad_configuration_change",
        object="deployment/recommendation",
        says=_follows_git("recommendation"),
        live=Live("deployment", "recommendation", ".spec.replicas", str(BY_NAME["recommendation"].replicas)),
    ),
}
