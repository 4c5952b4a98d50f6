"""The API, as the command line uses it."""

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, NamedTuple, cast

import httpx
import typer
from pydantic import JsonValue

from domain.errors import TriagentError, UpstreamUnavailable
from service.cli.output import JsonObject, for_people
from service.settings import load_client_settings

TIMEOUT = httpx.Timeout(30.0, connect=5.0)
Params = Mapping[str, str | int | list[str]]

Url = Annotated[str, typer.Option("--url", help="Address of the service; default TRIAGE_URL or http://127.0.0.1:8080")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]


class Refused(TriagentError):
    """The service answered with a problem."""


class Event(NamedTuple):
    """One server-sent event."""

    kind: str
    data: JsonObject


class Client:
    """The service, asked with the token of `TRIAGE_TOKEN`. A connection lasts for one call: a command makes few.

    Answers are fit to be shown to people (`for_people`), or with `verbatim` as they came. Raises `Refused`,
    `UpstreamUnavailable` if nobody answers, or `typer.BadParameter` for an address without a scheme.
    """

    def __init__(self, url: str = "", *, verbatim: bool = False) -> None:
        settings = load_client_settings()
        headers = {"Authorization": f"Bearer {settings.token.get_secret_value()}"} if settings.token else {}
        self._has_token = bool(settings.token)
        self._url = _address(url or settings.url)
        self._headers = headers
        self._shown: Callable[[JsonValue], JsonValue] = _as_it_came if verbatim else for_people

    def get(self, path: str, **params: str | int | list[str] | None) -> JsonValue:
        """The JSON at `path`."""
        given = {name: value for name, value in params.items() if value is not None}
        return self._shown(self._checked(self._request("GET", path, params=given)).json())

    def post(self, path: str, body: Mapping[str, JsonValue]) -> JsonObject:
        """The JSON object that answers `body`."""
        return cast("JsonObject", self._shown(self._checked(self._request("POST", path, body=body)).json()))

    def delete(self, path: str) -> None:
        """Delete what is at `path`."""
        self._checked(self._request("DELETE", path))

    @contextmanager
    def events(self, method: str, path: str, body: Mapping[str, JsonValue] | None = None) -> Generator[Iterator[Event]]:
        """The events of a stream, as they come."""
        accept = {"Accept": "text/event-stream"}
        with self._connected() as http, http.stream(method, path, json=body, headers=accept, timeout=None) as response:
            if response.is_error:
                response.read()
            yield self._events(self._checked(response))

    def _request(
        self, method: str, path: str, *, params: Params | None = None, body: Mapping[str, JsonValue] | None = None
    ) -> httpx.Response:
        with self._connected() as http:
            return http.request(method, path, params=params, json=body)

    @contextmanager
    def _connected(self) -> Generator[httpx.Client]:
        try:
            with httpx.Client(base_url=self._url, headers=self._headers, timeout=TIMEOUT, trust_env=False) as http:
                yield http
        except httpx.TransportError as error:
            raise UpstreamUnavailable("triagent", f"nobody answers at {self._url}: {error}") from error

    def _checked(self, response: httpx.Response) -> httpx.Response:
        if response.is_success:
            return response
        raise Refused(self._explained(response))

    def _explained(self, response: httpx.Response) -> str:
        try:
            detail = str(response.json()["detail"])
        except (ValueError, TypeError, KeyError):
            detail = f"{response.status_code} from {response.url}, which is not triagent's"
        hint = "; set TRIAGE_TOKEN" if response.status_code == 401 and not self._has_token else ""
        return detail + hint

    def _events(self, response: httpx.Response) -> Iterator[Event]:
        kind = ""
        for line in response.iter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield Event(kind, cast("JsonObject", self._shown(json.loads(line.removeprefix("data: ")))))


def _address(given: str) -> str:
    if not given.startswith(("http://", "https://")):
        raise typer.BadParameter(f"{given!r} has no scheme; is it http://{given}?", param_hint="--url or TRIAGE_URL")
    return given.rstrip("/")


def _as_it_came(value: JsonValue) -> JsonValue:
    return value
