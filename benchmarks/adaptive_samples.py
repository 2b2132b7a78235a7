"""What ``--llm-samples=auto`` spares, and whether it finds what ten samples everywhere find.

    python benchmarks/adaptive_samples.py [suites]

Simulated suites of 250 cases whose failures have 8 categories. A case's chance to fail is drawn from a Beta
distribution of mean 20 %: most are reliable, some flaky. Both sides draw ten samples; the first look sees three.
"""

from __future__ import annotations

import random
import sys
from typing import NamedTuple

from pytest_llmeval.analysis.adaptive import AT_FIRST, AT_MOST
from pytest_llmeval.analysis.compare import gate_rules
from pytest_llmeval.stats.gate import failing, judge, undecided
from pytest_llmeval.stats.strata import Stratum

CASES, CATEGORIES = 250, 8
RULES = gate_rules("baseline", "candidate")


class Suite(NamedTuple):
    """What came out of one simulated suite: whether more was drawn, and whether each plan failed the gate."""

    topped_up: bool
    adaptive: bool
    most: bool
    few: bool


def simulate(seed: int, *, broken: int = 0, spread: float = 0.0) -> Suite:
    """One suite.

    Args:
        seed: of the random numbers.
        broken: how many of the most reliable cases always fail under the candidate.
        spread: the chance of one more failure in every answer of the candidate.
    """
    chance = random.Random(seed)
    cases = sorted((chance.betavariate(0.15, 0.6), chance.randrange(CATEGORIES)) for _ in range(CASES))

    def answer(place: int, *, candidate: bool) -> int | None:
        rate, category = cases[place]
        if candidate and place < broken:
            return 0
        if chance.random() < rate:
            return category
        return 0 if candidate and chance.random() < spread else None

    sides = [
        [[answer(place, candidate=candidate) for _ in range(AT_MOST)] for place in range(CASES)]
        for candidate in (False, True)
    ]

    def verdicts(n: int) -> dict[str, list[Stratum]]:
        return {
            str(category): [
                Stratum(old[:n].count(category), n, new[:n].count(category), n) for old, new in zip(*sides, strict=True)
            ]
            for category in range(CATEGORIES)
        }

    first, last = judge(verdicts(AT_FIRST), RULES), judge(verdicts(AT_MOST), RULES)
    more = bool(undecided(first, RULES))
    return Suite(more, more and bool(failing(last)), bool(failing(last)), bool(failing(first)))


def main() -> None:
    """Print a table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    kinds: dict[str, tuple[int, float]] = {
        "nothing changed": (0, 0.0),
        "4 broken cases": (4, 0.0),
        "+3 points, spread": (0, 0.03),
    }
    print(f"{'':20}{'samples':>9}{'red: auto':>11}{'10':>7}{'3':>7}")
    for name, (broken, spread) in kinds.items():
        suites = [
            simulate(seed, broken=broken, spread=spread) for seed in range(count if name[0] == "n" else count // 4)
        ]
        shares = [sum(column) / len(suites) for column in zip(*suites, strict=True)]
        drawn = AT_FIRST + (AT_MOST - AT_FIRST) * shares[0]
        print(f"{name:20}{drawn:9.2f}{shares[1]:11.1%}{shares[2]:7.1%}{shares[3]:7.1%}")


if __name__ == "__main__":
    main()
