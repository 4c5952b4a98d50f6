"""A question read without a language model: what it is about, when, and what it wants to know."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from agent.answers.times import window
from domain.inventory import WorkloadEntry

Intent = Literal["why", "slow", "errors", "changed", "firing", "status", "seen", "procedure", "calls"]

WORDS: dict[Intent, str] = {
    "seen": r"seen\b.*\bbefore|happen\w*\b.*\bbefore|(?:past|previous|similar|earlier|known) (?:incident|failure|issue|"
    r"problem|pattern)|had (?:this|that|it) before|last time|recurr\w+",
    "procedure": r"runbook|playbook|procedure|what (?:should|do|can) (?:i|we) do|how (?:do|can|should) (?:i|we) "
    r"(?:fix|handle|resolve|mitigate|recover)|how to (?:fix|handle|resolve|mitigate|recover)",
    "calls": r"who (?:calls|uses|depends)|calls? whom|depend(?:s|enc\w+)? (?:on|of)|dependenc\w+|upstreams?\b|"
    r"downstreams?\b|what does \S+ (?:call|use|depend)|call graph",
    "firing": r"firing|alerts?\b|alarms?\b|alerting|paging",
    "changed": r"chang\w+|deploy\w*|releas\w+|roll\w* ?out\w*|rolled|version|commits?\b|synced|upgrad\w+",
    "slow": r"slow\w*|latenc\w+|response times?|p9[059]|p50|hang\w*|time-?outs?|timing out|sluggish|lag\w*\b",
    "errors": r"errors?\b|error rate|fail\w*|5xx|500s?\b|503s?\b|exceptions?|crash\w*|restart\w*|oom\w*|broken|down\b",
    "why": r"why|causes?\b|caused|reason|root cause|what(?:'s| is| was) (?:wrong|going on|happening|up)|what happened|"
    r"diagnos\w+|broken|culprit|responsible",
    "status": r"status|health\w*|state of|is \S+ (?:ok|up|running|alive|fine)|how (?:is|are)|everything (?:ok|fine)|"
    r"(?:request|error) rate|memory|cpu|replicas|traffic|load\b|saturat\w+",
}
PATTERNS: dict[Intent, re.Pattern[str]] = {
    intent: re.compile(rf"\b(?:{words})", re.IGNORECASE) for intent, words in WORDS.items()
}

OUTSIDE = re.compile(
    r"^\s*(?:please\s+)?(?:write|compose|sing|draw|paint|translate|recite|tell (?:me )?(?:a |an )?(?:joke|story)|"
    r"make (?:me )?(?:a |an )?(?:poem|joke|song|story))\b|\b(?:poem|joke|haiku|limerick|recipe|horoscope|weather)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Question:
    """What a question asks. `unknown` is a service that was named and does not exist."""

    text: str
    intents: tuple[Intent, ...]
    namespace: str | None
    workload: WorkloadEntry | None
    unknown: str | None
    start: datetime
    end: datetime

    @property
    def service(self) -> str | None:
        """The name of the workload it is about."""
        return self.workload.ref.name if self.workload else None

    @property
    def minutes(self) -> int:
        """The length of the time it is about, in whole minutes, at least 5."""
        return max(5, round((self.end - self.start).total_seconds() / 60))


def intents_of(text: str) -> tuple[Intent, ...]:
    """What the question wants to know; nothing for one that is not about operations."""
    if OUTSIDE.search(text):
        return ()
    return tuple(intent for intent, pattern in PATTERNS.items() if pattern.search(text))


def read(text: str, known: Sequence[WorkloadEntry], namespace: str | None, at: datetime) -> Question:
    """Read `text` against the workloads that exist."""
    start, end = window(text, at)
    entry = next(iter(_named(text, known)), None)
    return Question(
        text=text,
        intents=intents_of(text),
        namespace=entry.ref.namespace if entry else namespace or _namespace(text, known),
        workload=entry,
        unknown=None if entry else _unknown(text, known),
        start=start,
        end=end,
    )


def _named(text: str, known: Sequence[WorkloadEntry]) -> list[WorkloadEntry]:
    """Workloads the text names, in order of appearance; `payments` finds `payment-service`, too."""
    words = [word.strip("-.") for word in re.findall(r"[a-z0-9][a-z0-9.-]*", text.lower())]
    exact = [entry for word in words for entry in known if entry.ref.name == word]
    return exact or [entry for word in words for entry in known if _stem(word) == _stem(entry.ref.name)]


def _stem(name: str) -> str:
    bare = re.sub(r"-?(?:service|svc|server|api|deployment)$", "", name) or name
    return re.sub(r"[^a-z0-9]", "", bare).rstrip("s")


def _namespace(text: str, known: Iterable[WorkloadEntry]) -> str | None:
    existing = dict.fromkeys(entry.ref.namespace for entry in known)
    lower = text.lower()
    mentioned = [name for name in existing if re.search(rf"(?<![a-z0-9-]){re.escape(name)}(?![a-z0-9-])", lower)]
    if mentioned:
        return mentioned[0]
    named = re.search(r"\bnamespace ([a-z0-9][a-z0-9-]*)", lower) or re.search(
        r"\b([a-z0-9][a-z0-9-]*) namespace", lower
    )
    return named[1] if named else None


_SUBJECT = re.compile(
    r"\b(?:is|are|was|of|on|does|did|to|with|for|about)\s+(?:the\s+)?(?P<name>[a-z][a-z0-9]*(?:-[a-z0-9]+)*)"
    r"(?=\s+(?:so\s+|still\s+|very\s+)?(?:slow|down|failing|broken|crash\w*|restart\w*|unhealthy|erroring|healthy|ok|up)\b|"
    r"\s+(?:service|deployment|workload)\b)",
    re.IGNORECASE,
)
_COMMON = frozenset({"everything", "something", "anything", "it", "this", "that", "the", "my", "our", "all", "there"})


def _unknown(text: str, known: Iterable[WorkloadEntry]) -> str | None:
    match = _SUBJECT.search(text)
    name = match["name"].lower() if match else None
    namespaces = {entry.ref.namespace for entry in known}
    return name if name and name not in _COMMON | namespaces else None
