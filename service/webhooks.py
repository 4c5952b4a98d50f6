"""Alertmanager's webhook body: what is good in it is kept, what is not is named."""

import json
from collections.abc import Callable, Iterable
from typing import NamedTuple, cast

from pydantic import TypeAdapter, ValidationError

from domain.alerts import Alert, Webhook
from domain.errors import InvalidAlert
from domain.model import External

ALERT_BYTES = 64 * 1024
"""One alert, as JSON. Far over any real one; what is larger would not fit a workflow's history."""
_ALERT: TypeAdapter[Alert] = TypeAdapter(Alert)
PROBLEMS_SHOWN = 5


class MalformedBody(InvalidAlert):
    """The body is not JSON in UTF-8 at all."""


class Rejected(External):
    """One alert that was not taken: its place in the post, and why."""

    index: int
    reason: str


class ParsedWebhook(NamedTuple):
    """The webhook with its good alerts, and the others."""

    webhook: Webhook
    rejected: tuple[Rejected, ...]


def parse_webhook(body: bytes) -> ParsedWebhook:
    """Read a webhook (version 4).

    Raises `MalformedBody` for what is not JSON, and `InvalidAlert` with the path of the field where the envelope is
    wrong or no alert is good.
    """
    # NUL has no place in a label, and PostgreSQL cannot store it.
    body = body.replace(b"\\u0000", b"\\ufffd")
    try:
        webhook = Webhook.model_validate_json(body)
    except ValidationError:
        return _salvaged(body)
    if len(body) <= ALERT_BYTES:
        return ParsedWebhook(webhook, ())
    return _parsed(
        [_sized(alert) for alert in webhook.alerts], lambda good: webhook.model_copy(update={"alerts": good})
    )


def _salvaged(body: bytes) -> ParsedWebhook:
    """The slow way, for bodies in which something is wrong: alert by alert."""
    payload = _json_object(body)
    listed = payload.get("alerts")
    if not isinstance(listed, list) or not listed:
        raise InvalidAlert(_first_problem(payload))
    outcomes = [_alert(candidate) for candidate in cast("list[object]", listed)]
    return _parsed(outcomes, lambda good: _envelope(payload, good))


def _parsed(outcomes: list[Alert | str], envelope: Callable[[tuple[Alert, ...]], Webhook]) -> ParsedWebhook:
    """Sort what could be read from the reasons why the rest could not. Raises `InvalidAlert` if nothing is good."""
    good = tuple(outcome for outcome in outcomes if isinstance(outcome, Alert))
    rejected = tuple(
        Rejected(index=index, reason=outcome) for index, outcome in enumerate(outcomes) if isinstance(outcome, str)
    )
    if not good:
        shown = "; ".join(f"alerts.{item.index}: {item.reason}" for item in rejected[:PROBLEMS_SHOWN])
        raise InvalidAlert(f"none of {len(rejected)} alerts is good: {shown}")
    return ParsedWebhook(envelope(good), rejected)


def _json_object(body: bytes) -> dict[str, object]:
    try:
        payload = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise MalformedBody(f"the body is not UTF-8: byte {error.start} is {body[error.start]:#04x}") from error
    except (ValueError, RecursionError) as error:
        raise MalformedBody(f"the body is not JSON: {error}") from error
    if not isinstance(payload, dict):
        raise InvalidAlert("the body is not a JSON object")
    return cast("dict[str, object]", payload)


def _alert(candidate: object) -> Alert | str:
    try:
        return _sized(_ALERT.validate_python(candidate))
    except ValidationError as error:
        return _described(error)


def _sized(alert: Alert) -> Alert | str:
    size = len(alert.model_dump_json())
    return alert if size <= ALERT_BYTES else f"is {size} bytes; an alert may have {ALERT_BYTES}"


def _envelope(payload: dict[str, object], good: tuple[Alert, ...]) -> Webhook:
    try:
        return Webhook.model_validate({**payload, "alerts": good})
    except ValidationError as error:
        raise InvalidAlert(_described(error)) from error


def _first_problem(payload: dict[str, object]) -> str:
    try:
        Webhook.model_validate(payload)
    except ValidationError as error:
        return _described(error)
    return "no alert could be read"


def _described(error: ValidationError) -> str:
    problems = [f"{_path(item['loc'])}: {item['msg']}" for item in error.errors(include_url=False)]
    more = len(problems) - PROBLEMS_SHOWN
    return "; ".join(problems[:PROBLEMS_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def _path(parts: Iterable[int | str]) -> str:
    return ".".join(str(part)[:80] for part in parts) or "body"
