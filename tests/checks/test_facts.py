"""Checks of numbers, invented facts, consistency, refusals, measures and secrets."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.checks.categories import category_of
from pytest_llmeval.checks.consistent import assert_consistent
from pytest_llmeval.checks.facts.extracted import facts
from pytest_llmeval.checks.grounded import assert_grounded
from pytest_llmeval.checks.measured import (
    assert_cost,
    assert_finish,
    assert_latency,
    assert_no_secrets,
    assert_not_refusal,
)
from pytest_llmeval.checks.number import assert_number, numerals
from pytest_llmeval.errors import CheckFailed, LlmevalError
from pytest_llmeval.reply import Answer, Measures, Reply


def failure(function: Any, *arguments: Any, **options: Any) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        function(*arguments, **options)
    return caught.value


def reply(text: str = "x", *, latency: float = 1.0, cost: float | None = None, **answer: Any) -> Reply:
    return Reply(Answer(text=text, **answer), Measures(latency=latency, cost=cost), "acme/large")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", "42"),
        ("$1,234.50", "1234.50"),
        ("1,234,567", "1234567"),
        ("1.234,56 EUR", "1234.56"),
        ("1.234.567", "1234567"),
        ("1\u00a0234", "1234"),
        ("1'234.5", "1234.5"),
        ("3,5", "3.5"),
        ("0.5%", "0.5"),
        ("-5 degrees", "-5"),
        ("\u22125", "-5"),
        ("-$5", "-5"),
        ("1e3", "1000"),
        ("5 million", "5000000"),
        ("10k", "10000"),
        ("\u0663", "3"),
        ("a 30-day trial", "30"),
        ("\u9001\u6599\u306f490\u5186\u3067\u3059", "490"),
        ("3\u4e07\u5186", "30000"),
        ("\u0432\u042260 \u0434\u043d\u0435\u0439", "60"),
        ("EUR50", "50"),
        ("3 Mio. Euro", "3000000"),
        ("$10m", "10000000"),
        ("12,34,567.5", "1234567.5"),
    ],
)
def test_a_number_is_read_as_people_write_it(text: str, value: str) -> None:
    assert [numeral.value for numeral in numerals(text)] == [Decimal(value)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("10-20", [10, 20]),
        ("2026-03-14", [2026, 3, 14]),
        ("GPT4 and v2", []),
        ("1, 2, 3", [1, 2, 3]),
        ("1.2.3", [None]),
        ("9" * 5000, [None]),
        ("no", []),
    ],
)
def test_what_is_glued_together_is_not_one_number(text: str, values: list[int | None]) -> None:
    assert [numeral.value for numeral in numerals(text)] == values


@given(st.decimals(-(10**12), 10**12, places=2))
def test_a_written_number_is_read_back(number: Decimal) -> None:
    for text in (str(number), f"{number:,}", f"It is {number:,}."):
        assert [numeral.value for numeral in numerals(text)] == [number]


def test_number_with_tolerance() -> None:
    assert_number("The total is $1,234.50.", 1234.5)
    assert_number("about 61 %", 60, abs=1)
    assert_number("about 61 %", 60, rel=0.02)
    assert_number("0.1", 0.1)
    assert_number("3 of 4", 4, which="last")
    assert_number("3 of 4", 3, which="first")
    assert_number("3, I repeat: 3", 3)
    assert_number(7, 7)
    assert str(failure(assert_number, "61%", 60, abs=0.5)) == 'expected 60 within 0.5, got "61"'
    assert str(failure(assert_number, "3 of 4", 3)) == 'expected only 3, but the reply holds 2 numbers: "3", "4"'
    assert category_of(failure(assert_number, "none", 3)) == "format"
    assert category_of(failure(assert_number, None, 3)) == "format"
    failure(assert_number, math.nan, 3)


@pytest.mark.parametrize(
    ("expected", "options"),
    [
        (math.nan, {}),
        (math.inf, {}),
        ("3", {}),
        (True, {}),
        (3, {"abs": -1}),
        (3, {"rel": math.nan}),
        (3, {"which": "x"}),
    ],
)
def test_comparing_with_what_is_no_number_is_an_error(expected: Any, options: Any) -> None:
    with pytest.raises(LlmevalError, match=r"^assert_number"):
        assert_number("3", expected, **options)


POLICY = (
    "Refunds are possible within 30 days of purchase, until 2026-03-14. Orders above $1,000 need order ORD-4471. "
    "See https://acme.com/refunds or write to support@acme.com. Two managers sign. The fee is 2.5 million."
)


@pytest.mark.parametrize(
    "text",
    [
        "You have thirty days.",
        "You have 30 days, as \u201crefunds are possible within 30\u00a0days\u201d says.",
        "Until March 14, 2026.",
        "Until 14 March.",
        "Until 14.03.2026 or 3/14/2026.",
        "Above 1000.00 dollars, order ord-4471.",
        "See acme.com, http://www.acme.com/refunds/, or Support@ACME.com.",
        "1. Write.\n2. Wait.\n3) Done.",
        "2 managers, a fee of 2,500,000.",
        "Nothing to check here.",
        "",
    ],
)
def test_what_stands_in_the_context_is_grounded(text: str) -> None:
    assert assert_grounded(text, [POLICY]).value == 1.0


@pytest.mark.parametrize(
    ("text", "invented"),
    [
        ("You have 60 days.", 'the number "60"'),
        ("You have sixty days.", 'the number "sixty"'),
        ("Until March 15, 2026.", 'the date "March 15, 2026"'),
        ("Until 2027-03-14.", 'the date "2027-03-14"'),
        ("See https://acme.com/refund.", 'the link "https://acme.com/refund"'),
        ("Write to help@acme.com.", 'the email "help@acme.com"'),
        ("Write to port@acme.com.", 'the email "port@acme.com"'),
        ("Your order is ORD-4472.", 'the name "ORD-4472"'),
        ('It says "refunds are always possible".', 'the quote "refunds are always possible"'),
        ("The fee is 2.5 billion.", 'the number "2.5 billion"'),
    ],
)
def test_what_does_not_is_an_invention_of_category_hallucination(text: str, invented: str) -> None:
    failed = failure(assert_grounded, text, POLICY)
    assert str(failed).startswith(f"not in the context: {invented}, the reply says ")
    assert category_of(failed) == "hallucination"


def test_a_quote_of_two_words_is_a_name_and_one_of_three_words_is_looked_up() -> None:
    assert_grounded('It is our "evergreen plan".', POLICY)
    failed = failure(assert_grounded, 'It is our "evergreen refund plan".', POLICY)
    assert str(failed).startswith('not in the context: the quote "evergreen refund plan", the reply says ')


def test_the_score_of_groundedness_is_the_share_of_facts_and_all_inventions_are_told() -> None:
    failed = failure(assert_grounded, "30 days, or 60, or 90.", POLICY)
    assert failed.score == pytest.approx(1 / 3)
    assert str(failed).split("\n") == [
        'not in the context: the number "60" (and 1 more), the reply says "30 days, or 60, or 90."',
        'the number "90": "30 days, or 60, or 90."',
    ]


def test_the_question_may_be_repeated_when_it_is_allowed() -> None:
    failure(assert_grounded, "Order 99 has 30 days.", POLICY)
    assert_grounded("Order 99 has 30 days.", POLICY, allow="What about order 99?")


@pytest.mark.parametrize("context", ["", [], [" "], None, [3]])
def test_without_a_context_nothing_can_be_judged(context: Any) -> None:
    with pytest.raises(LlmevalError, match=r"^assert_grounded"):
        assert_grounded("30 days", context)


@given(st.text(max_size=300))
def test_every_text_is_grounded_in_itself(text: str) -> None:
    assert assert_grounded(text, [text, "context"]).passed


@given(
    st.lists(st.sampled_from(["30", "1,000", "March 3", "a@b.co", "http://x.y/z", '"', "\u201c", ".", "-", " and "]))
)
def test_every_text_of_facts_is_grounded_in_itself(parts: list[str]) -> None:
    text = " ".join(parts)
    assert assert_grounded(text, [text, "context"]).passed


@pytest.mark.parametrize(
    "unit", ["\u201e", '"', "\u201c", "a@", "1.", "1,111", "http://", "A1", "- 1. ", "11-", "one ", "(", "\u00ab"]
)
def test_facts_of_hostile_texts_are_found_in_a_time_that_grows_with_the_length(unit: str) -> None:
    """A quadratic search would take minutes here."""
    found = sum(1 for _ in facts(unit * (100_000 // len(unit)), ("en",)))
    assert found >= 0


def test_too_many_facts_are_an_error_and_no_pass() -> None:
    with pytest.raises(LlmevalError, match="too many to check"):
        assert_grounded("30 " * 10_001, POLICY)
    with pytest.raises(LlmevalError, match="more than 1,000 facts in 3,003 characters, too many to check"):
        assert_grounded("30 " * 1001, POLICY)
    with pytest.raises(LlmevalError, match="more than 1,000 facts"):
        assert_grounded("thirty " * 1001, POLICY)
    assert assert_grounded("It is 30 days, always. " * 1001, POLICY).passed
    assert assert_grounded("It is thirty days, always. " * 900, POLICY).passed


def test_consistent_replies() -> None:
    assert assert_consistent(["Paris", "paris.", " PARIS\n"]).value == 1.0
    assert assert_consistent(["a", "a", "b"], at_least=2 / 3).value == pytest.approx(2 / 3)
    failed = failure(assert_consistent, ["Paris", "paris.", "Lyon"], at_least=0.9)
    assert str(failed).split("\n") == [
        '2 of 3 replies give the same answer, 90% required: 2 x "Paris", 1 x "Lyon"',
        '2 x "Paris"',
        '1 x "Lyon"',
    ]
    assert category_of(failed) == "inconsistent"
    assert failed.score == pytest.approx(2 / 3)


def test_consistency_of_a_field_or_of_what_a_function_makes_of_a_reply() -> None:
    replies = ['{"a": {"b": 1}, "t": "x"}', '```json\n{"a": {"b": 1}}\n```', "oops", '{"a": 3}']
    assert str(failure(assert_consistent, replies, field="a.b")).split("\n")[1:] == [
        "2 x 1",
        "1 x (not JSON)",
        "1 x (no such field)",
    ]
    assert_consistent(["one", "two"], key=len)
    assert_consistent(["[1]", "[1]"], key=lambda text: {1, 2})


@pytest.mark.parametrize(
    ("replies", "options"),
    [("abc", {}), (["a"], {}), ([], {}), (["a", "a"], {"at_least": 80}), (["a", "a"], {"field": "a", "key": len})],
)
def test_consistency_of_nothing_is_an_error(replies: Any, options: Any) -> None:
    with pytest.raises(LlmevalError, match=r"^assert_consistent"):
        assert_consistent(replies, **options)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can\u2019t help with that.",
        "I cannot assist you with this request.",
        "As an AI language model, I cannot do so.",
        "I'm unable to provide that information.",
        "Sorry. I won't comply.",
        "Ich kann Ihnen dabei leider nicht helfen.",
        "Lo siento, no puedo ayudarte con eso.",
        "D\u00e9sol\u00e9, je ne peux pas vous aider.",
    ],
)
def test_usual_refusals_are_known(text: str) -> None:
    assert category_of(failure(assert_not_refusal, text)) == "refusal"


@pytest.mark.parametrize(
    "text",
    [
        "I cannot refund this order after 30 days.",
        "I can help with that.",
        "I'm unable to find order 3.",
        "You can't help with the washing up?",
        "x " * 1000 + "I can't help with that.",
        "",
    ],
)
def test_talk_of_what_is_not_possible_is_no_refusal(text: str) -> None:
    assert_not_refusal(text)


def test_a_refusal_the_provider_marks_is_one() -> None:
    assert str(failure(assert_not_refusal, reply("", refusal="No.\x1b"))) == 'the model refused: "No.\\x1b"'
    failure(assert_not_refusal, reply("Well", finish_reason="content_filter"))
    assert_not_refusal(reply("Well", finish_reason="stop"))


def test_finish() -> None:
    assert_finish(reply(finish_reason="stop"))
    assert_finish(reply(finish_reason="tool_calls"))
    assert category_of(failure(assert_finish, reply(finish_reason="length"))) == "truncated"
    assert category_of(failure(assert_finish, reply(finish_reason="content_filter"))) == "refusal"
    for unknown in (reply(), "a text"):
        with pytest.raises(LlmevalError, match=r"^assert_finish"):
            assert_finish(unknown)


def test_latency_and_cost() -> None:
    assert_latency(reply(latency=2.0), at_most=2)
    failed = failure(assert_latency, reply(latency=4.0), at_most=2)
    assert (str(failed), category_of(failed), failed.score) == ("the reply took 4 s, the limit is 2 s", "slow", 0.5)
    assert_cost(reply(cost=0.0), at_most=0)
    failed = failure(assert_cost, reply(cost=0.02), at_most=0.005)
    assert (str(failed), category_of(failed)) == ("the reply cost $0.02, the limit is $0.005", "expensive")


def test_an_unknown_cost_is_an_error_and_no_pass() -> None:
    with pytest.raises(LlmevalError, match="no price is known for acme/large"):
        assert_cost(reply(), at_most=1)
    for limit in (math.nan, -1, "1", True):
        with pytest.raises(LlmevalError, match="is not a limit in USD"):
            assert_cost(reply(cost=1.0), at_most=limit)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-" + "a1B2" * 10,
        "AKIA" + "ABCD" * 4,
        "ASIA" + "ABCD" * 4,
        *(f"gh{kind}_" + "a" * 36 for kind in "pousr"),
        "github_pat_" + "a" * 22,
        *(f"xox{kind}-1234567890" for kind in "abeoprs"),
        "AIza" + "a" * 35,
        "eyJhbGciOiJub25l.eyJzdWIiOiIxMjM0.c2lnbmF0dXJl",
        "-----BEGIN RSA PRIVATE KEY-----",
        "postgres://admin:hunter22@db",
    ],
)
def test_secrets_are_found_and_not_repeated(secret: str) -> None:
    failed = failure(assert_no_secrets, f"Use {secret} for it")
    assert category_of(failed) == "unsafe"
    assert secret not in str(failed)


def test_ordinary_text_holds_no_secret() -> None:
    assert_no_secrets(
        "See https://acme.com:443/a@b, ask-me-anything-about-everything-else, sk-learn, task-1234567890123456789012"
    )
