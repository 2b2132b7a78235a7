"""Checks on the text: equal, contains, starts with, words, patterns, similarity, and the word diff."""

from __future__ import annotations

import re
import signal
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.checks.categories import category_of
from pytest_llmeval.checks.pattern import assert_matches, assert_not_matches, find
from pytest_llmeval.checks.plain_text import (
    assert_contains,
    assert_equal,
    assert_not_contains,
    assert_starts_with,
    assert_words,
)
from pytest_llmeval.checks.similar import assert_similar
from pytest_llmeval.checks.time_limit import TimedOut, within_time
from pytest_llmeval.differences import MOST_WORDS, word_diff
from pytest_llmeval.errors import CheckFailed, LlmevalError
from pytest_llmeval.text import folded

BOMB = r"(a+)+$"
BOMBED = "a" * 40 + "!"


def message(function: Any, *arguments: Any, **options: Any) -> str:
    with pytest.raises(CheckFailed) as caught:
        function(*arguments, **options)
    return str(caught.value)


def test_equal_ignores_kinds_and_amounts_of_white_space_and_nothing_else() -> None:
    assert_equal(" 30\u00a0days \n", "30 days")
    assert_equal("cafe\u0301", "caf\u00e9")
    assert_equal("PARIS", "Paris", ignore_case=True)
    assert_equal("b", ["a", "b"])
    assert_equal("", "")
    assert message(assert_equal, "paris", "Paris") == 'expected "Paris", got "paris"'
    assert message(assert_equal, "c", ["a", "b"]) == 'expected one of "a", "b", got "c"'


def test_equal_names_the_letter_that_only_looks_like_another() -> None:
    assert message(assert_equal, "P\u0430ris", "Paris").endswith(
        "U+0430 CYRILLIC SMALL LETTER A stands for U+0061 LATIN SMALL LETTER A"
    )


@pytest.mark.parametrize(
    ("typographic", "plain"),
    [
        ("non\u2011refundable, 30\u201360 days", "non-refundable, 30-60 days"),
        ("You\u2019ll get \u201cFragile\u201d", 'You\'ll get "Fragile"'),
        ("Er sagt: \u201eNein\u201c", 'Er sagt: "Nein"'),
        ("K\u00fcn\u00addigung", "K\u00fcndigung"),
        ("Elle dit \u00ab\u00a0oui\u00a0\u00bb, puis non", 'Elle dit "oui", puis non'),
        ("Elle dit \u00ab oui \u00bb.", 'Elle dit "oui".'),
        ("Er sagt \u00bbja\u00ab und \u00bbnein\u00ab.", 'Er sagt "ja" und "nein".'),
        ("1\u202f200\u00a0\u20ac\u2026", "1 200 \u20ac..."),
        ("\ufeffYes\u200b.", "Yes."),
    ],
)
def test_typographic_characters_equal_plain_ones_unless_a_test_asks_for_each(typographic: str, plain: str) -> None:
    for one, other in ((typographic, plain), (plain, typographic)):
        assert_equal(one, other)
        assert_contains(f"So. {one}", other)
        assert_starts_with(f"{one} So.", other)
        assert message(assert_not_contains, f"So. {one}", other)
        assert "U+" in message(assert_equal, one, other, exact=True)
        assert message(assert_contains, one, other, exact=True)
        assert message(assert_starts_with, one, other, exact=True)
        assert_not_contains(one, other, exact=True)
        assert_equal(one, one, exact=True)


def test_exact_counts_white_space_but_not_how_an_accent_is_stored() -> None:
    assert message(assert_equal, "30  days", "30 days", exact=True).endswith(
        "U+0020 SPACE stands where U+0064 LATIN SMALL LETTER D should"
    )
    assert message(assert_equal, "a\n", "a", exact=True).endswith("U+000A without a name is too much")
    assert message(assert_equal, "a", "a\u00ad", exact=True).endswith("U+00AD SOFT HYPHEN is missing")
    assert_equal("cafe\u0301", "caf\u00e9", exact=True)


def test_a_mark_that_is_looked_for_alone_is_meant_itself() -> None:
    assert_not_contains("well-known: a - b", ["\u2014", "\u2013 ", "\u2018"])
    assert message(assert_not_contains, "a \u2014 b", "\u2014")
    assert_starts_with("- one\n- two", "-")
    with pytest.raises(LlmevalError, match="an empty text"):
        assert_contains("anything", "\u00ad\u200b")


