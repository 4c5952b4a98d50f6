"""What an analyzer says: a cause, an object, how sure, and on what it rests."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.looks import Statement
from agent.situation import Situation
from domain.diagnosis import Finding
from domain.objects import ObjectRef

PROVEN = 0.97
"""The present state itself contradicts itself: nothing else could be meant."""
STRONG = 0.9
"""One direct message or two independent signs."""
LIKELY = 0.75
"""The usual explanation of what is seen."""
POSSIBLE = 0.5
"""One of several explanations."""
WEAK = 0.3
"""Better than nothing, worse than any other finding."""


@dataclass(frozen=True)
class Suspicion:
    """A possible cause. `symptoms` are services whose trouble it would explain."""

    cause: str
    object: ObjectRef
    confidence: float
    statements: tuple[Statement, ...]
    analyzer: str = ""

    @property
    def finding(self) -> Finding:
        """As a finding, with claims."""
        return Finding(
            cause=self.cause,
            object=self.object,
            confidence=round(self.confidence, 3),
            claims=tuple(statement.claim for statement in self.statements),
            analyzer=self.analyzer,
        )


Analyzer = Callable[[Situation], Iterator[Suspicion]]
