"""What `assert_cites` says of citation marks."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.checks.categories import category_of
from pytest_llmeval.checks.check import recorder
from pytest_llmeval.checks.cites import assert_cites
from pytest_llmeval.checks.facts.dates import blanked
from pytest_llmeval.checks.facts.marks import citation_marks, other_marks
from pytest_llmeval.errors import CheckFailed, LlmevalError
from pytest_llmeval.score import Claim, Score

SOURCES = ["Unused items can be returned within 30 days.", "Returns cost 4.90 EUR. Parcels arrive in 3 days."]
NAMED = {"policy.md": SOURCES[0], "fees.md": SOURCES[1]}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a [1].", [("1",)]),
        ("a [1][2].", [("1",), ("2",)]),
        ("a [1, 3].", [("1", "3")]),
        ("a [2-4].", [("2", "3", "4")]),
        ("a [^1].", [("1",)]),
        ("a (2).", [("2",)]),
        ("a.\u00b9\u00b2", [("12",)]),
        ("a\u00b9,\u00b2", [("1", "2")]),
        ("a\u30104:0\u2020source\u3011", [("4:0",)]),
        ("a\u30102\u3011", [("2",)]),
        ("a [doc 7]", [("7",)]),
        ("a (Source: 2)", [("2",)]),
        ("a [S2]", [("S2",)]),
        ("a <sup>3</sup>", [("3",)]),
        ("a [2019] b", []),
        ("Anna (45) b", []),
        ("5 m\u00b2, 10\u00b2", []),
        ("a [or 45]", []),
        ("\u301030\u65e5\u4ee5\u5185\u3011", []),
    ],
)
def test_marks_that_cite(text: str, names: list[tuple[str, ...]]) -> None:
    assert [mark.names for mark in citation_marks(text)] == names


def test_numbers_that_count_steps_are_no_facts() -> None:
    text = "1. a\n2) b\n- 3. c\nStep 4: d\n5\ufe0f\u20e3 e: 1. f 2. g\nIt costs 7. In 8. The 9 of us"
    assert sorted(sign for sign in blanked(text, other_marks(text)) if sign.isdigit()) == ["7", "8", "9"]


@pytest.mark.parametrize(
    "text",
    [
        "You have 30 days [1].",
        "You have 30 days. [1] It costs 4.90 EUR. [2]",
        "You have 30 days [1] and pay 4.90 EUR [2].",
        "You have 30 days and pay 4.90 EUR [1][2].",
        "You have 30 days and pay 4.90 EUR [1, 2].",
        "You have thirty days.\u00b9 It costs 4.90 EUR.\u00b2",
        "You have 30 days [1].\n\nSources:\n[1] Policy 2024\n[2] Prices 2025",
        "Returns are possible [1]. Ask us anything.",
        "[1] You have 30 days, [2] it costs 4.90 EUR.",
        "You have 30 days [1].\n\n[1] Policy 2024",
        "- [1] You have 30 days.\n- [2] Parcels arrive in 3 days.",
    ],
)
def test_what_the_source_states_may_be_cited(text: str) -> None:
    assert assert_cites(text, SOURCES).value == 1.0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("You have 60 days [1].", 'source 1 does not say the number "60": "You have 60 days [1]."'),
        (
            "You have 30 days [2].",
            'source 2 does not say the number "30", but source 1 does: "You have 30 days [2]."',
        ),
        ("[1] You have 60 days.", 'source 1 does not say the number "60": "[1] You have 60 days."'),
        ("You have 30 days [3].", 'the reply cites source 3, and there are 2 sources: "You have 30 days [3]."'),
        ("You have 30 days.", 'the reply cites no source: "You have 30 days."'),
        ("Just 9 days [1][2].", 'sources 1 and 2 do not say the number "9": "Just 9 days [1][2]."'),
    ],
)
def test_a_wrong_citation_is_told(text: str, told: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        assert_cites(text, SOURCES)
    assert str(caught.value) == told
    assert (category_of(caught.value), caught.value.score) == ("hallucination", 0.0)


def test_the_score_is_the_share_of_marks_and_each_claim_has_its_place() -> None:
    scores: list[Score] = []
    kept = recorder.set(scores)
    with pytest.raises(CheckFailed) as caught:
        assert_cites("You have 30 days [1]. It costs 9 EUR [2]. Yes [7].", SOURCES)
    recorder.reset(kept)
    assert caught.value.score == pytest.approx(1 / 3)
    assert str(caught.value).count("\n") == 1
    assert scores[0].unsupported == (Claim(31, "9"), Claim(46, "[7]"))


def test_sources_by_name() -> None:
    assert_cites("You have 30 days [policy.md].", NAMED)
    with pytest.raises(CheckFailed, match=r'cites "terms.md", which is not among the sources "policy.md", "fees.md"'):
        assert_cites("You have 30 days [terms.md].", NAMED)
    with pytest.raises(CheckFailed, match=r"source fees\.md does not say"):
        assert_cites("You have 30 days (fees.md).", NAMED)
    assert_cites("You have 30 days\u30104:0\u2020source\u3011.", {"4:0": SOURCES[0]})
    address = "https://lumen.example/policy"
    assert_cites(f"You have 30 days ([policy]({address})).", {address: SOURCES[0]})
    with pytest.raises(CheckFailed, match="which is not among the sources"):
        assert_cites(f"You have 30 days ([policy]({address}/x)).", {address: SOURCES[0]})


def test_every_sentence_with_a_fact_may_have_to_be_cited() -> None:
    text = "You have 30 days [1]. Thank you for asking. It costs 4.90 EUR."
    assert_cites(text, SOURCES)
    with pytest.raises(CheckFailed) as caught:
        assert_cites(text, SOURCES, every=True)
    assert str(caught.value).startswith('no source is cited for the number "4.90": ')
    assert caught.value.score == 0.5
    assert_cites(text, SOURCES, every=True, allow="The price of 4.90 EUR")
    assert_cites("No figure at all.", SOURCES, every=True, required=False)
    with pytest.raises(CheckFailed, match="no source is cited"):
        assert_cites("It costs 4.90 EUR.", SOURCES, every=True, required=False)


def test_a_reply_without_marks_is_right_when_none_is_required() -> None:
    assert assert_cites("Hello.", SOURCES, required=False).passed


@pytest.mark.parametrize("sources", [[], "text", None, [""], [3], {"a": 3}, {}])
def test_without_sources_nothing_can_be_judged(sources: Any) -> None:
    with pytest.raises(LlmevalError, match=r"^assert_cites"):
        assert_cites("30 days [1]", sources)


def test_what_cannot_be_told_is_an_error_and_no_pass() -> None:
    with pytest.raises(LlmevalError, match=r'cannot tell which source .* by name: \{"4:0": text\}'):
        assert_cites("You have 30 days\u30104:0\u2020source\u3011.", SOURCES)
    with pytest.raises(LlmevalError, match="too many to check"):
        assert_cites("[1] a " * 2_001, SOURCES)
    with pytest.raises(LlmevalError, match="takes texts as allow"):
        assert_cites("30 days [1]", SOURCES, allow=[3])  # type: ignore[list-item]


@given(
    st.lists(
        st.sampled_from(["30 days", "[1]", "[2]", "(1)", "\u00b9", ". ", "\n", "4.90 EUR", "x", "[9]", "\u3010", "["])
    )
)
def test_no_reply_breaks_it(parts: list[str]) -> None:
    scores: list[Score] = []
    kept = recorder.set(scores)
    for every in (False, True):
        with suppress(CheckFailed):
            assert_cites(" ".join(parts), SOURCES, every=every)
    recorder.reset(kept)
    assert len(scores) == 2
    assert all(0 <= score.value <= 1 and score.passed is (score.value == 1) for score in scores)
