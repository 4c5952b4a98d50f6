import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import httpx
import pytest

from domain.actions import RestartWorkload, ScaleWorkload, UndoRollout
from domain.errors import (
    Conflict,
    InvalidPlan,
    Misconfigured,
    NotFound,
    PreconditionDrift,
    UpstreamGarbled,
    UpstreamUnavailable,
)
from domain.objects import WorkloadRef
from domain.plans import WorkloadPrecondition
from tests.tools.conftest import Shop
from tests.tools.peers import FAST, LosesAnswers
from tools.applied import CHANGE_KEY
from tools.artifacts import MemoryArtifacts
from tools.documents import JsonObject, object_at, objects_at, strings_at
from tools.http import Upstream
from tools.kubernetes.changes import WorkloadAction
from tools.kubernetes.preview import KubernetesPreview
from tools.kubernetes.read import KubernetesReader
from tools.kubernetes.write import ATTEMPTS, KubernetesWriter

Build = Callable[..., Upstream]
AT = datetime(2026, 11, 21, 12, 30, 15, 999, tzinfo=UTC)
MERGE = "application/merge-patch+json"


@pytest.fixture
async def client(shop: Shop, artifacts: MemoryArtifacts) -> AsyncIterator[Upstream]:
    """The identity that may write, over connections that hold."""
    async with shop.client("shop-write", artifacts) as upstream:
        yield upstream


def ref(name: str, kind: str = "deployment") -> WorkloadRef:
    return WorkloadRef.model_validate({"kind": kind, "namespace": "shop", "name": name})


def path(name: str, kind: str = "deployments") -> str:
    return f"/apis/apps/v1/namespaces/shop/{kind}/{name}"


async def reviewed(client: Upstream, workload: WorkloadRef) -> WorkloadPrecondition:
    """What a reviewer sees now."""
    return (await KubernetesReader(client).workload(workload)).value.precondition


def revision_of(replica_set: JsonObject) -> int:
    return int(strings_at(replica_set, "metadata", "annotations")["deployment.kubernetes.io/revision"])


def action_on(kind: str, name: str) -> WorkloadAction:
    actions: dict[str, WorkloadAction] = {
        "restart": RestartWorkload(workload=ref(name)),
        "scale": ScaleWorkload(workload=ref(name), replicas=5),
        "undo": UndoRollout(workload=ref(name), to_revision=1),
    }
    return actions[kind]


async def test_a_restart_stamps_the_time_of_the_order(client: Upstream, shop: Shop):
    """Pods are replaced by the template's annotation, whose time is the workflow's and not the worker's."""
    action = RestartWorkload(workload=ref("recommendation"))
    applied = await KubernetesWriter(client).apply(action, await reviewed(client, action.workload), "restart-1", at=AT)
    live = await client.get(path("recommendation"))
    stamp = strings_at(live, "spec", "template", "metadata", "annotations")["kubectl.kubernetes.io/restartedAt"]
    assert stamp == "2026-11-21T12:30:15Z"
    assert strings_at(live, "metadata", "annotations")[CHANGE_KEY] == "restart-1"
    assert not applied.already
    assert len(shop.changes("/recommendation")) == 1


async def test_a_scale_changes_replicas_and_nothing_else(client: Upstream):
    """The pod template is the same before and after."""
    before = object_at(await client.get(path("payment")), "spec")
    action = ScaleWorkload(workload=ref("payment"), replicas=5)
    await KubernetesWriter(client).apply(action, await reviewed(client, action.workload), "scale-1", at=AT)
    assert object_at(await client.get(path("payment")), "spec") == {**before, "replicas": 5}


async def test_an_undo_puts_the_whole_template_back(client: Upstream):
    """Exactly the old ReplicaSet's template, what was added since included in what goes."""
    name = "payment"
    selector = {"labelSelector": f"app.kubernetes.io/name={name}"}
    kept = objects_at(await client.get("/apis/apps/v1/namespaces/shop/replicasets", selector), "items")
    old = min(kept, key=revision_of)
    template = object_at(old, "spec", "template")
    labels = strings_at(template, "metadata", "labels")
    labels.pop("pod-template-hash")
    wanted = {**template, "metadata": {**object_at(template, "metadata"), "labels": labels}}
    added = {"spec": {"template": {"metadata": {"annotations": {"added": "since"}}}}}
    await client.patch(path(name), added, MERGE)
    action = UndoRollout(workload=ref(name), to_revision=revision_of(old))
    await KubernetesWriter(client).apply(action, await reviewed(client, action.workload), "undo-1", at=AT)
    assert object_at(await client.get(path(name)), "spec", "template") == wanted


