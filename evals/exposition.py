"""OpenMetrics text as samples, and back.

Source: https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md. Gauges with times only: what
recorded incidents hold.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

_LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+) (\S+)$")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_UNESCAPED = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}
_ESCAPED = str.maketrans({"\n": "\\n", '"': '\\"', "\\": "\\\\"})


class Sample(NamedTuple):
    """One value of one series. `at` is in Unix seconds."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: str
    at: float

    def label(self, name: str) -> str:
        """The label's value; empty where it is not there."""
        return dict(self.labels).get(name, "")

    @property
    def series(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """What tells one series from another."""
        return self.name, self.labels


def sample(metric: str, value: float, at: float, /, **labels: str) -> Sample:
    """A sample with a number, written with as many digits as it needs."""
    return Sample(metric, tuple(labels.items()), f"{value:.6g}", at)


def samples(text: str) -> Iterator[Sample]:
    """The samples of a text that have a time; everything else is left out."""
    for line in text.splitlines():
        match = None if line.startswith("#") else _LINE.match(line)
        if match is not None:
            yield Sample(match[1], _labels(match[2] or ""), match[3], float(match[4]))


def exposition(found: Iterable[Sample]) -> str:
    """Text with the samples of each metric together and in time order, as `promtool` demands."""
    lines: list[str] = []
    family = ""
    for item in sorted(found, key=lambda one: (one.name, one.labels, one.at)):
        if item.name != family:
            family = item.name
            lines.append(f"# TYPE {family} {'unknown' if family.endswith('_total') else 'gauge'}")
        lines.append(f"{item.name}{_written(dict(item.labels))} {item.value} {item.at:.3f}")
    return "\n".join([*lines, "# EOF", ""])


def _labels(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, re.sub(r"\\.", lambda found: _UNESCAPED.get(found[0], found[0]), value))
        for name, value in _LABEL.findall(text)
    )


def _written(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{value.translate(_ESCAPED)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""
