import base64

import pytest

from lab.shop.tempo.lexer import TraceQLError
from lab.shop.tempo.traceql import parse_query
from lab.shop.tempo.traces import Resource, Span, Trace
from tests.lab.shop.shop_lab import ShopLab

MILLISECOND = 1_000_000


def span(span_id: str, parent: str, service: str, name: str, **fields) -> Span:
    """A span of 100 ms unless told otherwise."""
    fields = {"kind": "server", "start": 0, "end": 100 * MILLISECOND, **fields}
    return Span(span_id, parent, name, resource=Resource({"service.name": service}), **fields)


TRACE = Trace(
    "ab" * 16,
    [
        span("01", "", "frontend", "GET /", attributes={"http.status_code": 502, "http.route": "/"}, status="error"),
        span("02", "01", "frontend", "GET /products", kind="client", end=80 * MILLISECOND, status="error"),
        span("03", "02", "catalog", "GET /products", end=70 * MILLISECOND, attributes={"http.status_code": 200}),
        span("04", "03", "catalog", "SELECT", kind="client", end=5 * MILLISECOND, attributes={"db.cached": True}),
    ],
)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("{}", ["01", "02", "03", "04"]),
        ('{ resource.service.name = "catalog" }', ["03", "04"]),
        ('{ .service.name = "catalog" && kind = server }', ["03"]),
        ("{ status = error }", ["01", "02"]),
        ("{ duration > 75ms }", ["01", "02"]),
        ("{ duration >= 0.07s && duration < 100ms }", ["02", "03"]),
        ("{ span.http.status_code >= 500 }", ["01"]),
        ("{ span.http.status_code != 200 }", ["01"]),
        ('{ name =~ "GET /prod.*" }', ["02", "03"]),
        ('{ name =~ "GET" }', []),
        ('{ name !~ "GET.*" }', ["04"]),
        ("{ span.db.cached = true }", ["04"]),
        ("{ span.http.status_code = nil }", ["02", "04"]),
        ("{ span.http.status_code != nil }", ["01", "03"]),
        ('{ (status = error || kind = client) && resource.service.name = "catalog" }', ["04"]),
        ("{ !(status = error) }", ["03", "04"]),
        ('{ rootServiceName = "frontend" && name = "SELECT" }', ["04"]),
        ("{ traceDuration > 99ms && name = `SELECT` }", ["04"]),
        ('{ status = error } && { name = "SELECT" }', ["01", "02", "04"]),
        ('{ status = error } && { name = "UPDATE" }', []),
        ('{ name = "UPDATE" } || { name = "SELECT" }', ["04"]),
        ('{ resource.service.name = "frontend" } >> { name = "SELECT" }', ["04"]),
        ('{ resource.service.name = "frontend" } > { name = "SELECT" }', []),
        ('{ kind = client } > { resource.service.name = "catalog" }', ["03"]),
        ("{ status = error } | count() > 1", ["01", "02"]),
        ("{ status = error } | count() > 2", []),
    ],
)
def test_traceql_selects_spans(query: str, found: list[str]):
    """Conditions, sets and stages mean what Tempo's documentation says."""
    assert [each.span_id for each in parse_query(query).search(TRACE)] == found


@pytest.mark.parametrize(
    "query",
    [
        "",
        "{",
        "{ status = }",
        "{ status = error",
        "{ foo = 1 }",
        "{ status = 3 }",
        '{ name =~ "(" }',
        "{ duration > }",
        "{ } | rate()",
        "{ } }",
        "{ name = 'x' }",
        "{ .a = b }",
    ],
)
def test_what_is_no_traceql_is_refused(query: str):
    """Every refusal says that the query is at fault."""
    with pytest.raises(TraceQLError, match=r"^invalid TraceQL query: "):
        parse_query(query)


async def test_search_answers_like_tempo(lab: ShopLab):
    """Root, duration and the matching spans with what the query asked about; `limit` and `spss` cut."""
    lab.step(20)
    answer = await lab.client.get(
        f"{lab.at.tempo}/api/search",
        params={"q": '{ resource.service.name = "checkout" && span.http.status_code = 200 }', "limit": 2, "spss": 1},
    )
    body = answer.json()
    assert len(body["traces"]) == 2
    assert body["metrics"]["completedJobs"] == 1
    found = body["traces"][0]
    assert (found["rootServiceName"], found["rootTraceName"]) == ("frontend", "POST /checkout")
    assert found["durationMs"] > 50
    assert found["spanSets"] == [found["spanSet"]]
    (only,) = found["spanSet"]["spans"]
    assert {"key": "http.status_code", "value": {"intValue": "200"}} in only["attributes"]
    assert found["spanSet"]["matched"] >= 1


