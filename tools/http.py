"""The one HTTP policy: deadlines, size caps, retries of safe requests, clear errors.

Every failure of an outside system becomes one of four errors of `domain.errors`, here and nowhere else:

    refused, timed out, TLS, 5xx, 429, connection lost    UpstreamUnavailable
    3xx, other 4xx                                        UpstreamRejected
    HTML, broken or wrongly shaped JSON, bad encoding     UpstreamGarbled
    a body over `HttpPolicy.max_bytes`                    UpstreamTooLarge
"""

import asyncio
import json
import random
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, TypeVar

import httpx
from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from domain.errors import Misconfigured, UpstreamError, UpstreamGarbled, UpstreamTooLarge, UpstreamUnavailable
from domain.model import Model, canonical_json
from domain.redaction import redact, redact_object
from tools.answers import Answer, as_json, refuse_failure
from tools.artifacts import Artifacts
from tools.reading import Reading

T = TypeVar("T")
Params = Mapping[str, str | int | float | bool] | Sequence[tuple[str, str | int | float | bool]]
NOT_ALLOWED = frozenset({401, 403})
"""Statuses by which a system refuses who asks, not what is asked."""
THREAD_ABOVE_BYTES = 64 * 1024
"""Larger answers are parsed and redacted in a thread: it can take a second, and the event loop has others to serve."""


class HttpPolicy(Model):
    """How outside systems are spoken to. Times in seconds."""

    timeout: float = Field(default=15.0, gt=0)
    """For one call altogether: connecting, waiting, reading, and its retries."""
    connect_timeout: float = Field(default=3.0, gt=0)
    max_bytes: int = Field(default=16 * 1024 * 1024, gt=0)
    """Of one body after decompression, held while reading."""
    retries: int = Field(default=2, ge=0, le=10)
    """Further attempts of requests that change nothing, when the system is unavailable."""
    backoff: float = Field(default=0.2, ge=0)
    """Before the first retry; doubled for each further one, with full jitter."""
    verify_tls: bool = True
    ca_file: Path | None = None
    """Certificate authorities in PEM; the system's own if None."""
    user_agent: str = "triagent"


