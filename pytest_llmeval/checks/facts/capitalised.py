"""Names of people, places and things: words that a text writes with a capital letter inside a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pytest_llmeval.checks.facts.content_words import is_function_word, sentences

_TOKEN = re.compile(r"[^\W\d_]+(?:[-'\u2019.&][^\W\d_]+)*")
# What a new sentence may begin after, inside what is cut at full stops.
_OPENS = re.compile(r"(?:[:;\u2022|>*#]|\d[.)]|--|[:,]\s?[\"\u201c\u2018\u00ab\u201e])\s*[\"'\u201c\u2018\u00ab*_(]*$")
# What ends with a full stop before a name, and no sentence.
_TITLE = re.compile(r"(?<!\w)(?:Dr|Mr|Mrs|Ms|Prof|St|Sr|Sra|Dra|Mme|[A-Z]\.\s?[A-Z])\.\s*$")
_HEADING = re.compile(r"^[#*_]|[:*_]$")
_INNER_CAPITAL = re.compile(r"[^\W\d_]+[A-Z]")
_NO_NAMES = frozenset(
    [
        "i",
        "i'm",
        "i'd",
        "i've",
        "i'll",
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "sir",
        "ok",
        "tv",
        "ai",
        "pc",
        "dvd",
        "cd",
        "id",
        "faq",
        "pdf",
        "url",
        "html",
        "json",
        "ceo",
        "am",
        "pm",
        "bc",
        "ad",
        "usa",
        "us",
        "uk",
        "eu",
        "god",
        "internet",
        "web",
        "english",
        "german",
        "french",
        "spanish",
        "italian",
        "dutch",
        "portuguese",
        "monsieur",
        "madame",
        "herr",
        "frau",
        "señor",
        "señora",
    ]
)
_INITIALS = re.compile(r"[^\W\d_](?:\.[^\W\d_]?)*")
_DEMONYM = re.compile(r"(?:ish|ian|ians|ean|eans|ese|an|ans|ic|ch|i|is|man|men)$")
NOUNS_HAVE_CAPITALS = ("de",)


def capitalised(text: str, languages: tuple[str, ...], known: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    """Where names stand that are not known, a run of words at a time.

    Left out are the first words of sentences and of lines, headings, and titles such as "Mr". Where nouns have
    capitals, as in German, a name is two unknown words in a row.

    Args:
        known: whether a word is in the sources.
    """
    fewest = 2 if languages[:1] == NOUNS_HAVE_CAPITALS else 1
    for start, end in sentences(text):
        sentence = text[start:end]
        tokens = list(_TOKEN.finditer(sentence))
        if _is_heading(sentence, tokens):
            continue
        if sum(token.group().isupper() for token in tokens) * 2 > len(tokens) > 1:  # all in capitals
            continue
        first = not _TITLE.search(text[max(0, start - 8) : start])
        run: list[re.Match[str]] = []
        for place, token in enumerate((*tokens, None)):
            if token is not None and _is_name(sentence, token, first=first and not place) and not known(token.group()):
                if not run or sentence[run[-1].end() : token.start()] in (" ", ". "):
                    run.append(token)
                    continue
                after = [token]
            else:
                after = []
            if len(run) >= fewest:
                yield start + run[0].start(), start + run[-1].end()
            run = after


def _is_name(sentence: str, token: re.Match[str], *, first: bool) -> bool:
    word = re.sub(r"['\u2019]s?$", "", token.group())
    plain = word.casefold().replace("\u2019", "'")
    if (
        not word
        or not (word[0].isupper() or _INNER_CAPITAL.match(word))
        or plain in _NO_NAMES
        or _INITIALS.fullmatch(word)
        or is_function_word(plain)
    ):
        return False
    if _INNER_CAPITAL.match(word):  # "MTV" and "YouTube" are names wherever they stand
        return True
    return not first and not _OPENS.search(sentence[max(0, token.start() - 12) : token.start()])


def _is_heading(sentence: str, tokens: list[re.Match[str]]) -> bool:
    """Whether most words of a line have capitals, which then mean nothing."""
    words = [token.group() for token in tokens if len(token.group()) > 3]
    capitals = sum(word[0].isupper() for word in words)
    marked = bool(_HEADING.search(sentence))
    return len(words) >= (1 if marked else 4) and capitals > 0.8 * len(words)


def is_initials(word: str) -> bool:
    """Whether a word is made of initials, such as UN."""
    return 2 <= len(word) <= 6 and word.isupper()


def without_ending(word: str) -> str:
    """A name without "'s", and a people's name without its ending: Germ for German."""
    word = re.sub(r"['\u2019]s?$", "", word)
    short = _DEMONYM.sub("", word)
    return short if len(short) >= 4 else word
