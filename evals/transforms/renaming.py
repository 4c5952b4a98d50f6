"""Every workload, Service and application name, the system's and the namespace's too, replaced by an invented one.

The same name becomes the same new name in all the files of all the cases: in objects, labels, annotations, log text,
metric labels, manifests, alerts and in what is expected. Upper-case forms (`CART_SERVICE`, as in variables) and
CamelCase forms (`CartService`, as in gRPC names) follow. Images, secrets and volumes named after a service follow too.
"""

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from pydantic import JsonValue

from domain.model import sha256
from evals.exposition import exposition, samples
from evals.labels import Label
from evals.recordings import Recording
from tools.documents import JsonObject, as_object

_ONSETS = re.findall(r"\w+", "b br d dr f g gl h k kr l m n p pl r s t tr v z")
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ei", "ou")
_CODAS = ("", "", "l", "m", "n", "r", "s", "x")
_SUFFIX = re.compile(r"[-_]?service$")
APP_LABELS = ("app", "app.kubernetes.io/name", "app.kubernetes.io/instance", "k8s-app")


def names_in(case: Recording) -> frozenset[str]:
    """The names of the case's own workloads and Services, of its system and its namespace."""
    cluster, namespace = case.cluster, case.namespace
    workloads = [item for item in cluster.workloads if item.namespace == namespace]
    found = {item.name for item in (*workloads, *(s for s in cluster.services if s.namespace == namespace))}
    found |= {item.metadata.labels[key] for item in workloads for key in APP_LABELS if key in item.metadata.labels}
    found |= set(case.manifests) | {namespace, str(case.header.get("system", ""))}
    stems = {stem for name in found if "-" in (stem := _SUFFIX.sub("", name)) and stem != name}
    return frozenset(found | stems) - {"", "kubernetes", "default"}


def invented(name: str, seed: int) -> str:
    """A pronounceable name that depends on `name` and the seed alone; in two parts where the old one had parts."""
    dice = random.Random(sha256(f"{seed}/{name}".encode()))  # noqa: S311 - reproducible, not secret
    parts = 2 if "-" in name else 1
    return "-".join(_word(dice) for _ in range(parts))


def _word(dice: random.Random) -> str:
    syllables = (dice.choice(_ONSETS) + dice.choice(_VOWELS) for _ in range(dice.choice((2, 3))))
    return "".join(syllables) + dice.choice(_CODAS)


def vocabulary(cases: Iterable[Recording], seed: int) -> dict[str, str]:
    """Old name to new name; no two old names share a new one, and no new name is an old one."""
    old = sorted(frozenset[str]().union(*map(names_in, cases)))
    new: dict[str, str] = {}
    for name in old:
        attempt = seed
        while (candidate := invented(name, attempt)) in new.values() or candidate in old:
            attempt += 1_000_003
        new[name] = candidate
    return new


class Renaming:
    """Replaces the names of a vocabulary wherever they stand as words."""

    def __init__(self, new: Mapping[str, str]) -> None:
        self._forms = {form: other for name in new for form, other in _forms(name, new[name])}
        longest = sorted(self._forms, key=lambda form: (-len(form), form))
        words = "|".join(map(re.escape, longest))
        # Not before "://": `mysql://` names a protocol, even where a Service is called mysql.
        self._pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{words})(?![A-Za-z0-9]|://)")

    def text(self, text: str) -> str:
        """The text with new names."""
        return self._pattern.sub(lambda found: self._forms[found[0]], text)

    def value(self, value: JsonValue) -> JsonValue:
        """A JSON value with new names in keys and strings."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self.value(item) for key, item in value.items()}
        return value

    def document(self, document: JsonObject) -> JsonObject:
        """An object with new names."""
        return as_object(self.value(document))

    def case(self, case: Recording) -> Recording:
        """The whole case."""
        return replace(
            case,
            header=self.document(case.header) | {"id": case.id},
            webhook=self.document(case.webhook),
            items=tuple(map(self.document, case.items)),
            logs={self.text(name): self.text(text) for name, text in case.logs.items()},
            manifests={self.text(name): self.text(text) for name, text in case.manifests.items()},
            metrics=self._metrics(case.metrics),
            active_alerts=tuple(map(self.document, case.active_alerts)),
            label=self._label(case.label) if case.label else None,
            extra={name: self.text(content.decode()).encode() for name, content in case.extra.items()},
        )

    def _label(self, label: Label) -> Label:
        others = tuple(item.model_copy(update={"fault_object": self.text(item.fault_object)}) for item in label.others)
        return label.model_copy(update={"fault_object": self.text(label.fault_object), "others": others})

    def _metrics(self, text: str) -> str:
        renamed = (
            item._replace(labels=tuple((name, self.text(value)) for name, value in item.labels))
            for item in samples(text)
        )
        return exposition(renamed)


def _forms(old: str, new: str) -> Iterable[tuple[str, str]]:
    yield old, new
    parts = _parts(old)
    upper, camel = "_".join(parts).upper(), "".join(part.capitalize() for part in parts)
    fresh = new.split("-")
    if len(parts) > 1:
        yield upper, "_".join(fresh).upper()
        yield camel, "".join(part.capitalize() for part in fresh)


def _parts(name: str) -> list[str]:
    """`adservice` and `ad-service` are both `ad`, `service`."""
    stem = _SUFFIX.sub("", name)
    parts = [part for part in re.split(r"[-_.]", stem) if part]
    return [*parts, "service"] if stem != name else parts
