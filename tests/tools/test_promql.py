from datetime import timedelta

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidQuery
from tools.prometheus.queries import QueryLimits, guarded, parsed, selects_ranges


@pytest.mark.parametrize(
    "query",
    [
        "up",
        ' sum by (service) (rate(http_requests_total{namespace=~".*", code=~"5.."}[5m])) ',
        "histogram_quantile(0.95, sum by (le) (rate(latency_bucket[5m])))",
        '{job="checkout"}',
        '{__name__="up"}',
        '{__name__=~"http_.*|grpc_.*"}',
        "max_over_time(rate(x[5m])[1h:1m])",
        "x offset 1d",
        "x @ 1700000000",
        "1 + 1",
        "vector(1)",
        "absent(up{job='x'})",
    ],
)
def test_what_a_triage_asks_is_let_through(query: str):
    """The usual queries are sent as they were written."""
    assert guarded(query) == query.strip()


@pytest.mark.parametrize(
    ("query", "way_out"),
    [
        ('{__name__=~".+"}', "name a metric"),
        ('count({__name__=~".*x"})', "name a metric"),
        ('{__name__!=""}', "name a metric"),
        ('{job=~".+"}', "name a metric"),
        ('{__name__=~"http_.*|.+"}', "name a metric"),
        ('{job="x" or job=~".+"}', "name a metric"),
        ("rate(x[30d])", "ask for less"),
        ("max_over_time(x[7d:1s])", "widen its step"),
        ("x offset 1y", "offset"),
        ("rate(x[5m", "not PromQL"),
        ("", "not PromQL"),
        ("DROP TABLE", "not PromQL"),
        ("x" * 5000, "split it"),
        ('x{a=~"' + "b" * 600 + '"}', "pattern for a"),
        ("+".join(["x"] * 40), "split it"),
        ("rate(" * 200 + "x" + "[5m])" * 200, "not PromQL"),
    ],
)
def test_what_asks_for_everything_is_refused(query: str, way_out: str):
    """A refusal says what to do instead, and nothing is sent."""
    with pytest.raises(InvalidQuery, match=way_out):
        guarded(query)


@given(st.text(max_size=200))
def test_any_text_is_judged(text: str):
    """No text does anything but pass or be refused."""
    try:
        assert guarded(text) == text.strip()
    except InvalidQuery:
        return
    promql_parser.parse(text)


SELECTORS = st.sampled_from(["x", "x[5m]", "x[90d]", '{a=~".+"}', '{a="b"}', "x offset 300d", "y[3d:1s]", "3"])
WRAPS = st.sampled_from(["rate({})", "sum({})", "({})", "-{}", "{} + z", "topk(3, {})", "sum by (a) ({})"])


@given(selector=SELECTORS, wraps=st.lists(WRAPS, max_size=5))
def test_no_wrapping_smuggles_a_selector_past(selector: str, wraps: list[str]):
    """However deep it sits, a selector that is refused alone is refused inside."""
    query = selector
    for wrap in wraps:
        query = wrap.format(query)
    try:
        guarded(query)
    except InvalidQuery:
        return
    assert selector in {"x", "x[5m]", '{a="b"}', "3"}


def test_limits_are_a_sites_own():
    """A site that keeps budgets over 30 days can ask for them."""
    limits = QueryLimits(max_range=timedelta(days=30))
    assert guarded("rate(x[30d])", limits=limits) == "rate(x[30d])"


@pytest.mark.parametrize(("query", "expected"), [("x[5m]", True), ("(x[5m:1m])", True), ("rate(x[5m])", False)])
def test_range_vectors_are_known(query: str, expected: bool):
    """What only a function can turn into values is told before it is sent."""
    assert selects_ranges(parsed(query)) is expected
