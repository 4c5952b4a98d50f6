"""PromQL checked before it is sent: parsed, and kept from asking for everything.

Grammar: https://prometheus.io/docs/prometheus/latest/querying/basics/
"""

import re
from datetime import timedelta

import promql_parser as promql
from pydantic import Field

from domain.errors import InvalidQuery
from domain.model import Model

_LITERAL_START = re.compile(r"[A-Za-z0-9_:]{3}")


class QueryLimits(Model):
    """What one query may ask for. `max_subquery_steps` bounds range ÷ step of each subquery."""

    max_length: int = Field(default=4096, gt=0)
    max_range: timedelta = timedelta(days=7)
    max_offset: timedelta = timedelta(days=35)
    max_subquery_steps: int = Field(default=2000, gt=0)
    max_regex_length: int = Field(default=512, gt=0)
    max_selectors: int = Field(default=32, gt=0)


DEFAULT_LIMITS = QueryLimits()


def guarded(query: str, *, limits: QueryLimits = DEFAULT_LIMITS) -> str:
    """`query` without surrounding space, if it may be sent. Raises `InvalidQuery`, which says the way out."""
    expression = parsed(query, limits=limits)
    selectors = 0

    def visit(node: promql.Expr) -> None:
        nonlocal selectors
        # The walk hands over a range selector and then, again, the instant selector inside it.
        selectors += isinstance(node, promql.VectorSelector)
        _check(node, limits)

    promql.walk(expression, visit)
    if selectors > limits.max_selectors:
        raise InvalidQuery(f"the query selects {selectors} times, over {limits.max_selectors}; split it")
    return query.strip()


def parsed(query: str, *, limits: QueryLimits = DEFAULT_LIMITS) -> promql.Expr:
    """The syntax tree. Raises `InvalidQuery` for what is too long or not PromQL."""
    if len(query) > limits.max_length:
        raise InvalidQuery(f"the query has {len(query)} characters, over {limits.max_length}; split it")
    try:
        return promql.parse(query)
    except ValueError as exc:
        raise InvalidQuery(f"not PromQL: {exc}") from exc


def selects_ranges(expression: promql.Expr) -> bool:
    """Whether the result is a range vector, which only a function can turn into values."""
    while isinstance(expression, promql.ParenExpr):
        expression = expression.expr
    return isinstance(expression, promql.MatrixSelector | promql.SubqueryExpr)


def _check(node: promql.Expr, limits: QueryLimits) -> None:
    match node:
        case promql.VectorSelector():
            _check_selector(node, limits)
        case promql.MatrixSelector():
            _check_range(node.range, limits)
        case promql.SubqueryExpr():
            _check_subquery(node, limits)
        case _:
            pass


def _check_selector(node: promql.VectorSelector, limits: QueryLimits) -> None:
    _check_offset(node.offset, limits)
    for group in _alternatives(node):
        for matcher in group:
            if _is_regex(matcher) and len(matcher.value) > limits.max_regex_length:
                raise InvalidQuery(f"the pattern for {matcher.name} is over {limits.max_regex_length} characters")
        if node.name is None and not any(_narrows(matcher) for matcher in group):
            raise InvalidQuery(f"{node} may select every series; name a metric, or pin a label with =")


def _alternatives(node: promql.VectorSelector) -> list[list[promql.Matcher]]:
    """The matchers, once for each branch of an `or` between them (VictoriaMetrics has that)."""
    pinned = node.matchers.matchers
    return [[*pinned, *branch] for branch in node.matchers.or_matchers] or [pinned]


def _is_regex(matcher: promql.Matcher) -> bool:
    return matcher.op == promql.MatchOp.Re or matcher.op == promql.MatchOp.NotRe  # noqa: PLR1714 - not hashable


def _narrows(matcher: promql.Matcher) -> bool:
    """`label="value"`, or a metric name by a regular expression that begins with letters."""
    if matcher.op == promql.MatchOp.Equal:
        return bool(matcher.value)
    named = matcher.name == "__name__" and matcher.op == promql.MatchOp.Re
    return named and all(_LITERAL_START.match(branch) for branch in matcher.value.strip("()").split("|"))


def _check_subquery(node: promql.SubqueryExpr, limits: QueryLimits) -> None:
    _check_offset(node.offset, limits)
    if node.range is None:
        return
    _check_range(node.range, limits)
    # Without a step the server takes its evaluation interval: rarely under 15 s.
    step = node.step or timedelta(seconds=15)
    steps = node.range / max(step, timedelta(milliseconds=1))
    if steps > limits.max_subquery_steps:
        raise InvalidQuery(f"a subquery of {steps:.0f} steps is over {limits.max_subquery_steps}; widen its step")


def _check_range(span: timedelta, limits: QueryLimits) -> None:
    if span > limits.max_range:
        raise InvalidQuery(f"a range of {_words(span)} is over {_words(limits.max_range)}; ask for less")


def _check_offset(offset: timedelta | None, limits: QueryLimits) -> None:
    if offset is not None and abs(offset) > limits.max_offset:
        raise InvalidQuery(f"an offset of {_words(abs(offset))} is over {_words(limits.max_offset)}")


def _words(span: timedelta) -> str:
    return promql.display_duration(span)
