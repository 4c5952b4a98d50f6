"""What the Kubernetes adapters do and see, case by case: each says what it found, in words that no back end colours."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from domain.actions import Action, RestartWorkload, ScaleWorkload, UndoRollout
from domain.errors import TriagentError, UpstreamRejected
from domain.objects import ObjectRef, WorkloadRef
from tests.lab.conformance.backends import NEW, OLD, Bench, until, with_image
from tools.documents import objects_at, strings_at, text_at
from tools.http import Endpoint
from tools.kubernetes.kinds import EVENT, POD
from tools.kubernetes.listing import METADATA_ONLY, list_objects
from tools.kubernetes.models import WorkloadState

Case = Callable[[Bench], Awaitable[object]]
CASES: dict[str, tuple[Case, object]] = {}
MERGE = "application/merge-patch+json"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


def finds(expected: object) -> Callable[[Case], Case]:
    """Register a case with what it must find, on either back end."""

    def register(case: Case) -> Case:
        CASES[case.__name__] = (case, expected)
        return case

    return register


async def refusal(call: Awaitable[object], *, hide: str = "") -> object:
    """How a call is refused: the error, its status, and its words without the name that differs by case."""
    try:
        return ("allowed", await call)
    except UpstreamRejected as error:
        return (type(error).__name__, error.status, str(error).replace(hide, "web") if hide else "")
    except TriagentError as error:
        return (type(error).__name__, str(error).replace(hide, "web") if hide else "")


def summary(state: WorkloadState) -> dict[str, object]:
    """What does not depend on when and where it was made."""
    entry, before = state.entry, state.precondition
    return {
        "replicas": (entry.replicas, entry.ready, state.available, state.updated),
        "revisions": {revision.number: revision.images for revision in entry.revisions},
        "current": entry.current_revision,
        "generation": before.generation,
        "observed": state.observed_generation,
        "application": entry.application,
        "autoscaled": entry.autoscaled_max,
        "says": state.message.replace(entry.ref.name, "web"),
    }


ROLLED_OUT = "deployment/web is rolled out"


def seen(generation: int, current: int, revisions: dict[int, tuple[str, ...]], replicas: int = 2) -> dict[str, object]:
    """A workload that is rolled out."""
    return {
        "replicas": (replicas,) * 4,
        "revisions": revisions,
        "current": current,
        "generation": generation,
        "observed": generation,
        "application": None,
        "autoscaled": None,
        "says": ROLLED_OUT,
    }


# --- reading


@finds(seen(1, 1, {1: (OLD,)}))
async def a_new_workload(bench: Bench) -> object:
    """Generation and revision begin with 1."""
    return summary(await bench.create())


@finds(seen(2, 2, {1: (OLD,), 2: (NEW,)}))
async def a_release(bench: Bench) -> object:
    """Another image is another generation and another revision; the old one is kept."""
    await bench.create()
    return summary(await bench.change(with_image(NEW)))


@finds(seen(3, 3, {2: (NEW,), 3: (OLD,)}))
async def a_release_that_is_taken_back(bench: Bench) -> object:
    """The old template gets the next number; its old one is gone."""
    await bench.create()
    await bench.change(with_image(NEW))
    return summary(await bench.change(with_image(OLD)))


@finds(seen(2, 1, {1: (OLD,)}, replicas=3))
async def more_replicas(bench: Bench) -> object:
    """A generation, but no revision."""
    await bench.create()
    return summary(await bench.change({"spec": {"replicas": 3}}))


@finds((1, 1, True, 2))
async def a_change_of_metadata(bench: Bench) -> object:
    """A label is no new generation, but a new version of the object; an annotation of a Deployment is both."""
    before = await bench.create()
    version = text_at(await bench.reading.get(bench.path), "metadata", "resourceVersion")
    labelled = await bench.change({"metadata": {"labels": {"touched": "yes"}}})
    later = text_at(await bench.reading.get(bench.path), "metadata", "resourceVersion")
    annotated = await bench.change({"metadata": {"annotations": {"touched": "yes"}}})
    generations = (state.precondition.generation for state in (before, labelled))
    return *generations, int(later) > int(version), annotated.precondition.generation


@finds((1, 1))
async def a_change_that_changes_nothing(bench: Bench) -> object:
    """The same spec again is no new generation."""
    before = await bench.create()
    after = await bench.change(with_image(OLD))
    return before.precondition.generation, after.precondition.generation


@finds((1, True, True))
async def the_same_name_again(bench: Bench) -> object:
    """Deleted and made anew: another object, whose generation begins again."""
    before = await bench.create()
    await bench.change({"spec": {"replicas": 3}})
    await bench.delete()
    await until(lambda: refusal(bench.state()), lambda answer: answer[0] == "NotFound")  # type: ignore[index]
    after = await bench.create()
    return after.precondition.generation, after.precondition.uid != before.precondition.uid, after.rolled_out


@finds(("NotFound", "deployment/absent in {namespace} does not exist"))
async def a_workload_that_is_not_there(bench: Bench) -> object:
    """By the adapter's own word."""
    absent = WorkloadRef(namespace=bench.ref.namespace, name="absent")
    return in_namespace(bench, await refusal(bench.reader.workload(absent), hide="\0"))


