"""How often the gate cries wolf, what it overlooks and what it finds: before and now side by side.

    python benchmarks/false_alarms.py                               a few minutes on two cores
    python benchmarks/false_alarms.py --repeats 1000                the figures of the manual
    python benchmarks/false_alarms.py --only power --repeats 4000   one table
    python benchmarks/false_alarms.py --sessions 10                 real sessions of pytest besides

Every simulated pull request compares a baseline with a candidate, by the functions that sessions use. A case's chance
to fail follows Beta(0.75 m, 0.75 (1 - m)): at m = 0.2 more than half of the 250 cases nearly always pass, some always
fail, and the rest are flaky. *Before* is the gate that scored surprise, in `before.py`. Exits with 1 when a bar is
missed by more than two standard errors.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gate_speed import kept_time
from gate_tables import TABLES, Row
from real_sessions import agree

CHUNK = 10


class Counted(NamedTuple):
    """So many pull requests of one row; how often what is counted happened, and the candidate's answers per case."""

    repeats: int
    before: int
    now: int
    samples: float


def chunk(job: tuple[str, int, int, int, int]) -> Counted:
    """Simulate some pull requests of a row: a process of its own may do that."""
    table, place, seed, number, repeats = job
    row = next(islice(TABLES[table][1](), place, None))
    rng = random.Random(f"{seed} {table} {place} {number}")
    seen = [row.simulate(rng) for _ in range(repeats)]
    return Counted(repeats, *(sum(column) for column in zip(*seen, strict=True)))


def counted(name: str, repeats: int, seed: int, pool: ProcessPoolExecutor) -> Iterator[tuple[Row, Counted]]:
    """Every row of a table with its counts."""
    rows = list(TABLES[name][1]())
    parts = [min(CHUNK, repeats - start) for start in range(0, repeats, CHUNK)]
    jobs = [(name, place, seed, number, part) for place in range(len(rows)) for number, part in enumerate(parts)]
    results = pool.map(chunk, jobs)
    for row in rows:
        found = list(islice(results, len(parts)))
        yield row, Counted(*(sum(column) for column in zip(*found, strict=True)))


def standard_error(share: float, repeats: int) -> float:
    """Of a share, as a fraction; never 0, since no number of repeats shows that something never happens."""
    return math.sqrt(max(share * (1 - share), 0.25 / repeats) / repeats)


def missed(row: Row, share: float, repeats: int) -> bool:
    """Whether a bar is missed by more than two standard errors."""
    if row.at_most is not None:
        bar = row.at_most / 100
        return share > bar + 2 * standard_error(bar, repeats)
    if row.at_least is not None:
        bar = row.at_least / 100
        return share < bar - 2 * standard_error(bar, repeats)
    return False


def cell(count: int, repeats: int) -> str:
    share = count / repeats
    return f"{100 * share:.1f} +-{100 * standard_error(share, repeats):.1f}"


def print_table(name: str, repeats: int, seed: int, pool: ProcessPoolExecutor) -> bool:
    """Print one table; whether every bar is kept."""
    print(f"\n{name.upper()}: {TABLES[name][0]}, % of {repeats} (+- standard error)\n")
    print(f"{'':38} {'answers':12} {'before':>10}  {'now':>10}  {'bar':>7}  {'drawn':>5}".rstrip())
    print("-" * 90)
    kept = True
    for row, count in counted(name, repeats, seed, pool):
        over = missed(row, count.now / repeats, repeats)
        kept = kept and not over
        bar = f"<= {row.at_most:g}" if row.at_most is not None else f">= {row.at_least:g}" if row.at_least else ""
        drawn = f"{count.samples / repeats:.2f}" if count.samples else ""
        line = f"{row.what:38} {row.plan:12} {cell(count.before, repeats):>10}  {cell(count.now, repeats):>10}"
        print(f"{line}  {bar:>7}  {drawn:>5}{'  MISSED' if over else ''}".rstrip(), flush=True)
    return kept


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure false alarms and power of the gate by simulation")
    parser.add_argument("--only", choices=[*TABLES, "speed"], action="append", help="a table; may be given again")
    parser.add_argument("--repeats", type=int, default=100, help="pull requests per line (default: 100)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sessions", type=int, default=0, help="run so many real sessions of pytest instead")
    options = parser.parse_args(arguments)
    if options.repeats < 1:
        parser.error("--repeats is at least 1")
    if options.sessions:
        return 0 if agree(options.sessions, options.seed) else 1
    started = time.monotonic()
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    names = options.only or [*TABLES, "speed"]
    with ProcessPoolExecutor(workers) as pool:
        kept = [print_table(name, options.repeats, options.seed, pool) for name in names if name in TABLES]
    if "speed" in names:
        kept.append(kept_time())
    print(f"\n{time.monotonic() - started:.0f} s in {workers} processes, seed {options.seed}")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    raise SystemExit(main())
