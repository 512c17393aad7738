"""What was measured, as tables for the terminal and for docs/benchmarks.md."""

from datetime import UTC, datetime

from bench.calibration import calibration
from bench.processes import SERVICES, STORES, kind, machine

BEGIN, END = "<!-- measured by bench/load.py: begin -->", "<!-- measured by bench/load.py: end -->"
HEAD = """# Benchmarks

How they are run: [bench/README.md](../bench/README.md). What is behind the numbers stands below the tables.

"""


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else float("nan")


def latencies(values):
    return " / ".join(f"{percentile(values, part):.0f}" for part in (0.5, 0.95, 0.99))


def table(head, rows):
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in lines)


def throughput(levels):
    rows = []
    for level in levels:
        done = len(level.whole) or 1
        services = sum(level.cpu_ms.get(name, 0.0) for name in SERVICES) / done
        stores = sum(level.cpu_ms.get(name, 0.0) for name in STORES) / done
        rows.append(
            [
                level.name,
                f"{level.rate:.1f}",
                latencies(level.redirect),
                latencies(level.whole),
                f"{services:.2f}",
                f"{stores:.2f}",
                f"{level.cpu_ms.get('load generator', 0.0) / done:.2f}",
                sum(level.failures.values()),
            ]
        )
    head = ["load", "logins/s", "answered → redirect, ms", "whole login, ms", "five services, CPU ms"]
    return table([*head, "Kafka + MongoDB, CPU ms", "load generator, CPU ms", "failed"], rows)


def cost(levels):
    best = max(levels, key=lambda level: level.rate)
    done = len(best.whole) or 1
    spent = sorted(best.cpu_ms.items(), key=lambda item: -item[1])
    rows = [[name, f"{ms / done:.2f}"] for name, ms in spent]
    return best, table(["process", "CPU ms a login"], rows)


def memory(idle, background, levels):
    loaded = {}
    for level in levels:
        for name, usage in level.after.items():
            loaded[name] = max(loaded.get(name, 0.0), usage.rss_mb)
    order = {name: index for index, name in enumerate([*SERVICES, *STORES])}
    names = sorted(idle, key=lambda name: (order.get(kind(name), len(order)), name))
    rows = [
        [name, f"{idle[name].rss_mb:.0f}", f"{loaded.get(name, 0.0):.0f}", f"{background.get(kind(name), 0.0):.1f}"]
        for name in names
    ]
    return table(["process", "idle, MB", "loaded, MB", "CPU when idle, % of a core"], rows)


def tables(idle, background, levels, options):
    best, costs = cost(levels)
    facts = "; ".join(f"{name}: {value}" for name, value in (machine() | calibration()).items())
    return f"""Measured {datetime.now(UTC):%Y-%m-%d} on one machine that runs everything, load generator included. {facts}.
Transport {options.transport}, {options.people} people in turn, {options.seconds:g} s a level; three figures are p50 / p95 / p99.
Each login is: authorization request, login page, claim, answer, return, code, token with private_key_jwt, userinfo.

{throughput(levels)}

Where the CPU goes at {best.name}:

{costs}

Resident memory, and what each costs when nobody logs in (this is part of every figure above):

{memory(idle, background, levels)}
"""


def write(page, text):
    """Puts the text between the markers and leaves the rest of the page alone."""
    old = page.read_text() if page.exists() else f"{HEAD}{BEGIN}\n{END}\n"
    before, _, rest = old.partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n{text}{END}{after}")
