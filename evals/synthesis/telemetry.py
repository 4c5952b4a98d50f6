"""What a fault does to signals and logs, before it is written down by `metrics` and `logs`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

UNITS = {
    "request_rate": 12.0,
    "success_ratio": 1.0,
    "latency_p50": 0.02,
    "cpu_usage": 0.06,
    "cpu_throttling": 0.01,
    "memory_usage": 1.2e8,
}
"""Signals of services with a typical value: requests a second, shares, seconds, cores, bytes."""
NODE_UNITS = {"node_cpu": 0.25, "node_retransmits": 0.4}
"""Signals of nodes: shares, and TCP segments a second."""


class Effect(NamedTuple):
    """From the onset on the signal is `factor` times what it was plus `added`.

    `slope` is what it gains each minute of all the time that is measured: a leak has no onset.
    """

    subject: str
    signal: str
    factor: float = 1.0
    added: float = 0.0
    slope: float = 0.0


class Entry(NamedTuple):
    """Something a container logs. `previous`: the container before the last restart said it."""

    at: datetime
    level: str
    text: str
    previous: bool = False


@dataclass
class Telemetry:
    """Effects on signals, and who is silent or cannot be reached. Services and nodes go by name."""

    effects: list[Effect] = field(default_factory=list[Effect])
    silent: set[str] = field(default_factory=set[str])
    unreachable: set[str] = field(default_factory=set[str])
    blind_nodes: set[str] = field(default_factory=set[str])
    entries: dict[tuple[str, str], list[Entry]] = field(default_factory=dict[tuple[str, str], list[Entry]])

    def shift(self, subject: str, signal: str, *, factor: float = 1.0, added: float = 0.0, slope: float = 0.0) -> None:
        """Change a signal."""
        self.effects.append(Effect(subject, signal, factor, added, slope))
