"""Log lines and traces."""

import asyncio
import json
import logging
import tempfile
from collections.abc import Iterator

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from service.engine import AlertBatch
from service.inbox import Drainer, Inbox
from service.setting_groups import LogSettings
from service.store import schema
from service.store.database import Database
from service.store.mail import MailStore, Posted
from service.telemetry import configure_logging, current_traceparent
from tests.api.world import FakeEngine
from tests.service.builders import webhook


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def test_json_lines_have_zone_level_and_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours and other libraries' alike, on standard error."""
    configure_logging(LogSettings(format="json", level="info"))
    structlog.get_logger("ours").info("upstream.failed", url="http://u:hunter2@prometheus", header={"token": "hunter2"})
    logging.getLogger("theirs").warning("password=%s", "hunter2")
    structlog.get_logger("ours").debug("not shown")
    captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.err.splitlines()]
    assert captured.out == ""
    assert [line["event"] for line in lines] == ["upstream.failed", "password=[redacted]"]
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert [line["level"] for line in lines] == ["info", "warning"]
    assert "hunter2" not in captured.err


def test_console_lines_show_errors_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """With the traceback, which is redacted too."""
    configure_logging(LogSettings(format="console", level="info"))
    try:
        int("password=hunter2")
    except ValueError:
        structlog.get_logger("ours").exception("it.failed")
    text = capsys.readouterr().err
    assert "it.failed" in text
    assert "ValueError" in text
    assert "hunter2" not in text


class TracedEngine(FakeEngine):
    """Remembers the trace in which it was asked."""

    traceparent: str | None = None

    async def deliver(self, batch: AlertBatch) -> None:
        self.traceparent = current_traceparent()
        await super().deliver(batch)


async def test_a_delivery_belongs_to_the_trace_of_its_webhook() -> None:
    """Even though it happens later, in another task: one trace from the request to the last activity."""
    provider = TracerProvider()
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/triagent.db")
        await schema.upgrade(database)
        mail = MailStore(database)
        engine = TracedEngine(facts=None)  # pyright: ignore[reportArgumentType] - it decides nothing here
        inbox = Inbox(mail)
        running = [asyncio.create_task(inbox.run()), asyncio.create_task(Drainer(mail, engine, inbox.news).run())]
        with provider.get_tracer("test").start_as_current_span("POST") as span:
            await inbox.accept(Posted(webhook(), current_traceparent()))
        await engine.has(1)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await database.close()
    assert engine.traceparent
    assert trace.format_trace_id(span.get_span_context().trace_id) in engine.traceparent
