"""Simulated pull requests: cases that fail by chance, and what is planted in them."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pytest_llmeval.stats.strata import Stratum

PASSED = -1
LABELS = ("wrong_answer", "format", "hallucination", "refusal", "truncated", "tool_call", "inconsistent", "slow", "new")
LABEL_SHARES = (0.35, 0.20, 0.15, 0.10, 0.08, 0.06, 0.04, 0.02, 0.0)
FORMAT, HALLUCINATION, NEW = 1, 2, 8
TAGS = (
    (60, 0.10),
    (45, 0.15),
    (35, 0.05),
    (30, 0.25),
    (25, 0.20),
    (20, 0.30),
    (15, 0.10),
    (10, 0.20),
    (6, 0.25),
    (4, 0.15),
)
TARGET, TINY = 4, 9


@dataclass(frozen=True)
class Suite:
    """The cases of a simulated pull request.

    Attributes:
        rates: per case its chance to fail in each label.
        categories: per category its name, its cases and the label that counts.
    """

    rates: list[list[float]]
    categories: list[tuple[str, range, int]]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One line of a table.

    Attributes:
        suite: ``labels`` or ``tags``.
        baseline: samples per case, half of them from either of two runs where they copy each other.
        candidate: samples per case.
        screen: samples per case that decide whether the rest is drawn, 0 for drawing all at once.
        lock: the chance that all samples of a case in one run are copies of one.
        noise: the chance that a judge gives a failure another label.
        plant: what is planted, "" for nothing.
        reference: the figure the method was chosen by, in percent; "" where there is none.
    """

    suite: str = "labels"
    baseline: int
    candidate: int
    screen: int = 0
    lock: float = 0.0
    noise: float = 0.0
    plant: str = ""
    reference: str = ""

    @property
    def samples(self) -> str:
        return f"{self.baseline}x{f'{self.screen}..' if self.screen else ''}{self.candidate}"


def labels_suite(rng: random.Random) -> Suite:
    rates = []
    for _ in range(250):
        failing = rng.betavariate(0.75 * 0.2, 0.75 * 0.8)
        mixture = [rng.gammavariate(share, 1.0) if share else 0.0 for share in LABEL_SHARES]
        total = sum(mixture) or 1.0
        rates.append([failing * part / total for part in mixture])
    return Suite(rates, [(name, range(250), label) for label, name in enumerate(LABELS)])


def tags_suite(rng: random.Random) -> Suite:
    rates: list[list[float]] = []
    categories = []
    for number, (cases, mean) in enumerate(TAGS):
        categories.append((f"tag{number}", range(len(rates), len(rates) + cases), 0))
        rates += [[rng.betavariate(0.75 * mean, 0.75 * (1 - mean))] for _ in range(cases)]
    return Suite(rates, categories)


# What is planted: each makes the candidate's rates of those of the baseline.


def _raised(rates: list[float], label: int, share: float) -> list[float]:
    """Whatever a case did, it now fails in one label that much of the time instead."""
    return [rate * (1 - share) + (share if place == label else 0.0) for place, rate in enumerate(rates)]


def diffuse(suite: Suite, rng: random.Random, category: int, rise: float) -> None:
    """Every sample a bit worse."""
    _, cases, label = suite.categories[category]
    room = 1 - sum(suite.rates[case][label] for case in cases) / len(cases)
    for case in cases:
        suite.rates[case] = _raised(suite.rates[case], label, rise / room)


def concentrated(suite: Suite, rng: random.Random, category: int, rise: float) -> None:
    """Cases break one by one until the category's rate has risen that much."""
    _, cases, label = suite.categories[category]
    left = rise * len(cases)
    for case in rng.sample(cases, len(cases)):
        part = min(1.0, left / max(1e-9, 1 - suite.rates[case][label]))
        left -= part * (1 - suite.rates[case][label])
        suite.rates[case] = _raised(suite.rates[case], label, part)


def flips(suite: Suite, rng: random.Random, category: int, count: float) -> None:
    """The most reliable cases now always fail."""
    _, cases, label = suite.categories[category]
    for case in sorted(cases, key=lambda case: sum(suite.rates[case]))[: int(count)]:
        suite.rates[case] = _raised(suite.rates[case], label, 1.0)


def all_others_better(suite: Suite) -> None:
    suite.rates[:] = [[0.6 * rate for rate in rates] for rates in suite.rates]


def relabelled(suite: Suite) -> None:
    """Half of the format failures become hallucinations, the pass rate stays."""
    for rates in suite.rates:
        rates[HALLUCINATION] += rates[FORMAT] / 2
        rates[FORMAT] /= 2


def plant(setting: Setting, suite: Suite, rng: random.Random) -> int | None:
    """Change the suite's rates in place; the category that must turn red."""
    target = HALLUCINATION if setting.suite == "labels" else TARGET
    match setting.plant.split():
        case []:
            return None
        case ["diffuse", rise]:
            diffuse(suite, rng, target, float(rise) / 100)
        case ["concentrated", rise]:
            concentrated(suite, rng, target, float(rise) / 100)
        case [count, "cases", "flip"]:
            flips(suite, rng, target, float(count))
        case [count, "flip,", "rest", "better"]:
            all_others_better(suite)
            flips(suite, rng, target, float(count))
        case ["diffuse", rise, "rest", "better"]:
            diffuse(suite, rng, target, float(rise) / 100)
            kept = set(suite.categories[target][1])
            suite.rates[:] = [r if i in kept else [0.6 * x for x in r] for i, r in enumerate(suite.rates)]
        case [count, "of", "4", "flip"]:
            target = TINY
            flips(suite, rng, target, float(count))
        case ["new", "label", "in", count, "cases"]:
            target = NEW
            flips(suite, rng, target, float(count))
        case ["new", "label", "in", "1%"]:
            target = NEW
            diffuse(suite, rng, target, 0.01)
        case ["half", "relabelled"]:
            relabelled(suite)
        case other:
            raise ValueError(other)
    return target


def draw(suite: Suite, samples: int, setting: Setting, rng: random.Random) -> tuple[list[list[int]], list[list[int]]]:
    """The labels of every case's samples in one run; and the same without samples that are copies of another."""
    run, unlike = [], []
    names = len(LABELS) - 1
    for rates in suite.rates:
        failing = sum(rates)
        copied = setting.lock > 0 and rng.random() < setting.lock
        found = []
        for _ in range(1 if copied else samples):
            place = rng.random()
            if place >= failing:
                found.append(PASSED)
                continue
            label = next((label for label, end in enumerate(accumulate(rates)) if place < end), len(rates) - 1)
            if setting.noise and rng.random() < setting.noise:
                label = (label + 1 + rng.randrange(names - 1)) % names
            found.append(label)
        unlike.append(found)
        run.append(found * samples if copied else found)
    return run, unlike


def strata(suite: Suite, before: list[list[int]], after: list[list[int]]) -> dict[str, list[Stratum]]:
    return {
        name: [
            Stratum(before[case].count(label), len(before[case]), after[case].count(label), len(after[case]))
            for case in cases
        ]
        for name, cases, label in suite.categories
    }
