"""Everything around the product: the cluster with the site on it, Prometheus, Alertmanager, and two identities."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from lab.cluster import CONTROL_PLANE, Cluster, Monitoring
from lab.cluster.argocd import READER, WRITER
from lab.cluster.plan import ARGOCD, MONITORING
from lab.demo.stack import ALERT_RULES
from lab.process import Servers
from lab.proof.identities import Identities, identities
from lab.servers import Grouping, Scrape, Webhook
from lab.site.layout import NAMESPACES
from lab.site.site import Access, Say, Site, start_site

PARTS = (*CONTROL_PLANE, *ARGOCD, *MONITORING)
GROUPING = Grouping(by=("namespace",))
"""One notice for all that a fault sets off: in a call graph the callers of what is ill are ill, too."""


@dataclass(frozen=True)
class SiteStack:
    """The running stack, and the settings with which the product works on it."""

    cluster: Cluster
    site: Site
    identities: Identities

    @property
    def settings(self) -> dict[str, str]:
        """Reads by one identity, writes by another, in Kubernetes and in Argo CD."""
        argocd = self.cluster.argocd
        return {
            **self.identities.settings,
            "TRIAGE_PROMETHEUS__URL": self.cluster.prometheus,
            "TRIAGE_ALERTMANAGER__URL": self.cluster.alertmanager,
            "TRIAGE_TEMPO__URL": self.site.traffic.tempo,
            "TRIAGE_ARGOCD__URL": argocd.url,
            "TRIAGE_ARGOCD__TOKEN": argocd.account_token(READER),
            "TRIAGE_ARGOCD__WRITE_TOKEN": argocd.account_token(WRITER),
            "TRIAGE_PAGER__WEBHOOK_URL": f"{self.site.traffic.control}/pages",
        }


@contextmanager
def site_stack(run_dir: Path, webhook: Webhook, say: Say) -> Generator[SiteStack]:
    """Bring all of it up and end it with the block; Alertmanager posts to `webhook` whether it listens yet or not.

    Raises `ServerError` or `PartError` when a part does not come up.
    """
    monitoring = Monitoring(webhook=webhook, grouping=GROUPING)
    with (
        Cluster(run_dir / "cluster", parts=PARTS, monitoring=monitoring, say=say) as cluster,
        Servers(run_dir / "logs") as servers,
    ):
        token = cluster.argocd.admin_token()
        access = Access(cluster.kubeconfig(), cluster.argocd.url, token, cluster.ports.node)
        site = start_site(servers, access, run_dir / "site", say)
        target = Scrape("shop", urlsplit(site.traffic.metrics).netloc)
        cluster.monitor(replace(monitoring, scrape=(target,), rules=(ALERT_RULES,)))
        product = identities(cluster.kubeconfig(), run_dir / "product.kubeconfig")
        product.bind(*NAMESPACES)
        for namespace in NAMESPACES:
            product.allow_secret_names(namespace)
        yield SiteStack(cluster, site, product)
