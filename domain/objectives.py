"""Service-level objectives that verification holds a service to."""

from typing import Literal

from domain.checks import Check, SignalCheck
from domain.model import Model


class Objective(Model):
    """One signal's bound."""

    signal: str
    comparison: Literal["<=", ">="] = "<="
    threshold: float


class ServiceObjectives(Model):
    """Objectives of one service; `namespace` and `service` may be `*`."""

    namespace: str = "*"
    service: str = "*"
    objectives: tuple[Objective, ...]

    def covers(self, namespace: str, service: str) -> bool:
        """Whether these are the objectives of that service."""
        return self.namespace in {"*", namespace} and self.service in {"*", service}


DEFAULTS = ServiceObjectives(
    objectives=(
        Objective(signal="error_ratio", threshold=0.02),
        Objective(signal="latency_p95", threshold=0.5),
    )
)


class Objectives(Model):
    """All objectives of a site; the most specific entry that covers a service wins."""

    services: tuple[ServiceObjectives, ...] = ()

    def of(self, namespace: str, service: str) -> tuple[Objective, ...]:
        """The objectives of one service, the defaults if none is given."""
        covering = [entry for entry in self.services if entry.covers(namespace, service)] or [DEFAULTS]
        best = max(covering, key=lambda entry: (entry.service != "*", entry.namespace != "*"))
        return best.objectives

    def is_default(self, check: SignalCheck) -> bool:
        """Whether nobody asked for this check: a default objective of a service for which the site has given none."""
        if any(entry.covers(check.namespace, check.service) for entry in self.services):
            return False
        return (
            Objective(signal=check.signal, comparison=check.comparison, threshold=check.threshold)
            in DEFAULTS.objectives
        )

    def checks(self, namespace: str, service: str) -> tuple[Check, ...]:
        """The checks that hold a service to its objectives."""
        return tuple(
            SignalCheck(
                signal=item.signal,
                namespace=namespace,
                service=service,
                comparison=item.comparison,
                threshold=item.threshold,
            )
            for item in self.of(namespace, service)
        )
