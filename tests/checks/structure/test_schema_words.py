"""Formats and patterns of JSON Schema."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.checks.json_value import assert_schema
from pytest_llmeval.checks.structure.ecma_pattern import python_pattern
from pytest_llmeval.checks.structure.schema_formats import FORMATS
from pytest_llmeval.errors import CheckFailed, LlmevalError

RIGHT = {
    "date": ["2024-02-29", "0000-02-29"],
    "date-time": [
        "2024-02-29T08:30:00Z",
        "1990-12-31T23:59:60Z",
        "1990-12-31T15:59:60-08:00",
        "2001-01-01t00:00:00.5z",
    ],
    "time": ["23:59:59+01:00", "01:29:60+01:30", "08:30:06.283185Z"],
    "duration": ["P3D", "PT1H30M", "P1Y2M3DT4H5M6S", "P2W", "PT0S"],
    "email": ["ada@example.com", '"a b"@example.com', "a+b@[192.0.2.1]", "a@[IPv6:2001:db8::1]"],
    "hostname": ["example.com", "xn--4gbwdl.xn--wgbh1c", "a" * 63],
    "ipv4": ["192.0.2.255"],
    "ipv6": ["::", "2001:db8::192.0.2.1"],
    "uri": ["https://a.example/b?c#d", "mailto:ada@example.com", "http://[2001:db8::1]:80/", "urn:isbn:0"],
    "uuid": ["2EB8AA08-aa98-11ea-b4aa-73b441d16380"],
}
WRONG = {
    "date": ["2023-02-29", "24-02-28", "2024-2-3", "2024-02-28\n", "\u0968\u0966\u0968\u096a-02-28", "28.02.2024", ""],
    "date-time": ["2024-02-28 08:30:00Z", "2024-02-28T08:30:00", "2024-02-30T08:30:00Z", "2024-02-28T24:00:00Z"],
    "time": ["08:30:00", "8:30:00Z", "22:59:60Z", "08:30:00 PST", "08:30Z"],
    "duration": ["P", "PT", "3D", "P1W2D", "P1D2H", "P1H", "P1S", "P\u0967D", "p1d", "P-1D"],
    "email": ["ada", "@example.com", "ada@", "a..b@example.com", "ada@-x.com", "a b@example.com", "ada@[300.0.0.1]"],
    "hostname": ["", "a..b", "-a.com", "a_b.com", "a" * 64, "example.com.", "ab--c.com"],
    "ipv4": ["192.0.2", "192.0.2.256", "192.0.2.01", "0x7f.0.0.1", "\u0967.0.0.1"],
    "ipv6": ["12345::", "fe80::1%eth0", "1::2::3"],
    "uri": ["/a/b", "//a.example", "https://a b", "http://a.example:x/", "\\\\share", "https://[1::2::3]/", "ä:b"],
    "uuid": ["2eb8aa08aa9811eab4aa73b441d16380", "2eb8aa08-aa98-11ea-b4aa-73b441d1638"],
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_checked(name: str) -> None:
    assert [text for text in RIGHT[name] if not FORMATS[name](text)] == []
    assert [text for text in WRONG[name] if FORMATS[name](text)] == []


@given(st.sampled_from(list(FORMATS)), st.text(st.sampled_from('0123456789abZTt:-.+@[]/%?#\\"\n \u0661'), max_size=40))
def test_any_text_has_a_format_or_not(name: str, text: str) -> None:
    assert FORMATS[name](text) in (True, False)
    assert not FORMATS[name](text + "\n")


def test_a_wrong_format_fails_and_says_what_is_right() -> None:
    schema = {"properties": {"due": {"format": "date"}, "id": {"format": "uuid"}, "any": {"format": "colour"}}}
    assert_schema('{"due": "2024-02-29", "id": 3, "any": "?"}', schema)
    with pytest.raises(CheckFailed) as caught:
        assert_schema('{"due": "29.02.2024", "id": "7"}', schema)
    assert str(caught.value).split("\n") == [
        '$.due: "29.02.2024" is no date, as 2026-02-28 is (1 more)',
        '$.id: "7" is no uuid',
    ]


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [
        (r"^\d+$", ["42"], ["42\n", "४२"]),
        (r"^\w+$", ["abc_1"], ["größe"]),
        (r"^a.c$", ["abc", "a\x85c"], ["a\u2028c", "a\nc"]),
        (r"^\s$", ["\ufeff", "\u2003", "\t"], ["\x1c", "\x85"]),
        (r"^\S$", ["\x1c", "a"], ["\ufeff"]),
        (r"^[\s\S]$", ["a", "\n"], ["ab"]),
        (r"^(?<year>\d{4})-\k<year>$", ["2024-2024"], ["2024-2025"]),
        (r"^\p{Lu}\p{L}*$", ["Ärger", "Жук"], ["ärger", "A1"]),
        (r"^\P{L}$", ["1"], ["ж"]),
        (r"^[^]$", ["\n", "x"], [""]),
        (r"^\u{1F600}$", ["\U0001f600"], ["u"]),
        (r"^\ud83d\ude00$", ["\U0001f600"], [""]),
        (r"^\cC$", ["\x03"], ["cC"]),
        (r"^\/a\/$", ["/a/"], ["a"]),
        (r"(?i)^yes$", ["YES"], ["no"]),  # JavaScript has no such flag there, so Python's meaning stays
    ],
)
def test_a_pattern_means_what_ecma_262_says(pattern: str, right: list[str], wrong: list[str]) -> None:
    for texts, fits in ((right, True), (wrong, False)):
        for text in texts:
            assert meets(text, {"pattern": pattern}) == fits
            assert meets({text: 1}, {"patternProperties": {pattern: False}}) != fits


def meets(value: Any, schema: dict[str, Any]) -> bool:
    try:
        assert_schema(json.dumps(value), schema)
    except CheckFailed:
        return False
    return True


def test_a_message_shows_the_pattern_as_it_was_written() -> None:
    with pytest.raises(CheckFailed, match=r'^\$: "x\.y" does not match "\^\\s\.\$"$'):
        assert_schema('"x.y"', {"pattern": r"^\s.$"})


def test_what_only_looks_like_a_pattern_is_left_alone() -> None:
    schema: dict[str, Any] = {
        "properties": {"pattern": {"const": {"pattern": "a.$"}}, "patternProperties": {"$ref": "#/$defs/word"}},
        "$defs": {"word": {"type": "string", "pattern": "^.$"}},
        "additionalProperties": False,
    }
    assert_schema('{"pattern": {"pattern": "a.$"}, "patternProperties": "x"}', schema)
    with pytest.raises(CheckFailed):
        assert_schema('{"pattern": {"pattern": "ab"}, "patternProperties": "xy"}', schema)


@pytest.mark.parametrize("pattern", ["(", "(?<=a+)b", r"\p{Nothing}"])
def test_a_pattern_that_cannot_be_checked_is_an_error(pattern: str) -> None:
    with pytest.raises(LlmevalError, match="is not a 'regex'"):
        assert_schema('"b"', {"pattern": pattern})


@given(st.text(st.sampled_from("ab.$^[]()?<>{}\\wsSdDpPuc0123:=!|*+-&~\n"), max_size=12))
def test_whatever_is_made_of_a_pattern_is_one(pattern: str) -> None:
    for exact in (True, False):
        made = python_pattern(pattern, exact=exact)
        if made is not None:
            re.compile(made)
