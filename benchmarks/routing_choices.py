"""How often a task is routed to a model that is worse, by the rule of before and by that of now.

    python benchmarks/routing_choices.py                       two minutes on two cores
    python benchmarks/routing_choices.py --repeats 2000

Every simulated task has 25 to 60 cases of three samples, production, and one or more candidates that cost less. A
case's chance to fail follows Beta(0.75 m, 0.75 (1 - m)), with m drawn from 2, 5, 10 and 20 %. A candidate is worse by 5
or 10 points on these cases: every case fails more often, or whole cases break. The choice is that of
`pytest_llmeval.analysis.routing.route` over comparisons that `pytest_llmeval.analysis.compare.compare` made.

Before, a candidate fitted that was not shown to be worse, where a rise by 20 points would have been found.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pytest_llmeval.analysis.compare import Side, compare
from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.analysis.plan import Expected, smallest_rise
from pytest_llmeval.analysis.routing import route
from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult

BAR = 3.0
CHUNK = 10
PRODUCTION = "production"
CASES, RATES = (25, 30, 45, 60), (0.02, 0.05, 0.10, 0.20)
CATEGORIES = ("wrong_answer", "format", "hallucination")

# Name and points; "broken" raises the rate by whole cases. The first candidate of a task is the cheapest.
Candidate = tuple[str, int]
TASKS: dict[str, tuple[Candidate, ...]] = {
    "better by 5": (("spread", -5),),
    "equal": (("spread", 0),),
    "worse by 5": (("spread", 5),),
    "worse by 5, whole cases": (("broken", 5),),
    "worse by 10": (("spread", 10),),
    "worse by 10, whole cases": (("broken", 10),),
    "10, 5, equal, better": (("spread", 10), ("broken", 5), ("spread", 0), ("spread", -5)),
    "10, 5 and 5": (("broken", 10), ("spread", 5), ("broken", 5)),
}


class Setting(NamedTuple):
    """The tasks of one line."""

    name: str
    samples: int = 3
    cases: tuple[int, ...] = CASES


class Chosen(NamedTuple):
    """How many points the chosen model is worse by, None for production."""

    before: int | None
    now: int | None


def simulate_routing(setting: Setting, rng: random.Random) -> Chosen:
    """Route one task by both rules."""
    candidates = TASKS[setting.name]
    mean = rng.choice(RATES)
    rates = [rng.betavariate(0.75 * mean, 0.75 * (1 - mean)) for _ in range(rng.choice(setting.cases))]
    baseline = Side(PRODUCTION, _results(PRODUCTION, rates, setting.samples, 1.0, rng))
    comparisons = []
    for number, (how, points) in enumerate(candidates):
        name = f"{number} {points}"
        answers = _results(name, _changed(rates, how, points / 100, rng), setting.samples, 0.1 * (1 + number), rng)
        comparisons.append(compare(baseline, Side(name, answers)))
    [now] = route({"": comparisons})
    before = next((each.candidate.model for each in comparisons if _fitted(each)), None)
    return Chosen(*(_points(model) for model in (before, now.model)))


def _points(model: str | None) -> int | None:
    return None if model in (None, PRODUCTION) else int(str(model).split()[1])


def _changed(rates: Sequence[float], how: str, points: float, rng: random.Random) -> list[float]:
    """The rates of a model whose mean is higher by some points, or lower where there is room."""
    mean = sum(rates) / len(rates)
    if points <= 0:
        return [rate * max(0.0, 1 + points / mean) for rate in rates] if mean else list(rates)
    if how == "spread":
        return [rate + (1 - rate) * min(1.0, points / (1 - mean)) for rate in rates]
    changed, missing = list(rates), points * len(rates)
    for case in rng.sample(range(len(rates)), len(rates)):
        rise = min(1 - changed[case], missing)
        changed[case] += rise
        missing -= rise
    return changed


def _results(
    model: str, rates: Sequence[float], samples: int, cost: float, rng: random.Random
) -> dict[CaseKey, CaseResult]:
    call = Call(
        provider="openai",
        request_model=model,
        words_digest="",
        answer=Answer(text="x"),
        measures=Measures(latency=1.0, cost=cost),
    )
    found = {}
    for number, rate in enumerate(rates):
        key = CaseKey("test_task.py::test_task", str(number))
        failing = [rng.random() < rate for _ in range(samples)]
        answers = [
            SampleResult(
                index=index,
                outcome="fail" if fails else "pass",
                category=CATEGORIES[number % len(CATEGORIES)] if fails else None,
                calls=(call,),
            )
            for index, fails in enumerate(failing)
        ]
        found[key] = CaseResult(key=key, model=model, samples=tuple(answers))
    return found


def _fitted(comparison: Comparison) -> bool:
    """The rule of before: not shown to be worse."""
    if comparison.gate != "passed" or any(row.word in ("REGRESSED", "INCONCLUSIVE") for row in comparison.rows):
        return False
    cases, total = len(comparison.compared), comparison.total
    if not cases or total.baseline_failed == total.baseline_judged:
        return False
    samples = total.baseline_judged // cases, total.candidate_judged // cases
    rate = Expected(name="", rate=total.baseline_failed / total.baseline_judged)
    found = smallest_rise(cases, *samples, rate, level=0.05)
    return found is not None and found <= 0.20


def chunk(job: tuple[Setting, int, int, int]) -> Counter[tuple[str, str]]:
    """Route some tasks of a setting: a process of its own may do that."""
    setting, seed, number, repeats = job
    rng = random.Random(f"{seed} {setting} {number}")
    counts: Counter[tuple[str, str]] = Counter()
    for _ in range(repeats):
        for rule, points in simulate_routing(setting, rng)._asdict().items():
            counts[rule, "worse"] += points is not None and points >= 5
            counts[rule, "as good"] += points is not None and points <= 0
    return counts


def share(count: int, repeats: int) -> str:
    """In percent with its standard error."""
    part = count / repeats
    return f"{100 * part:.1f} +-{100 * math.sqrt(max(part * (1 - part), 0.25 / repeats) / repeats):.1f}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure how often a task is routed to a worse model, by simulation")
    parser.add_argument("--repeats", type=int, default=200, help="tasks per line (default: 200)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error("--repeats is at least 1")
    started = time.monotonic()
    settings = [Setting(name) for name in TASKS] + [Setting("worse by 10", cases=(30,)), Setting("equal", 10)]
    parts = [min(CHUNK, options.repeats - start) for start in range(0, options.repeats, CHUNK)]
    print(f"ROUTING: % of {options.repeats} tasks that are moved (+- standard error)\n")
    print("                                   to a model at least        to a model that is")
    print("                                   5 points worse             as good or better")
    print("candidates                  plan     before         now     before         now")
    print("-" * 80)
    everything: Counter[tuple[str, str]] = Counter()
    lines = 0
    with ProcessPoolExecutor(os.cpu_count() or 1) as pool:
        for setting in settings:
            counts: Counter[tuple[str, str]] = Counter()
            for found in pool.map(chunk, [(setting, options.seed, number, part) for number, part in enumerate(parts)]):
                counts.update(found)
            cells = [
                share(counts[rule, how], options.repeats) for how in ("worse", "as good") for rule in ("before", "now")
            ]
            size = f"{min(setting.cases)}-{max(setting.cases)}" if len(setting.cases) > 1 else str(setting.cases[0])
            print(
                f"{setting.name:24} {f'{size}x{setting.samples}':>8} {cells[0]:>10} {cells[1]:>11}"
                f" {cells[2]:>10} {cells[3]:>11}".rstrip(),
                flush=True,
            )
            if any(points >= 5 for _, points in TASKS[setting.name]):
                everything.update(counts)
                lines += 1
    print("-" * 80)
    repeats = lines * options.repeats
    before, now = (share(everything[rule, "worse"], repeats) for rule in ("before", "now"))
    print(f"all with a worse candidate: {before} before, {now} now; the bar is {BAR:.0f}")
    print(f"{time.monotonic() - started:.0f} s, seed {options.seed}")
    return 0 if 100 * everything["now", "worse"] <= BAR * repeats else 1


if __name__ == "__main__":
    raise SystemExit(main())
