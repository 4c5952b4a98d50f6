"""The golden-signal catalogue: the one place that knows a site's metric names (`signals.yaml`)."""

import re
from string import Template
from typing import Self

from pydantic import Field, field_validator

from domain.errors import InvalidQuery
from domain.model import Model

PLACEHOLDERS = frozenset({"namespace", "service", "node", "window"})
_SAFE = re.compile(r"^[A-Za-z0-9_.:/|*+()-]{0,512}$")
ANY = ".*"


class SignalCatalogue(Model):
    """Signal name to PromQL with `$namespace $service $node $window`."""

    signals: dict[str, str] = Field(min_length=1)

    @field_validator("signals")
    @classmethod
    def _known_placeholders(cls, value: dict[str, str]) -> dict[str, str]:
        for name, query in value.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(f"signal name {name!r} is not snake_case")
            unknown = set(Template(query).get_identifiers()) - PLACEHOLDERS
            if unknown:
                raise ValueError(f"signal {name!r} uses unknown placeholders: {', '.join(sorted(unknown))}")
        return value

    def __contains__(self, name: str) -> bool:
        return name in self.signals

    def render(
        self, name: str, *, namespace: str = ANY, service: str = ANY, node: str = ANY, window: str = "5m"
    ) -> str:
        """PromQL for one signal. Raises `InvalidQuery` for an unknown signal or a value that could break out."""
        query = self.signals.get(name)
        if query is None:
            raise InvalidQuery(f"no signal named {name!r}; the catalogue has {', '.join(sorted(self.signals))}")
        values = {"namespace": namespace, "service": service, "node": node, "window": window}
        for key, value in values.items():
            if not _SAFE.fullmatch(value):
                raise InvalidQuery(f"${key} may not be {value[:80]!r}")
        return Template(query).substitute(values)

    def overlaid(self, other: "SignalCatalogue") -> Self:
        """This catalogue with `other`'s entries added or replacing."""
        return type(self)(signals={**self.signals, **other.signals})