async def test_stateful_sets_restart_too(client: Upstream):
    """The same patch, the same traces."""
    action = RestartWorkload(workload=ref("cart-store", "statefulset"))
    await KubernetesWriter(client).apply(action, await reviewed(client, action.workload), "restart-2", at=AT)
    live = await client.get(path("cart-store", "statefulsets"))
    assert strings_at(live, "metadata", "annotations")[CHANGE_KEY] == "restart-2"


@pytest.mark.parametrize("kind", ["restart", "scale", "undo"])
async def test_a_lost_answer_does_not_make_a_second_change(
    shop: Shop, client: Upstream, artifacts: MemoryArtifacts, kind: str
):
    """The first attempt fails after the change is in place; the second finds it, and the write log has one."""
    action = action_on(kind, "catalog")
    precondition = await reviewed(client, action.workload)
    before = len(shop.changes("/catalog"))
    async with shop.client("shop-write", artifacts, transport=LosesAnswers(), policy=FAST) as flaky:
        writer = KubernetesWriter(flaky)
        with pytest.raises(UpstreamUnavailable) as caught:
            await writer.apply(action, precondition, f"lost-{kind}", at=AT)
        assert caught.value.retryable
        for _ in range(2):
            applied = await writer.apply(action, precondition, f"lost-{kind}", at=AT)
            assert applied.already
    assert len(shop.changes("/catalog")) == before + 1


async def test_concurrent_attempts_of_one_change_make_one(shop: Shop, client: Upstream):
    """Ten workers with the same change: one writes, all report success."""
    action = RestartWorkload(workload=ref("frontend"))
    precondition = await reviewed(client, action.workload)
    before = len(shop.changes("/frontend"))
    writer = KubernetesWriter(client)
    attempts = [writer.apply(action, precondition, "concurrent", at=AT) for _ in range(10)]
    applied = await asyncio.gather(*attempts)
    assert sorted(item.already for item in applied) == [False] + [True] * 9
    assert len(shop.changes("/frontend")) == before + 1


async def test_of_two_changes_reviewed_together_one_gets_through(shop: Shop, client: Upstream):
    """Both were reviewed against the same spec; the second would act on what nobody looked at."""
    workload = ref("inventory")
    precondition = await reviewed(client, workload)
    before = len(shop.changes("/inventory"))
    writer = KubernetesWriter(client)
    outcomes = await asyncio.gather(
        writer.apply(ScaleWorkload(workload=workload, replicas=4), precondition, "one", at=AT),
        writer.apply(ScaleWorkload(workload=workload, replicas=6), precondition, "two", at=AT),
        return_exceptions=True,
    )
    assert [type(outcome).__name__ for outcome in outcomes].count("PreconditionDrift") == 1
    assert len(shop.changes("/inventory")) == before + 1


@pytest.mark.parametrize(
    "drift",
    [
        {"spec": {"replicas": 4}},
        {"spec": {"template": {"metadata": {"annotations": {"somebody": "else"}}}}},
        {"spec": {"paused": True}},
    ],
    ids=["scale", "template", "pause"],
)
async def test_drift_voids_the_change(shop: Shop, client: Upstream, drift: dict[str, object]):
    """Any change of the spec since the review, by whomever: nothing is written."""
    workload = ref("checkout")
    precondition = await reviewed(client, workload)
    await client.patch(path("checkout"), drift, MERGE)
    before = shop.changes("/checkout")
    with pytest.raises(PreconditionDrift, match="generation"):
        await KubernetesWriter(client).apply(RestartWorkload(workload=workload), precondition, "drifted", at=AT)
    assert shop.changes("/checkout") == before
    await client.patch(path("checkout"), {"spec": {"paused": None}}, MERGE)


async def test_another_object_of_the_same_name_is_drift(client: Upstream):
    """Deleted and created again is another workload; gone is drift too."""
    workload = ref("checkout")
    precondition = (await reviewed(client, workload)).model_copy(update={"uid": "00000000-0000-0000-0000-000000000000"})
    writer = KubernetesWriter(client)
    with pytest.raises(PreconditionDrift, match="replaced"):
        await writer.apply(RestartWorkload(workload=workload), precondition, "other", at=AT)
    with pytest.raises(PreconditionDrift, match="no longer exists"):
        await writer.apply(RestartWorkload(workload=ref("absent")), precondition, "gone", at=AT)


