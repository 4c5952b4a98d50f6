"""What makes measured series look measured: drift, correlated noise, heavy tails, rates over windows, scrapes, gaps."""

import math
from collections.abc import Sequence
from itertools import accumulate
from random import Random

Values = list[float]
"""One value a tick."""


def correlated(rng: Random, length: int, *, memory: float, sigma: float) -> Values:
    """AR(1) noise around 0 with standard deviation `sigma`."""
    fresh = sigma * math.sqrt(1 - memory * memory)
    steps = (rng.gauss(0.0, fresh) for _ in range(length - 1))
    return list(accumulate(steps, lambda last, step: memory * last + step, initial=rng.gauss(0.0, sigma)))


def wobble(rng: Random, length: int, sigma: float, *, tail: float = 0.01) -> Values:
    """Factors around 1: correlated, log-normal; a share `tail` of the points stands far out for one tick."""
    base = correlated(rng, length, memory=0.7, sigma=sigma)
    return [math.exp(value) * (rng.uniform(1.5, 4.0) if rng.random() < tail else 1.0) for value in base]


def demand(rng: Random, length: int, seconds: float) -> Values:
    """Factors of traffic around 1: a stretch of a day's curve, a shorter wave, correlated noise."""
    day, wave = rng.uniform(0, 2 * math.pi), rng.uniform(0, 2 * math.pi)
    noise = correlated(rng, length, memory=0.9, sigma=0.06)
    return [
        math.exp(step)
        * (1 + 0.4 * math.sin(day + 2 * math.pi * tick * seconds / 86_400))
        * (1 + 0.08 * math.sin(wave + 2 * math.pi * tick * seconds / 900))
        for tick, step in enumerate(noise)
    ]


def ramp(length: int, start: int, ticks: int) -> Values:
    """0 before `start`, 1 from `ticks` later on, a line between."""
    return [min(max((tick - start + 1) / max(ticks, 1), 0.0), 1.0) for tick in range(length)]


def rated(amounts: Sequence[float], window: int) -> Values:
    """What a counter that grows by `amounts` shows as a rate over the last `window` ticks: smoothed, and late."""
    total = [0.0, *accumulate(amounts)]
    return [
        (total[tick + 1] - total[max(tick + 1 - window, 0)]) / min(tick + 1, window) for tick in range(len(amounts))
    ]


def scraped(values: Sequence[float], every: int, phase: int) -> Values:
    """What a store shows of values that are read only every few ticks: steps."""
    return [values[max(tick - (tick + phase) % every, 0)] for tick in range(len(values))]


def gapped(rng: Random, values: Sequence[float], often: float) -> Values:
    """The values with missing points: short gaps that begin with probability `often` at each tick."""
    kept: Values = []
    silent = 0
    for value in values:
        silent = rng.randint(1, 6) if silent == 0 and rng.random() < often else max(silent - 1, 0)
        kept.append(math.nan if silent else value)
    return kept


def poisson(rng: Random, mean: float) -> float:
    """A count: Knuth's method for small means, the normal approximation from 30."""
    if mean > 30:
        return max(0.0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return float(count)
