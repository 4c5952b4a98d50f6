"""One process at a time in a folder."""

import fcntl
import os
from pathlib import Path

from domain.errors import Misconfigured

LOCK_FILE = "in-use.lock"


class FolderInUse(Misconfigured):
    """Another process has the folder of the embedded index open."""


class FolderLock:
    """An exclusive lock on `folder`. The system releases it when its holder ends, however that ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock; again is the same. Raises `FolderInUse` at once if another holder has it."""
        if self._descriptor is not None:
            return
        descriptor = _opened(self._folder)
        try:
            # Of the open file, not of the process: two holders in one process are kept apart too.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise FolderInUse(
                f"{self._folder} is in use by another triagent process; set TRIAGE_QDRANT__PATH to another folder, "
                "or TRIAGE_QDRANT__URL to share one Qdrant server"
            ) from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Let others in."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _opened(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Misconfigured(f"TRIAGE_QDRANT__PATH: cannot use {folder}: {error.strerror}") from error
