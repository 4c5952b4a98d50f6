"""Made-up systems of services: who calls whom how often, and what each costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

ENTRY = "gateway"
NAMES = """
    basket price stock order ticket seat route train travel station payment wallet refund invoice tax voucher loyalty
    profile login session consent avatar search catalog category review rating wishlist compare recommend advert banner
    mail sms push chat support survey notify schedule calendar booking hotel meal luggage insurance visa currency ledger
    fraud risk audit report export import warehouse parcel courier address geocode weather map media thumbnail render
    archive backup config feature quota
""".split()  # noqa: SIM905 - seventy quoted words would hide the words


@dataclass(frozen=True)
class Unit:
    """One service or store when nothing is wrong. Times in seconds, memory and traffic in bytes, CPU in cores."""

    name: str
    store: bool
    seconds: float
    tail: float
    cpu_idle: float
    cpu_request: float
    memory: float
    io_request: float
    sockets: float
    error_ratio: float
    noise: float


@dataclass(frozen=True)
class Edge:
    """`calls` is how many calls one request of the caller makes on average; below 1 some requests make none."""

    caller: str
    called: str
    calls: float


@dataclass(frozen=True)
class Topology:
    """Units with callers before those they call."""

    units: tuple[Unit, ...]
    edges: tuple[Edge, ...]

    @cached_property
    def outgoing(self) -> dict[str, tuple[Edge, ...]]:
        """The calls each unit makes."""
        return {unit.name: tuple(edge for edge in self.edges if edge.caller == unit.name) for unit in self.units}

    @cached_property
    def visits(self) -> dict[str, float]:
        """Requests each unit gets for one at the entry."""
        visits = {unit.name: 0.0 for unit in self.units} | {self.units[0].name: 1.0}
        for unit in self.units:
            for edge in self.outgoing[unit.name]:
                visits[edge.called] += visits[unit.name] * edge.calls
        return visits


def grown(rng: Random, size: int) -> Topology:
    """A system of `size` services behind one entry, some with stores of their own; at most as many as `NAMES`."""
    names = [ENTRY, *(f"{name}-service" for name in rng.sample(NAMES, size - 1))]
    edges = [edge for place in range(1, size) for edge in _calls_to(rng, names, place)]
    owners = [name for name in names[1:] if rng.random() < 0.3]
    edges += [Edge(name, f"{name}-db", rng.uniform(0.5, 2.5)) for name in owners]
    units = [_unit(rng, name, store=False) for name in names]
    units += [_unit(rng, f"{name}-db", store=True) for name in owners]
    return Topology(tuple(units), tuple(edges))


def _calls_to(rng: Random, names: Sequence[str], place: int) -> list[Edge]:
    """The calls to the service at `place`, from one to three of those before it, near ones rather than the entry."""
    some = rng.choices((1, 2, 3), (6, 3, 1))[0]
    callers = {int(place * rng.betavariate(1.3, 1.6)) for _ in range(some)}
    return [
        Edge(names[caller], names[place], rng.choice((0.15, 0.3, 0.6, 1.0, 1.0, 1.5))) for caller in sorted(callers)
    ]


def _unit(rng: Random, name: str, *, store: bool) -> Unit:
    return Unit(
        name=name,
        store=store,
        seconds=rng.lognormvariate(-5.0, 0.7) if store else rng.lognormvariate(-4.6, 0.8),
        tail=rng.uniform(1.6, 4.0),
        cpu_idle=rng.uniform(0.002, 0.03),
        cpu_request=rng.lognormvariate(-5.5, 0.7),
        memory=rng.lognormvariate(19.3, 0.6),
        io_request=rng.lognormvariate(8.5, 1.0) if store else rng.lognormvariate(5.0, 1.5),
        sockets=rng.uniform(8, 60),
        error_ratio=rng.choice((0.0, 0.0, 0.0, 0.001, 0.004)),
        noise=rng.uniform(0.04, 0.2),
    )
