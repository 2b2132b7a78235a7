"""Our own labelled items for `assert_grounded`: contexts with replies that they support, or all but one claim of.

``grounded_items.tsv`` has one a line. A label that starts with "? " is a claim in prose, which no rule finds.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from pytest_llmeval.checks.check import recorder
from pytest_llmeval.checks.grounded import assert_grounded
from pytest_llmeval.errors import CheckFailed
from pytest_llmeval.score import Claim, Score

FILE = Path(__file__).parent / "grounded_items.tsv"
_MISSED = "? "


class Item(NamedTuple):
    """A reply with its context.

    Attributes:
        names: whether it is checked with ``names=True``.
        unsupported: the part of the reply that the context does not support, "" for none.
        findable: whether a rule can find it.
    """

    kind: str
    language: str
    names: bool
    context: str
    reply: str
    unsupported: str
    findable: bool


def items() -> list[Item]:
    with FILE.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        Item(
            row["kind"],
            row["language"],
            row["options"] == "names",
            row["context"],
            row["reply"].replace("\\n", "\n"),
            row["unsupported"].removeprefix(_MISSED),
            not row["unsupported"].startswith(_MISSED),
        )
        for row in rows
    ]


def claims_of(item: Item) -> tuple[Claim, ...]:
    """What the check finds in an item."""
    scores: list[Score] = []
    kept = recorder.set(scores)
    try:
        assert_grounded(item.reply, [item.context], names=item.names)
    except CheckFailed:
        return scores[-1].unsupported
    finally:
        recorder.reset(kept)
    return ()


def rows() -> list[tuple[str, ...]]:
    """Each kind with its languages, how many items it has, and how they were judged."""
    told: list[tuple[str, ...]] = []
    labelled = items()
    for kind in dict.fromkeys(item.kind for item in labelled):
        of_kind = [item for item in labelled if item.kind == kind]
        languages = ", ".join(sorted({item.language for item in of_kind}))
        wrong = [item for item in of_kind if item.unsupported]
        found = sum(bool(claims_of(item)) for item in wrong)
        alarms = sum(bool(claims_of(item)) for item in of_kind if not item.unsupported)
        told.append((kind, languages, str(len(of_kind)), f"{found} of {len(wrong)}", str(alarms)))
    return told
