"""The application: routers, errors, middleware."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, params
from fastapi.telemetry import TelemetryConfig

from service.api import alerts, ask, audit, decisions, incidents, ops, tokens
from service.api.body_limit import BodyLimit
from service.api.problems import MEDIA_TYPE, Problem, install
from service.api.rate_limit import RateLimit
from service.api.request_metrics import RequestMetrics
from service.api.services import Services

ROUTERS: tuple[APIRouter, ...] = (
    alerts.router,
    incidents.router,
    decisions.router,
    ask.router,
    audit.router,
    tokens.router,
    ops.router,
)
_UNTOUCHED: TelemetryConfig = {"metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}
"""Spans of requests only, by the process's own provider."""
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "Problem details (RFC 9457)",
        "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema(ref_template="#/components/schemas/{model}")}},
    }
}


def create_app(services: Services) -> FastAPI:
    """The API over `services`. Requests are traced by the global OpenTelemetry provider."""
    rate = services.settings.rate_limit
    app = described_app([Depends(RateLimit(rate))] if rate else [])
    app.state.services = services
    app.add_middleware(BodyLimit, max_bytes=services.settings.max_body)
    app.add_middleware(RequestMetrics, metrics=services.metrics)
    install(app)
    return app


def create_operations_app(services: Services) -> FastAPI:
    """Health, readiness and metrics alone: what a process that serves no API shows."""
    app = FastAPI(title="triagent worker", openapi_url=None, telemetry=_UNTOUCHED)
    app.state.services = services
    app.include_router(ops.router)
    install(app)
    return app


def described_app(dependencies: Sequence[params.Depends] = ()) -> FastAPI:
    """The routes and their description, with nothing behind them."""
    app = FastAPI(
        title="triagent",
        summary="Alerts become diagnosed, approved, verified and documented fixes",
        version=version("triagent"),
        dependencies=dependencies,
        telemetry=_UNTOUCHED,
    )
    for router in ROUTERS:
        app.include_router(router, responses=_PROBLEMS)
    return app
