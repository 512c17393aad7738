"""CPU and memory of the sandbox's processes, read from /proc."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
KIB = 1024
SERVICES = ("gateway", "challenge", "verifier", "pseudonym", "audit-purge")
STORES = ("kafka", "mongod")


@dataclass(frozen=True)
class Usage:
    """What one process has used: CPU in milliseconds since it began, resident memory in MB now."""

    cpu_ms: float
    rss_mb: float


def usage(pid: int) -> Usage:
    # The command name may hold spaces: fields are counted from behind its closing parenthesis.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Usage(ticks * 1000 / TICKS_A_SECOND, pages * os.sysconf("SC_PAGE_SIZE") / KIB / KIB)


def pids(run: Path) -> dict[str, int]:
    """The sandbox's processes by name, from the supervisor's pid files."""
    found = {}
    for file in sorted(run.glob("*.pid")):
        pid = int(file.read_text().split()[0])
        if file.stem != "supervisor" and Path(f"/proc/{pid}").exists():
            found[file.stem] = pid
    return found


def snapshot(run: Path) -> dict[str, Usage]:
    """Usage by process, the load generator (this process) included."""
    usages = {name: usage(pid) for name, pid in pids(run).items()}
    return usages | {"load generator": usage(os.getpid())}


def kind(name: str) -> str:
    """The service behind an instance's name: `gateway-1` is a `gateway`."""
    stem, _, ordinal = name.rpartition("-")
    return stem if ordinal.isdigit() else name


def cpu_between(before: dict[str, Usage], after: dict[str, Usage]) -> dict[str, float]:
    """CPU milliseconds used by each kind of process."""
    spent: dict[str, float] = {}
    for name, now in after.items():
        if name in before:
            spent[kind(name)] = spent.get(kind(name), 0.0) + now.cpu_ms - before[name].cpu_ms
    return spent


def machine() -> dict[str, str]:
    """Facts without which no number means anything."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    total = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "processor": f"{model}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{total / KIB / KIB:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
    }
