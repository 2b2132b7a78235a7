"""Two replies beside each other: where they differ, and in their own lines where the format matters."""

from __future__ import annotations

import pytest

from pytest_llmeval.report.cases import quote_beside, steps_text
from pytest_llmeval.report.paper import Paper
from pytest_llmeval.runs.results import SampleResult
from tests.analysis.test_compare import call


def quoted(old: str, new: str, *, in_lines: bool = False, width: int = 60, most: int = 3) -> list[str]:
    paper = Paper(width=width)
    return [line.text for line in quote_beside(paper, old, new, indent=2, most=most, in_lines=in_lines)]


def test_the_words_that_changed_are_marked() -> None:
    assert quoted("A tea for two, please.", "A tea for six, please.") == ["  | A tea for [-two,-]{+six,+} please."]


def test_where_the_format_failed_lines_stay_lines() -> None:
    bad = 'Sure! Here it is:\n```json\n{"team": "billing",\n "amount": 3}\n```'
    assert quoted('{"team": "billing",\n "amount": 3}', bad, in_lines=True) == [
        '  baseline  | {"team": "billing",',
        '            |  "amount": 3}',
        "  candidate | Sure! Here it is:",
        "            | ```json",
        "            | ... ```",
    ]


def test_lines_begin_where_they_differ() -> None:
    same = [f"- item {number}" for number in range(9)]
    old, new = "\n".join([*same, "- tea", "- milk", "Bye."]), "\n".join([*same, "* tea", "- milk", "- rum", "Bye!"])
    assert quoted(old, new, in_lines=True) == [
        "  baseline  | ... - tea",
        "            | - milk",
        "            | Bye.",
        "  candidate | ... * tea",
        "            | - milk",
        "            | ... Bye!",
    ]


@pytest.mark.parametrize(("old", "new"), [("one\ntwo", "one two"), ("one\n\n two", "one\n two")])
def test_replies_that_differ_in_white_space_alone_show_it(old: str, new: str) -> None:
    assert quoted(old, new) == [
        *(f"  {label} | {line}".rstrip() if not place else f"            | {line}".rstrip()
          for label, text in (("baseline ", old), ("candidate", new)) for place, line in enumerate(text.split("\n"))),
    ]  # fmt: skip


def test_equal_replies_stand_once() -> None:
    assert quoted("No.", "No.") == ["  both      | No."]


def test_prose_is_quoted_from_where_it_differs() -> None:
    start = "We are glad that you have written to us about the kettle you bought in our shop. "
    old, new = start + "Send it back by post.", start + "Sorry, nothing can be done here any more now, " + "alas " * 40
    shown = quoted(old, new)
    assert shown[0] == "  baseline  | ... bought in our shop. Send it back by post."
    assert shown[1].startswith("  candidate | ... bought in our shop. Sorry, nothing")
    assert len(shown) == 4
    assert max(map(len, shown)) <= 60


def test_a_long_line_is_quoted_from_where_it_differs() -> None:
    row = ",".join(f"{number}" for number in range(60))
    shown = quoted(f"a b\n{row} yes", f"a b\n{row} no, or so", in_lines=True)
    assert [line.split()[-1] for line in shown] == ["b", "yes", "b", "so"]


@pytest.mark.parametrize("in_lines", [False, True])
@pytest.mark.parametrize("width", [24, 60, 120])
def test_long_and_hostile_replies_fit(width: int, in_lines: bool) -> None:
    hostile = "\x1b[2J\n::error::x\n##[group]\n" + "x" * 200_000 + "\n" + "tea " * 50_000
    for old, new in ((hostile, hostile + "!"), ("", hostile), (hostile, "\u202e"), (hostile[4:], hostile)):
        shown = quoted(old, new, width=width, in_lines=in_lines)
        assert max(map(len, shown)) <= width
        assert len(shown) <= 8
        assert not any("\x1b" in line or "\u202e" in line or "##[" in line for line in shown)


def test_steps_name_their_models_where_these_are_several() -> None:
    calls = [call("", tool="find"), call("Done.")]
    assert steps_text(SampleResult(0, "pass", calls=tuple(calls))) == "find() → answer"
    calls[1] = calls[1]._replace(request_model="writer")
    assert steps_text(SampleResult(0, "pass", calls=tuple(calls))) == "m: find() → writer: answer"
