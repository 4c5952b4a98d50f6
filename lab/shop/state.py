"""A look at the whole shop in one document, for the lab."""

from pydantic import AwareDatetime, BaseModel, ConfigDict

from lab.shop.cluster.kinds import DEPLOYMENT, STATEFUL_SET
from lab.shop.cluster.objects import number
from lab.shop.manifests import application_name
from lab.shop.shop import Shop
from lab.shop.topology import NAMESPACE, SERVICES, Service


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class ServiceState(_Model):
    """One service: what was released, what runs, how busy it is; `requests` counts by status code since the start."""

    name: str
    kind: str
    image: str
    running_images: list[str]
    replicas: int
    ready: int
    rate: float
    utilisation: float
    restarts: int
    requests: dict[str, int]
    application: str | None
    revision: str | None
    failure: str | None


class ShopState(_Model):
    """The shop at one moment."""

    time: AwareDatetime
    load: float
    services: list[ServiceState]


def shop_state(shop: Shop, failures: dict[str, str]) -> ShopState:
    """Read the state; `failures` are those that are on, by service."""
    services = [_service_state(shop, service, failures.get(service.name)) for service in SERVICES]
    return ShopState(time=shop.clock.now(), load=shop.conditions.load, services=services)


def _service_state(shop: Shop, service: Service, failure: str | None) -> ServiceState:
    kind = DEPLOYMENT if service.kind == "Deployment" else STATEFUL_SET
    workload = shop.store.find(kind, service.name, NAMESPACE)
    processes = [process for process in shop.kubelet.processes() if process.owner == service.name]
    return ServiceState(
        name=service.name,
        kind=service.kind,
        image=shop.releases.current(service.name).image,
        running_images=sorted({process.container.image for process in processes if process.running}),
        replicas=number(workload.spec, "replicas") if workload else 0,
        ready=sum(process.ready for process in processes),
        rate=round(shop.saturation.rate(service.name), 2),
        utilisation=round(max((shop.saturation.utilisation(process) for process in processes), default=0.0), 3),
        restarts=sum(process.restarts for process in processes),
        requests=_requests(shop, service.name),
        application=application_name(service.name) if service.tracked else None,
        revision=shop.git.repository(service.name).head.revision if service.tracked else None,
        failure=failure,
    )


def _requests(shop: Shop, service: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for key, count in shop.metrics.requests.items():
        if key.service == service:
            found[key.code] = found.get(key.code, 0) + count
    return found
