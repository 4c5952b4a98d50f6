import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from domain.actions import RollbackApplication, SyncApplication
from domain.errors import (
    InvalidPlan,
    Misconfigured,
    NotFound,
    PreconditionDrift,
    UpstreamGarbled,
    UpstreamUnavailable,
)
from domain.plans import ApplicationPrecondition
from tests.tools.argo import NEW, NOW, OLD, REVIEWED, ROLLBACK, SYNC, Argo
from tests.tools.conftest import Shop
from tests.tools.peers import FAST, LosesAnswers
from tools.applied import CHANGE_KEY
from tools.argocd.preview import ArgoPreview
from tools.argocd.read import ArgoReader
from tools.argocd.write import ArgoWriter
from tools.artifacts import MemoryArtifacts
from tools.http import Endpoint, Upstream

Build = Callable[..., Upstream]


@pytest.mark.parametrize("action", [ROLLBACK, SYNC], ids=["rollback", "sync"])
@pytest.mark.parametrize("meanwhile", ["running", "Succeeded", "Failed"])
async def test_a_lost_answer_does_not_start_a_second_operation(
    upstream: Build, action: RollbackApplication | SyncApplication, meanwhile: str
):
    """Whether the first attempt's operation still runs, has succeeded or has failed: the next attempt finds it."""
    argo = Argo(lose=1)
    writer = ArgoWriter(upstream(argo))
    with pytest.raises(UpstreamUnavailable):
        await writer.apply(action, REVIEWED, "change-1", at=NOW)
    if meanwhile != "running":
        argo.finish(meanwhile)
    applied = await writer.apply(action, REVIEWED, "change-1", at=NOW, attempt=2)
    assert applied.already
    assert len(argo.requests) == 1


@pytest.mark.parametrize("action", [ROLLBACK, SYNC], ids=["rollback", "sync"])
@pytest.mark.parametrize("ended", [True, False], ids=["ended", "running"])
async def test_what_others_deploy_of_the_same_revision_is_drift(
    upstream: Build, action: RollbackApplication | SyncApplication, ended: bool
):
    """Before a first attempt nothing can be ours: it is neither taken for our change nor, later, undone."""
    argo = Argo()
    argo.start(action.revision)
    if ended:
        argo.finish()
    with pytest.raises(PreconditionDrift, match="last history id" if ended else "in progress"):
        await ArgoWriter(upstream(argo)).apply(action, REVIEWED, "change-1", at=NOW)
    assert argo.requests == []


@pytest.mark.parametrize("action", [ROLLBACK, SYNC], ids=["rollback", "sync"])
async def test_what_others_had_deployed_before_the_order_is_drift_at_every_attempt(
    upstream: Build, action: RollbackApplication | SyncApplication
):
    """A sync without our id, a rollback of before: not ours, however often we have tried."""
    argo = Argo(clock=NOW - timedelta(minutes=10))
    argo.start(action.revision)
    argo.finish()
    with pytest.raises(PreconditionDrift, match="last history id"):
        await ArgoWriter(upstream(argo)).apply(action, REVIEWED, "change-1", at=NOW, attempt=2)
    assert argo.requests == []


async def test_a_rollback_that_was_asked_for_and_has_not_begun_is_found(upstream: Build):
    """The answer was lost, and Argo CD has not picked the operation up yet."""
    argo = Argo(waiting={"sync": {"revision": OLD}})
    applied = await ArgoWriter(upstream(argo)).apply(ROLLBACK, REVIEWED, "change-1", at=NOW, attempt=2)
    assert applied.already
    assert argo.requests == []


