"""The pod templates of the invented systems, as their teams would write them."""

from evals.synthesis.shapes import Container, Probe, Template
from evals.synthesis.systems import Component, Language, System

IMAGES: dict[Language, str] = {
    "mysql": "docker.io/library/mysql:8.0.39",
    "postgres": "docker.io/library/postgres:16.4",
    "redis": "docker.io/library/redis:7.4-alpine",
    "nginx": "docker.io/library/nginx:1.27",
}
MEMORY: dict[Language, tuple[str, str]] = {
    "java": ("384Mi", "768Mi"),
    "mysql": ("512Mi", "1Gi"),
    "postgres": ("256Mi", "512Mi"),
    "python": ("128Mi", "256Mi"),
    "node": ("128Mi", "256Mi"),
}
SLOW_START: frozenset[Language] = frozenset({"java", "mysql"})
DATA: dict[Language, str] = {
    "mysql": "/var/lib/mysql",
    "postgres": "/var/lib/postgresql/data",
    "redis": "/data",
}


def template_of(system: System, component: Component) -> Template:
    """The healthy template of a component."""
    container = Container(
        "app" if system.modern else component.name,
        IMAGES.get(component.language) or f"{system.registry}/{component.name}:{_version(component)}",
        port=component.port,
        env=_environment(system, component),
        requests={"cpu": "100m", "memory": MEMORY.get(component.language, ("64Mi", "128Mi"))[0]},
        limits={"cpu": "500m", "memory": MEMORY.get(component.language, ("64Mi", "128Mi"))[1]},
        liveness=_probe(component),
        readiness=_probe(component),
    )
    template = Template({system.label: component.name}, [container])
    template.service_account = "default" if component.server else component.name
    if component.database:
        container.secret_env = {name: (f"{component.name}-db", name) for name in ("DB_USER", "DB_PASSWORD")}
    if component.stateful:
        container.mounts = {"data": DATA[component.language]}
        template.volumes.append({"name": "data", "persistentVolumeClaim": {"claimName": f"data-{component.name}-0"}})
    return template


def _version(component: Component) -> str:
    return f"{1 + len(component.name) % 4}.{component.port % 10}.{len(component.calls)}"


def _environment(system: System, component: Component) -> dict[str, str]:
    if component.server:
        return {}
    found = {"PORT": str(component.port)}
    for name in component.calls:
        found[f"{_upper(name)}_URL" if system.modern else f"{_upper(name)}_ADDR"] = _address(system, name)
    if component.database:
        database = system.component(component.database)
        found |= {"DB_HOST": database.name, "DB_PORT": str(database.port)}
    return found


def _address(system: System, name: str) -> str:
    target = system.component(name)
    host = f"{name}.{system.namespace}.svc.cluster.local" if system.modern else name
    return f"http://{host}:{target.port}" if system.modern and target.protocol == "http" else f"{host}:{target.port}"


def _upper(name: str) -> str:
    return name.replace("-", "_").upper()


def _probe(component: Component) -> Probe:
    initial = 40 if component.language in SLOW_START else 5
    path = "/actuator/health" if component.language == "java" else "/healthz"
    return Probe(component.protocol, component.port, path, initial=initial)
