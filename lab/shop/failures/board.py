"""The switchboard: which failures are on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from lab.shop.failures.catalogue import FAILURES
from lab.shop.failures.levers import Levers
from lab.shop.topology import BY_NAME


class FailureError(Exception):
    """A failure cannot be switched as asked."""


class UnknownFailureError(FailureError):
    """There is no failure, or no service, of that name."""


class FailureActiveError(FailureError):
    """A service suffers from at most one failure at a time."""


@dataclass(frozen=True)
class Active:
    """A failure that is on."""

    name: str
    service: str
    since: datetime
    undo: Callable[[], None]


class FailureBoard:
    """Switches failures on and off."""

    def __init__(self, levers: Levers):
        self._levers = levers
        self._active: dict[str, Active] = {}

    def active(self) -> list[Active]:
        """The failures that are on, by service."""
        return [self._active[service] for service in sorted(self._active)]

    def start(self, name: str, service: str | None = None) -> Active:
        """Switch a failure on for a service, or for the one it usually hits.

        Raises `UnknownFailureError` or `FailureActiveError`.
        """
        if name not in FAILURES:
            raise UnknownFailureError(f"no failure {name!r}; there are: {', '.join(FAILURES)}")
        hit = service or FAILURES[name].service
        if hit not in BY_NAME:
            raise UnknownFailureError(f"no service {hit!r}; there are: {', '.join(BY_NAME)}")
        if hit in self._active:
            raise FailureActiveError(f"{hit} already suffers from {self._active[hit].name}; switch that off first")
        undo = FAILURES[name].start(self._levers, hit)
        self._active[hit] = Active(name, hit, self._levers.clock.now(), undo)
        return self._active[hit]

    def stop(self, name: str | None = None) -> list[Active]:
        """Switch a failure off wherever it is on, or all of them; what was on comes back."""
        stopped = [active for active in self.active() if name in {None, active.name}]
        for active in stopped:
            active.undo()
            del self._active[active.service]
        return stopped
