"""Routes of all forms that lead to the wrong place, and such that only look so."""

import pytest

from tests.agent.analysis.conftest import Top
from tests.agent.analysis.shapes import NAMESPACE, NOW, manifest, series, signals, situation, step, well
from tools.documents import JsonObject

SHOP = well("cart", "catalog", "front")


def ingress(backend: str, port: int = 80, path: str = "/cart") -> JsonObject:
    to = {"service": {"name": backend, "port": {"number": port}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "edge", "namespace": NAMESPACE},
        "spec": {"rules": [{"host": "shop.example", "http": {"paths": [{"path": path, "backend": to}]}}]},
    }


def virtual_service(backend: str, port: int = 80) -> JsonObject:
    to = {"destination": {"host": f"{backend}.store.svc.cluster.local", "port": {"number": port}}}
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "VirtualService",
        "metadata": {"name": "edge", "namespace": NAMESPACE},
        "spec": {"hosts": ["shop.example"], "http": [{"match": [{"uri": {"prefix": "/cart"}}], "route": [to]}]},
    }


def http_route(backend: str, port: int = 80) -> JsonObject:
    rule = {"matches": [{"path": {"value": "/cart"}}], "backendRefs": [{"name": backend, "port": port}]}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "edge", "namespace": NAMESPACE},
        "spec": {"hostnames": ["shop.example"], "rules": [rule]},
    }


def nginx(backend: str) -> JsonObject:
    location = f"location /cart {{\n    proxy_set_header Host $host;\n    proxy_pass http://{backend}:80;\n  }}"
    conf = f"server {{\n  {location}\n}}"
    return {"kind": "ConfigMap", "metadata": {"name": "edge", "namespace": NAMESPACE}, "data": {"nginx.conf": conf}}


IN_GIT = {
    ingress: """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: edge}
spec:
  rules:
    - host: shop.example
      http: {paths: [{path: /cart, backend: {service: {name: cart, port: {number: 80}}}}]}
""",
    virtual_service: """
kind: VirtualService
metadata: {name: edge}
spec: {hosts: [shop.example], http: [{match: [{uri: {prefix: /cart}}], route: [{destination: {host: cart}}]}]}
""",
    http_route: """
kind: HTTPRoute
metadata: {name: edge}
spec: {hostnames: [shop.example], rules: [{matches: [{path: {value: /cart}}], backendRefs: [{name: cart, port: 80}]}]}
""",
    nginx: """
kind: ConfigMap
metadata: {name: edge}
data: {nginx.conf: "location /cart { proxy_pass http://cart:80; }"}
""",
}


@pytest.mark.parametrize("form", IN_GIT)
def test_a_route_unlike_git_takes_the_traffic_of_the_service_git_means(top: Top, form):
    """The service that no longer gets its path is what is at fault, whoever gets it now."""
    declared = {"edge": manifest(IN_GIT[form])}
    less = {"signals": signals(request_rate=[series("cart", step(50.0, 1.0))]), "onset": NOW}
    assert top(situation(*SHOP, form("catalog"), manifests=declared, **less)) == ("gateway_misroute", "deployment/cart")
    assert top(situation(*SHOP, form("catalog"), manifests=declared, onset=NOW)) is not None
    assert top(situation(*SHOP, form("cart"), manifests=declared, **less)) is None
    assert top(situation(*SHOP, form("catalog"), manifests=declared)) is None, "nobody suffers"


@pytest.mark.parametrize("form", [ingress, virtual_service, http_route])
def test_a_route_to_nothing_is_a_dead_end(top: Top, form):
    """A Service that does not exist is the route's fault; a port it does not have is seen at the Service's workload."""
    kind = form("x")["kind"].lower()
    assert top(situation(*SHOP, form("kart"))) == ("gateway_misroute", f"{kind}/edge")
    assert top(situation(*SHOP, form("cart", 8443))) == ("gateway_misroute", "deployment/cart")


def test_routes_that_lead_elsewhere_on_purpose_are_no_fault(top: Top):
    """Other namespaces, other hosts, weights of zero."""
    other = virtual_service("cart")
    other["spec"] = {"hosts": ["a"], "http": [{"route": [{"destination": {"host": "old.legacy.svc"}}]}]}
    retired = virtual_service("cart")
    retired["spec"] = {"hosts": ["a"], "http": [{"route": [{"destination": {"host": "gone"}, "weight": 0}]}]}
    foreign = http_route("cart")
    foreign["spec"] = {"rules": [{"backendRefs": [{"name": "api", "namespace": "legacy"}]}]}
    for item in (other, retired, foreign, ingress("front", path="/")):
        assert top(situation(*SHOP, item)) is None


def test_words_that_every_name_has_tell_no_name_apart(top: Top):
    """A house's prefix is no likeness."""
    items = well("zz-cart-service", "zz-catalog-service", "zz-price-service")
    text = """
routes:
  - id: zz-cart
    uri: lb://zz-catalog-service
    predicates:
      - Path=/a/**
  - id: zz-catalog
    uri: lb://zz-catalog-service
    predicates:
      - Path=/b/**
"""
    config: JsonObject = {
        "kind": "ConfigMap",
        "metadata": {"name": "gw", "namespace": NAMESPACE},
        "data": {"a.yml": text},
    }
    assert top(situation(*items, config)) == ("gateway_misroute", "deployment/zz-cart-service")
