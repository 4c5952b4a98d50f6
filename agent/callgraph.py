"""Who calls whom, and who is upstream of whom: a victim's latency comes from what it calls."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class CallGraph:
    """Direct calls by service name."""

    callees: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    callers: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> "CallGraph":
        """From `(client, server)` pairs."""
        callees: dict[str, set[str]] = {}
        callers: dict[str, set[str]] = {}
        for client, server in pairs:
            if client != server:
                callees.setdefault(client, set()).add(server)
                callers.setdefault(server, set()).add(client)
        return cls(
            {name: frozenset(others) for name, others in callees.items()},
            {name: frozenset(others) for name, others in callers.items()},
        )

    def called_by(self, service: str) -> frozenset[str]:
        """What `service` calls directly."""
        return self.callees.get(service, frozenset())

    def calling(self, service: str) -> frozenset[str]:
        """Who calls `service` directly."""
        return self.callers.get(service, frozenset())

    def below(self, service: str) -> frozenset[str]:
        """All that `service` depends on, directly or not, without itself."""
        return _reachable(service, self.callees)

    def above(self, service: str) -> frozenset[str]:
        """All that depend on `service`, directly or not, without itself."""
        return _reachable(service, self.callers)

    def __contains__(self, service: str) -> bool:
        return service in self.callees or service in self.callers


def _reachable(start: str, edges: dict[str, frozenset[str]]) -> frozenset[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in edges.get(waiting.pop(), frozenset()):
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return frozenset(seen - {start})