async def test_a_sync_carries_its_change(upstream: Build):
    """The id is on the operation, where `operation` finds it; nothing is pruned."""
    argo = Argo()
    writer = ArgoWriter(upstream(argo))
    applied = await writer.apply(SYNC, REVIEWED, "change-1", at=NOW)
    assert not applied.already
    infos = [{"name": CHANGE_KEY, "value": "change-1"}]
    assert argo.requests == [{"revision": NEW, "prune": False, "dryRun": False, "infos": infos}]
    operation = await writer.operation("shop")
    assert (operation.change_id, operation.revision, operation.in_progress) == ("change-1", NEW, True)
    argo.finish()
    assert not (await writer.operation("shop")).in_progress


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda argo: argo.deploy("c" * 40), "last history id"),
        (lambda argo: setattr(argo, "uid", "other"), "replaced"),
        (lambda argo: setattr(argo, "auto_sync", True), "auto sync"),
        (lambda argo: argo.start("c" * 40), "in progress"),
        (lambda argo: setattr(argo, "waiting", {"sync": {"revision": "c" * 40}}), "in progress"),
    ],
)
@pytest.mark.parametrize("action", [ROLLBACK, SYNC], ids=["rollback", "sync"])
async def test_drift_voids_the_change(
    upstream: Build, action: RollbackApplication | SyncApplication, change: Callable[[Argo], None], reason: str
):
    """A new deployment, another object, another policy, somebody's operation: nothing is asked for."""
    argo = Argo()
    change(argo)
    with pytest.raises(PreconditionDrift, match=reason):
        await ArgoWriter(upstream(argo)).apply(action, REVIEWED, "change-1", at=NOW)
    assert argo.requests == []


async def test_an_earlier_operation_to_the_same_revision_is_no_trace(upstream: Build):
    """Somebody's failed rollback of an hour ago is not taken for ours."""
    argo = Argo(clock=NOW - timedelta(hours=1))
    argo.start(OLD)
    argo.finish("Failed")
    applied = await ArgoWriter(upstream(argo)).apply(ROLLBACK, REVIEWED, "change-1", at=NOW)
    assert not applied.already
    assert len(argo.requests) == 1


async def test_an_operation_begun_before_the_order_is_drift(upstream: Build):
    """Somebody's rollback to the same revision that already ran when ours was ordered is somebody's."""
    argo = Argo(clock=NOW - timedelta(minutes=10))
    argo.start(OLD)
    with pytest.raises(PreconditionDrift, match="in progress"):
        await ArgoWriter(upstream(argo)).apply(ROLLBACK, REVIEWED, "change-1", at=NOW)
    assert argo.requests == []


async def test_another_changes_sync_is_no_trace(upstream: Build):
    """A sync that carries another change's id is somebody else's operation."""
    argo = Argo()
    argo.start(NEW, info=[{"name": CHANGE_KEY, "value": "change-0"}])
    with pytest.raises(PreconditionDrift):
        await ArgoWriter(upstream(argo)).apply(SYNC, REVIEWED, "change-1", at=NOW)


async def test_an_operation_that_slips_in_is_noticed(upstream: Build):
    """Argo CD refuses a second operation; whose the first is decides what that means."""
    argo, calls = Argo(), 0

    def slips_in(request: httpx.Request) -> httpx.Response:
        nonlocal calls
        if request.method == "POST" and not calls:
            calls += 1
            argo.start("c" * 40)
        return argo(request)

    with pytest.raises(PreconditionDrift, match="meantime"):
        await ArgoWriter(upstream(slips_in)).apply(ROLLBACK, REVIEWED, "change-1", at=NOW)


async def test_rollbacks_under_auto_sync_are_an_invalid_plan(upstream: Build):
    """Argo CD refuses them; so do we, before asking, and say why."""
    argo = Argo(auto_sync=True)
    precondition = REVIEWED.model_copy(update={"auto_sync": True})
    with pytest.raises(InvalidPlan, match="by itself"):
        await ArgoWriter(upstream(argo)).apply(ROLLBACK, precondition, "change-1", at=NOW)
    assert argo.requests == []


