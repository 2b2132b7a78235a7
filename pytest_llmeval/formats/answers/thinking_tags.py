"""Thoughts that a server leaves in the text of an answer, between two tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pytest_llmeval.formats.messages import TEXT, kept_as_it_came
from pytest_llmeval.json_text import parsed_json
from pytest_llmeval.reply import Answer, unfenced


def without_thoughts(answer: Answer, tags: Sequence[str] | None) -> Answer:
    """The answer without the thoughts at the start of its text, which are its `thinking` then.

    In the next request the text goes back as it came: the templates of models that think in tags expect it so.

    Args:
        answer: as it was read.
        tags: before the thoughts and after them, None to leave all as it is.
    """
    if tags is None:
        return answer
    thoughts, text = parted(answer.text, *tags)
    if text == answer.text:
        return answer
    thinking = "\n\n".join(part for part in (answer.thinking, thoughts) if part)
    goes_back = {**kept_as_it_came(TEXT, answer.text), **answer.goes_back}
    return replace(answer, text=text, thinking=thinking, goes_back=goes_back)


def parted(text: str, opening: str, closing: str) -> tuple[str, str]:
    """The thoughts at the start of a text, and the rest.

    Thoughts that do not end are all there is. Where only the closing tag comes, since the prompt held the other one,
    what stands before it are thoughts; but a tag within JSON is part of the answer.
    """
    thoughts: list[str] = []
    rest = text.lstrip()
    if not rest.startswith(opening):
        before, tag, after = text.partition(closing)
        if not tag or opening in before or _is_json(text):
            return "", text
        thoughts.append(before.strip())
        rest = after.lstrip()
    while rest.startswith(opening):
        thought, _, rest = rest[len(opening) :].partition(closing)
        thoughts.append(thought.strip())
        rest = rest.lstrip()
    return "\n\n".join(filter(None, thoughts)), rest


def _is_json(text: str) -> bool:
    try:
        parsed_json(unfenced(text))
    except ValueError:
        return False
    return True
