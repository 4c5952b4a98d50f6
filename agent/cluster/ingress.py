"""Routes into and through the cluster: Ingresses, Istio's VirtualServices, HTTPRoutes of the Gateway API.

Sources: https://kubernetes.io/docs/concepts/services-networking/ingress/,
https://istio.io/latest/docs/reference/config/networking/virtual-service/, https://gateway-api.sigs.k8s.io/reference/spec/
"""

from pydantic import Field

from agent.cluster.objects import KubernetesModel, KubernetesObject


class BackendPort(KubernetesModel):
    """A Service's port by number or name."""

    number: int | None = None
    name: str = ""


class BackendService(KubernetesModel):
    """The Service behind a path."""

    name: str = ""
    port: BackendPort = BackendPort()


class IngressBackend(KubernetesModel):
    """Where a path leads; `service` is None for a resource backend."""

    service: BackendService | None = None


class IngressPath(KubernetesModel):
    """One path."""

    path: str = "/"
    backend: IngressBackend = IngressBackend()


class IngressPaths(KubernetesModel):
    """The paths of a host."""

    paths: tuple[IngressPath, ...] = ()


class IngressRule(KubernetesModel):
    """One host, all hosts if empty."""

    host: str = ""
    http: IngressPaths = IngressPaths()


class IngressSpec(KubernetesModel):
    """The rules of an Ingress."""

    default_backend: IngressBackend | None = None
    rules: tuple[IngressRule, ...] = ()


class Ingress(KubernetesObject):
    """An Ingress."""

    spec: IngressSpec = IngressSpec()


class Destination(KubernetesModel):
    """A host, as DNS names it, and a port."""

    host: str = ""
    port: BackendPort = BackendPort()


class WeightedDestination(KubernetesModel):
    """A share of the traffic, in percent."""

    destination: Destination = Destination()
    weight: int | None = None


class UriMatch(KubernetesModel):
    """One of three ways to match a path."""

    exact: str = ""
    prefix: str = ""
    regex: str = ""


class HttpMatch(KubernetesModel):
    """What requests a route takes."""

    uri: UriMatch = UriMatch()


class HttpRoute(KubernetesModel):
    """Matches, any of which suffices, and where they lead."""

    name: str = ""
    match: tuple[HttpMatch, ...] = ()
    route: tuple[WeightedDestination, ...] = ()


class VirtualServiceSpec(KubernetesModel):
    """The HTTP routes of hosts."""

    hosts: tuple[str, ...] = ()
    http: tuple[HttpRoute, ...] = ()


class VirtualService(KubernetesObject):
    """Istio's routes."""

    spec: VirtualServiceSpec = VirtualServiceSpec()


class PathMatch(KubernetesModel):
    """`Exact`, `PathPrefix` or `RegularExpression`."""

    type: str = "PathPrefix"
    value: str = "/"


class RouteMatch(KubernetesModel):
    """What requests a rule takes."""

    path: PathMatch = PathMatch()


class BackendReference(KubernetesModel):
    """A Service, or something else by `kind`."""

    kind: str = "Service"
    name: str = ""
    namespace: str = ""
    port: int | None = None
    weight: int | None = None


class HTTPRouteRule(KubernetesModel):
    """Matches and where they lead."""

    matches: tuple[RouteMatch, ...] = ()
    backend_refs: tuple[BackendReference, ...] = ()


class HTTPRouteSpec(KubernetesModel):
    """Hosts and rules."""

    hostnames: tuple[str, ...] = ()
    rules: tuple[HTTPRouteRule, ...] = Field(default=())


class HTTPRoute(KubernetesObject):
    """A route of the Gateway API."""

    spec: HTTPRouteSpec = HTTPRouteSpec()