async def test_an_application_that_is_gone_is_drift(upstream: Build):
    """Argo CD says 403 of what it does not want to say that it does not exist."""
    for code in (403, 404):
        writer = ArgoWriter(upstream(lambda _, code=code: httpx.Response(code, json={"message": "permission denied"})))
        with pytest.raises(PreconditionDrift):
            await writer.apply(ROLLBACK, REVIEWED, "change-1", at=NOW)


async def test_applications_of_every_form_are_read(upstream: Build):
    """Several sources, no history, no operation, automated but disabled."""
    app = {
        "metadata": {"name": "shop", "uid": "u"},
        "spec": {
            "sources": [{"repoURL": "r", "targetRevision": "main"}, {"repoURL": "s", "targetRevision": "v1"}],
            "destination": {"server": "https://kubernetes.default.svc"},
            "syncPolicy": {"automated": {"enabled": False, "selfHeal": True}},
        },
        "status": {"sync": {"status": "OutOfSync"}, "resources": None, "history": None, "summary": {}},
    }
    reading = await ArgoReader(upstream(lambda _: httpx.Response(200, json=app))).application("shop")
    state = reading.value
    assert state.precondition == ApplicationPrecondition(
        uid="u", deployed_revision="", last_history_id=-1, target_revision="main", auto_sync=False
    )
    assert (state.entry.self_heal, state.operation_phase, state.destination_namespace) == (False, None, None)


async def test_an_operation_that_was_asked_for_is_the_one_that_is_read(upstream: Build):
    """Not the one before it, while Argo CD has not picked it up yet."""
    argo = Argo()
    argo.start(NEW)
    argo.finish()
    argo.waiting = {"sync": {"revision": OLD}}
    state = (await ArgoReader(upstream(argo)).application("shop")).value
    assert (state.operation_phase, state.operation_message) == ("Running", "asked for, not begun yet")


async def test_the_namespaces_of_an_applications_objects_are_read(upstream: Build):
    """Each once; objects of the whole cluster have none."""
    app = Argo().document()
    resources = [
        {"kind": "Deployment", "namespace": "shop", "name": "web"},
        {"kind": "ConfigMap", "namespace": "kube-system", "name": "coredns-custom"},
        {"kind": "Service", "namespace": "shop", "name": "web"},
        {"kind": "ClusterRole", "name": "web"},
    ]
    app |= {"status": {"resources": resources}}
    state = (await ArgoReader(upstream(lambda _: httpx.Response(200, json=app))).application("shop")).value
    assert state.entry.namespaces == ("kube-system", "shop")


async def test_a_secrets_addresses_are_read_and_nothing_else_of_it(upstream: Build):
    """Where a client connects to is needed to find what it shares with others. Of logins one sees which are equal."""
    plain = {"DB_HOST": "db-leader", "DB_PORT": "3306", "DB_PASSWORD": "hunter22", "DB_USER": "shop", "NOTHING": ""}
    odd = {"API_HOST": "user:hunter22@db", "TOKEN_HOST": "Hunter_22", "OTHER_PASSWORD": "hunter22"}
    secret = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "db"}, "stringData": plain | odd}
    answer = {"manifests": [json.dumps(secret)], "revision": NEW}
    reader = ArgoReader(upstream(lambda _: httpx.Response(200, json=answer)))
    shown = (await reader.manifests("shop")).value[0]["stringData"]
    assert isinstance(shown, dict)
    assert {name: shown.pop(name) for name in ("DB_HOST", "DB_PORT", "NOTHING")} == {
        "DB_HOST": "db-leader",
        "DB_PORT": "3306",
        "NOTHING": "",
    }
    assert all(re.fullmatch(r"\[redacted [0-9a-f]{8}\]", str(mark)) for mark in shown.values())
    assert shown["DB_PASSWORD"] == shown["OTHER_PASSWORD"]
    assert len(set(shown.values())) == len(shown) - 1


