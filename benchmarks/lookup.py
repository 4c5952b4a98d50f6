"""Pattern lookup over 20,000 chunks, embedded, by words only."""

import asyncio
import random
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure, percentile
from domain.learning import BacklogItem, KnowledgeQuery, Pattern
from knowledge.assembly import IndexOptions, open_index
from knowledge.library import Knowledge

CHUNKS = 20_000
QUERIES = 200
WORDS = [
    "error",
    "latency",
    "timeout",
    "release",
    "rollback",
    "saturation",
    "memory",
    "leak",
    "probe",
    "image",
    "pull",
    "quota",
    "secret",
    "config",
    "node",
    "disk",
    "certificate",
    "dependency",
    "checkout",
    "cart",
    "payment",
    "inventory",
    "catalog",
    "queue",
    "retry",
    "connection",
    "pool",
    "exhausted",
    "unavailable",
    "restart",
    "crash",
    "loop",
    "scheduler",
    "affinity",
    "taint",
    "volume",
    "mount",
    "permission",
    "denied",
    "gateway",
    "dns",
    "resolve",
    "throttled",
]


class _Past:
    """A backlog of made-up incidents."""

    def __init__(self, count: int) -> None:
        source = random.Random(7)
        self._items = tuple(_item(number, source) for number in range(count))

    async def patterns(self) -> tuple[Pattern, ...]:
        """None."""
        return ()

    async def save_pattern(self, pattern: Pattern) -> None:
        """Nothing is learned here."""

    async def items(self) -> tuple[BacklogItem, ...]:
        """All of them."""
        return self._items

    async def item(self, incident_id: str) -> BacklogItem | None:
        """One of them."""
        return next((item for item in self._items if item.incident_id == incident_id), None)

    async def save_item(self, item: BacklogItem) -> None:
        """Nothing is learned here."""


def _item(number: int, source: random.Random) -> BacklogItem:
    words = source.choices(WORDS, k=60)
    return BacklogItem(
        incident_id=f"inc-{number}",
        title=" ".join(words[:6]),
        alerts=("".join(word.title() for word in words[6:9]),),
        namespace="shop",
        service=words[9],
        summary=" ".join(words),
        outcome="resolved",
        closed_at="2026-01-10T09:00:00Z",
    )


async def lookup() -> list[Figure]:
    """Index, then ask."""
    source = random.Random(8)
    with tempfile.TemporaryDirectory() as folder:
        knowledge = Knowledge(open_index(IndexOptions(path=Path(folder) / "index")), _Past(CHUNKS))
        await knowledge.refresh()
        took: list[float] = []
        for _ in range(QUERIES):
            words = source.choices(WORDS, k=8)
            query = KnowledgeQuery(alerts=("".join(w.title() for w in words[:3]),), text=" ".join(words))
            begun = time.perf_counter()
            await knowledge.lookup(query)
            took.append((time.perf_counter() - begun) * 1000)
    return [
        Figure(
            name="lookup over 20,000 chunks, p50", value=percentile(took, 0.5), unit="ms", comparison="<=", target=10
        ),
        Figure(
            name="lookup over 20,000 chunks, p95", value=percentile(took, 0.95), unit="ms", comparison="<=", target=10
        ),
    ]


def run() -> list[Figure]:
    """For the report."""
    return asyncio.run(lookup())
