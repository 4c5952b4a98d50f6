"""Which model plans, and what it may spend."""

from pydantic import Field, SecretStr

from agent.offline.model import OFFLINE
from domain.model import Model

LONGEST_REQUEST = 55.0
"""Seconds; the activity around a model request may take 60."""


class PlannerOptions(Model):
    """`model` is `offline` or any pydantic-ai model id; with `base_url` it is asked of an OpenAI-compatible server."""

    model: str = OFFLINE
    base_url: str = ""
    api_key: SecretStr | None = None
    max_tool_calls: int = Field(default=12, ge=1, le=200)
    max_tokens: int = Field(default=200_000, ge=1_000)
    request_timeout: float = Field(default=45.0, gt=0, le=LONGEST_REQUEST)
