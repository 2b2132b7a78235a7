"""How far a judge agrees with people about the same answers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pytest_llmeval.checks.judges.calibration import Calibration
from pytest_llmeval.review.checks_by_labels import last_of_each
from pytest_llmeval.review.decisions import Decision, made_of
from pytest_llmeval.runs.answer_digest import answer_digest
from pytest_llmeval.runs.results import CaseResult
from pytest_llmeval.score import Judge, Labels
from pytest_llmeval.stats.intervals import tango, wilson
from pytest_llmeval.stats.labels import kappa
from pytest_llmeval.text import harmless, plural


class LabelledVerdict(NamedTuple):
    """An answer that a judge and people have judged.

    Attributes:
        flagged: whether the judge found it bad.
        bad: whether people did.
        category: what kind of case it is, "" when nobody says.
    """

    flagged: bool
    bad: bool
    category: str = ""


def labels_of(verdicts: Iterable[LabelledVerdict]) -> Labels:
    """How often each of the two said what."""
    counts = Counter((each.flagged, each.bad) for each in verdicts)
    return Labels(
        flagged_bad=counts[True, True],
        flagged_good=counts[True, False],
        passed_bad=counts[False, True],
        passed_good=counts[False, False],
    )


def calibration_of(judge: Judge, verdicts: Sequence[LabelledVerdict]) -> Calibration | None:
    """What the labels say of a judge; None where all are the same on both sides, so that agreement says nothing."""
    agreed = kappa([(each.flagged, each.bad) for each in verdicts])
    if agreed is None:
        return None
    figures = (round(figure, 4) for figure in (agreed.value, agreed.low, agreed.high))
    return Calibration(judge.model, judge.prompt, judge.rubric, labels_of(verdicts), *figures)


def verdicts_in(
    results: Iterable[CaseResult], decisions: Iterable[Decision]
) -> dict[Judge, dict[tuple[str, str], LabelledVerdict]]:
    """What judges said of a run's answers that people have decided on, by judge and answer.

    An answer that was rejected for another category than the judge's is no label, and one that comes several times is
    counted once.
    """
    made = made_of(decisions)
    found: dict[Judge, dict[tuple[str, str], LabelledVerdict]] = {}
    for result in results:
        for sample in result.samples:
            answer = answer_digest(sample.calls)
            decided = last_of_each(made, result, answer)
            for score in sample.scores:
                if score.judge is None:
                    continue
                labelled = found.setdefault(score.judge._replace(labels=None), {})
                bad = any(each.decision == "rejected" and each.category == score.category for each in decided)
                if bad or (decided and all(each.decision == "accepted" for each in decided)):
                    labelled[str(result.key), answer] = LabelledVerdict(not score.passed, bad, result.task or "")
    return found


def agreement_lines(judge: Judge, verdicts: Sequence[LabelledVerdict], calibration: Calibration | None) -> list[str]:
    """How far a judge agrees with people, a line each."""
    labels = labels_of(verdicts)
    bad, good = labels.flagged_bad + labels.passed_bad, labels.flagged_good + labels.passed_good
    lines = [f"{plural(len(verdicts), 'label')} of people: {bad} bad, {good} good"]
    agreed = labels.flagged_bad + labels.passed_good
    said = f"{judge.rubric} by {judge.model} agrees on {agreed}"
    if calibration is not None:
        said += f": kappa {calibration.kappa:.2f} [{calibration.low:.2f}, {calibration.high:.2f}]"
    lines.append(said)
    for name, hits, of in (("finds", labels.flagged_bad, bad), ("passes", labels.passed_good, good)):
        if of:
            low, high = wilson(hits, of)
            kind = "bad" if name == "finds" else "good"
            ends = f"[{math.floor(100 * low)}, {math.ceil(100 * high)}]"
            lines.append(f"  {name} {hits} of {of} {kind} answers, {100 * hits / of:.0f} % {ends}")
    return [harmless(line) for line in (*lines, *_bias_lines(verdicts))]


def biases(verdicts: Iterable[LabelledVerdict]) -> Mapping[str, Labels]:
    """The labels of each category, by its name; empty where nobody names one."""
    by_category: dict[str, list[LabelledVerdict]] = {}
    for each in verdicts:
        by_category.setdefault(each.category, []).append(each)
    named = {name: labels_of(found) for name, found in by_category.items() if name}
    return dict(sorted(named.items(), key=lambda each: (-sum(each[1]), each[0])))


def _bias_lines(verdicts: Sequence[LabelledVerdict]) -> Iterator[str]:
    """By how much the judge flags more, or less, than people: of all answers, and in each category."""
    if not verdicts:
        return
    yield f"  bias {_bias(labels_of(verdicts))}"
    for name, labels in biases(verdicts).items():
        yield f"    {name}: {_bias(labels)}"


def _bias(labels: Labels) -> str:
    """As in ``+4.0 points [-3, +11]: flags 22 of 60 where people flag 20``, with Tango's interval."""
    count = sum(labels)
    low, high = tango(labels.flagged_good, labels.passed_bad, count)
    value = 100 * (labels.flagged_good - labels.passed_bad) / count
    ends = f"[{math.floor(100 * low + 1e-9):+d}, {math.ceil(100 * high - 1e-9):+d}]"
    flags, people = labels.flagged_bad + labels.flagged_good, labels.flagged_bad + labels.passed_bad
    return f"{value:+.1f} points {ends}: flags {flags} of {count} where people flag {people}"
