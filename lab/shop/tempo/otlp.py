"""Traces in the JSON Tempo answers with: OTLP's structure in protobuf's JSON mapping, so ids are base64.

Source: https://github.com/grafana/tempo/issues/5437
"""

import base64

from pydantic import JsonValue

from lab.shop.cluster.objects import Manifest
from lab.shop.tempo.traces import Attribute, Resource, Span, Trace


def resource_spans(trace: Trace) -> list[JsonValue]:
    """The trace's spans by resource, in order of appearance."""
    by_resource: dict[int, tuple[Resource, list[JsonValue]]] = {}
    for span in trace.spans:
        _, spans = by_resource.setdefault(id(span.resource), (span.resource, []))
        spans.append(_span(trace.trace_id, span))
    return [_resource(resource, spans) for resource, spans in by_resource.values()]


def _resource(resource: Resource, spans: list[JsonValue]) -> Manifest:
    return {
        "resource": {"attributes": attributes(resource.attributes)},
        "scopeSpans": [{"scope": {"name": "shop", "version": "1.0.0"}, "spans": spans}],
    }


def _span(trace_id: str, span: Span) -> Manifest:
    status: Manifest = {}
    if span.status == "error":
        status = {"code": "STATUS_CODE_ERROR", "message": span.message}
    elif span.status == "ok":
        status = {"code": "STATUS_CODE_OK"}
    parent: Manifest = {"parentSpanId": _encoded(span.parent_id)} if span.parent_id else {}
    return {
        "traceId": _encoded(trace_id),
        "spanId": _encoded(span.span_id),
        **parent,
        "name": span.name,
        "kind": f"SPAN_KIND_{span.kind.upper()}",
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.end),
        "attributes": attributes(span.attributes),
        "status": status,
    }


def attributes(values: dict[str, Attribute]) -> list[JsonValue]:
    """`opentelemetry.proto.common.v1.KeyValue` entries."""
    return [{"key": key, "value": any_value(value)} for key, value in values.items()]


def any_value(value: Attribute) -> Manifest:
    """`AnyValue`; 64-bit integers are strings in protobuf's JSON."""
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case _:
            return {"stringValue": value}


def _encoded(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()
