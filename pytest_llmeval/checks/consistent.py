"""A check that compares several answers with each other."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from pytest_llmeval.checks.check import Unfit, check, failed, is_number, passed
from pytest_llmeval.checks.json_value import parsed
from pytest_llmeval.checks.plain_text import text_of
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.score import Score
from pytest_llmeval.text import folded, quoted, shortened, shown

_SHOWN = 8
__tracebackhide__ = True


@check
def assert_consistent(
    replies: Sequence[str],
    *,
    at_least: float = 1.0,
    field: str | None = None,
    key: Callable[[str], object] | None = None,
    category: str | None = None,
) -> Score:
    """Check that enough of several replies to the same prompt say the same.

    The score is the share of replies in the largest group. Texts agree when they differ only in case, white space or
    the punctuation at their end.

    Args:
        replies: at least two, as ``llm.sample(prompt, n)`` returns them.
        at_least: the smallest share of replies that must agree, above 0 and up to 1.
        field: compare this field of JSON replies; ``a.b`` in nested objects.
        key: compare what this function returns for each reply.
        category: the error category of a failure; by default ``inconsistent``.

    Raises:
        LlmevalError: fewer than two replies, both `field` and `key`, or an impossible `at_least`.
    """
    if isinstance(replies, str) or not isinstance(replies, Sequence) or len(replies) < 2:
        raise LlmevalError("assert_consistent needs at least two replies, as llm.sample(prompt, 5) returns them")
    if not is_number(at_least, 0, 1) or not at_least:
        raise LlmevalError(f"assert_consistent: at_least={shown(at_least)} is not a share above 0 and up to 1")
    if field is not None and key is not None:
        raise LlmevalError("assert_consistent takes field= or key=, not both")
    groups: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for reply in replies:
        name, example = _answer(reply, field, key)
        groups[name] += 1
        examples.setdefault(name, example)
    ranked = groups.most_common()
    value = ranked[0][1] / len(replies)
    if value >= at_least - 1e-12:
        return passed("inconsistent", value=value)
    what = "give the same answer" if field is None else f"agree on {quoted(field, 40)}"
    parts = [f"{count} x {shortened(examples[name], 32)}" for name, count in ranked[:3]]
    summary = ", ".join(parts) + (", ..." if len(ranked) > 3 else "")
    lines = [f"{ranked[0][1]} of {len(replies)} replies {what}, {at_least:.0%} required: {summary}"]
    lines += [f"{count} x {examples[name]}" for name, count in ranked[:_SHOWN]]
    if len(ranked) > _SHOWN:
        lines.append(f"... and {len(ranked) - _SHOWN} other answers")
    return failed("\n".join(lines), category="inconsistent", value=value)


def _answer(reply: str, field: str | None, key: Callable[[str], object] | None) -> tuple[str, str]:
    """The part of a reply that is compared, and how it is shown."""
    value: object
    if key is not None:
        value = key(reply)
    elif field is not None:
        try:
            value = parsed(reply)
        except Unfit:
            return "not JSON", "(not JSON)"
        for step in field.split("."):
            if not isinstance(value, Mapping) or step not in value:
                return "no field", "(no such field)"
            value = value[step]
    else:
        value = text_of(reply)
    if isinstance(value, str):
        return "text " + folded(value, ignore_case=True).rstrip(" .!?;,。"), quoted(folded(value), 60)
    try:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return "value " + text, quoted(text, 60)[1:-1]