async def test_history_is_oldest_first(upstream: Build):
    """The last entry is what is deployed, whatever the order on the wire."""
    app = Argo(history=[{"id": 7, "revision": NEW}, {"id": 3, "revision": OLD}]).document()
    state = (await ArgoReader(upstream(lambda _: httpx.Response(200, json=app))).application("shop")).value
    assert [entry.history_id for entry in state.entry.history] == [3, 7]
    assert (state.precondition.deployed_revision, state.precondition.last_history_id) == (NEW, 7)


async def test_differences_show_no_secrets(upstream: Build):
    """Live and target are redacted before they are compared."""

    def deployment(image: str) -> str:
        env = [{"name": "DB_PASSWORD", "value": "hunter2"}]
        template = {"spec": {"containers": [{"name": "app", "image": image, "env": env}]}}
        manifest = {"kind": "Deployment", "metadata": {"name": "x", "uid": image}, "spec": {"template": template}}
        return json.dumps({**manifest, "status": {"image": image}})

    item = {"kind": "Deployment", "name": "x", "namespace": "shop"}
    items = [
        {**item, "normalizedLiveState": deployment("shop:1"), "predictedLiveState": deployment("shop:2")},
        {**item, "name": "same", "liveState": deployment("shop:1"), "targetState": deployment("shop:1")},
        {**item, "name": "new", "liveState": "null", "targetState": deployment("shop:1")},
    ]
    reading = await ArgoReader(upstream(lambda _: httpx.Response(200, json={"items": items}))).diff("shop")
    assert [diff.name for diff in reading.value] == ["x", "new"]
    assert "-        image: shop:1" in reading.value[0].diff
    assert "+        image: shop:2" in reading.value[0].diff
    assert "uid" not in reading.value[0].diff
    assert all("hunter2" not in diff.diff for diff in reading.value)


@pytest.mark.parametrize(
    "body", [[], {"metadata": {}}, {"metadata": {"name": 3}}, {"metadata": {"name": "x"}, "status": []}]
)
async def test_other_shapes_are_garbled(upstream: Build, body: object):
    """JSON that is no application is told, not guessed at."""
    with pytest.raises(UpstreamGarbled):
        await ArgoReader(upstream(lambda _: httpx.Response(200, json=body))).application("shop")


async def test_names_lead_nowhere_else(upstream: Build):
    """A name with slashes stays one segment of the path."""
    paths: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        return httpx.Response(404)

    with pytest.raises(NotFound):
        await ArgoReader(upstream(handler)).revision_metadata("a/../b", "../x?y")
    assert paths == [b"/api/v1/applications/a%2F..%2Fb/revisions/..%2Fx%3Fy/metadata"]


@pytest.fixture
async def reader(shop: Shop, artifacts: MemoryArtifacts) -> AsyncIterator[ArgoReader]:
    async with Upstream("argocd", shop.argocd, token=shop.argocd_read_token, artifacts=artifacts) as upstream:
        yield ArgoReader(upstream)


@pytest.fixture
async def writer(shop: Shop) -> AsyncIterator[ArgoWriter]:
    async with Endpoint("argocd", shop.argocd, token=shop.argocd_write_token) as endpoint:
        yield ArgoWriter(endpoint)


async def finished(writer: ArgoWriter, name: str) -> str | None:
    """The phase in which the running operation ends."""
    for _ in range(100):
        operation = await writer.operation(name)
        if not operation.in_progress:
            return operation.phase
        await asyncio.sleep(0.1)
    pytest.fail("the operation does not end")


async def test_the_shops_applications_are_read(reader: ArgoReader):
    """State, tree, manifests and the commit behind them."""
    await reader.ready()
    states = (await reader.applications("shop")).value
    assert "shop-cart" in [state.entry.name for state in states]
    assert (await reader.applications("elsewhere")).value == ()
    state = (await reader.application("shop-cart")).value
    assert {"Deployment", "Service"} <= {item.kind for item in state.resources}
    assert "Pod" in {node.kind for node in (await reader.resource_tree("shop-cart")).value}
    revision = state.precondition.deployed_revision
    assert (await reader.revision_metadata("shop-cart", revision)).value.author
    manifests = (await reader.manifests("shop-cart", revision)).value
    assert "Deployment" in {item["kind"] for item in manifests}
    with pytest.raises(NotFound):
        await reader.application("absent")