@finds(("NotFound", "pod/absent in {namespace} does not exist"))
async def the_log_of_a_pod_that_is_not_there(bench: Bench) -> object:
    """Not an empty log."""
    return in_namespace(bench, await refusal(bench.reader.logs(bench.ref.namespace, "absent"), hide="\0"))


def in_namespace(bench: Bench, found: object) -> object:
    """The same words, whatever the namespace is called."""
    kind, *rest = found if isinstance(found, tuple) else (found,)
    return (kind, *(str(item).replace(bench.ref.namespace, "{namespace}") for item in rest))


@finds([("Normal", "ScalingReplicaSet", "Scaled up replica set from 0 to 2")])
async def what_the_controller_says(bench: Bench) -> object:
    """Events of one object, in the controller's words."""
    await bench.create()
    involved = ObjectRef(kind="deployment", name=bench.ref.name, namespace=bench.ref.namespace)

    async def read() -> list[tuple[str, str, str]]:
        events = (await bench.reader.events(bench.ref.namespace, involved)).value
        return [(event.type, event.reason, without_hash(event.message, bench)) for event in events]

    return await until(read, bool)


def without_hash(message: str, bench: Bench) -> str:
    """A controller's message without the name it made up."""
    return " ".join(word for word in message.split() if not word.startswith(bench.ref.name))


@finds(())
async def events_of_nothing(bench: Bench) -> object:
    """An object that is not there has none, and that is no error."""
    involved = ObjectRef(kind="deployment", name="absent", namespace=bench.ref.namespace)
    return (await bench.reader.events(bench.ref.namespace, involved)).value


@finds((2, True, True))
async def pods_page_by_page(bench: Bench) -> object:
    """A limit cuts the list, and `continue` goes on where it was cut, to the end."""
    await bench.create()
    selector = f"app.kubernetes.io/name={bench.ref.name}"
    names: list[str] = []
    params: dict[str, str | int] = {"limit": 1, "labelSelector": selector}
    pages = 0
    while True:
        page = await bench.reading.get(POD.path(bench.ref.namespace), params)
        names += [text_at(item, "metadata", "name") for item in objects_at(page, "items")]
        pages += 1
        more = text_at(page, "metadata", "continue")
        if not more:
            break
        params["continue"] = more
    whole = (await list_objects(bench.reading, POD, bench.ref.namespace, labelSelector=selector)).items
    listed = [text_at(item, "metadata", "name") for item in whole]
    return len(set(names)), names == listed, pages == 2


@finds(True)
async def items_of_a_list_do_not_say_what_they_are(bench: Bench) -> object:
    """kind and apiVersion are the list's; the adapter puts them back."""
    await bench.create()
    listed = await bench.reading.get(POD.path(bench.ref.namespace), {"limit": 1})
    (item,) = objects_at(listed, "items")
    return "kind" not in item and "apiVersion" not in item


