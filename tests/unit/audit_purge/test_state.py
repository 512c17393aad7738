import contextlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from audit_purge.domain.keeper import Chain, Destroyed
from audit_purge.state import FILE_NAME, MemoryBackedState, StateDirectoryError, file_system_type

GONE = Destroyed(99, 5.5, b"c" * 32, b"i" * 16)


def chain(secret=b"s" * 32, epoch=100):
    return Chain(b"i" * 16, 90, epoch, bytearray(secret))


@pytest.fixture
def opened(tmp_path):
    states = []

    def open_(name="state"):
        states.append(MemoryBackedState(tmp_path / name, any_file_system=True))
        return states[-1]

    yield open_
    for state in states:
        with contextlib.suppress(OSError):
            state.close()


def test_what_was_saved_is_loaded(opened):
    state = opened()
    assert state.load() is None
    state.save(chain(), [GONE])
    loaded, unreceipted = state.load()
    assert (loaded.chain_id, loaded.first_epoch, loaded.epoch, loaded.secret) == (b"i" * 16, 90, 100, b"s" * 32)
    assert unreceipted == [GONE]


def test_the_files_are_this_user_s_alone(opened, tmp_path):
    state = opened()
    state.save(chain(), [])
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    for file in (tmp_path / "state").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_saving_overwrites_the_bytes_that_stood_there(opened, tmp_path):
    state = opened()
    state.save(chain(b"o" * 32), [])
    with (tmp_path / "state" / FILE_NAME).open("rb") as before:
        state.save(chain(b"n" * 32), [])
        assert before.read().strip(b"\0") == b""
    assert b"n" * 32 in (tmp_path / "state" / FILE_NAME).read_bytes()


def test_a_dropped_state_is_overwritten_and_absent(opened, tmp_path):
    state = opened()
    state.save(chain(b"o" * 32), [])
    with (tmp_path / "state" / FILE_NAME).open("rb") as before:
        state.drop()
        assert before.read().strip(b"\0") == b""
    assert state.load() is None
    state.drop()


def test_a_second_process_cannot_hold_the_directory(opened):
    opened()
    with pytest.raises(StateDirectoryError, match="another process"):
        opened()


def test_a_closed_state_can_be_held_again(opened):
    first = opened()
    first.save(chain(), [])
    first.close()
    assert opened().load() is not None


@pytest.mark.parametrize("rubbish", [b"", b"\x00", b"not a state", b"\x96\x02" + b"\xc0" * 5, b"\x90" * 4096])
def test_an_unreadable_state_counts_as_lost_and_is_overwritten(opened, tmp_path, rubbish):
    state = opened()
    (tmp_path / "state" / FILE_NAME).write_bytes(rubbish)
    assert state.load() is None
    assert not (tmp_path / "state" / FILE_NAME).exists()


def test_what_a_killed_process_left_half_written_is_removed_and_the_older_state_stands(opened, tmp_path):
    first = opened()
    first.save(chain(), [])
    first.close()
    (tmp_path / "state" / f"{FILE_NAME}.4711").write_bytes(b"half")
    again = opened()
    assert again.load()[0].epoch == 100
    assert not (tmp_path / "state" / f"{FILE_NAME}.4711").exists()


def test_a_directory_open_to_others_is_refused(tmp_path):
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "open").chmod(0o755)
    with pytest.raises(StateDirectoryError, match="0700"):
        MemoryBackedState(tmp_path / "open", any_file_system=True)


def test_a_link_to_a_directory_is_refused(tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(StateDirectoryError, match="not a directory"):
        MemoryBackedState(tmp_path / "link", any_file_system=True)


def test_a_directory_on_a_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("audit_purge.state.file_system_type", lambda _: "ext4")
    with pytest.raises(StateDirectoryError, match="memory-backed"):
        MemoryBackedState(tmp_path / "disk")


def test_memory_backed_storage_is_recognised():
    assert file_system_type(Path("/dev/shm")) in {"tmpfs", "ramfs"}
    assert file_system_type(Path("/proc")) == "proc"


KILLED = """
import os, signal, sys
from pathlib import Path
from audit_purge.domain.keeper import Chain
from audit_purge.state import MemoryBackedState
state = MemoryBackedState(Path(sys.argv[1]), any_file_system=True)
state.save(Chain(b"i" * 16, 1, 7, bytearray(b"k" * 32)), [])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_state_survives_kill_9_and_lets_the_next_process_in(opened, tmp_path):
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "state")], env=os.environ, check=False)
    assert killed.returncode == -9
    loaded, _ = opened().load()
    assert (loaded.epoch, loaded.secret) == (7, b"k" * 32)
