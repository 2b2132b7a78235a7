"""Each model's runs one after the other: how often it failed in each category, and where the line breaks.

A line breaks where two runs say nothing about each other: another model answers under the name, other checks judge the
answers, or too few of the cases are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from pytest_llmeval.analysis.examined import untraced_in, with_untraced
from pytest_llmeval.runs.pooled import ReplyId, reply_ids
from pytest_llmeval.runs.results import CaseKey, CaseResult, Outcome, Run, SampleResult, model_words
from pytest_llmeval.stats.intervals import Interval, change_interval
from pytest_llmeval.stats.means import Share, share_over_cases
from pytest_llmeval.stats.special import CONFIDENCE
from pytest_llmeval.stats.strata import Stratum, by_family
from pytest_llmeval.text import plural

FEWEST_COMMON = 0.8
"""The share of either run's cases that must be the same, or the line breaks; as of the cases of a baseline."""


class Light(NamedTuple):
    """A run without its texts, which many runs would fill the memory with.

    Attributes:
        part: why it is not whole, "" when it is.
        answered: by case and model the models that answered, as the provider names them.
        replies: by model, the identities of its replies.
    """

    file: str
    created: str
    commit: str | None
    part: str
    models: Mapping[str, Mapping[str, Any]]
    results: tuple[CaseResult, ...]
    answered: Mapping[tuple[CaseKey, str], frozenset[str]]
    replies: Mapping[str, frozenset[ReplyId]]


def lightened(file: str, run: Run) -> Light:
    """What the history of a run needs: the cases in their own words, under the models that ran in its session."""
    saved = {model for model, header in run.models.items() if header.get("saved")}
    results = [each for each in run.results if not each.wording and each.model not in saved]
    replies: dict[str, set[ReplyId]] = {}
    for result in results:
        replies.setdefault(result.model, set()).update(reply_ids(result.product_calls))
    return Light(
        file,
        run.created,
        run.commit,
        _part(run),
        run.models,
        tuple(each._replace(input=None, asked=None, samples=tuple(map(_bare, each.samples))) for each in results),
        {
            each.trial: frozenset(name for call in each.product_calls if (name := call.answer.response_model))
            for each in results
        },
        {model: frozenset(found) for model, found in replies.items()},
    )


def _part(run: Run) -> str:
    if run.complete is None:
        return "stopped early"
    if run.shards is not None:
        return "" if len(run.shards.numbers) == run.shards.of else "some shards, which llmeval merge joins"
    return "" if run.complete else "a part of the cases"


def _bare(sample: SampleResult) -> SampleResult:
    return sample._replace(
        reason="",
        detail="",
        calls=(),
        scores=tuple(replace(score, reason="", unsupported=()) for score in sample.scores),
    )


class Tally(NamedTuple):
    """The answers to a case, counted once for all categories.

    Attributes:
        failed: how many by category, "" for any.
        examined: of how many, likewise.
        for_all: how many were examined for every category that there is, as in runs of older versions.
    """

    failed: Mapping[str, int]
    examined: Mapping[str, int]
    for_all: int

    def of(self, category: str) -> tuple[int, int]:
        """How many answers failed in a category, and of how many."""
        more = self.for_all if category else 0
        return self.failed.get(category, 0), self.examined.get(category, 0) + more


class Point(NamedTuple):
    """A run of a model.

    Attributes:
        run: without its texts.
        results: of the model, by case.
        tallies: of their answers.
        common: how many cases are the same as in the run before and were judged in both; None for the first.
        others: how many cases only one of the two has.
        another: how it is another model than in the run before, "" when it is not.
        broken: why the line breaks before it, "" when it does not; `another` is part of it.
        replayed: whether each of its answers is in an earlier run too.
    """

    run: Light
    results: Mapping[CaseKey, CaseResult]
    tallies: Mapping[CaseKey, Tally]
    common: int | None
    others: int
    another: str
    broken: str
    replayed: bool

    def count(self, outcome: Outcome) -> int:
        """How many cases have this outcome."""
        return sum(result.outcome == outcome for result in self.results.values())


