"""Times in questions: `since 10:20`, `in the last 30 minutes`, `between 10:00 and 10:30`. UTC without a zone."""

import re
from datetime import UTC, datetime, timedelta, timezone

DEFAULT = timedelta(hours=1)
LONGEST = timedelta(hours=24)

UNITS = {
    **dict.fromkeys(("s", "sec", "second"), 1),
    **dict.fromkeys(("m", "min", "minute"), 60),
    **dict.fromkeys(("h", "hr", "hour"), 3_600),
    **dict.fromkeys(("d", "day"), 86_400),
}
WORDS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "few": 3, "couple": 2, "half": 0.5}

_SPAN = re.compile(
    r"\b(?:last|past|previous|for)\s+(?:the\s+)?(?:(?P<count>\d+(?:\.\d+)?|an?|one|two|three|few|couple(?:\s+of)?|half\s+an)\s*)?"
    r"(?P<unit>seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)\b",
    re.IGNORECASE,
)
_AGO = re.compile(
    r"\b(?P<count>\d+|an?|one|two|three|few|half\s+an)\s*(?P<unit>minutes?|mins?|m|hours?|hrs?|h|days?|d)\s+ago\b",
    re.IGNORECASE,
)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?")
_CLOCK = re.compile(
    r"(?<![\d:T-])(?P<hour>[01]?\d|2[0-3])[:.](?P<minute>[0-5]\d)\s*(?P<zone>Z\b|UTC\b|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)


def window(text: str, at: datetime) -> tuple[datetime, datetime]:
    """Start and end of the time a question is about.

    A clock time is the last one before `at`. Without any time it is the hour before; never more than a day.
    """
    moments = [*_iso_moments(text), *_clock_moments(_ISO.sub(" ", text), at)]
    spans = [at - _length(match) for match in (_SPAN.search(text), _AGO.search(text)) if match]
    moments = sorted(moment for moment in (*moments, *spans) if moment < at)
    if re.search(r"\byesterday\b", text, re.IGNORECASE):
        moments.append(at - LONGEST)
    if not moments:
        return at - DEFAULT, at
    ends = re.search(r"\b(?:between|from|until|till)\b", text, re.IGNORECASE) and len(moments) > 1
    end = moments[-1] if ends else at
    return max(min(moments), end - LONGEST), end


def _length(match: re.Match[str]) -> timedelta:
    count = (match["count"] or "1").lower().split()[0]
    number = WORDS[count] if count in WORDS else float(count)
    unit = match["unit"].lower()
    return min(timedelta(seconds=number * UNITS[unit if unit in UNITS else unit.rstrip("s")]), LONGEST)


def _iso_moments(text: str) -> list[datetime]:
    found: list[datetime] = []
    for match in _ISO.finditer(text):
        try:
            moment = datetime.fromisoformat(match[0])
        except ValueError:
            continue
        found.append(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return found


def _clock_moments(text: str, at: datetime) -> list[datetime]:
    found: list[datetime] = []
    for match in _CLOCK.finditer(text):
        local = at.astimezone(_zone(match["zone"]))
        moment = local.replace(hour=int(match["hour"]), minute=int(match["minute"]), second=0, microsecond=0)
        found.append(moment if moment <= at else moment - timedelta(days=1))
    return found


def _zone(text: str | None) -> timezone:
    if not text or text.upper() in {"Z", "UTC"}:
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)
