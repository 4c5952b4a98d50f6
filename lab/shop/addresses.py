"""Where a running shop can be found: the one line it prints when it is ready."""

from pydantic import BaseModel, ConfigDict


class Ports(BaseModel):
    """Ports to listen on; 0 means any free one."""

    model_config = ConfigDict(frozen=True)

    kubernetes: int = 0
    argocd: int = 0
    tempo: int = 0
    metrics: int = 0
    control: int = 0


class Addresses(BaseModel):
    """URLs of the shop's APIs, the kubeconfig file, the Argo CD tokens and the process id."""

    model_config = ConfigDict(frozen=True)

    kubernetes: str
    argocd: str
    tempo: str
    metrics: str
    control: str
    kubeconfig: str
    argocd_read_token: str
    argocd_write_token: str
    pid: int
