"""What a fault is, and what many of them do: pods that wait or crash, and callers that suffer."""

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from domain.causes import CAUSES
from evals.synthesis import history
from evals.synthesis.logs import refused, say
from evals.synthesis.shapes import App, ContainerState, Ended, Pod, Template
from evals.synthesis.systems import Component
from evals.synthesis.world import World, changed, roll_out

Apply = Callable[[World, App], str]


class Fault(NamedTuple):
    """A cause, what brings it about, and which components it can befall."""

    cause: str
    apply: Apply
    suits: Callable[[Component], bool]

    @property
    def taxonomy(self) -> str:
        """The class of the cause."""
        return CAUSES[self.cause].fault


def own(component: Component) -> bool:
    """The team's own software."""
    return not component.server


def client(component: Component) -> bool:
    """Own software that logs in to MySQL."""
    return component.database in {"vd-mysql", "records"}


def called(component: Component) -> bool:
    """Own software that others call."""
    return own(component) and component.name not in {"gangway", "vd-gateway", "portal"}


def calling(component: Component) -> bool:
    """Own software that calls others."""
    return own(component) and bool(component.calls)


def stateful(component: Component) -> bool:
    """What keeps data on a volume."""
    return component.stateful


def mysql(component: Component) -> bool:
    """A MySQL server."""
    return component.language == "mysql"


def http(component: Component) -> bool:
    """Own software that speaks HTTP."""
    return own(component) and component.protocol == "http"


def app_of(app: App) -> str:
    """The app as labels name it."""
    return f"app/{app.name}"


def replaced(world: World, app: App, template: Template, *, rolling: bool | None = None) -> list[Pod]:
    """New pods from a new template, by either strategy of rollout."""
    keep = world.dice.random() < 0.5 if rolling is None else rolling
    pods = roll_out(world, app, template, keep_old=keep and app.kind == "Deployment")
    history.scaled(world, app, 1, world.onset)
    return pods


def restarted(world: World, app: App) -> list[Pod]:
    """New pods from the same template, as after an eviction."""
    return roll_out(world, app, changed(app))


def waits(pod: Pod, reason: str, message: str = "") -> None:
    """The first container does not run yet."""
    pod.phase = "Pending"
    state = pod.main
    state.running, state.waiting, state.ready = None, (reason, message), False
    for other in pod.containers[1:]:
        other.running, other.waiting, other.ready = None, ("ContainerCreating", ""), False


def creating(pod: Pod) -> None:
    """Nothing runs: volumes or the sandbox are not ready."""
    pod.phase = "Pending"
    for state in pod.containers:
        state.running, state.waiting, state.ready = None, ("ContainerCreating", ""), False


def ended(world: World, code: int, reason: str, *, lived: float = 4, ago: float = 25, message: str = "") -> Ended:
    """A container's end some seconds ago."""
    finished = world.ago(ago)
    return Ended(code, reason, finished - timedelta(seconds=lived), finished, message)


def crashes(
    world: World, pod: Pod, code: int = 1, reason: str = "Error", *, lived: float = 4, message: str = ""
) -> None:
    """The first container ends again and again and is backed off."""
    state = pod.main
    state.running, state.ready = None, False
    state.restarts = world.dice.randint(3, 6)
    state.waiting = ("CrashLoopBackOff", history.back_off(world, pod))
    state.last = ended(world, code, reason, lived=lived, message=message)


def killed_again(world: World, pod: Pod, code: int = 137, reason: str = "Error", *, lived: float = 30) -> None:
    """The first container was ended from outside, runs again, and is not ready yet."""
    state = pod.main
    state.restarts = world.dice.randint(3, 6)
    state.last = ended(world, code, reason, lived=lived, ago=12)
    state.running, state.ready = world.ago(10), False


def unready(pod: Pod) -> ContainerState:
    """The first container runs and is not ready."""
    pod.main.ready = False
    return pod.main


def unplaced(pod: Pod) -> None:
    """The pod has no node."""
    pod.node, pod.phase, pod.containers = "", "Pending", []


def harm(world: World, app: App, *, words: bool = True) -> None:
    """What callers feel while the app serves nobody; nothing where an old pod still serves."""
    if app.serving and app.name not in world.telemetry.unreachable:
        return
    world.telemetry.silent.add(app.name)
    for component in world.system.callers(app.name):
        _suffers(world, component, app, words=words)


def _suffers(world: World, component: Component, app: App, *, words: bool) -> None:
    world.telemetry.shift(component.name, "success_ratio", factor=world.dice.uniform(0.3, 0.7))
    for above in world.system.callers(component.name):
        world.telemetry.shift(above.name, "success_ratio", factor=world.dice.uniform(0.6, 0.9))
    pods = [pod for pod in world.apps[component.name].pods if pod.ready]
    if words and pods:
        say(world, pods[0], refused(component, app.component, app.fronts[0].ip if app.fronts else "10.96.0.9"))
