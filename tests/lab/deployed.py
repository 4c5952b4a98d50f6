"""The product as it is deployed: API and workers apart, on PostgreSQL and a Temporal server, each to be killed."""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import asyncpg
import httpx

from lab.cluster import Cluster
from lab.demo.product import TRIAGENT
from lab.environment import inherited
from lab.process import Server, Servers, answers, free_port
from tests.lab.product import SETTINGS, Service

Role = Literal["api", "worker"]
READY_S = 90


@dataclass
class Deployed:
    """One API and one worker; `env` is all that they know."""

    cluster: Cluster
    servers: Servers
    folder: Path
    env: Mapping[str, str]
    url: str
    worker_url: str
    token: str
    running: dict[Role, Server] = field(default_factory=dict[Role, Server])

    async def start(self, role: Role) -> float:
        """Start it; returns the moment (`time.time`) at which it answers."""
        # The embedded index is one process's own.
        own = {"TRIAGE_QDRANT__PATH": str(self.folder / f"index-{role}")}
        env = inherited({**self.env, **own}, without_prefix="TRIAGE_")
        self.running[role] = await asyncio.to_thread(
            self.servers.start, role, [TRIAGENT, role], env=env, cwd=self.folder
        )
        url = f"{self.url if role == 'api' else self.worker_url}/healthz"
        await asyncio.to_thread(self.running[role].wait_until, answers(url), within=READY_S)
        return time.time()

    async def kill(self, role: Role) -> None:
        """`kill -9`."""
        await asyncio.to_thread(self.running[role].kill)

    async def readiness(self) -> Mapping[str, str]:
        """What `/readyz` says of each part, with a 503 too."""
        async with self.client() as http:
            parts = (await http.get("/readyz")).json()["parts"]
        return {name: part["state"] for name, part in parts.items()}

    def client(self) -> httpx.AsyncClient:
        """To the API, as somebody who may do everything here."""
        headers = {"authorization": f"Bearer {self.token}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    @asynccontextmanager
    async def service(self) -> AsyncGenerator[Service]:
        """The API for those who deal with it."""
        async with self.client() as http:
            yield Service(http)


@asynccontextmanager
async def deployed(cluster: Cluster, folder: Path, settings: Mapping[str, str]) -> AsyncGenerator[Deployed]:
    """Start an API and a worker with a database of their own; both end with the block."""
    await asyncio.to_thread(cluster.ensure, "postgresql", "temporal")
    database = f"t{secrets.token_hex(6)}"
    connection: asyncpg.Connection = await asyncpg.connect(f"{cluster.database}/postgres")
    await connection.execute(f'CREATE DATABASE "{database}"')
    await connection.close()
    api, worker, token = free_port(), free_port(), secrets.token_urlsafe(24)
    env = {
        **SETTINGS,
        **settings,
        "TRIAGE_TEMPORAL__ADDRESS": cluster.temporal,
        "TRIAGE_DATABASE__URL": f"{cluster.database}/{database}",
        "TRIAGE_API__PORT": str(api),
        "TRIAGE_API__BOOTSTRAP_TOKEN": token,
        "TRIAGE_WORKER__PORT": str(worker),
    }
    folder.mkdir(parents=True, exist_ok=True)
    with Servers(folder / "logs") as servers:
        urls = (f"http://127.0.0.1:{port}" for port in (api, worker))
        made = Deployed(cluster, servers, folder, env, *urls, token=token)
        await asyncio.gather(made.start("api"), made.start("worker"))
        yield made
