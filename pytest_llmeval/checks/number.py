"""A check of a number in the reply."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Literal

from pytest_llmeval.checks.numerals import numerals
from pytest_llmeval.checks.score import Score, check, failed, passed
from pytest_llmeval.checks.text import text_of
from pytest_llmeval.checks.wording import listed, quoted, shown
from pytest_llmeval.errors import LlmevalError

__all__ = ["assert_number"]

__tracebackhide__ = True


@check
def assert_number(
    reply: str | float | Decimal,
    expected: float | Decimal,
    *,
    abs: float = 0.0,  # noqa: A002 - as in pytest.approx
    rel: float = 0.0,
    which: Literal["only", "first", "last"] = "only",
    category: str | None = None,
) -> Score:
    """Check the number in the reply; separators, currency and percent signs do not matter.

    Args:
        reply: the answer, or a number that was taken from it.
        expected: the number; of ``60 %`` it is 60.
        abs: the allowed difference.
        rel: the allowed difference as a share of `expected`; the larger of the two counts.
        which: the number that counts when the reply holds several different ones; ``only`` does not allow that.
        category: the error category of a failure; without it ``wrong_answer``, and ``format`` for a reply without
            a number.

    Raises:
        LlmevalError: the expected number or a tolerance is none.
    """
    if which not in ("only", "first", "last"):
        raise LlmevalError(f"assert_number: which={shown(which)} does not exist; there are only, first, last")
    for name, value in (("the expected number", expected), ("abs", abs), ("rel", rel)):
        number = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or (name in ("abs", "rel") and value < 0):
            raise LlmevalError(f"assert_number: {name} is {shown(value)}, which is no number to compare with")
    target = Decimal(str(expected))
    allowed = max(Decimal(str(abs)), Decimal(str(rel)) * target.copy_abs())
    if isinstance(reply, (int, float, Decimal)) and not isinstance(reply, bool):
        if not math.isfinite(reply):
            return failed(f"expected {target}, got {reply}")
        return _compared(Decimal(str(reply)), str(reply), target, allowed)
    text = text_of(reply)
    found = [numeral for numeral in numerals(text) if numeral.value is not None]
    if not found:
        return failed(f"expected {target}, but the reply holds no number: {quoted(text)}", category="format")
    values = {numeral.value for numeral in found}
    if which == "only" and len(values) > 1:
        written = list(dict.fromkeys(numeral.text for numeral in found))
        return failed(f"expected only {target}, but the reply holds {len(values)} numbers: {listed(written, 5, 20)}")
    numeral = found[-1 if which == "last" else 0]
    return _compared(numeral.value or Decimal(0), numeral.text, target, allowed)


def _compared(value: Decimal, written: str, target: Decimal, allowed: Decimal) -> Score:
    difference = (value - target).copy_abs()
    if difference <= allowed:
        return passed()
    within = f" within {allowed.normalize():g}" if allowed else ""
    return failed(f"expected {target}{within}, got {quoted(written, 40)}")
