"""The servers the lab can provision, and where each may come from, in the order they are tried."""

import re
from dataclasses import dataclass

from lab.parts.sources import DebianPackage, GoBuild, Source, TemporalDownload


@dataclass(frozen=True)
class Binary:
    """A file of a part, under the names it may have on PATH; the first is its name in the cache."""

    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name in the cache, as upstream calls it."""
        return self.names[0]


@dataclass(frozen=True)
class Part:
    """One server: its binaries (the first tells the version), the oldest version that will do, and its sources.

    `folders` are places beside PATH where a distribution keeps the binaries: globs below the root, the last match
    first. `data` are files that must come with them; `libraries` come only with a package that is unpacked and not
    installed.
    """

    binaries: tuple[Binary, ...]
    version_pattern: re.Pattern[str]
    oldest: tuple[int, ...]
    sources: tuple[Source, ...]
    way_out: str
    version_arguments: tuple[str, ...] = ("--version",)
    folders: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The part is called by its first binary."""
        return self.binaries[0].name


TEMPORAL = Part(
    binaries=(Binary(("temporal",)),),
    # The CLI built from source calls itself 0.0.0-DEV; the server inside it is what counts.
    version_pattern=re.compile(r"Server (\d+(?:\.\d+)+)"),
    oldest=(1, 28),
    sources=(
        # 1.9 builds in its own repository only.
        GoBuild(
            "temporal",
            {"temporal": "github.com/temporalio/cli/cmd/temporal"},
            {"github.com/temporalio/cli/temporalcli.Version": "1.5.1"},
        ),
        TemporalDownload(),
    ),
    way_out="install Go, or put a `temporal` binary on PATH (https://docs.temporal.io/cli)",
)

PROMETHEUS = Part(
    binaries=(Binary(("prometheus",)), Binary(("promtool",))),
    version_pattern=re.compile(r"prometheus, version (\d+(?:\.\d+)+)"),
    oldest=(2, 40),
    sources=(
        DebianPackage(("prometheus",), {"prometheus": "usr/bin/prometheus", "promtool": "usr/bin/promtool"}),
        GoBuild(
            "prometheus",
            {
                "prometheus": "github.com/prometheus/prometheus/cmd/prometheus",
                "promtool": "github.com/prometheus/prometheus/cmd/promtool",
            },
            {"github.com/prometheus/common/version.Version": "3.15.0"},
            tags="remove_all_sd",  # no cloud SDKs: the lab scrapes static targets
        ),
    ),
    way_out="install Go or your distribution's Prometheus, or put `prometheus` and `promtool` on PATH",
)

ALERTMANAGER = Part(
    binaries=(Binary(("alertmanager", "prometheus-alertmanager")),),
    version_pattern=re.compile(r"alertmanager, version (\d+(?:\.\d+)+)"),
    oldest=(0, 24),
    # Debian's binary reads its templates from /usr/share, so it serves only where the package is really installed.
    sources=(
        GoBuild(
            "alertmanager",
            {"alertmanager": "github.com/prometheus/alertmanager/cmd/alertmanager"},
            {"github.com/prometheus/common/version.Version": "0.28.1"},
        ),
    ),
    way_out="install Go or your distribution's Alertmanager, or put `alertmanager` on PATH",
)

ETCD = Part(
    binaries=(Binary(("etcd",)),),
    version_pattern=re.compile(r"etcd Version: (\d+(?:\.\d+)+)"),
    oldest=(3, 5),
    sources=(GoBuild("etcd", {"etcd": "go.etcd.io/etcd/server/v3"}),),
    way_out="install Go, or put `etcd` on PATH",
)

_KUBERNETES_STAMPS = {
    "k8s.io/component-base/version.gitVersion": "v1.36.3",
    "k8s.io/component-base/version.gitMajor": "1",
    "k8s.io/component-base/version.gitMinor": "36",
}

KUBERNETES = Part(
    binaries=(
        Binary(("kube-apiserver",)),
        Binary(("kube-controller-manager",)),
        Binary(("kube-scheduler",)),
    ),
    version_pattern=re.compile(r"Kubernetes v(\d+(?:\.\d+)+)"),
    oldest=(1, 33),
    sources=(
        GoBuild(
            "kubernetes",
            {
                name: f"k8s.io/kubernetes/cmd/{name}"
                for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
            },
            _KUBERNETES_STAMPS,
        ),
    ),
    way_out="install Go, or put Kubernetes' server binaries on PATH",
)

KUBECTL = Part(
    binaries=(Binary(("kubectl",)),),
    version_pattern=re.compile(r"Client Version: v(\d+(?:\.\d+)+)"),
    oldest=(1, 31),
    version_arguments=("version", "--client"),
    sources=(GoBuild("kubernetes", {"kubectl": "k8s.io/kubernetes/cmd/kubectl"}, _KUBERNETES_STAMPS),),
    way_out="install Go, or put `kubectl` on PATH",
)

KWOK = Part(
    binaries=(Binary(("kwok",)),),
    version_pattern=re.compile(r"kwok version v(\d+(?:\.\d+)+)"),
    oldest=(0, 8),
    sources=(
        GoBuild("kwok", {"kwok": "sigs.k8s.io/kwok/cmd/kwok"}, {"sigs.k8s.io/kwok/pkg/consts.Version": "v0.8.0"}),
    ),
    way_out="install Go, or put `kwok` on PATH (https://kwok.sigs.k8s.io)",
)

ARGOCD = Part(
    binaries=(Binary(("argocd",)),),
    version_pattern=re.compile(r"argocd: v?(\d+(?:\.\d+)+)"),
    oldest=(3, 0),
    version_arguments=("version", "--client", "--short"),
    data=("argocd-crds.yaml",),
    sources=(
        GoBuild(
            "argocd",
            {"argocd": "github.com/argoproj/argo-cd/v3/cmd"},
            {"github.com/argoproj/argo-cd/v3/common.version": "3.1.16"},
            data={"argocd-crds.yaml": ("github.com/argoproj/argo-cd/v3", "manifests/crds/*-crd.yaml")},
        ),
    ),
    way_out="install Go",
)

REDIS = Part(
    binaries=(Binary(("redis-server",)),),
    version_pattern=re.compile(r"Redis server v=(\d+(?:\.\d+)+)"),
    oldest=(6, 0),
    libraries=("liblzf.so.1", "libjemalloc.so.2"),
    sources=(
        DebianPackage(
            ("redis-server", "redis-tools", "liblzf1", "libjemalloc2"),
            {
                "redis-server": "usr/bin/redis-server",
                "liblzf.so.1": "usr/lib/*/liblzf.so.1",
                "libjemalloc.so.2": "usr/lib/*/libjemalloc.so.2",
            },
        ),
    ),
    way_out="install your distribution's Redis, or put `redis-server` on PATH",
)

POSTGRESQL = Part(
    binaries=(Binary(("postgres",)), Binary(("initdb",))),
    version_pattern=re.compile(r"postgres \(PostgreSQL\) (\d+(?:\.\d+)*)"),
    oldest=(14,),
    folders=("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin"),
    sources=(),
    way_out="install your distribution's PostgreSQL server (`apt-get install postgresql`)",
)

_ALL = (
    TEMPORAL,
    PROMETHEUS,
    ALERTMANAGER,
    ETCD,
    KUBERNETES,
    KUBECTL,
    KWOK,
    ARGOCD,
    REDIS,
    POSTGRESQL,
)

PARTS = {each.name: each for each in _ALL}
