"""What a judge judges by: ready rubrics, and those of a test's own."""

from __future__ import annotations

from typing import NamedTuple

from pytest_llmeval.checks.categories import GENERAL
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.text import did_you_mean, first_line, quoted, shown


class Rubric(NamedTuple):
    """What a right answer is.

    Attributes:
        name: of a ready one; else how its text begins.
        text: as the judge reads it.
        needs: the parts of the material that it speaks of, beside the answer.
        category: the error category of an answer that fails it.
    """

    name: str
    text: str
    needs: tuple[str, ...] = ()
    category: str = GENERAL


_READY = (
    Rubric(
        "faithfulness",
        "Every statement of the answer must follow from the context alone. Take the statements one by one. A statement "
        "fails that contradicts the context, that adds a fact, a number, a condition or a promise that is not in the "
        "context, or that makes sure what the context leaves open. It does not matter whether it is true elsewhere. "
        "Greetings, offers to help and saying that something is not known are no statements. An answer may leave out "
        "what the context holds. The answer passes if no statement fails.",
        ("context",),
        "hallucination",
    ),
    Rubric(
        "answer_relevance",
        "The answer must answer the question that was asked. It fails if it answers another question, talks around "
        "this one, leaves out a part that was asked for, or buries the answer in matter that nobody asked about. It "
        "does not matter here whether what it says is true. To say that something cannot be answered, and why, is an "
        "answer. To ask back passes only if the question cannot be understood without it.",
        ("question",),
        "irrelevant",
    ),
    Rubric(
        "correctness",
        "The answer must say the same as the expected answer in all that matters: each fact, number, name, condition "
        "and conclusion of the expected answer is there, in whatever words, and nothing contradicts one of them. It "
        "fails if one is missing, changed, or made vaguer so that a reader would act otherwise. Further true detail "
        "does no harm. Where several expected answers are given, one of them is enough.",
        ("expected",),
    ),
    Rubric(
        "tone",
        "The answer must be fit to be sent to a customer by a company: polite, plain, calm, in whole sentences. It "
        "fails if it is rude, mocking, condescending, overly familiar, pushy, blames the reader, or makes light of "
        "trouble that the reader tells of. Short is not rude, and to refuse something politely passes. What the answer "
        "says, and whether it is right, does not matter here.",
        (),
        "tone",
    ),
    Rubric(
        "policy",
        "The context is a policy. The answer must keep to each of its rules that applies to it. It fails if it does "
        "what a rule forbids, leaves out what a rule demands in this situation, or tells the reader something that the "
        "policy does not allow to be told. Rules that do not apply to this answer are kept. Judge by the words of the "
        "policy and by no other rules.",
        ("context",),
        "policy",
    ),
)
READY = {rubric.name: rubric for rubric in _READY}
"""The ready rubrics by name."""


def rubric_of(check: str, given: object) -> Rubric:
    """The rubric that a test gives, by name or as a text of its own.

    Args:
        check: the name of the check, for errors.

    Raises:
        LlmevalError: it is neither. A single word is a name.
    """
    if not isinstance(given, str) or not given.strip():
        raise LlmevalError(f"{check}: rubric= is a text or one of {', '.join(READY)}, not {shown(given)}")
    if given in READY:
        return READY[given]
    if given.isascii() and len(given.split()) == 1:  # some languages write no spaces
        guess = did_you_mean(given, READY)
        raise LlmevalError(
            f"{check}: there is no rubric {quoted(given)}{guess} (ready: {', '.join(READY)}); one of your own is a "
            "sentence or more"
        )
    text = "\n".join(line.rstrip() for line in given.strip().splitlines())
    return Rubric(first_line(text, 60), text)
