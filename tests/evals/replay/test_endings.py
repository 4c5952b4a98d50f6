"""Recorded metrics that end before the recording was taken."""

from pathlib import Path

import httpx

from evals.replay.endings import with_endings
from evals.replay.prometheus import find_commands, prometheus
from service.settings import load_settings
from tests.agent.analysis.shapes import NOW

NOON = NOW.timestamp()


def exposed(name: str, *ages: int, pod: str = "a") -> str:
    """Samples of one gauge, by how many seconds before the recording was taken they are."""
    lines = [f'{name}{{pod="{pod}"}} {age} {NOON - age:.3f}' for age in ages]
    return "\n".join([f"# TYPE {name} gauge", *lines, ""])


async def test_nothing_is_measured_after_the_last_sample(tmp_path: Path):
    """A server over it gives values up to the last sample and none from then on; what goes on is as it was."""
    text = exposed("usage", 160, 150, 140, 130) + exposed("probe", 60, 0) + "# EOF\n"
    async with prometheus(find_commands(load_settings().cache), with_endings(text, NOW), tmp_path) as url:
        ask = {"start": str(NOON - 160), "end": str(NOON), "step": "10"}
        async with httpx.AsyncClient(base_url=url) as client:
            answers = {
                name: (await client.get("/api/v1/query_range", params={**ask, "query": name})).json()
                for name in ("usage", "probe")
            }
    points = {name: answer["data"]["result"][0]["values"] for name, answer in answers.items()}
    assert [round(NOON - at) for at, value in points["usage"] if value != "NaN"] == [160, 150, 140, 130]
    assert [round(NOON - at) for at, _ in points["probe"]] == [60, 50, 40, 30, 20, 10, 0]


def test_a_series_that_ends_before_its_metric_does_is_left_alone():
    """A pod that went must not make sums over the others no number; counters are looked at through rates."""
    gone = exposed("usage", 160, 150, 140) + exposed("usage", 20, 10, 0, pod="b")
    counted = exposed("requests_total", 160, 150, 140, 130)
    assert with_endings(gone + counted, NOW) == gone + counted
