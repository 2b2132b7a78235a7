"""One simulated pull request: what the gate of before and that of now make of it."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from before import LOOKS as LOOKS_BEFORE
from before import Word, judge_before
from simulated import Answers, Change, Suite, draw, judged, nothing, strata_of

from pytest_llmeval.analysis.adaptive import SAMPLES as LOOKS
from pytest_llmeval.analysis.compare import gate_rules
from pytest_llmeval.config.settings import CategorySettings
from pytest_llmeval.stats.dependence import dispersion
from pytest_llmeval.stats.gate import CategoryRule, CategoryVerdict, failing, undecided

V = TypeVar("V")


class Seen(NamedTuple):
    """What happened to one pull request.

    Attributes:
        before: whether the gate of before did what is counted.
        now: the same of the gate of today.
        samples: per case that the candidate drew, for today's gate; 0 where it is not counted.
    """

    before: bool
    now: bool
    samples: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many answers are drawn.

    Attributes:
        name: as in "10 x 3..10".
        stored: answers per case that the baseline has, 0 when it draws as many as the candidate in the same session.
        looks: the candidate's answers per case after which a category may ask for more, and the most there are.
        looks_before: the same for the gate of before.
        same: whether today's gate asks for more by the limit of before, so that the two plans are the same.
    """

    name: str
    stored: int
    looks: tuple[int, ...]
    looks_before: tuple[int, ...]
    same: bool = False


def fixed(stored: int, samples: int) -> Plan:
    """As many answers in every case."""
    return Plan(name=f"{stored} x {samples}", stored=stored, looks=(samples,), looks_before=(samples,))


def by_looks(stored: int) -> Plan:
    """The looks of today, beside the two of before."""
    name = f"{stored} x looks" if stored else "looks, both"
    return Plan(name=name, stored=stored, looks=LOOKS, looks_before=LOOKS_BEFORE)


def old_plan(stored: int) -> Plan:
    """The two looks of before, for both gates."""
    name = f"{stored} x 3..10" if stored else "3..10, both"
    return Plan(name=name, stored=stored, looks=LOOKS_BEFORE, looks_before=LOOKS_BEFORE, same=True)


def pull_request(
    rng: random.Random,
    *,
    suite: Callable[[random.Random], Suite],
    plan: Plan,
    change: Change = nothing,
    planted: bool = False,
    another_model: bool = False,
    severe: bool = False,
) -> Seen:
    """Whether the gates are red.

    Args:
        rng: the source of randomness.
        suite: makes the cases.
        plan: the numbers of answers.
        change: what the pull request does to the cases.
        planted: count red in the category that got worse, not red in any.
        another_model: whether the rules for another model count.
        severe: whether the target's severity is high.
    """
    old = suite(rng)
    new = change(old, rng)
    both = not plan.stored
    samples = max(*plan.looks, *plan.looks_before)
    baseline, candidate = draw(old, plan.stored or samples, rng), draw(new, samples, rng)
    # Before, a rise of a category of input had to be 5 points, and a higher p asked for more samples.
    limit, min_points = (0.10, 0.05) if old.parts else (0.05, 0.0)
    rules = gate_rules(another_model=another_model, both_drawn=both)
    by_name = {name: CategoryRule(part=True) for name in old.parts}
    if severe:
        by_name[old.target] = CategorySettings(severity="high").rule()
    severe_names = {old.target} if severe else set()

    def before(stored: Answers, shown: Answers) -> dict[str, Word]:
        strata = strata_of(old, stored, shown)
        return judge_before(strata, another_model=another_model, min_points=min_points, severe=severe_names)

    def unsettled_before(words: Mapping[str, Word], look: int) -> list[str]:
        return [name for name, word in words.items() if word.p <= limit]

    def now(stored: Answers, shown: Answers) -> dict[str, CategoryVerdict]:
        return judged(old, stored, shown, rules, by_name)

    def unsettled(verdicts: Mapping[str, CategoryVerdict], look: int) -> list[str]:
        if plan.same:
            return [name for name, verdict in verdicts.items() if verdict.p <= limit]
        # As `pytest_llmeval.analysis.adaptive` does: what would fail must have all of its answers.
        return [*undecided(verdicts, look), *failing(verdicts)]

    words, _ = after_looks(old, baseline, candidate, plan.looks_before, before, unsettled_before, both=both)
    verdicts, cost = after_looks(old, baseline, candidate, plan.looks, now, unsettled, both=both)
    red_before = [name for name, word in words.items() if word.word == "REGRESSED"]
    red = failing(verdicts)
    if planted:
        return Seen(old.target in red_before, old.target in red, cost)
    return Seen(bool(red_before), bool(red), cost)


def after_looks(
    suite: Suite,
    baseline: Answers,
    candidate: Answers,
    looks: Sequence[int],
    verdicts_of: Callable[[Answers, Answers], Mapping[str, V]],
    unsettled: Callable[[Mapping[str, V], int], Collection[str]],
    *,
    both: bool,
) -> tuple[Mapping[str, V], float]:
    """The verdicts when no category asks for more, and the candidate's answers per case.

    Args:
        suite: the cases.
        baseline: all answers there could be.
        candidate: the same.
        looks: as in `Plan`.
        verdicts_of: judges the answers of both sides.
        unsettled: the categories whose cases get more answers, by the verdicts and the number of looks before.
        both: whether the baseline draws as many as the candidate.
    """
    shown = [answers[: looks[0]] for answers in candidate]
    stored = [answers[: looks[0]] for answers in baseline] if both else baseline
    verdicts = verdicts_of(stored, shown)
    for look, samples in enumerate(looks[1:]):
        names = unsettled(verdicts, look)
        if not names:
            break
        cases = {case for name in names for case in suite.parts[name]} if suite.parts else range(len(shown))
        for case in cases:
            shown[case] = candidate[case][:samples]
            if both:
                stored[case] = baseline[case][:samples]
        verdicts = verdicts_of(stored, shown)
    return verdicts, sum(map(len, shown)) / len(shown)


def copies(rng: random.Random, *, suite: Callable[[random.Random], Suite], locked: float, samples: int) -> Seen:
    """Nothing changed, but some cases give one answer over and over in a run; two baseline runs of 5 are known.

    Args:
        rng: the source of randomness.
        suite: makes the cases.
        locked: the chance of a case to do that in a run.
        samples: the candidate's, per case.
    """
    cases = suite(rng)
    first, second = draw(cases, 5, rng, locked), draw(cases, 5, rng, locked)
    found = dispersion(stratum for rows in strata_of(cases, first, second).values() for stratum in rows)
    pooled = [one + two for one, two in zip(first, second, strict=True)]
    drawn = draw(cases, samples, rng, locked)
    words = judge_before(strata_of(cases, pooled, drawn), dispersion=found)
    verdicts = judged(cases, pooled, drawn, gate_rules(another_model=False), found=found)
    return Seen(any(word.word == "REGRESSED" for word in words.values()), bool(failing(verdicts)))