class Change(NamedTuple):
    """How a category changed up to the last run.

    Attributes:
        first: the number of the run, from 1, that the last one is compared with: the earliest that is of the same model
            and shares nearly as many cases with it as any other.
        last: that of the last.
        cases: that are the same in both, judged in both by the same checks, and examined for the category.
        before: the rate of the first on these cases, as a fraction.
        after: that of the last.
        interval: of 95 % of the change, on these very cases.
        word: ``rose``, ``fell``, or "" where the interval that allows for all comparisons leaves it open, or all of it
            is one case or cluster.
    """

    first: int
    last: int
    cases: int
    before: float
    after: float
    interval: Interval
    word: str

    @property
    def value(self) -> float:
        """The change of the rate, as a fraction."""
        return self.after - self.before


class Series(NamedTuple):
    """A category over the runs of a model.

    Attributes:
        category: "" for any failure.
        rates: one per run; None where no answer was examined for it.
        change: None where no earlier run can be compared with the last.
    """

    category: str
    rates: Sequence[Share | None]
    change: Change | None


class Timeline(NamedTuple):
    """The runs of a model.

    Attributes:
        model: its name.
        series: any failure first, unless that is the only category, then the categories, the most frequent of the last
            run first.
    """

    model: str
    points: Sequence[Point]
    series: Sequence[Series]


class History(NamedTuple):
    """The runs of a folder.

    Attributes:
        comparisons: how many changes are told at once.
    """

    timelines: Sequence[Timeline]
    comparisons: int


def history_of(runs: Sequence[Light]) -> History:
    """Put the runs of each model in a line.

    Args:
        runs: the oldest first.
    """
    names = dict.fromkeys(result.model for run in runs for result in run.results)
    lines = {name: _points(name, runs) for name in names}
    categories = {name: _categories(points) for name, points in lines.items()}
    comparisons = sum(len(each) + 1 for each in categories.values())
    timelines = []
    for name, points in lines.items():
        comparable = _comparable(name, points)
        series = [_series(category, points, comparable, comparisons) for category in ("", *categories[name])]
        any_failure, *others = series
        others.sort(key=lambda each: -(each.rates[-1].value if each.rates[-1] is not None else 0.0))
        alone = len(others) == 1 and others[0].rates == any_failure.rates
        timelines.append(Timeline(name, points, others if alone else [any_failure, *others]))
    return History(timelines, comparisons)


def _points(name: str, runs: Sequence[Light]) -> list[Point]:
    points: list[Point] = []
    known: set[ReplyId] = set()
    untraced = untraced_in(result for run in runs for result in run.results if result.model == name)
    for run in runs:
        found = {each.key: with_untraced(each, untraced) for each in run.results if each.model == name}
        if not found:
            continue
        replies = run.replies.get(name, frozenset())
        tallies = {key: _tally(result) for key, result in found.items()}
        point = Point(run, found, tallies, None, 0, "", "", bool(replies) and replies <= known)
        known |= replies
        if points:
            before = points[-1]
            same = common(before, point)
            another = _another(name, before, point, same)
            point = point._replace(
                common=len(same),
                others=len(before.results.keys() ^ found.keys()),
                another=another,
                broken="; ".join(filter(None, (another, *_other_checks(before, point, same)))),
            )
        points.append(point)
    return points


def common(before: Point, after: Point) -> list[CaseKey]:
    """The cases that ask and expect the same in two runs, and were judged in both."""
    return [
        key
        for key, result in after.results.items()
        if (old := before.results.get(key)) is not None
        and old.content == result.content
        and old.judged
        and result.judged
    ]


def _another(name: str, before: Point, after: Point, same: Sequence[CaseKey]) -> str:
    old, new = (point.run.models.get(name, {}) for point in (before, after))
    if any(old.get(field) != new.get(field) for field in ("provider", "model", "params")):
        return f"another model: {model_words(old)}, then {model_words(new)}"
    said = [frozenset(n for key in same for n in point.run.answered.get((key, name), ())) for point in (before, after)]
    if not all(said) or said[0] == said[1]:
        return ""
    one, two = (", ".join(sorted(names)) for names in said)
    return f"another model answered: {one}, then {two}"


