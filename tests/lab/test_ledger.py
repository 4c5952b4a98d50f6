import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.cluster.ledger import Ledger, Tracked

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that would go on for a minute."""
    with subprocess.Popen(SLEEPER, start_new_session=True) as process:
        yield process
        process.kill()


def test_what_was_recorded_is_ended(tmp_path: Path, sleeper: "subprocess.Popen[bytes]") -> None:
    """Another process, which has nothing but the file, ends it and forgets it."""
    Ledger(tmp_path / "processes.json").record("sleeper", sleeper.pid)
    assert list(Ledger(tmp_path / "processes.json").running()) == ["sleeper"]
    ledger = f"Ledger(Path({str(tmp_path)!r}, 'processes.json'))"
    code = f"from pathlib import Path; from lab.cluster.ledger import Ledger; {ledger}.end_all()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
    assert sleeper.wait(5) < 0
    assert Ledger(tmp_path / "processes.json").entries() == {}


def test_a_process_with_the_id_of_one_that_ended_is_let_alone(
    tmp_path: Path, sleeper: "subprocess.Popen[bytes]"
) -> None:
    """The start time tells them apart."""
    tracked = Tracked.of(sleeper.pid)
    other = tracked.model_copy(update={"started": tracked.started - 1})
    (tmp_path / "processes.json").write_text(f'{{"sleeper": {other.model_dump_json()}}}')
    assert Ledger(tmp_path / "processes.json").end_all() == []
    assert sleeper.poll() is None


def test_a_process_that_ended_does_not_run(sleeper: "subprocess.Popen[bytes]") -> None:
    """Nor does one that nobody has waited for yet; its memory is none."""
    tracked = Tracked.of(sleeper.pid)
    assert tracked.running
    assert tracked.memory > 0
    sleeper.kill()
    sleeper.wait()
    assert not tracked.running
    assert tracked.memory == 0
