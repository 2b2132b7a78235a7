"""Small changes of a text by rule, as people make them when they type: the question stays the same.

The same text, rule, case and seed give the same result on every machine and Python: recorded replies are found again.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.text import did_you_mean

_WORDS_PER_TYPO = 8
_SPACES_PER_CHANGE = 4
_SHORTEST_MISTYPED = 4  # letters

# No pattern may match its own opening again: a line of many openings without an end would take quadratic time.
_PROTECTED = re.compile(
    r"""
      ```.*?(?:```|\Z) | ~~~.*?(?:~~~|\Z)                     # fenced code
    | `[^`\n]+`                                               # code in a line
    | (?m:^(?:[ ]{4}|\t)[^\n]*)                               # indented code
    | \{[^{}\n]*\} | <[^<>\n]+> | \[\[[^\[\]\n]*\]\]          # placeholders, tags, JSON on a line
    | %\([^()\n]*\)\w | %\w | \$\w+
    | "[^"\n]*" | “[^“”\n]*” | «[^«»\n]*» | „[^„“”\n]*[“”]    # quotes are literal
    """,
    re.VERBOSE | re.DOTALL,
)

_TOKEN = re.compile(r"\S+")
_LITERAL = re.compile(
    r"[\d_\\/=|#@]|:\S|www\.|^\(?[A-Za-z][).:]$"
)  # numbers, ids, paths, addresses, letters of options

_WORD = re.compile(r"[^\W\d_]+")
_SPACE = re.compile(r"(?<=[^\s\d]) (?=[^\s\d])")
_OPTION = re.compile(r"[ \t]*\(?([A-Za-z])[).:][ \t]+\S")
_REFERS = re.compile(r"\b(above|below|preceding|previous|following|former|latter)\b", re.IGNORECASE)
Draw = Callable[[], float]  # random(): the only method of random that gives the same numbers in every Python


def perturbed(text: str, rule: str, *, case_id: str = "", seed: int = 0, keep: Iterable[str] = ()) -> str:
    """Change a text by one rule; it stays the same if the rule finds nothing to change.

    Code, numbers, ids, addresses, placeholders, acronyms and quoted text stay, and so do the words of ``keep``.

    Args:
        text: what a model is asked.
        rule: one of `RULES`.
        case_id: each case is changed in other places.
        seed: another seed gives other changes.
        keep: texts whose words must stay, such as the right answer, which may be a word of the question.

    Raises:
        ConfigError: there is no such rule.
    """
    if rule not in RULES:
        raise ConfigError(f"unknown rule {rule!r}{did_you_mean(rule, RULES)} (allowed: {', '.join(RULES)})")
    draw = random.Random(f"{seed}\n{rule}\n{case_id}").random
    words = frozenset(word.casefold() for kept in keep for word in _WORD.findall(kept))
    return RULES[rule](text, draw, words)


def _case(text: str, draw: Draw, keep: frozenset[str]) -> str:
    """Make all letters small, or all large if they are small already."""
    words = _words(text, keep)
    lower = _replaced(text, words, {match.start(): _lowered(match.group()) for match in words})
    if lower != text:
        return lower
    return _replaced(text, words, {match.start(): _raised(match.group()) for match in words})


def _lowered(word: str) -> str:
    return "".join(c.lower() if c.lower().upper() == c else c for c in word)


def _raised(word: str) -> str:
    return "".join(c.upper() if c.upper().lower() == c else c for c in word)


def _typos(text: str, draw: Draw, keep: frozenset[str]) -> str:
    """In about every eighth word swap two letters, double one, or leave one out; the first and last stay."""
    words = [m for m in _words(text, keep) if len(m.group()) >= _SHORTEST_MISTYPED and m.group().isascii()]
    chosen = _picked(words, 1 + len(words) // _WORDS_PER_TYPO, draw)
    return _replaced(text, words, {match.start(): _mistyped(match.group(), draw) for match in chosen})


def _mistyped(word: str, draw: Draw) -> str:
    place = 1 + int(draw() * (len(word) - 3))  # of an inner letter that has an inner one after it
    here, after = word[place], word[place + 1]
    kind = int(draw() * 3)
    if kind == 0 and here != after:
        return word[:place] + after + here + word[place + 2 :]
    return word[:place] + here + word[place:] if kind == 1 else word[:place] + word[place + 1 :]


def _whitespace(text: str, draw: Draw, keep: frozenset[str]) -> str:
    """Double or triple some spaces between words, and end with a newline."""
    spaces = _free(text, _SPACE.finditer(text))
    chosen = _picked(spaces, 1 + len(spaces) // _SPACES_PER_CHANGE, draw)
    changed = _replaced(text, spaces, {match.start(): " " * (2 + int(draw() * 2)) for match in chosen})
    return f"{changed}\n" if changed.strip() else changed


def _options(text: str, draw: Draw, keep: frozenset[str]) -> str:
    """Reorder lettered options, one per line; each keeps its letter, so that "B" stays the same answer."""
    lines = text.split("\n")
    letters = [match[1] if (match := _OPTION.match(line)) else "" for line in lines]
    fenced = _PROTECTED.sub(lambda match: "\n" * match.group().count("\n") or match.group(), text).split("\n")
    start = 0
    while start < len(lines):
        end = start + 1
        while letters[start] and end < len(lines) and letters[end] == chr(ord(letters[end - 1]) + 1):
            end += 1
        block = lines[start:end]
        own = letters[start] in ("A", "a") and all(_OPTION.match(line) for line in fenced[start:end])
        # What speaks of "the above" would mean another option.
        if own and len(block) > 1 and not any(map(_REFERS.search, block)):
            lines[start:end] = [block[place] for place in _shuffled(len(block), draw)]
        start = end
    return "\n".join(lines)


RULES: Mapping[str, Callable[[str, Draw, frozenset[str]], str]] = {
    "case": _case,
    "typos": _typos,
    "whitespace": _whitespace,
    "options": _options,
}
"""The rules by name."""


def _shuffled(count: int, draw: Draw) -> list[int]:
    """The numbers below a count in another order than theirs."""
    order = list(range(count))
    for last in range(count - 1, 0, -1):
        other = int(draw() * (last + 1))
        order[last], order[other] = order[other], order[last]
    return order if order != sorted(order) else [*order[1:], order[0]]


def _picked(found: Sequence[re.Match[str]], count: int, draw: Draw) -> list[re.Match[str]]:
    left = list(found)
    return [left.pop(int(draw() * len(left))) for _ in range(min(count, len(left)))]


def _words(text: str, keep: frozenset[str]) -> list[re.Match[str]]:
    """The words that may be changed."""
    return [
        match
        for match in _free(text, _WORD.finditer(text))
        if match.group().casefold() not in keep and sum(map(str.isupper, match.group())) < 2
    ]


def _free(text: str, found: Iterable[re.Match[str]]) -> list[re.Match[str]]:
    """The matches, in order, that touch nothing protected."""
    spans = [match.span() for match in _PROTECTED.finditer(text)]
    spans += [match.span() for match in _TOKEN.finditer(text) if _LITERAL.search(match.group())]
    spans.sort(key=lambda span: (span[1], span[0]))
    ends = [end for _, end in spans]
    # The first start of all spans that end after a place decides whether any of them covers it.
    starts = [start for start, _ in spans]
    for place in range(len(starts) - 2, -1, -1):
        starts[place] = min(starts[place], starts[place + 1])
    free, place = [], 0
    for match in found:
        while place < len(ends) and ends[place] <= match.start():
            place += 1
        if place == len(ends) or match.end() <= starts[place]:
            free.append(match)
    return free


def _replaced(text: str, found: Iterable[re.Match[str]], changes: Mapping[int, str]) -> str:
    """The text with some matches replaced, by their start."""
    parts, done = [], 0
    for match in found:
        if match.start() in changes:
            parts += [text[done : match.start()], changes[match.start()]]
            done = match.end()
    return "".join([*parts, text[done:]])
