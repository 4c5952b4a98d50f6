"""Text as BM25 terms, with the compound names of alerts, metrics and objects taken apart."""

import math
import re
from collections import Counter
from collections.abc import Iterable

from qdrant_edge import Bm25, Bm25Config

from knowledge.vectors import Terms

TERMS_VERSION = 1
"""Part of the index's identity: raise it when texts are split or weighted differently."""
SATURATION = 1.2
LENGTH_NORMALISATION = 0.75
AVERAGE_LENGTH = 120.0
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NAME = re.compile(r"[A-Za-z0-9]+(?:_[A-Za-z0-9]+)*")
_BM25 = Bm25(Bm25Config(k=SATURATION, b=LENGTH_NORMALISATION, avg_len=AVERAGE_LENGTH, language="english"))

ABBREVIATIONS = {
    "cert": "certificate",
    "certs": "certificate",
    "cm": "configmap",
    "config": "configuration",
    "cronjob": "cron job",
    "db": "database",
    "ds": "daemonset",
    "hpa": "horizontal pod autoscaler",
    "k8s": "kubernetes",
    "lb": "load balancer",
    "mem": "memory",
    "oom": "out of memory",
    "pdb": "pod disruption budget",
    "pv": "persistent volume",
    "pvc": "persistent volume claim",
    "repo": "repository",
    "sa": "service account",
    "sts": "statefulset",
    "svc": "service",
}
"""What engineers write short, kubectl's short names among them. Both forms are indexed and searched."""


def spelled_out(text: str) -> str:
    """`text` with the parts of each compound name, and the long form of each abbreviation, after it.

    `KubePVCFull` becomes `KubePVCFull Kube PVC persistent volume claim Full`.
    """
    return _NAME.sub(_expanded, text)


def _expanded(name: re.Match[str]) -> str:
    whole = name[0]
    parts = [part for piece in whole.split("_") for part in _HUMPS.split(piece)]
    words = parts if len(parts) > 1 else []
    long_forms = [ABBREVIATIONS[part.lower()] for part in parts if part.lower() in ABBREVIATIONS]
    return " ".join((whole, *words, *long_forms))


def document_terms(text: str) -> Terms:
    """BM25's saturated, length-normalised term frequencies."""
    vector = _BM25.embed_document(spelled_out(text))
    return dict(zip(vector.indices, vector.values, strict=True))


def query_terms(text: str) -> frozenset[int]:
    """The ids of the text's terms; stop words are left out."""
    return frozenset(_BM25.embed_query(spelled_out(text)).indices)


class TermStatistics:
    """In how many chunks each term occurs."""

    def __init__(self, chunks: Iterable[Iterable[int]] = ()) -> None:
        self._frequency: Counter[int] = Counter()
        self._chunks = 0
        for terms in chunks:
            self.add(terms)

    def add(self, terms: Iterable[int]) -> None:
        """Count one more chunk."""
        self._frequency.update(iter(terms))
        self._chunks += 1

    def remove(self, terms: Iterable[int]) -> None:
        """Count one chunk less."""
        self._frequency.subtract(iter(terms))
        self._chunks -= 1

    def rarity(self, term: int) -> float:
        """BM25's inverse document frequency, above zero; highest for a term no chunk has."""
        frequency = self._frequency[term]
        return math.log(1 + (self._chunks - frequency + 0.5) / (frequency + 0.5))

    def weighted(self, terms: Terms) -> Terms:
        """Query weights times rarity."""
        return {term: weight * self.rarity(term) for term, weight in terms.items()}


def best_possible(weighted: Terms) -> float:
    """The BM25 score of a chunk that is full of every term of the query: a bound that no hit exceeds."""
    return (SATURATION + 1) * sum(weighted.values())
