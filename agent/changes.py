"""What changed, and when: rollouts of workloads and deployments of Argo CD applications."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.cluster.templates import differences
from agent.cluster.workloads import Workload
from agent.inventories import application_of
from agent.looks import Statement, states
from agent.situation import Application, Situation
from tools.applied import CHANGE_KEY

REVISIONS_BEFORE = "deployment.kubernetes.io/revision-history"
ONE_DELIVERY = timedelta(minutes=2)
"""Argo CD writes a deployment down when its sync has ended, some time after the rollout has begun."""
LATELY = timedelta(hours=2)
"""Changes older than this before the incident are not its cause."""


@dataclass(frozen=True)
class Change:
    """A new revision of a workload.

    `images`: whether its images changed; `parts`: what of the template did; `returns`: whether it had run before, or
    is what we ourselves put there: a remedy, not a release. `first_life`: from when to when it ran before, if it is a
    rollout that was undone and put back.
    """

    workload: Workload
    at: datetime
    images: bool
    parts: tuple[str, ...]
    statements: tuple[Statement, ...]
    returns: bool = False
    first_life: tuple[datetime, datetime] | None = None


def recent_changes(situation: Situation) -> Iterator[Change]:
    """The latest change of each workload that has changed of late; a first deployment is no change."""
    for workload in situation.workloads:
        change = _latest(_rollout(situation, workload), _deployment(situation, workload))
        if change and (situation.onset or situation.now) - change.at <= LATELY:
            yield change


def _latest(rollout: Change | None, deployment: Change | None) -> Change | None:
    """What a deployment brought is its rollout; one long after that rollout left the template as it was."""
    if rollout and deployment and deployment.at <= rollout.at + ONE_DELIVERY:
        return rollout
    return deployment or rollout


def _rollout(situation: Situation, workload: Workload) -> Change | None:
    """A Deployment's newest ReplicaSet against the one before."""
    revisions = situation.cluster.revisions_of(workload)
    if len(revisions) < 2 or workload.revision is None:
        return None
    newest, before = revisions[-1], revisions[-2]
    parts = tuple(differences(before, newest))
    back = _older(newest, before) or _reused(newest)
    at = _applied_at(situation, workload, newest) if back else newest.metadata.creation_timestamp
    if at is None or not parts:
        return None  # the same template with another annotation is a restart
    number = situation.objects.sees(f"{workload} revision", f"{workload.revision} at {at.isoformat()}")
    statements = [states(f"{workload} was rolled out as revision {number.value}", number)]
    images = "image" in parts
    if images:
        old, new = _images(before), _images(newest)
        seen_old = situation.objects.sees(f"{workload} image before", old)
        seen_new = situation.objects.sees(f"{workload} image", new)
        statements.append(states(f"the image changed from {seen_old.value} to {seen_new.value}", seen_old, seen_new))
    elif parts:
        seen = situation.objects.sees(f"{workload} changed", ", ".join(parts))
        statements.append(states(f"the rollout changed {seen.value}", seen))
    delivered = _delivered(situation, workload)
    returns = back or _ours(newest, before) or _returns(situation, workload)
    life = _life(newest, revisions) if back else None
    return Change(workload, at, images, parts, (*statements, *delivered), returns, life)


def _older(newest: Workload, before: Workload) -> bool:
    """Whether the newest revision is an old ReplicaSet put back: Kubernetes reuses the one with the same template."""
    made, made_before = newest.metadata.creation_timestamp, before.metadata.creation_timestamp
    return made is not None and made_before is not None and made < made_before


def _life(newest: Workload, revisions: Sequence[Workload]) -> tuple[datetime, datetime] | None:
    """From when the newest revision was made until another was; None where none was since."""
    made = newest.metadata.creation_timestamp
    others = (item.metadata.creation_timestamp for item in revisions)
    replaced = min((other for other in others if made and other and other > made), default=None)
    return (made, replaced) if made and replaced else None


def _reused(newest: Workload) -> bool:
    """Whether the Deployment controller noted that the ReplicaSet had been another revision before."""
    return bool(newest.metadata.annotations.get(REVISIONS_BEFORE))


def _ours(newest: Workload, before: Workload) -> bool:
    """Whether we made the newest revision: ReplicaSets get the Deployment's annotations of their time."""
    mark = newest.metadata.annotations.get(CHANGE_KEY)
    return mark is not None and mark != before.metadata.annotations.get(CHANGE_KEY)


def _applied_at(situation: Situation, workload: Workload, newest: Workload) -> datetime | None:
    """When an old ReplicaSet that was put back came to run again: its own time is that of its first life."""
    created = newest.metadata.creation_timestamp
    deployed = _deployed_at(situation, workload)
    return max((moment for moment in (created, deployed) if moment), default=None)


def _deployed_at(situation: Situation, workload: Workload) -> datetime | None:
    found = _application(situation, workload)
    return found.changed_at if found and len(found.state.entry.history) > 1 else None


def _deployment(situation: Situation, workload: Workload) -> Change | None:
    """An Argo CD deployment that did not touch the template: configuration that the workload reads."""
    at = _deployed_at(situation, workload)
    if at is None:
        return None
    returns = _returns(situation, workload)
    return Change(workload, at, False, ("configuration",), _delivered(situation, workload), returns)


def _delivered(situation: Situation, workload: Workload) -> tuple[Statement, ...]:
    found = _application(situation, workload)
    history = found.state.entry.history if found else ()
    if found is None or not history or found.changed_at is None:
        return ()
    name, revision = found.state.entry.name, history[-1].revision
    seen = found.look.sees(f"{name} deployed", f"{revision[:12]} at {found.changed_at.isoformat()}")
    return (states(f"Argo CD deployed {name} {seen.value}", seen),)


def _returns(situation: Situation, workload: Workload) -> bool:
    """Whether Argo CD had deployed this revision before: a rollback, not a release."""
    found = _application(situation, workload)
    history = found.state.entry.history if found else ()
    return bool(history) and history[-1].revision in {item.revision for item in history[:-1]}


def _application(situation: Situation, workload: Workload) -> Application | None:
    name = application_of(situation, workload)
    return next((item for item in situation.applications if item.state.entry.name == name), None)


def _images(workload: Workload) -> str:
    return ", ".join(item.image for item in workload.template.containers)
