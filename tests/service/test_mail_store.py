"""The inbox: deduplication, batches, and that nothing is lost, on SQLite and on PostgreSQL."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update
from structlog.testing import capture_logs

from domain.errors import TriagentError, UpstreamError, UpstreamUnavailable
from service.engine import AlertBatch
from service.inbox import Drainer, Inbox
from service.metrics import Metrics
from service.store import schema
from service.store.database import Database
from service.store.facts import Facts
from service.store.mail import MailStore, Posted
from service.store.tables import alert_identities
from tests.api.world import FakeEngine
from tests.service.builders import alert_payload, webhook


def post(*fingerprints: str, group: str = "g1", status: str = "firing") -> Posted:
    return Posted(webhook(*(alert_payload(fingerprint=name, status=status) for name in fingerprints), group=group))


async def test_repeats_are_counted_once(database: Database) -> None:
    """Within one post, within one transaction, and later."""
    mail = MailStore(database)
    first, second = await mail.keep([post("a", "a", "b"), post("b", "c")])
    assert (first.received, first.deduplicated) == (3, 1)
    assert (second.received, second.deduplicated) == (2, 1)
    (third,) = await mail.keep([post("a", "b", "c")])
    assert third.deduplicated == 3


async def test_concurrent_stores_count_once(database: Database) -> None:
    """Replicas that get the same post from an Alertmanager cluster keep it once."""
    others = Database(database.url.render_as_string(hide_password=False))
    stores = [MailStore(database), MailStore(others)]
    receipts = await asyncio.gather(*(stores[n % 2].keep([post("a", "b")]) for n in range(8)))
    assert sum(receipt.received - receipt.deduplicated for (receipt,) in receipts) == 2
    await others.close()


async def test_an_alert_stays_with_the_group_it_came_by(database: Database) -> None:
    """Its resolution finds it, even if routes have changed; overlapping routes make no second incident."""
    mail = MailStore(database)
    await mail.keep([post("a", group="g1")])
    (overlap,) = await mail.keep([post("a", group="g2")])
    assert overlap.deduplicated == 1
    await mail.keep([post("a", group="g2", status="resolved")])
    await mail.claim()
    (letter,) = await mail.letters()
    assert letter.batch.group_id == webhook(group="g1").group_id
    assert [alert.status for alert in letter.batch.alerts] == ["firing", "resolved"]


async def later(database: Database) -> None:
    """A minute passes."""
    old = datetime.now(UTC) - timedelta(minutes=1)
    await database.write(lambda connection: connection.execute(update(alert_identities).values(seen_at=old)))


def told(status: str, *, ended: datetime | None = None) -> list[Posted]:
    """One alert, with the same start whatever it has gone through."""
    ends = {"endsAt": ended.isoformat()} if ended else {}
    return [Posted(webhook(alert_payload(fingerprint="a", status=status, **ends)))]


async def test_an_alert_that_fires_anew_with_the_same_start_is_news(database: Database) -> None:
    """As after a break between Prometheus and Alertmanager; so is its end. Repeats of either are none, even late."""
    mail = MailStore(database)
    first_end = datetime.now(UTC) - timedelta(minutes=2)
    fresh: list[int] = []

    async def hear(status: str, *, ended: datetime | None = None) -> None:
        (receipt,) = await mail.keep(told(status, ended=ended))
        fresh.append(receipt.received - receipt.deduplicated)

    await hear("firing")
    await hear("resolved", ended=first_end)
    await hear("firing")  # late: it was sent before the end
    await later(database)
    for _ in range(2):
        await hear("firing")
        await hear("resolved", ended=first_end)
    await hear("resolved", ended=datetime.now(UTC))
    await hear("resolved", ended=datetime.now(UTC))
    await later(database)
    await hear("firing")
    assert fresh == [1, 1, 0, 1, 0, 0, 0, 1, 0, 1]
    await mail.claim()
    (letter,) = await mail.letters()
    assert [(alert.status, alert.refired) for alert in letter.batch.alerts] == [
        ("firing", 0), ("resolved", 0), ("firing", 1), ("resolved", 1), ("firing", 2)
    ]  # fmt: skip


async def test_a_firing_notice_that_its_end_overtook_opens_no_episode(database: Database) -> None:
    """Both are delivered as news of one episode, of which the end is final."""
    mail = MailStore(database)
    await mail.keep([*told("resolved", ended=datetime.now(UTC)), *told("firing")])
    await mail.claim()
    (letter,) = await mail.letters()
    assert [(alert.status, alert.refired) for alert in letter.batch.alerts] == [("resolved", 0), ("firing", 0)]


async def test_what_fires_anew_for_long_is_remembered_as_long(database: Database) -> None:
    """While it is repeated nothing that leads to it is forgotten, so that its end is still known for its own."""
    mail = MailStore(database)
    await mail.keep(told("firing"))
    await mail.keep(told("resolved", ended=datetime.now(UTC) - timedelta(minutes=2)))
    await later(database)
    await mail.keep(told("firing"))
    month = update(alert_identities).values(seen_at=datetime.now(UTC) - timedelta(days=29))
    await database.write(lambda connection: connection.execute(month))
    await mail.keep(told("firing"))
    await mail.prune(delivered_before=datetime.now(UTC), seen_before=datetime.now(UTC) - timedelta(days=1))
    await mail.keep(told("resolved", ended=datetime.now(UTC)))
    await mail.claim()
    (letter,) = await mail.letters()
    assert [(alert.status, alert.refired) for alert in letter.batch.alerts][-1] == ("resolved", 1)


async def test_a_group_has_one_batch_under_way(database: Database) -> None:
    """What comes while a batch is being delivered waits for the next one, so that order is kept."""
    mail = MailStore(database)
    await mail.keep([post("a"), post("b")])
    await mail.claim()
    await mail.keep([post("c")])
    await mail.claim()
    (letter,) = await mail.letters()
    assert [alert.fingerprint for alert in letter.batch.alerts] == ["a", "b"]
    await mail.delivered([letter])
    await mail.claim()
    (following,) = await mail.letters()
    assert [alert.fingerprint for alert in following.batch.alerts] == ["c"]


async def test_a_batch_left_behind_is_taken_over_as_it_was(database: Database) -> None:
    """Under the same id, so that a batch that did get through counts once."""
    dead, alive = MailStore(database), MailStore(database)
    await dead.keep([post("a")])
    await dead.claim()
    (left,) = await dead.letters()
    assert await alive.letters() == []
    assert [letter.batch for letter in await alive.letters(orphans_of_any_age=True)] == [left.batch]


async def test_forgetting_keeps_what_is_undelivered_or_still_repeated(database: Database) -> None:
    """Only delivered mail and alerts nobody mentions any more are pruned."""
    mail = MailStore(database)
    await mail.keep([post("a")])
    later = datetime.now(UTC) + timedelta(seconds=1)
    await mail.prune(delivered_before=later, seen_before=later - timedelta(hours=1))
    assert (await mail.depth()).rows == 1
    assert (await mail.keep([post("a")]))[0].deduplicated == 1
    await mail.prune(delivered_before=later, seen_before=later)
    assert (await mail.keep([post("a")]))[0].deduplicated == 0


UNREADABLE = {"not alerts any more": '[{"colour": "red"}]', "not JSON": "[{"}


@pytest.mark.parametrize("stored", UNREADABLE.values(), ids=UNREADABLE)
async def test_a_row_that_cannot_be_read_is_set_aside(database: Database, stored: str) -> None:
    """It is kept, counted and named in the log; what came with it, before it and after it is delivered."""
    if database.url.get_backend_name() == "postgresql" and stored == "[{":
        pytest.skip("PostgreSQL stores no such row")
    mail, engine = MailStore(database), FakeEngine(Facts(database))
    inbox = Inbox(mail)
    await mail.keep([post("a"), post("b"), post("c"), post("d", group="g2")])
    broken = text("UPDATE inbox SET alerts = :stored WHERE id = 2")
    await database.write(lambda connection: connection.execute(broken, {"stored": stored}))
    with capture_logs() as logged:
        async with draining(Drainer(mail, engine, inbox.news, backoff=(0.001,))):
            await engine.has(3)
            await mail.keep([post("e")])
            inbox.news.set()
            await engine.has(4)
    arrived = [alert.fingerprint for batch in engine.batches for alert in batch.alerts]
    assert (sorted(arrived), (await mail.depth()).set_aside) == (["a", "c", "d", "e"], 1)
    assert [(line["event"], line["rows"]) for line in logged if "rows" in line] == [("inbox.set_aside", [2])]


class PickyEngine(FakeEngine):
    """Has a bug that one group's alerts run into."""

    async def deliver(self, batch: AlertBatch) -> None:
        if any(alert.fingerprint == "a" for alert in batch.alerts):
            raise KeyError("a")
        await super().deliver(batch)


