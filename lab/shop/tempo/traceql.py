"""TraceQL, the part of it that searches: `{ resource.service.name = "x" && duration > 1s } >> { status = error }`.

Takes conditions with `&& || !` and parentheses, span sets joined by `&& || > >>`, and the stages `| count() > 2` and
`| select(span.http.route)`. Source: https://grafana.com/docs/tempo/latest/traceql/construct-traceql-queries/
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from lab.shop.tempo.expressions import (
    KINDS,
    NIL,
    STATUSES,
    Condition,
    Field,
    Keyword,
    SpanSet,
    Value,
    below,
    both,
    compare,
    either,
    field,
    spans_where,
)
from lab.shop.tempo.lexer import Token, TraceQLError, nanoseconds, syntax_error, tokens_of
from lab.shop.tempo.traces import Span, Trace

_SIGNS = {"=", "!=", "=~", "!~", ">", ">=", "<", "<="}
_COUNTS: dict[str, Callable[[int, float], bool]] = {
    "=": lambda count, wanted: count == wanted,
    "!=": lambda count, wanted: count != wanted,
    ">": lambda count, wanted: count > wanted,
    ">=": lambda count, wanted: count >= wanted,
    "<": lambda count, wanted: count < wanted,
    "<=": lambda count, wanted: count <= wanted,
}
Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class Query:
    """A parsed query; `fields` are those it names, whose values results carry."""

    spans: SpanSet
    fields: tuple[Field, ...]

    def search(self, trace: Trace) -> list[Span]:
        """The trace's spans the query finds, none when the trace is not a result."""
        return self.spans(trace)


def parse_query(text: str) -> Query:
    """Read a query. Raises `TraceQLError`, which Tempo answers with 400."""
    parser = _Parser(tokens_of(text))
    return parser.query()


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[Token]):
        self._tokens = tokens
        self._at = 0
        self._fields: dict[str, Field] = {}

    def query(self) -> Query:
        found = Query(self._either_sets(), ())
        while self._take("|"):
            found = self._stage(found)
        self._expect("$end")
        return replace(found, fields=tuple(self._fields.values()))

    def _stage(self, found: Query) -> Query:
        token = self._next()
        if token.text == "count":
            self._expect("(")
            self._expect(")")
            return replace(found, spans=self._counted(found.spans))
        if token.text == "select":
            self._expect("(")
            self._named()
            while self._take(","):
                self._named()
            self._expect(")")
            return found
        raise syntax_error(token)

    def _counted(self, spans: SpanSet) -> SpanSet:
        sign, value = self._next(), self._value()
        if sign.text not in _COUNTS or not isinstance(value, int | float):
            raise syntax_error(sign)
        holds, wanted = _COUNTS[sign.text], float(value)
        return lambda trace: chosen if holds(len(chosen := spans(trace)), wanted) else []

    def _either_sets(self) -> SpanSet:
        return self._left_to_right(self._both_sets, {"||": either})

    def _both_sets(self) -> SpanSet:
        return self._left_to_right(self._structural_sets, {"&&": both})

    def _structural_sets(self) -> SpanSet:
        return self._left_to_right(
            self._set,
            {
                ">>": lambda upper, lower: below(upper, lower, direct=False),
                ">": lambda upper, lower: below(upper, lower, direct=True),
            },
        )

    def _left_to_right(
        self, operand: Callable[[], Parsed], joins: dict[str, Callable[[Parsed, Parsed], Parsed]]
    ) -> Parsed:
        left = operand()
        while self._peek().kind == "operator" and self._peek().text in joins:
            join = joins[self._next().text]
            left = join(left, operand())
        return left

    def _set(self) -> SpanSet:
        if self._take("("):
            inner = self._either_sets()
            self._expect(")")
            return inner
        self._expect("{")
        if self._take("}"):
            return spans_where(lambda trace, span: True)
        condition = self._or()
        self._expect("}")
        return spans_where(condition)

    def _or(self) -> Condition:
        def join(left: Condition, right: Condition) -> Condition:
            return lambda trace, span: left(trace, span) or right(trace, span)

        return self._left_to_right(self._and, {"||": join})

    def _and(self) -> Condition:
        def join(left: Condition, right: Condition) -> Condition:
            return lambda trace, span: left(trace, span) and right(trace, span)

        return self._left_to_right(self._not, {"&&": join})

    def _not(self) -> Condition:
        if self._take("!"):
            inner = self._not()
            return lambda trace, span: not inner(trace, span)
        if self._take("("):
            inner = self._or()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        if self._peek().text in {"true", "false"}:
            constant = self._next().text == "true"
            return lambda trace, span: constant
        subject, sign = self._named(), self._next()
        if sign.text not in _SIGNS:
            raise syntax_error(sign)
        return compare(subject, sign.text, self._value())

    def _named(self) -> Field:
        token = self._next()
        if token.kind != "name":
            raise syntax_error(token)
        found = field(token.text)
        self._fields[found.name] = found
        return found

    def _value(self) -> Value:
        token = self._next()
        match token.kind:
            case "string":
                return _unquoted(token.text)
            case "duration":
                return nanoseconds(token.text)
            case "number":
                return float(token.text) if "." in token.text else int(token.text)
            case "name":
                return _word(token)
            case _:
                raise syntax_error(token)

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _take(self, text: str) -> bool:
        if self._peek().kind in {"operator", "end"} and self._peek().text == text:
            self._next()
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise syntax_error(self._peek())


def _word(token: Token) -> Value:
    if token.text in {"true", "false"}:
        return token.text == "true"
    if token.text == "nil":
        return NIL
    if token.text in STATUSES or token.text in KINDS:
        return Keyword(token.text)
    raise TraceQLError(f"invalid TraceQL query: parse error at line 1, col {token.column}: unknown word {token.text}")


def _unquoted(text: str) -> str:
    inner = text[1:-1]
    if text.startswith("`"):
        return inner
    return inner.replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")
