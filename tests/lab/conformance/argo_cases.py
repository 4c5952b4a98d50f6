"""What the Argo CD adapters do and see, case by case, on either back end."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from domain.actions import SyncApplication
from tests.lab.conformance.argo_backends import ArgoBench
from tests.lab.conformance.backends import until
from tests.lab.conformance.kubernetes_cases import brief, changed, refusal
from tools.argocd.models import ApplicationState
from tools.argocd.preview import ArgoPreview
from tools.argocd.read import ArgoReader
from tools.http import Upstream

Case = Callable[[ArgoBench], Awaitable[object]]
READS: dict[str, tuple[Case, object]] = {}
CHANGES: dict[str, tuple[Case, object]] = {}


def finds(cases: dict[str, tuple[Case, object]], expected: object) -> Callable[[Case], Case]:
    """Register a case with what it must find."""

    def register(case: Case) -> Case:
        cases[case.__name__] = (case, expected)
        return case

    return register


def summary(state: ApplicationState) -> dict[str, object]:
    """What does not depend on names, times and commits."""
    entry, before = state.entry, state.precondition
    revisions = list(dict.fromkeys(item.revision for item in entry.history))
    return {
        "sync": entry.sync_status,
        "health": entry.health,
        "history": [(item.history_id, revisions.index(item.revision)) for item in entry.history],
        "deployed": revisions.index(before.deployed_revision),
        "last": before.last_history_id,
        "automatic": (before.auto_sync, entry.self_heal),
        "phase": state.operation_phase,
        "conditions": state.conditions,
    }


def seen(sync: str, history: list[tuple[int, int]], *, automatic: bool = False) -> dict[str, object]:
    """An application whose last operation succeeded."""
    return {
        "sync": sync,
        "health": "Healthy",
        "history": history,
        "deployed": history[-1][1],
        "last": history[-1][0],
        "automatic": (automatic, False),
        "phase": "Succeeded",
        "conditions": (),
    }


TWICE = [(0, 0), (1, 1)]

# --- reading


@finds(READS, seen("Synced", TWICE))
async def an_application(bench: ArgoBench) -> object:
    """History ids begin with 0, the newest last."""
    return summary(await bench.idle())


@finds(READS, (True, True))
async def the_list_of_applications(bench: ArgoBench) -> object:
    """By the namespace they deploy into."""
    here = (await bench.reader.applications(bench.argocd.namespace)).value
    elsewhere = (await bench.reader.applications("elsewhere")).value
    return bench.application in [state.entry.name for state in here], elsewhere == ()


@finds(READS, "NotFound")
async def an_application_that_is_not_there(bench: ArgoBench) -> object:
    """Whether Argo CD says 403 or 404 to that."""
    return (await refused(bench.reader.application("absent")))[0]


async def refused(call: Awaitable[object]) -> tuple[object, ...]:
    """How a call ended."""
    found = await refusal(call)
    assert isinstance(found, tuple)
    return found


@finds(READS, [("Deployment", None), ("Pod", "ReplicaSet"), ("ReplicaSet", "Deployment")])
async def the_tree(bench: ArgoBench) -> object:
    """Each object below the one that owns it."""
    nodes = (await bench.reader.resource_tree(bench.application)).value
    kinds = {"Deployment", "ReplicaSet", "Pod"}
    edges = {(node.kind, node.parent.partition("/")[0].capitalize() if node.parent else None) for node in nodes}
    named = {(kind, "ReplicaSet" if parent == "Replicaset" else parent) for kind, parent in edges}
    return sorted((edge for edge in named if edge[0] in kinds), key=str)


@finds(READS, ())
async def the_diff_of_what_is_in_sync(bench: ArgoBench) -> object:
    """Nothing."""
    return (await bench.reader.diff(bench.application)).value


@finds(READS, (True, True, True))
async def who_committed_a_revision(bench: ArgoBench) -> object:
    """Author, time and message of the commit."""
    revision = (await bench.state()).precondition.deployed_revision
    commit = (await bench.reader.revision_metadata(bench.application, revision)).value
    return bool(commit.author), commit.date is not None, bool(commit.message)


@finds(READS, (True, True))
async def manifests_of_two_revisions(bench: ArgoBench) -> object:
    """What Git said then and says now differs; without a revision it is what the application follows."""
    first, last = (entry.revision for entry in (await bench.state()).entry.history)
    old, new, head = [
        (await bench.reader.manifests(bench.application, revision)).value for revision in (first, last, None)
    ]
    return json.dumps(old) != json.dumps(new), json.dumps(new) == json.dumps(head)


@finds(READS, (["yes", "no", "yes"], None))
async def who_may_sync(bench: ArgoBench) -> object:
    """Asked of Argo CD before people are asked: reading may get, writing may also sync."""
    project = (await bench.running.get(bench.path)).json()["spec"]["project"]
    place = f"{project}/{bench.application}"
    answers = [
        await client.get(f"/api/v1/account/can-i/applications/{verb}/{place}")
        for client, verb in ((bench.reading, "get"), (bench.reading, "sync"), (bench.writing, "sync"))
    ]
    return [answer["value"] for answer in answers if isinstance(answer, dict)], await bench.reader.ready()


@finds(READS, [("UpstreamRejected", 401), ("UpstreamRejected", 401)])
async def a_token_that_is_not_known(bench: ArgoBench) -> object:
    """Readiness sees it, and so does every read."""
    async with Upstream("argocd", bench.argocd.url, token="stranger", artifacts=bench.reading.artifacts) as stranger:
        return [await brief(ArgoReader(stranger).ready()), await brief(ArgoReader(stranger).applications())]


@finds(READS, (("PreconditionDrift", 2), "Misconfigured"))
async def a_sync_by_who_only_reads(bench: ArgoBench) -> object:
    """Refused before it is asked for, and again by Argo CD itself; nothing is deployed."""
    action = await bench.sync()
    state = await bench.state()
    reader_writes = type(bench.writer)(bench.reading)
    done = (await refused(reader_writes.apply(action, state.precondition, "c-0", at=datetime.now(UTC))))[0]
    asked = (await refused(ArgoPreview(bench.reader, bench.reading).preview(action)))[0]
    return (done, len((await bench.state()).entry.history)), asked


@finds(READS, [("UpstreamRejected", 400), ("UpstreamRejected", 400)])
async def operations_on_what_there_is_not(bench: ArgoBench) -> object:
    """A history id and a revision that were never there."""
    rollback = await brief(bench.writing.post(f"{bench.path}/rollback", {"id": 99}))
    sync = await brief(bench.writing.post(f"{bench.path}/sync", {"revision": "no-such-branch"}))
    return [rollback, sync]


# --- writing


@finds(CHANGES, (True, "OutOfSync", [(0, 0), (1, 1), (2, 0)], True, "PreconditionDrift"))
async def a_rollback(bench: ArgoBench) -> object:
    """Another entry with the old revision; a second attempt finds it; drift to whoever reviewed before."""
    before = await bench.idle()
    action = await bench.rollback()
    effect = await bench.preview.preview(action)
    at = datetime.now(UTC)
    await bench.writer.apply(action, before.precondition, "c-1", at=at)
    later = await until(bench.idle, lambda state: len(state.entry.history) == 3)
    state = await until(bench.idle, lambda state: state.entry.sync_status == "OutOfSync")
    again = await bench.writer.apply(action, before.precondition, "c-1", at=at, attempt=2)
    other = SyncApplication(application=bench.application, revision=before.precondition.deployed_revision)
    drift = (await refused(bench.writer.apply(other, before.precondition, "c-2", at=at)))[0]
    found = summary(later)
    return "image:" in effect.diff, state.entry.sync_status, found["history"], again.already, drift


@finds(CHANGES, (False, "c-1", True, "Succeeded", 3))
async def a_sync(bench: ArgoBench) -> object:
    """It carries the change's id, by which a second attempt knows it; it makes an entry even if nothing changes."""
    before = await bench.idle()
    action = await bench.sync()
    at = datetime.now(UTC)
    first = await bench.writer.apply(action, before.precondition, "c-1", at=at)
    operation = await until(lambda: bench.writer.operation(bench.application), lambda found: found.change_id == "c-1")
    again = await bench.writer.apply(action, before.precondition, "c-1", at=at, attempt=2)
    state = await until(bench.idle, lambda state: len(state.entry.history) == 3)
    return first.already, operation.change_id, again.already, state.operation_phase, len(state.entry.history)


