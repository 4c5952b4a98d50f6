"""What a token may open. Roles (`domain.policy.Role`) say whose approval counts; scopes say which doors open at all."""

from typing import Literal, get_args

Scope = Literal["alerts:write", "incidents:read", "incidents:decide", "ask", "audit:read", "tokens:write"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
