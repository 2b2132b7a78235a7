"""Put a fact at a given depth into a long text: does the model still find it?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from pytest_llmeval.case import Case

CHARACTERS_PER_TOKEN = 4

# Where a sentence may end, with the spaces after it: at its mark and what closes it, or at the end of a paragraph.
_END = re.compile(r"""[.!?]+["')\]”’»]*\s+|[。！？]+[」』]*\s*|\n[ \t]*\n\s*""")  # noqa: RUF001
_ABBREVIATION = re.compile(
    r"\b(?:[A-Z][a-z]{0,2}|[A-Za-z]|\w\.\w|etc|vs|approx)$"
)  # as before the dot of "Dr." and "e.g."


def place_needle(
    needle: str,
    haystack: str,
    depth: float,
    *,
    length: int | None = None,
    unit: Literal["characters", "tokens"] = "characters",
) -> str:
    """Put a sentence between two sentences of a text of about a given length; the same arguments give the same text.

    Args:
        needle: the sentence.
        haystack: the text without the needle; its beginning is used, and repeated when it is too short.
        depth: 0 is before the first sentence, 1 after the last.
        length: of the whole, up to the nearest end of a sentence; None for the whole haystack, once.
        unit: of the length. A token counts as 4 characters, which is close enough for English prose; the run holds the
            number that the provider counted.

    Raises:
        ValueError: the needle or haystack is empty, the needle is in the haystack, the depth is not from 0 to 1, or the
            length is shorter than the needle.
    """
    needle = needle.strip()
    if not needle or not haystack.strip():
        raise ValueError("place_needle(needle, haystack, depth): neither the needle nor the haystack may be empty")
    if needle in haystack:
        raise ValueError("place_needle: the haystack already holds the needle, so finding it would prove nothing")
    if not 0 <= depth <= 1:
        raise ValueError(f"place_needle: depth must be from 0 (the beginning) to 1 (the end), not {depth!r}")
    if unit not in ("characters", "tokens"):
        raise ValueError(f"place_needle: unit must be 'characters' or 'tokens', not {unit!r}")
    room: int | None = None
    if length is not None:
        room = length * (CHARACTERS_PER_TOKEN if unit == "tokens" else 1) - len(needle)
        if room < 0:
            raise ValueError(
                f"place_needle: a length of {length} {unit} has no room for a needle of {len(needle)} characters"
            )
    sentences = _sentences(haystack, room)
    return _inserted(needle, sentences, depth)


def needle_cases(
    needle: str,
    question: str,
    haystack: str,
    *,
    expected: str,
    depths: Iterable[float] = (0, 0.25, 0.5, 0.75, 1),
    lengths: Iterable[int | None] = (None,),
    unit: Literal["characters", "tokens"] = "characters",
    id: str = "needle",  # noqa: A002 - the name of the field
) -> list[Case]:
    """Cases for ``@pytest.mark.llm_cases``: one question over texts of several lengths with the fact at several depths.

    Args:
        needle: the sentence that holds the answer.
        question: the `Case.input`, about the text in ``Case.context[0]``.
        haystack: the text that gets the needle.
        expected: what a right answer holds.
        depths: from 0 to 1; each becomes a `Case.task` such as ``depth 50%``, which reports show.
        lengths: of the texts; each becomes a tag such as ``length 8000``. None for the whole haystack.
        unit: of the lengths; see `place_needle`.
        id: the beginning of the cases' ids.

    Raises:
        ValueError: as `place_needle`.
    """
    depths = list(depths)
    cases = []
    for length in lengths:
        for depth in depths:
            size = "" if length is None else f"-{length}"
            cases.append(
                Case(
                    id=f"{id}{size}-{100 * depth:g}",
                    input=question,
                    expected=expected,
                    context=(place_needle(needle, haystack, depth, length=length, unit=unit),),
                    task=f"depth {100 * depth:g}%",
                    tags=() if length is None else (f"length {length}",),
                    metadata={"depth": depth, "length": length, "unit": unit},
                )
            )
    return cases


def _sentences(haystack: str, room: int | None) -> list[str]:
    """Sentences for a text about as long as there is room, in characters."""
    once = _split(haystack.strip())
    once[-1] += "" if room is None else " "
    if room is None:
        return once
    taken: list[str] = []
    size = number = 0
    while size < room:
        sentence = once[number % len(once)]
        if taken and size + len(sentence) - room > room - size:
            break
        taken.append(sentence)
        size += len(sentence)
        number += 1
    return taken


def _split(text: str) -> list[str]:
    """The sentences of a text, each with the spaces after it."""
    sentences, start = [], 0
    for match in _END.finditer(text):
        if match.group()[0] == "." and "\n\n" not in match.group():
            goes_on = text[match.end() : match.end() + 1].islower()
            if goes_on or _ABBREVIATION.search(text, max(start, match.start() - 10), match.start()):
                continue
        sentences.append(text[start : match.end()])
        start = match.end()
    return [*sentences, text[start:]] if start < len(text) else sentences


def _inserted(needle: str, sentences: list[str], depth: float) -> str:
    """The sentences with the needle at the boundary nearest to the depth."""
    ends = [0]
    for sentence in sentences:
        ends.append(ends[-1] + len(sentence))
    wanted = depth * ends[-1]
    place = min(range(len(ends)), key=lambda number: abs(ends[number] - wanted))
    before, after = "".join(sentences[:place]), "".join(sentences[place:]).rstrip()
    space = "" if not before or before[-1].isspace() else " "
    return f"{before}{space}{needle} {after}".strip() if after else f"{before}{space}{needle}"
