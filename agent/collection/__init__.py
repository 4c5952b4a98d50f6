"""Building a `Situation` from live systems: in parallel, bounded, a blindspot for whatever fails."""

from agent.collection.collect import collect
from agent.collection.sources import Sources

__all__ = ["Sources", "collect"]
