"""What every read of an outside system returns."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Reading(Generic[T]):
    """A typed value and where it came from.

    `query` repeats the question in the system's own words; `digest` is the SHA-256 of the redacted raw output in the
    artifact store; `at` is when it was read (UTC); `notes` say what was left out or changed on the way.
    """

    value: T
    query: str
    digest: str
    at: datetime
    notes: tuple[str, ...] = ()
