"""A real Prometheus that holds the samples of a recording and nothing else."""

import asyncio
import contextlib
import re
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from domain.errors import MESSAGE_LIMIT, Misconfigured, UpstreamUnavailable
from service.commands import find_command

START_SECONDS = 30.0
BACKFILL_SECONDS = 60.0
RETENTION = "100y"
"""Recordings are older than what Prometheus keeps by default."""
_ENDING_WITH_US = ("/bin/sh", "-c", '"$@" & server=$!; exec 2>&-; cat; kill -9 $server', "sh")
"""Runs a server until standard input ends, which it does however this process ends: nothing is left behind."""
_LISTENING = re.compile(r'msg="Listening on".*\baddress=(\S+)')
_READY = "Server is ready to receive web requests"
_SAMPLE = re.compile(r"^[^#\s]", re.MULTILINE)


class Commands(NamedTuple):
    """The two programs of Prometheus."""

    prometheus: Path
    promtool: Path


def find_commands(cache: Path) -> Commands:
    """Those on PATH, or those that the project's set-up put into `cache`. Raises `Misconfigured`."""
    found = [find_command(name, cache) for name in ("prometheus", "promtool")]
    if not all(found):
        raise Misconfigured(
            "recorded incidents are replayed with `prometheus` and `promtool`: run `make setup`, or put them on PATH"
        )
    return Commands(*(path for path in found if path))


@asynccontextmanager
async def prometheus(commands: Commands, metrics: str, folder: Path) -> AsyncGenerator[str]:
    """Run Prometheus on loopback with the samples of `metrics` (OpenMetrics text with times); yields its URL.

    It keeps its files in `folder`. Raises `Misconfigured` for samples that cannot be read, `UpstreamUnavailable` if it
    does not start.
    """
    storage = folder / "tsdb"
    if _SAMPLE.search(metrics):
        await _backfill(commands.promtool, metrics, folder, storage)
    config = folder / "prometheus.yml"
    config.write_text("global: {}\n", encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *_ENDING_WITH_US,
        str(commands.prometheus),
        f"--config.file={config}",
        f"--storage.tsdb.path={storage}",
        f"--storage.tsdb.retention.time={RETENTION}",
        "--web.listen-address=127.0.0.1:0",
        stdin=PIPE,
        stdout=DEVNULL,
        stderr=PIPE,
        start_new_session=True,
    )
    log = _Log(process)
    try:
        yield f"http://{await log.address()}"
    finally:
        await log.close()


async def _backfill(promtool: Path, metrics: str, folder: Path, storage: Path) -> None:
    samples = folder / "metrics.om"
    samples.write_text(metrics, encoding="utf-8")
    arguments = ("tsdb", "create-blocks-from", "openmetrics", "--quiet", str(samples), str(storage))
    process = await asyncio.create_subprocess_exec(str(promtool), *arguments, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    try:
        async with asyncio.timeout(BACKFILL_SECONDS):
            output, errors = await process.communicate()
    except TimeoutError as exc:
        raise Misconfigured(f"its samples were not read within {BACKFILL_SECONDS:g} s") from exc
    finally:
        await _end(process)
    if process.returncode:
        words = " ".join((errors or output).decode("utf-8", "replace").split())
        raise Misconfigured(f"its samples cannot be read: {words[:MESSAGE_LIMIT]}")


class _Log:
    """Reads what the server writes, all the time: a full pipe would stop it."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._address = ""
        self._last = ""
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())

    async def address(self) -> str:
        """Where it listens, once it answers. Raises `UpstreamUnavailable`."""
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._ready
        except TimeoutError as exc:
            raise UpstreamUnavailable("prometheus", f"not ready within {START_SECONDS:g} s: {self._last}") from exc
        if not self._address:
            raise UpstreamUnavailable("prometheus", f"it ended at once: {self._last}")
        return self._address

    async def close(self) -> None:
        """End the server; its files are not needed any more."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        stream = self._process.stderr
        ready = False
        while stream is not None and (line := (await stream.readline()).decode("utf-8", "replace").strip()):
            self._last = line[:MESSAGE_LIMIT]
            if found := _LISTENING.search(line):
                self._address = found[1]
            ready = ready or _READY in line
            if ready and self._address:  # on a busy machine it may say the one or the other first
                self._settle()
        self._settle()

    def _settle(self) -> None:
        if not self._ready.done():
            self._ready.set_result(None)


async def _end(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
