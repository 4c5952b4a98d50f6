"""What every domain model shares: frozen, strict about unknown fields, times in UTC, canonical JSON."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, JsonValue


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("in UTC it is outside the years 1 to 9999") from error


Timestamp = Annotated[AwareDatetime, AfterValidator(_utc)]
"""A time with a zone, kept in UTC."""


class Model(BaseModel):
    """A frozen value. Unknown fields are refused, so a typo is an error and not a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class External(BaseModel):
    """A frozen value read from another system, which may grow fields we do not know."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


def canonical_json(value: JsonValue) -> bytes:
    """The one byte string for a JSON value: sorted keys, no spaces, UTF-8, NaN refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256(data: bytes) -> str:
    """Hexadecimal SHA-256, 64 characters."""
    return hashlib.sha256(data).hexdigest()


def digest_of(value: JsonValue) -> str:
    """SHA-256 over the canonical JSON of `value`."""
    return sha256(canonical_json(value))
