"""Each kind of instruction, on replies that just follow it and just do not."""

from __future__ import annotations

from typing import Any

import pytest

from .instructions import COVERED, follows, sentence_count

# kind, its values, replies that follow it, replies that do not
EXAMPLES: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    ("keywords:existence", {"keywords": ["intern", "grow"]}, ["Internal GROWTH"], ["an intern", "grow"]),
    (
        "keywords:frequency",
        {"keyword": "war", "frequency": 2, "relation": "at least"},
        ["War and more war", "wars, warm"],
        ["war"],
    ),
    (
        "keywords:frequency",
        {"keyword": "right", "frequency": 2, "relation": "less than"},
        ["right", "none"],
        ["right, Right"],
    ),
    (
        "keywords:forbidden_words",
        {"forbidden_words": ["rock", "key"]},
        ["rocks and monkeys"],
        ["a Rock.", "key-ring"],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "q", "let_frequency": 2, "let_relation": "less than"},
        ["Queue"],
        ["Quite a queue"],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "!", "let_frequency": 2, "let_relation": "at least"},
        ["Oh! My!"],
        ["Oh!"],
    ),
    (
        "length_constraints:number_words",
        {"num_words": 4, "relation": "at least"},
        ["I don't know", "one two three four"],
        ["one two three"],
    ),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 2, "relation": "less than"},
        ["One, at 3.5 km."],
        ["One. Two"],
    ),
    (
        "length_constraints:number_paragraphs",
        {"num_paragraphs": 2},
        ["one\n***\ntwo", "***\none\n***\ntwo\n***\n"],
        ["one", "one\n\ntwo", "one *** *** two", "1 *** 2 *** 3"],
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "elm"},
        ["Oak\n\n'Elm,' he said", "Oak\n\nELM!"],
        ["Elm\n\nOak", "Oak\n\nElms", "Oak\nElm", "Oak\n\nElm\n\nAsh"],
    ),
    (
        "detectable_content:number_placeholders",
        {"num_placeholders": 2},
        ["[name], [address]", "[name] [name]"],
        ["[name]", "[name], [ad\ndress]"],
    ),
    (
        "detectable_content:postscript",
        {"postscript_marker": "P.S."},
        ["Bye. P.S. hi", "p. s. hi"],
        ["PS hi", "P.S hi", "Bye."],
    ),
    (
        "detectable_content:postscript",
        {"postscript_marker": "P.P.S"},
        ["P.P.S hi", "p. p. s. hi"],
        ["P.S. hi", "PPS hi"],
    ),
    (
        "detectable_format:number_bullet_lists",
        {"num_bullets": 2},
        ["* one\n* two", "- one\n  - two\n**bold**", "*one\n\n-two"],
        ["* one", "* one\n** two", "1. one\n2. two", "* 1\n* 2\n* 3"],
    ),
    (
        "detectable_format:number_highlighted_sections",
        {"num_highlights": 2},
        ["*one* and **two**", "**one** **two**"],
        ["*one*", "**one** ** **", "*one\n* two"],
    ),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "Section", "num_sections": 2},
        ["Section 1\na\nSection 2\nb", "Section 1 Section2"],
        ["Section 1", "section 1\nsection 2", "Section one\nSection two"],
    ),
    (
        "detectable_format:json_format",
        {},
        ['{"a": 1}', '```json\n{"a": 1}\n```', "```\n[]\n```"],
        ["{'a': 1}", 'Here: {"a": 1}', '```json\n{"a": 1}\n```\nDone', "[" * 100_000],
    ),
    ("detectable_format:title", {}, ["<<Title>>\ntext", "a <<b>> c"], ["<Title>", "<<>>", "<< >>", "<<a\nb>>"]),
    (
        "detectable_format:constrained_response",
        {},
        ["My answer is yes.", "Well. My answer is maybe. So be it."],
        ["Yes.", "My answer is yes", "my answer is no."],
    ),
    (
        "combination:two_responses",
        {},
        ["one\n******\ntwo", "one******two******"],
        ["one", "one ****** one", "1 ****** 2 ****** 3", "one *** two"],
    ),
    (
        "combination:repeat_prompt",
        {"prompt_to_repeat": "Write a song."},
        ["Write a song.\nLa la", "\n  write a SONG. La"],
        ["La la", '"Write a song." La'],
    ),
    (
        "startend:end_checker",
        {"end_phrase": "That is all."},
        ["So it is. that is all.", '"So. That is all." \n'],
        ["That is all. Bye", "That is all", "That is all.*"],
    ),
    ("startend:quotation", {}, ['"all of it"', ' "all" \n'], ["all", '"', '"all" of it', "“all”"]),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        ["I am HERE", "U.S. and WELL-KNOWN", "DON'T"],
        ["HERE", "Well-KNOWN HERE", "WELL-KNOWN"],
    ),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "less than"},
        ["HERE"],
        ["NOT HERE"],
    ),
    ("change_case:english_capital", {}, ["ALL OF IT, 1 BY 1"], ["ALL OF iT", "123"]),
    ("change_case:english_lowercase", {}, ["all of it, 1 by 1"], ["all of It", "123"]),
    ("punctuation:no_comma", {}, ["one; two"], ["one, two"]),
]


def test_every_kind_has_examples() -> None:
    assert {kind for kind, *_ in EXAMPLES} == COVERED


@pytest.mark.parametrize(
    ("kind", "kwargs", "reply"),
    [(kind, kwargs, reply) for kind, kwargs, followed, _ in EXAMPLES for reply in followed],
)
def test_follows(kind: str, kwargs: dict[str, Any], reply: str) -> None:
    assert follows(kind, kwargs, "the prompt", reply) is True


@pytest.mark.parametrize(
    ("kind", "kwargs", "reply"),
    [(kind, kwargs, reply) for kind, kwargs, _, broken in EXAMPLES for reply in broken],
)
def test_does_not_follow(kind: str, kwargs: dict[str, Any], reply: str) -> None:
    assert follows(kind, kwargs, "the prompt", reply) is False


@pytest.mark.parametrize(("kind", "kwargs"), [(kind, kwargs) for kind, kwargs, *_ in EXAMPLES])
def test_an_empty_reply_follows_nothing(kind: str, kwargs: dict[str, Any]) -> None:
    """Not even an instruction that only forbids."""
    assert follows(kind, kwargs, "the prompt", " \n") is False


def test_a_kind_without_checker_is_named_with_those_there_are() -> None:
    with pytest.raises(LookupError, match=r"'language:response_language'; there are change_case:"):
        follows("language:response_language", {"language": "hi"}, "the prompt", "नमस्ते")


def test_a_relation_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="the relation is 'about', neither 'at least' nor 'less than'"):
        follows("length_constraints:number_words", {"num_words": 3, "relation": "about"}, "the prompt", "a b c")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, " \n"),
        (1, "no mark at all\n\nnot even here"),
        (2, "One. Two."),
        (3, 'Really?! "Yes!" he said'),
        (2, "**One.** Two"),
        (1, "Mr. Smith of the U.S. pays 3.50, e.g. for tea."),
        (1, "ideas: 1. apples 2. pears"),
        (3, "Ideas: 1. Apples 2. Pears"),
        (1, "“Why?” she asked."),
    ],
)
def test_sentences_are_counted(count: int, text: str) -> None:
    assert count == sentence_count(text)
