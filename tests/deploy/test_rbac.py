from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tools.kubernetes.kinds import (
    CLUSTER_SCOPED,
    CONTROLLER_REVISION,
    LEASE,
    NAMESPACE,
    NAMESPACED,
    POD,
    REPLICA_SET,
    WORKLOADS,
    Kind,
)

MANIFESTS = Path(__file__).parents[2] / "deploy" / "kubernetes"
Grants = dict[tuple[str, str], set[str]]


def documents(folder: str) -> Iterator[Any]:
    """The manifests of a folder's kustomization."""
    kustomization = yaml.safe_load((MANIFESTS / folder / "kustomization.yaml").read_text(encoding="utf-8"))
    for resource in kustomization["resources"]:
        yield from yaml.safe_load_all((MANIFESTS / folder / resource).read_text(encoding="utf-8"))


def granted(folder: str, name: str) -> Grants:
    """Group and resource to the verbs of the roles of that name."""
    found: Grants = {}
    for role in documents(folder):
        if role["kind"] in {"Role", "ClusterRole"} and role["metadata"]["name"] == name:
            for rule in role["rules"]:
                for group in rule["apiGroups"]:
                    for resource in rule["resources"]:
                        found.setdefault((group, resource), set()).update(rule["verbs"])
    return found


def resource(kind: Kind) -> tuple[str, str]:
    """Group and resource of a kind."""
    return kind.api_version.rpartition("/")[0], kind.plural


def test_the_read_role_is_all_that_is_read_in_a_namespace() -> None:
    """Every kind that is listed, the few that are read one by one, and no other verb."""
    wanted: Grants = {resource(kind): {"list"} for kind in (*NAMESPACED, CONTROLLER_REVISION) if not kind.named_only}
    for kind in (POD, *WORKLOADS.values()):
        wanted[resource(kind)].add("get")
    wanted["", "pods/log"] = {"get"}
    assert granted("base", "triagent-read") == wanted


def test_secrets_are_not_among_it() -> None:
    """Nothing that is shipped lets the read identity ask for a Secret, but the folder that says so."""
    for folder in ("base", "namespace"):
        for role in documents(folder):
            resources = [item for rule in role.get("rules", []) for item in rule["resources"]]
            assert not {"secrets", "*"} & set(resources)
    assert granted("secret-names", "triagent-secret-names") == {("", "secrets"): {"list"}}


def test_outside_of_namespaces_no_more_is_read_than_is_asked_for() -> None:
    """Nodes and volumes of the cluster, heartbeats and the scheduler's pods in the namespaces where they are."""
    assert granted("base", "triagent-read-cluster") == {
        resource(kind): {"list"} for kind in (*CLUSTER_SCOPED, NAMESPACE)
    }
    assert granted("base", "triagent-read-heartbeats") == {resource(LEASE): {"list"}}
    assert granted("base", "triagent-read-system-pods") == {resource(POD): {"list"}}


def test_the_write_role_patches_workloads_only() -> None:
    """The one verb that changes something is for the kinds that actions name; histories are looked at."""
    patched: Grants = {resource(kind): {"get", "patch"} for kind in WORKLOADS.values()}
    looked_at: Grants = {resource(kind): {"list"} for kind in (REPLICA_SET, CONTROLLER_REVISION)}
    assert granted("namespace", "triagent-write") == patched | looked_at


def test_each_binding_is_of_one_identity_to_the_role_of_its_name() -> None:
    """Reading is bound to the one that reads, writing to the one that writes, in the namespace that bases make."""
    for folder in ("base", "namespace", "secret-names"):
        for binding in documents(folder):
            if "roleRef" in binding:
                (subject,) = binding["subjects"]
                writes = binding["roleRef"]["name"] == "triagent-write"
                assert (subject["name"], subject["namespace"]) == (
                    "triagent-write" if writes else "triagent-read",
                    "triagent",
                )
