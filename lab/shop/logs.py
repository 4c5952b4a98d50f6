"""Log lines as the shop's programs write them: JSON or logfmt, with level and trace id."""

import json
from datetime import datetime
from typing import Literal

Level = Literal["debug", "info", "warn", "error"]


def log_line(form: Literal["json", "logfmt"], at: datetime, level: Level, message: str, **fields: str | float) -> str:
    """One line; fields keep their order."""
    entry: dict[str, str | float] = {"ts": at.isoformat(timespec="milliseconds"), "level": level, "msg": message}
    entry |= fields
    if form == "json":
        return json.dumps(entry)
    return " ".join(f"{key}={_logfmt(value)}" for key, value in entry.items())


def _logfmt(value: str | float) -> str:
    text = str(value)
    return json.dumps(text) if not text or any(mark in text for mark in ' "=') else text
