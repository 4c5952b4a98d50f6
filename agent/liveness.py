"""When the work of an activity is given to another worker, or tried again."""

from datetime import timedelta

LOST = timedelta(seconds=4)
"""Heartbeat timeout of every activity: without a beat for this long its worker counts as dead. The worker beats for all
of them (`service.heartbeats`). Longer than an event loop that is short of CPU may stand still."""

OUR_MISTAKES = ["ValidationError", "ValueError", "TypeError", "LookupError", "KeyError", "IndexError", "AttributeError"]
"""Another attempt of the same call meets the same bug."""
