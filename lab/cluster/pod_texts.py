"""A pod's status and events as a kubelet words them: Go templates over the pod, as steps of kwok's stages."""

import hashlib

from pydantic import JsonValue

_HEAD = """{{ $now := Now }}{{ $pod := . }}{{ $first := index .spec.containers 0 }}{{ $restarts := 0 -}}
{{ with .status.containerStatuses }}{{ $restarts = (index . 0).restartCount }}{{ end -}}
{{ $created := toDate "2006-01-02T15:04:05Z07:00" .metadata.creationTimestamp -}}
"""
_WHERE = "{{ $pod.metadata.name }}_{{ $pod.metadata.namespace }}({{ $pod.metadata.uid }})"
_NO_SUCH_IMAGE = (
    'rpc error: code = NotFound desc = failed to pull and unpack image "{{ $first.image }}": '
    'failed to resolve reference "{{ $first.image }}": {{ $first.image }}: not found'
)
_EVERY_TEN_SECONDS = "{{ add 1 (div (sub now.Unix $created.Unix) 10) }}"
_EVERY_START = "{{ add 1 $restarts }}"
_EVERY_END = "{{ max 1 $restarts }}"


def _event(reason: str, message: str, *, kind: str = "Normal", count: str = "1") -> JsonValue:
    """A step that writes an Event; one that is there already gets the new count and time."""
    key = hashlib.sha256(f"{reason}/{message}".encode()).hexdigest()[:8]
    template = f"""{_HEAD}apiVersion: v1
kind: Event
metadata:
  name: {{{{ .metadata.name }}}}.{{{{ sha256sum .metadata.uid | trunc 8 }}}}{key}
  namespace: {{{{ .metadata.namespace }}}}
involvedObject:
  apiVersion: v1
  kind: Pod
  name: {{{{ .metadata.name }}}}
  namespace: {{{{ .metadata.namespace }}}}
  uid: {{{{ .metadata.uid }}}}
  fieldPath: spec.containers{{{{ printf "{{%s}}" $first.name }}}}
reason: {reason}
message: >-
  {message}
type: {kind}
count: {count}
firstTimestamp: {{{{ .metadata.creationTimestamp | Quote }}}}
lastTimestamp: {{{{ now | date "2006-01-02T15:04:05Z07:00" | Quote }}}}
source:
  component: kubelet
  host: {{{{ .spec.nodeName }}}}
reportingComponent: kubelet
reportingInstance: {{{{ .spec.nodeName }}}}
"""
    return {"apply": {"template": template, "type": "merge"}}


def _status(template: str) -> JsonValue:
    """A step that patches the pod's status."""
    patch: dict[str, JsonValue] = {"subresource": "status", "root": "status", "type": "strategic"}
    return {"patch": {**patch, "template": _HEAD + template}}


def _conditions(*, ready: bool, **others: bool) -> str:
    """Conditions; the time of one changes only when the condition does."""
    conditions = {**others, "Ready": ready, "ContainersReady": ready}
    return "conditions:\n" + "\n".join(_condition(name, holds=holds) for name, holds in conditions.items()) + "\n"


def _condition(name: str, *, holds: bool) -> str:
    # A strategic merge keeps what is not named: a reason that no longer holds is emptied.
    why = "  reason: null\n  message: null"
    if not holds:
        why = '  reason: ContainersNotReady\n  message: "containers with unready status: [{{ $first.name }}]"'
    same = f'and (eq .type "{name}") (eq .status "{holds}")'
    kept = f"{{{{ if {same} }}}}{{{{ $since = .lastTransitionTime }}}}{{{{ end }}}}"
    since = f"{{{{ range .status.conditions }}}}{kept}{{{{ end }}}}"
    return (
        f"{{{{ $since := $now }}}}{since}\n- type: {name}\n  status: {str(holds)!r}\n"
        f"  lastTransitionTime: {{{{ $since | Quote }}}}\n{why}"
    )


def _containers(
    first: str, *, ready: bool, pulled: bool = True, started: bool = True, restarts: str = "{{ $restarts }}"
) -> str:
    """Statuses of all containers: `first` is the state (and last state) of the first one, the others just run."""
    image_id = '{{ printf "%s@sha256:%s" $item.image (sha256sum $item.image) | Quote }}' if pulled else '""'
    others = "{running: {startedAt: {{ $now | Quote }}}}" if pulled else "{waiting: {reason: ContainerCreating}}"
    return f"""containerStatuses:
{{{{ range $index, $item := .spec.containers }}}}
- name: {{{{ $item.name | Quote }}}}
  image: {{{{ $item.image | Quote }}}}
  imageID: {image_id}
{{{{ if eq $index 0 }}}}
  ready: {str(ready).lower()}
  started: {str(pulled and started).lower()}
  restartCount: {restarts}
{first}
{{{{ else }}}}
  ready: {str(pulled).lower()}
  started: {str(pulled).lower()}
  restartCount: 0
  state: {others}
{{{{ end }}}}
{{{{ end }}}}
"""


def _waiting(reason: str, message: str = "") -> str:
    text = f"\n      message: >-\n        {message}" if message else ""
    return f"  state:\n    waiting:\n      reason: {reason}{text}"


