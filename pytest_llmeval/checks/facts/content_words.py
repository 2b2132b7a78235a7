"""The words of a text that carry its meaning, and which of them another text has."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from pytest_llmeval.checks.facts.languages import function_words

COMPARED = 5  # letters of a word
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_SENTENCE = re.compile(r"[^.!?\n\u3002\uff01\uff1f]*(?:[.](?=\w)[^.!?\n]*)*[.!?\n\u3002\uff01\uff1f]*")
_FUNCTION_WORDS = function_words() | frozenset(
    [
        "about",
        "also",
        "because",
        "been",
        "being",
        "both",
        "could",
        "does",
        "doing",
        "down",
        "during",
        "each",
        "even",
        "first",
        "from",
        "further",
        "give",
        "good",
        "great",
        "here",
        "into",
        "just",
        "know",
        "like",
        "made",
        "make",
        "many",
        "more",
        "most",
        "much",
        "must",
        "only",
        "other",
        "over",
        "really",
        "said",
        "same",
        "should",
        "some",
        "such",
        "than",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "thing",
        "think",
        "those",
        "through",
        "time",
        "under",
        "very",
        "well",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "whom",
        "why",
        "would",
        "yes",
        "yeah",
        "your",
        "yours",
        "don't",
        "didn't",
        "doesn't",
        "isn't",
        "it's",
        "i'm",
        "i've",
        "that's",
        "they're",
        "there's",
        "let's",
        "am",
    ]
)


def stem(word: str, length: int = COMPARED) -> str:
    """What of a word is compared: its first letters, without accents, small."""
    plain = unicodedata.normalize("NFKD", word[:40]).casefold()
    return "".join(sign for sign in plain if sign.isalpha())[:length]


def whole_words(text: str) -> Iterator[str]:
    """The words of a text, those with an apostrophe also without what follows it."""
    for word in _WORD.findall(text):
        yield from {word, *re.split("['\u2019]", word)}


def stems(text: str) -> frozenset[str]:
    """The stems of all words of a text."""
    return frozenset(stem(word) for word in whole_words(text))


def content_words(text: str) -> Iterator[str]:
    """The words that carry meaning: no function words, and none of fewer than four letters."""
    for word in _WORD.findall(text):
        if len(word) >= 4 and not is_function_word(word.casefold().replace("\u2019", "'")):
            yield word


def is_function_word(word: str) -> bool:
    """Whether a word, in small letters, carries no meaning of its own."""
    return word in _FUNCTION_WORDS


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences of a text stand."""
    for found in _SENTENCE.finditer(text):
        written = found.group()
        if written.strip():
            start = found.start() + len(written) - len(written.lstrip())
            yield start, found.start() + len(written.rstrip())
