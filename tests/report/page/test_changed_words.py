"""Which words of two answers a page marks."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from pytest_llmeval.report.page.changed_words import MOST_TOKENS, Places, changed, in_utf16, pieces

WORDS = st.lists(
    st.sampled_from(["Returns", "are", "free", "within", "30", "60", "days", ",", "café", "😀"]), max_size=12
)
TEXTS = WORDS.map(" ".join) | st.text(max_size=30)


def marked(text: str, places: Places) -> list[str]:
    return [piece.text for piece in pieces(text, places) if piece.marked]


def unmarked(text: str, places: Places) -> str:
    return "".join("".join(piece.text.split()) for piece in pieces(text, places) if not piece.marked)


def test_the_words_that_differ_are_marked_on_both_sides() -> None:
    old, new = "Returns are free within 30 days.", "Returns are free within 60 working days."
    removed, added = changed(old, new)
    assert marked(old, removed) == ["30"]
    assert marked(new, added) == ["60 working"]


def test_a_change_at_either_end_is_marked() -> None:
    old, new = "Yes, you can return it.", "No, you can return it today."
    removed, added = changed(old, new)
    assert (marked(old, removed), marked(new, added)) == (["Yes"], ["No", "today"])


def test_texts_with_hardly_a_word_in_common_are_not_marked() -> None:
    assert changed("Returns are free within thirty days.", "I cannot help with it!") == ([], [])


def test_of_a_long_part_all_is_marked() -> None:
    same = "the same words " * 3 * MOST_TOKENS
    old, new = (f"{same}{mark} {f'{mark}{mark} ' * MOST_TOKENS}end" for mark in "ab")
    removed, added = changed(old, new)
    assert [text.split()[0] for text in (*marked(old, removed), *marked(new, added))] == ["a", "b"]


@given(TEXTS, TEXTS)
@example("a  b", "a c b")
@example("😀 a", "😀 b")
def test_what_is_not_marked_is_on_both_sides(old: str, new: str) -> None:
    removed, added = changed(old, new)
    for text, places in ((old, removed), (new, added)):
        assert "".join(piece.text for piece in pieces(text, places)) == text
        assert places == sorted(places)
        assert all(start < end for start, end in places)
        assert all(one[1] < other[0] for one, other in pairwise(places))
    if removed or added:
        assert unmarked(old, removed) == unmarked(new, added)
        assert unmarked(old, removed)


@given(st.text(alphabet="a😀é\u4e2d", max_size=12), st.data())
def test_a_browser_counts_in_utf_16(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    first, last = in_utf16(text, [(start, end)])
    as_the_browser = text.encode("utf-16-le")
    assert as_the_browser[2 * first : 2 * last].decode("utf-16-le") == text[start:end]
