"""A small recorded incident for the tests of the replay: the Service `cart` selects nothing."""

from dataclasses import replace

from evals.recordings import Recording
from tests.agent.analysis.shapes import NAMESPACE, NOW, deployment, endpoints, event, pod, service, well
from tools.documents import JsonObject

METRICS = f"""# TYPE up_probe gauge
up_probe{{namespace="{NAMESPACE}",service="cart"}} 1 {NOW.timestamp() - 120}
up_probe{{namespace="{NAMESPACE}",service="cart"}} 0 {NOW.timestamp() - 60}
up_probe{{namespace="{NAMESPACE}",service="cart"}} 0 {NOW.timestamp()}
# EOF
"""
CATALOGUE = 'probe_success: up_probe{namespace="$namespace",service=~"$service"}\n'
MANIFEST = f"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: cart
  namespace: {NAMESPACE}
spec:
  replicas: 3
---
apiVersion: v1
kind: Service
metadata:
  name: cart
spec:
  selector:
    app: cart
"""
LOGS = {
    f"{NAMESPACE}/cart-1-x7k2p/app": "2026-05-04T10:20:00Z old\n  of old\n2026-05-04T10:29:30.5Z new\nof new\n",
    f"{NAMESPACE}/cart-1-x7k2p/app/previous": "crashed\n",
}
ALERT: JsonObject = {
    "fingerprint": "aa",
    "labels": {"alertname": "ProbeFailed", "namespace": NAMESPACE, "service": "cart"},
    "annotations": {},
    "startsAt": "2026-05-04T10:29:00Z",
    "status": {"state": "active", "silencedBy": [], "inhibitedBy": []},
}


def recording(name: str = "case-1", **changed: object) -> Recording:
    """The incident, with any of its parts changed."""
    items = [*well("catalog"), deployment("cart"), pod("cart"), service("cart", selector={"app": "card"})]
    items += [
        endpoints("cart", 0),
        event("Pod", "cart-1-x7k2p", "BackOff", "restarting"),
        event("Node", "n1", "Gone", ""),
    ]
    alert: JsonObject = {"status": "firing", "labels": {"alertname": "Bad"}, "startsAt": "2026-05-04T10:29:00Z"}
    header: JsonObject = {"schema": "incident-snapshot/v1", "id": name, "system": "store", "namespace": NAMESPACE}
    base = Recording(
        header={**header, "taken_at": NOW.isoformat()},
        webhook={"version": "4", "groupKey": "{}", "status": "firing", "alerts": [alert]},
        items=tuple(items),
        logs=LOGS,
        manifests={"cart": MANIFEST},
        metrics=METRICS,
        active_alerts=(ALERT,),
    )
    return replace(base, **changed)
