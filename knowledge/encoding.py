"""A knowledge query as weighted terms and as one sentence for a dense model."""

import re
from typing import NamedTuple

from domain.learning import KnowledgeQuery
from knowledge.terms import query_terms, spelled_out
from knowledge.vectors import Terms

NAME_WEIGHT = 2.0
TEXT_WEIGHT = 1.0
LABEL_WEIGHT = 0.35
TEXT_LIMIT = 8000
"""Characters of one field that are looked at; the rest of a huge annotation says nothing new."""
_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_URL = re.compile(r"https?://\S+")
_RUNBOOK_LINKS = ("runbook_url", "runbook")
_IDENTIFIERS = frozenset(
    (
        *("alertname", "severity", "prometheus", "alertgroup", "replica", "receiver", "fingerprint", "monitor", "team"),
        *("instance", "pod", "pod_name", "uid", "endpoint", "id", "node", "ip", "pod_ip", "host_ip", "cluster"),
        *("container_id", "image_id"),
    )
)
"""Labels that say which one or who is told, not what is wrong. `alertname` is read on its own."""


class Words(NamedTuple):
    """A query's text by how much it says: the alert's own names, sentences, label values."""

    names: str
    text: str
    labels: str


def words_of(query: KnowledgeQuery) -> Words:
    """The words of a query, template placeholders and addresses left out."""
    names = dict.fromkeys((*query.alerts, query.labels.get("alertname", "")))
    links = [_last_segment(query.annotations[key]) for key in _RUNBOOK_LINKS if query.annotations.get(key)]
    said = [value for key, value in query.annotations.items() if key not in _RUNBOOK_LINKS]
    labels = [value for key, value in query.labels.items() if key not in _IDENTIFIERS]
    about = [name for name in (query.service, query.namespace) if name]
    return Words(
        names=_plain(" ".join((*names, *links))),
        text=_plain("\n".join((query.text, *said))),
        labels=_plain(" ".join((*about, *labels))),
    )


def terms_of(words: Words) -> Terms:
    """Each term once, at the weight of the most telling place it stands in."""
    weighted: Terms = {}
    for text, weight in ((words.labels, LABEL_WEIGHT), (words.text, TEXT_WEIGHT), (words.names, NAME_WEIGHT)):
        weighted |= dict.fromkeys(query_terms(text), weight)
    return weighted


def sentence_of(words: Words) -> str:
    """What a sentence model reads: names in plain words first, then the text."""
    return " ".join(part for part in (spelled_out(words.names), words.text, words.labels) if part)[:2000]


def _plain(text: str) -> str:
    return _URL.sub(" ", _TEMPLATE.sub(" ", text[:TEXT_LIMIT])).strip()


def _last_segment(link: str) -> str:
    return re.split(r"[/#]", link.rstrip("/#"))[-1]
