"""Jobs that neither finish nor fail, and CronJobs that wait for one of them."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from agent.analyzers.suspicion import LIKELY, POSSIBLE, PROVEN, STRONG, Suspicion
from agent.cluster.batch import CronJob, Job
from agent.looks import Statement, states
from agent.situation import Situation
from domain.objects import ObjectRef

FAR_PAST = 4
"""Times the longest of its fellows that completed: jobs vary with their data, but not by this much."""
LEAST_AGE = timedelta(minutes=10)
LONG = timedelta(hours=6)
"""Without fellows to compare with, a job that runs this long is worth a look."""
SKIPPED = frozenset({"JobAlreadyActive", "MissSchedule", "TooManyMissedTimes"})
LATELY = timedelta(hours=2)
_STEP = re.compile(r"^\*/(\d+) ")


def deadlocked_jobs(situation: Situation) -> Iterator[Suspicion]:
    """Jobs that run far longer than they may or used to."""
    for job in situation.cluster.jobs:
        if not situation.concerns(job.namespace) or job.spec.suspend:
            continue
        failed = job.condition("Failed")
        if failed and failed.reason == "DeadlineExceeded" and _recent(situation, failed.last_transition_time):
            seen = situation.objects.sees(f"{job} Failed", f"{failed.reason}: {failed.message}")
            proof = states(f"{job} was ended at its deadline: {seen.value}", seen)
            yield Suspicion("job_deadlocked", _reference(job), STRONG, (proof,))
        elif job.running:
            yield from _overdue(situation, job)


def _recent(situation: Situation, moment: datetime | None) -> bool:
    age = situation.since(moment)
    return age is None or age <= LATELY


def _overdue(situation: Situation, job: Job) -> Iterator[Suspicion]:
    age = situation.since(job.status.start_time)
    if age is None or age < LEAST_AGE:
        return
    usual = _usual(situation, job)
    blocked = _blocked(situation, job)
    began = situation.objects.sees(f"{job} startTime", str(job.status.start_time))
    proof = states(f"{job} runs since {began.value} and has not finished", began)
    if usual is not None and age >= FAR_PAST * usual:
        took = situation.objects.sees(f"{job.cron_job} longest run", usual.total_seconds(), "s")
        fellows = states(f"its fellows took at most {took.value:g} s", took)
        yield Suspicion("job_deadlocked", _reference(job), PROVEN if blocked else STRONG, (proof, fellows, *blocked))
    elif usual is None and blocked:
        yield Suspicion("job_deadlocked", _reference(job), LIKELY, (proof, *blocked))
    elif usual is None and age >= LONG:
        yield Suspicion("job_deadlocked", _reference(job), POSSIBLE, (proof,))


def _usual(situation: Situation, job: Job) -> timedelta | None:
    """The longest run of the same CronJob's other Jobs."""
    fellows = (
        item.took
        for item in situation.cluster.jobs
        if job.cron_job and item.cron_job == job.cron_job and item.namespace == job.namespace and item is not job
    )
    return max((took for took in fellows if took is not None), default=None)


def _blocked(situation: Situation, job: Job) -> tuple[Statement, ...]:
    """That the CronJob has skipped runs for it: in the controller's words, else by its schedule."""
    owner = next(
        (item for item in situation.cluster.cron_jobs if (item.name, item.namespace) == (job.cron_job, job.namespace)),
        None,
    )
    if owner is None or owner.spec.concurrency_policy != "Forbid":
        return ()
    events = [event for event in situation.cluster.events_of(owner) if event.reason in SKIPPED]
    if events:
        seen = situation.events.sees(f"{owner} {events[-1].reason}", events[-1].message or events[-1].reason)
        return (states(f"{owner} skips its runs: {seen.value}", seen),)
    return _missed(situation, owner)


def _missed(situation: Situation, owner: CronJob) -> tuple[Statement, ...]:
    """Runs missed by a schedule of every so many minutes; others are not judged."""
    match = _STEP.match(owner.spec.schedule)
    since = situation.since(owner.status.last_schedule_time)
    if match is None or since is None or since < 3 * timedelta(minutes=int(match[1])):
        return ()
    schedule = situation.objects.sees(f"{owner} schedule", owner.spec.schedule)
    last = situation.objects.sees(f"{owner} lastScheduleTime", str(owner.status.last_schedule_time))
    return (states(f"{owner} is to run at {schedule.value} and last did at {last.value}", schedule, last),)


def _reference(job: Job) -> ObjectRef:
    return ObjectRef(kind="job", name=job.name, namespace=job.namespace or None)
