"""The service under measurement: `triagent up` as a user starts it, in a folder of its own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from lab.environment import inherited
from lab.process import Server, Servers, free_port

ROOT = Path(__file__).parents[1]
TOKEN = "benchmark-bootstrap-token"  # noqa: S105 - for a server that lives for one measurement


@dataclass(frozen=True)
class Product:
    """A running service."""

    url: str
    server: Server

    def client(self) -> httpx.Client:
        """A client with the admin token."""
        return httpx.Client(base_url=self.url, headers=self.headers, timeout=30, trust_env=False)

    @property
    def headers(self) -> dict[str, str]:
        """Authorization for the admin."""
        return {"authorization": f"Bearer {TOKEN}"}


@contextmanager
def running(servers: Servers, folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Product]:
    """Start the service and wait until it is ready; it is ended at the end of the block."""
    port = free_port()
    env = {
        "TRIAGE_API__PORT": str(port),
        "TRIAGE_API__BOOTSTRAP_TOKEN": TOKEN,
        "TRIAGE_LOG__LEVEL": "warning",
        **(settings or {}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    server = servers.start("triagent", [ROOT / ".venv/bin/triagent", "up"], env=inherited(env), cwd=folder)
    url = f"http://127.0.0.1:{port}"
    server.wait_until(lambda: _ready(url), within=60)
    try:
        yield Product(url=url, server=server)
    finally:
        server.stop()


def _ready(url: str) -> bool:
    try:
        answer = httpx.get(f"{url}/readyz", timeout=3, trust_env=False)
    except httpx.TransportError:
        return False
    return answer.is_success and answer.json()["parts"]["temporal"]["state"] == "up"
