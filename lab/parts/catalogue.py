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
    """One server: its binaries (the first tells the version), the oldest version that will do, and its sources."""

    binaries: tuple[Binary, ...]
    version_pattern: re.Pattern[str]
    oldest: tuple[int, ...]
    sources: tuple[Source, ...]
    way_out: str

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
        GoBuild(
            "github.com/temporalio/cli",
            "1.5.1",  # 1.9 builds in its own repository only
            ("cmd/temporal",),
            release="1.5.1",
            release_variable="github.com/temporalio/cli/temporalcli.Version",
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
        DebianPackage("prometheus", {"prometheus": "usr/bin/prometheus", "promtool": "usr/bin/promtool"}),
        GoBuild(
            "github.com/prometheus/prometheus",
            "0.315.0",
            ("cmd/prometheus", "cmd/promtool"),
            release="3.15.0",
            release_variable="github.com/prometheus/common/version.Version",
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
            "github.com/prometheus/alertmanager",
            "0.28.1",
            ("cmd/alertmanager",),
            release="0.28.1",
            release_variable="github.com/prometheus/common/version.Version",
        ),
    ),
    way_out="install Go or your distribution's Alertmanager, or put `alertmanager` on PATH",
)

PARTS = {each.name: each for each in (TEMPORAL, PROMETHEUS, ALERTMANAGER)}
