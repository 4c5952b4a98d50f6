"""What kwok plays for the kubelets: a pod's life in stages, each entered when the pod looks as the stage asks.

What goes wrong is said by the pod: its annotation `lab.triagent.dev/behaviour`, or an image whose tag begins with
`missing-`. It goes wrong in the pod's first container.

Source: https://kwok.sigs.k8s.io/docs/user/stages-configuration/
"""

from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from pydantic import JsonValue

from lab.cluster.node_stages import node_stages
from lab.cluster.pod_texts import (
    ACCEPTED,
    BACK_OFF,
    BACK_OFF_PULL,
    COMPLETED,
    CREATED,
    ERR_IMAGE_PULL,
    FAILED,
    IMAGE_PULL_BACK_OFF,
    KILLING,
    LIVENESS_FAILED,
    NOT_READY,
    PRESENT,
    PULL_FAILED,
    PULLED,
    PULLING,
    READINESS_FAILED,
    READY,
    RUNNING,
    STARTED,
    STILL_NOT_READY,
    STOPPED,
    STOPPING,
    crashed,
)

BEHAVIOUR = "lab.triagent.dev/behaviour"
"""Annotation: `crash-loop`, `oom-killed`, `image-pull`, `probe-failing` or `never-ready`; it may come and go."""

CONFIGURATION = "lab.triagent.dev/configuration"
"""Annotation that `lab.cluster.references` sets: `resolved` once every Secret and ConfigMap a pod needs is there."""

RETRY_MS = 10_000
"""Milliseconds between two complaints about the same thing."""

BACKOFF_S = 5
BACKOFF_CAP_S = 40
"""A real kubelet waits 10 s, doubling up to 5 minutes; nobody watches the lab that long."""

# jq over the pod; each is true or false.
_BEHAVIOUR = f'(.metadata.annotations["{BEHAVIOUR}"] // "")'
_FIRST = "(.status.containerStatuses // [])[0]"
_WAITING = f'({_FIRST}.state.waiting.reason // "")'
_RUNNING = f"({_FIRST}.state.running != null)"
_READY = '([.status.conditions[]? | select(.type == "Ready") | .status] == ["True"])'
_JOB = '([.metadata.ownerReferences[]?.kind] | index("Job") != null)'
_LIVENESS = "([.spec.containers[].livenessProbe // empty] | length > 0)"
_NO_IMAGE = f'({_BEHAVIOUR} == "image-pull" or ([.spec.containers[].image | test(":missing-")] | any))'
_LIVENESS_FAILS = f'({_BEHAVIOUR} == "probe-failing" and {_LIVENESS})'
_OUT_OF_MEMORY = f'({_BEHAVIOUR} == "oom-killed")'
_CRASHES = f'({_BEHAVIOUR} == "crash-loop")'
_UNREADY = f'({_BEHAVIOUR} == "never-ready" or ({_BEHAVIOUR} == "probe-failing" and ({_LIVENESS} | not)))'
_ENDS = f"({_CRASHES} or {_OUT_OF_MEMORY} or {_LIVENESS_FAILS})"

REFERENCES = (
    "([((.spec.containers + (.spec.initContainers // []))[]"
    " | (((.env // [])[].valueFrom // {}) | .secretKeyRef // .configMapKeyRef // empty),"
    " ((.envFrom // [])[] | .secretRef // .configMapRef // empty)),"
    " ((.spec.volumes // [])[] | .secret // .configMap // empty)]"
    " | map(select(.optional != true)) | length > 0)"
)
"""Whether the pod needs a Secret or a ConfigMap to start."""
_RESOLVED = f'(({REFERENCES} | not) or .metadata.annotations["{CONFIGURATION}"] == "resolved")'


@dataclass(frozen=True)
class Stage:
    """A pod of which all `when` hold is brought on after `delay_ms` by `steps`."""

    name: str
    when: tuple[str, ...]
    steps: tuple[JsonValue, ...]
    delay_ms: int = 0
    delay_from: str = ""

    def manifest(self) -> JsonValue:
        """`kwok.x-k8s.io/v1alpha1` Stage."""
        selected = " and ".join((".metadata.deletionTimestamp == null", *self.when))
        return _stage(self, selected)


