"""The lab's hand on the outside world: how many customers come, what goes wrong outside the cluster, the pager."""

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from lab.shop.pages import Pager
from lab.site.simulator import Simulator


class Weather(BaseModel):
    """What happens outside the cluster; see `lab.shop.traffic.conditions`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    load: float = Field(default=1.0, ge=0, le=20)
    surges: dict[str, float] = Field(default_factory=dict)
    contended: frozenset[str] = frozenset()
    backing_delays: dict[str, float] = Field(default_factory=dict)


class ProgramState(BaseModel):
    """One program, as the simulator sees it."""

    model_config = ConfigDict(frozen=True)

    namespace: str
    pod: str
    service: str
    image: str
    ready: bool
    restarts: int
    utilisation: float


def control_application(simulator: Simulator) -> FastAPI:
    """`PUT /weather`, `GET /state`, and the pager's webhook."""
    app = FastAPI(title="Site control")
    Pager(simulator.clock).serve(app)

    @app.put("/weather")
    async def weather(body: Weather) -> Weather:  # pyright: ignore[reportUnusedFunction] - registered
        """Let other weather come; what is left out is as usual."""
        conditions = simulator.conditions
        conditions.load, conditions.surges = body.load, dict(body.surges)
        conditions.contended, conditions.backing_delays = set(body.contended), dict(body.backing_delays)
        return body

    @app.get("/state")
    async def state() -> list[ProgramState]:  # pyright: ignore[reportUnusedFunction] - registered
        """Every program."""
        return [
            ProgramState(
                namespace=process.namespace,
                pod=process.pod,
                service=process.owner,
                image=process.container.image,
                ready=process.ready,
                restarts=process.restarts,
                utilisation=round(simulator.saturation.utilisation(process), 3),
            )
            for process in simulator.programs.processes()
        ]

    return app
