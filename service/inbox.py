"""From the webhook to the workflows: acknowledge what is stored, deliver what is not yet delivered."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog
from opentelemetry import context as otel
from opentelemetry import propagate

from domain.errors import TriagentError, UpstreamUnavailable
from service.engine import Engine
from service.store.mail import Letter, MailStore, Posted, Receipt

log = structlog.get_logger(__name__)

COMMIT_POSTS = 64
"""Webhooks that share one transaction at most."""
POLL = 1.0
"""Seconds until the drainer looks for what another process stored; its own process wakes it."""
PACE = 3.0
"""Seconds between two deliveries to one group; the first is at once."""
DELIVERIES = 16
BACKOFF = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds between attempts while Temporal is down."""
BROKEN_ATTEMPTS = 3
"""Attempts to deliver what fails for another reason than that somebody is down."""
KEEP_DELIVERED = timedelta(days=7)
KEEP_IDENTITIES = timedelta(days=30)
PRUNE_EVERY = timedelta(hours=1)


class Inbox:
    """Stores webhooks, many in one transaction: those that arrive while one commits share the next."""

    def __init__(self, mail: MailStore) -> None:
        self._mail = mail
        self._waiting: asyncio.Queue[tuple[Posted, asyncio.Future[Receipt]]] = asyncio.Queue()
        self.news = asyncio.Event()
        """Set when something was stored that is to be delivered."""

    async def accept(self, post: Posted) -> Receipt:
        """Return once `post` is on disk. Raises `UpstreamUnavailable` if it could not be stored: send it again."""
        stored: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((post, stored))
        return await stored

    async def run(self) -> None:
        """Commit what arrives, until cancelled."""
        while True:
            taken = [await self._waiting.get()]
            while not self._waiting.empty() and len(taken) < COMMIT_POSTS:
                taken.append(self._waiting.get_nowait())
            await self._commit(taken)

    async def _commit(self, taken: list[tuple[Posted, asyncio.Future[Receipt]]]) -> None:
        waiting = [stored for _, stored in taken if not stored.done()]
        try:
            receipts = await self._mail.keep([post for post, _ in taken])
        except Exception as error:  # whatever it is, it is the answer to every waiting sender
            log.exception("inbox.store_failed", posts=len(taken))
            for stored in waiting:
                stored.set_exception(_unavailable(error))
            return
        for (_, stored), receipt in zip(taken, receipts, strict=True):
            if not stored.done():
                stored.set_result(receipt)
        if any(receipt.received > receipt.deduplicated for receipt in receipts):
            self.news.set()


def _unavailable(error: Exception) -> TriagentError:
    return error if isinstance(error, TriagentError) else UpstreamUnavailable("database", str(error))


class Drainer:
    """Delivers what the inbox holds to the workflows: each group in order, groups side by side, until it has worked."""

    def __init__(
        self,
        mail: MailStore,
        engine: Engine,
        news: asyncio.Event,
        *,
        backoff: Sequence[float] = BACKOFF,
        pace: float = 0.0,
    ) -> None:
        self._mail = mail
        self._backoff = backoff
        self._pace = pace
        self._paced: dict[str, float] = {}
        self._engine = engine
        self._news = news
        self._slots = asyncio.Semaphore(DELIVERIES)
        self._pruned_at = datetime.min.replace(tzinfo=UTC)
        self._failures = 0
        self._broken: Counter[str] = Counter()
        self._orphans_of_any_age = True

    async def run(self) -> None:
        """Drain, until cancelled. Starts with whatever an earlier process left behind."""
        while True:
            self._news.clear()
            if await self._worked():
                await self._rest()
            else:
                await asyncio.sleep(self._backoff[min(self._failures, len(self._backoff)) - 1])

    async def _worked(self) -> bool:
        try:
            drained = await self._drain()
            await self._prune()
        except TriagentError as error:
            log.warning("inbox.drain_failed", error=str(error))
            drained = False
        except Exception:  # whatever it is, the alerts are still there: try again
            log.exception("inbox.drain_broken")
            drained = False
        self._failures = 0 if drained else self._failures + 1
        return drained

    async def _drain(self) -> bool:
        """Deliver all that waits now; False if something could not be delivered."""
        if not self._failures:
            await self._mail.claim(self._resting())
        while letters := await self._mail.letters(orphans_of_any_age=self._orphans_of_any_age):
            outcomes = await asyncio.gather(*(self._deliver(letter) for letter in letters))
            done = [letter for letter, delivered in zip(letters, outcomes, strict=True) if delivered]
            if done:
                await self._mail.delivered(done)
            if len(done) < len(letters):
                return False
            self._orphans_of_any_age = False
            await self._mail.claim(self._resting())
        self._orphans_of_any_age = False
        return True

    def _resting(self) -> list[str]:
        """Groups that had a delivery just now: what a flapping alert says next waits, and goes along with the rest."""
        now = time.monotonic()
        self._paced = {group: since for group, since in self._paced.items() if now - since < self._pace}
        return list(self._paced)

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), POLL)

    async def _deliver(self, letter: Letter) -> bool:
        # What the delivery starts belongs to the trace of the request that brought the alerts.
        parent = propagate.extract({"traceparent": letter.traceparent}) if letter.traceparent else otel.get_current()
        async with self._slots:
            token = otel.attach(parent)
            try:
                await self._engine.deliver(letter.batch)
            except TriagentError as error:
                log.warning("inbox.delivery_failed", group=letter.batch.group_id, error=str(error))
                return False
            except Exception as error:  # a bug, ours or a library's: it must not hold up the other groups
                log.exception("inbox.delivery_broken", group=letter.batch.group_id)
                await self._note(letter, error)
                return False
            finally:
                otel.detach(token)
        self._paced[letter.batch.group_id] = time.monotonic()
        return True

    async def _note(self, letter: Letter, error: Exception) -> None:
        """Give up on a letter that fails again and again though its receiver is there."""
        batch = letter.batch.batch_id
        self._broken[batch] += 1
        if self._broken[batch] >= BROKEN_ATTEMPTS:
            del self._broken[batch]
            await self._mail.set_aside(letter.rows, repr(error))

    async def _prune(self) -> None:
        now = datetime.now(UTC)
        if now - self._pruned_at >= PRUNE_EVERY:
            await self._mail.prune(delivered_before=now - KEEP_DELIVERED, seen_before=now - KEEP_IDENTITIES)
            self._pruned_at = now
