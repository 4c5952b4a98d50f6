"""The product, started as any user would: `triagent up`, by settings alone; identities with tokens of their own."""

import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import BaseModel

from lab.environment import inherited
from lab.process import Server, Servers, answers

TRIAGENT = Path(sys.executable).with_name("triagent")
"""The command, in the environment that runs the demo."""

DEMO_SETTINGS = {
    "TRIAGE_PLANNER__MODEL": "offline",
    # Seconds where a site waits minutes, so that the demo can be watched.
    "TRIAGE_CORRELATION__WAIT": "2",
    "TRIAGE_VERIFICATION__SOAK": "6",
    "TRIAGE_VERIFICATION__TIMEOUT": "25",
    "TRIAGE_VERIFICATION__WINDOW": "10s",
    "TRIAGE_VERIFICATION__INTERVAL": "1",
}


READY_S = 180
"""Seconds to wait for the service; it takes about five, unless the machine has a lot else to do."""


@dataclass(frozen=True)
class Product:
    """The running service: its API, and the administrator's token."""

    url: str
    admin_token: str
    server: Server

    def issue_token(self, name: str, *, scopes: tuple[str, ...], roles: tuple[str, ...] = ()) -> str:
        """Create an identity and return its token."""
        answer = httpx.post(
            f"{self.url}/tokens",
            json={"name": name, "scopes": scopes, "roles": roles},
            headers={"Authorization": f"Bearer {self.admin_token}"},
            trust_env=False,
        )
        return _Issued.model_validate_json(answer.raise_for_status().content).token


class _Issued(BaseModel):
    token: str


def start_product(servers: Servers, data_dir: Path, settings: Mapping[str, str], *, port: int) -> Product:
    """Run `triagent up` in `data_dir`, where its defaults keep the database, the index and Temporal's state."""
    data_dir.mkdir(parents=True, exist_ok=True)
    token = secrets.token_urlsafe(24)
    api = {"TRIAGE_API__PORT": str(port), "TRIAGE_API__BOOTSTRAP_TOKEN": token}
    env = inherited({**DEMO_SETTINGS, **settings, **api}, without_prefix="TRIAGE_")
    url = f"http://127.0.0.1:{port}"
    server = servers.start("triagent", [TRIAGENT, "up"], env=env, cwd=data_dir)
    server.wait_until(answers(f"{url}/readyz"), within=READY_S)
    return Product(url, token, server)
