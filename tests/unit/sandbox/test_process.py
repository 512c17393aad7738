"""A child process cannot outlive the sandbox, and only the sandbox's own leftovers are cleaned up."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sandbox.process import Child, ProcessDied, read_pid_file, stop_leftovers, write_own_pid_file

SLEEPER = (sys.executable, "-c", "import time; time.sleep(60)")
STUBBORN = (sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); print('up'); time.sleep(60)")


def child(tmp_path, command=SLEEPER, **more):
    return Child("child", command, tmp_path / "child.log", tmp_path / "child.pid", **more)


def gone(pid, seconds=5.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_child_is_not_started_from_a_thread_with_which_it_would_die(tmp_path):
    with ThreadPoolExecutor(1) as pool, pytest.raises(RuntimeError):
        pool.submit(child(tmp_path).start).result()


def test_a_child_runs_until_it_is_stopped(tmp_path):
    process = child(tmp_path)
    process.start()
    pid = process.pid
    assert read_pid_file(process.pid_file) == pid
    process.stop()
    assert not process.running
    assert gone(pid)
    assert not process.pid_file.exists()


def test_a_child_that_ignores_sigterm_is_killed_in_time(tmp_path):
    process = child(tmp_path, (STUBBORN[0], "-u", *STUBBORN[1:]))
    process.start()
    until(lambda: "up" in process.log.read_text())
    began = time.monotonic()
    process.stop(0.3)
    assert not process.running
    assert time.monotonic() - began < 5


def test_a_child_that_ends_by_itself_is_reported_with_the_end_of_its_log(tmp_path):
    process = child(tmp_path, (sys.executable, "-c", "raise SystemExit('the reason')"))
    process.start()
    until(lambda: not process.running)
    with pytest.raises(ProcessDied, match="exit code 1\n  the reason"):
        process.check_running()


def test_settings_of_this_process_do_not_reach_a_child(tmp_path, monkeypatch):
    monkeypatch.setenv("SHIRUSHI_LOG_LEVEL", "debug")
    show = "import os; print([name for name in os.environ if name.startswith('SHIRUSHI_')])"
    process = child(tmp_path, (sys.executable, "-c", show), environment={"SHIRUSHI_INSTANCE": "0"})
    process.start()
    until(lambda: not process.running)
    assert process.log.read_text().strip() == "['SHIRUSHI_INSTANCE']"


def test_a_child_dies_with_a_supervisor_that_is_killed(tmp_path):
    start = f"""
import sys, time
from pathlib import Path
from sandbox.process import Child
here = Path({str(tmp_path)!r})
Child("child", (sys.executable, "-c", "import time; time.sleep(60)"), here / "log", here / "child.pid").start()
print("started", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout.readline() == b"started\n"
        pid = read_pid_file(tmp_path / "child.pid")
        assert pid is not None
        supervisor.kill()
    assert gone(pid)


def test_a_child_whose_supervisor_died_before_the_kernel_knew_does_not_run(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 1)  # What is left of a supervisor that is gone: somebody else's child.
        process = child(tmp_path)
        process.start()
    until(lambda: not process.running)
    with pytest.raises(ProcessDied, match="exit code 1"):
        process.check_running()


def test_what_an_earlier_supervisor_left_is_killed_and_named(tmp_path):
    process = child(tmp_path)
    process.start()
    assert stop_leftovers(tmp_path) == ["child"]
    assert gone(process.pid or 0)
    process.stop()


def test_a_process_that_got_a_recycled_id_is_left_alone(tmp_path):
    with subprocess.Popen(SLEEPER) as stranger:
        (tmp_path / "child.pid").write_text(f"{stranger.pid} 1\n")
        assert stop_leftovers(tmp_path) == []
        assert stranger.poll() is None
        assert not (tmp_path / "child.pid").exists()
        stranger.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("content", ["", "x", "1", "x y", "1 2 3", "\x00"])
def test_a_broken_pid_file_names_nobody(tmp_path, content):
    (tmp_path / "child.pid").write_text(content)
    assert read_pid_file(tmp_path / "child.pid") is None


def test_a_process_finds_itself(tmp_path):
    write_own_pid_file(tmp_path / "own.pid")
    assert read_pid_file(tmp_path / "own.pid") == os.getpid()
