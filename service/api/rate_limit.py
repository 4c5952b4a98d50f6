"""How often one token may ask. Webhooks are exempt: an alert storm is when they matter most."""

from fastapi import Request
from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.exceptions import HTTPException

from domain.model import sha256

EXEMPT = frozenset({"/alerts/alertmanager", "/healthz", "/readyz", "/metrics"})


class RateLimit:
    """A dependency of every route. Counts live in this process."""

    def __init__(self, rates: str) -> None:
        self._rates: list[RateLimitItem] = parse_many(rates)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, request: Request) -> None:
        """Count one request. Raises 429."""
        if request.url.path in EXEMPT:
            return
        token = request.headers.get("authorization")
        client = request.client.host if request.client else ""
        key = sha256(token.encode()) if token else client
        for rate in self._rates:
            if not await self._limiter.hit(rate, key):
                headers = {"Retry-After": str(rate.get_expiry())}
                raise HTTPException(429, f"more than {rate} (TRIAGE_API__RATE_LIMIT)", headers)
