"""TraceQL's tokens."""

import re
from dataclasses import dataclass

_DURATION_NANOSECONDS = {"ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}
_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<string>"(?:[^"\\]|\\.)*"|`[^`]*`)
  | (?P<duration>\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h)(?![\w]))
  | (?P<number>-?\d+(?:\.\d+)?)
  | (?P<name>\.?[A-Za-z_][\w.:/-]*)
  | (?P<operator>&&|\|\||=~|!~|!=|>=|<=|>>|[=<>!(){}|,])
    """,
    re.VERBOSE,
)


class TraceQLError(Exception):
    """The query is not one Tempo would take; the message is Tempo's kind."""


@dataclass(frozen=True)
class Token:
    """One token with its column, counted from 1."""

    kind: str
    text: str
    column: int


def tokens_of(query: str) -> list[Token]:
    """The tokens of a query, closed by an `end` token. Raises `TraceQLError` on a character that starts none."""
    found: list[Token] = []
    position = 0
    while position < len(query):
        match = _TOKEN.match(query, position)
        if match is None or match.lastgroup is None:
            raise syntax_error(Token("unknown", query[position], position + 1))
        if match.lastgroup != "space":
            found.append(Token(match.lastgroup, match.group(), position + 1))
        position = match.end()
    return [*found, Token("end", "$end", len(query) + 1)]


def syntax_error(token: Token) -> TraceQLError:
    """The error at a token."""
    where = f"parse error at line 1, col {token.column}"
    return TraceQLError(f"invalid TraceQL query: {where}: syntax error: unexpected {token.text}")


def nanoseconds(text: str) -> float:
    """The length of a duration token."""
    number = re.match(r"[\d.]+", text)
    if number is None:
        raise TraceQLError(f"invalid TraceQL query: time: invalid duration {text!r}")
    return float(number.group()) * _DURATION_NANOSECONDS[text[number.end() :]]
