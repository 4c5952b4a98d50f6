"""Probes that ask the wrong thing, and ports that are taken."""

from evals.synthesis import history
from evals.synthesis.faults.fault import Fault, app_of, crashes, harm, http, killed_again, own, replaced, unready
from evals.synthesis.logs import say
from evals.synthesis.shapes import App, Container, ContainerState, Pod, Probe
from evals.synthesis.systems import Component
from evals.synthesis.wording import worded
from evals.synthesis.world import World, changed


def _complains(world: World, pod: Pod, kind: str, words: str, *, kills: bool = False) -> None:
    history.of_pod(world, pod, "Unhealthy", f"{kind} probe failed: {words}", count=14)
    if kills:
        words = f"Container {pod.main.name} failed liveness probe, will be restarted"
        history.of_pod(world, pod, "Killing", words, count=4, normal=True)


def _refused(pod: Pod, probe: Probe) -> str:
    address = f"{pod.ip}:{probe.port}"
    match probe.kind:
        case "http":
            return f'Get "http://{address}{probe.path}": dial tcp {address}: connect: connection refused'
        case "grpc":
            return f'timeout: failed to connect service "{address}" within 1s: context deadline exceeded'
        case "tcp":
            return f"dial tcp {address}: connect: connection refused"


def _spoken(pod: Pod, probe: Probe) -> str:
    """What a gRPC server says to HTTP, and an HTTP server to gRPC."""
    speaker = "kubelet" if probe.kind == "http" else "any"
    return worded("http_to_grpc", speaker, address=f"{pod.ip}:{probe.port}", path=probe.path)


def _port(probe: Probe, component: Component) -> Probe:
    return Probe(probe.kind, component.port + 100, probe.path, initial=probe.initial)


def _protocol(component: Component) -> Probe:
    return Probe("grpc" if component.protocol == "http" else "http", component.port, initial=5)


def _liveness(world: World, app: App, probe: Probe, words: str = "") -> str:
    template = changed(app)
    template.main.liveness = probe
    for pod in replaced(world, app, template, rolling=False):
        killed_again(world, pod, 137 if app.component.language == "java" else 2, lived=probe.initial + 30)
        _complains(world, pod, "Liveness", words or _refused(pod, probe), kills=True)
    harm(world, app)
    return app_of(app)


def _liveness_port(world: World, app: App) -> str:
    return _liveness(world, app, _port(app.template.main.liveness or Probe("tcp", 1), app.component))


def _liveness_protocol(world: World, app: App) -> str:
    probe = _protocol(app.component)
    return _liveness(world, app, probe, _spoken(app.pods[0], probe))


def _liveness_timing(world: World, app: App) -> str:
    old = app.template.main.liveness or Probe("tcp", 1)
    return _liveness(world, app, Probe(old.kind, old.port, old.path, initial=0, period=2, failures=1))


def _readiness(world: World, app: App, probe: Probe, words: str = "") -> str:
    template = changed(app)
    template.main.readiness = probe
    for pod in replaced(world, app, template):
        unready(pod)
        _complains(world, pod, "Readiness", words or _refused(pod, probe))
    harm(world, app)
    return app_of(app)


def _readiness_port(world: World, app: App) -> str:
    return _readiness(world, app, _port(app.template.main.readiness or Probe("tcp", 1), app.component))


def _readiness_protocol(world: World, app: App) -> str:
    probe = _protocol(app.component)
    return _readiness(world, app, probe, _spoken(app.pods[0], probe))


def _sidecar(world: World, app: App) -> str:
    """A sidecar that listens where the application does; whoever comes second fails to bind."""
    template = changed(app)
    template.containers.append(Container("metrics-agent", f"{world.system.registry}/agent:2", port=app.component.port))
    words = worded("port_taken", app.component.language, port=app.component.port)
    for pod in replaced(world, app, template):
        crashes(world, pod, 1)
        pod.containers[1] = ContainerState("metrics-agent", running=world.onset)
        say(world, pod, words, previous=True)
    harm(world, app)
    return app_of(app)


FAULTS = (
    Fault("liveness_probe_incorrect_port", _liveness_port, own),
    Fault("liveness_probe_incorrect_protocol", _liveness_protocol, http),
    Fault("liveness_probe_incorrect_timing", _liveness_timing, own),
    Fault("readiness_probe_incorrect_port", _readiness_port, own),
    Fault("readiness_probe_incorrect_protocol", _readiness_protocol, http),
    Fault("service_sidecar_port_conflict", _sidecar, own),
)
