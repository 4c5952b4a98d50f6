import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidQuery, NotFound, UpstreamGarbled, UpstreamRejected
from tests.tools.conftest import Shop
from tools.artifacts import MemoryArtifacts
from tools.http import Upstream
from tools.tempo.otlp import Span
from tools.tempo.queries import SpanQuery, limited
from tools.tempo.read import TempoReader
from tools.tempo.summaries import SpanTree, critical_path, summarise

Build = Callable[..., Upstream]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MS = 1_000_000


def span(span_id: str, parent: str = "", start: int = 0, end: int = 100, **more: object) -> Span:
    """A span with times in milliseconds."""
    return Span.model_validate(
        {
            "spanId": span_id.rjust(16, "0"),
            "parentSpanId": parent.rjust(16, "0") if parent else "",
            "startTimeUnixNano": start * MS,
            "endTimeUnixNano": end * MS,
            "name": span_id,
            **more,
        }
    )


def test_the_critical_path_is_what_everybody_waited_for():
    """Of parallel calls the longer one counts, of serial ones both; what lies between is the caller's own time."""
    spans = [
        span("a", start=0, end=100),
        span("b", "a", start=10, end=40),
        span("c", "a", start=50, end=90),
        span("d", "a", start=50, end=70),
        span("e", "c", start=60, end=85),
    ]
    waited = {key.lstrip("0"): value / MS for key, value in critical_path(SpanTree(spans)).items()}
    assert waited == {"a": 30, "b": 30, "c": 15, "e": 25}


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 1000), st.integers(0, 1000)),
        min_size=1,
        max_size=30,
    )
)
def test_self_times_add_up_to_the_roots_duration(drawn: list[tuple[int, int, int]]):
    """Whatever the tree, skewed clocks, orphans and cycles included, no time is lost or counted twice."""
    spans = [
        span(f"{i + 1:x}", f"{parent:x}" if parent else "", min(start, end), max(start, end))
        for i, (parent, start, end) in enumerate(drawn)
    ]
    tree = SpanTree(spans)
    waited = critical_path(tree)
    assert sum(waited.values()) == tree.root.end - tree.root.start
    assert all(value >= 0 for value in waited.values())
    assert summarise("t", spans).span_count == len(spans)


def test_a_summary_names_culprit_and_errors():
    """Services by what was waited for, calls between them with their errors, failed spans with their message."""
    failed = {"status": {"code": "STATUS_CODE_ERROR", "message": "deadline exceeded"}}
    spans = [
        span("a", start=0, end=100, service="frontend"),
        span("b", "a", start=10, end=95, service="checkout", **failed),
        span("c", "b", start=20, end=90, service="payment", kind=2, **failed),
    ]
    summary = summarise("t", spans)
    assert [(share.service, share.errors, share.self_ms) for share in summary.services] == [
        ("payment", 1, 70.0),
        ("checkout", 1, 15.0),
        ("frontend", 0, 15.0),
    ]
    assert [(call.client, call.server, call.errors) for call in summary.calls] == [
        ("checkout", "payment", 1),
        ("frontend", "checkout", 1),
    ]
    assert [(item.service, item.message) for item in summary.error_spans] == [
        ("checkout", "deadline exceeded"),
        ("payment", "deadline exceeded"),
    ]
    assert summary.slowest_spans[0].service == "frontend"
    assert [step.service for step in summary.critical_path] == ["frontend", "checkout", "payment"]


def otlp(span_id: str, parent: str, resources: str = "batches") -> object:
    raw = {
        "traceId": "AAAAAAAAAAAAAAAAAAAAAA==",
        "spanId": span_id,
        "parentSpanId": parent,
        "name": "GET /",
        "kind": "SPAN_KIND_SERVER",
        "startTimeUnixNano": "1763726400000000000",
        "endTimeUnixNano": "1763726400250000000",
        "attributes": [
            {"key": "http.status_code", "value": {"intValue": "500"}},
            {"key": "db.password", "value": {"stringValue": "hunter2"}},
        ],
        "status": {"code": 2},
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "checkout"}}]}
    return {resources: [{"resource": resource, "scopeSpans": [{"spans": [raw]}]}]}


