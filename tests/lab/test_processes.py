import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.environment import inherited
from lab.process import ServerError, Servers, answers, free_port, interruptible, succeeds

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


def alive(pid: int) -> bool:
    """Whether a process of that id exists and is no zombie."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_a_server_is_ready_when_its_url_answers(tmp_path: Path) -> None:
    """Waiting ends with the first good answer."""
    port = free_port()
    with Servers(tmp_path) as servers:
        files = servers.start("files", [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"])
        files.wait_until(answers(f"http://127.0.0.1:{port}/"), within=10)
        assert files.running
    assert not files.running


def test_a_server_that_ends_early_is_reported_with_its_last_words(tmp_path: Path) -> None:
    """The error says what the log says, at once and not at the deadline."""
    started = time.monotonic()
    code = "import sys; print('port taken', file=sys.stderr); sys.exit(3)"
    with Servers(tmp_path) as servers, pytest.raises(ServerError, match=r"broken ended with 3: .*port taken"):
        servers.start("broken", [sys.executable, "-c", code]).wait_until(lambda: False, within=20)
    assert time.monotonic() - started < 10


def test_waiting_ends_at_the_deadline(tmp_path: Path) -> None:
    """A server that never answers is an error after the time given."""
    with Servers(tmp_path) as servers, pytest.raises(ServerError, match=r"silent was not ready within 0.2 s"):
        servers.start("silent", SLEEPER).wait_until(answers(f"http://127.0.0.1:{free_port()}/"), within=0.2)


def test_the_first_line_of_output_can_be_waited_for(tmp_path: Path) -> None:
    """A server that announces itself on its standard output is read up to the end of that line."""
    code = (
        "import time; print('half', end='', flush=True); time.sleep(.2); print(' line\\n', flush=True); time.sleep(60)"
    )
    with Servers(tmp_path) as servers:
        assert servers.start("herald", [sys.executable, "-c", code]).first_line(within=10) == "half line"


def test_every_server_ends_when_the_block_fails(tmp_path: Path) -> None:
    """An exception leaves no process behind."""
    pids: list[int] = []

    def fail() -> None:
        with Servers(tmp_path) as servers:
            pids.extend(servers.start(f"sleeper-{number}", SLEEPER).pid for number in range(2))
            raise RuntimeError("the script failed")

    with pytest.raises(RuntimeError, match="the script failed"):
        fail()
    assert len(pids) == 2
    assert not any(alive(pid) for pid in pids)


def test_a_stubborn_server_and_its_children_are_killed(tmp_path: Path) -> None:
    """What ignores SIGTERM gets SIGKILL after the grace, together with the processes it started."""
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    with Servers(tmp_path) as servers:
        stubborn = servers.start("stubborn", [sys.executable, "-c", code])
        child = int(stubborn.first_line(within=10))
        assert stubborn.stop(grace=0.2) == -signal.SIGKILL
        deadline = time.monotonic() + 5
        while alive(child) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not alive(child)


def test_a_terminated_parent_ends_its_servers(tmp_path: Path) -> None:
    """SIGTERM to the process that runs the servers ends them as Ctrl-C would."""
    code = f"""
import sys, time
from pathlib import Path
from lab.process import Servers, interruptible
with interruptible(), Servers(Path({str(tmp_path)!r})) as servers:
    print(servers.start("sleeper", {SLEEPER!r}).pid, flush=True)
    time.sleep(60)
"""
    argv = [sys.executable, "-c", code]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.terminate()
        parent.communicate(timeout=20)
    assert not alive(pid)


def test_interruptible_puts_the_old_handler_back() -> None:
    """Outside of the block SIGTERM means what it meant before."""
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_free_port_can_be_listened_on() -> None:
    """The port given is free on loopback."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))


@pytest.mark.parametrize(("code", "ready"), [("raise SystemExit(0)", True), ("raise SystemExit(1)", False)])
def test_a_command_can_tell_readiness(code: str, ready: bool) -> None:
    """Exit status 0 means ready."""
    assert succeeds([sys.executable, "-c", code])() is ready


def test_a_child_can_be_kept_from_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of a prefix are left out, those given are added."""
    monkeypatch.setenv("TRIAGE_DATABASE__URL", "postgresql://production")
    child = inherited({"TRIAGE_API__PORT": "1"}, without_prefix="TRIAGE_")
    assert "TRIAGE_DATABASE__URL" not in child
    assert child["TRIAGE_API__PORT"] == "1"
    assert child["PATH"]
