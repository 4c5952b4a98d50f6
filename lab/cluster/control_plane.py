"""The commands of etcd, the API server, the controller manager, the scheduler and kwok."""

from pathlib import Path

from lab.cluster import audit, stages
from lab.cluster.credentials import Credentials
from lab.cluster.state import Ports
from lab.parts import part
from lab.process import Probe, Server, Servers, answers, succeeds

ISSUER = "https://kubernetes.default.svc"
SERVICES = "10.96.0.0/16"
READY_S = 60


class ControlPlane:
    """Starts the parts of one run directory's control plane; each method waits until the part is ready."""

    def __init__(self, run_dir: Path, ports: Ports, credentials: Credentials) -> None:
        self._run_dir = run_dir
        self._ports = ports
        self._credentials = credentials
        self.audit_log = run_dir / "audit" / "audit.log"

    def etcd(self, servers: Servers) -> Server:
        """The store."""
        client, peer = (f"http://127.0.0.1:{port}" for port in (self._ports.etcd, self._ports.etcd_peer))
        argv = [
            part("etcd"),
            f"--data-dir={self._run_dir / 'etcd'}",
            *(f"--listen-client-urls={client}", f"--advertise-client-urls={client}"),
            *(f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"),
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",  # the lab survives killed processes, not a power cut
            "--log-level=warn",
        ]
        server = servers.start("etcd", argv)
        server.wait_until(answers(f"{client}/health"), within=READY_S)
        return server

    def kube_apiserver(self, servers: Servers) -> Server:
        """The API server: users by token, RBAC, and a log of all writes."""
        self.audit_log.parent.mkdir(exist_ok=True)
        policy = self.audit_log.with_name("policy.yaml")
        policy.write_text(audit.policy())
        credentials = self._credentials
        key = credentials.service_account_key
        argv = [
            part("kube-apiserver"),
            f"--etcd-servers=http://127.0.0.1:{self._ports.etcd}",
            *("--bind-address=127.0.0.1", f"--secure-port={self._ports.kubernetes}"),
            # Endpoints may not be on loopback: without any, `kubernetes.default` exists and leads nowhere.
            *("--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none"),
            f"--tls-cert-file={credentials.certificate.certificate}",
            f"--tls-private-key-file={credentials.certificate.key}",
            f"--token-auth-file={credentials.token_file}",
            "--authorization-mode=RBAC",
            *(f"--service-account-issuer={ISSUER}", f"--service-account-key-file={key}"),
            f"--service-account-signing-key-file={key}",
            f"--service-cluster-ip-range={SERVICES}",
            *(f"--audit-log-path={self.audit_log}", f"--audit-policy-file={policy}"),
            "--kubelet-preferred-address-types=InternalIP",
        ]
        server = servers.start("kube-apiserver", argv)
        server.wait_until(self.ready, within=READY_S)
        return server

    @property
    def ready(self) -> Probe:
        """Whether the API server says that it is ready to the administrator."""
        kubeconfig = self._credentials.kubeconfig("admin")
        return succeeds([part("kubectl"), f"--kubeconfig={kubeconfig}", "get", "--raw=/readyz"])

    def kube_controller_manager(self, servers: Servers) -> Server:
        """The controllers; an autoscaler looks as often, and waits as long, as somebody who watches likes."""
        port, key = self._ports.controller_manager, self._credentials.service_account_key
        argv = [
            part("kube-controller-manager"),
            *self._client("controller_manager"),
            *("--leader-elect=false", "--bind-address=127.0.0.1", f"--secure-port={port}"),
            f"--cert-dir={self._run_dir / 'certificates'}",
            f"--service-account-private-key-file={key}",
            f"--root-ca-file={self._credentials.certificate.certificate}",
            "--use-service-account-credentials=true",
            "--controllers=*,-nodeipam,-ttl,-bootstrapsigner,-tokencleaner",
            "--horizontal-pod-autoscaler-sync-period=5s",
            "--horizontal-pod-autoscaler-downscale-stabilization=30s",
            "--horizontal-pod-autoscaler-cpu-initialization-period=10s",
        ]
        server = servers.start("kube-controller-manager", argv)
        server.wait_until(answers_tls(port), within=READY_S)
        return server

    def kube_scheduler(self, servers: Servers) -> Server:
        """The scheduler."""
        port = self._ports.scheduler
        argv = [
            part("kube-scheduler"),
            *self._client("scheduler"),
            *("--leader-elect=false", "--bind-address=127.0.0.1", f"--secure-port={port}"),
            f"--cert-dir={self._run_dir / 'certificates'}",
        ]
        server = servers.start("kube-scheduler", argv)
        server.wait_until(answers_tls(port), within=READY_S)
        return server

    def kwok(self, servers: Servers) -> Server:
        """The nodes' kubelets."""
        config = self._run_dir / "stages.yaml"
        config.write_text(stages.stages())
        argv = [
            part("kwok"),
            f"--kubeconfig={self._credentials.kubeconfig('nodes')}",
            f"--config={config}",
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
            *("--node-ip=127.0.0.1", f"--node-port={self._ports.node}"),
            "--node-lease-duration-seconds=40",
            f"--server-address=127.0.0.1:{self._ports.kwok}",
        ]
        server = servers.start("kwok", argv)
        server.wait_until(answers(f"http://127.0.0.1:{self._ports.kwok}/healthz"), within=READY_S)
        return server

    def _client(self, user: str) -> list[str]:
        kubeconfig = self._credentials.kubeconfig(user)
        return [f"--{use}kubeconfig={kubeconfig}" for use in ("", "authentication-", "authorization-")]


def answers_tls(port: int) -> Probe:
    """A probe: `/healthz` of a component that serves with a certificate it made for itself."""
    return answers(f"https://127.0.0.1:{port}/healthz", verify=False)
