"""Finding lines in logs that speak of the present.

Log lines carry times in many forms; the kubelet's own prefix and ISO times are understood, other lines count as recent.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from agent.cluster.pods import Pod
from agent.looks import Sighting
from agent.situation import Log, LogKey, Situation

RECENT = timedelta(minutes=30)
"""Lines older than this before now speak of another incident."""
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,]\d+)?(Z|[+-]\d\d:?\d\d)?")
SIDECARS = frozenset({"istio-proxy", "istio-init", "istio-validation", "linkerd-proxy", "envoy", "vault-agent"})


class Phrases:
    """Pieces of text any of which a line may hold, in any case; `also` must then match as well.

    Plain text is searched an order of magnitude faster than alternations are, and logs are long.
    """

    def __init__(self, *texts: str, also: str = "") -> None:
        self._texts = tuple(text.lower() for text in texts)
        self._also = re.compile(also, re.IGNORECASE) if also else None

    def may_be_in(self, folded: str) -> bool:
        """Whether lower-case text holds one of the pieces."""
        return any(text in folded for text in self._texts)

    def match(self, line: str) -> bool:
        """Whether the line is one."""
        return self.may_be_in(line.lower()) and (self._also is None or self._also.search(line) is not None)


class Line(NamedTuple):
    """A line of a log, numbered from 1."""

    key: LogKey
    log: Log
    number: int
    text: str

    @property
    def sighting(self) -> Sighting:
        """The line as something to cite."""
        return self.log.look.sees(f"line {self.number}", self.text)


def stamp(text: str) -> datetime | None:
    """The first time with a zone in a line."""
    match = _STAMP.search(text[:120])
    if match is None or not match[3]:
        return None
    try:
        return datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3].replace('Z', '+00:00')}")
    except ValueError:
        return None


def last_line(situation: Situation, logs: Iterable[tuple[LogKey, Log]], phrases: Phrases) -> Line | None:
    """The latest recent line that matches, of the first log that has one."""
    for key, log in logs:
        if not phrases.may_be_in(log.folded):
            continue
        for number in range(len(log.lines), 0, -1):
            text = log.lines[number - 1]
            if phrases.match(text):
                if recent(situation, text):
                    return Line(key, log, number, text)
                break
    return None


def recent(situation: Situation, text: str) -> bool:
    """Whether the line speaks of the present; one without a time may."""
    at = stamp(text)
    return at is None or situation.now - at <= RECENT


def application_logs(situation: Situation, pods: Iterable[Pod]) -> Iterator[tuple[LogKey, Log]]:
    """Logs of the pods' own containers, without injected sidecars."""
    for pod in pods:
        for key, log in situation.logs_of(pod):
            if key.container not in SIDECARS:
                yield key, log
