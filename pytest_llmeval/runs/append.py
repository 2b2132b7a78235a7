"""Add a session's answers to a saved run of the same model, so that a baseline knows more of each case with time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from pytest_llmeval.runs.pooled import renumbered, reply_ids, same_case, stands_for
from pytest_llmeval.runs.results import CaseKey, CaseResult, Run, SampleResult
from pytest_llmeval.text import plural

MOST_ANSWERS = 40  # per case; the newest are kept

_UNJUDGED = ("as_saved", "not_compared", "not_judged")  # see `CaseResult.rejudged`


class Appended(NamedTuple):
    """A saved run with the answers of a session.

    Attributes:
        answers: how many were added to those that the run held.
        cases: to how many cases.
        dropped: how many were too many for their case, the oldest first.
        known: how many cases have nothing new: each answer was in the run already.
        replaced: how many cases lost the answers they had, by what changed.
        others: whether cases were added, removed or renamed.
    """

    run: Run
    answers: int
    cases: int
    dropped: int
    known: int
    replaced: Mapping[str, int]
    others: bool

    @property
    def nothing(self) -> bool:
        """Whether the run is what it was."""
        return not (self.answers or self.replaced or self.others)

    @property
    def words(self) -> str:
        """What was added, replaced and dropped, in a sentence."""
        numbers = [len(result.samples) for result in self.run.results] or [0]
        low, high = min(numbers), max(numbers)
        now = f"{low}" if low == high else f"{low} to {high}"
        told = [f"{plural(self.answers, 'answer')} appended to {plural(self.cases, 'case')}, a case has {now} now"]
        if self.dropped:
            told.append(f"{plural(self.dropped, 'answer')} dropped, as a case keeps its newest {MOST_ANSWERS}")
        if self.known:
            told.append(f"{plural(self.known, 'case')} had no new answer")
        if self.replaced:
            count = plural(sum(self.replaced.values()), "case")
            why = ", ".join(f"{reason} in {number}" for reason, number in self.replaced.items())
            told.append(f"the answers of {count} replaced, not appended: {why}")
        return "; ".join(told)


def appended(
    old: Run,
    new: Run,
    again: Mapping[CaseKey, CaseResult],
    renamed: Mapping[str, str],
    *,
    left: Collection[CaseKey],
    keep_others: bool,
) -> Appended:
    """A saved run with the answers of a session, both of one model.

    A case whose row, requests or model changed has this session's answers alone; so has one whose saved answers today's
    tests cannot judge. An answer that the run holds already, as a replay gives it, is not added.

    Args:
        old: the saved run.
        new: the session's.
        again: the saved cases as today's tests judge them.
        renamed: by the name of a test the name it had.
        left: the cases that stay as they were.
        keep_others: whether cases stay that the session did not run.
    """
    name = next(iter(new.models))
    before_name = name if name in old.models else next(iter(old.models), name)
    before = old.of_model(before_name)
    same_model = stands_for(old, before_name) == stands_for(new, name)
    results: dict[CaseKey, CaseResult] = {}
    replaced: Counter[str] = Counter()
    answers = cases = dropped = known = 0
    taken = set()
    others = False
    for key, result in new.of_model(name).items():
        was = key._replace(test=renamed.get(key.test, key.test))
        saved = before.get(was)
        taken.add(was)
        if key in left:
            if saved is not None and same_model:
                results[key] = saved._replace(key=key, model=name)
            continue
        results[key] = result
        others |= saved is None or was != key
        if saved is None:
            continue
        kept = again.get(key)
        if why := _changed(saved, result, kept, same_model=same_model):
            replaced[why] += 1
            continue
        older = _kept(saved, kept)
        fresh = _fresh(older, result.samples)
        answers, cases, known = answers + len(fresh), cases + bool(fresh), known + (not fresh)
        held = _newest([*older, *fresh[:MOST_ANSWERS]], result.samples[0])
        dropped += len(older) + len(fresh) - len(held)
        results[key] = result._replace(samples=renumbered(held))
    gone = {key: result for key, result in before.items() if key not in taken}
    if keep_others:
        new, results = new._replace(complete=old.complete, left_out=old.left_out), {**gone, **results}
    run = new._replace(results=tuple(results.values()))
    return Appended(run, answers, cases, dropped, known, replaced, others or bool(gone and not keep_others))


def _changed(saved: CaseResult, now: CaseResult, again: CaseResult | None, *, same_model: bool) -> str:
    """Why the saved answers of a case cannot stand beside those of today, "" when they can."""
    if not same_model:
        return "another model"
    if saved.content != now.content:
        return "another row"
    if not same_case(saved, now):
        return "other requests"
    same_tests = bool(now.judged_by) and saved.judged_by == now.judged_by  # then the saved verdict is today's
    if again is None or (again.rejudged in _UNJUDGED and not same_tests):
        return "saved answers that today's tests cannot judge"
    return ""


def _kept(saved: CaseResult, again: CaseResult | None) -> list[SampleResult]:
    """The saved answers with today's verdicts; a test that fails earlier today asks for fewer of their replies."""
    today = again.samples if again is not None else saved.samples
    return [now._replace(calls=then.calls) for now, then in zip(today, saved.samples, strict=True)]


def _fresh(known: list[SampleResult], samples: tuple[SampleResult, ...]) -> list[SampleResult]:
    """The samples that were drawn now, or by a session whose answers the run does not hold."""
    there = reply_ids(call for sample in known for call in sample.calls)
    return [
        sample
        for sample in samples
        if sample.calls and there.isdisjoint(reply_ids(call for call in sample.calls if call.measures.source != "live"))
    ]


def _newest(samples: list[SampleResult], first: SampleResult) -> list[SampleResult]:
    """The newest of some samples, with one that has the first one's number: `same_case` knows requests by its key."""
    held, key = samples[-MOST_ANSWERS:], _opening(first)
    if key in map(_opening, held):
        return held
    return [next((sample for sample in reversed(samples) if _opening(sample) == key), held[0]), *held[1:]]


def _opening(sample: SampleResult) -> str | None:
    return sample.calls[0].key if sample.calls else None
