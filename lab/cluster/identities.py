"""The two identities that the product ships manifests for, made on a cluster as an operator would make them."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from lab.cluster.kubectl import Kubectl
from lab.process import ServerError
from lab.shop.cluster.objects import Manifest, section

MANIFESTS = Path(__file__).parents[2] / "deploy" / "kubernetes"
NAMESPACE = "triagent"
READ, WRITE = "triagent-read", "triagent-write"
LIFETIME = "6h"
HEARD_S = 20


class _Cluster(BaseModel):
    name: str
    cluster: JsonValue


class _Kubeconfig(BaseModel):
    """The one part of the administrator's file that others need: where the API server is."""

    model_config = ConfigDict(extra="ignore")

    clusters: list[_Cluster] = Field(min_length=1, max_length=1)


@dataclass(frozen=True)
class Identities:
    """Contexts `triagent-read` and `triagent-write` of one kubeconfig file."""

    kubeconfig: Path
    _admin: Kubectl

    def bind(self, *namespaces: str) -> None:
        """Let both identities into namespaces, which are made where there are none."""
        bindings = list(yaml.safe_load_all(self._admin.run("kustomize", str(MANIFESTS / "namespace"))))
        self._admin.apply(
            [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in namespaces]
        )
        self._admin.apply([_placed(binding, name) for name in namespaces for binding in bindings])
        self._until(WRITE, "patch", "deployments.apps", namespaces[-1], allowed=True)

    def allow_secret_names(self, namespace: str) -> None:
        """Apply the optional role, in one namespace."""
        role = self._admin.run("kustomize", str(MANIFESTS / "secret-names"))
        self._admin.run("apply", f"--namespace={namespace}", "--filename=-", stdin=role)
        self._until(READ, "list", "secrets", namespace, allowed=True)

    def withdraw(self, namespace: str) -> None:
        """Take the write identity's binding in one namespace away."""
        self._admin.run("delete", "rolebinding", WRITE, f"--namespace={namespace}")
        self._until(WRITE, "patch", "deployments.apps", namespace, allowed=False)

    def _until(self, identity: str, verb: str, resource: str, namespace: str, *, allowed: bool) -> None:
        """Return when the API server has heard of a change of rights, which it does in their order, a moment later."""
        name, _, group = resource.partition(".")
        attributes = {"verb": verb, "resource": name, "group": group, "namespace": namespace}
        spec = {"user": f"system:serviceaccount:{NAMESPACE}:{identity}", "resourceAttributes": attributes}
        review = json.dumps({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec})
        ask = ("create", "--filename=-", "--output=jsonpath={.status.allowed}")
        deadline = time.monotonic() + HEARD_S
        while (self._admin.run(*ask, stdin=review) == "true") != allowed:
            if time.monotonic() > deadline:
                raise ServerError(f"{identity}: rights to {verb} {resource} in {namespace} stay as they were")
            time.sleep(0.05)

    @property
    def settings(self) -> dict[str, str]:
        """The settings with which the product uses them."""
        return {
            "TRIAGE_KUBERNETES__KUBECONFIG": str(self.kubeconfig),
            "TRIAGE_KUBERNETES__CONTEXT": READ,
            "TRIAGE_KUBERNETES__WRITE_CONTEXT": WRITE,
        }


def identities(admin: Path, kubeconfig: Path) -> Identities:
    """Apply the base manifests by the administrator's kubeconfig, and write one with both identities' tokens."""
    kubectl = Kubectl(admin)
    kubectl.run("apply", "--kustomize", str(MANIFESTS / "base"))
    (cluster,) = _Kubeconfig.model_validate(yaml.safe_load(admin.read_text())).clusters
    tokens = {user: _token(kubectl, user) for user in (READ, WRITE)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": READ,
        "clusters": [cluster.model_dump()],
        "users": [{"name": user, "user": {"token": token}} for user, token in tokens.items()],
        "contexts": [{"name": user, "context": {"cluster": cluster.name, "user": user}} for user in tokens],
    }
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(yaml.safe_dump(config, sort_keys=False))
    return Identities(kubeconfig, kubectl)


def _placed(manifest: Manifest, namespace: str) -> Manifest:
    """As `kubectl apply --namespace` would place it."""
    return {**manifest, "metadata": {**section(manifest, "metadata"), "namespace": namespace}}


def _token(kubectl: Kubectl, account: str) -> str:
    return kubectl.run("create", "token", account, f"--namespace={NAMESPACE}", f"--duration={LIFETIME}").strip()
