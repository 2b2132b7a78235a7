"""A check for invented facts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from pytest_llmeval.checks.facts import Fact, Sources, facts
from pytest_llmeval.checks.score import Score, check, failed, passed
from pytest_llmeval.checks.text import text_of
from pytest_llmeval.checks.wording import excerpt, quoted, shown
from pytest_llmeval.errors import LlmevalError

__all__ = ["assert_grounded"]

_SHOWN = 10
MOST_FACTS = 10_000

__tracebackhide__ = True


@check
def assert_grounded(
    reply: str, context: str | Sequence[str], *, allow: str | Sequence[str] = (), category: str | None = None
) -> Score:
    """Check that the numbers, dates, links, addresses, names with digits and quotes in the reply stand in the context.

    Numbers and dates are compared by what they mean (``1,000`` and ``1000``, ``30`` and ``thirty``, ``2026-03-14`` and
    ``March 14``), quotes of three words and more letter by letter, case, white space and kinds of quote marks aside.
    What is invented in words alone is not found. The score is the share of facts that stand in the context.

    Args:
        reply: the answer.
        context: the passages the answer may use.
        allow: other texts whose facts may be repeated, such as the question.
        category: the error category of a failure; without it ``hallucination``.

    Raises:
        LlmevalError: there is no context.
    """
    passages = [context] if isinstance(context, str) else list(context or ())
    allowed = [allow] if isinstance(allow, str) else list(allow)
    for passage in (*passages, *allowed):
        if not isinstance(passage, str):
            raise LlmevalError(f"assert_grounded takes texts as context, not {shown(passage)}")
    if not any(passage.strip() for passage in passages):
        raise LlmevalError("assert_grounded was given no context: the case needs the passages its answer may use")
    text = text_of(reply)
    sources = Sources((*passages, *allowed))
    found = list(islice(facts(text), MOST_FACTS + 1))
    if len(found) > MOST_FACTS:
        raise LlmevalError(f"assert_grounded: the reply states more than {MOST_FACTS:,} facts, too many to check")
    stated = {(fact.kind, fact.text): fact for fact in reversed(found)}
    if not stated:
        return passed("hallucination")
    invented = sorted((fact for fact in stated.values() if not sources.hold(fact)), key=lambda fact: fact.start)
    value = 1 - len(invented) / len(stated)
    if not invented:
        return passed("hallucination")
    first = invented[0]
    more = f" (and {len(invented) - 1} more)" if len(invented) > 1 else ""
    lines = [f"not in the context: {_named(first)}{more}, the reply says {excerpt(text, first.start, first.end)}"]
    lines += [f"{_named(fact)}: {excerpt(text, fact.start, fact.end)}" for fact in invented[1:_SHOWN]]
    if len(invented) > _SHOWN:
        lines.append(f"... and {len(invented) - _SHOWN} more")
    return failed("\n".join(lines), category="hallucination", value=value)


def _named(fact: Fact) -> str:
    return f"the {fact.kind} {quoted(fact.text, 50)}"
