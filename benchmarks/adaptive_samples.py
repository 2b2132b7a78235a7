"""What ``--llm-samples=auto`` spares, and whether it finds what ten samples everywhere find.

    python benchmarks/adaptive_samples.py [suites]

Simulated suites of 250 cases whose failures have 8 categories. A case's chance to fail is drawn from a Beta
distribution of mean 20 %: most are reliable, some flaky. A saved baseline has ten samples of each case, and the
candidate alone draws; a baseline that is a model of the session draws as many as the candidate.
"""

from __future__ import annotations

import random
import sys
from typing import NamedTuple

from pytest_llmeval.analysis.adaptive import AT_FIRST, AT_MOST, SAMPLES
from pytest_llmeval.analysis.compare import gate_rules
from pytest_llmeval.stats.gate import CategoryVerdict, failing, judge, undecided
from pytest_llmeval.stats.strata import Stratum

CASES, CATEGORIES = 250, 8


class Suite(NamedTuple):
    """What came out of one simulated suite: the samples a case got, and whether each plan failed the gate."""

    samples: int
    looks: bool
    most: bool
    few: bool


def simulate(seed: int, *, saved: bool, broken: int = 0, spread: float = 0.0) -> Suite:
    """One suite.

    Args:
        seed: of the random numbers.
        saved: whether the baseline is a saved run.
        broken: how many of the most reliable cases always fail under the candidate.
        spread: the chance of one more failure in every answer of the candidate.
    """
    chance = random.Random(seed)
    cases = sorted((chance.betavariate(0.15, 0.6), chance.randrange(CATEGORIES)) for _ in range(CASES))
    rules = gate_rules(another_model=not saved, both_drawn=not saved)

    def answer(place: int, *, candidate: bool) -> int | None:
        rate, category = cases[place]
        if candidate and place < broken:
            return 0
        if chance.random() < rate:
            return category
        return 0 if candidate and chance.random() < spread else None

    before, after = (
        [[answer(place, candidate=candidate) for _ in range(AT_MOST)] for place in range(CASES)]
        for candidate in (False, True)
    )

    def verdicts(n: int) -> dict[str, CategoryVerdict]:
        stored = AT_MOST if saved else n
        pairs = [(old[:stored], new[:n]) for old, new in zip(before, after, strict=True)]
        strata = {
            str(category): [Stratum(old.count(category), stored, new.count(category), n) for old, new in pairs]
            for category in range(CATEGORIES)
        }
        return judge(strata, rules)

    few, most = verdicts(AT_FIRST), verdicts(AT_MOST)
    for look, samples in enumerate(SAMPLES):
        last = few if samples == AT_FIRST else most if samples == AT_MOST else verdicts(samples)
        if samples == AT_MOST or not (undecided(last, look) or failing(last)):
            return Suite(samples, bool(failing(last)), bool(failing(most)), bool(failing(few)))
    raise AssertionError("the last number of samples ends it")


def main() -> None:
    """Print a table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    kinds: dict[str, tuple[int, float]] = {
        "nothing changed": (0, 0.0),
        "4 broken cases": (4, 0.0),
        "+3 points, spread": (0, 0.03),
    }
    for baseline, saved in (("a saved run of 10 samples", True), ("a model of the session", False)):
        print(f"baseline: {baseline}")
        print(f"{'':20}{'suites':>7}{'samples':>9}{'red: auto':>11}{AT_MOST:>7}{AT_FIRST:>7}")
        for name, (broken, spread) in kinds.items():
            number = count if name == "nothing changed" else count // 4
            suites = [simulate(seed, saved=saved, broken=broken, spread=spread) for seed in range(number)]
            drawn, *shares = (sum(column) / number for column in zip(*suites, strict=True))
            print(f"{name:20}{number:7}{drawn:9.2f}{shares[0]:11.1%}{shares[1]:7.1%}{shares[2]:7.1%}")


if __name__ == "__main__":
    main()
