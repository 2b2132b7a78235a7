"""Reading the amount a model proposes, and deciding who may approve it."""

from __future__ import annotations

import re
from decimal import Decimal

__all__ = ["needs_approval", "read_amount"]

APPROVAL_FROM = Decimal("100.00")

_AMOUNT = re.compile(r"\d+[.,]\d{2}(?!\d)")


def read_amount(answer: str) -> Decimal | None:
    """The amount in an answer in EUR, None when there is none or more than one."""
    found = {Decimal(text.replace(",", ".")) for text in _AMOUNT.findall(answer)}
    return found.pop() if len(found) == 1 else None


def needs_approval(amount: Decimal | None) -> bool:
    """Whether a person must look at it: an unreadable amount, or one of 100 EUR or more."""
    return amount is None or amount >= APPROVAL_FROM
