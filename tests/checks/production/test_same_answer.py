"""Two answers are equal after normalising when they differ in their looks alone, and in doubt they are not."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.checks.production.same_answer import normalised, same_answer

ALIKE = {
    "white space": ("We ship\n\n on\tMonday ", "We ship on Monday"),
    "spaces of other kinds": ("10\u00a0days\u202fleft", "10 days left"),
    "line ends of Windows": ("one\r\ntwo", "one\ntwo"),
    "case": ("Yes, We Do", "yes, we do"),
    "case of German": ("STRASSE", "straße"),
    "composed letters": (unicodedata.normalize("NFD", "Café Zürich"), "Café Zürich"),
    "letters of full width": ("\uff21\uff22\uff13", "ab3"),
    "invisible characters": ("\ufeffpay\u200bment \u2714\ufe0f", "payment \u2714"),
    "quotes": ("It\u2019s \u201cdone\u201d, \u201eja\u201c", 'It\'s "done", "ja"'),
    "hyphens": ("3\u20135 days, e\u2011mail \u2014 now", "3-5 days, e-mail - now"),
    "ellipsis": ("wait\u2026", "wait..."),
    "bold": ("The **total** is __fixed for all__.", "The total is fixed for all."),
    "italics": ("*Never* pay _twice_", "Never pay twice"),
    "bold in italics": ("***Stop*** **and *look* here**", "Stop and look here"),
    "headings": ("# Refunds\n\nAfter 3 days\n### Late", "Refunds After 3 days Late"),
    "bullets": ("- apples\n- pears", "* apples\n\u2022 pears"),
    "bullets or none": ("* 3 apples\n* 4 pears", "3 apples\n4 pears"),
    "a quoted paragraph": ("> We are sorry.", "We are sorry."),
    "a rule": ("Hello\n\n---\n\nBye", "Hello\nBye"),
    "code": ("Run `pip install x`, **`now`**", "Run pip install x, now"),
    "a fence": ("```python\nprint(1)\n```", "print(1)"),
    "a fence within text": ("Use this:\n~~~sql\nSELECT 1\n~~~\nDone", "Use this:\nSELECT 1\nDone"),
    "order of keys": ('{"a": 1, "b": [2, {"c": 3}]}', '{"b":[2,{"c":3.0}],"a":1}'),
    "JSON in a fence": ('```json\n{"a": 1}\n```', '{"a": 1.0}'),
    "JSON in a fence of one line": ('```json {"a": 1} ```', '{ "a": 1 }'),
    "JSON in four ticks": ('````\n[1, 2]\n````', "[1,2]"),
    "sentences in JSON": ('{"say": "It\u2019s  **done** now"}', '{"say": "it\'s done now"}'),
}  # fmt: skip
UNLIKE = {
    "another word": ("We ship on Monday", "We ship on Tuesday"),
    "another number": ("5 days", "50 days"),
    "a sign": ("- 5", "5"),
    "a comparison": ("> 5 days", "5 days"),
    "plus or minus": ("+ 5 EUR", "- 5 EUR"),
    "a power": ("10\u00b2", "102"),
    "a fraction": ("1\u00bd", "112"),
    "multiplication": ("2*3*4", "234"),
    "arguments": ("f(*args, **kw)", "f(args, kw)"),
    "names of code": ("call __init__ of it", "call init of it"),
    "names with underscores": ("order_id_of", "order id of"),
    "code as it is": ("`a*b*c`", "`abc`"),
    "a comment in code": ("```\n# not this\n```", "```\nnot this\n```"),
    "punctuation": ("Paris", "Paris?"),
    "struck out": ("~~never~~ pay", "never pay"),
    "nothing": ("", "no"),
    "a version": ("3.10", "3.1"),
    "a number as text": ('{"a": 3}', '{"a": "3"}'),
    "a truth value": ('{"a": true}', '{"a": 1}'),
    "null or absent": ('{"a": null}', "{}"),
    "another key": ('{"Total": 1}', '{"total": 1}'),
    "order of a list": ("[1, 2]", "[2, 1]"),
    "an id in JSON": ('{"id": "aB3"}', '{"id": "Ab3"}'),
    "large numbers": ('{"n": 9007199254740993}', '{"n": 9007199254740992}'),
    "not quite JSON": ('{"a": 1', '{"a": 1}'),
    "NaN": ('{"a": NaN}', '{"a": 0}'),
    "scripts": ("p\u0430ypal", "paypal"),
}  # fmt: skip


@pytest.mark.parametrize("pair", ALIKE.values(), ids=ALIKE)
def test_looks_do_not_count(pair: tuple[str, str]) -> None:
    assert normalised(pair[0]) == normalised(pair[1])
    assert same_answer(*pair)
    assert same_answer(*reversed(pair))


@pytest.mark.parametrize("pair", UNLIKE.values(), ids=UNLIKE)
def test_what_is_said_counts(pair: tuple[str, str]) -> None:
    assert not same_answer(*pair)


@given(st.text(st.one_of(st.characters(codec=None), st.sampled_from(list("*_`#->~\n\t {}[]\"':1,a\0")))))
def test_any_text_has_a_form_whose_looks_do_not_count(text: str) -> None:
    form = normalised(text)
    assert same_answer(text, f"  {text}\n")
    assert form == normalised(unicodedata.normalize("NFD", text)) or text != unicodedata.normalize("NFC", text)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("aB \u2019*"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("aB_"), inner, max_size=3),
)


@given(st.dictionaries(st.text("aB"), VALUES, max_size=4))
def test_json_is_compared_by_value_however_it_is_written(value: dict[str, Any]) -> None:
    other = json.dumps(dict(reversed(value.items())), ensure_ascii=False, indent=3)
    assert same_answer(json.dumps(value), f"```json\n{other}\n```")


@given(st.lists(st.integers() | st.booleans() | st.none()), st.lists(st.integers() | st.booleans() | st.none()))
def test_other_json_is_another_answer(one: list[Any], other: list[Any]) -> None:
    assert same_answer(json.dumps(one), json.dumps(other)) == (repr(one) == repr(other))


@pytest.mark.parametrize(
    "piece",
    ["**a ", "*a* ", "_a ", "`a ", "```\n", "```", "- ", "> ", "# ", "***", "--- -", "[", '{"a":', "~~~x\n", " \t"],
)
def test_a_long_answer_of_marks_is_read(piece: str) -> None:
    text = piece * (200_000 // len(piece))  # a pattern that goes back takes hours
    assert same_answer(f"{text}\n\nend", f"{text}\n\n\nEnd ")
