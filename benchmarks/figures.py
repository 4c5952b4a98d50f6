"""What a measurement reports."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Figure(BaseModel):
    """One number beside its target."""

    model_config = ConfigDict(frozen=True)

    name: str
    value: float
    unit: str
    comparison: Literal["<=", ">=", "=="]
    target: float

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        match self.comparison:
            case "<=":
                return self.value <= self.target
            case ">=":
                return self.value >= self.target
            case "==":
                return self.value == self.target


def percentile(values: list[float], share: float) -> float:
    """The nearest-rank percentile; `share` in 0..1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
