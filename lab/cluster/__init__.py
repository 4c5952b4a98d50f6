"""A real Kubernetes control plane, Argo CD and the servers around them on one machine, with no container engine.

Real: etcd, the API server and its controllers, the scheduler, Argo CD, PostgreSQL, Prometheus, Alertmanager, Temporal.
Simulated: the nodes. kwok stands for their kubelets and plays what the pods' annotations and images say.
"""

from lab.cluster.cluster import Cluster
from lab.cluster.plan import CONTROL_PLANE, EVERYTHING, Monitoring

__all__ = ["CONTROL_PLANE", "EVERYTHING", "Cluster", "Monitoring"]
