"""Everything around the product: the cluster with the site on it, Prometheus, Alertmanager, and two identities."""

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from lab.cluster import CONTROL_PLANE, Cluster, Monitoring
from lab.cluster.argocd import READER, WRITER
from lab.cluster.identities import Identities, identities
from lab.cluster.plan import ARGOCD, MONITORING
from lab.demo.stack import ALERT_RULES
from lab.process import Servers
from lab.servers import Grouping, Scrape, Webhook
from lab.site.layout import NAMESPACES
from lab.site.site import Access, Say, Site, running_site, start_site

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
    with (
        Cluster(run_dir, parts=PARTS, monitoring=_monitoring(webhook), say=say) as cluster,
        Servers(cluster.run_dir / "logs") as servers,
    ):
        stack = put_site(cluster, servers, webhook, say)
        with closing(stack.site.argo):
            yield stack


def put_site(cluster: Cluster, servers: Servers, webhook: Webhook, say: Say) -> SiteStack:
    """Put the site on a running cluster and let Prometheus watch it. Raises `ServerError`."""
    site = start_site(servers, _access(cluster), _data_dir(cluster), say)
    target = Scrape("shop", urlsplit(site.traffic.metrics).netloc)
    cluster.monitor(replace(_monitoring(webhook), scrape=(target,), rules=(ALERT_RULES,)))
    return SiteStack(cluster, site, _product(cluster))


def site_of(cluster: Cluster) -> Site:
    """The site that another process left running in this run directory. Raises `ServerError` when none did."""
    return running_site(_access(cluster), _data_dir(cluster))


def running_stack(cluster: Cluster) -> SiteStack:
    """That site with new tokens for the product's identities. Raises `ServerError`."""
    return SiteStack(cluster, site_of(cluster), _product(cluster))


def _monitoring(webhook: Webhook) -> Monitoring:
    return Monitoring(webhook=webhook, grouping=GROUPING)


def _data_dir(cluster: Cluster) -> Path:
    return cluster.run_dir / "site"


def _access(cluster: Cluster) -> Access:
    return Access(cluster.kubeconfig(), cluster.argocd.url, cluster.argocd.admin_token(), cluster.ports.node)


def _product(cluster: Cluster) -> Identities:
    product = identities(cluster.kubeconfig(), cluster.run_dir / "credentials" / "product.kubeconfig")
    product.bind(*NAMESPACES)
    for namespace in NAMESPACES:
        product.allow_secret_names(namespace)
    return product
