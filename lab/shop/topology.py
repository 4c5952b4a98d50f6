"""The shop's eight services: who calls whom, how long work takes, what stands outside the cluster."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

NAMESPACE = "shop"
ENTRY = "frontend"
BASE_RATE = 40.0
# How busy every service is at the base rate: three times the load is more than it can take, and one or two more
# replicas are enough again.
BASE_UTILISATION = 0.38


@dataclass(frozen=True)
class Call:
    """A call to another service; without an optional one's answer the caller still has something to show."""

    service: str
    operation: str
    optional: bool = False


@dataclass(frozen=True)
class Operation:
    """Something a service does: seconds of own work, then its calls in order."""

    name: str
    work: float
    calls: tuple[Call, ...] = ()
    share: float = 0.0


@dataclass(frozen=True)
class Backing:
    """What a service leans on outside the cluster."""

    host: str
    port: int
    system: str
    statement: str
    latency: float

    @property
    def address(self) -> str:
        """`host:port`, as the service's environment names it."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Service:
    """One service; `surge` is an operation it answers alone, which a burst of visitors may hammer.

    A rollout adds a pod at a time before it takes one away, or with `max_unavailable` takes that many away first.
    """

    name: str
    version: str
    replicas: int
    cpu: str
    memory: str
    operations: tuple[Operation, ...]
    surge: Operation
    backing: Backing
    port: int = 8080
    kind: Literal["Deployment", "StatefulSet"] = "Deployment"
    log_format: Literal["json", "logfmt"] = "json"
    tracked: bool = True
    auto_sync: bool = False
    max_unavailable: int = 0

    @property
    def dependencies(self) -> tuple[str, ...]:
        """The services it calls."""
        return tuple(dict.fromkeys(call.service for operation in self.operations for call in operation.calls))

    def operation(self, name: str) -> Operation:
        """The operation of that name."""
        return next(operation for operation in (*self.operations, self.surge) if operation.name == name)


def address_variable(service: str) -> str:
    """The environment variable in which a caller finds a service: `CART_STORE_ADDR`."""
    return f"{service.upper().replace('-', '_')}_ADDR"


BACKING_VARIABLE = "BACKEND_ADDR"


def _database(service: str, statement: str, latency: float) -> Backing:
    return Backing(f"{service}-db.prod.example", 5432, "postgresql", statement, latency)


SERVICES: tuple[Service, ...] = (
    Service(
        "frontend",
        "3.8.0",
        replicas=2,
        cpu="500m",
        memory="256Mi",
        operations=(
            Operation(
                "GET /",
                0.012,
                (Call("catalog", "GET /products"), Call("recommendation", "GET /recommendations", optional=True)),
                share=0.42,
            ),
            Operation("GET /products/{id}", 0.010, (Call("catalog", "GET /products/{id}"),), share=0.30),
            Operation("GET /cart", 0.008, (Call("cart", "GET /cart"),), share=0.16),
            Operation("POST /checkout", 0.012, (Call("checkout", "POST /checkout"),), share=0.12),
        ),
        surge=Operation("GET /search", 0.012),
        backing=Backing("sessions.prod.example", 6379, "redis", "GET session:{id}", 0.002),
    ),
    Service(
        "catalog",
        "1.14.2",
        replicas=3,
        cpu="500m",
        memory="256Mi",
        operations=(
            Operation("GET /products", 0.014, (Call("inventory", "GET /stock"),)),
            Operation("GET /products/{id}", 0.010, (Call("inventory", "GET /stock/{sku}"),)),
        ),
        surge=Operation("GET /products/suggest", 0.012),
        backing=_database("catalog", "SELECT * FROM products WHERE id = $1", 0.006),
        log_format="logfmt",
    ),
    Service(
        "cart",
        "2.3.1",
        replicas=2,
        cpu="250m",
        memory="256Mi",
        operations=(Operation("GET /cart", 0.007, (Call("cart-store", "HGETALL cart"),)),),
        surge=Operation("GET /cart/count", 0.006),
        backing=Backing("profiles.prod.example", 443, "http", "GET /v1/profiles/{id}", 0.008),
        log_format="logfmt",
    ),
    Service(
        "cart-store",
        "7.2.5",
        replicas=1,
        cpu="250m",
        memory="256Mi",
        operations=(Operation("HGETALL cart", 0.001),),
        surge=Operation("SCAN cart:*", 0.002),
        backing=Backing("cart-backup.prod.example", 443, "s3", "PUT appendonly.aof", 0.001),
        port=6379,
        kind="StatefulSet",
        log_format="logfmt",
        auto_sync=True,
    ),
    Service(
        "checkout",
        "2.4.1",
        replicas=3,
        cpu="250m",
        memory="256Mi",
        operations=(
            Operation(
                "POST /checkout",
                0.022,
                (
                    Call("cart", "GET /cart"),
                    Call("inventory", "POST /reservations"),
                    Call("payment", "POST /charges"),
                ),
            ),
        ),
        surge=Operation("GET /checkout/quote", 0.018),
        backing=_database("orders", "INSERT INTO orders (id, total, currency) VALUES ($1, $2, $3)", 0.007),
    ),
    Service(
        "payment",
        "1.9.4",
        replicas=2,
        cpu="250m",
        memory="256Mi",
        operations=(Operation("POST /charges", 0.018),),
        surge=Operation("POST /charges/validate", 0.012),
        backing=Backing("api.acquirer.example", 443, "http", "POST /v2/authorisations", 0.070),
        tracked=False,
        max_unavailable=1,
    ),
    Service(
        "inventory",
        "4.0.3",
        replicas=3,
        cpu="500m",
        memory="256Mi",
        operations=(
            Operation("GET /stock", 0.008),
            Operation("GET /stock/{sku}", 0.006),
            Operation("POST /reservations", 0.012),
        ),
        surge=Operation("GET /stock/summary", 0.008),
        backing=_database("inventory", "SELECT sku, available FROM stock WHERE sku = ANY($1)", 0.006),
    ),
    Service(
        "recommendation",
        "0.22.0",
        replicas=2,
        cpu="500m",
        memory="256Mi",
        operations=(Operation("GET /recommendations", 0.018, (Call("catalog", "GET /products"),)),),
        surge=Operation("GET /recommendations/trending", 0.014),
        backing=Backing("features.prod.example", 443, "http", "GET /v1/features/{user}", 0.009),
        log_format="logfmt",
        tracked=False,
    ),
)

BY_NAME = {service.name: service for service in SERVICES}


def expected_rates(rate: float) -> dict[str, float]:
    """Requests a second each service sees when `rate` customers a second arrive and all goes well."""
    rates: dict[str, float] = defaultdict(float)

    def add(service: str, operation: Operation, amount: float) -> None:
        rates[service] += amount
        for call in operation.calls:
            add(call.service, BY_NAME[call.service].operation(call.operation), amount)

    for operation in BY_NAME[ENTRY].operations:
        add(ENTRY, operation, rate * operation.share)
    return dict(rates)
