"""Tempo's HTTP API over the shop's traces.

Source: https://grafana.com/docs/tempo/latest/api_docs/
"""

import string

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lab.shop.tempo.expressions import Keyword, Value, field
from lab.shop.tempo.lexer import TraceQLError
from lab.shop.tempo.otlp import resource_spans
from lab.shop.tempo.search import SearchQuery, search, tag_names
from lab.shop.tempo.traces import Trace, TraceStore


class TempoApi:
    """Answers requests from the trace store."""

    def __init__(self, store: TraceStore):
        self._store = store

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/ready", _ready),
                Route("/api/echo", _echo),
                Route("/api/status/buildinfo", _build_info),
                Route("/api/search", self._search),
                Route("/api/traces/{trace_id}", self._trace),
                Route("/api/v2/traces/{trace_id}", self._trace_v2),
                Route("/api/search/tags", self._tags),
                Route("/api/v2/search/tags", self._tags_v2),
                Route("/api/search/tag/{tag:path}/values", self._values),
                Route("/api/v2/search/tag/{tag:path}/values", self._values_v2),
            ]
        )

    async def _search(self, request: Request) -> Response:
        try:
            query = SearchQuery.model_validate(dict(request.query_params))
            return JSONResponse(search(self._store, query))
        except ValidationError as exc:
            first = exc.errors()[0]
            return PlainTextResponse(f"invalid {first['loc'][0]}: {first['msg']}", 400)
        except TraceQLError as exc:
            return PlainTextResponse(str(exc), 400)

    async def _trace(self, request: Request) -> Response:
        found = self._found(request.path_params["trace_id"])
        return found if isinstance(found, Response) else JSONResponse({"batches": resource_spans(found)})

    async def _trace_v2(self, request: Request) -> Response:
        found = self._found(request.path_params["trace_id"])
        if isinstance(found, Response):
            return found
        return JSONResponse({"trace": {"resourceSpans": resource_spans(found)}, "metrics": {}})

    def _found(self, trace_id: str) -> Trace | Response:
        if len(trace_id) > 32 or not set(trace_id) <= set(string.hexdigits):
            return PlainTextResponse("trace IDs can only contain hex characters", 400)
        trace = self._store.get(trace_id.lower().rjust(32, "0"))
        return trace or PlainTextResponse("trace not found", 404)

    async def _tags(self, _: Request) -> Response:
        names = tag_names(self._store)
        return JSONResponse({"tagNames": sorted(names["resource"] | names["span"]), "metrics": {}})

    async def _tags_v2(self, request: Request) -> Response:
        wanted = request.query_params.get("scope", "")
        scopes = [
            {"name": scope, "tags": sorted(names)}
            for scope, names in tag_names(self._store).items()
            if wanted in {"", scope}
        ]
        return JSONResponse({"scopes": scopes, "metrics": {}})

    async def _values(self, request: Request) -> Response:
        found = self._values_of("." + request.path_params["tag"])
        return JSONResponse({"tagValues": sorted({_shown(value) for value in found}), "metrics": {}})

    async def _values_v2(self, request: Request) -> Response:
        try:
            found = self._values_of(request.path_params["tag"])
        except TraceQLError as exc:
            return PlainTextResponse(str(exc), 400)
        values = [{"type": _type(value), "value": _shown(value)} for value in sorted(found, key=_shown)]
        return JSONResponse({"tagValues": values, "metrics": {}})

    def _values_of(self, name: str) -> set[Value]:
        subject = field(name)
        values = {subject.read(trace, span) for trace in self._store.newest() for span in trace.spans}
        return values - {None}


def _shown(value: Value) -> str:
    return value.word if isinstance(value, Keyword) else str(value)


def _type(value: Value) -> str:
    if isinstance(value, Keyword):
        return "keyword"
    return {"int": "int", "float": "float", "bool": "bool"}.get(type(value).__name__, "string")


async def _ready(_: Request) -> Response:
    return PlainTextResponse("ready\n")


async def _echo(_: Request) -> Response:
    return PlainTextResponse("echo\n")


async def _build_info(_: Request) -> Response:
    return JSONResponse({"version": "2.9.0", "revision": "shop", "branch": "HEAD", "goVersion": ""})
