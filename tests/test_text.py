"""Text from models and datasets is shown without anything a terminal or a CI runner would obey."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_llmeval.text import first_line, harmless, shortened

HOSTILE = st.text(
    st.one_of(
        st.characters(codec=None),
        st.sampled_from(list("::##[[]vso\n\r\t \x1b\x07\x85\u2028\u202e\u2066\ufeff\u200b\u3000\xa0error")),
    )
)


def bad_lines(text: str) -> list[str]:
    """The lines a runner would take for a command, however it separates lines and trims them."""
    return [line for line in text.splitlines() if line.strip().startswith("::") or "##[" in line or "##vso[" in line]


@given(HOSTILE)
@example("##[error]boom")
@example("###[error]")
@example("##vso[task.complete]")
@example(" \t::add-mask::x")
@example("ok\r::error::x")
@example("ok\x85::error::x")
@example("ok\u2028\u3000::error::x")
@example("\ufeff::error::x")
@example("\n\n::stop-commands::x")
def test_no_line_is_a_command(text: str) -> None:
    assert bad_lines(harmless(text)) == []


@given(HOSTILE)
@example("\x1b]0;TITLE\x07")
@example("\x9b31m")
def test_no_control_character_but_newline_and_tab_survives(text: str) -> None:
    left = {c for c in harmless(text) if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")}
    assert left <= {"\n", "\t"}


@given(HOSTILE)
def test_no_mark_that_turns_the_direction_of_text_survives(text: str) -> None:
    left = {unicodedata.bidirectional(c) for c in harmless(text)}
    assert left.isdisjoint({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


@given(HOSTILE)
def test_harmless_text_stays_as_it_is(text: str) -> None:
    once = harmless(text)
    assert once == harmless(once)


@pytest.mark.parametrize(
    "text", ["", "plain", "a: b :: c", "# heading\n## [link]", "日本語 ok", "👩\u200d🚀", "tab\there\n"]
)
def test_ordinary_text_is_not_changed(text: str) -> None:
    assert text == harmless(text)


@given(HOSTILE)
def test_harmless_text_can_be_written_as_utf8(text: str) -> None:
    assert harmless(text).encode().decode() == harmless(text)


@given(HOSTILE, st.integers(4, 60))
def test_a_first_line_is_one_harmless_line_of_limited_width(text: str, width: int) -> None:
    line = first_line(text, width)
    assert len(line) <= width
    assert len(line.splitlines()) <= 1
    assert bad_lines(line) == []


@given(HOSTILE, st.integers(0, 60))
def test_shortened_text_is_no_wider_than_asked(text: str, width: int) -> None:
    assert len(shortened(text, width)) <= width


def test_shortened_text_keeps_both_ends() -> None:
    assert shortened("tests/test_support.py[refund]", 20) == "tests/test_s...fund]"
