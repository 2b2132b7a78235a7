"""What decisions say of the checks, and of the people who made them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from pytest_llmeval.review.decisions import Decision, Made, made_of, verdicts
from pytest_llmeval.runs.answer_digest import answer_digest
from pytest_llmeval.runs.results import CaseKey, CaseResult, SampleResult
from pytest_llmeval.stats.labels import LabelledCheck, LabelledPart, kappa, labelled_check
from pytest_llmeval.text import first_line, plural

MOST_NAMED = 20
"""Answers on which two reviewers disagree that are named."""


def label_lines(results: Iterable[CaseResult], decisions: Sequence[Decision]) -> list[str]:
    """How good the checks are by people's decisions, and how far the people agree, a line each.

    Args:
        results: of the model whose answers were reviewed.
        decisions: in the order they were made.
    """
    results = list(results)
    counting = made_of(decisions)
    categories = dict.fromkeys(each.category for each in decisions if each.decision == "rejected")
    found = [name for result in results for sample in result.judged for name in flagged(sample)]
    lines = []
    for category in dict.fromkeys((*found, *categories)):
        checked = check_of(category, results, counting)
        if checked is not None and checked.labels:
            lines += [checked.sentence(category), *_quality(checked)]
    return [*(lines or ["no answer of this run has a decision in reviews/"]), *_agreement(decisions)]


def last_of_each(made: Made, result: CaseResult, answer: str) -> list[Decision]:
    """The last decision of each reviewer on an answer to a case as it is in a run.

    Args:
        answer: its digest.
    """
    fitting = (each for each in made.get((result.key, answer), ()) if each.content in ("", result.content))
    return list({each.reviewer: each for each in fitting}.values())


def flagged(sample: SampleResult) -> set[str]:
    """The error categories that checks found in an answer, whatever people decided of it since."""
    scores = [score for score in sample.scores if score.gated and not score.passed]
    names = {score.category for score in scores if score.check != "review"}
    reviewed = any(score.check == "review" for score in sample.scores)
    return names if reviewed else names.union(sample.categories)


def check_of(category: str, results: Iterable[CaseResult], decisions: Made) -> LabelledCheck | None:
    """How good a category's checks are; None where no answer was examined for it.

    An answer that somebody rejected for another category says nothing of this one, and is no label.
    """
    answers = {True: 0, False: 0}
    labels: dict[bool, list[bool]] = {True: [], False: []}
    for result in results:
        for sample in result.answered:  # as the gate counts: one that nothing verifies fails no check
            examined = sample.examined
            if examined is not None and category not in examined:
                continue
            flag = category in flagged(sample)
            answers[flag] += 1
            made = last_of_each(decisions, result, answer_digest(sample.calls))
            if any(each.decision == "rejected" and each.category == category for each in made):
                labels[flag].append(True)
            elif made and all(each.decision == "accepted" for each in made):
                labels[flag].append(False)
    parts = [LabelledPart(answers[flag], len(labels[flag]), sum(labels[flag])) for flag in (True, False)]
    return labelled_check(*parts)


def _quality(checked: LabelledCheck) -> list[str]:
    shares = (("precision", checked.precision), ("recall", checked.recall))
    told = [
        f"{name} {100 * share.value:.0f} % [{100 * share.low:.0f}, {100 * share.high:.0f}]"
        for name, share in shares
        if share is not None
    ]
    return [f"  its checks: {', '.join(told)}"] if told else []


def _agreement(decisions: Sequence[Decision]) -> list[str]:
    """How far each two reviewers agree, and where they do not.

    Whether an answer is right is one question, and which of two is better another: each is compared with its kind.
    """
    alone = [verdict for each in decisions for verdict in verdicts(each)]
    pairs = [each for each in decisions if each.beside and each.decision not in ("accepted", "rejected")]
    return [*_agreed(alone, "answer"), *_agreed(pairs, "pair")]


def _agreed(decisions: Sequence[Decision], what: str) -> list[str]:
    by_reviewer: dict[str, dict[tuple[CaseKey, str, str], str]] = {}
    for each in decisions:
        label = f"{each.decision} {each.category}".strip().replace("_", " ")
        beside = each.beside if what == "pair" else ""
        by_reviewer.setdefault(each.reviewer, {})[each.key, each.answer, beside] = label
    lines = []
    for one, other in combinations(by_reviewer, 2):
        both = [answer for answer in by_reviewer[one] if answer in by_reviewer[other]]
        if not both:
            continue
        names = " and ".join(first_line(name, 60) or "somebody" for name in (one, other))
        agreed = kappa([(by_reviewer[one][answer], by_reviewer[other][answer]) for answer in both])
        said = f"kappa {agreed.value:.2f} [{agreed.low:.2f}, {agreed.high:.2f}]" if agreed is not None else "no kappa"
        apart = [answer for answer in both if by_reviewer[one][answer] != by_reviewer[other][answer]]
        lines.append(f"{names}: {plural(len(both), what)}, {said}, {len(apart)} decided differently")
        lines += [
            f"  {answer[0]}: {by_reviewer[one][answer]}, {by_reviewer[other][answer]}" for answer in apart[:MOST_NAMED]
        ]
        lines += [f"  {len(apart) - MOST_NAMED} more"] if len(apart) > MOST_NAMED else []
    return lines
