"""A backlog in memory and a closed incident."""

from datetime import UTC, datetime, timedelta

from domain.learning import BacklogItem, Pattern

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class MemoryBacklog:
    """A `Backlog` that forgets."""

    def __init__(self) -> None:
        self.saved_patterns: dict[str, Pattern] = {}
        self.saved_items: dict[str, BacklogItem] = {}

    async def patterns(self) -> tuple[Pattern, ...]:
        return tuple(self.saved_patterns.values())

    async def save_pattern(self, pattern: Pattern) -> None:
        self.saved_patterns[pattern.id] = pattern

    async def items(self) -> tuple[BacklogItem, ...]:
        return tuple(self.saved_items.values())

    async def item(self, incident_id: str) -> BacklogItem | None:
        return self.saved_items.get(incident_id)

    async def save_item(self, item: BacklogItem) -> None:
        self.saved_items[item.incident_id] = item


def closed_item(number: int, *, days_ago: float = 1.0, title: str = "HighErrorRate on cart") -> BacklogItem:
    return BacklogItem(
        incident_id=f"inc-{number}",
        title=title,
        alerts=("HighErrorRate",),
        namespace="shop",
        service="cart",
        cause="bad_release",
        summary="cart answered 30 % of requests with errors after a release.",
        actions=("undo deployment/cart to rollout revision 4",),
        outcome="resolved: verified",
        closed_at=NOW - timedelta(days=days_ago),
    )
