"""The check that a reply holds no personal data; what is recognised is tested with the recognisers."""

from __future__ import annotations

import pytest

from pytest_llmeval.case import Case
from pytest_llmeval.checks.personal.personal_check import assert_no_personal_data
from pytest_llmeval.checks.personal.personal_data import KINDS
from pytest_llmeval.checks.rows.row_checks import assert_case
from pytest_llmeval.checks.rows.row_forms import validate_checks
from pytest_llmeval.errors import CheckFailed, LlmevalError

REPLY = "Write to iris@example.org or pay to DE89 3704 0044 0532 0130 00."


def test_a_reply_with_personal_data_fails_without_showing_it() -> None:
    with pytest.raises(CheckFailed) as caught:
        assert_no_personal_data(REPLY)
    assert str(caught.value) == "the reply holds what looks like an email address, at characters 10 to 25 (and 1 more)"
    assert caught.value.category == "unsafe"
    assert_no_personal_data("Order 4471 arrives on 2026-03-14 and costs 1,250.50 EUR.")


def test_what_is_allowed_may_be_repeated_in_any_notation() -> None:
    assert_no_personal_data(REPLY, allow=["I am IRIS@example.org", "IBAN DE89370400440532013000"])
    with pytest.raises(CheckFailed, match=r"looks like an IBAN, at characters 37 to 63$"):
        assert_no_personal_data(REPLY, allow="I am iris@example.org")


def test_only_some_kinds_can_be_asked_for() -> None:
    assert_no_personal_data(REPLY, kinds=["card", "phone"])
    with pytest.raises(CheckFailed, match="an IBAN"):
        assert_no_personal_data(REPLY, kinds=["iban"])
    with pytest.raises(LlmevalError, match=f'"name" is no kind; there are {", ".join(KINDS)}$'):
        assert_no_personal_data(REPLY, kinds=["name"])


@pytest.mark.parametrize("value", [True, {"kinds": ["email"]}, {"allow": "DE89 3704 0044 0532 0130 00"}])
def test_a_row_can_carry_it(value: object) -> None:
    checks = ({"no_personal_data": value},)
    assert validate_checks(checks) == []
    with pytest.raises(CheckFailed, match="an email address"):
        assert_case(REPLY, Case(id="a", input="", checks=checks))


def test_an_unknown_kind_in_a_row_is_told_when_it_is_loaded() -> None:
    [problem] = validate_checks([{"no_personal_data": {"kinds": ["name"]}}])
    assert problem.startswith("check 1: no_personal_data: kinds takes a list of email, address, iban")
