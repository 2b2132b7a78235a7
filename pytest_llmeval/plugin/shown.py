"""Which cases a session shows closely: those ``-vv`` and the report character ``m`` ask for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pytest

from pytest_llmeval.runs.results import CaseKey

if TYPE_CHECKING:
    from pytest_llmeval.report.closely import Seen

SEEN = "llmeval_seen"


def seen_on(report: pytest.TestReport, seen: Seen) -> None:
    """Take off a report what `Carrying` put there."""
    text = getattr(report, SEEN, None)
    if not isinstance(text, str):
        return
    delattr(report, SEEN)
    data = json.loads(text)
    key, model = CaseKey(*data["key"]), data["model"]
    for prompt, asked in data["asked"]:
        seen.asked[key, prompt] = tuple((role, said) for role, said in asked)
    for index, place in data["failed_at"]:
        seen.failed_at[key, model, index] = place


BY_HAND = 3  # cases that were selected one by one to look at them
MOST_UNASKED = 20


class Shown(NamedTuple):
    """Which cases a session shows closely.

    Attributes:
        failing: those that failed or were missed.
        passing: the others too, where only a few were selected.
        most: how many at most, None for all: many configurations have ``-ra``, which asks for no case in particular.
    """

    failing: bool
    passing: bool
    most: int | None = None


def shown(config: pytest.Config) -> Shown:
    """Which cases are shown closely, as ``-v`` and ``-r`` say."""
    if config.getoption("no_summary", default=False):
        return Shown(failing=False, passing=False)
    verbose = config.get_verbosity() >= 2
    named = among_all = False
    for character in str(config.getoption("reportchars", default="") or ""):
        if character == "N":
            named = among_all = False
        named = named or character == "m"
        among_all = among_all or character in "aA"
    most = None if verbose or named else MOST_UNASKED
    return Shown(failing=verbose or named or among_all, passing=verbose, most=most)
