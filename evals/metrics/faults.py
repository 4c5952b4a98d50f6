"""What each kind of injected fault does to the unit it is injected into. What it does to others follows from the calls.

The kinds and their tools are RCAEval's: `stress-ng` for cpu, mem, disk and socket, `tc netem` for delay and loss. Sizes
are drawn widely, from what hardly shows to what nobody overlooks.
"""

from dataclasses import dataclass, field
from random import Random

from evals.metrics.noise import Values, ramp
from evals.metrics.topology import Unit

KINDS = ("cpu", "mem", "disk", "delay", "loss", "socket")
RESEND = 0.2
"""Seconds until a lost segment is sent again: the least retransmission timeout of Linux."""


@dataclass
class Effect:
    """A fault's direct effects, one value a tick; an empty list is none.

    `slower` and `tail` multiply the unit's own time and its tail. `wait` and `tail_wait` are seconds on each passage of
    the unit's network: on calls that it makes, and on calls made to it. `failing` is a share of its requests.
    """

    unit: str
    cpu: Values = field(default_factory=list[float])
    memory: Values = field(default_factory=list[float])
    io: Values = field(default_factory=list[float])
    sockets: Values = field(default_factory=list[float])
    slower: Values = field(default_factory=list[float])
    tail: Values = field(default_factory=list[float])
    wait: Values = field(default_factory=list[float])
    tail_wait: Values = field(default_factory=list[float])
    failing: Values = field(default_factory=list[float])


def effect_of(kind: str, rng: Random, unit: Unit, length: int, start: int) -> Effect:
    """The effect of a fault of that kind in `unit` from the tick `start` on."""
    shape = ramp(length, start, rng.randint(1, 5))
    return _EFFECTS[kind](rng, unit, shape)


def _times(shape: Values, amount: float) -> Values:
    return [amount * share for share in shape]


def _factor(shape: Values, amount: float) -> Values:
    return [1 + amount * share for share in shape]


def _cpu(rng: Random, unit: Unit, shape: Values) -> Effect:
    slower = rng.uniform(0.2, 3.0)
    return Effect(
        unit.name,
        cpu=_times(shape, rng.uniform(0.25, 1.5)),
        slower=_factor(shape, slower),
        tail=_factor(shape, slower * rng.uniform(0.2, 1.0)),
    )


def _mem(rng: Random, unit: Unit, shape: Values) -> Effect:
    """Memory that grows for a while; sometimes to the limit, where the unit is killed and begins anew."""
    start = shape.index(next(value for value in shape if value))
    grown = ramp(len(shape), start, rng.randint(4, 24))
    failing: Values = []
    if rng.random() < 0.3:
        period = rng.randint(10, 24)
        grown = [((tick - start) % period) / period if tick >= start else 0.0 for tick in range(len(shape))]
        failing = [0.3 if tick > start and (tick - start) % period == 0 else 0.0 for tick in range(len(shape))]
    return Effect(
        unit.name,
        memory=_times(grown, unit.memory * rng.uniform(0.3, 2.5)),
        cpu=_times(shape, rng.uniform(0.02, 0.3)),
        slower=_factor(shape, rng.uniform(0.0, 0.6)),
        failing=failing,
    )


def _disk(rng: Random, unit: Unit, shape: Values) -> Effect:
    return Effect(
        unit.name,
        io=_times(shape, rng.lognormvariate(15.0, 1.2)),
        cpu=_times(shape, rng.uniform(0.02, 0.3)),
        slower=_factor(shape, rng.uniform(0.0, 1.0)),
        tail=_factor(shape, rng.uniform(0.0, 1.0)),
    )


def _delay(rng: Random, unit: Unit, shape: Values) -> Effect:
    seconds = rng.uniform(0.02, 0.4)
    return Effect(unit.name, wait=_times(shape, seconds), tail_wait=_times(shape, seconds * rng.uniform(1.0, 1.4)))


def _loss(rng: Random, unit: Unit, shape: Values) -> Effect:
    """A request crosses the network in a few segments; each that is lost waits for its retransmission."""
    share = rng.uniform(0.1, 0.5)
    return Effect(
        unit.name,
        wait=_times(shape, RESEND * max(share - 0.2, 0.0)),
        tail_wait=_times(shape, RESEND * (1 if share < 0.3 else 3) * min(share / 0.1, 1.0)),
        failing=_times(shape, rng.choice((0.0, 0.02)) + max(share - 0.2, 0.0) * rng.uniform(0.0, 0.3)),
        sockets=_times(shape, rng.uniform(0.0, 15.0)),
    )


def _socket(rng: Random, unit: Unit, shape: Values) -> Effect:
    return Effect(
        unit.name,
        sockets=_times(shape, rng.uniform(15, 300)),
        cpu=_times(shape, rng.uniform(0.05, 0.5)),
        slower=_factor(shape, rng.uniform(0.0, 0.6)),
    )


_EFFECTS = {"cpu": _cpu, "mem": _mem, "disk": _disk, "delay": _delay, "loss": _loss, "socket": _socket}
