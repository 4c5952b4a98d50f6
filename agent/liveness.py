"""How soon the work of a worker that died is given to another."""

from datetime import timedelta

LOST = timedelta(seconds=4)
"""Heartbeat timeout of every activity: without a beat for this long its worker counts as dead. The worker beats for all
of them (`service.heartbeats`). Longer than an event loop that is short of CPU may stand still."""
