"""The fact log and its projection, on SQLite and on PostgreSQL."""

import asyncio
from datetime import datetime, timedelta

import pytest

from domain import facts
from domain.errors import InvalidInput, NotFound
from domain.incidents import project
from service.store.database import Database
from service.store.facts import Appended, Facts, IncidentFilter
from tests.service.builders import OPENED, alert, closed, opened, plan, until_plan


async def test_projection_equals_the_folded_history(database: Database) -> None:
    """What readers see is the fold of the facts, whatever portions they were appended in."""
    store = Facts(database)
    history = (*until_plan(), closed())
    await store.append(history[:2])
    await store.append(history[2:])
    assert await store.incident("i-1") == project(history)
    assert [item.fact for item in await store.history("i-1")] == list(history)
    assert [item.number for item in await store.history("i-1", after=2)] == [3, 4, 5, 6]


async def test_appending_again_changes_nothing(database: Database) -> None:
    """A retried append is a no-op, also when only part of it had got through, and listeners hear of news only."""
    store = Facts(database)
    heard: list[Appended] = []
    store.subscribe(heard.append)
    await store.append(until_plan()[:3])
    await store.append(until_plan())
    await store.append(until_plan())
    assert [item.fact for item in await store.history("i-1")] == list(until_plan())
    assert [[item.number for item in news.facts] for news in heard if news.facts] == [[1, 2, 3], [4, 5]]


async def test_first_fact_must_open_the_incident(database: Database) -> None:
    """A history cannot begin in the middle; nothing of such an append stays."""
    store = Facts(database)
    with pytest.raises(InvalidInput, match="not IncidentOpened"):
        await store.append([opened("i-2"), closed("i-1")])
    for incident_id in ("i-1", "i-2"):
        with pytest.raises(NotFound):
            await store.incident(incident_id)


async def test_concurrent_appends_number_facts_without_gaps(database: Database) -> None:
    """Many writers on one incident: every fact is kept once, numbered 1 to n."""
    store = Facts(database)
    updates = [
        facts.AlertsUpdated(id=f"u{n}", incident_id="i-1", at=OPENED, alerts=(alert(fingerprint=f"f{n}"),))
        for n in range(20)
    ]
    await asyncio.gather(*(store.append([opened()]) for _ in range(5)))
    await asyncio.gather(*(store.append([update]) for update in updates))
    history = await store.history("i-1")
    assert [item.number for item in history] == list(range(1, 22))
    assert {item.fact.id for item in history} == {"i-1/opened", *(update.id for update in updates)}


async def test_incidents_are_found_by_what_lists_filter_on(database: Database) -> None:
    """Status, fingerprint and namespace each narrow the list; newest first."""
    store = Facts(database)
    await store.append(until_plan("i-1"))
    await store.append([opened("i-2", at=OPENED + timedelta(hours=1), alerts=(alert(fingerprint="f2"),))])
    await store.append([opened("i-3", at=OPENED + timedelta(hours=2), namespace=None), closed("i-3")])

    async def listed(wanted: IncidentFilter) -> list[str]:
        return [incident.id for incident in await store.incidents(wanted)]

    assert await listed(IncidentFilter()) == ["i-3", "i-2", "i-1"]
    assert await listed(IncidentFilter(limit=1)) == ["i-3"]
    assert await listed(IncidentFilter(statuses=("triaging", "resolved"))) == ["i-3", "i-2"]
    assert await listed(IncidentFilter(fingerprint="f2")) == ["i-2"]
    assert await listed(IncidentFilter(namespace="shop")) == ["i-2", "i-1"]


async def test_incidents_with_a_cause_are_found_while_it_matters(database: Database) -> None:
    """Its first cause, at that object, open or closed of late; oldest first."""
    store = Facts(database)
    for number in range(3):
        first, *others = until_plan(f"i-{number}")
        await store.append([first.model_copy(update={"at": OPENED - timedelta(minutes=number)}), *others])
    await store.append([opened("undiagnosed"), closed("i-2")])

    async def found(since: datetime, cause: str = "bad_release", name: str = "checkout"):
        same = await store.recent_incidents(since, cause=cause, object=f"deployment/{name}")
        return [incident.id for incident in same]

    later = OPENED + timedelta(days=1)
    assert await found(later) == ["i-1", "i-0"]
    assert await found(OPENED) == ["i-2", "i-1", "i-0"]
    assert await found(later, cause="wrong_image_tag") == []
    assert await found(later, name="cart") == []
    assert set(await store.open_incidents()) == {"undiagnosed", "i-0", "i-1"}


async def test_waiting_for_people_is_measured(database: Database) -> None:
    """The seconds between a proposal and the end of its review are counted apart from the work."""
    store = Facts(database)
    heard: list[Appended] = []
    store.subscribe(heard.append)
    await store.append(until_plan())
    voided = OPENED + timedelta(seconds=130)
    await store.append([facts.PlanVoided(id="v", incident_id="i-1", at=voided, digest=plan().digest, reason="drift")])
    await store.append([closed(seconds=200)])
    assert heard[-1].awaited == 100
