"""A running process: API, worker, or both, from start to a clean end."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
from temporalio.service import RPCError

from domain.errors import Misconfigured, TriagentError
from service.api.app import create_app, create_operations_app
from service.composition import Composition, compose
from service.embedded import dev_server
from service.interceptors import ActivityWatch
from service.library import REFRESH
from service.listener import listen
from service.rounds import rounds
from service.setting_groups import STATE_FOLDER
from service.settings import Settings
from service.store.schema import upgrade
from service.telemetry import configure_logging, configure_tracing
from service.worker import build_worker, warm_up

log = structlog.get_logger(__name__)

Work = Coroutine[Any, Any, None]

SWITCH_INTERVAL = 0.0005
"""Seconds a thread may keep the interpreter while others wait; the loop that acknowledges alerts is one of them."""
RECONNECT = 2.0
"""Seconds between attempts of the worker to reach Temporal."""


def run(settings: Settings, *, api: bool, worker: bool) -> int:
    """Run until SIGINT or SIGTERM; returns the exit status. Raises `Misconfigured` before anything is served."""
    configure_logging(settings.log)
    sys.setswitchinterval(SWITCH_INTERVAL)
    tracing = configure_tracing(settings.telemetry)
    try:
        asyncio.run(_serve(settings, api=api, worker=worker))
    finally:
        tracing.shutdown()
    return 0


def leave(status: int) -> None:
    """End the process at once: the Temporal SDK's threads may abort an interpreter that shuts down slowly."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


async def _serve(settings: Settings, *, api: bool, worker: bool) -> None:
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(_temporal(settings, embed=api and worker))
        parts = compose(settings, address)
        stack.push_async_callback(parts.close)
        await upgrade(parts.database)
        gc.freeze()  # as `warm_up` does: nothing of this is garbage before the process ends
        await _until_stopped(_tasks(parts, api=api, worker=worker))


@asynccontextmanager
async def _temporal(settings: Settings, *, embed: bool) -> AsyncGenerator[str]:
    """The configured server's address, or that of an embedded one."""
    group = settings.temporal
    if group.address:
        yield group.address
        return
    if not embed:
        raise Misconfigured("TRIAGE_TEMPORAL__ADDRESS is empty: only `triagent up` embeds a Temporal server")
    async with dev_server(STATE_FOLDER, settings.cache, namespace=group.namespace, ui_port=group.ui_port) as address:
        log.info("temporal.embedded", address=address)
        yield address


def _tasks(parts: Composition, *, api: bool, worker: bool) -> Sequence[Work]:
    tasks: list[Work] = [_keep_knowledge_fresh(parts)]
    if api:
        tasks += [_serve_api(parts), parts.inbox.run(), parts.drainer.run(), parts.api.refusals.run()]
    if worker:
        tasks += [_work(parts), parts.housekeeper.run(), parts.lost.run()]
    if not api and parts.settings.worker.port:
        tasks.append(_serve_operations(parts))
    return tasks


async def _serve_api(parts: Composition) -> None:
    settings = parts.settings.api
    await listen("api", create_app(parts.api), settings.host, settings.port)


async def _serve_operations(parts: Composition) -> None:
    settings = parts.settings
    await listen("worker", create_operations_app(parts.api), settings.api.host, settings.worker.port)


async def _until_stopped(work: Sequence[Work]) -> None:
    """Run all of it until a signal comes, or until one part fails; then end the rest."""
    stop = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    tasks = [asyncio.create_task(item) for item in (*work, _stopped(stop))]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _stopped(stop: asyncio.Event) -> None:
    await stop.wait()


async def _work(parts: Composition) -> None:
    """Run the worker; while Temporal is away, wait for it."""
    for system in parts.upstreams.read_only:
        log.warning("worker.no_write_identity", system=system, effect="plans that change it are not asked for")
    while True:
        try:
            client = await parts.engine.client()
            worker = build_worker(
                client, parts.planner, parts.activities, interceptors=[ActivityWatch(parts.api.metrics)]
            )
            await asyncio.to_thread(warm_up, worker, client)
            log.info("worker.polling", task_queue=parts.engine.task_queue)
            await worker.run()
            return
        except (TriagentError, RPCError, RuntimeError) as error:
            if isinstance(error, Misconfigured):
                raise
            log.warning("worker.waiting_for_temporal", error=str(error))
            await asyncio.sleep(RECONNECT)


async def _keep_knowledge_fresh(parts: Composition) -> None:
    """Read documents and the backlog again and again; a source that fails is said, and tried again."""

    async def refresh() -> None:
        refreshed = await parts.knowledge.refresh()
        for problem in refreshed.problems:
            log.warning("knowledge.skipped", source=problem.source, reason=problem.reason)

    await rounds(refresh, every=REFRESH, failed="knowledge.refresh_failed")