_LAST = """  {{ with $pod.status.containerStatuses }}{{ with (index . 0).lastState }}
  lastState: {{ toJson . }}
  {{ end }}{{ end }}"""
_RUNS = "  state:\n    running:\n      startedAt: {{ $now | Quote }}\n" + _LAST
_SINCE = "{{ (index $pod.status.containerStatuses 0).state.running.startedAt | Quote }}"
_STILL_RUNS = f"  state:\n    running:\n      startedAt: {_SINCE}\n{_LAST}"

ACCEPTED = _status(
    _conditions(ready=False, Initialized=True, PodReadyToStartContainers=True)
    + """{{ if .spec.initContainers }}
initContainerStatuses:
{{ range .spec.initContainers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: {{ printf "%s@sha256:%s" .image (sha256sum .image) | Quote }}
  ready: true
  restartCount: 0
  state:
    terminated: {exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}
{{ end }}
{{ end }}
"""
    + _containers(_waiting("ContainerCreating"), ready=False, pulled=False)
    + """hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
podIP: {{ PodIPWith .spec.nodeName false .metadata.uid .metadata.name .metadata.namespace | Quote }}
startTime: {{ $now | Quote }}
phase: Pending
"""
)
RUNNING = _status(_conditions(ready=False) + _containers(_RUNS, ready=False) + "phase: Running\n")
READY = _status(_conditions(ready=True) + _containers(_STILL_RUNS, ready=True))
NOT_READY = _status(_conditions(ready=False) + _containers(_STILL_RUNS, ready=False))
STOPPED = _status(_conditions(ready=False))
STILL_NOT_READY = _status("conditions:\n- type: Ready\n  lastProbeTime: {{ $now | Quote }}\n")
ERR_IMAGE_PULL = _status(
    _conditions(ready=False)
    + _containers(_waiting("ErrImagePull", _NO_SUCH_IMAGE), ready=False, pulled=False)
    + "phase: Pending\n"
)
IMAGE_PULL_BACK_OFF = _status(
    _containers(
        _waiting("ImagePullBackOff", 'Back-off pulling image "{{ $first.image }}": ErrImagePull: ' + _NO_SUCH_IMAGE),
        ready=False,
        pulled=False,
    )
)
COMPLETED = _status(
    """conditions:
- {type: Ready, status: "False", reason: PodCompleted}
- {type: ContainersReady, status: "False", reason: PodCompleted}
"""
    + _containers(
        "  state:\n    terminated: {exitCode: 0, reason: Completed, finishedAt: {{ $now | Quote }}}", ready=False
    )
    + "phase: Succeeded\n"
)


def crashed(reason: str, exit_code: int) -> JsonValue:
    """The first container has ended and will be started again after a back-off."""
    last = f"""
  lastState:
    terminated:
      exitCode: {exit_code}
      reason: {reason}
      startedAt: {_SINCE}
      finishedAt: {{{{ $now | Quote }}}}"""
    # 5 s, doubled with each restart up to 40 s.
    seconds = "{{ index (list 5 10 20 40) (min 3 $restarts | int) }}"
    message = f"back-off {seconds}s restarting failed container={{{{ $first.name }}}} pod={_WHERE}"
    state = _waiting("CrashLoopBackOff", message) + last
    return _status(
        _conditions(ready=False) + _containers(state, ready=False, started=False, restarts="{{ add 1 $restarts }}")
    )


PULLING = _event("Pulling", 'Pulling image "{{ $first.image }}"', count=_EVERY_START)
PULLED = _event(
    "Pulled",
    'Successfully pulled image "{{ $first.image }}" in 250ms (250ms including waiting). Image size: 48213377 bytes.',
)
PRESENT = _event("Pulled", 'Container image "{{ $first.image }}" already present on machine', count=_EVERY_END)
CREATED = _event("Created", "Created container: {{ $first.name }}", count=_EVERY_START)
STARTED = _event("Started", "Started container {{ $first.name }}", count=_EVERY_START)
PULL_FAILED = _event(
    "Failed",
    'Failed to pull image "{{ $first.image }}": ' + _NO_SUCH_IMAGE,
    kind="Warning",
    count=_EVERY_TEN_SECONDS,
)
FAILED = _event("Failed", "Error: ErrImagePull", kind="Warning", count=_EVERY_TEN_SECONDS)
BACK_OFF_PULL = _event("BackOff", 'Back-off pulling image "{{ $first.image }}"', count=_EVERY_TEN_SECONDS)
BACK_OFF = _event(
    "BackOff",
    f"Back-off restarting failed container {{{{ $first.name }}}} in pod {_WHERE}",
    kind="Warning",
    count=_EVERY_START,
)
READINESS_FAILED = _event(
    "Unhealthy",
    "Readiness probe failed: HTTP probe failed with statuscode: 503",
    kind="Warning",
    count=_EVERY_TEN_SECONDS,
)
LIVENESS_FAILED = _event(
    "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500", kind="Warning", count=_EVERY_START
)
KILLING = _event("Killing", "Container {{ $first.name }} failed liveness probe, will be restarted", count=_EVERY_START)
STOPPING = _event("Killing", "Stopping container {{ $first.name }}")
