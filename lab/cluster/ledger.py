"""Which processes the lab started: by id and start time, so that none but those is ever ended."""

import os
import signal
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from lab.process import POLL_S


class Tracked(BaseModel):
    """A process: an id is used again after its process ended, id and start time together are not.

    `started` is in clock ticks since the boot that `boot` names (proc(5), field 22 of `/proc/PID/stat`).
    """

    model_config = ConfigDict(frozen=True)

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> "Tracked":
        """The process that has this id now."""
        return cls(pid=pid, started=_stat(pid)[1] or 0, boot=_boot())

    @property
    def running(self) -> bool:
        """Whether it has not ended; a zombie has."""
        state, started = _stat(self.pid)
        return self.boot == _boot() and started == self.started and state not in {"Z", "X"}

    @property
    def memory(self) -> int:
        """Resident memory in bytes, 0 when it has ended."""
        if not self.running:
            return 0
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def end(self, *, grace: float = 10.0) -> None:
        """SIGTERM, and SIGKILL to its whole group after `grace` seconds."""
        if not self.running:
            return
        os.kill(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while self.running and time.monotonic() < deadline:
            time.sleep(POLL_S)
        if self.running:
            os.killpg(self.pid, signal.SIGKILL)


_Entries = TypeAdapter(dict[str, Tracked])


class Ledger:
    """The tracked processes of one run directory, kept in a file; later ones of a name replace earlier ones."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def entries(self) -> dict[str, Tracked]:
        """Name to process, in the order they were started."""
        return _Entries.validate_json(self._path.read_bytes()) if self._path.exists() else {}

    def running(self) -> dict[str, Tracked]:
        """Those that have not ended."""
        return {name: tracked for name, tracked in self.entries().items() if tracked.running}

    def record(self, name: str, pid: int) -> None:
        """Write down a process that was just started."""
        entries = {key: tracked for key, tracked in self.entries().items() if key != name}
        entries[name] = Tracked.of(pid)
        self._path.write_bytes(_Entries.dump_json(entries, indent=2))

    def end_all(self) -> list[str]:
        """End what still runs, last started first; returns the names."""
        ended: list[str] = []
        for name, tracked in reversed(self.running().items()):
            tracked.end()
            ended.append(name)
        self._path.unlink(missing_ok=True)
        return ended


def _stat(pid: int) -> tuple[str, int | None]:
    """State and start time of a process; an empty state when there is none."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "", None
    return after_name[0], int(after_name[19])


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
