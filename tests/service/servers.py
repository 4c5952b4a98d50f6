"""A real PostgreSQL for the tests: a fresh cluster in a temporary folder, on a free loopback port."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

USER = "postgres"
_FOLDERS = [Path(folder) for folder in os.get_exec_path()] + sorted(Path("/usr/lib/postgresql").glob("*/bin"))[::-1]


def postgres_binaries() -> Path | None:
    """The folder of the real server binaries, None if the machine has none."""
    return next((folder for folder in _FOLDERS[::-1] if (folder / "initdb").exists()), None)


@contextmanager
def postgres() -> Generator[str]:
    """A running server; yields a URL without a database name."""
    binaries = postgres_binaries()
    assert binaries
    folder = Path(tempfile.mkdtemp(prefix="triagent-postgres-", dir="/tmp"))
    port = _free_port()
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
    try:
        if os.getuid() == 0:
            shutil.chown(folder, USER, USER)
        _run(str(binaries / "initdb"), "-D", f"{folder}/data", "-U", USER, "-A", "trust", "-E", "UTF8")
        _run(str(binaries / "pg_ctl"), "-D", f"{folder}/data", "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield f"postgresql://{USER}@127.0.0.1:{port}"
        finally:
            _run(str(binaries / "pg_ctl"), "-D", f"{folder}/data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(*command: str) -> None:
    # PostgreSQL refuses to run as root.
    as_user = ["runuser", "-u", USER, "--"] if os.getuid() == 0 else []
    subprocess.run([*as_user, *command], check=True, capture_output=True, timeout=60, cwd="/")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
