"""What a run directory remembers from one start to the next: ports and tokens."""

import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from lab.process import free_port


def _token() -> str:
    return secrets.token_urlsafe(24)


class Ports(BaseModel):
    """Loopback ports; a part that is stopped and started again comes back on its own.

    `node` is where the API server looks for the nodes' kubelets (`kubectl logs`): nothing of the cluster listens there,
    whoever simulates the programs in the pods may.
    """

    model_config = ConfigDict(frozen=True)

    etcd: int = Field(default_factory=free_port)
    etcd_peer: int = Field(default_factory=free_port)
    kubernetes: int = Field(default_factory=free_port)
    controller_manager: int = Field(default_factory=free_port)
    scheduler: int = Field(default_factory=free_port)
    kwok: int = Field(default_factory=free_port)
    node: int = Field(default_factory=free_port)
    redis: int = Field(default_factory=free_port)
    repo_server: int = Field(default_factory=free_port)
    repo_server_metrics: int = Field(default_factory=free_port)
    application_controller: int = Field(default_factory=free_port)
    argocd: int = Field(default_factory=free_port)
    argocd_metrics: int = Field(default_factory=free_port)
    postgres: int = Field(default_factory=free_port)
    prometheus: int = Field(default_factory=free_port)
    alertmanager: int = Field(default_factory=free_port)
    temporal: int = Field(default_factory=free_port)


class Tokens(BaseModel):
    """Bearer tokens of the API server's users."""

    model_config = ConfigDict(frozen=True)

    admin: str = Field(default_factory=_token)
    controller_manager: str = Field(default_factory=_token)
    scheduler: str = Field(default_factory=_token)
    nodes: str = Field(default_factory=_token)
    argocd: str = Field(default_factory=_token)


class State(BaseModel):
    """All that is remembered, kept in `state.json`."""

    model_config = ConfigDict(frozen=True)

    ports: Ports = Field(default_factory=Ports)
    tokens: Tokens = Field(default_factory=Tokens)

    @classmethod
    def kept_in(cls, run_dir: Path) -> "State":
        """The state of a run directory, made on first use; readable by its owner only."""
        path = run_dir / "state.json"
        if path.exists():
            return cls.model_validate_json(path.read_bytes())
        state = cls()
        run_dir.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(state.model_dump_json(indent=2))
        return state
