"""Background work that is done again and again, and that no outage ends."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

from domain.errors import Misconfigured, TriagentError

log = structlog.get_logger(__name__)


async def rounds(work: Callable[[], Awaitable[None]], *, every: float, failed: str) -> NoReturn:
    """Do `work` now and every so many seconds, until cancelled.

    A round that fails is logged as `failed`, and tried again. Raises `Misconfigured`: waiting would not mend that.
    """
    while True:
        try:
            await work()
        except Misconfigured:
            raise
        except TriagentError as error:
            log.warning(failed, error=str(error))
        except Exception:  # drivers raise what they like while a database comes and goes: the process outlives it
            log.exception(failed)
        await asyncio.sleep(every)
