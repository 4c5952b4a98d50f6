"""What Temporal's own UI can search incidents by."""

from temporalio import workflow
from temporalio.common import SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from domain.alerts import AlertGroup
    from domain.facts import IncidentStatus

SERVICE = SearchAttributeKey.for_keyword("TriagentService")
SEVERITY = SearchAttributeKey.for_keyword("TriagentSeverity")
STATUS = SearchAttributeKey.for_keyword("TriagentStatus")


def show(group: AlertGroup, status: IncidentStatus) -> None:
    """Set the search attributes of the run that calls this."""
    workflow.upsert_search_attributes(
        [
            SERVICE.value_set(group.service or "unknown"),
            SEVERITY.value_set(group.severity),
            STATUS.value_set(status),
        ]
    )
