"""A fact at a depth of a long text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval import needle_cases, place_needle

NEEDLE = "The code of the back door is 4711."
PARK = (
    "The park opens at dawn. Dr. Marsh keeps the roses, e.g. the red ones! Who waters them? Nobody knows.\n\n"
    "A second paragraph without an end\n\n"
    'It rained 3.5 inches. "Not enough." So it goes.'
)
SENTENCES = st.lists(
    st.text("abc xyz", min_size=3, max_size=30).map(lambda text: f"W{text.strip()}word."), min_size=1, max_size=20
)


@pytest.mark.parametrize(
    ("depth", "before"),
    [
        (0, ""),
        (0.2, "The park opens at dawn."),
        (0.6, "The park opens at dawn. Dr. Marsh keeps the roses, e.g. the red ones! Who waters them? Nobody knows."),
        (1, PARK),
    ],
)
def test_it_stands_between_sentences_at_its_depth(depth: float, before: str) -> None:
    text = place_needle(NEEDLE, PARK, depth)
    assert text.partition(NEEDLE)[0].strip() == before
    assert text.replace(NEEDLE, "").split() == PARK.split()


@given(SENTENCES, st.floats(0, 1), st.integers(40, 5_000))
def test_nothing_is_cut_and_depth_and_length_are_kept_to_a_sentence(
    sentences: list[str], depth: float, length: int
) -> None:
    haystack = " ".join(sentences)
    text = place_needle(NEEDLE, haystack, depth, length=length)
    longest = max(map(len, sentences)) + 1
    assert text == place_needle(NEEDLE, haystack, depth, length=length)
    assert text.count(NEEDLE) == 1
    assert abs(len(text) - length) <= longest
    before, _, after = text.partition(NEEDLE)
    room = len(before) + len(after)
    assert abs(len(before) - depth * room) <= longest
    repeated = " ".join(sentences * (1 + length // len(haystack)))
    kept = f"{before.strip()} {after.strip()}".strip()
    assert repeated.startswith(kept)
    assert not kept or kept.endswith(".")


@given(st.text(min_size=1), st.floats(0, 1))
def test_any_text_will_do(haystack: str, depth: float) -> None:
    if not haystack.strip() or NEEDLE in haystack:
        return
    text = place_needle(NEEDLE, haystack, depth)
    assert text.count(NEEDLE) == 1
    assert "".join(text.replace(NEEDLE, "").split()) == "".join(haystack.split())


def test_a_length_in_tokens_is_four_characters_each() -> None:
    text = place_needle(NEEDLE, PARK, 0.5, length=1_000, unit="tokens")
    assert text == place_needle(NEEDLE, PARK, 0.5, length=4_000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", PARK, 0.5), "may be empty"),
        ((NEEDLE, "  ", 0.5), "may be empty"),
        ((NEEDLE, f"{PARK} {NEEDLE}", 0.5), "already holds the needle"),
        ((NEEDLE, PARK, 50), "from 0 .* to 1"),
        ((NEEDLE, PARK, float("nan")), "from 0 .* to 1"),
    ],
)
def test_what_would_tell_nothing_is_refused(arguments: tuple[str, str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        place_needle(*arguments)


def test_a_length_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="a length of 10 characters has no room for a needle of 34 characters"):
        place_needle(NEEDLE, PARK, 0.5, length=10)


def test_cases_have_ids_tasks_and_tags_that_reports_can_show() -> None:
    cases = needle_cases(NEEDLE, "Which code?", PARK, expected="4711", depths=[0, 0.5], lengths=[500, 2_000])
    assert [case.id for case in cases] == ["needle-500-0", "needle-500-50", "needle-2000-0", "needle-2000-50"]
    assert [case.task for case in cases] == ["depth 0%", "depth 50%"] * 2
    assert cases[2].tags == ("length 2000",)
    assert (cases[1].input, cases[1].expected) == ("Which code?", "4711")
    assert cases[1].context == (place_needle(NEEDLE, PARK, 0.5, length=500),)
