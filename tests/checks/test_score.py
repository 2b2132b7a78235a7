"""What makes a check: the decorator, the exception, the recorder, categories."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import pickle
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.checks.categories import category, category_of, default_category
from pytest_llmeval.checks.check import check, recorder
from pytest_llmeval.checks.plain_text import assert_contains, assert_equal, assert_words
from pytest_llmeval.errors import CheckFailed, LlmevalError
from pytest_llmeval.reply import Answer, Measures, Reply
from pytest_llmeval.score import Score


@check
def assert_polite(reply: str, *, category: str | None = None) -> Score:
    polite = "please" in reply
    return Score(value=float(polite), passed=polite, reason=f"no please in it: {reply}", category="tone")


@pytest.fixture
def scores() -> Iterator[list[Score]]:
    kept: list[Score] = []
    token = recorder.set(kept)
    yield kept
    recorder.reset(token)


def test_a_check_of_ones_own_fails_with_its_category_score_and_reason() -> None:
    with pytest.raises(CheckFailed) as caught:
        assert_polite("go away")
    assert (
        str(caught.value),
        caught.value.category,
        caught.value.score,
        caught.value.check,
    ) == ("no please in it: go away", "tone", 0.0, "polite")


def test_check_can_be_called_on_a_function() -> None:
    def brief(reply: str) -> Score:
        return Score(value=0.25, passed=False)

    with pytest.raises(CheckFailed) as caught:
        check(brief)("x")
    assert str(caught.value) == "brief did not pass (score 0.25)"


def test_a_check_that_passes_gives_its_score_back_and_every_score_is_kept(scores: list[Score]) -> None:
    given_back = assert_polite("please go")
    with pytest.raises(CheckFailed):
        assert_words("one two", at_most=1)
    assert scores == [
        given_back,
        Score(
            value=0.5,
            passed=False,
            reason="the reply has 2 words, at most 1 allowed",
            category="format",
            check="words",
        ),
    ]
    assert (scores[0].check, scores[0].category, scores[0].passed) == ("polite", "tone", True)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), -0.01, 1.01, True, "1", None])
def test_a_score_that_is_no_share_is_an_error_and_never_a_pass(value: float, scores: list[Score]) -> None:
    @check
    def assert_odd(reply: str) -> Score:
        return Score(value=value, passed=True)

    with pytest.raises(LlmevalError, match=r"^check 'odd' gave the score .*: a score is a number from 0 to 1$"):
        assert_odd("x")
    assert scores == []


def test_a_check_that_returns_no_score_is_an_error() -> None:
    @check
    def assert_odd(reply: str) -> bool:
        return True

    with pytest.raises(LlmevalError, match=r"check 'odd' returned a bool, not a pytest_llmeval\.Score"):
        assert_odd("x")


def test_an_async_check_is_awaited() -> None:
    @check
    async def assert_judged(reply: str) -> Score:
        await asyncio.sleep(0)
        return Score(value=0.0, passed=False, reason="the judge says no")

    with pytest.raises(CheckFailed, match="the judge says no"):
        asyncio.run(assert_judged("x"))


def failing_category(*, explicit: str | None = None, around: tuple[str, ...] = ()) -> str | None:
    def failing() -> None:
        with contextlib.ExitStack() as stack:
            for name in around:
                stack.enter_context(category(name))
            assert_words("a b", at_most=1, category=explicit)

    with pytest.raises(CheckFailed) as caught:
        failing()
    assert category_of(caught.value) == caught.value.category
    return caught.value.category


def test_the_keyword_wins_over_with_and_with_wins_over_the_checks_own_category() -> None:
    assert failing_category() == "format"
    assert failing_category(around=("outer",)) == "outer"
    assert failing_category(around=("outer", "inner")) == "inner"
    assert failing_category(around=("outer", "inner"), explicit="mine") == "mine"


def test_a_check_without_an_opinion_leaves_the_category_to_the_tests_marker(scores: list[Score]) -> None:
    token = default_category.set("billing_error")
    try:
        with pytest.raises(CheckFailed) as caught:
            assert_equal("a", "b")
    finally:
        default_category.reset(token)
    assert category_of(caught.value) is None
    assert [score.category for score in scores] == ["billing_error"]


def test_with_category_marks_plain_asserts_and_other_failures_of_the_test() -> None:
    for error in (AssertionError("assert 1 == 2"), KeyError("amount"), pytest.fail.Exception("no")):
        with pytest.raises(type(error)) as caught, category("outer"), category("refund_amount"):
            raise error
        assert category_of(caught.value) == "refund_amount"


def test_with_category_leaves_errors_of_ours_alone() -> None:
    error = LlmevalError("no reply")
    with pytest.raises(LlmevalError), category("x"):
        raise error
    assert category_of(error) is None


def test_with_category_decides_over_the_format_of_reply_json() -> None:
    reply = Reply(Answer(text="{"), Measures(latency=0.1), "m")
    with pytest.raises(CheckFailed) as caught:
        reply.json()
    assert category_of(caught.value) == "format"
    with pytest.raises(CheckFailed) as caught, category("mine"):
        reply.json()
    assert category_of(caught.value) == "mine"


def test_with_category_ends_where_the_block_ends() -> None:
    with category("outer"):
        with category("inner"):
            pass
        with pytest.raises(CheckFailed) as caught:
            assert_equal("a", "b")
    assert category_of(caught.value) == "outer"
    with pytest.raises(CheckFailed) as caught:
        assert_equal("a", "b")
    assert category_of(caught.value) is None


@pytest.mark.parametrize("name", ["", " x", "a\nb", "x" * 81, "\x1b[31m", 3, None])
def test_a_name_that_is_no_category_is_an_error(name: str) -> None:
    with pytest.raises(LlmevalError, match="is not an error category"):
        category(name)
    if name is not None:
        with pytest.raises(LlmevalError, match="is not an error category"):
            assert_equal("a", "a", category=name)


def test_a_failed_check_survives_pickle_and_copy() -> None:
    with pytest.raises(CheckFailed) as caught, category("mine"):
        assert_words("a b", at_most=1)
    # Made by the test itself a line above.
    for again in (pickle.loads(pickle.dumps(caught.value)), copy.copy(caught.value)):  # noqa: S301
        assert ("mine", "words", 0.5, str(caught.value)) == (category_of(again), again.check, again.score, str(again))


@given(st.text(max_size=3000))
def test_a_message_is_harmless_and_its_first_line_short_whatever_the_reply(text: str) -> None:
    @check
    def assert_never(reply: str) -> Score:
        return Score(value=0.0, passed=False, reason=f"got {reply}")

    for failing in (assert_never, lambda reply: assert_contains(reply, "\U0001f984 unseen")):
        with pytest.raises(CheckFailed) as caught:
            failing(text)
        lines = str(caught.value).split("\n")
        assert len(lines[0]) <= 200
        assert len(lines) <= 41
        assert all(c.isprintable() or c in "\n\t\u200c\u200d" for c in str(caught.value))
        assert not any(line.lstrip().startswith("::") for line in lines)


@pytest.mark.parametrize("hostile", ["\x1b]0;TITLE\x07", "\u202eevil", "\x00", "\x9b31m", "\r", "\ud800", "##[error]"])
def test_control_sequences_of_a_reply_never_reach_the_message(hostile: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        assert_equal(f"a{hostile}b", "c")
    assert hostile not in str(caught.value)


def test_a_failing_test_shows_the_users_line_and_one_line_of_ours(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from pytest_llmeval import Case, assert_case, assert_matches, assert_schema, category

        def test_schema():
            with category("mine"):
                assert_schema('{}', {"required": ["eta_days"]})

        def test_case():
            assert_case("x", Case(id="1", input="", expected="y"))

        def test_bad_pattern():
            assert_matches("x", "(")
        """
    )
    result = pytester.runpytest("-p", "no:randomly", "-p", "no:sugar", "-p", "no:asyncio")
    result.stdout.fnmatch_lines(
        [
            '>           assert_schema(\'{}\', {"required": ["eta_days"]})',
            "E           CheckFailed: $.eta_days: required property is missing",
            "test_*.py:5: CheckFailed",
            ">       assert_case(*",
            'E       CheckFailed: expected "y", got "x"',
            'E       LlmevalError: assert_matches: invalid regular expression "(": *',
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_llmeval/checks*")
    result.stdout.no_fnmatch_line("*__tracebackhide__*")


def test_importing_checks_imports_nothing_heavy() -> None:
    code = (
        "import sys, pytest_llmeval.checks.rows.row_checks, pytest_llmeval.checks.check\n"
        "print(sorted({'jsonschema', 'rapidfuzz', 'pydantic', 'httpx', 'asyncio', 'pytest'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]"]
