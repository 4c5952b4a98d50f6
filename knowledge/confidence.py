"""From features to a calibrated probability that a hit is what was asked for, and the threshold for "known"."""

from dataclasses import dataclass
from math import exp

from knowledge.ranking import Features

KNOWN_AT = 0.5
"""A hit at or above this confidence passes; below it the search abstains."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Logistic regression, fitted by `evals.retrieval_ablation.fitted` on labelled queries."""

    bias: float
    lexical: float
    title: float
    dense: float

    def __call__(self, features: Features) -> float:
        """Between 0 and 1."""
        logit = self.bias + self.lexical * features.lexical + self.title * features.title
        return 1 / (1 + exp(-(logit + self.dense * (features.dense or 0.0))))


BY_WORDS = Calibration(bias=-3.0, lexical=6.9, title=2.9, dense=0.0)
BY_WORDS_AND_MEANING = Calibration(bias=-3.75, lexical=5.5, title=2.0, dense=3.1)
