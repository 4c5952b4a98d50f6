"""From the webhook to the workflows: acknowledge what is stored, deliver what is not yet delivered."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

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
"""Seconds between attempts while Temporal is down, and between those for a group that Temporal refuses."""
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


class _Failing(NamedTuple):
    """A group whose deliveries fail though Temporal is there: how often in a row, and when the next attempt is due."""

    attempts: int
    due: float


class Drainer:
    """Delivers what the inbox holds to the workflows: each group in order, groups side by side, until it has worked.

    A group that cannot be delivered rests and holds up no other; while Temporal is away, all wait.
    """

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
        self._failing: dict[str, _Failing] = {}
        self._broken: Counter[str] = Counter()
        self._orphans_of_any_age = True

    @property
    def failing(self) -> int:
        """Groups whose deliveries fail though Temporal is there."""
        return len(self._failing)

    async def run(self) -> None:
        """Drain, until cancelled. Starts with whatever an earlier process left behind."""
        while True:
            self._news.clear()
            if await self._worked():
                await self._rest()
            else:
                await asyncio.sleep(self._pause(self._failures))

    async def _worked(self) -> bool:
        try:
            await self._drain()
            await self._prune()
        except TriagentError as error:
            log.warning("inbox.drain_failed", error=str(error))
        except Exception:  # whatever it is, the alerts are still there: try again
            log.exception("inbox.drain_broken")
        else:
            self._failures = 0
            return True
        self._failures += 1
        return False

    async def _drain(self) -> None:
        """Deliver all that waits now, but for groups that rest. Raises `UpstreamUnavailable` while Temporal is away."""
        await self._mail.claim(self._resting())
        while letters := await self._due():
            outcomes = await asyncio.gather(*map(self._deliver, letters), return_exceptions=True)
            done = [letter for letter, outcome in zip(letters, outcomes, strict=True) if outcome is True]
            if done:
                await self._mail.delivered(done)
                self._failures = 0
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
            self._orphans_of_any_age = False
            await self._mail.claim(self._resting())
        self._orphans_of_any_age = False

    async def _due(self) -> list[Letter]:
        """What is claimed, without groups that rest. Forgets failures of groups that nothing waits for."""
        letters = await self._mail.letters(orphans_of_any_age=self._orphans_of_any_age)
        waiting = {letter.batch.group_id for letter in letters}
        self._failing = {group: failing for group, failing in self._failing.items() if group in waiting}
        now = time.monotonic()
        resting = {group for group, failing in self._failing.items() if failing.due > now}
        return [letter for letter in letters if letter.batch.group_id not in resting]

    def _resting(self) -> list[str]:
        """Groups that had a delivery just now: what a flapping alert says next waits, and goes along with the rest."""
        now = time.monotonic()
        self._paced = {group: since for group, since in self._paced.items() if now - since < self._pace}
        return list(self._paced)

    def _pause(self, failures: int) -> float:
        return self._backoff[min(failures, len(self._backoff)) - 1]

    async def _rest(self) -> None:
        """Until there is news, or it is time to look: for what others stored, or for a group that has rested."""
        soonest = min((failing.due for failing in self._failing.values()), default=math.inf)
        # Not `wait_for`: it may take news that come with a cancellation for all that came.
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(POLL, soonest - time.monotonic()))):
                await self._news.wait()

    async def _deliver(self, letter: Letter) -> bool:
        """False if its group is to rest. Raises `UpstreamUnavailable` if Temporal is away."""
        # What the delivery starts belongs to the trace of the request that brought the alerts.
        parent = propagate.extract({"traceparent": letter.traceparent}) if letter.traceparent else otel.get_current()
        group = letter.batch.group_id
        async with self._slots:
            token = otel.attach(parent)
            try:
                await self._engine.deliver(letter.batch)
            except UpstreamUnavailable:
                raise
            except TriagentError as error:
                log.warning("inbox.delivery_failed", group=group, error=str(error))
                self._let_rest(group)
                return False
            except Exception as error:  # a bug, ours or a library's: it must not hold up the other groups
                log.exception("inbox.delivery_broken", group=group)
                self._let_rest(group)
                await self._note(letter, error)
                return False
            finally:
                otel.detach(token)
        self._failing.pop(group, None)
        self._paced[group] = time.monotonic()
        return True

    def _let_rest(self, group: str) -> None:
        attempts = self._failing[group].attempts + 1 if group in self._failing else 1
        self._failing[group] = _Failing(attempts, time.monotonic() + self._pause(attempts))

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
