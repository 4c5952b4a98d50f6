"""The fields an API server fills in when a workload leaves them out."""

import json
import zlib

from pydantic import JsonValue

from lab.shop.cluster.kinds import DEPLOYMENT, SERVICE, STATEFUL_SET, Kind
from lab.shop.cluster.objects import Manifest, items, section

_DEPLOYMENT_SPEC: Manifest = {
    "replicas": 1,
    "revisionHistoryLimit": 10,
    "progressDeadlineSeconds": 600,
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
}
_STATEFUL_SET_SPEC: Manifest = {
    "replicas": 1,
    "revisionHistoryLimit": 10,
    "podManagementPolicy": "OrderedReady",
    "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
}
_SERVICE_SPEC: Manifest = {"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"}
_POD_SPEC: Manifest = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "securityContext": {},
}
_CONTAINER: Manifest = {
    "imagePullPolicy": "IfNotPresent",
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_PROBE: Manifest = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}


def defaulted(kind: Kind, manifest: Manifest) -> Manifest:
    """The manifest with the API server's defaults under what it says itself."""
    spec = section(manifest, "spec")
    if kind is DEPLOYMENT:
        return {**manifest, "spec": _with_template({**_DEPLOYMENT_SPEC, **spec})}
    if kind is STATEFUL_SET:
        return {**manifest, "spec": _with_template({**_STATEFUL_SET_SPEC, **spec})}
    if kind is SERVICE:
        ports: list[JsonValue] = [
            {"protocol": "TCP", "targetPort": port.get("port"), **port} for port in items(spec, "ports")
        ]
        address = _cluster_ip(manifest)
        return {**manifest, "spec": {**_SERVICE_SPEC, **address, **spec, "ports": ports}}
    return manifest


def _cluster_ip(manifest: Manifest) -> Manifest:
    """An address out of the service range that depends on nothing but the Service's name."""
    number = zlib.crc32(json.dumps(section(manifest, "metadata").get("name")).encode())
    address = f"10.96.{number % 255 + 1}.{number // 255 % 254 + 1}"
    return {"clusterIP": address, "clusterIPs": [address]}


def _with_template(spec: Manifest) -> Manifest:
    template = section(spec, "template")
    pod: Manifest = {**_POD_SPEC, **section(template, "spec")}
    containers: list[JsonValue] = [_container(container) for container in items(pod, "containers")]
    return {**spec, "template": {**template, "spec": {**pod, "containers": containers}}}


def _container(container: Manifest) -> Manifest:
    filled: Manifest = {**_CONTAINER, "resources": {}, **container}
    if ports := items(container, "ports"):
        filled["ports"] = [{"protocol": "TCP", **port} for port in ports]
    for probe in ("livenessProbe", "readinessProbe"):
        if probe in container:
            filled[probe] = {**_PROBE, **section(container, probe)}
    return filled
