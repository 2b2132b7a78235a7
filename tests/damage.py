"""Strategies for what should be whole and is not: JSON with wrong values, files with broken lines, cut streams."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

FUZZ = int(os.environ.get("FUZZ", "1"))
"""How many times the usual number of examples; ``make fuzz`` sets it."""


def few(count: int) -> settings:
    """So many examples of what is slow, and more by ``make fuzz``."""
    return settings(max_examples=count * FUZZ)


HOSTILE = (
    "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "::error::boom",
    "##[group]x",
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "| a | b |\n``` \n# heading ![x](https://evil.example)",
    "=cmd()",
    "\x00\r\x85\u2028\u202e\ufffe",
    "\ud800",
    "{{ 7 * 7 }}",
    "x" * 5_000,
)
TEXTS = st.sampled_from(HOSTILE) | st.text(max_size=8)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-1, 0, 1, 2**63, 10**400, -0.5, 1e308, float("nan"), float("inf")]),
    TEXTS,
    st.sampled_from([[], {}, [[]], [None], {"": None}, {"a": [1]}, [{}], ["a", 1]]),
)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each part of a value, as what holds it and its name there."""
    names = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for name in names:
        yield value, name
        yield from _places(value[name])


@st.composite
def damaged_value(draw: st.DrawFn, value: Any, replacements: st.SearchStrategy[Any] = VALUES) -> Any:
    """A value of JSON in which up to three parts are another value, missing or twice there."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        places = list(_places(value))
        if not places:
            return copy.deepcopy(draw(replacements))
        holder, name = draw(st.sampled_from(places))
        match draw(st.sampled_from(["other", "other", "other", "missing", "twice"])):
            case "missing":
                del holder[name]
            case "twice" if isinstance(holder, list):
                holder.insert(name, copy.deepcopy(holder[name]))
            case _:
                holder[name] = copy.deepcopy(draw(replacements))
    return value


@st.composite
def hostile_value(draw: st.DrawFn, value: Any, keep: Sequence[str] = ()) -> Any:
    """A value of JSON in which up to four texts are another text, but for those of some names."""
    value = copy.deepcopy(value)
    texts = [(holder, name) for holder, name in _places(value) if isinstance(holder[name], str) and name not in keep]
    for holder, name in draw(st.lists(st.sampled_from(texts), max_size=4)) if texts else []:
        holder[name] = draw(TEXTS)
    return value


@st.composite
def damaged_pieces(draw: st.DrawFn, pieces: Sequence[bytes]) -> list[bytes]:
    """Lines or events of which some are missing, twice there, in another place, cut, changed or strange."""
    pieces = list(pieces)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(pieces) - 1)) if pieces else 0
        what = draw(st.sampled_from(["missing", "twice", "moved", "cut", "bytes", "strange"])) if pieces else "strange"
        match what:
            case "missing":
                del pieces[place]
            case "twice":
                pieces.insert(place, pieces[place])
            case "moved":
                pieces.insert(draw(st.integers(0, len(pieces) - 1)), pieces.pop(place))
            case "cut":
                pieces[place] = pieces[place][: draw(st.integers(0, len(pieces[place])))]
            case "bytes":
                where = draw(st.integers(0, len(pieces[place])))
                junk = draw(st.sampled_from([b"\xff", b"\xed\xa0\x80", b"\x00", b"\n", b"\r", b'"', b"}", b"\xc3"]))
                pieces[place] = pieces[place][:where] + junk + pieces[place][where + draw(st.integers(0, 2)) :]
            case _:
                strange = st.binary(max_size=20) | VALUES.map(lambda value: json.dumps(value).encode() + b"\n")
                pieces.insert(place, draw(strange))
    return pieces


@st.composite
def damaged_lines(draw: st.DrawFn, lines: Sequence[Any]) -> bytes:
    """A file of JSON lines that is damaged, in its values, or in its lines."""
    values = list(lines)
    in_lines = draw(st.integers(0, 4)) == 0
    if not in_lines:
        place = draw(st.sampled_from([0, len(values) - 1, *range(len(values))]))
        values[place] = draw(damaged_value(values[place]))
    pieces = [json.dumps(value).encode() + b"\n" for value in values]
    return b"".join(draw(damaged_pieces(pieces)) if in_lines else pieces)
