"""Recorded metrics without a server: OpenMetrics text, and the few PromQL forms that suites' catalogues use.

Selectors, arithmetic between a number and a selector, and `or` are enough for recorded gauges. Anything else needs a
real Prometheus with the case's history, and is `UnsupportedQuery` here.
"""

import operator
import re
from collections.abc import Callable, Iterator
from functools import cached_property

import promql_parser as promql

from tools.prometheus.models import Labels, Series

_LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: (\S+))?$")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}
_OPERATORS: dict[str, Callable[[float, float], float]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}


class UnsupportedQuery(ValueError):
    """PromQL that only a real Prometheus can answer."""


class Recording:
    """The samples of one OpenMetrics file."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _series(self) -> dict[str, list[Series]]:
        points: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for name, labels, moment, value in _samples(self._text):
            points.setdefault((name, labels), []).append((moment, value))
        named: dict[str, list[Series]] = {}
        for (name, labels), values in points.items():
            series = Series(labels=_labels(labels), points=tuple(sorted(values)))
            named.setdefault(name, []).append(series)
        return named

    def evaluate(self, query: str) -> tuple[Series, ...]:
        """The series of a query over the whole recording. Raises `UnsupportedQuery`."""
        try:
            return self._value(promql.parse(query))
        except ValueError as exc:
            raise UnsupportedQuery(str(exc)) from exc

    def _value(self, expression: promql.Expr) -> tuple[Series, ...]:
        if isinstance(expression, promql.VectorSelector):
            return tuple(self._selected(expression))
        if isinstance(expression, promql.ParenExpr):
            return self._value(expression.expr)
        if not isinstance(expression, promql.BinaryExpr):
            raise UnsupportedQuery(f"cannot evaluate {expression.prettify()}")
        if str(expression.op) == "or":
            return self._value(expression.lhs) or self._value(expression.rhs)
        return self._calculated(expression)

    def _calculated(self, expression: promql.BinaryExpr) -> tuple[Series, ...]:
        combine = _OPERATORS.get(str(expression.op))
        number, vector = expression.lhs, expression.rhs
        if combine is None or not isinstance(number, promql.NumberLiteral):
            raise UnsupportedQuery(f"cannot evaluate {expression.prettify()}")
        return tuple(
            series.model_copy(update={"points": tuple((at, combine(number.val, value)) for at, value in series.points)})
            for series in self._value(vector)
        )

    def _selected(self, selector: promql.VectorSelector) -> Iterator[Series]:
        matchers = [(item.name, str(item.op), item.value) for item in selector.matchers.matchers]
        tests = [(name, _test(op, value)) for name, op, value in matchers]
        names = [selector.name] if selector.name else list(self._series)
        for metric in names:
            for series in self._series.get(metric, ()):
                labels = {"__name__": metric, **series.labels}
                if all(test(labels.get(name, "")) for name, test in tests):
                    yield series.model_copy(update={"labels": labels})


def _test(op: str, value: str) -> Callable[[str], bool]:
    if op in {"MatchOp.Equal", "="}:
        return lambda text: text == value
    if op in {"MatchOp.NotEqual", "!="}:
        return lambda text: text != value
    pattern = re.compile(value)
    if op in {"MatchOp.Re", "=~"}:
        return lambda text: pattern.fullmatch(text) is not None
    return lambda text: pattern.fullmatch(text) is None


def _samples(text: str) -> Iterator[tuple[str, str, float, float]]:
    """Name, labels as written, Unix seconds, value; without NaN, infinities and samples that have no time."""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None or match[4] is None:
            continue
        value = float(match[3])
        if value - value == 0:
            yield match[1], match[2] or "", float(match[4]), value


def _labels(text: str) -> Labels:
    return {
        name: re.sub(r"\\.", lambda found: _ESCAPES.get(found[0], found[0]), value)
        for name, value in _LABEL.findall(text)
    }
