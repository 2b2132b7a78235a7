"""Whether a reply follows an instruction: one small function per kind of IFEval (Zhou et al. 2023, arXiv 2311.07911).

Each is written from what the instruction says. ``test_agreement.py`` compares all of them with published verdicts.
``language:response_language`` is left out: its verdict comes from a trained language detector, not from a rule.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

__all__ = ["COVERED", "follows", "sentence_count"]


def follows(type: str, kwargs: Mapping[str, Any], prompt: str, reply: str) -> bool:  # noqa: A002
    """Whether a reply follows one instruction of its prompt.

    Args:
        type: the kind of instruction, as in ``keywords:existence``.
        kwargs: what the instruction asks for, such as the keywords.
        prompt: the whole prompt; the kinds there are need no more of it than ``kwargs`` holds.
        reply: the whole answer; an empty one follows nothing.

    Raises:
        LookupError: there is no checker for this kind.
    """
    if type not in COVERED:
        raise LookupError(f"no checker for the instruction {type!r}; there are {', '.join(sorted(COVERED))}")
    return bool(reply.strip()) and _CHECKERS[type](reply, **kwargs)


def _holds(count: int, relation: str, wanted: int) -> bool:
    if relation == "at least":
        return count >= wanted
    if relation == "less than":
        return count < wanted
    raise ValueError(f"the relation is {relation!r}, neither 'at least' nor 'less than'")


def _parts(text: str, separator: str) -> list[str]:
    """The parts between separators; one that starts or ends the text opens no part of its own."""
    parts = [part.strip() for part in text.split(separator)]
    if not parts[-1]:
        parts.pop()
    return parts if parts and parts[0] else parts[1:]


# keywords: a keyword is found inside a longer word too, a forbidden word is not; neither minds the case.


def _has_keywords(reply: str, keywords: Sequence[str]) -> bool:
    return all(keyword.lower() in reply.lower() for keyword in keywords)


def _keyword_frequency(reply: str, keyword: str, frequency: int, relation: str) -> bool:
    return _holds(reply.lower().count(keyword.lower()), relation, frequency)


def _has_no_forbidden_word(reply: str, forbidden_words: Sequence[str]) -> bool:
    return not any(re.search(rf"\b{re.escape(word)}\b", reply, re.IGNORECASE) for word in forbidden_words)


def _letter_frequency(reply: str, letter: str, let_frequency: int, let_relation: str) -> bool:
    return _holds(reply.lower().count(letter.lower()), let_relation, let_frequency)


# length_constraints


def _number_of_words(reply: str, num_words: int, relation: str) -> bool:
    """A word is a run of letters and digits: "don't" is two."""
    return _holds(len(re.findall(r"\w+", reply)), relation, num_words)


def _number_of_sentences(reply: str, num_sentences: int, relation: str) -> bool:
    return _holds(sentence_count(reply), relation, num_sentences)


def _number_of_paragraphs(reply: str, num_paragraphs: int) -> bool:
    """Paragraphs stand between ``***``, and none is empty."""
    paragraphs = _parts(reply, "***")
    return all(paragraphs) and len(paragraphs) == num_paragraphs


def _first_word_of_paragraph(reply: str, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    """Paragraphs stand between empty lines; a word ends at a punctuation mark."""
    blocks = reply.split("\n\n")
    if sum(bool(block.strip()) for block in blocks) != num_paragraphs:
        return False
    words = blocks[nth_paragraph - 1].split()
    return bool(words) and re.split(r"[.,?!'\"]", words[0].lstrip("'\""))[0].lower() == first_word.lower()


# detectable_content


def _has_placeholders(reply: str, num_placeholders: int) -> bool:
    """A placeholder is anything in square brackets on one line."""
    return len(re.findall(r"\[[^\]\n]*\]", reply)) >= num_placeholders


def _has_postscript(reply: str, postscript_marker: str) -> bool:
    """The marker may be in lower case, and a space may follow each of its dots."""
    marker = r"\.\s?".join(re.escape(letter) for letter in postscript_marker.rstrip(".").split("."))
    last_dot = r"\." if postscript_marker.endswith(".") else ""
    return re.search(marker + last_dot, reply, re.IGNORECASE) is not None


# detectable_format


def _number_of_bullets(reply: str, num_bullets: int) -> bool:
    """A bullet is a line that starts with ``-``, or with a ``*`` that opens no bold text."""
    return sum(bool(re.match(r"\s*(-|\*[^*])", line)) for line in reply.split("\n")) == num_bullets


def _has_highlights(reply: str, num_highlights: int) -> bool:
    """A highlight is text on one line between stars, single or double."""
    single = re.findall(r"\*([^*\n]*)\*", reply)
    double = re.findall(r"\*\*([^*\n]*)\*\*", reply)
    return sum(bool(text.strip()) for text in single + double) >= num_highlights


def _has_sections(reply: str, section_spliter: str, num_sections: int) -> bool:
    """A section starts with the given word and a number."""
    return len(re.findall(rf"{re.escape(section_spliter)}\s?\d", reply)) >= num_sections


def _is_json(reply: str) -> bool:
    """JSON and nothing else but a Markdown fence around it."""
    try:
        json.loads(re.sub(r"^```(json|JSON|Json)?|```$", "", reply.strip()))
    except (ValueError, RecursionError):
        return False
    return True


def _has_title(reply: str) -> bool:
    """A title is text on one line in double angular brackets."""
    return re.search(r"<<.*[^<>\s].*>>", reply) is not None


def _is_one_of_three_answers(reply: str) -> bool:
    return any(f"My answer is {answer}." in reply for answer in ("yes", "no", "maybe"))


# combination


def _are_two_responses(reply: str) -> bool:
    """Two different answers with six stars between them."""
    answers = _parts(reply, "******")
    return all(answers) and len(answers) == 2 and answers[0] != answers[1]


def _repeats_prompt(reply: str, prompt_to_repeat: str) -> bool:
    return reply.strip().lower().startswith(prompt_to_repeat.strip().lower())


# startend


def _ends_with(reply: str, end_phrase: str) -> bool:
    """Quotation marks around the reply do not count."""
    return reply.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def _is_quoted(reply: str) -> bool:
    text = reply.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


# change_case, punctuation


def _capital_words(reply: str, capital_frequency: int, capital_relation: str) -> bool:
    """A word is in capitals throughout; hyphens and dots join, an apostrophe parts: "DON'T" is two."""
    words = re.findall(r"\w[\w.-]*", reply)
    return _holds(sum(word.isupper() for word in words), capital_relation, capital_frequency)


def _has_no_comma(reply: str) -> bool:
    return "," not in reply


_AROUND = "\"'()[]*"  # may stand between a mark and the space after it; curly quotes are not among them
_TITLES = frozenset({"mr.", "mrs.", "ms.", "dr.", "prof.", "vs."})
_DOTTED = re.compile(r"([a-z]\.){2,}")  # "U.S.", "e.g.", "a.m."


def sentence_count(text: str) -> int:
    """The number of sentences of an English text.

    A sentence ends with a full stop, question mark or exclamation mark at the end of a word, or with the text. A full
    stop does not end one after an abbreviation, nor after a number when the next word starts in lower case. Two habits
    of the splitter behind the published verdicts are kept: the "1." of a list is a sentence of its own before a
    capital, and a mark inside curly quotes ends none.
    """
    words = text.split()
    return bool(words) + sum(_ends_sentence(word, following) for word, following in pairwise(words))


def _ends_sentence(word: str, following: str) -> bool:
    bare = word.strip(_AROUND).lower()
    if not bare.endswith("."):
        return bare.endswith(("!", "?"))
    if bare[:-1].isdecimal():
        return not following.lstrip(_AROUND)[:1].islower()
    return bare not in _TITLES and not _DOTTED.fullmatch(bare)


_CHECKERS: Mapping[str, Callable[..., bool]] = {
    "change_case:capital_word_frequency": _capital_words,
    "change_case:english_capital": str.isupper,
    "change_case:english_lowercase": str.islower,
    "combination:repeat_prompt": _repeats_prompt,
    "combination:two_responses": _are_two_responses,
    "detectable_content:number_placeholders": _has_placeholders,
    "detectable_content:postscript": _has_postscript,
    "detectable_format:constrained_response": _is_one_of_three_answers,
    "detectable_format:json_format": _is_json,
    "detectable_format:multiple_sections": _has_sections,
    "detectable_format:number_bullet_lists": _number_of_bullets,
    "detectable_format:number_highlighted_sections": _has_highlights,
    "detectable_format:title": _has_title,
    "keywords:existence": _has_keywords,
    "keywords:forbidden_words": _has_no_forbidden_word,
    "keywords:frequency": _keyword_frequency,
    "keywords:letter_frequency": _letter_frequency,
    "length_constraints:nth_paragraph_first_word": _first_word_of_paragraph,
    "length_constraints:number_paragraphs": _number_of_paragraphs,
    "length_constraints:number_sentences": _number_of_sentences,
    "length_constraints:number_words": _number_of_words,
    "punctuation:no_comma": _has_no_comma,
    "startend:end_checker": _ends_with,
    "startend:quotation": _is_quoted,
}

COVERED: frozenset[str] = frozenset(_CHECKERS)
"""The kinds of instruction that `follows` can judge."""
