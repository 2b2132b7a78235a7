"""Single cases over the runs of a model: those that fail since some run, and those whose verdict comes and goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from pytest_llmeval.analysis.history.timeline import Point, other_checks
from pytest_llmeval.runs.results import CaseKey, CaseResult

State = Literal["pass", "fail", "unverified", "error", "absent", "another"]
"""What a run says of a case; ``another`` where its row asked or expected something else than it does now."""

FEWEST_FLIPS = 2
"""Changes of its verdict from which a case flips."""


class CaseLine(NamedTuple):
    """A case over the runs of a model.

    Attributes:
        states: one per run.
        flips: how often its verdict changed while model and checks were the same.
        since: the number of the run, from 1, since which it fails; None where it passes now, or passed in no run.
        broken: what else changed since it last passed: the model, its checks; "" for neither.
        category: of its last failure.
        passed: in how many runs it passed before.
    """

    key: CaseKey
    states: Sequence[State]
    flips: int
    since: int | None
    broken: str
    category: str
    passed: int


def case_lines(points: Sequence[Point]) -> list[CaseLine]:
    """The line of each case of the last runs, by the order in which the cases first came."""
    last: dict[CaseKey, CaseResult] = {}
    for point in points:
        last.update(point.results)
    return [_line(key, result, points) for key, result in last.items()]


def flipping(lines: Sequence[CaseLine]) -> list[CaseLine]:
    """The cases whose verdict comes and goes, the most restless first."""
    return sorted((line for line in lines if line.flips >= FEWEST_FLIPS), key=lambda line: -line.flips)


def failing_since(lines: Sequence[CaseLine]) -> list[CaseLine]:
    """The cases that passed, then began to fail and fail still, the latest first."""
    found = [line for line in lines if line.since is not None and line.flips < FEWEST_FLIPS]
    return sorted(found, key=lambda line: -(line.since or 0))


def _line(key: CaseKey, now: CaseResult, points: Sequence[Point]) -> CaseLine:
    states = [_state(point.results, key, now.content) for point in points]
    judged = [number for number, state in enumerate(states) if state in ("pass", "fail")]
    flips = 0
    for one, two in pairwise(judged):
        flips += states[one] != states[two] and not _changed(key, points, one, two)
    passed = [number for number in judged if states[number] == "pass"]
    since, broken = None, ""
    if judged and states[judged[-1]] == "fail" and passed:
        start = next(number for number in judged if number > passed[-1])
        since, broken = start + 1, _changed(key, points, passed[-1], start)
    failed = [points[number].results[key] for number in judged if states[number] == "fail"]
    return CaseLine(key, states, flips, since, broken, (failed[-1].category or "") if failed else "", len(passed))


def _changed(key: CaseKey, points: Sequence[Point], one: int, two: int) -> str:
    """What changed for a case between two runs besides its answer, "" for nothing."""
    why = [points[number].another for number in range(one + 1, two + 1)]
    if other_checks(points[one].results[key], points[two].results[key]):
        why.append("its checks changed")
    return "; ".join(filter(None, why))


def _state(results: Mapping[CaseKey, CaseResult], key: CaseKey, content: str) -> State:
    result = results.get(key)
    if result is None:
        return "absent"
    return result.outcome if result.content == content else "another"