async def test_a_batch_that_nobody_can_take_holds_up_nobody(database: Database) -> None:
    """After a few attempts it is set aside; other groups, and news of its own, are delivered."""
    mail, engine = MailStore(database), PickyEngine(Facts(database))
    inbox = Inbox(mail)
    await mail.keep([post("a"), post("b", group="g2")])
    async with draining(Drainer(mail, engine, inbox.news, backoff=(0.001,))):
        async with asyncio.timeout(10):
            while not (await mail.depth()).set_aside:  # noqa: ASYNC110 - the database has no event for it
                await asyncio.sleep(0.01)
        await mail.keep([post("c"), post("d", group="g2")])
        inbox.news.set()
        await engine.has(3)
    depth = await mail.depth()
    assert (depth.rows, depth.set_aside) == (0, 1)


class RefusingEngine(FakeEngine):
    """Refuses what names certain groups, or has no answer about them, while others are served."""

    refused: str = ""
    error: TriagentError

    async def deliver(self, batch: AlertBatch) -> None:
        if batch.group_id == self.refused:
            raise self.error
        await super().deliver(batch)


FAILURES = {
    "refused": UpstreamError("temporal", "exceeded workflow execution limit for signal events"),
    "no answer": UpstreamUnavailable("temporal", "Timeout expired"),
}


