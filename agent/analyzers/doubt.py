"""What confidence is worth where a whole kind of evidence is missing: what was not seen could have contradicted.

The figures are set by what recorded incidents lose without one kind of evidence, most of all latency without metrics.
"""

from collections.abc import Iterable
from dataclasses import replace

from agent.analyzers.ranking import SLOWNESS
from agent.analyzers.suspicion import Suspicion
from agent.situation import Situation

UNSEEN = 0.98
"""What remains for each kind of evidence that is missing as a whole."""
UNMEASURED = 0.85
"""What remains, besides, of a cause that is inferred from latency which alerts tell of and nobody measured."""


def doubted(situation: Situation, chosen: Iterable[Suspicion]) -> tuple[Suspicion, ...]:
    """The suspicions with what is left of their confidence, most likely first."""
    left = UNSEEN ** unseen(situation)
    slow = left if _measured(situation) else left * UNMEASURED
    weighed = [
        replace(item, confidence=item.confidence * (slow if item.cause in SLOWNESS else left)) for item in chosen
    ]
    return tuple(sorted(weighed, key=lambda item: -item.confidence))


def unseen(situation: Situation) -> int:
    """How many of logs, metrics, events and manifests nothing was seen of, for whatever reason."""
    logged = any(log.text for log in situation.logs.values())
    return [logged, _measured(situation), bool(situation.cluster.events), bool(situation.manifests)].count(False)


def _measured(situation: Situation) -> bool:
    return any(signal.series for signal in situation.signals.values())
