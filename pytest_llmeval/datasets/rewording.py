"""Reword a case: by its paraphrases, and by rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_llmeval.case import Case


def variants(case: Case, *, paraphrases: bool = True, rules: Sequence[str] = (), seed: int = 0) -> list[Case]:
    """The case, and the same case with its input in other words.

    Args:
        case: in its row's own words.
        paraphrases: whether to use the row's paraphrases.
        rules: names of `pytest_llmeval.datasets.perturb.RULES`; a rule that changes nothing adds no case.
        seed: of the rules.
    """
    found = [case]
    if paraphrases:
        found += [
            replace(case, input=with_question(case.input, text), paraphrases=(), wording=str(number))
            for number, text in enumerate(case.paraphrases, start=2)
        ]
    if rules:
        from pytest_llmeval.datasets.perturb import perturbed

        question = question_of(case.input)
        for rule in rules if question is not None else ():
            text = perturbed(
                question or "", rule, case_id=case.id, seed=seed, keep=texts_in([case.expected, case.checks])
            )
            if text != question:
                found.append(replace(case, input=with_question(case.input, text), paraphrases=(), wording=rule))
    return found


def question_of(given: Any) -> str | None:
    """The text of an input, or of the last user message in it; None when there is none."""
    if isinstance(given, str):
        return given
    place = _last_of_user(given)
    if place is None:
        return None
    content = given[place]["content"]
    return content if isinstance(content, str) else str(content[_only_text(content)]["text"])


def with_question(given: Any, text: str) -> Any:
    """The input with another text instead of its `question_of`.

    Raises:
        ValueError: it has none.
    """
    if isinstance(given, str):
        return text
    place = _last_of_user(given)
    if place is None:
        raise ValueError("to have other wordings, an input of chat messages needs a last user message with one text")
    message = given[place]
    content: Any = text
    if not isinstance(message["content"], str):
        part = _only_text(message["content"])
        content = [*message["content"]]
        content[part] = {**content[part], "text": text}
    return [*given[:place], {**message, "content": content}, *given[place + 1 :]]


def _last_of_user(messages: Any) -> int | None:
    """The index of the last user message, None unless it has one text."""
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return None
    of_user = [place for place, message in enumerate(messages) if message.get("role") == "user"]
    if not of_user:
        return None
    content = messages[of_user[-1]].get("content")
    if isinstance(content, str) or _only_text(content) >= 0:
        return of_user[-1]
    return None


def _only_text(parts: Any) -> int:
    """The index of the only text among the parts of a message, -1 when there is none or several."""
    if not isinstance(parts, list):
        return -1
    found = [place for place, part in enumerate(parts) if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return found[0] if len(found) == 1 else -1


def texts_in(value: Any) -> list[str]:
    """Every text in a JSON value, without keys."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return []
    return [text for item in value for text in texts_in(item)]
