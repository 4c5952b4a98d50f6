"""The HTTP API: one router a resource, problem details for every error."""

from service.api.app import create_app
from service.api.services import Services

__all__ = ["Services", "create_app"]
