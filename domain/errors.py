"""Every error triagent raises on purpose.

TriagentError
├── InvalidInput              the caller's mistake; repeating it will not help
│   ├── InvalidAlert          a webhook that is not Alertmanager's v4
│   ├── InvalidQuery          PromQL or TraceQL refused before it is sent
│   └── InvalidPlan           a plan that names things nobody saw, or breaks policy
├── AccessDenied
│   ├── Unauthenticated       no token, or one we do not know
│   └── Forbidden             a known identity without the scope or role
├── NotFound
├── Conflict                  the world moved on since the caller looked
│   ├── StaleDigest           a decision about a plan that is no longer the current one
│   ├── AlreadyDecided        a second decision, or one after the end
│   ├── ApprovalExpired
│   └── PreconditionDrift     live state differs from what was approved
├── UpstreamError             another system failed us; `retryable` says whether to ask again
│   ├── UpstreamUnavailable   refused, timed out, TLS, 5xx, 429
│   ├── UpstreamRejected      4xx: the request is wrong, or not allowed
│   ├── UpstreamGarbled       an answer that is not what its API documents
│   ├── UpstreamTooLarge      an answer over the size cap
│   └── NotConfigured         there is no such system here
└── Misconfigured             a setting or a file on disk; names it and the way out
    ├── CorruptStore          an index or database that cannot be read
    └── FolderInUse           an index that another process has open (`knowledge.stores.lock`)
"""

from typing import ClassVar

MESSAGE_LIMIT = 512
"""Characters of an upstream's own words that may appear in our messages."""


class TriagentError(Exception):
    """Root of the tree. `retryable` tells durable callers whether another attempt can help."""

    retryable: ClassVar[bool] = False

    def __str__(self) -> str:
        text = super().__str__()
        return text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1] + "…"


class InvalidInput(TriagentError):
    """The caller's mistake."""


class InvalidAlert(InvalidInput):
    """A webhook body that is not Alertmanager's version 4."""


class InvalidQuery(InvalidInput):
    """A query refused before it is sent."""


class InvalidPlan(InvalidInput):
    """A plan that names unseen objects or breaks policy. `violations` lists every reason."""

    def __init__(self, violations: tuple[str, ...]) -> None:
        super().__init__("; ".join(violations))
        self.violations = violations


class AccessDenied(TriagentError):
    """Somebody may not do this."""


class Unauthenticated(AccessDenied):
    """No token, or one that is not known. `status` is `missing_token` or `invalid_token`."""

    def __init__(self, status: str) -> None:
        super().__init__(status.replace("_", " "))
        self.status = status


class Forbidden(AccessDenied):
    """A known identity without the needed scope or role."""


class NotFound(TriagentError):
    """No such thing."""


class Conflict(TriagentError):
    """The world moved on since the caller looked."""


class StaleDigest(Conflict):
    """A decision about a plan that is no longer the current one."""


class AlreadyDecided(Conflict):
    """A second decision by the same person, or any after the end."""


class ApprovalExpired(Conflict):
    """A decision after the plan's `expires_at`."""


class PreconditionDrift(Conflict):
    """Live state differs from what was approved. Nothing was written."""


class UpstreamError(TriagentError):
    """Another system failed us. `system` is the tool's name (`prometheus`, `argocd`, …)."""

    def __init__(self, system: str, message: str) -> None:
        super().__init__(f"{system}: {message}")
        self.system = system


class UpstreamUnavailable(UpstreamError):
    """Refused, timed out, TLS, 5xx or 429."""

    retryable = True


class UpstreamRejected(UpstreamError):
    """4xx: the request is wrong or not allowed. `status` is the HTTP status."""

    def __init__(self, system: str, message: str, status: int) -> None:
        super().__init__(system, message)
        self.status = status


class UpstreamGarbled(UpstreamError):
    """An answer that is not what the API documents."""


class UpstreamTooLarge(UpstreamError):
    """An answer over the size cap."""


class NotConfigured(UpstreamError):
    """A system that this site has not named in its settings."""

    def __init__(self, system: str) -> None:
        super().__init__(system, "not configured")


class Misconfigured(TriagentError):
    """A setting or a file; the message names it and the way out."""


class CorruptStore(Misconfigured):
    """An index or database that cannot be read; the message says which file and what to do."""