@pytest.mark.parametrize("error", FAILURES.values(), ids=FAILURES)
async def test_a_group_that_always_fails_stops_no_other(database: Database, error: TriagentError) -> None:
    """What it says is kept, not set aside, and gets through when it can; other groups are delivered all the while."""
    mail, engine = MailStore(database), RefusingEngine(Facts(database))
    engine.refused, engine.error = webhook(group="g1").group_id, error
    inbox = Inbox(mail)
    await mail.keep([post("a"), post("b", group="g2")])
    async with draining(Drainer(mail, engine, inbox.news, backoff=(0.01,))):
        await engine.has(1)
        for number, name in enumerate("cde", start=3):
            await asyncio.sleep(0.05)
            await mail.keep([post(name, group=f"g{number}"), post(name + name)])
            inbox.news.set()
            await engine.has(number - 1)
        await asyncio.sleep(0.2)  # they are marked a moment after they arrived
        depth = await mail.depth()
        assert (depth.rows, depth.set_aside) == (4, 0)
        engine.refused = ""
        await engine.has(8)
    own = [alert.fingerprint for batch in engine.batches if batch.group_id == webhook(group="g1").group_id
           for alert in batch.alerts]  # fmt: skip
    assert own == ["a", "cc", "dd", "ee"]


async def test_a_group_that_fails_is_seen_and_rests_longer_and_longer(database: Database) -> None:
    """Its attempts are logged with the reason and counted as one failing group, until it gets through."""
    mail, engine = MailStore(database), RefusingEngine(Facts(database))
    engine.refused, engine.error = webhook(group="g1").group_id, FAILURES["refused"]
    metrics, inbox = Metrics(), Inbox(mail)
    drainer = Drainer(mail, engine, inbox.news, backoff=(0.01, 0.2))
    metrics.watch_failing_groups(lambda: drainer.failing)
    await mail.keep([post("a")])
    with capture_logs() as logged:
        async with draining(drainer):
            await asyncio.sleep(0.5)
            assert b"inbox_failing_groups 1.0" in metrics.render(await mail.depth(), 0)
            engine.refused = ""
            await engine.has(1)
    assert b"inbox_failing_groups 0.0" in metrics.render(await mail.depth(), 0)
    attempts = [line for line in logged if line["event"] == "inbox.delivery_failed"]
    assert 2 <= len(attempts) <= 5
    assert attempts[0]["group"] == webhook(group="g1").group_id
    assert "signal events" in attempts[0]["error"]


@asynccontextmanager
async def draining(drainer: Drainer) -> AsyncGenerator[None]:
    """Run it for a while. It may not have ended by itself."""
    task = asyncio.create_task(drainer.run())
    try:
        yield
        await asyncio.sleep(0.05)
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("turns", range(6))
async def test_delivery_ends_when_it_is_told_to(sqlite_url: str, turns: int) -> None:
    """Also in the moment in which news arrive: a process that is stopped must not wait for ever."""
    database = Database(sqlite_url)
    await schema.upgrade(database)
    news = asyncio.Event()
    task = asyncio.create_task(Drainer(MailStore(database), FakeEngine(Facts(database)), news).run())
    await asyncio.sleep(0.2)
    news.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=5)
    task.cancel()
    assert done
    await database.close()


class FlakyEngine(FakeEngine):
    """Fails some deliveries, before or after they got through."""

    plan: list[str]

    async def deliver(self, batch: AlertBatch) -> None:
        fate = self.plan.pop() if self.plan else "works"
        if fate == "answer lost":
            await super().deliver(batch)
        self.down = fate != "works"
        await super().deliver(batch)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    posts=st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["g1", "g2"])), min_size=1, max_size=12),
    fates=st.lists(st.sampled_from(["works", "down", "answer lost"]), max_size=6),
)
async def test_nothing_is_lost_or_delivered_twice(posts: list[tuple[str, str]], fates: list[str]) -> None:
    """Whatever fails on the way, every alert arrives once and in its group's order."""
    folder = tempfile.TemporaryDirectory()
    database = Database(f"sqlite:///{folder.name}/triagent.db")
    await schema.upgrade(database)
    mail = MailStore(database)
    engine = FlakyEngine(facts=None)  # pyright: ignore[reportArgumentType] - it decides nothing here
    engine.plan = fates
    inbox = Inbox(mail)
    drainer = Drainer(mail, engine, inbox.news, backoff=(0.001,))
    tasks = [asyncio.create_task(inbox.run()), asyncio.create_task(drainer.run())]
    for name, group in posts:
        await inbox.accept(post(name, group=group))
    expected = list(dict.fromkeys(name for name, _ in posts))
    await engine.has(len(expected))
    arrived = [alert.fingerprint for batch in engine.batches for alert in batch.alerts]
    assert sorted(arrived) == sorted(expected)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await database.close()
    folder.cleanup()
