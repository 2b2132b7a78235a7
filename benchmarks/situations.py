"""What happens around a pull request: masked checks, equal texts, lost answers, small suites, drift and re-runs."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from before import judge_before
from pull_requests import LOOKS, Seen
from simulated import PASSED, Answers, Change, Suite, draw, failing, judged, one_category, strata_of, worse

from pytest_llmeval.analysis.compare import Side, compare, gate_rules
from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult
from pytest_llmeval.stats.gate import Verdict, judge
from pytest_llmeval.stats.gate import failing as red
from pytest_llmeval.stats.outcomes import SampleOutcome, tabulate

SAME_MODEL = gate_rules(another_model=False)


# Masking: the format is checked first, and what fails there is not examined for hallucinations.


def masked(rng: random.Random, *, formats: tuple[float, float], hallucinations: tuple[float, float]) -> Seen:
    """Whether hallucination is red.

    Args:
        rng: the source of randomness.
        formats: the mean shares of answers whose format is wrong, before and after.
        hallucinations: the same, of answers that invent something where the format is right.
    """
    cases = [(failing(rng, formats[0]), failing(rng, hallucinations[0])) for _ in range(250)]
    old = [_masked_answers(*rates, rng) for rates in cases]
    new = [_masked_answers(_moved(one, *formats), _moved(two, *hallucinations), rng) for one, two in cases]
    verdicts = judge(tabulate(dict(enumerate(old)), dict(enumerate(new))).categories, SAME_MODEL)
    plain = [[[answer._replace(examined=None) for answer in case] for case in side] for side in (old, new)]
    words = judge_before(tabulate(*(dict(enumerate(side)) for side in plain)).categories)
    return Seen(words["hallucination"].word == "REGRESSED", "hallucination" in red(verdicts))


def _masked_answers(wrong_format: float, invents: float, rng: random.Random) -> list[SampleOutcome]:
    checked, both = frozenset({"format"}), frozenset({"format", "hallucination"})
    wrong = SampleOutcome(passed=False, categories=("format",), examined=checked)
    invented = SampleOutcome(passed=False, categories=("hallucination",), examined=both)
    fine = SampleOutcome(passed=True, examined=both)
    return [wrong if rng.random() < wrong_format else invented if rng.random() < invents else fine for _ in range(10)]


def _moved(rate: float, before: float, after: float) -> float:
    """A case's rate after the mean has moved."""
    return rate * after / before if after <= before else rate + (1 - rate) * (after - before) / (1 - before)


# Texts and lost answers, through the comparison that sessions make.


def equal_texts(
    rng: random.Random,
    *,
    suite: Callable[[random.Random], Suite],
    stored: int,
    samples: int,
    change: Change | None = None,
) -> Seen:
    """Is the gate red where all right answers to a case are the same long text, though each was drawn for itself?

    Wrong answers differ. Before, equal texts of 200 characters or more counted once.
    """
    old = suite(rng)
    before, after = draw(old, stored, rng), draw(change(old, rng) if change else old, samples, rng)
    once = [[_once(case) for case in side] for side in (before, after)]
    words = judge_before(strata_of(old, *once))
    found = compare(Side("production", _results(before), saved="main"), Side("production", _results(after)))
    rows = {row.name: row.word for row in found.rows}
    counted = set(rows) if change is None else {old.target}
    return Seen(
        any(words[name].word == "REGRESSED" for name in counted & set(words)),
        any(rows.get(name) == "REGRESSED" for name in counted),
    )


def _once(case: list[SampleOutcome]) -> list[SampleOutcome]:
    wrong = [answer for answer in case if not answer.passed]
    return wrong if len(wrong) == len(case) else [PASSED, *wrong]


def lost(rng: random.Random, *, points: float) -> Seen:
    """75 of the candidate's 1,000 answers are lost: is the gate ok without a word?

    Args:
        rng: the source of randomness.
        points: by which every case got worse. Where it did, answers are lost that would have failed, else any.
    """
    old = one_category(rng, 100)
    before, after = draw(old, 10, rng), draw(worse(old, rng, points=points) if points else old, 10, rng)
    places = [(case, index) for case, answers in enumerate(after) for index in range(len(answers))]
    wrong = [(case, index) for case, index in places if not after[case][index].passed]
    for case, index in rng.sample(wrong if points else places, min(75, len(wrong))):
        after[case][index] = SampleOutcome(passed=False, error="timeout")
    judged = {name: rows for name, rows in strata_of(old, before, after).items() if not name.startswith("error:")}
    words = judge_before(judged)
    found = compare(Side("production", _results(before), saved="main"), Side("production", _results(after)))
    told = [*found.reasons, *found.notes, *(row.name for row in found.rows)]
    silent = found.gate == "passed" and not any("timeout" in line or "lost" in line for line in told)
    return Seen(not any(word.word == "REGRESSED" for word in words.values()), silent)


