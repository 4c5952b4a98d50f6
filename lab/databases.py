"""Start-up of the real databases: PostgreSQL, as a user of its own, and Redis."""

import os
import shutil
import socket
import tempfile
from pathlib import Path

from lab.parts import part
from lab.parts.cache import bin_dir, with_libraries
from lab.process import Probe, Servers, free_port
from lab.servers import Started

POSTGRES_USER = "postgres"


def postgresql(servers: Servers, data_dir: Path, *, port: int | None = None, name: str = "postgresql") -> Started:
    """Start PostgreSQL on loopback; its address is a URL without a database name, its superuser needs no password.

    PostgreSQL refuses to run as root: then it runs as `postgres`, who must be able to reach `data_dir` (see
    `postgres_folder`). Safe to start again on the same folder, also after a crash.
    """
    port = port or free_port()
    user = POSTGRES_USER if os.getuid() == 0 else None
    cluster = data_dir / "data"
    if not (cluster / "PG_VERSION").exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        if user:
            shutil.chown(data_dir, user, user)
        initialise = [
            part("initdb").resolve(),
            "-D",
            cluster,
            "-U",
            POSTGRES_USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        servers.start(f"{name}-initdb", initialise, cwd=data_dir, user=user).finish(within=120)
    server = servers.start(
        name,
        [
            part("postgres").resolve(),  # the link is in a home directory, which `postgres` may not enter
            *("-D", cluster, "-p", str(port)),
            *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
            *("-c", "max_connections=200"),
        ],
        cwd=data_dir,
        user=user,
    )
    server.wait_until(_accepts_sessions(port), within=60)
    return Started(f"postgresql://{POSTGRES_USER}@127.0.0.1:{port}", server)


def postgres_folder(wanted: Path) -> Path:
    """Where PostgreSQL's data can go: `wanted`, or as root a folder in /tmp that the user `postgres` can reach.

    The same folder comes back for the same wish: a link at `wanted` leads to it.
    """
    if os.getuid() != 0:
        return wanted
    if not wanted.exists():
        wanted.parent.mkdir(parents=True, exist_ok=True)
        wanted.unlink(missing_ok=True)  # a link to a folder that was cleared away
        wanted.symlink_to(tempfile.mkdtemp(prefix="triagent-postgresql-", dir="/tmp"), target_is_directory=True)
    return wanted.resolve()


def _accepts_sessions(port: int) -> Probe:
    """Whether a session gets past start-up: an SSL request is answered with one byte, by a live postmaster only."""
    ssl_request = bytes.fromhex("0000000804d2162f")

    def probe() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(ssl_request)
                return connection.recv(1) in {b"N", b"S"}
        except OSError:
            return False

    return probe


def redis(servers: Servers, data_dir: Path, *, port: int | None = None) -> Started:
    """Start Redis on loopback, keeping nothing on disk; its address is `host:port`."""
    data_dir.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    argv = [part("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    server = servers.start("redis", argv, cwd=data_dir, env=with_libraries(bin_dir()))
    server.wait_until(_pongs(port), within=20)
    return Started(f"127.0.0.1:{port}", server)


def _pongs(port: int) -> Probe:
    def probe() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7) == b"+PONG\r\n"
        except OSError:
            return False

    return probe
