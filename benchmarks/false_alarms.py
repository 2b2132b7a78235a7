"""How often the gate cries wolf, and how often it sees a planted regression.

    python benchmarks/false_alarms.py                          about a minute on two cores
    python benchmarks/false_alarms.py --repeats 4000           the figures of the manual

Every simulated pull request compares a baseline with a candidate of 250 cases. A case's chance to fail follows
Beta(0.75 m, 0.75 (1 - m)): at m = 0.2 more than half of the cases nearly always pass, some always fail, and the rest
are flaky. Two suites: in ``labels`` every case can fail in any of 8 error categories, as in a comparison of runs; in
``tags`` every case belongs to one of 10 categories of input of 60 to 4 cases. The verdict is that of
`pytest_llmeval.stats.gate.judge` with the rules `pytest_llmeval.analysis.compare` gives it.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from simulated import Setting, draw, labels_suite, plant, strata, tags_suite

from pytest_llmeval.analysis.compare import gate_rules
from pytest_llmeval.stats.dependence import Dispersion, dispersion
from pytest_llmeval.stats.gate import CategoryVerdict, Verdict, judge, undecided

BAR = 5.0
CHUNK = 25

# The rules of a changed prompt and of a swapped model; they differ in the floor only.
PROMPT, SWAP = gate_rules("same", "same"), gate_rules("one", "other")


class Alarm(NamedTuple):
    """Whether one verdict was red: under the rules of a changed prompt, and under those of a swapped model."""

    prompt: bool
    swap: bool


def simulate(setting: Setting, rng: random.Random) -> tuple[dict[str, Alarm], float]:
    """One pull request: the alarms by what is known about copies, and the candidate's samples per case."""
    old = labels_suite(rng) if setting.suite == "labels" else tags_suite(rng)
    new = replace(old, rates=[list(rates) for rates in old.rates])
    target = plant(setting, new, rng)
    name = None if target is None else old.categories[target][0]
    rules = PROMPT if setting.suite == "labels" else replace(PROMPT, min_points=0.05, top_up_p=0.10)
    candidate, unlike = draw(new, setting.candidate, setting, rng)
    if setting.lock:
        first, unlike_first = draw(old, setting.baseline // 2, setting, rng)
        second, unlike_second = draw(old, setting.baseline - setting.baseline // 2, setting, rng)
        both = [a + b for a, b in zip(first, second, strict=True)]
        categories = strata(old, both, candidate)
        phi = dispersion(stratum for rows in strata(old, first, second).values() for stratum in rows)
        known: dict[str, Dispersion | None] = {"nothing known": None, "two baseline runs": phi}
        alarms = {how: _alarm(judge(categories, rules, dispersion=runs), name) for how, runs in known.items()}
        # As `compare` does where answers are long enough for an equal one to be a copy.
        once = [a + b for a, b in zip(unlike_first, unlike_second, strict=True)]
        alarms["long answers"] = _alarm(judge(strata(old, once, unlike), rules), name)
        return alarms, setting.candidate
    baseline, _ = draw(old, setting.baseline, setting, rng)
    if not setting.screen:
        return {"": _alarm(judge(strata(old, baseline, candidate), rules), name)}, setting.candidate
    screened = [samples[: setting.screen] for samples in candidate]
    suspicious = set(undecided(judge(strata(old, baseline, screened), rules), rules))
    topped_up = {case for name, cases, _ in old.categories if name in suspicious for case in cases}
    shown = [candidate[case] if case in topped_up else screened[case] for case in range(len(candidate))]
    cost = sum(map(len, shown)) / len(shown)
    return {"": _alarm(judge(strata(old, baseline, shown), rules), name)}, cost


def _alarm(verdicts: dict[str, CategoryVerdict], name: str | None) -> Alarm:
    """Red at all, or red in the planted category."""
    red = [verdict for key, verdict in verdicts.items() if verdict.verdict is Verdict.REGRESSED and name in (None, key)]
    return Alarm(bool(red), any(verdict.net >= SWAP.min_cases - 1e-9 for verdict in red))


def chunk(job: tuple[Setting, int, int, int]) -> tuple[Counter[tuple[str, str]], float]:
    """Simulate some pull requests of a setting: a process of its own may do that."""
    setting, seed, number, repeats = job
    rng = random.Random(f"{seed} {setting} {number}")
    counts: Counter[tuple[str, str]] = Counter()
    cost = 0.0
    for _ in range(repeats):
        alarms, samples = simulate(setting, rng)
        cost += samples
        for how, alarm in alarms.items():
            counts[how, "prompt"] += alarm.prompt
            counts[how, "swap"] += alarm.swap
    return counts, cost


PLANS = ((1, 1, 0), (5, 5, 0), (10, 3, 0), (10, 5, 0), (10, 10, 0), (10, 10, 3))
NULL_TAGS = ("1.8", "3.3", "3.5", "4.3", "4.0", "1.9")
NULL_LABELS = ("", "", "", "4.6", "", "")
POWER_TAGS = {
    "diffuse 10": ("5", "44", "52", "68", "86", "78"),
    "diffuse 20": ("28", "97", "97", "100", "100", "100"),
    "concentrated 10": ("3", "85", "87", "97", "100", "96"),
    "concentrated 20": ("21", "100", "100", "", "", ""),
    "3 cases flip": ("4", "97", "98", "100", "100", "100"),
    "2 of 4 flip": ("0", "98", "98", "100", "100", "100"),
    "diffuse 20 rest better": ("25", "97", "98", "", "", ""),
}
POWER_LABELS = {
    "3 cases flip": ("", "72", "", "95", "", ""),
    "5 flip, rest better": ("", "61", "", "76", "", ""),
    "diffuse 2": ("", "70", "", "89", "", ""),
    "concentrated 2": ("",) * 6,
    "half relabelled": ("", "82", "", "95", "", ""),
    "new label in 2 cases": ("", "100", "", "100", "", ""),
    "new label in 1%": ("", "92", "", "100", "", ""),
}


def settings_of_nulls() -> Iterator[Setting]:
    for suite, figures in (("labels", NULL_LABELS), ("tags", NULL_TAGS)):
        for (baseline, candidate, screen), reference in zip(PLANS, figures, strict=True):
            yield Setting(suite=suite, baseline=baseline, candidate=candidate, screen=screen, reference=reference)
    yield Setting(baseline=10, candidate=5, noise=0.2, reference="4.6")
    for lock in (0.25, 0.5, 1.0):
        for candidate in (3, 5, 10):
            yield Setting(baseline=10, candidate=candidate, lock=lock)


def settings_of_power() -> Iterator[Setting]:
    for suite, plants in (("labels", POWER_LABELS), ("tags", POWER_TAGS)):
        for planted, figures in plants.items():
            for (baseline, candidate, screen), reference in zip(PLANS, figures, strict=True):
                yield Setting(
                    suite=suite,
                    baseline=baseline,
                    candidate=candidate,
                    screen=screen,
                    plant=planted,
                    reference=reference,
                )


def run_all(
    settings: Sequence[Setting], repeats: int, seed: int, pool: ProcessPoolExecutor
) -> Iterator[tuple[Setting, Counter[tuple[str, str]], float]]:
    """Every setting with its alarms and the mean number of the candidate's samples per case."""
    parts = [min(CHUNK, repeats - start) for start in range(0, repeats, CHUNK)]
    results = pool.map(chunk, [(each, seed, number, part) for each in settings for number, part in enumerate(parts)])
    for setting in settings:
        counts: Counter[tuple[str, str]] = Counter()
        cost = 0.0
        for found, spent in islice(results, len(parts)):
            counts.update(found)
            cost += spent
        yield setting, counts, cost / repeats


def rate(count: int, repeats: int) -> str:
    share = count / repeats
    error = math.sqrt(max(share * (1 - share), 0.25 / repeats) / repeats)
    return f"{f'{100 * share:.1f} +-{100 * error:.1f}':>11}"


def print_nulls(repeats: int, seed: int, pool: ProcessPoolExecutor) -> bool:
    """Print the false alarms; whether the bar is kept wherever samples are independent or two baseline runs exist."""
    print(f"FALSE ALARMS: % of {repeats} pull requests that change nothing (+- standard error)\n")
    print("suite  samples   copies of each other        prompt        model  samples  ref.")
    print("                                            changed      swapped   a case")
    print("-" * 80)
    kept = True
    for setting, counts, cost in run_all(list(settings_of_nulls()), repeats, seed, pool):
        for how in dict.fromkeys(how for how, _ in counts):
            told = f"{setting.lock:.0%}, {how}" if setting.lock else ("judge 20% wrong" if setting.noise else "none")
            share = counts[how, "prompt"] / repeats
            over = 100 * share > BAR + 200 * math.sqrt(BAR / 100 * (1 - BAR / 100) / repeats)
            kept = kept and (not over or how == "nothing known")
            cells = [
                rate(counts[how, "prompt"], repeats) + (" !" if over else "  "),
                rate(counts[how, "swap"], repeats),
            ]
            line = f"{setting.suite:6} {setting.samples:8}  {told:23} {' '.join(cells)}"
            print(f"{line}  {cost:6.2f} {setting.reference:>5}".rstrip(), flush=True)
    print("-" * 80)
    print(f"!: above {BAR:.0f} % by more than two standard errors\n")
    return kept


def row_of(cells: Sequence[str]) -> str:
    return "".join(f"{cell:>8}" for cell in cells[:-1]) + f"{cells[-1]:>10}"


def print_power(repeats: int, seed: int, pool: ProcessPoolExecutor) -> None:
    settings = list(settings_of_power())
    print(f"POWER: % of {repeats} pull requests with a planted regression that fail")
    print("first line: prompt changed; model swapped: a net rise of 3 cases is needed too\n")
    heads = [setting.samples for setting in settings[: len(PLANS)]]
    print(f"{'suite':6} {'planted':23}" + row_of(heads))
    print("-" * 80)
    results = run_all(settings, repeats, seed, pool)
    while found := list(islice(results, len(PLANS))):
        row = [setting for setting, _, _ in found]
        for kind in ("prompt", "swap"):
            cells = row_of([f"{100 * counts['', kind] / repeats:.0f}" for _, counts, _ in found])
            first = f"{row[0].suite:6} {row[0].plant:23}" if kind == "prompt" else f"{'':6} {'  model swapped':23}"
            print(first + cells)
        if any(setting.reference for setting in row):
            cells = row_of([setting.reference for setting in row])
            print(f"{'':6} {'  reference':23}{cells}".rstrip())
    print("-" * 80)
    print(f"standard error: at most {50 / math.sqrt(repeats):.1f}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure false alarms and power of the gate by simulation")
    parser.add_argument("--repeats", type=int, default=200, help="pull requests per null setting (default: 200)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error("--repeats is at least 1")
    started = time.monotonic()
    workers = os.cpu_count() or 1
    with ProcessPoolExecutor(workers) as pool:
        kept = print_nulls(options.repeats, options.seed, pool)
        print_power(max(1, options.repeats // 4), options.seed, pool)
    print(f"{time.monotonic() - started:.0f} s in {workers} processes, seed {options.seed}")
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