@finds(("UpstreamRejected", 404))
async def a_kind_that_there_is_not(bench: Bench) -> object:
    """A version of a kind that may be read, and that the server does not have, is not found: that is an answer."""
    path = f"/apis/autoscaling/v9/namespaces/{bench.ref.namespace}/horizontalpodautoscalers"
    return await brief(bench.reading.get(path))


@finds(("UpstreamRejected", 400))
async def a_selector_that_is_none(bench: Bench) -> object:
    """A bad request, not everything."""
    return await brief(bench.reading.get(POD.path(bench.ref.namespace), {"labelSelector": "a in (b"}))


@finds(("UpstreamRejected", 400))
async def a_field_that_events_do_not_have(bench: Bench) -> object:
    """Field selectors know few fields."""
    return await brief(bench.reading.get(EVENT.path(bench.ref.namespace), {"fieldSelector": "spec.x=y"}))


@finds(("PartialObjectMetadataList", "meta.k8s.io/v1", True))
async def names_without_contents(bench: Bench) -> object:
    """Who asks for metadata gets metadata."""
    await bench.create()
    listed = (await bench.reading.document(POD.path(bench.ref.namespace), {"limit": 1}, accept=METADATA_ONLY)).value
    (item,) = objects_at(listed, "items")
    return text_at(listed, "kind"), text_at(listed, "apiVersion"), set(item) <= {"metadata", "kind", "apiVersion"}


async def brief(call: Awaitable[object]) -> object:
    """The error and its status; the words are each server's own."""
    found = await refusal(call)
    return found[:2] if isinstance(found, tuple) else found


# --- writing


def scaled(bench: Bench, replicas: int = 4) -> ScaleWorkload:
    """The action most cases use."""
    return ScaleWorkload(workload=bench.ref, replicas=replicas)


async def applied(bench: Bench, action: Any, state: WorkloadState, change: str = "c-1") -> object:
    """Whether the writer did it, or how it was refused."""

    async def apply() -> bool:
        return (await bench.writer.apply(action, state.precondition, change)).already

    return await refusal(apply(), hide=bench.ref.name)


@finds((("allowed", False), (4, 2, "c-1")))
async def a_scale(bench: Bench) -> object:
    """One generation, and the change's id on the object."""
    done = await applied(bench, scaled(bench), await bench.create())
    return done, await marks(bench)


async def marks(bench: Bench) -> tuple[object, ...]:
    """Replicas, generation, and the id of our change."""
    state = await bench.settled()
    live = await bench.reading.get(bench.path)
    change = strings_at(live, "metadata", "annotations").get("triagent.dev/change")
    return state.entry.replicas, state.precondition.generation, change


@finds((("allowed", False), True, {1: (OLD,), 2: (OLD,)}))
async def a_restart(bench: Bench) -> object:
    """A stamp in the pod template, and so a revision of the same image."""
    done = await applied(bench, RestartWorkload(workload=bench.ref), await bench.create())
    state = await bench.settled()
    live = await bench.reading.get(bench.path)
    stamped = RESTARTED_AT in strings_at(live, "spec", "template", "metadata", "annotations")
    return done, stamped, {revision.number: revision.images for revision in state.entry.revisions}


@finds((("allowed", False), seen(3, 3, {2: (NEW,), 3: (OLD,)})))
async def an_undo(bench: Bench) -> object:
    """The old template as the newest revision: what `kubectl rollout undo` leaves behind."""
    await bench.create()
    released = await bench.change(with_image(NEW))
    done = await applied(bench, UndoRollout(workload=bench.ref, to_revision=1), released)
    return done, summary(await bench.settled())


@finds((("PreconditionDrift", "deployment/web no longer keeps rollout revision 7"), 1))
async def an_undo_to_what_is_not_kept(bench: Bench) -> object:
    """Drift: it was kept when it was reviewed."""
    state = await bench.create()
    done = await applied(bench, UndoRollout(workload=bench.ref, to_revision=7), state)
    return done, (await bench.state()).precondition.generation


