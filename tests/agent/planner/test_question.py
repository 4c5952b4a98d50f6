from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.answers.question import intents_of, read
from agent.answers.times import LONGEST, window
from domain.inventory import WorkloadEntry
from domain.objects import WorkloadRef

AT = datetime(2026, 3, 4, 10, 40, tzinfo=UTC)
KNOWN = tuple(
    WorkloadEntry(ref=WorkloadRef(namespace=namespace, name=name), replicas=1, ready=1)
    for namespace, name in (
        ("shop", "checkout"),
        ("shop", "payment-service"),
        ("shop", "cart"),
        ("shop", "redis-cart"),
        ("billing", "ledger"),
    )
)

SPANS = {
    "why is checkout slow since 10:20?": (timedelta(minutes=20), timedelta(0)),
    "errors in the last 30 minutes": (timedelta(minutes=30), timedelta(0)),
    "errors in the last 30m": (timedelta(minutes=30), timedelta(0)),
    "what changed in the last hour?": (timedelta(hours=1), timedelta(0)),
    "what changed in the past two hours?": (timedelta(hours=2), timedelta(0)),
    "what happened half an hour ago?": (timedelta(minutes=30), timedelta(0)),
    "anything in the last day": (timedelta(days=1), timedelta(0)),
    "slow between 10:00 and 10:30?": (timedelta(minutes=40), timedelta(minutes=10)),
    "slow from 10:00 to 10:30?": (timedelta(minutes=40), timedelta(minutes=10)),
    "since 23:50": (timedelta(hours=10, minutes=50), timedelta(0)),
    "since 2026-03-04T10:15:00Z": (timedelta(minutes=25), timedelta(0)),
    "since 2026-03-04 11:15+01:00": (timedelta(minutes=25), timedelta(0)),
    "since 11:20+01:00": (timedelta(minutes=20), timedelta(0)),
    "since 2019-01-01T00:00Z": (timedelta(days=1), timedelta(0)),
    "since tomorrow at 25:99, 2026-99-99T10:00Z": (timedelta(hours=1), timedelta(0)),
    "is checkout ok?": (timedelta(hours=1), timedelta(0)),
}


@pytest.mark.parametrize("text", SPANS)
def test_times_are_understood(text: str) -> None:
    """Clock times are the last before the question, spans count back from it, nothing reaches back over a day."""
    start, end = window(text, AT)

    assert (AT - start, AT - end) == SPANS[text]


@given(st.text(max_size=200), st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_any_text_has_a_time(text: str, at: datetime) -> None:
    """Whatever is asked, the window is in the past, not empty, and a day long at most."""
    start, end = window(text, at)

    assert start < end <= at
    assert end - start <= LONGEST


SUBJECTS = {
    "why is checkout slow?": ("checkout", "shop", None),
    "why is the Checkout service slow?": ("checkout", "shop", None),
    "are payments failing?": ("payment-service", "shop", None),
    "is redis-cart restarting?": ("redis-cart", "shop", None),
    "what changed in billing?": (None, "billing", None),
    "is anything firing in shop?": (None, "shop", None),
    "what is the state of namespace staging?": (None, "staging", None),
    "who calls ledger?": ("ledger", "billing", None),
    "why is search slow?": (None, None, "search"),
    "is everything ok?": (None, None, None),
    "have we seen this before?": (None, None, None),
}


@pytest.mark.parametrize("text", SUBJECTS)
def test_subjects_are_found_in_what_exists(text: str) -> None:
    """Services and namespaces are those of the live inventory; one that does not exist is said to be unknown."""
    question = read(text, KNOWN, None, AT)

    assert (question.service, question.namespace, question.unknown) == SUBJECTS[text]


INTENTS = {
    "why is checkout slow since 10:20?": {"why", "slow"},
    "is anything firing in shop?": {"firing"},
    "what changed in the last hour?": {"changed"},
    "was there a release of checkout today?": {"changed"},
    "have we seen this before?": {"seen"},
    "who calls checkout?": {"calls"},
    "what does checkout depend on?": {"calls"},
    "what is the error rate of cart?": {"errors", "status"},
    "how is payment-service doing?": {"status"},
    "what should I do about checkout?": {"procedure"},
    "what is wrong with cart?": {"why"},
    "write me a poem": set(),
    "write me a poem about why checkout is slow": set(),
    "tell me a joke about alerts": set(),
    "what is the capital of France?": set(),
    "translate this error to German": set(),
    "": set(),
}


@pytest.mark.parametrize("text", INTENTS)
def test_intents_are_recognised(text: str) -> None:
    """Operations questions are told apart; what is not about operations has no intent."""
    assert set(intents_of(text)) == INTENTS[text]
