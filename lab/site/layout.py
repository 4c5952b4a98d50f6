"""Where each service lives and how it gets there."""

from typing import Literal, TypeAlias

from lab.shop.manifests import application_name, service_address
from lab.shop.topology import BY_NAME, NAMESPACE, SERVICES, Service

Delivery: TypeAlias = Literal["by-hand", "on-request", "automatic", "self-healing"]
"""kubectl; Argo CD when asked to sync; Argo CD on every commit; the same, and back when live objects are changed."""

LEGACY = "shop-legacy"
"""The namespace that Argo CD knows nothing of."""
NAMESPACES = (NAMESPACE, LEGACY)
ARGOCD = "argocd"

_BY_HAND = frozenset({"payment"})
_SELF_HEALING = frozenset({"recommendation"})
AUTOSCALED = {"frontend": (2, 4)}
"""Least and most replicas of what an autoscaler scales; Git does not say how many these have."""


def delivery_of(service: Service) -> Delivery:
    """How changes of a service reach the cluster."""
    if service.name in _BY_HAND:
        return "by-hand"
    if service.name in _SELF_HEALING:
        return "self-healing"
    return "automatic" if service.auto_sync else "on-request"


def namespace_of(service: Service) -> str:
    """Where its objects are."""
    return LEGACY if delivery_of(service) == "by-hand" else NAMESPACE


def application_of(service: Service) -> str | None:
    """The Argo CD application that delivers it."""
    return None if delivery_of(service) == "by-hand" else application_name(service.name)


def secret_of(service: Service) -> str:
    """The Secret with the credentials of its database or of the company it calls; empty for services without.

    Secrets are not in Git: somebody put them there by hand.
    """
    first = service.backing.host.partition(".")[0]
    return first if service.backing.system == "postgresql" else ""


ADDRESSES = {name: service_address(name, service.port, namespace_of(service)) for name, service in BY_NAME.items()}
"""Where the services find each other, by name."""
SECRETS = {secret_of(service): namespace_of(service) for service in SERVICES if secret_of(service)}
"""The Secrets of the site with their namespaces."""
