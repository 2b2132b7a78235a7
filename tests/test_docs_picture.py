"""The picture in README.md is what a run of the example project prints today, and needs nothing from elsewhere."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from docs.tools.pages import ROOT
from docs.tools.picture import PICTURE, fresh_picture, svg

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(picture).iter(f"{SVG}text"))  # noqa: S314 - our own file


@pytest.mark.slow
def test_the_picture_is_fresh() -> None:
    assert PICTURE.read_text(encoding="utf-8") == fresh_picture(), "run: python docs/tools/generate.py"


def test_readme_shows_the_picture_and_says_in_words_what_is_on_it() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"!\[([^\]]+)\]\(docs/picture\.svg\)", readme)
    assert found is not None
    assert "GATE FAILED" in found[1]


def test_the_picture_shows_the_gate_in_red_and_nothing_that_another_day_or_machine_would_change() -> None:
    picture = PICTURE.read_text(encoding="utf-8")
    gate = next(text for text in texts(picture) if (text.text or "").startswith("GATE FAILED: "))
    assert gate.get("class") == "bold red"
    shown = "\n".join(text.text or "" for text in texts(picture))
    assert "1 gate failed" in shown
    assert not re.search(r" in \d+\.\d\ds|^the baseline is |^rootdir|^/", shown, re.MULTILINE)


def test_the_picture_loads_nothing() -> None:
    picture = PICTURE.read_text(encoding="utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg\")|@import|@font-face|<script|<image|url\(", picture)


def test_text_is_escaped_and_each_column_stands_where_its_characters_are() -> None:
    first, second = texts(svg([[("a < b &  c", "red")]], title="x"))
    assert (first.text, second.text) == ("a < b &", "c")
    assert float(second.get("x", "0")) - float(first.get("x", "0")) == pytest.approx(9 * 8.4)
    assert float(first.get("textLength", "0")) == pytest.approx(7 * 8.4)