@finds((("allowed", False), ("allowed", True), 2))
async def the_same_change_twice(bench: Bench) -> object:
    """The second attempt finds the first one's mark."""
    state = await bench.create()
    first = await applied(bench, scaled(bench), state)
    second = await applied(bench, scaled(bench), state)
    return first, second, (await bench.settled()).precondition.generation


@finds(([False, True, True, True], 2))
async def the_same_change_four_times_at_once(bench: Bench) -> object:
    """One lands; `resourceVersion` makes the others look again, and find it done."""
    state = await bench.create()
    attempts = [bench.writer.apply(scaled(bench), state.precondition, "c-1") for _ in range(4)]
    found = await asyncio.gather(*attempts)
    return sorted(item.already for item in found), (await bench.settled()).precondition.generation


@finds((1, "PreconditionDrift", 2))
async def two_changes_reviewed_together(bench: Bench) -> object:
    """One lands; the other is drift, because what it was reviewed against is gone."""
    state = await bench.create()
    attempts = [applied(bench, scaled(bench, 3), state, "c-1"), applied(bench, scaled(bench, 4), state, "c-2")]
    found = [item if isinstance(item, tuple) else (item,) for item in await asyncio.gather(*attempts)]
    landed = [item for item in found if item == ("allowed", False)]
    (other,) = (item for item in found if item != ("allowed", False))
    return len(landed), other[0], (await bench.settled()).precondition.generation


@finds(("PreconditionDrift", 3))
async def a_spec_that_changed_since_the_review(bench: Bench) -> object:
    """Nothing is written."""
    state = await bench.create()
    await bench.change({"spec": {"replicas": 3}})
    found = await applied(bench, scaled(bench), state)
    return found[0] if isinstance(found, tuple) else found, (await bench.state()).entry.replicas


@finds((("allowed", False), "PreconditionDrift"))
async def metadata_that_changed_since_the_review(bench: Bench) -> object:
    """Somebody's label is no drift; an annotation of a Deployment is, as it makes a generation."""
    state = await bench.create()
    await bench.change({"metadata": {"labels": {"touched": "yes"}}})
    labelled = await applied(bench, scaled(bench), state)
    state = await bench.settled()
    await bench.change({"metadata": {"annotations": {"touched": "yes"}}})
    annotated = await applied(bench, scaled(bench, 2), state, "c-2")
    return labelled, annotated[0] if isinstance(annotated, tuple) else annotated


@finds(("PreconditionDrift", "deployment/web was replaced by another object of the same name"))
async def another_object_of_the_same_name(bench: Bench) -> object:
    """The spec is the same; the object is not."""
    state = await bench.create()
    await bench.delete()
    await until(lambda: refusal(bench.state()), lambda answer: answer[0] == "NotFound")  # type: ignore[index]
    await bench.create()
    return await applied(bench, scaled(bench), state)


@finds("PreconditionDrift")
async def an_object_that_is_gone(bench: Bench) -> object:
    """Drift, not an error of the API."""
    state = await bench.create()
    await bench.delete()
    await until(lambda: refusal(bench.state()), lambda answer: answer[0] == "NotFound")  # type: ignore[index]
    found = await applied(bench, scaled(bench), state)
    return found[0] if isinstance(found, tuple) else found


STALE: dict[str, dict[str, Any]] = {
    "version": {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 5}},
    "uid": {"metadata": {"uid": "00000000-0000-4000-8000-000000000000"}, "spec": {"replicas": 5}},
    "both": {
        "metadata": {"uid": "00000000-0000-4000-8000-000000000000", "resourceVersion": "1"},
        "spec": {"replicas": 5},
    },
}


@finds([("UpstreamRejected", 409), ("UpstreamRejected", 422), ("UpstreamRejected", 409), 2])
async def preconditions_in_a_patch(bench: Bench) -> object:
    """A stale version is a conflict; a foreign uid is invalid; the version counts first. Nothing is stored."""
    await bench.create()
    found = [
        await brief(bench.writing.patch(bench.path, body, "application/strategic-merge-patch+json"))
        for body in STALE.values()
    ]
    return [*found, (await bench.state()).entry.replicas]


