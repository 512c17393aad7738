"""Keeps the chain of deadline secrets on a memory-backed file system, so that it survives this process and no disk.

One file of mode 0600, replaced by rename; what stood there before is overwritten. It is not protected from whoever may
read this user's files or the machine's memory, and a machine with unencrypted swap may page it out: `swap_is_on` says
so at start.
"""

import fcntl
import os
import stat
from pathlib import Path

import msgspec

from audit_purge.domain.keeper import Chain, Destroyed

FILE_NAME = "custody.state"
_LOCK_NAME = "custody.lock"
_MEMORY_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs"})
# The list of epochs without a receipt grows while MongoDB is away: about 130 bytes a minute.
_MAX_BYTES = 4 * 1024 * 1024


class StateDirectoryError(Exception):
    """The directory cannot hold secrets; says what is wrong and which setting to change."""


class _Destroyed(msgspec.Struct, array_like=True):
    epoch: int
    destroyed_at: float
    commitment: bytes
    chain_id: bytes


class _State(msgspec.Struct, array_like=True):
    version: int
    chain_id: bytes
    first_epoch: int
    epoch: int
    secret: bytes
    unreceipted: list[_Destroyed]


_VERSION = 1


class MemoryBackedState:
    """The saved chain of one keeper; two processes cannot hold the same directory at once."""

    def __init__(self, directory: Path, *, any_file_system: bool = False) -> None:
        """Creates the directory (mode 0700) where it is absent, checks it and locks it until `close`.

        `any_file_system` is for tests on machines without tmpfs.

        Raises:
            StateDirectoryError: not memory-backed, not this user's, open to others, or held by another process.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = directory.lstat()
        except OSError as error:
            raise StateDirectoryError(f"SHIRUSHI_STATE_DIR cannot be used: {os.strerror(error.errno or 0)}") from error
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise StateDirectoryError("SHIRUSHI_STATE_DIR is not a directory of this user")
        if status.st_mode & 0o077:
            raise StateDirectoryError("SHIRUSHI_STATE_DIR is open to other users; its mode must be 0700")
        if not any_file_system and file_system_type(directory) not in _MEMORY_FILE_SYSTEMS:
            raise StateDirectoryError(
                "SHIRUSHI_STATE_DIR is not on a memory-backed file system (tmpfs): secrets would reach a disk"
            )
        self._path = directory / FILE_NAME
        self._lock = os.open(directory / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise StateDirectoryError("SHIRUSHI_STATE_DIR is held by another process") from error
        for left_over in directory.glob(FILE_NAME + ".*"):
            # A process was killed between writing and renaming; the older state still stands and is the true one.
            _overwrite_and_unlink(left_over)

    def close(self) -> None:
        """Lets another process hold the directory; the state stays."""
        os.close(self._lock)

    def load(self) -> tuple[Chain, list[Destroyed]] | None:
        """Returns what was saved; nothing when it is absent or unreadable, which is overwritten then."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            raw = file.read(_MAX_BYTES + 1)
        try:
            state = msgspec.msgpack.decode(raw, type=_State)
            if state.version != _VERSION:
                raise ValueError("unknown version of the state")  # noqa: TRY301 - ends as what cannot be read
            chain = Chain(state.chain_id, state.first_epoch, state.epoch, bytearray(state.secret))
        except (ValueError, msgspec.MsgspecError):
            _overwrite_and_unlink(self._path)
            return None
        return chain, [Destroyed(d.epoch, d.destroyed_at, d.commitment, d.chain_id) for d in state.unreceipted]

    def save(self, chain: Chain, unreceipted: list[Destroyed]) -> None:
        """Replaces the state atomically and overwrites the bytes of the one before.

        Raises:
            OSError: the file system is full or gone.
        """
        raw = msgspec.msgpack.encode(
            _State(
                version=_VERSION,
                chain_id=chain.chain_id,
                first_epoch=chain.first_epoch,
                epoch=chain.epoch,
                secret=bytes(chain.secret),
                unreceipted=[_Destroyed(d.epoch, d.destroyed_at, d.commitment, d.chain_id) for d in unreceipted],
            )
        )
        fresh = self._path.with_name(f"{FILE_NAME}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(raw)
            before = _open_for_overwriting(self._path)
            fresh.replace(self._path)
        except BaseException:
            _overwrite_and_unlink(fresh)
            raise
        if before is not None:
            _overwrite_and_close(before)

    def drop(self) -> None:
        """Overwrites the saved state and leaves none."""
        _overwrite_and_unlink(self._path)


def file_system_type(directory: Path) -> str:
    """The type of the file system that holds a directory, from /proc/self/mountinfo; "unknown" where that is absent."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    device = directory.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in lines:
        mount, _, source = line.partition(" - ")
        if mount.split(" ")[2] == wanted:
            return source.split(" ")[0]
    return "unknown"


def swap_is_on() -> bool:
    """Whether the machine has swap space, to which memory-backed files may be paged out."""
    try:
        return len(Path("/proc/swaps").read_text(encoding="utf-8").splitlines()) > 1
    except OSError:
        return False


def _open_for_overwriting(path: Path) -> int | None:
    try:
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None


def _overwrite_and_close(descriptor: int) -> None:
    try:
        os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
    finally:
        os.close(descriptor)


def _overwrite_and_unlink(path: Path) -> None:
    descriptor = _open_for_overwriting(path)
    if descriptor is not None:
        path.unlink()
        _overwrite_and_close(descriptor)
