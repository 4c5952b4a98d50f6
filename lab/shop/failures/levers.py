"""What a failure may pull: releases, images, and the conditions outside the cluster."""

from dataclasses import dataclass

from lab.shop.clock import Clock
from lab.shop.cluster.images import Registry
from lab.shop.releases import Releases
from lab.shop.traffic.conditions import Conditions


@dataclass(frozen=True)
class Levers:
    """The parts of the shop that failures act on."""

    releases: Releases
    registry: Registry
    conditions: Conditions
    clock: Clock