async def test_a_rollback_of_the_shop_happens_once(
    shop: Shop, reader: ArgoReader, writer: ArgoWriter, artifacts: MemoryArtifacts
):
    """Previewed, asked for over a connection that loses the answer, attempted again, and done once."""
    state = (await reader.application("shop-frontend")).value
    first = state.entry.history[0]
    action = RollbackApplication(application="shop-frontend", history_id=first.history_id, revision=first.revision)
    effect = await ArgoPreview(reader, writer.endpoint).preview(action)
    assert "image:" in effect.diff
    assert effect.blast_radius == ("deployment/frontend in shop",)
    before = len(shop.changes("/shop-frontend/"))
    at = datetime.now(UTC)
    options = {"token": shop.argocd_write_token, "policy": FAST, "transport": LosesAnswers()}
    async with Upstream("argocd", shop.argocd, artifacts=artifacts, **options) as flaky:  # type: ignore[arg-type]
        with pytest.raises(UpstreamUnavailable):
            await ArgoWriter(flaky).apply(action, state.precondition, "rollback-1", at=at)
    assert (await writer.apply(action, state.precondition, "rollback-1", at=at, attempt=2)).already
    assert await finished(writer, "shop-frontend") == "Succeeded"
    assert (await writer.apply(action, state.precondition, "rollback-1", at=at, attempt=2)).already
    assert len(shop.changes("/shop-frontend/")) == before + 1
    assert (await reader.application("shop-frontend")).value.precondition.deployed_revision == first.revision
    with pytest.raises(PreconditionDrift):
        await writer.apply(
            SyncApplication(application="shop-frontend", revision="HEAD"), state.precondition, "sync-1", at=at
        )


async def test_a_rollback_to_what_is_deployed_is_refused(reader: ArgoReader, writer: ArgoWriter):
    """Nobody is asked to approve a change that is none."""
    deployed = (await reader.application("shop-checkout")).value.entry.history[-1]
    action = RollbackApplication(
        application="shop-checkout", history_id=deployed.history_id, revision=deployed.revision
    )
    with pytest.raises(InvalidPlan, match="nothing would change"):
        await ArgoPreview(reader, writer.endpoint).preview(action)


async def test_a_sync_of_the_shop_happens_once(shop: Shop, reader: ArgoReader, writer: ArgoWriter):
    """The remark on the operation is what a second attempt finds."""
    state = (await reader.application("shop-inventory")).value
    action = SyncApplication(application="shop-inventory", revision=state.precondition.deployed_revision)
    before = len(shop.changes("/shop-inventory/"))
    at = datetime.now(UTC)
    assert not (await writer.apply(action, state.precondition, "sync-2", at=at)).already
    assert (await writer.operation("shop-inventory")).change_id == "sync-2"
    assert (await writer.apply(action, state.precondition, "sync-2", at=at)).already
    assert await finished(writer, "shop-inventory") == "Succeeded"
    assert (await writer.apply(action, state.precondition, "sync-2", at=at)).already
    assert len(shop.changes("/shop-inventory/")) == before + 1


async def test_the_reading_token_cannot_write(shop: Shop, reader: ArgoReader):
    """Argo CD's own access control is a second gate, and is asked before people are."""
    state = (await reader.application("shop-catalog")).value
    action = SyncApplication(application="shop-catalog", revision=state.precondition.deployed_revision)
    with pytest.raises(Misconfigured, match="needs `applications, sync, shop/shop-catalog`"):
        await ArgoPreview(reader, reader.upstream).preview(action)
    with pytest.raises(PreconditionDrift, match="no longer change application/shop-catalog"):
        await ArgoWriter(reader.upstream).apply(action, state.precondition, "sync-3", at=datetime.now(UTC))
    assert shop.changes("/shop-catalog/") == []
