"""Our checkers against the published verdicts: 541 prompts, 834 instructions, three models."""

from __future__ import annotations

import pytest

from .instructions import COVERED, follows
from .published import KNOWN_DIFFERENCES, MODELS, cases, needs_published_answers, replies, verdicts

pytestmark = needs_published_answers


def test_every_kind_but_the_language_of_the_response_is_covered() -> None:
    kinds = {instruction["type"] for case in cases() for instruction in case["instructions"]}

    assert kinds - {"language:response_language"} == COVERED


@pytest.mark.parametrize("kind", sorted(COVERED))
@pytest.mark.parametrize("model", MODELS)
def test_verdicts_are_the_published_ones(model: str, kind: str) -> None:
    """All but the listed differences; one that is listed and no longer there fails too."""
    different = {}
    for case in cases():
        for instruction, published in zip(case["instructions"], verdicts(model)[case["id"]], strict=True):
            if instruction["type"] == kind:
                ours = follows(kind, instruction["kwargs"], case["input"], replies(model)[case["id"]])
                if ours != published:
                    different[case["id"]] = (published, ours)

    listed = {case: (False, True) for name, case, of_kind in KNOWN_DIFFERENCES if (name, of_kind) == (model, kind)}
    assert listed == different


@pytest.mark.parametrize(
    ("model", "percent"), [("gpt-4o-mini", "80.4"), ("claude-3-haiku", "68.6"), ("mistral-7b-instruct", "47.1")]
)
def test_the_published_verdicts_are_complete(model: str, percent: str) -> None:
    """The share of prompts with every instruction followed is the one that came with the verdicts."""
    followed = [all(verdicts(model)[case["id"]]) for case in cases()]

    assert percent == f"{100 * sum(followed) / len(followed):.1f}"
    assert len(followed) == 541