@finds(CHANGES, (True, ("UpstreamRejected", 400), "InvalidPlan"))
async def a_rollback_of_what_syncs_by_itself(bench: ArgoBench) -> object:
    """Argo CD refuses it; the adapter does not even ask."""
    await bench.idle()
    action = await bench.rollback()
    await bench.automate()
    state = await bench.state()
    raw = await brief(bench.writing.post(f"{bench.path}/rollback", {"id": action.history_id}))
    adapter = (await refused(bench.writer.apply(action, state.precondition, "c-1", at=datetime.now(UTC))))[0]
    return state.precondition.auto_sync, raw, adapter


@finds(CHANGES, ("OutOfSync", "Synced", True))
async def an_object_that_was_changed_behind_its_back(bench: ArgoBench) -> object:
    """The diff names the object and the field; a sync puts it right."""
    before = await bench.idle()
    image = {"name": container_of(bench), "image": "registry.shop.example/shop/payment:1.9.9"}
    patch = {"spec": {"template": {"spec": {"containers": [image]}}}}
    hand = bench.argocd.kubectl
    context = ["--context=shop-write"] if bench.argocd.name == "in memory" else []
    where = (f"--namespace={bench.argocd.namespace}", *context)
    hand.run("patch", "deployment", bench.workload, *where, f"--patch={json.dumps(patch)}")
    drifted = await until(bench.state, lambda state: state.entry.sync_status == "OutOfSync")
    (diff,) = (await bench.reader.diff(bench.application)).value
    await bench.writer.apply(await bench.sync(), drifted.precondition, "c-1", at=datetime.now(UTC))
    healed = await until(bench.state, lambda state: state.entry.sync_status == "Synced")
    assert before.entry.sync_status == "Synced"
    lines = changed(diff.diff)
    return drifted.entry.sync_status, healed.entry.sync_status, any("image:" in line for line in lines)


def container_of(bench: ArgoBench) -> str:
    """The one container's name."""
    return "web" if bench.argocd.name == "real" else bench.workload
