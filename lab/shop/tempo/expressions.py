"""What a TraceQL query means: fields of a span, conditions on them, sets of spans."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from lab.shop.tempo.lexer import TraceQLError
from lab.shop.tempo.traces import Attribute, Span, Trace


@dataclass(frozen=True)
class Keyword:
    """A bare word that is a value: `error`, `server`, `nil`."""

    word: str


Value: TypeAlias = Attribute | Keyword | None
NIL = Keyword("nil")
STATUSES = ("error", "ok", "unset")
KINDS = ("server", "client", "internal", "producer", "consumer", "unspecified")

_INTRINSICS: dict[str, Callable[[Trace, Span], Value]] = {
    "name": lambda trace, span: span.name,
    "duration": lambda trace, span: span.duration,
    "kind": lambda trace, span: Keyword(span.kind),
    "status": lambda trace, span: Keyword(span.status),
    "statusMessage": lambda trace, span: span.message,
    "rootName": lambda trace, span: trace.root.name,
    "rootServiceName": lambda trace, span: trace.root.resource.service,
    "traceDuration": lambda trace, span: trace.duration,
    "trace:id": lambda trace, span: trace.trace_id,
    "span:id": lambda trace, span: span.span_id,
    "span:parentID": lambda trace, span: span.parent_id or None,
}
_ALIASES = {
    "span:name": "name",
    "span:duration": "duration",
    "span:kind": "kind",
    "span:status": "status",
    "span:statusMessage": "statusMessage",
    "trace:rootName": "rootName",
    "trace:rootService": "rootServiceName",
    "trace:duration": "traceDuration",
}
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True)
class Field:
    """An intrinsic (`duration`), a scoped attribute (`span.http.route`) or an unscoped one (`.http.route`)."""

    name: str

    @property
    def key(self) -> str:
        """The attribute's name without its scope."""
        return self.name.removeprefix("span.").removeprefix("resource.").removeprefix(".")

    @property
    def intrinsic(self) -> str:
        """The intrinsic it is, empty for an attribute."""
        name = _ALIASES.get(self.name, self.name)
        return name if name in _INTRINSICS else ""

    def read(self, trace: Trace, span: Span) -> Value:
        """The field's value at a span, None when the span has none."""
        if self.intrinsic:
            return _INTRINSICS[self.intrinsic](trace, span)
        if self.name.startswith("span."):
            return span.attributes.get(self.key)
        if self.name.startswith("resource."):
            return span.resource.attributes.get(self.key)
        return span.attributes.get(self.key, span.resource.attributes.get(self.key))


def field(name: str) -> Field:
    """The field of that name. Raises `TraceQLError` for a bare word that is no intrinsic."""
    found = Field(name)
    if found.intrinsic or name.startswith((".", "span.", "resource.")):
        return found
    raise TraceQLError(f"invalid TraceQL query: parse error: unknown identifier: {name}")


Condition: TypeAlias = Callable[[Trace, Span], bool]
SpanSet: TypeAlias = Callable[[Trace], list[Span]]


def compare(subject: Field, sign: str, value: Value) -> Condition:
    """The condition `subject sign value`. Raises `TraceQLError` when the two cannot be compared."""
    _check_types(subject, value)
    if value is NIL:
        wanted = sign == "="
        return lambda trace, span: (subject.read(trace, span) is None) is wanted
    if sign in {"=~", "!~"}:
        return _regular_expression(subject, sign, value)
    return lambda trace, span: _holds(subject.read(trace, span), sign, value)


def _check_types(subject: Field, value: Value) -> None:
    allowed = {"status": STATUSES, "kind": KINDS}.get(subject.intrinsic)
    word = value.word if isinstance(value, Keyword) else None
    if allowed and word not in allowed:
        text = f"binary operations must operate on the same type: {subject.name} and {value!r}"
        raise TraceQLError(f"invalid TraceQL query: {text}")


def _regular_expression(subject: Field, sign: str, value: Value) -> Condition:
    try:
        pattern = re.compile(str(value))
    except re.error as exc:
        raise TraceQLError(f"invalid TraceQL query: error parsing regexp: {exc}") from exc
    wanted = sign == "=~"

    def matches(trace: Trace, span: Span) -> bool:
        found = subject.read(trace, span)
        return isinstance(found, str) and (pattern.fullmatch(found) is not None) is wanted

    return matches


def _holds(found: Value, sign: str, wanted: Value) -> bool:
    """A missing attribute fulfils no condition, not even `!=`."""
    if found is None or _type(found) != _type(wanted):
        return False
    if sign in {"=", "!="}:
        return (found == wanted) is (sign == "=")
    if isinstance(found, int | float) and isinstance(wanted, int | float):
        return _COMPARISONS[sign](found, wanted)
    return False


def _type(value: Value) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


def spans_where(condition: Condition) -> SpanSet:
    """The spans of a trace that fulfil a condition: `{ … }`."""
    return lambda trace: [span for span in trace.spans if condition(trace, span)]


def both(left: SpanSet, right: SpanSet) -> SpanSet:
    """`{…} && {…}`: both somewhere in the trace."""

    def found(trace: Trace) -> list[Span]:
        first, second = left(trace), right(trace)
        return _united(trace, first, second) if first and second else []

    return found


def either(left: SpanSet, right: SpanSet) -> SpanSet:
    """`{…} || {…}`."""
    return lambda trace: _united(trace, left(trace), right(trace))


def below(upper: SpanSet, lower: SpanSet, *, direct: bool) -> SpanSet:
    """`{…} > {…}` and `{…} >> {…}`: the lower spans that have one of the upper ones as parent or ancestor."""

    def found(trace: Trace) -> list[Span]:
        above = {span.span_id for span in upper(trace)}
        parents = {span.span_id: span.parent_id for span in trace.spans}

        def reached(span_id: str) -> bool:
            parent = parents.get(span_id, "")
            return bool(parent) and (parent in above or (not direct and reached(parent)))

        return [span for span in lower(trace) if reached(span.span_id)]

    return found


def _united(trace: Trace, first: list[Span], second: list[Span]) -> list[Span]:
    chosen = {span.span_id for span in (*first, *second)}
    return [span for span in trace.spans if span.span_id in chosen]
