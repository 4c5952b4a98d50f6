"""Traces in OTLP's JSON, as Tempo gives them: flat spans with hexadecimal ids.

Tempo writes ids in base64 (protobuf's JSON), OTLP's own JSON in hexadecimal; the lengths tell them apart. Enums come as
numbers or names. Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

import base64
import binascii
from collections.abc import Iterator
from typing import Annotated

from pydantic import AliasChoices, BeforeValidator, Field, JsonValue, TypeAdapter

from domain.model import External

ATTRIBUTE_LIMIT = 512
KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_ERROR = {2, "2", "STATUS_CODE_ERROR"}


def hexadecimal(text: str, size: int) -> str:
    """An id of `size` bytes as lower-case hexadecimal; empty for an empty one."""
    if len(text) == 2 * size:
        return text.lower()
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as exc:
        raise ValueError(f"{text[:40]!r} is no id of {size} bytes") from exc
    if len(raw) not in {0, size}:
        raise ValueError(f"{text[:40]!r} is no id of {size} bytes")
    return "" if not any(raw) else raw.hex()


def _span_id(value: object) -> object:
    return hexadecimal(value, 8) if isinstance(value, str) else value


def _kind(value: object) -> str:
    if isinstance(value, int) and 0 <= value < len(KINDS):
        return KINDS[value]
    name = str(value).removeprefix("SPAN_KIND_").lower()
    return name if name in KINDS else "unspecified"


Nanoseconds = Annotated[int, Field(ge=0, le=253_402_300_799 * 10**9)]
"""Since 1970; up to the year 9999, which is as far as times can be told."""
SpanId = Annotated[str, BeforeValidator(_span_id)]


class AnyValue(External):
    """A value of OTLP: exactly one of its fields is set."""

    text: str | None = Field(default=None, alias="stringValue")
    integer: int | None = Field(default=None, alias="intValue")
    double: float | None = Field(default=None, alias="doubleValue")
    boolean: bool | None = Field(default=None, alias="boolValue")

    def __str__(self) -> str:
        values = (self.text, self.integer, self.double)
        if self.boolean is not None:
            return str(self.boolean).lower()
        return next((str(value) for value in values if value is not None), "")[:ATTRIBUTE_LIMIT]


class KeyValue(External):
    """An attribute."""

    key: str
    value: AnyValue = AnyValue()


class SpanStatus(External):
    """How a span ended."""

    code: int | str = 0
    message: str = ""

    @property
    def error(self) -> bool:
        """Whether it failed."""
        return self.code in _ERROR


class Span(External):
    """A span. Times in nanoseconds since 1970."""

    span_id: SpanId = Field(alias="spanId")
    parent_id: SpanId = Field(default="", alias="parentSpanId")
    name: str = ""
    kind: Annotated[str, BeforeValidator(_kind)] = "unspecified"
    start: Nanoseconds = Field(alias="startTimeUnixNano")
    end: Nanoseconds = Field(alias="endTimeUnixNano")
    attributes: tuple[KeyValue, ...] = ()
    status: SpanStatus = SpanStatus()
    service: str = ""
    """Of the resource that sent it; filled in by `spans`."""


class ScopeSpans(External):
    """Spans of one instrumentation library."""

    spans: tuple[Span, ...] = ()


class Resource(External):
    """What sent the spans."""

    attributes: tuple[KeyValue, ...] = ()

    @property
    def service(self) -> str:
        """Its `service.name`."""
        return next((str(item.value) for item in self.attributes if item.key == "service.name"), "unknown")


class ResourceSpans(External):
    """Spans of one resource."""

    resource: Resource = Resource()
    scopes: tuple[ScopeSpans, ...] = Field(
        default=(), validation_alias=AliasChoices("scopeSpans", "instrumentationLibrarySpans")
    )


class Trace(External):
    """A trace; the field's name differs between Tempo's API versions."""

    resources: tuple[ResourceSpans, ...] = Field(default=(), validation_alias=AliasChoices("resourceSpans", "batches"))


class TraceAnswer(External):
    """The answer of `/api/v2/traces`, or of the older `/api/traces`, which is the trace itself."""

    trace: Trace


TRACE: TypeAdapter[TraceAnswer] = TypeAdapter(TraceAnswer)


def wrapped(document: JsonValue) -> JsonValue:
    """Either version's answer in the shape of the newer one."""
    return document if isinstance(document, dict) and "trace" in document else {"trace": document}


def spans(trace: Trace) -> Iterator[Span]:
    """Every span with its service."""
    for resource in trace.resources:
        service = resource.resource.service
        for scope in resource.scopes:
            for span in scope.spans:
                yield span.model_copy(update={"service": service})
