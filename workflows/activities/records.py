"""Facts and the incident projection."""

from temporalio import activity

from domain.facts import FINAL, WITH_HUMANS, Fact
from domain.incidents import Incident
from domain.model import Model, Timestamp
from domain.objects import ObjectRef
from workflows.ports import FactStore


class AppendInput(Model):
    """Facts to append, in order."""

    facts: tuple[Fact, ...]


class RelatedInput(Model):
    """Does another incident already deal with this cause, in an object of this namespace?

    `closed_since`: how long ago one may have ended.
    """

    incident_id: str
    opened_at: Timestamp
    namespace: str | None
    cause: str
    object: ObjectRef
    closed_since: Timestamp


class RelatedResult(Model):
    """That incident's id, if there is one."""

    incident_id: str | None


class Records:
    """Activities over the fact store."""

    def __init__(self, store: FactStore) -> None:
        self._store = store

    @activity.defn(name="facts.append")
    async def append(self, request: AppendInput) -> None:
        """Append facts; idempotent by fact id."""
        await self._store.append(request.facts)

    @activity.defn(name="incidents.related")
    async def related(self, request: RelatedInput) -> RelatedResult:
        """The incident that has this cause in hand: it has a plan for it, or it is older, or a human has it."""
        same = await self._store.recent_incidents(request.closed_since, cause=request.cause, object=str(request.object))
        for incident in same:
            if incident.id != request.incident_id and _is_there(incident, request) and _in_hand(incident, request):
                return RelatedResult(incident_id=incident.id)
        return RelatedResult(incident_id=None)


def _is_there(incident: Incident, request: RelatedInput) -> bool:
    """Alerts of two namespaces, or of none, may have one cause: what counts is where the object is."""
    causes = incident.diagnosis.causes if incident.diagnosis else ()
    return bool(causes) and request.namespace == (causes[0].object.namespace or incident.namespace)


def _in_hand(incident: Incident, request: RelatedInput) -> bool:
    """Of two that find the same cause at the same moment, exactly one goes on: the older, by time and then by id."""
    if incident.status in FINAL:
        return incident.status in WITH_HUMANS
    older = (incident.opened_at, incident.id) < (request.opened_at, request.incident_id)
    return older or incident.plan is not None