def other_checks(before: CaseResult, after: CaseResult) -> bool:
    """Whether other checks judge a case than before, as far as that is known."""
    return bool(before.judged_by and after.judged_by and before.judged_by != after.judged_by)


def _other_checks(before: Point, after: Point, same: Sequence[CaseKey]) -> Iterator[str]:
    changed = sum(other_checks(before.results[key], after.results[key]) for key in same)
    if changed:
        yield f"the checks of {plural(changed, 'case')} changed"
    judged = [sum(bool(each.judged) for each in point.results.values()) for point in (before, after)]
    if len(same) < FEWEST_COMMON * max(judged):
        yield f"only {plural(len(same), 'case')} in common"


def _categories(points: Sequence[Point]) -> list[str]:
    """The error categories that any answer failed in."""
    return sorted(
        {
            name
            for point in points
            for result in point.results.values()
            for sample in result.judged
            for name in sample.categories
        }
    )


def _tally(result: CaseResult) -> Tally:
    failed, examined, for_all = Counter[str](), Counter[str](), 0
    for sample in result.judged:
        names = sample.examined
        for_all += names is None
        examined.update(("", *(names or ())))
        failed.update(("", *sample.categories) if sample.outcome == "fail" else ())
    return Tally(failed, examined, for_all)


def _series(category: str, points: Sequence[Point], comparable: Mapping[int, Sequence[CaseKey]], told: int) -> Series:
    """A category over the runs.

    Args:
        points: the runs.
        comparable: by place the runs that the last one may be compared with, each with the cases.
        told: how many changes are told at once.
    """
    rates = [share_over_cases([tally.of(category) for tally in point.tallies.values()]) for point in points]
    after = points[-1]
    most = max(map(len, comparable.values()), default=0)
    strata: list[tuple[CaseKey, Stratum]] = []
    for first, keys in comparable.items():
        if len(keys) >= FEWEST_COMMON * most:
            before = points[first].tallies
            pairs = ((key, Stratum(*before[key].of(category), *after.tallies[key].of(category))) for key in keys)
            strata = [(key, stratum) for key, stratum in pairs if stratum.compared]
        if strata:
            break
    else:
        return Series(category, rates, None)
    families = by_family([stratum for _, stratum in strata], [after.results[key].family for key, _ in strata])
    interval, strict = (change_interval(families, level) for level in (CONFIDENCE, 1 - (1 - CONFIDENCE) / told))
    if interval is None or strict is None:
        return Series(category, rates, None)
    shares = ((f.errors_baseline / f.n_baseline, f.errors_candidate / f.n_candidate) for f in families)
    old, new = (sum(side) / len(families) for side in zip(*shares, strict=True))
    several = sum(family.change != 0 for family in families) > 1  # one case, or one document, is no trend
    word = "rose" if several and strict.low > 0 else "fell" if several and strict.high < 0 else ""
    return Series(category, rates, Change(first + 1, len(points), len(strata), old, new, interval, word))


def _comparable(name: str, points: Sequence[Point]) -> dict[int, list[CaseKey]]:
    """The runs since another model answered under the name, with the cases that the last run can be compared in."""
    last = points[-1]
    start = max((place for place, point in enumerate(points) if point.another), default=0)
    found = {}
    for place in range(start, len(points) - 1):
        same = common(points[place], last)
        if not _another(name, points[place], last, same):
            found[place] = [key for key in same if not other_checks(points[place].results[key], last.results[key])]
    return found


def segments(points: Sequence[Point]) -> Iterator[range]:
    """The places of the runs of each unbroken line."""
    starts = [0, *(number for number, point in enumerate(points) if number and point.broken)]
    for start, end in zip(starts, [*starts[1:], len(points)], strict=True):
        yield range(start, end)
