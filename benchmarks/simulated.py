"""Simulated suites: cases that fail by chance, what a change does to them, and the answers that are drawn."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pytest_llmeval.analysis.compare import ALL_TOGETHER
from pytest_llmeval.analysis.groups import TOGETHER, together
from pytest_llmeval.stats.dependence import Dispersion
from pytest_llmeval.stats.gate import CategoryRule, CategoryVerdict, GateRules, judge
from pytest_llmeval.stats.outcomes import UNLABELLED, SampleOutcome, tabulate
from pytest_llmeval.stats.strata import Stratum

MEAN = 0.2
LABELS = {
    "wrong_answer": 0.35,
    "format": 0.20,
    "hallucination": 0.15,
    "refusal": 0.10,
    "truncated": 0.08,
    "tool_call": 0.06,
    "inconsistent": 0.04,
    "slow": 0.02,
}
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
PASSED = SampleOutcome(passed=True)
Answers = list[list[SampleOutcome]]
"""The answers of every case in one run."""


@dataclass(frozen=True)
class Suite:
    """The cases of a simulated pull request.

    Attributes:
        rates: per case its chance to fail in each category.
        names: of the error categories.
        target: the category that a planted regression is in.
        parts: per category of input its cases; empty where every case is in every error category.
    """

    rates: list[list[float]]
    names: tuple[str, ...]
    target: str
    parts: Mapping[str, range]

    @property
    def place(self) -> int:
        """The place of the target among a case's rates."""
        return 0 if self.parts else self.names.index(self.target)

    @property
    def cases(self) -> range:
        """The cases that a regression is planted in."""
        return self.parts[self.target] if self.parts else range(len(self.rates))


def failing(rng: random.Random, mean: float = MEAN) -> float:
    """A case's chance to fail: at a mean of 20 % most cases are reliable, some always fail, the others are flaky."""
    return rng.betavariate(0.75 * mean, 0.75 * (1 - mean))


def error_categories(rng: random.Random, cases: int = 250) -> Suite:
    """Every case can fail in any of 8 error categories."""
    rates = []
    for _ in range(cases):
        rate = failing(rng)
        mixture = [rng.gammavariate(share, 1.0) for share in LABELS.values()]
        total = sum(mixture) or 1.0
        rates.append([rate * part / total for part in mixture])
    return Suite(rates, tuple(LABELS), "hallucination", {})


def one_category(rng: random.Random, cases: int = 250) -> Suite:
    """Every case can fail in the one error category there is."""
    return Suite([[failing(rng)] for _ in range(cases)], ("wrong_answer",), "wrong_answer", {})


def input_categories(rng: random.Random) -> Suite:
    """Every case belongs to one of 10 categories of input, of 60 to 4 cases."""
    rates: list[list[float]] = []
    parts = {}
    for number, (cases, mean) in enumerate(TAGS):
        parts[f"input {number}"] = range(len(rates), len(rates) + cases)
        rates += [[failing(rng, mean)] for _ in range(cases)]
    return Suite(rates, (UNLABELLED,), "input 4", parts)


# What a change does.

Change = Callable[[Suite, random.Random], Suite]


def nothing(suite: Suite, rng: random.Random) -> Suite:
    return suite


def _raised(suite: Suite, shares: Mapping[int, float]) -> Suite:
    """Whatever these cases did, they now fail in the target category that much of the time instead."""
    rates = list(suite.rates)
    for case, share in shares.items():
        rates[case] = [
            rate * (1 - share) + (share if place == suite.place else 0.0) for place, rate in enumerate(rates[case])
        ]
    return replace(suite, rates=rates)


def worse(suite: Suite, rng: random.Random, *, points: float, cases: int = 0) -> Suite:
    """The answers to so many cases, of the target's ones, fail more often by so many points, spread over all of them.

    Args:
        suite: as it was.
        rng: the source of randomness.
        points: in percent.
        cases: how many get worse; 0 for all.
    """
    chosen = rng.sample(suite.cases, cases or len(suite.cases))
    room = 1 - sum(suite.rates[case][suite.place] for case in chosen) / len(chosen)
    return _raised(suite, dict.fromkeys(chosen, points / 100 / room))


def broken(suite: Suite, rng: random.Random, *, count: int) -> Suite:
    """The most reliable cases of the target now always fail."""
    reliable = sorted(suite.cases, key=lambda case: sum(suite.rates[case]))
    return _raised(suite, dict.fromkeys(reliable[:count], 1.0))


def reshuffled(suite: Suite, rng: random.Random, *, percent: int) -> Suite:
    """So many cases exchange their rates: other cases fail, no more of them than before."""
    rates = list(suite.rates)
    chosen = rng.sample(range(len(rates)), max(2, round(len(rates) * percent / 100)))
    given = rng.sample(chosen, len(chosen))
    for case, other in zip(chosen, given, strict=True):
        rates[case] = suite.rates[other]
    return replace(suite, rates=rates)


# What is drawn.


def draw(suite: Suite, samples: int, rng: random.Random, locked: float = 0.0) -> Answers:
    """The answers of one run.

    Args:
        suite: the cases.
        samples: per case.
        rng: the source of randomness.
        locked: the chance that all answers to a case are copies of one.
    """
    outcomes = [SampleOutcome(passed=False, categories=(name,)) for name in suite.names]
    if suite.parts:
        outcomes = [SampleOutcome(passed=False)]
    run = []
    for rates in suite.rates:
        if locked and rng.random() < locked:
            run.append([*_drawn(rates, outcomes, 1, rng)] * samples)
        else:
            run.append([*_drawn(rates, outcomes, samples, rng)])
    return run


def _drawn(
    rates: Sequence[float], outcomes: Sequence[SampleOutcome], samples: int, rng: random.Random
) -> Iterator[SampleOutcome]:
    ends = list(accumulate(rates))
    for _ in range(samples):
        place = rng.random()
        if place >= ends[-1]:
            yield PASSED
        else:
            yield next(outcome for outcome, end in zip(outcomes, ends, strict=True) if place < end)


def judged(
    suite: Suite,
    before: Answers,
    after: Answers,
    rules: GateRules,
    by_name: Mapping[str, CategoryRule] | None = None,
    found: Dispersion | None = None,
) -> dict[str, CategoryVerdict]:
    """What the gate makes of both sides: each category, and where there are error categories all of them together."""
    strata = strata_of(suite, before, after)
    each = {name: (by_name or {}).get(name, CategoryRule()) for name in strata}
    sides = dict(enumerate(before)), dict(enumerate(after))
    all_of_them = None if suite.parts else together(range(len(before)), sides, each, strata)
    if all_of_them is not None:
        strata[TOGETHER], each[TOGETHER] = all_of_them, ALL_TOGETHER
    return judge(strata, rules, each, dispersion=found)


def strata_of(suite: Suite, before: Answers, after: Answers) -> dict[str, Sequence[Stratum]]:
    """The strata of every category, counted as a session counts them."""
    counted = tabulate(dict(enumerate(before)), dict(enumerate(after))).categories
    if not suite.parts:
        return dict(counted)
    strata = counted.get(UNLABELLED, tuple(Stratum(0, len(y), 0, len(x)) for y, x in zip(before, after, strict=True)))
    return {name: strata[cases.start : cases.stop] for name, cases in suite.parts.items()}