@dataclass(frozen=True)
class LastStage(Stage):
    """A stage of pods that are being deleted."""

    def manifest(self) -> JsonValue:
        """`kwok.x-k8s.io/v1alpha1` Stage."""
        return _stage(self, " and ".join((".metadata.deletionTimestamp != null", *self.when)))


def _stage(stage: Stage, selected: str) -> JsonValue:
    delay: dict[str, JsonValue] = {"durationMilliseconds": stage.delay_ms}
    if stage.delay_from:
        delay["durationFrom"] = {"jq": {"expression": stage.delay_from}}
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": stage.name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
            "selector": {
                "matchExpressions": [{"jq": {"key": f"({selected}) | tostring", "operator": "In", "values": ["true"]}}]
            },
            "delay": delay,
            "steps": list(stage.steps),
        },
    }


def _starting() -> Iterator[Stage]:
    yield Stage("pod-accept", (".status.podIP == null",), (ACCEPTED, PULLING), delay_ms=50)
    creating = f'{_WAITING} == "ContainerCreating"'
    fresh = f'({creating} or {_WAITING} == "CreateContainerConfigError")'
    yield Stage("pod-start", (fresh, f"({_NO_IMAGE} | not)", _RESOLVED), (PULLED, CREATED, STARTED, RUNNING), 300)
    yield Stage("pod-pull-fails", (creating, _NO_IMAGE), (PULL_FAILED, FAILED, ERR_IMAGE_PULL), 300)
    backing_off = (f'{_WAITING} == "ErrImagePull"',)
    yield Stage("pod-pull-backs-off", backing_off, (BACK_OFF_PULL, IMAGE_PULL_BACK_OFF), 1_000)
    again = (f'{_WAITING} == "ImagePullBackOff"',)
    yield Stage("pod-pull-again", again, (PULLING, PULL_FAILED, FAILED, ERR_IMAGE_PULL), RETRY_MS)


def _running() -> Iterator[Stage]:
    lives = f"({_ENDS} | not)"
    yield Stage("pod-ready", (_RUNNING, f"({_READY} | not)", lives, f"({_UNREADY} | not)"), (READY,), 500)
    yield Stage("pod-unready", (_RUNNING, _READY, _UNREADY), (READINESS_FAILED, NOT_READY), 500)
    still = (_RUNNING, f"({_READY} | not)", _UNREADY)
    yield Stage("pod-still-unready", still, (READINESS_FAILED, STILL_NOT_READY), RETRY_MS)
    yield Stage("pod-complete", (_RUNNING, _READY, _JOB), (COMPLETED,), 1_000)


def _ending() -> Iterator[Stage]:
    yield Stage("pod-crash", (_RUNNING, _CRASHES), (crashed("Error", 1), BACK_OFF), 1_500)
    yield Stage("pod-out-of-memory", (_RUNNING, _OUT_OF_MEMORY), (crashed("OOMKilled", 137), BACK_OFF), 2_500)
    killed = (LIVENESS_FAILED, KILLING, crashed("Error", 137), BACK_OFF)
    yield Stage("pod-liveness-fails", (_RUNNING, _LIVENESS_FAILS), killed, 3_000)
    waiting = (f'{_WAITING} == "CrashLoopBackOff"',)
    backoff = f'"\\([{BACKOFF_S} * pow(2; {_FIRST}.restartCount - 1), {BACKOFF_CAP_S}] | min)s"'
    yield Stage("pod-restart", waiting, (PRESENT, CREATED, STARTED, RUNNING), delay_from=backoff)
    # Two stages: a namespace that is being deleted takes no event, and nothing follows a step that was refused.
    yield LastStage("pod-stop", (_READY,), (STOPPED, STOPPING), 250)
    gone: JsonValue = {"delete": True}
    yield LastStage("pod-delete", (f"({_READY} | not)", "((.metadata.finalizers // []) == [])"), (gone,), 250)


def stages() -> str:
    """All stages of pods and nodes, as YAML documents."""
    of_pods = [stage.manifest() for stage in (*_starting(), *_running(), *_ending())]
    return yaml.safe_dump_all([*node_stages(), *of_pods], sort_keys=False, width=1_000)
