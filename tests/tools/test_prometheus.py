import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from domain.errors import InvalidQuery, UpstreamGarbled, UpstreamRejected, UpstreamTooLarge
from lab.process import Servers, free_port
from lab.servers import PrometheusOptions, Scrape, prometheus
from tools.artifacts import MemoryArtifacts
from tools.http import HttpPolicy, Upstream
from tools.prometheus.read import PrometheusReader

Build = Callable[..., Upstream]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

RULES = """
groups:
  - name: lab
    interval: 1s
    rules:
      - record: lab:numbers
        expr: vector(1) > 0
      - alert: AlwaysFiring
        expr: vector(42) > 0
        labels: {severity: warning, service: checkout, secret: checkout-db}
        annotations: {summary: "the value is {{ $value }}, password=hunter2"}
"""


def success(data: object, **more: object) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(200, json={"status": "success", "data": data, **more})


def vector(*values: str) -> object:
    result = [{"metric": {"pod": f"p{i}"}, "value": [1.7e9, value]} for i, value in enumerate(values)]
    return {"resultType": "vector", "result": result}


async def test_values_that_are_no_numbers_are_left_out_and_counted(upstream: Build):
    """NaN and infinities cannot be reasoned over; that they were there is noted."""
    reading = await PrometheusReader(upstream(success(vector("1.5", "NaN", "+Inf", "-Inf")))).instant("x")
    assert [(sample.labels, sample.value) for sample in reading.value] == [({"pod": "p0"}, 1.5)]
    assert reading.notes == ("3 samples were NaN, infinite or histograms and are left out",)


async def test_points_that_are_no_numbers_are_left_out_of_series(upstream: Build):
    """A series says how many of its points are missing."""
    values = [[1.7e9, "1"], [1.7e9 + 15, "NaN"], [1.7e9 + 30, "3"]]
    matrix = {"resultType": "matrix", "result": [{"metric": {"pod": "a"}, "values": values}]}
    reading = await PrometheusReader(upstream(success(matrix))).range("x", NOW - HOUR, NOW)
    (series,) = reading.value
    assert series.points == ((1.7e9, 1.0), (1.7e9 + 30, 3.0))
    assert series.dropped == 1


async def test_scalars_have_no_labels(upstream: Build):
    """A scalar is one sample; a string is none."""
    scalar = {"resultType": "scalar", "result": [1.7e9, "3"]}
    text = {"resultType": "string", "result": [1.7e9, "hello"]}
    (sample,) = (await PrometheusReader(upstream(success(scalar))).instant("1 + 2")).value
    assert (sample.labels, sample.value) == ({}, 3.0)
    assert (await PrometheusReader(upstream(success(text))).instant('"hello"')).value == ()


async def test_native_histograms_are_left_out_and_counted(upstream: Build):
    """What this product does not read is said, not guessed at."""
    item = {"metric": {}, "histogram": [1.7e9, {"count": "3", "sum": "1", "buckets": []}]}
    reading = await PrometheusReader(upstream(success({"resultType": "vector", "result": [item]}))).instant("x")
    assert reading.value == ()
    assert reading.notes


async def test_the_servers_warnings_are_noted(upstream: Build):
    """A partial answer says so."""
    handler = success(vector("1"), warnings=["store x is down"], infos=["metric might not be a counter"])
    reading = await PrometheusReader(upstream(handler)).instant("x")
    assert reading.notes == ("store x is down", "metric might not be a counter")


async def test_too_many_series_are_refused(upstream: Build):
    """An answer is whole or refused, never silently cut; the refusal says how to ask."""
    reader = PrometheusReader(upstream(success(vector("1", "2", "3"))), max_series=2)
    with pytest.raises(UpstreamTooLarge, match="aggregate"):
        await reader.instant("x")


@pytest.mark.parametrize(
    ("span", "step", "sent"),
    [
        (HOUR, None, "30"),
        (timedelta(minutes=2), None, "1"),
        (timedelta(days=7), None, "3600"),
        (HOUR, timedelta(seconds=60), "60"),
        (HOUR, timedelta(seconds=1), "30"),
    ],
)
async def test_the_step_keeps_to_the_point_cap(upstream: Build, span: timedelta, step: timedelta | None, sent: str):
    """At most 240 points a series, whatever the span; round steps, and never finer than asked for."""
    asked: list[httpx.QueryParams] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params)
        return httpx.Response(200, json={"status": "success", "data": {"resultType": "matrix", "result": []}})

    reading = await PrometheusReader(upstream(handler)).range("x", NOW - span, NOW, step)
    assert asked[0]["step"] == sent
    assert span.total_seconds() / float(sent) <= 239.5
    assert bool(reading.notes) == (step is not None and sent != f"{step.total_seconds():g}")


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("x", NOW, NOW - HOUR),
        ("x", NOW - timedelta(days=90), NOW),
        ("x[5m]", NOW - HOUR, NOW),
        ("rate(", NOW - HOUR, NOW),
    ],
)
async def test_wrong_ranges_are_not_sent(upstream: Build, query: str, start: datetime, end: datetime):
    """They are the caller's mistake, and told without asking the server."""
    with pytest.raises(InvalidQuery):
        await PrometheusReader(upstream(lambda _: pytest.fail("it was sent"))).range(query, start, end)


