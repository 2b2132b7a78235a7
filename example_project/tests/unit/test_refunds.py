from decimal import Decimal

import pytest

from helpdesk.refunds import needs_approval, read_amount


@pytest.mark.parametrize(
    ("answer", "amount"),
    [
        ("84.10", Decimal("84.10")),
        ("The refund is 84,10 EUR.", Decimal("84.10")),
        ("0.00", Decimal("0.00")),
        ("89.00 minus 4.90", None),
        ("I would need the invoice.", None),
    ],
)
def test_reads_the_amount(answer, amount):
    assert read_amount(answer) == amount


@pytest.mark.parametrize(("amount", "needed"), [("99.99", False), ("100.00", True)])
def test_large_refunds_need_approval(amount, needed):
    assert needs_approval(Decimal(amount)) is needed


def test_an_unreadable_amount_needs_approval():
    assert needs_approval(None) is True