@finds([("UpstreamRejected", 422), ("UpstreamRejected", 422), ("UpstreamRejected", 415), ("UpstreamRejected", 400)])
async def patches_that_are_refused(bench: Bench) -> object:
    """Invalid values, a selector that may not change, an unknown media type, a body that is no patch."""
    await bench.create()
    patches: list[tuple[Any, str]] = [
        ({"spec": {"replicas": -1}}, MERGE),
        ({"spec": {"selector": {"matchLabels": {"app.kubernetes.io/name": "other"}}}}, MERGE),
        ({"spec": {"replicas": 3}}, "application/x-unknown"),
        ("neither", MERGE),
    ]
    return [await brief(bench.writing.patch(bench.path, body, media)) for body, media in patches]


@finds((("UpstreamRejected", 403), ("UpstreamRejected", 401)))
async def who_may_not(bench: Bench) -> object:
    """The read identity is forbidden to patch; a stranger is not known."""
    await bench.create()
    read_only = await brief(bench.reading.patch(bench.path, {"spec": {"replicas": 3}}, MERGE))
    async with Endpoint("kubernetes", str(bench.reading.base_url), token="stranger", tls=tls_of(bench)) as stranger:
        return read_only, await brief(stranger.get(bench.path))


def tls_of(bench: Bench) -> Any:
    """Trust in the back end's certificate, as the kubeconfig gives it."""
    from lightkube.config.client_adapter import verify_cluster  # noqa: PLC0415
    from lightkube.config.kubeconfig import KubeConfig  # noqa: PLC0415

    config = KubeConfig.from_file(bench.cluster.kubeconfig).get()
    assert config
    return verify_cluster(config.cluster, config.user, config.abs_file, trust_env=False)


# --- previews


def changed(diff: str) -> list[str]:
    """What a diff takes away and adds."""
    return [line for line in diff.splitlines() if line[:1] in {"+", "-"} and line[:3] not in {"+++", "---"}]


@finds((["-replicas: 2", "+replicas: 4"], "scale deployment/web to 4 replicas, from 2", "server", 1))
async def the_preview_of_a_scale(bench: Bench) -> object:
    """The server's own dry run, which leaves nothing behind."""
    await bench.create()
    return await previewed(bench, scaled(bench))


async def previewed(bench: Bench, action: Action) -> object:
    """The effect as a reviewer sees it, and the generation afterwards."""
    effect = await bench.preview.preview(action)  # type: ignore[arg-type]
    summary_ = effect.summary.replace(bench.ref.name, "web")
    return changed(effect.diff), summary_, effect.dry_run, (await bench.state()).precondition.generation


@finds(
    (
        [f"-    - image: {NEW}", f"+    - image: {OLD}"],
        "undo deployment/web to rollout revision 1: replaces 2 pods by a rolling update",
        "server",
        2,
    )
)
async def the_preview_of_an_undo(bench: Bench) -> object:
    """The image that comes back, and nothing that only defaulting wrote."""
    await bench.create()
    await bench.change(with_image(NEW))
    return await previewed(bench, UndoRollout(workload=bench.ref, to_revision=1))


@finds(("scale deployment/web to 2 replicas: changes nothing, the workload is already like that", ""))
async def the_preview_of_nothing(bench: Bench) -> object:
    """A change to what is there already says so."""
    await bench.create()
    effect = await bench.preview.preview(scaled(bench, 2))
    return effect.summary.replace(bench.ref.name, "web"), effect.diff


@finds("Misconfigured")
async def a_preview_without_the_right_to_write(bench: Bench) -> object:
    """Known before anybody is asked."""
    from tools.kubernetes.preview import KubernetesPreview  # noqa: PLC0415

    await bench.create()
    found = await refusal(KubernetesPreview(bench.reading).preview(scaled(bench)))
    return found[0] if isinstance(found, tuple) else found
