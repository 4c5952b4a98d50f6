"""What makes a workload invalid, told the way the API server tells it."""

from pydantic import BaseModel, ValidationError

from lab.shop.cluster.errors import InvalidError
from lab.shop.cluster.kinds import DEPLOYMENT, SERVICE, STATEFUL_SET, Kind
from lab.shop.cluster.objects import Manifest, StoredObject, section, text
from lab.shop.cluster.quantity import quantity
from lab.shop.cluster.views import DeploymentSpec, PodTemplate, ServiceSpec, StatefulSetSpec

_VIEWS: dict[Kind, type[BaseModel]] = {
    DEPLOYMENT: DeploymentSpec,
    STATEFUL_SET: StatefulSetSpec,
    SERVICE: ServiceSpec,
}
_MESSAGES = {
    "greater_than_equal": "must be greater than or equal to 0",
    "missing": "Required value",
    "too_short": "Required value",
    "string_too_short": "Required value",
}


def validate(kind: Kind, manifest: Manifest, before: StoredObject | None) -> None:
    """Raise `InvalidError` when the manifest may not replace `before` (None: may not be created)."""
    name = text(section(manifest, "metadata"), "name")
    if not name:
        raise InvalidError.field(kind, "", "metadata.name", "Required value: name or generateName is required")
    if view := _VIEWS.get(kind):
        spec = _parsed(kind, name, view, section(manifest, "spec"))
        if isinstance(spec, DeploymentSpec | StatefulSetSpec):
            _validate_workload(kind, name, spec)
    if before and kind in {DEPLOYMENT, STATEFUL_SET}:
        _validate_selector_kept(kind, name, manifest, before)


def _parsed(kind: Kind, name: str, view: type[BaseModel], spec: Manifest) -> BaseModel:
    try:
        return view.model_validate(spec)
    except ValidationError as exc:
        first = exc.errors()[0]
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
        message = _MESSAGES.get(first["type"], first["msg"])
        if first["type"] == "greater_than_equal":
            message = f"Invalid value: {first['input']}: {message}"
        raise InvalidError.field(kind, name, f"spec{path}", message) from exc


def _validate_workload(kind: Kind, name: str, spec: DeploymentSpec | StatefulSetSpec) -> None:
    if not spec.selector.matches(spec.template.metadata.labels):
        message = "Invalid value: `selector` does not match template `labels`"
        raise InvalidError.field(kind, name, "spec.template.metadata.labels", message)
    _validate_resources(kind, name, spec.template)


def _validate_resources(kind: Kind, name: str, template: PodTemplate) -> None:
    for index, container in enumerate(template.spec.containers):
        for side, amounts in (("limits", container.resources.limits), ("requests", container.resources.requests)):
            for resource, amount in amounts.items():
                path = f"spec.template.spec.containers[{index}].resources.{side}.{resource}"
                _validate_quantity(kind, name, path, amount)


def _validate_quantity(kind: Kind, name: str, path: str, amount: str | float) -> None:
    try:
        quantity(amount)
    except ValueError as exc:
        raise InvalidError.field(kind, name, path, f"Invalid value: {exc}") from exc


def _validate_selector_kept(kind: Kind, name: str, manifest: Manifest, before: StoredObject) -> None:
    if section(manifest, "spec", "selector") != section(before.manifest, "spec", "selector"):
        raise InvalidError.field(kind, name, "spec.selector", "Invalid value: field is immutable")