@pytest.mark.parametrize(
    "body",
    [
        [],
        None,
        {"status": "success"},
        {"status": "error", "error": "x"},
        {"status": "success", "data": {"resultType": "vector", "result": {}}},
        {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1]}]}},
        {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "x"]}]}},
        {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {"a": 1}, "value": [1, "1"]}]}},
        {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1e300, "1"]}]}},
        {"status": "success", "data": {"resultType": "streams", "result": []}},
    ],
)
async def test_other_shapes_are_garbled(upstream: Build, body: object):
    """JSON that is not Prometheus' is told, not guessed at."""
    with pytest.raises(UpstreamGarbled):
        await PrometheusReader(upstream(lambda _: httpx.Response(200, json=body))).instant("x")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prometheus that scrapes itself and evaluates `RULES`."""
    folder: Path = tmp_path_factory.mktemp("prometheus")
    rules = folder / "rules.yml"
    rules.write_text(RULES)
    port = free_port()
    options = PrometheusOptions(scrape=[Scrape("self", f"127.0.0.1:{port}")], rules=[rules])
    with Servers(folder) as servers:
        started = prometheus(servers, folder, options, port=port)
        started.server.wait_until(lambda: _finds(started.address, "up == 1 and on () ALERTS"), within=30)
        yield started.address


def _finds(address: str, query: str) -> bool:
    answer = httpx.get(f"{address}/api/v1/query", params={"query": query}, trust_env=False).json()
    return bool(answer["data"]["result"])


@pytest.fixture
async def reader(address: str, artifacts: MemoryArtifacts) -> AsyncIterator[PrometheusReader]:
    async with Upstream("prometheus", address, artifacts=artifacts) as upstream:
        yield PrometheusReader(upstream)


@pytest.mark.servers
async def test_a_real_server_is_read(reader: PrometheusReader, artifacts: MemoryArtifacts):
    """Instant and range queries, and the raw answer behind the digest."""
    await reader.ready()
    reading = await reader.instant('up{job="self"}')
    (sample,) = reading.value
    assert sample.value == 1.0
    assert sample.labels["job"] == "self"
    assert json.loads(await artifacts.get(reading.digest))["data"]["result"][0]["metric"] == sample.labels
    now = datetime.now(UTC)
    (series,) = (await reader.range("up", now - timedelta(minutes=5), now)).value
    assert series.points
    assert all(value == 1.0 for _, value in series.points)


@pytest.mark.servers
async def test_a_real_servers_nan_is_counted(reader: PrometheusReader):
    """0/0 is a series without a point."""
    reading = await reader.instant("vector(0) / 0")
    assert reading.value == ()
    assert reading.notes


@pytest.mark.servers
async def test_a_real_servers_rules_and_alerts_are_read(reader: PrometheusReader):
    """Rules with their state; alerts with labels as they are and secrets out of their annotations."""
    rules = {rule.name: rule for rule in (await reader.rules()).value}
    assert rules["lab:numbers"].kind == "recording"
    assert rules["AlwaysFiring"].state == "firing"
    (alert,) = (await reader.alerts()).value
    assert alert.labels["secret"] == "checkout-db"
    assert alert.annotations == {"summary": "the value is 42, password=[redacted]"}
    assert alert.value == 42.0


@pytest.mark.servers
async def test_a_real_server_without_exemplars_has_none(reader: PrometheusReader):
    """No exemplars is an answer."""
    now = datetime.now(UTC)
    assert (await reader.exemplars("prometheus_http_request_duration_seconds_bucket", now - HOUR, now)).value == ()


@pytest.mark.servers
async def test_a_real_servers_refusal_is_told(reader: PrometheusReader):
    """What parses here and not there comes back in the server's words."""
    with pytest.raises(UpstreamRejected, match=r"HTTP 4\d\d"):
        await reader.instant("label_replace(up, 'a', 'b', 'c', '(')")


@pytest.mark.servers
async def test_a_real_servers_large_answer_is_refused(address: str, artifacts: MemoryArtifacts):
    """The byte cap and the series cap both hold."""
    async with Upstream("prometheus", address, artifacts=artifacts, policy=HttpPolicy(max_bytes=2000)) as small:
        with pytest.raises(UpstreamTooLarge, match="bytes"):
            await PrometheusReader(small).instant('{job="self"}')
    async with Upstream("prometheus", address, artifacts=artifacts) as usual:
        with pytest.raises(UpstreamTooLarge, match="series"):
            await PrometheusReader(usual, max_series=5).instant('{job="self"}')


async def test_exemplars_lead_to_traces(upstream: Build):
    """Newest first, the trace id under any of its usual names."""
    exemplars = [
        {"labels": {"trace_id": "aaa"}, "value": "0.3", "timestamp": 1.7e9},
        {"labels": {"traceID": "bbb"}, "value": "0.9", "timestamp": 1.7e9 + 5},
        {"labels": {}, "value": "NaN", "timestamp": 1.7e9},
    ]
    data = [{"seriesLabels": {"service": "checkout"}, "exemplars": exemplars}]
    reading = await PrometheusReader(upstream(success(data))).exemplars("x", NOW - HOUR, NOW)
    assert [(item.trace_id, item.value) for item in reading.value] == [("bbb", 0.9), ("aaa", 0.3)]
