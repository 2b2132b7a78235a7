"""A check that a reply has the facts of the expected text, in whatever words."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_llmeval.checks.check import check, failed, passed
from pytest_llmeval.checks.grounded import examined
from pytest_llmeval.checks.meaning import lacking_words
from pytest_llmeval.checks.plain_text import searchable, texts_of
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.score import Score
from pytest_llmeval.text import quoted

__tracebackhide__ = True


@check
def assert_facts(reply: str, expected: str | Sequence[str], *, category: str | None = None) -> Score:
    """Check that the reply has the numbers, dates, links, names with digits and quotes of the expected text.

    They are compared by meaning, as `assert_grounded` compares them: ``thirty days`` is ``30 days``. What else either
    text says is not compared. The score is the share of facts that the reply has.

    Args:
        expected: the text, or several; it is enough that the reply has the facts of one.
        category: the error category of a failure; by default ``wrong_answer``.

    Raises:
        LlmevalError: an expected text has no such facts, so that any reply would pass.
    """
    answer = searchable("facts", reply)
    nearest = failed("", value=-1)
    for text in texts_of("facts", expected):
        stated, lacking, _ = examined(text, [f"{answer}\n"], 1)
        if not stated:
            raise LlmevalError(
                f"assert_facts: the expected {quoted(text)} has no number, date, link, name with digits or quote, so "
                "any reply would pass; assert_contains and assert_similar compare words, assert_judged asks a model"
            )
        if not lacking:
            return passed()
        share = 1 - len(lacking) / len(stated)
        if share > nearest.value:
            nearest = failed(lacking_words([fact.text for fact in lacking], text, answer), value=share)
    return nearest
