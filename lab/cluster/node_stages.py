"""What kwok plays for the nodes: they come up, and say again and again that they are well."""

from pydantic import JsonValue

_CONDITIONS = """conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $since | Quote }}
{{ end }}
"""
_HEAD = "{{ $now := Now }}{{ $since := or .metadata.creationTimestamp $now }}\n"
_FIRST_STATUS = """addresses:
- type: InternalIP
  address: {{ NodeIP | Quote }}
- type: Hostname
  address: {{ NodeName | Quote }}
daemonEndpoints:
  kubeletEndpoint:
    Port: {{ NodePort }}
allocatable: {cpu: "4", memory: 8Gi, pods: "110", ephemeral-storage: 50Gi}
capacity: {cpu: "4", memory: 8Gi, pods: "110", ephemeral-storage: 50Gi}
nodeInfo:
  architecture: amd64
  operatingSystem: linux
  kubeletVersion: v1.36.3
  kubeProxyVersion: ""
  containerRuntimeVersion: containerd://2.1.4
  kernelVersion: 6.12.0
  osImage: Debian GNU/Linux 12 (bookworm)
  machineID: {{ .metadata.uid | Quote }}
  systemUUID: {{ .metadata.uid | Quote }}
  bootID: {{ .metadata.uid | Quote }}
phase: Running
"""
_HEARTBEAT_MS = 60_000


def node_stages() -> list[JsonValue]:
    """`kwok.x-k8s.io/v1alpha1` Stages."""
    ready = '([.status.conditions[]? | select(.type == "Ready") | .status] == ["True"])'
    return [
        _stage("node-initialize", f"{ready} | not", _CONDITIONS + _FIRST_STATUS, 0),
        _stage("node-heartbeat", ready, _CONDITIONS, _HEARTBEAT_MS),
    ]


def _stage(name: str, selected: str, template: str, delay_ms: int) -> JsonValue:
    expression: JsonValue = {"jq": {"key": f"({selected}) | tostring", "operator": "In", "values": ["true"]}}
    patch: JsonValue = {"subresource": "status", "root": "status", "type": "strategic", "template": _HEAD + template}
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": "Node"},
            "selector": {"matchExpressions": [expression]},
            "delay": {"durationMilliseconds": delay_ms},
            "steps": [{"patch": patch}],
        },
    }