@pytest.mark.parametrize("encode", [lambda raw: raw.hex(), lambda raw: base64.b64encode(raw).decode()])
@pytest.mark.parametrize("version", [1, 2])
async def test_traces_come_in_two_encodings_and_two_versions(
    upstream: Build, encode: Callable[[bytes], str], version: int
):
    """Ids in hexadecimal or base64, the newer path or the older one: the same summary."""
    raw = bytes(range(1, 9))

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/api/v2/") and version == 1:
            return httpx.Response(404)
        body = otlp(encode(raw), "")
        return httpx.Response(200, json=body if version == 1 else {"trace": otlp(encode(raw), "", "resourceSpans")})

    reading = await TempoReader(upstream(handler)).trace("ABC")
    (failed,) = reading.value.error_spans
    assert reading.value.trace_id == "abc".zfill(32)
    assert (failed.span_id, failed.kind, failed.duration_ms) == (raw.hex(), "server", 250.0)
    assert failed.attributes == {"http.status_code": "500", "db.password": "[redacted]"}


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"batches": [{"scopeSpans": [{"spans": [{"spanId": "xyz"}]}]}]},
        {"trace": None},
        {"batches": [{"scopeSpans": [{"spans": [{"spanId": "00" * 8, "startTimeUnixNano": 10**30}]}]}]},
    ],
)
async def test_other_shapes_are_garbled(upstream: Build, body: object):
    """JSON that is no trace is told, not guessed at."""
    with pytest.raises(UpstreamGarbled):
        await TempoReader(upstream(lambda _: httpx.Response(200, json=body))).trace("abc")


@pytest.mark.parametrize("trace_id", ["", "xyz", "a" * 33, "../search"])
async def test_only_trace_ids_are_asked_for(upstream: Build, trace_id: str):
    """What is no id never reaches a URL."""
    with pytest.raises(InvalidQuery):
        await TempoReader(upstream(lambda _: pytest.fail("it was sent"))).trace(trace_id)


@given(value=st.text(max_size=40))
def test_text_cannot_become_traceql(value: str):
    """Any text is one quoted string in the query, or refused."""
    try:
        query = SpanQuery(service=value, status="error").traceql()
    except InvalidQuery:
        return
    assert limited(query) == query
    assert query.endswith("&& status = error }")


def test_span_queries_are_written_out():
    """Every part has its place, in TraceQL's own words."""
    query = SpanQuery(
        service="checkout",
        name="POST /",
        min_duration=timedelta(milliseconds=250),
        attributes={"span.http.status_code": 500, "span.retry": True},
    )
    assert query.traceql() == (
        '{ resource.service.name = "checkout" && name = "POST /" && duration > 250ms'
        " && span.http.status_code = 500 && span.retry = true }"
    )


@pytest.mark.parametrize(
    "query",
    [
        "status = error",
        '{ name = "x',
        "{ { }",
        "{ status = error } >> { status = ok }",
        "{ } | compare({ status = error })",
        "{ }" + " | count() > 1" * 4,
        "{ name =~ `" + "x" * 300 + "` }",
        "{" + " " * 2000 + "}",
        "",
    ],
)
def test_traceql_has_limits(query: str):
    """What is not TraceQL, or reads whole blocks, is not sent."""
    with pytest.raises(InvalidQuery):
        limited(query)


def test_attribute_names_have_a_scope():
    """A name that is no attribute's is refused."""
    with pytest.raises(InvalidQuery):
        SpanQuery(attributes={'x" } || {': 1}).traceql()


@pytest.fixture
async def reader(shop: Shop, artifacts: MemoryArtifacts) -> AsyncIterator[TempoReader]:
    async with Upstream("tempo", shop.tempo, artifacts=artifacts) as upstream:
        yield TempoReader(upstream)


async def test_the_shops_traces_are_found_and_read(reader: TempoReader):
    """A search by typed parts leads to a trace whose critical path adds up."""
    await reader.ready()
    query = SpanQuery(service="checkout").traceql()
    for _ in range(50):
        now = datetime.now(UTC)
        hits = (await reader.search(query, now - timedelta(minutes=5), now, limit=5)).value
        if hits:
            break
        await asyncio.sleep(0.2)
    assert 0 < len(hits) <= 5
    assert hits[0].matched > 0
    summary = (await reader.trace(hits[0].trace_id)).value
    assert "checkout" in {share.service for share in summary.services}
    waited = sum(step.self_ms for step in summary.critical_path)
    assert waited == pytest.approx(max(item.duration_ms for item in summary.slowest_spans), rel=0.01)


async def test_the_shops_refusals_are_told(reader: TempoReader):
    """An unknown trace is not found; TraceQL that only the server knows to be wrong is rejected."""
    with pytest.raises(NotFound):
        await reader.trace("f" * 32)
    with pytest.raises(UpstreamRejected):
        await reader.search("{ nonsense ~~ 3 }", NOW - timedelta(hours=1), NOW)
