"""Personal data is told by its form, and nothing else is taken for it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_llmeval.checks.personal.account_numbers import luhn
from pytest_llmeval.checks.personal.personal_data import KINDS, Placeholders, find_personal_data, without_numbers


def kinds(text: str, name: str = "") -> list[tuple[str, str]]:
    return [(found.kind, text[found.start : found.end]) for found in find_personal_data(text, name)]


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        *(
            ("email", one)
            for one in ("mia.holm@example.com", "O'Neil+news@mail.example.co.uk", "jürgen@büro.example.de")
        ),
        *(("phone", one) for one in ("+49 30 1234567", "+49 (0)30 / 1234-567", "+14155552671", "+33 1 23 45 67 89")),
        *(
            ("phone", one)
            for one in (
                "0049 30 1234567",
                "0049-30-1234567",
                "004930/1234567",
                "(123) 456-7890",
                "555-123-4567",
                "1-800-555-0199",
            )
        ),
        *(("phone", one) for one in ("01 23 45 67 89", "030 1234567", "0171/1234567", "020 7946 0958", "07700 900123")),
        *(
            ("phone", one)
            for one in ("03-1234-5678", "(02) 9876 5432", "(11) 91234-5678", "06-12345678", "0171-123 45 67")
        ),
        *(("iban", one) for one in ("DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "NO93 8601 1117 947")),
        *(
            ("card", one)
            for one in ("4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005", "3056 930902 5904")
        ),
        ("card", "4000000000000000121"),
        ("card", "213100001234120"),
        *(("national-id", one) for one in ("123-45-6789", "912-70-1234", "AB 12 34 56 C", "111.444.777-35")),
        *(("national-id", one) for one in ("RSSMRA85T10A562S", "2 69 05 49 588 157 80", "11010519491231002X")),
        *(("ip", one) for one in ("203.0.113.7", "192.168.1.15", "2001:db8::8a2e:370:7334")),
        ("address", "742 Evergreen Terrace, Springfield, IL 62704"),
        ("address", "1600 Pennsylvania Avenue NW, Washington, DC 20500"),
        ("address", "221B Baker Street, London NW1 6XE"),
        ("address", "Lange Straße 12a, 70173 Stuttgart"),
    ],
)
def test_each_form_is_found_wherever_it_stands(kind: str, written: str) -> None:
    for text in (written, f"Write to {written}, please.", f"({written})", f'{{"x": "{written}"}}', f"a\\n{written}\\n"):
        assert kinds(text) == [(kind, written)], text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("phone: 612 345 678", "612 345 678"),
        ("Tel.: 01711234567", "01711234567"),
        ("call me at 415 555 2671 today", "415 555 2671"),
        ("order 12345, call 0171-1234567", "0171-1234567"),
        ("030 1234567 10 times", "030 1234567"),
        ("+49 30 1234567 10:30", "+49 30 1234567"),
        ("my SSN is 123456789.", "123456789"),
        ("the limit of my card # 4111111111111111", "4111111111111111"),
        ("passport no. C01X00T47 and more", "C01X00T47"),
        ("client 10.0.0.1", "10.0.0.1"),
    ],
)
def test_a_word_before_it_tells_what_a_number_is(text: str, found: str) -> None:
    assert [each for _, each in kinds(text)] == [found]


@pytest.mark.parametrize(
    "text",
    [
        *("order 0171-1234567", "Order number: 415-555-2671", "#0171-123456", "INV-2024-00123", "01-2024-0001"),
        *("01.02.2024 10:30", "2024-01-15T10:30:00+0100", "2024-01-15 10:30:00 +01:00", "phone case, 2024-01-15"),
        *("1.234.567,89 EUR", "$1,299.00", "10:00-17:00", "0900-1700", "1,000,000 users", "3.14159265358979"),
        *("v1.2.3.4", "version 10.0.190.41", "Chrome/120.0.0.0", "1.2.3.4", "127.0.0.1", "255.255.255.0", "::1"),
        *("550e8400-e29b-41d4-a716-446655440000", "d41d8cd98f00b204e9800998ecf8427e", "1793491200000000000"),
        *(
            "icon@2x.png",
            "git@host.example.com:team/boat.git",
            "@pytest.mark.slow",
            "react@18.2.0",
            "a::b ab::cd x[::2]",
        ),
        *(
            "978-3-16-148410-0",
            "4006381333931",
            "1234567890123456",
            "1Z999AA10123456784",
            "+48.85771234",
            "Decimal('+35236450.6')",
            "h * 69069 + 907133923",
            "E 78, 046110 2008",
            "12:30:45",
        ),
        *("000-12-3456", "666-12-3456", "DE00 3704 0044 0532 0130 00", "4111 1111 1111 1112", "order 4111111111111111"),
        *("def f(x=1234567890): return x+12345678901", "Main Street 5", "We open in 2024.", "chatcmpl-9aBc1234567"),
    ],
)
def test_what_is_not_personal_stays(text: str) -> None:
    assert kinds(text) == []
    assert Placeholders().hide({"a": [text]}) == {"a": [text]}


def test_the_name_of_a_field_counts_as_the_word_before_it() -> None:
    given = {"phone_number": "5550199123", "mobile": 4915112345678, "order_id": "0171-1234567", "ssn": "123456789"}
    assert Placeholders().hide(given) == {
        "phone_number": "<phone-1>",
        "mobile": "<phone-2>",
        "order_id": "0171-1234567",
        "ssn": "<national-id-1>",
    }


def test_the_same_value_has_the_same_placeholder_however_it_is_written() -> None:
    placeholders = Placeholders()
    text = "Mia@Example.com, mia@example.com; +49 30 1234567 or 0049 (30) 123 45 67; ben@example.com"
    assert placeholders.hide(text) == "<email-1>, <email-1>; <phone-1> or <phone-1>; <email-2>"
    assert placeholders.hide(["ben@example.com"]) == ["<email-2>"]
    assert without_numbers("<email-12> <phone-1> <other-1>") == "<email> <phone> <other-1>"


def test_a_placeholder_that_a_log_holds_already_is_not_given_again() -> None:
    assert Placeholders("hi <email-1>, <email-3>").hide("a@example.com b@example.com") == "<email-2> <email-4>"


@pytest.mark.parametrize("dumped", [json.dumps, lambda value: json.dumps(value, separators=(",", ":"))])
def test_json_within_a_text_stays_json(dumped: Any) -> None:
    """Arguments of tool calls are such texts."""
    inner = {"to": "mia@example.com", "note": 'say "hi"\nmia@example.com', "phone": "5550199123", "n": 1.5}
    hidden = Placeholders().hide({"arguments": dumped(inner)})["arguments"]
    assert hidden == dumped({"to": "<email-1>", "note": 'say "hi"\n<email-1>', "phone": "<phone-1>", "n": 1.5})


WORDS = st.lists(
    st.sampled_from(["boat", "Köln", "-", "(", ")", ".", ",", ":", "\n", "\\n", "ship it", "№", "東京"]), max_size=5
)


def checked(digits: str) -> str:
    return next(digits + str(last) for last in range(10) if luhn(digits + str(last)))


PERSONAL = st.one_of(
    st.builds("{}@{}.example.org".format, st.from_regex(r"[a-z]{1,8}(\.[a-z0-9]{1,8})?", fullmatch=True), st.just("m")),
    st.from_regex(r"\+49 [1-9][0-9]{2} [0-9]{7}", fullmatch=True),
    st.from_regex(r"4[0-9]{14}", fullmatch=True).map(checked),
    st.from_regex(r"203\.0\.113\.[1-9][0-9]", fullmatch=True),
)


@settings(max_examples=60)
@given(WORDS, PERSONAL, WORDS)
def test_personal_data_between_any_words_is_replaced_and_nothing_else(
    before: list[str], one: str, after: list[str]
) -> None:
    left, right = " ".join([*before, ""]), " ".join(["", *after])
    placeholders = Placeholders()
    hidden = placeholders.hide(left + one + right)
    [placeholder] = placeholders.given.values()
    assert hidden == left + placeholder + right
    assert placeholders.hide(hidden) == hidden


THINGS = st.one_of(
    st.dates().map(str),
    st.datetimes().map(str),
    st.datetimes().map(lambda when: when.strftime("%d.%m.%Y %H:%M")),
    st.uuids().map(str),
    st.binary(min_size=16, max_size=32).map(bytes.hex),
    st.decimals(0, 10**6, places=2).map(lambda price: f"{price:,} EUR"),
    st.tuples(*[st.integers(0, 99)] * 3).map(lambda parts: "v" + ".".join(map(str, parts))),
    st.integers(0, 10**9).map(lambda number: f"order {number}"),
    st.integers(0, 10**9).map("LK-{}".format),
    st.floats(-1e6, 1e6, allow_nan=False).map(str),
)


@settings(max_examples=100)
@given(st.lists(THINGS, min_size=1, max_size=3))
def test_dates_prices_versions_ids_and_hashes_stay(things: list[str]) -> None:
    assert kinds(", ".join(things)) == []


@settings(max_examples=100)
@given(st.text(st.sampled_from("01234 .-+()/@:ax\\nDE%#,"), max_size=60))
@example("+1+1@1.1")
def test_what_is_found_of_any_text_is_in_order_and_apart(text: str) -> None:
    end = 0
    for found in find_personal_data(text):
        assert found.kind in KINDS
        assert end <= found.start < found.end <= len(text)
        end = found.end


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "1 ",
        "(1",
        "+1 2 3 4 5 6 7 8 9",
        "0171 ",
        "a@",
        "@a.a.",
        "12.12.",
        "ab:",
        "DE89 ",
        "SSN 1a ",
        "1 A A ",
        "Way, ",
        "4111 ",
    ],
)
def test_hostile_text_of_any_length_is_read_once(piece: str) -> None:
    """With a pattern that goes back over what it has read, this would take hours."""
    assert isinstance(find_personal_data(piece * (100_000 // len(piece))), list)


def test_texts_within_texts_end() -> None:
    text = "mia@example.com"
    for _ in range(12):
        text = json.dumps([text])
    assert re.search("<email-1>", Placeholders().hide(text))