async def test_a_revision_that_is_no_longer_kept_is_drift(client: Upstream):
    """History has its limit; what was reviewed may be gone when it is approved."""
    workload = ref("cart")
    action = UndoRollout(workload=workload, to_revision=99)
    with pytest.raises(PreconditionDrift, match="revision 99"):
        await KubernetesWriter(client).apply(action, await reviewed(client, workload), "unkept", at=AT)


async def test_the_reading_identity_cannot_write(shop: Shop, client: Upstream, artifacts: MemoryArtifacts):
    """The cluster's own access control is a second gate: permission that is gone voids what was approved with it."""
    action = RestartWorkload(workload=ref("cart"))
    precondition = await reviewed(client, action.workload)
    async with shop.client("shop-read", artifacts) as reading:
        with pytest.raises(PreconditionDrift, match="no longer change deployment/cart"):
            await KubernetesWriter(reading).apply(action, precondition, "refused", at=AT)
    assert shop.changes("/deployments/cart") == []


class Busy:
    """An API server whose object somebody writes status to before each of our first `conflicts` patches arrive."""

    def __init__(self, conflicts: int, spec_changes: bool = False) -> None:
        self.conflicts = conflicts
        self.spec_changes = spec_changes
        self.version, self.generation = 10, 3
        self.patches: list[dict[str, object]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            if self.conflicts > 0:
                self.conflicts -= 1
                self.version += 1
                self.generation += self.spec_changes
                message = "the object has been modified; please apply your changes to the latest version"
                return httpx.Response(409, json={"kind": "Status", "message": message})
            self.patches.append(json.loads(request.content))
        metadata = {
            "name": "checkout",
            "uid": "u",
            "generation": self.generation,
            "resourceVersion": str(self.version),
        }
        return httpx.Response(200, json={"metadata": metadata, "spec": {"replicas": 2}})


REVIEWED = WorkloadPrecondition(uid="u", generation=3, replicas=2)


async def test_writes_of_status_are_no_drift(upstream: Build):
    """A rollout writes status all the time; the patch is tried again on the new version, with uid and version in it."""
    server = Busy(conflicts=2)
    writer = KubernetesWriter(upstream(server))
    await writer.apply(RestartWorkload(workload=ref("checkout")), REVIEWED, "busy", at=AT)
    (patch,) = server.patches
    assert patch["metadata"] == {"uid": "u", "resourceVersion": "12", "annotations": {CHANGE_KEY: "busy"}}


async def test_without_a_time_a_restart_is_stamped_with_its_change(upstream: Build):
    """Every attempt of one change writes the same template."""
    server = Busy(conflicts=0)
    await KubernetesWriter(upstream(server)).apply(RestartWorkload(workload=ref("checkout")), REVIEWED, "change-1")
    (patch,) = server.patches
    stamped = {"kubectl.kubernetes.io/restartedAt": "change-1"}
    assert patch["spec"] == {"template": {"metadata": {"annotations": stamped}}}


async def test_a_write_says_which_generation_is_its_own(client: Upstream):
    """Also at a later attempt, after somebody has changed the workload: theirs is not taken for ours."""
    action = ScaleWorkload(workload=ref("catalog"), replicas=6)
    precondition = await reviewed(client, action.workload)
    writer = KubernetesWriter(client)
    first = await writer.apply(action, precondition, "mine", at=AT)
    assert first.generation == (await reviewed(client, action.workload)).generation
    await client.patch(path("catalog"), {"spec": {"replicas": 7}}, MERGE)
    again = await writer.apply(action, precondition, "mine", at=AT)
    assert (again.already, again.generation) == (True, first.generation)


async def test_a_conflict_with_a_new_spec_is_drift(upstream: Build):
    """Somebody changed the spec between our look and our patch."""
    server = Busy(conflicts=1, spec_changes=True)
    with pytest.raises(PreconditionDrift):
        await KubernetesWriter(upstream(server)).apply(RestartWorkload(workload=ref("checkout")), REVIEWED, "b", at=AT)
    assert server.patches == []


async def test_endless_conflicts_are_given_back_to_be_retried(upstream: Build):
    """The attempts are bounded; the caller may come again."""
    writer = KubernetesWriter(upstream(Busy(conflicts=ATTEMPTS)))
    with pytest.raises(UpstreamUnavailable) as caught:
        await writer.apply(RestartWorkload(workload=ref("checkout")), REVIEWED, "busy", at=AT)
    assert caught.value.retryable
    assert not isinstance(caught.value, Conflict)


async def test_what_kubernetes_has_no_meaning_for_is_an_invalid_plan(upstream: Build):
    """DaemonSets do not scale; paused Deployments do not roll."""
    workload = {"metadata": {"name": "x", "uid": "u", "generation": 3}, "spec": {"paused": True}}
    writer = KubernetesWriter(upstream(lambda _: httpx.Response(200, json=workload)))
    for action in (ScaleWorkload(workload=ref("x", "daemonset"), replicas=2), RestartWorkload(workload=ref("x"))):
        with pytest.raises(InvalidPlan):
            await writer.apply(action, REVIEWED, "c", at=AT)


async def test_a_login_page_is_not_taken_for_success(upstream: Build):
    """A proxy that answers a PATCH with HTML has not passed it on."""

    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, html="<html>") if request.method == "PATCH" else Busy(0)(request)

    with pytest.raises(UpstreamGarbled):
        await KubernetesWriter(upstream(handler)).apply(RestartWorkload(workload=ref("checkout")), REVIEWED, "c", at=AT)


