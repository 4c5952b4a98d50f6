"""The API's description is true, and kept beside the code."""

import json
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.api.openapi import openapi_document
from tests.api.served import Served
from tests.api.world import BOOTSTRAP
from tests.service.builders import until_plan

CHECKS: list[Any] = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
DOCS = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_the_documented_api_is_the_app() -> None:
    """`docs/openapi.json` is what the app serves; `python -m service.api.openapi` prints it."""
    assert DOCS.read_text(encoding="utf-8") == openapi_document()


def test_the_contract_is_there() -> None:
    """Every route of DESIGN's HTTP contract that this service has."""
    paths: dict[str, Any] = json.loads(openapi_document())["paths"]
    decisions = {f"/incidents/{{incident_id}}/{kind}" for kind in ("approve", "reject", "modify", "escalate", "cancel")}
    reading = {"/incidents", "/incidents/{incident_id}", "/incidents/{incident_id}/events", "/audit-logs"}
    others = {"/alerts/alertmanager", "/ask", "/metrics", "/healthz", "/readyz"}
    assert paths.keys() >= decisions | reading | others


SCHEMA = schemathesis.openapi.from_dict(json.loads(openapi_document())).exclude(path_regex="/events$")
FEW = settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@SCHEMA.parametrize()
@FEW
def test_no_generated_request_breaks_the_api(served: Served, case: schemathesis.Case[Any]) -> None:
    """Whatever fits the description, and much that does not: no bug, and answers as described."""
    served.do(served.world.services.facts.append(until_plan()))
    headers = {"Authorization": f"Bearer {BOOTSTRAP}"}
    response = case.call(base_url=served.url, headers=headers)
    case.validate_response(response, checks=CHECKS)