@given(st.text(alphabet="\u00ab\u00bb\u2019\u2011\u00ad \u00a0a1'-"))
def test_plain_typography_is_plain_already(text: str) -> None:
    assert folded(folded(text)) == folded(text)


def test_equal_shows_where_long_texts_begin_to_differ() -> None:
    start = "The same words again and again. " * 20
    lines = message(assert_equal, start + "It takes 60 days.", start + "It takes 30 days.").split("\n")
    assert lines == [
        'expected "...and again. It takes 30 days.", got "...and again. It takes 60 days."',
        "... words again and again. It takes [-30-]{+60+} days.",
    ]


def test_a_reply_that_is_no_text_fails_as_format() -> None:
    with pytest.raises(CheckFailed, match="expected a text, got null") as caught:
        assert_equal(None, "x")  # type: ignore[arg-type]
    assert category_of(caught.value) == "format"


def test_contains_all_any_and_one() -> None:
    assert_contains("refund within\n30 days", "30 days")
    assert_contains("a b c", all=["a", "b"], any=["x", "c"])
    assert_contains("ABC", "b", ignore_case=True)
    with pytest.raises(CheckFailed) as caught:
        assert_contains("a b", all=["a", "x"], any=["y", "z"])
    assert str(caught.value) == 'the reply does not contain "x" and contains none of "y", "z": "a b"'
    assert caught.value.score == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [((), {}), (("",), {}), ((" ",), {}), ((["a"],), {}), ((3,), {}), ((), {"all": ["a", ""]}), ((), {"any": [None]})],
)
def test_looking_for_nothing_is_an_error_and_no_pass(arguments: Any, options: Any) -> None:
    with pytest.raises(LlmevalError, match=r"^assert_contains"):
        assert_contains("a", *arguments, **options)


def test_not_contains_shows_the_place() -> None:
    assert_not_contains("all is well", ["refund", "chargeback"])
    assert message(assert_not_contains, "you get a REFUND today", "refund", ignore_case=True) == (
        'the reply must not contain "refund": "you get a refund today"'
    )
    with pytest.raises(LlmevalError):
        assert_not_contains("a", [])


def test_starts_with() -> None:
    assert_starts_with("  Dear customer", ["Hello", "Dear"])
    assert message(assert_starts_with, "Hi", "Dear") == 'the reply does not start with "Dear": "Hi"'


def test_words() -> None:
    assert_words("one two", at_least=2, at_most=2)
    assert message(assert_words, "one", at_least=2) == "the reply has 1 word, at least 2 required"
    for limits in ({}, {"at_least": 3, "at_most": 2}, {"at_most": -1}, {"at_most": True}):
        with pytest.raises(LlmevalError):
            assert_words("x", **limits)


def test_matches_and_not_matches() -> None:
    assert_matches("order 4711", r"\d{4}")
    assert_matches("ORDER", re.compile("order", re.IGNORECASE))
    assert_not_matches("order", r"\d")
    assert message(assert_matches, "x", r"\d") == 'nothing in the reply matches "\\d": "x"'
    assert message(assert_not_matches, "a 1 b", r"\d") == 'the reply must not match "\\d": "a 1 b"'
    for pattern in ("(", "", 3, re.compile(b"x")):
        with pytest.raises(LlmevalError, match="regular expression"):
            assert_matches("x", pattern)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_catastrophic_pattern_ends_in_an_error_and_leaves_no_timer_behind() -> None:
    before = signal.getsignal(signal.SIGVTALRM)
    with pytest.raises(LlmevalError, match=r"^regex timed out: \"\(a\+\)\+\$\" took more than 2 s"):
        assert_matches(BOMBED, BOMB)
    assert signal.getsignal(signal.SIGVTALRM) is before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def in_a_thread(function: Any, *arguments: Any, **options: Any) -> Any:
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(function(*arguments, **options))
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    return outcome[0]


def test_off_the_main_thread_a_catastrophic_pattern_ends_too() -> None:
    assert in_a_thread(within_time, find, "b+", 0, "abbc") == [1, 3]
    assert isinstance(in_a_thread(within_time, find, BOMB, 0, BOMBED, seconds=0.3), TimedOut)