def _results(run: Answers) -> dict[CaseKey, CaseResult]:
    """The answers as a session keeps them: long, equal texts where they fare alike, each with an id of its own."""
    found = {}
    for case, answers in enumerate(run):
        key = CaseKey("test_it.py::test_it", str(case))
        samples = tuple(_sample(case, index, answer) for index, answer in enumerate(answers))
        found[key] = CaseResult(key=key, model="production", samples=samples)
    return found


def _sample(case: int, index: int, answer: SampleOutcome) -> SampleResult:
    if answer.error:
        return SampleResult(index, "error", answer.error, "no answer in time")
    category = answer.categories[0] if answer.categories else None
    text = f"Dear customer, this is about order {case}. " * 6 + (f"{category} {index}" if category else "")
    reply = Answer(text=text, response_id=f"{random.getrandbits(64):x}")
    call = Call(provider="openai", request_model="m", words_digest="", answer=reply, measures=Measures(latency=1.0))
    return SampleResult(index, "pass" if answer.passed else "fail", category, calls=(call,))


# Small suites.


def small(rng: random.Random, *, cases: int, samples: int, points: float) -> Seen:
    """Whether a suite of one category is OK under another model although every case got worse by so many points."""
    old = one_category(rng, cases)
    strata = strata_of(old, draw(old, samples, rng), draw(worse(old, rng, points=points), samples, rng))
    words = judge_before(strata, another_model=True)
    verdicts = judge(strata, gate_rules(another_model=True))
    name = old.target
    return Seen(
        name not in words or words[name].word == "OK",
        name not in verdicts or verdicts[name].verdict is Verdict.OK,
    )


# What happens over many merges and pushes.


def drift(rng: random.Random, *, merges: int, suite: Callable[[random.Random], Suite]) -> Seen:
    """Every merge makes all cases worse by a point: are so many merges together red, 10 answers on both sides?"""
    first = suite(rng)
    last = first
    for _ in range(merges):
        last = worse(last, rng, points=1)
    before, after = draw(first, 10, rng), draw(last, 10, rng)
    words, verdicts = judge_before(strata_of(first, before, after)), judged(first, before, after, SAME_MODEL)
    name = first.target
    return Seen(name in words and words[name].word == "REGRESSED", name in red(verdicts))


def pushed_again(
    rng: random.Random, *, suite: Callable[[random.Random], Suite], pushes: int, change: Change | None = None
) -> Seen:
    """A pull request is pushed again and again, 10 answers stored, 3 drawn a push.

    Before stands for fresh answers that take the place of the last ones, now for answers that are added to those of
    the same requests, up to 10.

    Returns:
        Where nothing changed, whether any push was red; else, whether any push let the regression through.
    """
    old = suite(rng)
    new = change(old, rng) if change else old
    stored = draw(old, 10, rng)
    kept: Answers = [[] for _ in stored]
    seen_before, seen_now = [], []
    for _ in range(pushes):
        fresh = draw(new, 3, rng)
        words = judge_before(strata_of(old, stored, fresh))
        seen_before.append([name for name, word in words.items() if word.word == "REGRESSED"])
        if len(kept[0]) < LOOKS[-1]:
            kept = [(had + more)[: LOOKS[-1]] for had, more in zip(kept, fresh, strict=True)]
            found = red(judged(old, stored, kept, SAME_MODEL))
        seen_now.append(found)
    if change is None:
        return Seen(any(seen_before), any(seen_now))
    return Seen(*(any(old.target not in names for names in seen) for seen in (seen_before, seen_now)))


def changed_check(rng: random.Random, *, suite: Callable[[random.Random], Suite]) -> Seen:
    """A check takes 4 % of the good answers for bad instead of 2 %, nothing else changed: is the gate red?

    Before, the verdicts of the saved run counted; now today's check judges its answers again.
    """
    old = suite(rng)
    before, after = draw(old, 10, rng), draw(old, 10, rng)
    saved = _misjudged(before, 0.02, old.target, rng)
    again, new = _misjudged(before, 0.04, old.target, rng), _misjudged(after, 0.04, old.target, rng)
    words = judge_before(strata_of(old, saved, new))
    return Seen(
        any(word.word == "REGRESSED" for word in words.values()),
        bool(red(judged(old, again, new, SAME_MODEL))),
    )


def _misjudged(run: Answers, share: float, category: str, rng: random.Random) -> Answers:
    wrong = SampleOutcome(passed=False, categories=(category,))
    return [[wrong if answer.passed and rng.random() < share else answer for answer in case] for case in run]
