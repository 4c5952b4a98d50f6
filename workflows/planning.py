"""The planner that this process's workflows use.

A durable agent registers its activities when the worker starts, so it is built outside the workflow and found here.
"""

from agent.planner import Planner
from domain.errors import Misconfigured

_installed: list[Planner] = []


def install(planner: Planner) -> None:
    """Make `planner` the one of this process; the worker calls this once, before it polls."""
    _installed[:] = [planner]


def planner() -> Planner:
    """The installed planner."""
    if not _installed:
        raise Misconfigured("no planner is installed; the worker installs one before it starts")
    return _installed[0]