def tls_context(policy: HttpPolicy) -> ssl.SSLContext:
    """What certificates are trusted. Raises `Misconfigured` if the CA file cannot be read."""
    try:
        context = ssl.create_default_context(cafile=policy.ca_file)
    except (OSError, ssl.SSLError) as exc:
        raise Misconfigured(f"CA file {policy.ca_file} cannot be read: {exc}") from exc
    if not policy.verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Endpoint:
    """A client of one system under `policy`. Proxies and credentials in the environment are not used."""

    def __init__(
        self,
        system: str,
        base_url: str,
        *,
        token: str | None = None,
        auth: httpx.Auth | None = None,
        tls: ssl.SSLContext | None = None,
        policy: HttpPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.system = system
        self.base_url = _checked_url(system, base_url)
        self.policy = policy or HttpPolicy()
        headers = {"user-agent": self.policy.user_agent, "accept": "application/json"}
        if token:
            headers["authorization"] = _bearer(system, token)
        self._client = httpx.AsyncClient(
            base_url=self.base_url,
            headers=headers,
            auth=auth,
            timeout=httpx.Timeout(self.policy.timeout, connect=self.policy.connect_timeout),
            verify=tls or tls_context(self.policy),
            transport=transport,
            trust_env=False,
        )

    async def get(self, path: str, params: Params = ()) -> JsonValue:
        """The JSON at `path`."""
        return await self._json(await self._retried(self._get(path, params)))

    async def get_text(self, path: str, params: Params = ()) -> str:
        """The text at `path`; bytes that are not UTF-8 are replaced."""
        answer = await self._retried(self._get(path, params, "*/*"))
        return answer.body.decode("utf-8", "replace")

    async def post(self, path: str, body: JsonValue, params: Params = ()) -> JsonValue:
        """Send `body` once and return the JSON answer, None for an empty one. Never retried here."""
        return await self._send("POST", path, body, params=params, content_type="application/json")

    async def notify(self, path: str, body: JsonValue) -> None:
        """Send `body` once to a receiver whose answer says nothing beyond its status. Never retried here."""
        await self._sent("POST", path, body, params=(), content_type="application/json")

    async def patch(self, path: str, body: JsonValue, content_type: str, params: Params = ()) -> JsonValue:
        """Send a patch of that content type once and return the JSON answer. Never retried here."""
        return await self._send("PATCH", path, body, params=params, content_type=content_type)

    def parsed(self, adapter: TypeAdapter[T], value: JsonValue) -> T:
        """`value` as the API documents it. Raises `UpstreamGarbled` naming the first field that is not."""
        try:
            return adapter.validate_python(value)
        except ValidationError as exc:
            first = exc.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the answer"
            raise UpstreamGarbled(self.system, f"unexpected shape at {where}: {first['msg']}") from exc

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def _get(self, path: str, params: Params, accept: str = "application/json") -> httpx.Request:
        return self._client.build_request("GET", path, params=_pairs(params), headers={"accept": accept})

    async def _send(self, method: str, path: str, body: JsonValue, *, params: Params, content_type: str) -> JsonValue:
        answer = await self._sent(method, path, body, params=params, content_type=content_type)
        return await self._json(answer) if answer.body.strip() else None

    async def _sent(self, method: str, path: str, body: JsonValue, *, params: Params, content_type: str) -> Answer:
        headers = {"content-type": content_type}
        content = json.dumps(body, allow_nan=False).encode()
        request = self._client.build_request(method, path, params=_pairs(params), content=content, headers=headers)
        try:
            async with asyncio.timeout(self.policy.timeout):
                return await self._once(request)
        except TimeoutError as exc:
            raise self._too_slow(request) from exc

    async def _retried(self, request: httpx.Request) -> Answer:
        try:
            async with asyncio.timeout(self.policy.timeout):
                for attempt in range(self.policy.retries):
                    try:
                        return await self._once(request)
                    except UpstreamUnavailable:
                        await asyncio.sleep(random.uniform(0, self.policy.backoff * 2**attempt))  # noqa: S311 - jitter
                return await self._once(request)
        except TimeoutError as exc:
            raise self._too_slow(request) from exc

    async def _once(self, request: httpx.Request) -> Answer:
        try:
            response = await self._client.send(request, stream=True)
            try:
                body = await self._body(response)
            finally:
                await response.aclose()
        except httpx.HTTPError as exc:
            raise self._failed(request, exc) from exc
        answer = Answer(self.system, response.status_code, response.headers, body)
        refuse_failure(answer)
        return answer

    async def _body(self, response: httpx.Response) -> bytes:
        limit = self.policy.max_bytes
        chunks: list[bytes] = []
        announced = response.headers.get("content-length", "")
        size = int(announced) if announced.isdecimal() else 0
        if size > limit:
            raise UpstreamTooLarge(self.system, f"the answer is {size:,} bytes, over {limit:,}; ask for less")
        size = 0
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > limit:
                raise UpstreamTooLarge(self.system, f"the answer is over {limit:,} bytes; ask for less")
            chunks.append(chunk)
        return b"".join(chunks)

    async def _json(self, answer: Answer) -> JsonValue:
        if len(answer.body) > THREAD_ABOVE_BYTES:
            return await asyncio.to_thread(as_json, answer)
        return as_json(answer)

    def _too_slow(self, request: httpx.Request) -> UpstreamUnavailable:
        return UpstreamUnavailable(self.system, f"no answer within {self.policy.timeout:g} s at {_place(request)}")

    def _failed(self, request: httpx.Request, exc: httpx.HTTPError) -> UpstreamError:
        if isinstance(exc, httpx.DecodingError):
            return UpstreamGarbled(self.system, f"an answer that does not decompress: {exc}")
        reason = redact(str(exc)) or type(exc).__name__
        if isinstance(exc, httpx.TimeoutException):
            reason = f"timed out ({type(exc).__name__})"
        return UpstreamUnavailable(self.system, f"{reason} at {_place(request)}")


@dataclass(frozen=True)
class Document:
    """Redacted JSON, and the bytes of it that go to the artifact store."""

    value: JsonValue
    raw: bytes


def _document(answer: Answer, clean: Callable[[JsonValue], JsonValue]) -> Document:
    try:
        value = clean(as_json(answer))
        return Document(value, canonical_json(value))
    except RecursionError as exc:
        raise _too_deep(answer) from exc


def _value(answer: Answer, clean: Callable[[JsonValue], JsonValue]) -> JsonValue:
    try:
        return clean(as_json(answer))
    except RecursionError as exc:
        raise _too_deep(answer) from exc


def _too_deep(answer: Answer) -> UpstreamGarbled:
    return UpstreamGarbled(answer.system, "answered JSON that is nested too deep")


class Upstream(Endpoint):
    """An `Endpoint` that is read from: raw outputs go, redacted, to the artifact store."""

    def __init__(
        self,
        system: str,
        base_url: str,
        *,
        artifacts: Artifacts,
        token: str | None = None,
        auth: httpx.Auth | None = None,
        tls: ssl.SSLContext | None = None,
        policy: HttpPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(system, base_url, token=token, auth=auth, tls=tls, policy=policy, transport=transport)
        self.artifacts = artifacts

    async def document(
        self,
        path: str,
        params: Params = (),
        *,
        clean: Callable[[JsonValue], JsonValue] = redact_object,
        accept: str = "application/json",
    ) -> Document:
        """The JSON at `path` with secrets taken out, before anything else sees it."""
        return await self._read(_document, path, params, clean, accept)

    async def value(
        self, path: str, params: Params, *, clean: Callable[[JsonValue], JsonValue], accept: str
    ) -> JsonValue:
        """As `document`, for a part of something larger that is kept as a whole."""
        return await self._read(_value, path, params, clean, accept)

    async def _read(
        self,
        read: Callable[[Answer, Callable[[JsonValue], JsonValue]], T],
        path: str,
        params: Params,
        clean: Callable[[JsonValue], JsonValue],
        accept: str,
    ) -> T:
        answer = await self._retried(self._get(path, params, accept))
        if len(answer.body) > THREAD_ABOVE_BYTES:
            return await asyncio.to_thread(read, answer, clean)
        return read(answer, clean)

    async def reading(
        self, value: T, query: str, raw: bytes, *, notes: tuple[str, ...] = (), at: datetime | None = None
    ) -> Reading[T]:
        """Keep `raw` (already redacted) and wrap `value`; `at` is now unless the question was about another time."""
        digest = await self.artifacts.put(raw)
        return Reading(value, query, digest, at or datetime.now(UTC), notes)


def _pairs(params: Params) -> list[tuple[str, str | int | float | bool | None]] | None:
    """As httpx takes them; None leaves a query alone that the path has already."""
    return [*(params.items() if isinstance(params, Mapping) else params)] or None


def _bearer(system: str, token: str) -> str:
    if not token.isascii() or not token.isprintable() or " " in token:
        raise Misconfigured(f"{system}: the token has characters that a header cannot carry")
    return f"Bearer {token}"


def _place(request: httpx.Request) -> str:
    """The server, not the path: that of a webhook is a secret."""
    return f"{request.url.scheme}://{request.url.netloc.decode()}"


def _checked_url(system: str, base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as exc:
        raise Misconfigured(f"{system}: {base_url!r} is not a URL: {exc}") from exc
    if url.scheme not in {"http", "https"} or not url.host or (url.port or 0) > 65535:
        raise Misconfigured(f"{system}: {redact(base_url)!r} is not an http:// or https:// URL")
    return url
