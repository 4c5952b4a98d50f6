"""Argo CD applications that do not deliver: failed syncs, live objects unlike Git."""

from collections.abc import Iterator

from agent.analyzers.suspicion import LIKELY, POSSIBLE, STRONG, Suspicion
from agent.looks import Statement, states
from agent.situation import Application, Situation
from domain.objects import ObjectRef

FAILED = frozenset({"Failed", "Error"})


def failed_syncs(situation: Situation) -> Iterator[Suspicion]:
    """Applications whose last operation failed."""
    for application in situation.applications:
        state = application.state
        if state.operation_phase in FAILED:
            phase = application.look.sees(f"{state.entry.name} operation", state.operation_phase)
            words = application.look.sees(f"{state.entry.name} message", state.operation_message or "no message")
            proof = states(f"the last operation of {state.entry.name} is {phase.value}: {words.value}", phase, words)
            yield Suspicion("sync_failed", _reference(application), STRONG, (proof,))


def drifted(situation: Situation) -> Iterator[Suspicion]:
    """Applications whose live objects are not what Git says, while something is wrong with them."""
    for application in situation.applications:
        if application.state.entry.sync_status != "OutOfSync":
            continue
        ill = _suffers(situation, application)
        yield Suspicion(
            "application_out_of_sync",
            _reference(application),
            LIKELY if ill and application.drifted else POSSIBLE if ill else 0.2,
            tuple(_drift(application)),
        )


def _drift(application: Application) -> Iterator[Statement]:
    name = application.state.entry.name
    seen = application.look.sees(f"{name} sync", application.state.entry.sync_status)
    yield states(f"{name} is {seen.value}", seen)
    if application.drifted:
        objects = application.look.sees(f"{name} differs in", ", ".join(application.drifted))
        yield states(f"unlike Git: {objects.value}", objects)


def _suffers(situation: Situation, application: Application) -> bool:
    tracked = {(item.kind, item.name) for item in application.state.resources}
    ailing = any((item.workload.kind, item.workload.name) in tracked for item in situation.ailing)
    names = {name for _, name in tracked}
    return (
        ailing or application.state.entry.health == "Degraded" or any(a.subject in names for a in situation.anomalies)
    )


def _reference(application: Application) -> ObjectRef:
    return ObjectRef(kind="application", name=application.state.entry.name, namespace=application.state.entry.namespace)
