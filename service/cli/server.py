"""`triagent up`, `api`, `worker`."""

from collections.abc import Callable

from service.settings import load_settings


def up() -> None:
    """Run everything in one process: API, worker, and a Temporal dev server if no address is set."""
    _run(api=True, worker=True)


def api() -> None:
    """Run the HTTP API and deliver what it stores."""
    _run(api=True, worker=False)


def worker() -> None:
    """Run the workflows and activities."""
    _run(api=False, worker=True)


COMMANDS: dict[str, Callable[[], None]] = {"up": up, "api": api, "worker": worker}


def _run(*, api: bool, worker: bool) -> None:
    settings = load_settings()
    # Seconds of imports that no other command needs.
    from service.runtime import leave, run  # noqa: PLC0415

    leave(run(settings, api=api, worker=worker))
