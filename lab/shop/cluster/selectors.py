"""Label and field selectors as list requests spell them."""

import re
from collections.abc import Callable
from typing import TypeAlias

from lab.shop.cluster.errors import BadRequestError
from lab.shop.cluster.objects import StoredObject, section
from lab.shop.cluster.views import Requirement

Matcher: TypeAlias = Callable[[StoredObject], bool]
LabelMatcher: TypeAlias = Callable[[dict[str, str]], bool]

_SET = re.compile(r"^(?P<key>\S+)\s+(?P<operator>in|notin)\s*\((?P<values>[^)]*)\)$")
_EQUALITY = re.compile(r"^(?P<key>[^=!\s]+)\s*(?P<operator>==|=|!=)\s*(?P<value>[^=!\s]*)$")
_EXISTS = re.compile(r"^(?P<absent>!?)\s*(?P<key>[A-Za-z0-9_./-]+)$")
_FIELDS_OF_ALL = ("metadata.name", "metadata.namespace")
_FIELDS = {
    "pods": ("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase"),
    "events": (*(f"involvedObject.{name}" for name in ("kind", "namespace", "name", "uid")), "reason", "type"),
    "secrets": ("type",),
    "nodes": ("spec.unschedulable",),
    "namespaces": ("status.phase",),
}
_COMMA_OUTSIDE_PARENTHESES = re.compile(r",(?![^(]*\))")


def label_selector(selector: str) -> LabelMatcher:
    """A predicate on labels for `labelSelector`: `a=b,c!=d,e in (f,g),h,!i`.

    Raises `BadRequestError` on a term that is not one. Source:
    https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
    """
    requirements = [_requirement(term.strip()) for term in _COMMA_OUTSIDE_PARENTHESES.split(selector) if term.strip()]
    return lambda labels: all(requirement.matches(labels) for requirement in requirements)


def _requirement(term: str) -> Requirement:
    if found := _SET.match(term):
        operator = "In" if found["operator"] == "in" else "NotIn"
        values = [value.strip() for value in found["values"].split(",")]
        return Requirement(key=found["key"], operator=operator, values=values)
    if found := _EQUALITY.match(term):
        operator = "NotIn" if found["operator"] == "!=" else "In"
        return Requirement(key=found["key"], operator=operator, values=[found["value"]])
    if found := _EXISTS.match(term):
        return Requirement(key=found["key"], operator="DoesNotExist" if found["absent"] else "Exists")
    raise BadRequestError(f"unable to parse requirement: {term!r}")


def field_selector(selector: str, plural: str) -> Matcher:
    """A predicate for `fieldSelector`: `status.phase=Running,spec.nodeName!=a`, on the fields a resource has for it.

    Raises `BadRequestError` on a term that is not one, and on any other field. Source:
    https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
    """
    terms = [_field_term(term.strip(), plural) for term in selector.split(",") if term.strip()]
    return lambda stored: all((_field(stored, path) == value) is wanted for path, value, wanted in terms)


def _field_term(term: str, plural: str) -> tuple[str, str, bool]:
    found = _EQUALITY.match(term)
    if found is None:
        raise BadRequestError(f"invalid selector: '{term}'; can't understand '{term}'")
    if found["key"] not in {*_FIELDS_OF_ALL, *_FIELDS.get(plural, ())}:
        raise BadRequestError(f"field label not supported: {found['key']}")
    return found["key"], found["value"], found["operator"] != "!="


def _field(stored: StoredObject, path: str) -> str:
    *parents, leaf = path.split(".")
    value = section(stored.manifest, *parents).get(leaf)
    return "" if value is None else str(value)
