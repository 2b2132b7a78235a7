"""How often the intervals that rest on people's labels hold the truth.

    python benchmarks/label_coverage.py                        three minutes on one core
    python benchmarks/label_coverage.py --repeats 500

Runs, reviewers and shadow tests are drawn from known rates and labelled at random, as a review does it; the functions
of `pytest_llmeval.stats.labels` see the labels. It prints the share of simulations, in per cent, whose interval holds
the rate that was drawn from, and for a check also the rate in this very run. It exits with 1 when a share of a
corrected rate, a kappa or a difference is below 90.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pytest_llmeval.stats.labels import (
    LabelledPairs,
    LabelledPart,
    kappa,
    labelled_check,
    shadow_difference,
)

BAR = 90.0


class Check(NamedTuple):
    """A check: the share it flags, and the shares of bad answers among the flagged and among the passing."""

    flags: float
    precision: float
    missed: float

    @property
    def rate(self) -> float:
        """Of bad answers."""
        return self.flags * self.precision + (1 - self.flags) * self.missed

    @property
    def recall(self) -> float:
        """Of the check."""
        return self.flags * self.precision / self.rate


def number(drawn: random.Random, trials: int, chance: float) -> int:
    """How many of independent trials succeed: by the gaps between the rarer results."""
    if chance > 0.5:
        return trials - number(drawn, trials, 1 - chance)
    found, place = -1, 0
    while place <= trials:
        found += 1
        place += 1 + int(math.log(1 - drawn.random()) / math.log1p(-chance)) if chance > 0 else trials + 1
    return found


CHECKS = (
    Check(0.108, 0.7, 0.02),
    Check(0.3, 0.7, 0.02),
    Check(0.2, 0.3, 0.1),
    Check(0.1, 0.9, 0.01),
    Check(0.1, 0.5, 0.05),
    Check(0.02, 0.7, 0.02),
)


def runs_of(check: Check, answers: int, labels: int, repeats: int, seed: int) -> dict[str, float]:
    """The share of runs, in per cent, whose interval holds the truth, by figure; half of the labels in each part."""
    drawn = random.Random(seed)
    held: Counter[str] = Counter()
    measured: Counter[str] = Counter()
    for _ in range(repeats):
        flagged = number(drawn, answers, check.flags)
        sizes = (flagged, answers - flagged)
        bad = [number(drawn, size, rate) for size, rate in zip(sizes, (check.precision, check.missed), strict=True)]
        parts = []
        for size, wrong in zip(sizes, bad, strict=True):
            labelled = min(labels // 2, size)
            seen = sum(each < wrong for each in drawn.sample(range(size), labelled))
            parts.append(LabelledPart(size, labelled, seen))
        found = labelled_check(*parts)
        if found is None:
            continue
        truths = (
            ("precision", found.precision, check.precision),
            ("recall", found.recall, check.recall),
            ("rate", found.rate, check.rate),
            ("rate in the run", found.rate, sum(bad) / answers),
        )
        for name, estimate, truth in truths:
            if estimate is not None:
                measured[name] += 1
                held[name] += estimate.low - 1e-9 <= truth <= estimate.high + 1e-9
    return {name: 100 * held[name] / measured[name] for name in measured}


def reviewers(shares: Sequence[float], agreement: float, answers: int, repeats: int, seed: int) -> float:
    """The share of reviews, in per cent, whose interval holds the kappa that two reviewers with equal habits have."""
    drawn = random.Random(seed)
    held = measured = 0
    labels = range(len(shares))
    pairs = list(itertools.product(labels, labels))
    weights = [
        (1 - agreement) * shares[one] * shares[other] + agreement * shares[one] * (one == other) for one, other in pairs
    ]
    for _ in range(repeats):
        found = kappa(drawn.choices(pairs, weights, k=answers))
        if found is not None:
            measured += 1
            held += found.low <= agreement <= found.high
    return 100 * held / measured


class Shadow(NamedTuple):
    """Two models: the share of differing pairs, and of these the shares that are worse and better."""

    differ: float
    worse: float
    better: float


def shadow_tests(shadow: Shadow, requests: int, labels: int, repeats: int, seed: int) -> tuple[float, float]:
    """In per cent, how often the interval holds the true difference, and how often it lies above 0."""
    drawn = random.Random(seed)
    truth = shadow.differ * (shadow.worse - shadow.better)
    held = above = 0
    for _ in range(repeats):
        differing = number(drawn, requests, shadow.differ)
        labelled = min(labels, differing)
        worse = number(drawn, labelled, shadow.worse)
        better = number(drawn, labelled - worse, shadow.better / (1 - shadow.worse))
        found = shadow_difference(requests, differing, LabelledPairs(worse, better, labelled - worse - better, 0))
        if found is not None:
            held += found.low <= truth <= found.high
            above += found.low > 0
    return 100 * held / repeats, 100 * above / repeats


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    lowest = 100.0
    for check, answers, labels in itertools.product(CHECKS, (300, 1000, 10_000), (50, 100, 400)):
        shares = runs_of(check, answers, labels, options.repeats, options.seed)
        if "rate" in shares:
            lowest = min(lowest, shares["rate"], shares["rate in the run"])
        figures = "  ".join(f"{name} {share:.1f}" for name, share in shares.items())
        print(f"{check}, {answers} answers, {labels} labels: {figures}", flush=True)
    for shares, agreement, answers in itertools.product(
        ((0.5, 0.5), (0.2, 0.8), (0.1, 0.9), (0.7, 0.15, 0.1, 0.05)), (0.0, 0.3, 0.6, 0.8, 0.95), (20, 50, 100, 200)
    ):
        share = reviewers(shares, agreement, answers, options.repeats, options.seed)
        lowest = min(lowest, share)
        print(f"kappa {agreement} of labels {shares}, {answers} answers: {share:.1f}", flush=True)
    for shadow, (requests, labels) in itertools.product(
        (Shadow(0.12, 0.25, 0.12), Shadow(0.12, 0.2, 0.2), Shadow(0.4, 0.1, 0.02), Shadow(0.05, 0.3, 0.05)),
        ((200, 200), (1000, 50), (10_000, 200)),
    ):
        share, above = shadow_tests(shadow, requests, labels, options.repeats, options.seed)
        lowest = min(lowest, share)
        print(f"{shadow}, {requests} requests, {labels} labels: {share:.1f}, above 0 in {above:.1f}", flush=True)
    print(f"lowest: {lowest:.1f}")
    return int(lowest < BAR)


if __name__ == "__main__":
    sys.exit(main())