def test_similar_passes_at_its_limit_and_takes_the_nearest() -> None:
    assert_similar("refund in 30 days", ["nothing of it", "refund in 31 days"], at_least=0.9)
    assert_similar("b a", "a b", method="token_sort", at_least=1)
    assert_similar("well, it is Paris indeed", "paris", method="partial", at_least=1, ignore_case=True)
    assert_similar("abcd", "abcx", method="levenshtein", at_least=0.75)
    with pytest.raises(CheckFailed) as caught:
        assert_similar("refund in 60 days", "refund in 30 days", at_least=0.95)
    assert str(caught.value) == (
        'similarity 0.941 is below 0.95: expected "refund in 30 days", got "refund in 60 days"'
    )
    assert 0.94 < caught.value.score < 0.95


@pytest.mark.parametrize("options", [{"at_least": 0}, {"at_least": 85}, {"at_least": float("nan")}, {"method": "x"}])
def test_an_impossible_limit_or_method_is_an_error(options: Any) -> None:
    with pytest.raises(LlmevalError, match=r"^assert_similar"):
        assert_similar("a", "a", **options)


@pytest.mark.parametrize(
    ("length", "options"), [(100_001, {}), (50_001, {"method": "partial"}), (1_001, {"method": "partial"})]
)
def test_texts_too_long_to_compare_are_an_error(length: int, options: Any) -> None:
    with pytest.raises(LlmevalError, match="at most"):
        assert_similar("x" * length, "y" * min(length, 1_001), **options)


@given(st.text(max_size=200), st.text(min_size=1, max_size=200).filter(str.strip))
def test_a_similarity_is_a_share_and_one_for_the_same_text(reply: str, expected: str) -> None:
    assert assert_similar(expected, expected, at_least=1.0).value == 1.0
    try:
        value = assert_similar(reply, expected, at_least=1.0).value
    except CheckFailed as failure:
        value = failure.score
    assert 0 <= value <= 1


def test_five_megabytes_are_judged_and_told_in_few_words() -> None:
    answer = "word " * 1_000_000
    for told in (
        message(assert_equal, answer, answer + "x"),
        message(assert_equal, answer, "Paris"),
        message(assert_contains, answer, "unseen"),
        message(assert_not_contains, answer, "word"),
        message(assert_words, answer, at_most=3),
        message(assert_matches, answer, "unseen"),
        message(assert_starts_with, answer, "unseen"),
    ):
        assert len(told) < 3_000
        assert len(told.split("\n")[0]) <= 200


def test_the_word_diff_reads_like_wdiff() -> None:
    assert word_diff("refund within 30 days", "refund within 60 days") == ["refund within [-30-]{+60+} days"]
    assert word_diff("a b", "a b c") == ["a b {+c+}"]
    assert word_diff("a  b", "a\nb") == []
    assert word_diff("", "a") == ["{+a+}"]


def test_the_word_diff_leaves_out_what_is_the_same() -> None:
    same = " ".join(f"w{number}" for number in range(100))
    assert word_diff(f"{same} x {same} y", f"{same} {same} y z") == [
        "... w94 w95 w96 w97 w98 w99 [-x-] w0 w1 w2 w3 w4 w5 ... w95 w96 w97 w98 w99",
        "y {+z+}",
    ]


def test_the_word_diff_of_long_texts_says_what_it_compared() -> None:
    left = " ".join(f"l{number}" for number in range(3 * MOST_WORDS))
    right = " ".join(f"r{number}" for number in range(3 * MOST_WORDS))
    lines = word_diff(left, right)
    assert lines[-1] == f"(only {MOST_WORDS:,} words from the first difference on were compared)"
    assert len(lines) <= 21


@given(st.text(max_size=400), st.text(max_size=400), st.integers(20, 100))
def test_the_word_diff_keeps_its_width_and_is_harmless(left: str, right: str, width: int) -> None:
    lines = word_diff(left, right, width=width)
    assert all(len(line) <= max(width, 60) for line in lines)
    assert all(line.isprintable() or "\u200c" in line or "\u200d" in line for line in lines)
    assert bool(lines) == (left.split() != right.split())


words = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=7)


@given(words, words)
def test_the_word_diff_of_short_texts_holds_both(left: list[str], right: list[str]) -> None:
    told = " ".join(word_diff(" ".join(left), " ".join(right), lines=100))
    without_added = re.sub(r"\{\+.*?\+\}", " ", told).replace("[-", " ").replace("-]", " ").split()
    without_removed = re.sub(r"\[-.*?-\]", " ", told).replace("{+", " ").replace("+}", " ").split()
    assert (without_added, without_removed) == ((left, right) if left != right else ([], []))