async def test_search_keeps_to_its_time_range(lab: ShopLab):
    """`start` and `end` are seconds since the epoch."""
    now = int(lab.shop.clock.now().timestamp())
    lab.step(20)
    assert await lab.search("{}", start=now + 60, end=now + 120) == []
    recent = await lab.search("{}", start=now + 15, end=now + 60, limit=1000)
    assert recent
    assert all(int(trace["startTimeUnixNano"]) / 1e9 >= now + 14 for trace in recent)


async def test_a_trace_is_otlp_in_both_versions(lab: ShopLab):
    """v1 has `batches`, v2 `trace.resourceSpans`; ids are base64, kinds and statuses enum names."""
    await lab.fail("bad-release", "checkout")
    lab.step(15)
    trace_id = (await lab.search('{ resource.service.name = "checkout" && status = error }', limit=1))[0]["traceID"]
    first = (await lab.client.get(f"{lab.at.tempo}/api/traces/{trace_id}")).json()["batches"]
    second = (await lab.client.get(f"{lab.at.tempo}/api/v2/traces/{trace_id}")).json()["trace"]["resourceSpans"]
    assert first == second
    spans = [span for batch in first for scope in batch["scopeSpans"] for span in scope["spans"]]
    assert {base64.b64decode(span["traceId"]).hex() for span in spans} == {trace_id}
    ids = {span["spanId"] for span in spans}
    assert sum("parentSpanId" not in span for span in spans) == 1
    assert all(span.get("parentSpanId") in {None, *ids} for span in spans)
    assert {"SPAN_KIND_SERVER", "SPAN_KIND_CLIENT"} == {span["kind"] for span in spans}
    failed = [span["status"] for span in spans if span["status"]]
    assert {status["code"] for status in failed} == {"STATUS_CODE_ERROR"}
    assert any("nil pointer dereference in applyDiscount" in status["message"] for status in failed)
    resource = {entry["key"]: entry["value"] for entry in first[0]["resource"]["attributes"]}
    assert resource["service.name"] == {"stringValue": "frontend"}
    assert resource["k8s.namespace.name"] == {"stringValue": "shop"}


async def test_children_lie_within_their_parents(lab: ShopLab):
    """Spans of a healthy trace nest in time."""
    lab.step(10)
    trace = next(trace for trace in lab.shop.traces.newest() if not trace.failed and len(trace.spans) > 5)
    spans = {each.span_id: each for each in trace.spans}
    for each in trace.spans:
        if each.parent_id:
            parent = spans[each.parent_id]
            assert parent.start <= each.start <= each.end <= parent.end + MILLISECOND


async def test_unknown_traces_and_bad_requests(lab: ShopLab):
    """404 for a trace there is not, 400 for what is no id, no query, no number."""
    get = lab.client.get
    assert (await get(f"{lab.at.tempo}/api/traces/{'0' * 32}")).status_code == 404
    assert (await get(f"{lab.at.tempo}/api/traces/not-hex")).status_code == 400
    assert (await get(f"{lab.at.tempo}/api/search", params={"q": "{ status = }"})).status_code == 400
    assert (await get(f"{lab.at.tempo}/api/search", params={"limit": "many"})).status_code == 400
    assert (await get(f"{lab.at.tempo}/ready")).text == "ready\n"
    assert (await get(f"{lab.at.tempo}/api/echo")).text == "echo\n"


async def test_tags_and_their_values_can_be_listed(lab: ShopLab):
    """What can be searched by, as Grafana's query builder asks for it."""
    tags = (await lab.client.get(f"{lab.at.tempo}/api/search/tags")).json()["tagNames"]
    assert {"service.name", "http.status_code", "k8s.pod.name"} <= set(tags)
    scopes = (await lab.client.get(f"{lab.at.tempo}/api/v2/search/tags")).json()["scopes"]
    assert {scope["name"] for scope in scopes} == {"resource", "span", "intrinsic"}
    values = (await lab.client.get(f"{lab.at.tempo}/api/v2/search/tag/resource.service.name/values")).json()
    assert {"type": "string", "value": "cart-store"} in values["tagValues"]
    values = (await lab.client.get(f"{lab.at.tempo}/api/search/tag/service.name/values")).json()
    assert "checkout" in values["tagValues"]
