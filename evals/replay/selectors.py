"""Label and field selectors of list requests.

Sources: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#api and
https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
"""

import re
from collections.abc import Callable, Mapping

from evals.replay.refusals import bad_request
from tools.documents import JsonObject, child, strings_at

Matcher = Callable[[JsonObject], bool]

_KEY = r"[A-Za-z0-9](?:[A-Za-z0-9_./-]*[A-Za-z0-9])?"
_VALUE = r"[A-Za-z0-9_.-]*"
_TERM = re.compile(
    rf"\s*(?:(?P<absent>!)\s*(?P<missing>{_KEY})"
    rf"|(?P<key>{_KEY})(?:\s+(?P<set>in|notin)\s*\((?P<values>[^()]*)\)|\s*(?P<operator>==|=|!=)\s*(?P<value>{_VALUE}))?)"
    r"\s*(?:,|\Z)"
)

_ALWAYS = frozenset({"metadata.name", "metadata.namespace"})
_FIELDS: Mapping[str, frozenset[str]] = {
    "Pod": frozenset(
        {
            *("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName"),
            *("spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName"),
        }
    ),
    "Event": frozenset(
        {
            *(f"involvedObject.{name}" for name in ("kind", "namespace", "name", "uid", "apiVersion", "fieldPath")),
            *("involvedObject.resourceVersion", "reason", "reportingComponent", "source", "type"),
        }
    ),
    "Secret": frozenset({"type"}),
    "Namespace": frozenset({"status.phase"}),
    "Node": frozenset({"spec.unschedulable"}),
    "ReplicaSet": frozenset({"status.replicas"}),
    "Job": frozenset({"status.successful"}),
}
"""Fields that the API server can select by, beside the two that every kind has."""
_KEPT_AT = {"source": ("source", "component"), "status.successful": ("status", "succeeded")}
"""Where a selectable field is kept when it is not under its own name."""


def label_selector(selector: str) -> Matcher:
    """Objects whose labels meet `a=b,c!=d,e in (f,g),h,!i`. Raises `Refused` for a term that is not one."""
    tests: list[Callable[[Mapping[str, str]], bool]] = []
    place = 0
    while selector[place:].strip():
        found = _TERM.match(selector, place)
        if found is None or found.end() == place:
            raise bad_request(f"unable to parse requirement: found {selector[place:]!r}")
        tests.append(_requirement(found))
        place = found.end()
    return lambda item: all(test(strings_at(item, "metadata", "labels")) for test in tests)


def _requirement(term: re.Match[str]) -> Callable[[Mapping[str, str]], bool]:
    if term["absent"]:
        return lambda labels: term["missing"] not in labels
    key = term["key"]
    if term["set"]:
        values = {value.strip() for value in term["values"].split(",")}
        wanted = term["set"] == "in"
    elif term["operator"]:
        values, wanted = {term["value"]}, term["operator"] != "!="
    else:
        return lambda labels: key in labels
    # An absent label meets `!=` and `notin`, as the server has it.
    return lambda labels: (labels.get(key) in values) is wanted


def field_selector(selector: str, kind: str) -> Matcher:
    """Objects whose fields meet `status.phase=Running,spec.nodeName!=a`. Raises `Refused` for other fields."""
    tests = [_field(term.strip(), kind) for term in selector.split(",") if term.strip()]
    return lambda item: all(test(item) for test in tests)


def _field(term: str, kind: str) -> Matcher:
    found = re.fullmatch(r"([^=!\s]+)\s*(==|=|!=)\s*(.*)", term)
    if found is None:
        raise bad_request(f"invalid selector: {term!r}; can't understand {term!r}")
    name, wanted, value = found[1], found[2] != "!=", found[3].replace("\\,", ",").replace("\\=", "=")
    if name not in _ALWAYS | _FIELDS.get(kind, frozenset()):
        raise bad_request(f"field label not supported: {name}")
    path = _KEPT_AT.get(name, tuple(name.split(".")))
    return lambda item: (_text(child(item, *path)) == value) is wanted


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
