"""The authors' own BARO, run as it is in an environment of its own: what `baro.py` is held against.

`fse-baro` brings pandas, scikit-learn and matplotlib, which nothing else here needs. Licence: MIT.
"""

import json
import subprocess
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from domain.errors import UpstreamUnavailable

PACKAGE = "fse-baro==0.2.2"
INSTALLING = 900.0
RANKING = 60.0
"""Seconds that one case may take."""

PROGRAM = """
import json, sys
from baro.anomaly_detection import bocpd
from baro.root_cause_analysis import robust_scorer
from baro.utility import read_data

detect = sys.argv[1] == "detect"
for line in sys.stdin:
    path, at = json.loads(line)
    data = read_data(path, strip=False)
    found = bocpd(data) if detect else None
    if detect and not found:
        ranks = []
    elif detect:
        ranks = robust_scorer(data, anomalies=found)["ranks"]
    else:
        ranks = robust_scorer(data, inject_time=at)["ranks"]
    print(json.dumps(ranks), flush=True)
"""
"""Reads a path and a moment a line, writes the ranked columns a line. `detect`: finds the moment by itself (BOCPD)."""


def installed(folder: Path) -> Path:
    """The interpreter of an environment in `folder` that has the package; makes it on first use.

    Raises `UpstreamUnavailable` where the package cannot be installed.
    """
    python = folder / "bin" / "python"
    done = folder / PACKAGE
    if not done.exists():
        venv.create(folder, with_pip=True)
        _run([str(python), "-m", "pip", "install", "--quiet", PACKAGE], "", INSTALLING)
        done.touch()
    return python


def metric_ranks(
    python: Path, cases: Sequence[tuple[Path, int]], *, detect: bool = False
) -> list[list[tuple[str, str]]]:
    """Service and metric, most suspicious first, for each data file and moment (Unix seconds).

    `detect`: the moment is not told; the package's own change point detection looks for it, and no ranks are given
    where it finds none. It takes seconds for a dozen services and hours for sixty. Raises `UpstreamUnavailable`.
    """
    lines = "\n".join(json.dumps([str(path), at]) for path, at in cases)
    command = [str(python), "-c", PROGRAM, "detect" if detect else "told"]
    output = _run(command, lines, RANKING * max(len(cases), 1))
    return [[_split(name) for name in cast("list[str]", json.loads(line))] for line in output.splitlines()]


def _split(column: str) -> tuple[str, str]:
    service, _, metric = column.rpartition("_")
    return service, "latency-90" if metric == "latency" else metric


def _run(command: Sequence[str], text: str, seconds: float) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own argument list
            command, input=text, capture_output=True, text=True, timeout=seconds, check=True
        )
    except subprocess.TimeoutExpired as exc:
        raise UpstreamUnavailable(PACKAGE, f"took longer than {seconds:.0f} s") from exc
    except (OSError, subprocess.CalledProcessError) as exc:
        reason = exc.stderr if isinstance(exc, subprocess.CalledProcessError) else str(exc)
        raise UpstreamUnavailable(PACKAGE, reason[-400:]) from exc
    return done.stdout
