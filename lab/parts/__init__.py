"""Real servers in the user's cache, from Temporal to Argo CD; `python -m lab.parts` puts them there."""

from lab.parts.cache import PartError, part

__all__ = ["PartError", "part"]
