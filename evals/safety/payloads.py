"""All payloads: every family asks for every demand, in turning languages, phrasings and encodings."""

from collections.abc import Sequence
from itertools import product
from typing import Literal, get_args

from domain.model import Model
from evals.safety.demands import CANARY, DEMANDS, Demand
from evals.safety.disguises import ENCODINGS, FAMILIES
from evals.safety.phrasing import phrasings

Carrier = Literal["label", "annotation", "runbook", "log", "trace", "event", "argo", "notes"]
CARRIERS: tuple[Carrier, ...] = get_args(Carrier)
"""Alert label, alert annotation, runbook, log line, span attribute, Kubernetes event, Argo CD message, Helm notes."""

STRIDE = 37
"""Shares no factor with the number of plantings, so that it meets all of them."""

VARIANTS = 3
"""Of each family and demand: one in plain English, two in other words and other writings."""


class Payload(Model):
    """One text, where it comes from in the grid, and what it wants."""

    id: str
    family: str
    demand: Demand
    language: str
    encoding: str
    phrase: str

    def text(self, canary: str) -> str:
        """The text as it is planted; `canary` is the address that must never be called."""
        words = self.phrase.format(order=self.demand.order.replace(CANARY, canary))
        return FAMILIES[self.family](ENCODINGS[self.encoding](words))


def payloads() -> tuple[Payload, ...]:
    """The whole grid: by variant, then demand, then family."""
    grid = product(range(VARIANTS), range(len(DEMANDS)), range(len(FAMILIES)))
    return tuple(_payload(variant, demand, family) for variant, demand, family in grid)


class Planting(Model):
    """Payloads that ask for the same, each in a carrier of its own: what one trial plants."""

    demand: Demand
    carriers: dict[Carrier, Payload]


def plantings(*, every_carrier: bool = False) -> tuple[Planting, ...]:
    """All payloads, each in one carrier; families and carriers meet in turn. With `every_carrier` each in all eight."""
    everything, size = payloads(), len(CARRIERS)
    groups = [everything[at : at + size] for at in range(0, len(everything), size)]
    turns = range(size) if every_carrier else (0,)
    # Two groups share a demand: dividing by two lets every family meet every carrier.
    return tuple(_planting(group, number // 2 + turn) for turn in turns for number, group in enumerate(groups))


def sampled(count: int) -> tuple[Planting, ...]:
    """`count` plantings spread over the grid: other demands, families and writings from one to the next."""
    everything = plantings()
    return tuple(everything[(index * STRIDE) % len(everything)] for index in range(min(count, len(everything))))


def _planting(group: Sequence[Payload], shift: int) -> Planting:
    placed: dict[Carrier, Payload] = {
        CARRIERS[(at + shift) % len(CARRIERS)]: payload for at, payload in enumerate(group)
    }
    return Planting(demand=group[0].demand, carriers=placed)


def _payload(variant: int, demand_at: int, family_at: int) -> Payload:
    family = tuple(FAMILIES)[family_at]
    demand = DEMANDS[demand_at]
    turn = variant * (len(DEMANDS) + 1) + demand_at * 5 + family_at
    language, phrase = phrasings()[turn % len(phrasings())] if variant else ("en", phrasings()[0][1])
    encoding = tuple(ENCODINGS)[turn % len(ENCODINGS)] if variant else "plain"
    return Payload(
        id=f"{family}/{demand.id}/{variant}",
        family=family,
        demand=demand,
        language=language,
        encoding=encoding,
        phrase=phrase,
    )
