"""Single cases over runs: which flip, and which fail since when."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmeval.analysis.history.case_lines import CaseLine, case_lines, failing_since, flipping
from pytest_llmeval.analysis.history.timeline import history_of, lightened
from tests.analysis.history.test_timeline import made, run

WORDS = {".": "", "x": "tone", "?": "?"}


def lines(strip: str, **fields: dict[int, Any]) -> list[CaseLine]:
    """The lines of a case that is run as said, a letter per run; fields by the place of the run."""
    runs = []
    for place, letter in enumerate(strip):
        own = {name: by_place[place] for name, by_place in fields.items() if place in by_place}
        beside = made("beside", [""])
        runs.append(run(beside, *([made("c", [WORDS[letter]], **own)] if letter != "-" else [])))
    timeline = history_of([lightened(str(number), each) for number, each in enumerate(runs)]).timelines[0]
    return [each for each in case_lines(timeline.points) if each.key.case == "c"]


@pytest.mark.parametrize(
    ("strip", "flips", "since", "passed"),
    [
        ("....", 0, None, 4),
        ("xxxx", 0, None, 0),  # it never passed, so it began to fail at no run that is known
        (".x", 1, 2, 1),
        ("..xx", 1, 3, 2),
        (".-?x", 1, 4, 1),
        ("xx..", 1, None, 2),
        (".x.x", 3, 4, 2),
        ("x?.-x", 2, 5, 1),
        ("?", 0, None, 0),
    ],
)
def test_a_case_flips_or_fails_since_a_run(strip: str, flips: int, since: int | None, passed: int) -> None:
    [line] = lines(strip)
    assert (line.flips, line.since, line.passed) == (flips, since, passed)
    assert [*line.states] == [{".": "pass", "x": "fail", "?": "error", "-": "absent"}[letter] for letter in strip]
    assert (line in flipping([line])) == (flips > 1)
    assert (line in failing_since([line])) == (since is not None and flips < 2)


def test_where_the_checks_change_the_answer_need_not_have() -> None:
    [line] = lines("..xx", judged_by={2: "k", 3: "k"})
    assert (line.flips, line.since, line.broken) == (0, 3, "its checks changed")
    [line] = lines(".-x", judged_by={2: "k"})
    assert line.broken == "its checks changed"


def test_a_row_that_was_another_says_nothing_of_the_case() -> None:
    [line] = lines(".xx", content={0: "old"})
    assert [*line.states] == ["another", "fail", "fail"]
    assert line.since is None


def test_another_model_is_named() -> None:
    runs = [run(made("c", [""])), run(made("c", ["tone"]), header={"model": "y"})]
    timeline = history_of([lightened(str(number), each) for number, each in enumerate(runs)]).timelines[0]
    [line] = case_lines(timeline.points)
    assert (line.flips, line.since, line.category) == (0, 2, "tone")
    assert line.broken == "another model: openai/x, then openai/y"
