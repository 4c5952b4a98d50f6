"""TraceQL: built from typed parts, or checked when it comes as text.

Grammar: https://grafana.com/docs/tempo/latest/traceql/
"""

import re
from datetime import timedelta
from typing import Literal

from pydantic import Field

from domain.errors import InvalidQuery
from domain.model import Model

MAX_LENGTH = 1024
MAX_STAGES = 4
MAX_REGEX = 256
_ATTRIBUTE = re.compile(r"(?:(?:span|resource|event|link|instrumentation)\.|\.)[A-Za-z_][\w./-]{0,127}")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`')
_COSTLY = re.compile(r"&>>|&<<|!>>|!<<|>>|<<|\bcompare\s*\(")


class SpanQuery(Model):
    """Spans that match all of the given parts. `attributes` are compared for equality and keep their scope in the
    name: `span.http.status_code`, `resource.k8s.namespace.name`.
    """

    service: str | None = None
    namespace: str | None = None
    name: str | None = None
    status: Literal["error", "ok", "unset"] | None = None
    min_duration: timedelta | None = None
    attributes: dict[str, str | int | float | bool] = Field(default_factory=dict)

    def traceql(self) -> str:
        """The query; every value is quoted, so that text cannot become syntax. Raises `InvalidQuery`."""
        parts = [
            f"{field} = {_literal(value)}"
            for field, value in (
                ("resource.service.name", self.service),
                ("resource.k8s.namespace.name", self.namespace),
                ("name", self.name),
            )
            if value is not None
        ]
        if self.status is not None:
            parts.append(f"status = {self.status}")
        if self.min_duration is not None:
            parts.append(f"duration > {round(self.min_duration.total_seconds() * 1000)}ms")
        parts += [f"{_attribute(name)} = {_literal(value)}" for name, value in self.attributes.items()]
        return f"{{ {' && '.join(parts)} }}"


def limited(traceql: str) -> str:
    """`traceql` without surrounding space, if it may be sent. Raises `InvalidQuery`, which says the way out."""
    query = traceql.strip()
    if len(query) > MAX_LENGTH:
        raise InvalidQuery(f"the query has {len(query)} characters, over {MAX_LENGTH}")
    if any(len(text) > MAX_REGEX for text in _STRING.findall(query)):
        raise InvalidQuery(f"a string in the query is over {MAX_REGEX} characters")
    bare = _STRING.sub('""', query)
    if not bare.startswith(("{", "(")) or '"' in bare.replace('""', "") or "`" in bare:
        raise InvalidQuery('not TraceQL; it looks like { resource.service.name = "checkout" && status = error }')
    if bare.count("{") != bare.count("}") or bare.count("(") != bare.count(")"):
        raise InvalidQuery("brackets in the query do not match")
    if _COSTLY.search(bare):
        raise InvalidQuery("descendant operators and compare() read whole blocks; use conditions on spans instead")
    if bare.replace("||", "").count("|") >= MAX_STAGES:
        raise InvalidQuery(f"the query has over {MAX_STAGES} pipeline stages")
    return query


def _literal(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if not value.isprintable():
        raise InvalidQuery(f"{value[:80]!r} has characters that cannot be searched for")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _attribute(name: str) -> str:
    if not _ATTRIBUTE.fullmatch(name):
        raise InvalidQuery(f"{name[:80]!r} is not a scoped attribute such as span.http.status_code")
    return name
