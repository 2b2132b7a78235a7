"""How long the gate takes for 300 cases in 15 categories with 10 answers on both sides."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from simulated import failing

from pytest_llmeval.stats import evidence
from pytest_llmeval.stats.gate import judge
from pytest_llmeval.stats.strata import Stratum

MOST = 0.100  # seconds
CASES, CATEGORIES, ANSWERS, SUITES = 300, 15, 10, 10


def kept_time() -> bool:
    """Print the time of the gate, in seconds of the processor; whether it is short enough with nothing computed yet."""
    rng = random.Random(1)
    cold, warm = [], []
    for _ in range(SUITES):
        strata = _suite(rng)
        for cache in (evidence.case_score, evidence.score_law, evidence.scores):
            cache.cache_clear()
        cold.append(_seconds(strata))
        warm.append(min(_seconds(strata) for _ in range(3)))
    print(f"\nSPEED: the gate over {CASES} cases, each in {CATEGORIES} categories, {ANSWERS} x {ANSWERS} answers")
    print(f"first time {1000 * _median(cold):.0f} ms, then {1000 * _median(warm):.0f} ms; the bar is {1000 * MOST:.0f}")
    return _median(cold) <= MOST


def _suite(rng: random.Random) -> dict[str, list[Stratum]]:
    """Every case can fail in any category; its failures are spread over a few."""
    found: dict[str, list[Stratum]] = {f"category {number}": [] for number in range(CATEGORIES)}
    for _ in range(CASES):
        rate = failing(rng)
        weights = [rng.gammavariate(1 / CATEGORIES, 1.0) + 1e-12 for _ in found]
        old, new = (
            rng.choices(range(CATEGORIES), weights, k=sum(rng.random() < rate for _ in range(ANSWERS)))
            for _ in range(2)
        )
        for number, strata in enumerate(found.values()):
            strata.append(Stratum(old.count(number), ANSWERS, new.count(number), ANSWERS))
    return found


def _seconds(strata: dict[str, list[Stratum]]) -> float:
    started = time.process_time()
    judge(strata)
    return time.process_time() - started


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
