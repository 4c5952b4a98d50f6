"""What Git holds of an application: what a person would write, without what the API server adds."""

import yaml
from pydantic import JsonValue

from evals.synthesis.rendering import service, workload_spec
from evals.synthesis.shapes import App
from evals.synthesis.world import World
from tools.documents import JsonObject, object_at

DEFAULTS: JsonObject = {
    "restartPolicy": "Always",
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "imagePullPolicy": "IfNotPresent",
    "successThreshold": 1,
    "timeoutSeconds": 1,
    "failureThreshold": 3,
    "periodSeconds": 10,
    "scheme": "HTTP",
    "service": "",
    "protocol": "TCP",
    "type": "ClusterIP",
    "serviceAccountName": "default",
}
"""What nobody writes, by key."""


def manifest(world: World, app: App) -> str:
    """The application's workload and its Services as YAML."""
    meta: JsonObject = {"name": app.name, "namespace": world.system.namespace}
    documents = [_document("apps/v1", app.kind, meta, workload_spec(app))]
    for front in app.fronts:
        spec = {key: value for key, value in object_at(service(world, front), "spec").items() if key != "clusterIP"}
        documents.append(_document("v1", "Service", {**meta, "name": front.name}, spec))
    return yaml.safe_dump_all(documents, sort_keys=False, default_flow_style=None, width=160)


def _document(version: str, kind: str, meta: JsonObject, spec: JsonObject) -> JsonObject:
    return {"apiVersion": version, "kind": kind, "metadata": meta, "spec": _written(spec)}


def _written(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_written(item) for item in value]
    if isinstance(value, dict):
        return {key: _written(item) for key, item in value.items() if DEFAULTS.get(key) != item or key not in DEFAULTS}
    return value
