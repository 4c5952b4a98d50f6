"""Traffic that goes nowhere: addresses, ports, selectors, gateways, names, policies."""

from evals.synthesis.api import api_object
from evals.synthesis.faults.fault import Fault, app_of, called, calling, client, harm, replaced, unready
from evals.synthesis.logs import refused, say
from evals.synthesis.shapes import App
from evals.synthesis.systems import Component
from evals.synthesis.wording import worded
from evals.synthesis.world import World, changed, roll_out


def _cut_off(world: World, app: App, words: str = "") -> str:
    """The pods are well and nobody reaches them."""
    world.telemetry.unreachable |= {front.name for front in app.fronts}
    for component in world.system.callers(app.name):
        pod = world.apps[component.name].pods[0]
        world.telemetry.shift(component.name, "success_ratio", factor=world.dice.uniform(0.3, 0.7))
        say(world, pod, words or refused(component, app.component, app.fronts[0].ip))
    world.telemetry.shift(app.name, "request_rate", factor=0.02)
    return app_of(app)


def _selector(world: World, app: App) -> str:
    front = app.fronts[0]
    front.selector = {key: f"{value}-v2" for key, value in front.selector.items()}
    return _cut_off(world, app)


def _port_mapping(world: World, app: App) -> str:
    app.fronts[0].ports[0].target = app.component.port + world.dice.choice((1, 10, 1000))
    return _cut_off(world, app)


def _protocol(world: World, app: App) -> str:
    app.fronts[0].ports[0].protocol = "UDP"
    return _cut_off(world, app)


def _address(world: World, app: App) -> str:
    """A variable of the app names a Service that does not exist."""
    template = changed(app)
    name = world.dice.choice(app.component.calls)
    wrong = f"{name}-internal"
    template.main.env = {key: value.replace(name, wrong) for key, value in template.main.env.items()}
    roll_out(world, app, template)
    words = worded("unknown_host", app.component.language, host=wrong)
    for pod in app.pods:
        say(world, pod, words)
    world.telemetry.shift(app.name, "success_ratio", factor=0.5)
    return app_of(app)


def _gateway(world: World, app: App) -> str:
    """The gateway's routes send what is the app's to somebody else."""
    gateway = next(item for item in world.system.components if app.name in item.calls)
    other = next(
        item for item in world.system.components if item.name not in {app.name, gateway.name} and not item.server
    )
    targets = {name: other if name == app.name else world.system.component(name) for name in gateway.calls}
    routes = (worded("routes", "route", route=name, host=to.name, port=to.port) for name, to in targets.items())
    world.config_maps[f"{gateway.name}-routes"] = {"application.yaml": worded("routes", "spring") + "".join(routes)}
    template = changed(world.apps[gateway.name])
    template.main.mounts["routes"] = "/config"
    template.volumes.append({"name": "routes", "configMap": {"name": f"{gateway.name}-routes"}})
    roll_out(world, world.apps[gateway.name], template, at=world.apps[gateway.name].created)
    world.telemetry.shift(gateway.name, "success_ratio", factor=0.7)
    world.telemetry.shift(app.name, "request_rate", factor=0.05)
    say(world, world.apps[other.name].pods[0], f"no handler for GET /api/{app.name}/list: 404", level="warn")
    return app_of(app)


def _resolver(world: World, app: App) -> str:
    """The app's pods ask a name server that is not the cluster's."""
    template = changed(app)
    template.extra |= {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["192.0.2.53"]}}
    name = (*app.component.calls, app.component.database)[0]
    words = worded("resolver_silent", app.component.language, host=name)
    for pod in replaced(world, app, template, rolling=False):
        unready(pod)
        say(world, pod, words)
    harm(world, app)
    return app_of(app)


def _policy(world: World, app: App) -> str:
    """A policy that selects the app's pods and lets nobody in."""
    spec = {"podSelector": {"matchLabels": dict(app.template.labels)}, "policyTypes": ["Ingress"]}
    world.others.append(api_object("networking.k8s.io/v1", "NetworkPolicy", world, f"{app.name}-lockdown", spec=spec))
    return _cut_off(world, app, f"dial tcp {app.fronts[0].ip}:{app.component.port}: i/o timeout")


def routed(component: Component) -> bool:
    """What the Spring gateway of the greenhouse routes to."""
    return component.name in {"vd-irrigation", "vd-harvest", "vd-growers"}


def resolving(component: Component) -> bool:
    """What looks up names of others."""
    return calling(component) or client(component)


FAULTS = (
    Fault("service_selector_mismatch", _selector, called),
    Fault("service_port_mapping_mismatch", _port_mapping, called),
    Fault("service_protocol_mismatch", _protocol, called),
    Fault("service_env_var_address_mismatch", _address, calling),
    Fault("gateway_misroute", _gateway, routed),
    Fault("service_dns_resolution_failure", _resolver, resolving),
    Fault("network_policy_blocks", _policy, called),
)
