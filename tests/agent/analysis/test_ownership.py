"""Objects of one name that follow each other: what an earlier one left behind is not the later one's."""

from agent.cluster.index import Cluster
from agent.cluster.workloads import Workload
from tests.agent.analysis.shapes import NAMESPACE, deployment, pod, replica_set
from tools.documents import JsonObject, object_at, objects_at


def of(item: JsonObject, uid: str, owner: str) -> JsonObject:
    """With a uid, and that of its owner in place of a name alone."""
    metadata = object_at(item, "metadata")
    references = [{**reference, "uid": owner} for reference in objects_at(item, "metadata", "ownerReferences")]
    return {**item, "metadata": {**metadata, "uid": uid, "ownerReferences": [*references]}}


def recreated(cluster: Cluster) -> Workload:
    found = cluster.workload(NAMESPACE, "cart")
    assert found is not None
    return found


def test_a_deployment_made_again_has_its_own_history():
    """The garbage collector takes its time: ReplicaSets and pods of the deleted one are still there."""
    cluster = Cluster(
        (
            of(deployment("cart"), "second", ""),
            *(of(replica_set("cart", number), f"old-{number}", "first") for number in (1, 2)),
            of(replica_set("cart", 3), "new", "second"),
            of(pod("cart", revision=2), "left", "old-2"),
            of(pod("cart", revision=3), "fresh", "new"),
        )
    )
    assert [item.name for item in cluster.revisions_of(recreated(cluster))] == ["cart-3"]
    assert [item.metadata.uid for item in cluster.pods_of(recreated(cluster))] == ["fresh"]


def test_without_uids_names_tell():
    """Some recordings have none."""
    cluster = Cluster((deployment("cart"), replica_set("cart", 1), of(pod("cart"), "", "known")))
    assert [item.name for item in cluster.revisions_of(recreated(cluster))] == ["cart-1"]
    assert len(cluster.pods_of(recreated(cluster))) == 1
