"""The embedded Temporal dev server: for one machine, when no address is set."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.testing import WorkflowEnvironment

from domain.errors import Misconfigured, UpstreamUnavailable
from domain.model import Model
from service.commands import find_command

START_TIMEOUT = 30.0
STOP_TIMEOUT = 10.0
TUNING = (
    *("--sqlite-pragma", "journal_mode=WAL"),
    *("--sqlite-pragma", "synchronous=NORMAL"),
    *("--dynamic-config-value", "system.enableActivityEagerExecution=true"),
    *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=5000"),
    *("--dynamic-config-value", 'history.timerProcessorMaxTimeShift="250ms"'),
)
"""The dev server's defaults cost a factor of five (docs/decisions/0004-temporal.md)."""


class _Running(Model):
    pid: int
    port: int


@asynccontextmanager
async def dev_server(data: Path, cache: Path, *, namespace: str, ui_port: int | None = None) -> AsyncGenerator[str]:
    """Run a dev server whose database is in `data`; yields its address.

    A server left behind by a killed process is found by its record and used again. Raises `Misconfigured` if there is
    no `temporal` command and none can be downloaded, `UpstreamUnavailable` if it does not start.
    """
    data.mkdir(parents=True, exist_ok=True)
    record = data / "temporal.json"
    running = _left_behind(record)
    if running is None:
        binary = find_command("temporal", cache) or await _downloaded(cache)
        running = await _start(binary, data, namespace, ui_port)
        record.write_text(running.model_dump_json(), encoding="utf-8")
    try:
        yield f"127.0.0.1:{running.port}"
    finally:
        await _stop(running.pid)
        record.unlink(missing_ok=True)


def _left_behind(record: Path) -> _Running | None:
    if not record.is_file():
        return None
    try:
        running = _Running.model_validate_json(record.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return running if _answers(running.port) else None


async def _start(binary: Path, data: Path, namespace: str, ui_port: int | None) -> _Running:
    port = _free_port()
    interface = ("--ui-port", str(ui_port)) if ui_port else ("--headless",)
    with (data / "temporal.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            str(binary),
            *("server", "start-dev", "--ip", "127.0.0.1", "--port", str(port), "--log-level", "warn"),
            *("--namespace", namespace, "--db-filename", str(data / "temporal.db")),
            *interface,
            *TUNING,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = asyncio.get_running_loop().time() + START_TIMEOUT
    while not _answers(port):
        if process.returncode is not None or asyncio.get_running_loop().time() > deadline:
            raise UpstreamUnavailable("temporal", f"the dev server did not start; see {data / 'temporal.log'}")
        await asyncio.sleep(0.05)
    return _Running(pid=process.pid, port=port)


async def _stop(pid: int) -> None:
    for signum in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, signum)
        except ProcessLookupError:
            return
        for _ in range(int(STOP_TIMEOUT / 0.1)):
            if not _alive(pid):
                return
            await asyncio.sleep(0.1)


def _alive(pid: int) -> bool:
    try:
        finished, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return Path(f"/proc/{pid}").exists()
    return finished == 0


async def _downloaded(cache: Path) -> Path:
    """Let the Temporal SDK fetch the server it was tested with; it keeps it in `cache`."""
    folder = cache / "sdk"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        environment = await WorkflowEnvironment.start_local(download_dest_dir=str(folder))
    except RuntimeError as error:
        raise Misconfigured(
            "no `temporal` command on PATH, and it could not be downloaded: run `make setup`, install the Temporal CLI,"
            f" or set TRIAGE_TEMPORAL__ADDRESS ({error})"
        ) from error
    await environment.shutdown()
    found = next((path for path in sorted(folder.iterdir()) if path.is_file()), None)
    if found is None:
        raise Misconfigured(f"the download left no server in {folder}; install the Temporal CLI")
    return found


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