@pytest.mark.parametrize("kind", ["restart", "scale", "undo"])
async def test_previews_change_nothing(shop: Shop, client: Upstream, kind: str):
    """By the server's dry run: a diff, and no change."""
    before = await client.get(path("cart"))
    effect = await KubernetesPreview(client).preview(action_on(kind, "cart"))
    assert effect.dry_run == "server"
    assert effect.diff.startswith("--- live")
    assert "in shop" in effect.blast_radius[0]
    assert "shop-cart" in effect.blast_radius[1]
    after = await client.get(path("cart"))
    assert object_at(after, "spec") == object_at(before, "spec")
    assert shop.changes("/deployments/cart") == []


async def test_what_may_not_be_written_is_known_before_anybody_is_asked(shop: Shop, artifacts: MemoryArtifacts):
    """The dry run is the write identity's own: one that may not patch says so, with the action's name."""
    async with shop.client("shop-read", artifacts) as reading:
        with pytest.raises(Misconfigured, match="may not scale deployment/cart to 5 replicas"):
            await KubernetesPreview(reading).preview(action_on("scale", "cart"))


async def test_a_preview_of_nothing_says_so(client: Upstream):
    """Scaling to what is there changes nothing; what is not there is not found."""
    workload = ref("cart")
    replicas = (await reviewed(client, workload)).replicas
    effect = await KubernetesPreview(client).preview(ScaleWorkload(workload=workload, replicas=replicas))
    assert effect.diff == ""
    assert "changes nothing" in effect.summary
    with pytest.raises(NotFound):
        await KubernetesPreview(client).preview(UndoRollout(workload=workload, to_revision=99))
    with pytest.raises(NotFound):
        await KubernetesPreview(client).preview(RestartWorkload(workload=ref("absent")))


async def test_previews_can_only_be_dry_runs(upstream: Build):
    """Every patch that a preview sends carries `dryRun=All`."""
    sent: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            sent.append(request.url.params["dryRun"])
        return Busy(0)(request)

    for replicas in (1, 9):
        await KubernetesPreview(upstream(handler)).preview(ScaleWorkload(workload=ref("checkout"), replicas=replicas))
    assert sent == ["All", "All"]


async def test_previews_show_no_secrets(upstream: Build):
    """The diff goes to a reviewer's screen."""
    container = {"name": "app", "env": [{"name": "DB_PASSWORD", "value": "hunter2"}]}
    live = {
        "metadata": {"name": "x", "uid": "u"},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [container]}}},
    }

    def handler(request: httpx.Request) -> httpx.Response:
        changed = {**live, "spec": {"replicas": 2}}
        return httpx.Response(200, json=changed if request.method == "PATCH" else live)

    effect = await KubernetesPreview(upstream(handler)).preview(ScaleWorkload(workload=ref("x"), replicas=2))
    assert "hunter2" not in effect.diff
    assert "[redacted]" in effect.diff
