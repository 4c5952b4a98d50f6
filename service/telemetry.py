"""Logs and traces. FastAPI and the Temporal interceptor make the spans; here is where they go."""

import logging
import sys
from collections.abc import MutableMapping
from importlib.metadata import version
from typing import cast

import structlog
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider, sampling
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pydantic import JsonValue
from structlog.typing import EventDict, Processor, WrappedLogger

from domain.redaction import redact, redact_object
from service.setting_groups import LogSettings, TelemetrySettings

QUIET = ("httpx", "httpx2", "alembic", "uvicorn")
"""Libraries that log every request; their warnings are still seen."""


def configure_logging(settings: LogSettings) -> None:
    """Send structlog's and the standard library's records to standard error, redacted, with UTC times."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_trace,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_rendering(settings.format))
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Failures of activities are logged by `service.interceptors`; the SDK would add a traceback to each.
    logging.getLogger("temporalio.activity").setLevel(logging.ERROR)


def _rendering(style: str) -> list[Processor]:
    drop = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if style == "json":
        return [drop, structlog.processors.format_exc_info, _redacted, structlog.processors.JSONRenderer()]
    plain = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
    return [drop, structlog.processors.format_exc_info, _redacted, plain]


def _redacted(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """No secret in any field, whoever logged it."""
    return {name: _clean(value) for name, value in event.items()}


def _clean(value: object) -> object:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict | list):
        return redact_object(cast("JsonValue", value))
    return value


def _with_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
    return event


def configure_tracing(settings: TelemetrySettings) -> TracerProvider:
    """Set the process's tracer provider, which exports if there is an endpoint. Shut it down at the end."""
    provider = TracerProvider(
        # Without anybody to send them to, spans are not recorded; their ids still tie log lines together.
        sampler=sampling.DEFAULT_ON if settings.otlp_endpoint else sampling.ALWAYS_OFF,
        resource=Resource.create({"service.name": "triagent", "service.version": version("triagent")}),
    )
    if settings.otlp_endpoint:
        exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return provider


def current_traceparent() -> str | None:
    """The W3C trace context of the running request, to be stored with what it leads to."""
    carrier: MutableMapping[str, str] = {}
    propagate.inject(carrier)
    return carrier.get("traceparent")
