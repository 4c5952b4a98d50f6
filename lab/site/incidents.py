"""What can happen to the site: each strikes by what really goes wrong in clusters, and can be made good again."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from lab.shop.cluster.objects import Manifest
from lab.shop.manifests import Release, image_of
from lab.shop.topology import BY_NAME
from lab.site.control import Weather
from lab.site.images import MISSING_PREFIX, flawed_release, version_after
from lab.site.layout import AUTOSCALED, NAMESPACES, secret_of
from lab.site.manifests import release_of, secret_manifest
from lab.site.site import Site

TOO_SHORT = {"REQUEST_TIMEOUT": "0.01s"}
"""Less than most answers take."""
SURGE = 3.0
"""More than the replicas can take; twice as many can."""
BEYOND_AUTOSCALING = 10.0
"""More than the replicas that the autoscaler may have can take."""
UNKNOWN_NODES = {"shop.example/disk": "nvme"}
"""A label that no node has."""

Act = Callable[[Site], None]


@dataclass(frozen=True)
class Incident:
    """One thing that goes wrong with `service`; `mend` puts everything back, whatever was done about it meanwhile."""

    name: str
    sentence: str
    service: str
    strike: Act
    mend: Act


def _released(change: Callable[[Release], Release], cause: str, service: str) -> Act:
    """Release a changed state of the service, through Git where it is delivered from there."""

    def act(site: Site) -> None:
        site.release(change(release_of(BY_NAME[service], cause=cause)))

    return act


def _restored(service: str) -> Act:
    return lambda site: site.restore(service)


def _bad_release(release: Release) -> Release:
    return replace(release, image=image_of(release.service.name, flawed_release(release.service)))


def _bad_configuration(release: Release) -> Release:
    return replace(release, config=TOO_SHORT)


def _missing_image(release: Release) -> Release:
    tag = MISSING_PREFIX + version_after(release.service.version)
    return replace(release, image=image_of(release.service.name, tag))


def _nowhere_to_run(release: Release) -> Release:
    return replace(release, node_selector=UNKNOWN_NODES)


def _crowd(service: str, factor: float) -> Act:
    return lambda site: site.weather(Weather(surges={service: factor}))


def _crowd_leaves(service: str) -> Act:
    """Replicas that were added go, too: by the autoscaler, or else with the next sync."""

    def act(site: Site) -> None:
        site.weather(Weather())
        if service not in AUTOSCALED:
            site.restore(service)

    return act


def _secret_removed(service: str) -> Act:
    """Somebody deletes the Secret; the pods notice when they are started anew, as when their nodes are drained."""

    def act(site: Site) -> None:
        name = secret_of(BY_NAME[service])
        where = f"--namespace={NAMESPACES[0]}"
        site.kubectl.run("delete", "secret", name, where)
        site.kubectl.run("delete", "pods", where, f"--selector=app.kubernetes.io/name={service}", "--wait=false")

    return act


def _secret_restored(service: str) -> Act:
    def act(site: Site) -> None:
        site.kubectl.apply([secret_manifest(secret_of(BY_NAME[service]))])
        site.restore(service)

    return act


def _selector_edited(service: str) -> Act:
    """Somebody edits the live Service, so that it selects no pods."""
    patch: Manifest = {"spec": {"selector": {"app.kubernetes.io/name": f"{service}-canary"}}}
    return lambda site: site.kubectl.patch("service", service, NAMESPACES[0], patch)


def _patched_against_git(service: str) -> Act:
    """Bad configuration comes from Git; somebody adds replicas by hand, and Argo CD puts Git's number back."""

    def act(site: Site) -> None:
        bad = _bad_configuration(release_of(BY_NAME[service], cause="Lower the timeout of calls"))
        site.release(bad)
        site.settle(BY_NAME[service])
        more = BY_NAME[service].replicas + 2
        site.kubectl.run("scale", f"deployment/{service}", f"--namespace={NAMESPACES[0]}", f"--replicas={more}")

    return act


INCIDENTS = (
    Incident(
        "bad-release",
        "A new release fails about a third of its requests.",
        "checkout",
        _released(_bad_release, "Discount engine rewrite", "checkout"),
        _restored("checkout"),
    ),
    Incident(
        "bad-configuration",
        "A timeout that is too short comes from Git.",
        "catalog",
        _released(_bad_configuration, "Lower the timeout of calls", "catalog"),
        _restored("catalog"),
    ),
    Incident(
        "saturation",
        "A service without an autoscaler gets three times its usual requests.",
        "inventory",
        _crowd("inventory", SURGE),
        _crowd_leaves("inventory"),
    ),
    Incident(
        "saturation-beyond-autoscaling",
        "An autoscaled service gets more than its most replicas can take.",
        "frontend",
        _crowd("frontend", BEYOND_AUTOSCALING),
        _crowd_leaves("frontend"),
    ),
    Incident(
        "secret-removed",
        "A Secret is deleted, and the pods that need it are started anew.",
        "inventory",
        _secret_removed("inventory"),
        _secret_restored("inventory"),
    ),
    Incident(
        "missing-image",
        "A release names an image tag that does not exist, in the namespace without Argo CD.",
        "payment",
        _released(_missing_image, "Release the next version", "payment"),
        _restored("payment"),
    ),
    Incident(
        "node-selector",
        "A release asks for nodes that there are none of.",
        "cart",
        _released(_nowhere_to_run, "Run on fast disks", "cart"),
        _restored("cart"),
    ),
    Incident(
        "out-of-sync",
        "Somebody edits a live Service, so that it selects no pods.",
        "cart",
        _selector_edited("cart"),
        _restored("cart"),
    ),
    Incident(
        "patched-against-git",
        "A self-healing application gets bad configuration from Git, and a patch by hand does not last.",
        "recommendation",
        _patched_against_git("recommendation"),
        _restored("recommendation"),
    ),
)
"""In the order in which they are played."""
