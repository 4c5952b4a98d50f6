"""The planner of this process: the sandbox loads a workflow's module anew, and passes this one through."""

from agent.planner import Planner

_installed: list[Planner] = []


def install(planner: Planner) -> None:
    """Make `planner` the one that workflows use."""
    _installed[:] = [planner]


def planner() -> Planner:
    """The installed planner."""
    return _installed[0]
