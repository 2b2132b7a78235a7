"""How often the replies of two sides differ once their looks are left out of account."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from functools import cache
from typing import NamedTuple

from pytest_llmeval.analysis.comparison import Differing, Results
from pytest_llmeval.analysis.sides.copies import without_copies
from pytest_llmeval.analysis.sides.shared_answers import shared_once
from pytest_llmeval.checks.production.same_answer import normalised
from pytest_llmeval.runs.results import CaseKey, CaseResult, SampleResult
from pytest_llmeval.stats.means import Share, share_over_cases

MOST_WORDS = 10_000
"""Of a reply, those that count for the size of a difference."""


class ReplyPairs(NamedTuple):
    """The replies to a case, each of the baseline beside each of the candidate.

    Attributes:
        before: the baseline's samples that hold a reply.
        after: the candidate's.
        differ: how many of the pairs differ after normalising.
    """

    key: CaseKey
    task: str | None
    family: tuple[str, str]
    before: tuple[SampleResult, ...]
    after: tuple[SampleResult, ...]
    differ: int

    @property
    def pairs(self) -> int:
        """How many pairs there are."""
        return len(self.before) * len(self.after)


class Widest(NamedTuple):
    """The two replies to a case that differ most.

    Attributes:
        size: how much the replies of all pairs differ on average, from 0, all equal, to 1, no word in common.
    """

    size: float
    before: SampleResult
    after: SampleResult


def reply_pairs(before: Results, after: Results, left_out: Collection[CaseKey] = ()) -> list[ReplyPairs]:
    """The cases in which both sides have a reply, in the candidate's order.

    Args:
        before: the baseline's results; a reply that came twice counts once.
        after: the candidate's.
        left_out: cases that are not compared.
    """
    old, new = shared_once(without_copies(before), without_copies(after))
    found = []
    for key, result in new.items():
        if key in old and key not in left_out:
            sides = _with_reply(old[key]), _with_reply(result)
            if all(sides):
                found.append(ReplyPairs(key, result.task, result.family, *sides, differ=_differ(*sides)))
    return found


def differing(cases: Sequence[ReplyPairs]) -> Differing | None:
    """How often the replies differ, in all and by task; None without a case."""
    total = _share(cases)
    if total is None:
        return None
    names = sorted({case.task for case in cases if case.task is not None})
    shares = {name: _share([case for case in cases if case.task == name]) for name in names}
    return Differing(total, len(cases), {name: share for name, share in shares.items() if share is not None})


def widest(case: ReplyPairs) -> Widest:
    """The pair that differs most, and how much all of them differ."""
    old, new = ([(sample, _words(sample)) for sample in side] for side in (case.before, case.after))
    sizes = [(_size(left, right), before, after) for before, left in old for after, right in new]
    _, before, after = max(sizes, key=lambda each: each[0])
    return Widest(sum(each[0] for each in sizes) / len(sizes), before, after)


def _share(cases: Sequence[ReplyPairs]) -> Share | None:
    """The share of pairs that differ; wordings of a row are one case, and a case has as many pieces as its fewer side.

    Pairs that share a reply are not independent.
    """
    families: dict[tuple[str, str], list[int]] = {}
    for case in cases:
        counts = families.setdefault(case.family, [0, 0])
        counts[0] += case.differ
        counts[1] += case.pairs
    independent = sum(min(len(case.before), len(case.after)) for case in cases)
    return share_over_cases([(differ, pairs) for differ, pairs in families.values()], independent=independent)


def _with_reply(result: CaseResult) -> tuple[SampleResult, ...]:
    return tuple(sample for sample in result.answered if sample.product_calls)


def _differ(before: Iterable[SampleResult], after: Iterable[SampleResult]) -> int:
    old, new = (Counter(_said(sample, str) for sample in side) for side in (before, after))
    if len({*old, *new}) == 1:  # letter by letter, as in most replays
        return 0
    form = cache(normalised)  # many samples say the same
    old, new = (Counter(_said(sample, form) for sample in side) for side in (before, after))
    return old.total() * new.total() - sum(count * new[said] for said, count in old.items())


def _said(sample: SampleResult, form: Callable[[str], str]) -> Hashable:
    """All that the product's model answered in a sample, each text in a form."""
    return tuple(
        (
            form(call.answer.text),
            form(str(call.answer.refusal or "")),  # of a damaged run it may be anything
            *((tool.name, form(tool.raw_arguments or _json(tool.arguments))) for tool in call.answer.every_tool_call),
        )
        for call in sample.product_calls
    )


def _json(arguments: object) -> str:
    return json.dumps(arguments, sort_keys=True, default=repr)


def _words(sample: SampleResult) -> list[str]:
    said: list[object] = [_said(sample, normalised)]
    words: list[str] = []
    while said:
        match said.pop():
            case tuple() as inner:
                said.extend(reversed(inner))
            case str() as text:
                words += text.split()[:MOST_WORDS]
    return words[:MOST_WORDS]


def _size(left: list[str], right: list[str]) -> float:
    from rapidfuzz.distance import Indel

    if len(left) < 2 and len(right) < 2:
        return float(Indel.normalized_distance(" ".join(left), " ".join(right)))
    return float(Indel.normalized_distance(left, right))
