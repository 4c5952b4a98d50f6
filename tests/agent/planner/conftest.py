from collections.abc import Callable, Iterator

import pydantic_ai.models
import pytest

from agent.answers import Answerer
from agent.planner import Planner, PlannerOptions
from domain.objectives import Objectives
from domain.policy import Policy
from tests.agent.planner.world import World

MakePlanner = Callable[..., Planner]


@pytest.fixture(autouse=True)
def no_model_requests() -> Iterator[None]:
    """No test reaches a language model; those that start an endpoint of their own allow it again."""
    with pydantic_ai.models.override_allow_model_requests(False):
        yield


@pytest.fixture
def world() -> World:
    """A shop whose checkout was released with an image that does not exist."""
    return World()


@pytest.fixture
def make_planner(world: World) -> MakePlanner:
    """A planner over the world, with options by keyword."""

    def make(policy: Policy | None = None, **options: object) -> Planner:
        chosen = PlannerOptions.model_validate(options)
        return Planner(world.sources, world.knowledge, chosen, policy or Policy(), Objectives())

    return make


@pytest.fixture
def planner(make_planner: MakePlanner) -> Planner:
    """The offline planner."""
    return make_planner()


@pytest.fixture
def answerer(planner: Planner) -> Answerer:
    """Ask, without a language model."""
    return Answerer(planner)
