"""The baseline's saved replies, judged again by today's tests.

Each test that the baseline has is executed once more, before all else, with the saved replies in place of a model: set
up, run and torn down as ever, but nothing of it is reported as a test. So a changed check changes both sides alike, and
what differs between them is what the model said.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from copy import deepcopy

import pytest

from pytest_llmeval.case import Case
from pytest_llmeval.plugin.baseline import SavedBaseline
from pytest_llmeval.plugin.identity import identity_of
from pytest_llmeval.plugin.items import WIDE, uses_llm
from pytest_llmeval.plugin.rejudging.again import Again, again_key, judged_again_key
from pytest_llmeval.plugin.running.beside import Beside
from pytest_llmeval.plugin.running.own_limit import starts_anew
from pytest_llmeval.plugin.running.scheduler import cannot_execute, execute
from pytest_llmeval.plugin.running.trial import trial_key

_WRITTEN_INTO = (Case, list, dict, set, bytearray)


class JudgedAgain:
    """Executes each test for the baseline before it is executed for the model on trial.

    Args:
        beside: says which tests must not be executed once more.
        moved: the tests that have another name than when they were saved, with the name they had.
    """

    def __init__(self, baseline: SavedBaseline, beside: Beside, moved: Mapping[str, str]) -> None:
        self._baseline = baseline
        self._beside = beside
        self._moved = moved

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Judge a test's saved replies, once; the test itself is left to others."""
        if judged_again_key in item.stash or not uses_llm(item):
            return
        key, case = identity_of(item).key, identity_of(item).case
        saved = self._baseline.counterpart(key._replace(test=self._moved.get(key.test, key.test)), case)
        if saved is None:
            item.stash[judged_again_key] = None
            return
        may = self._beside.may_execute_again(item) and not cannot_execute(item.session)
        alike = self._baseline.judged_alike(saved)
        again = Again(saved, self._baseline.model, executed=may, judged_alike=alike)
        item.stash[judged_again_key] = again
        if again.executed:
            _judge(item, again)


def _judge(item: pytest.Item, again: Again) -> None:
    properties, markers = len(item.user_properties), list(item.own_markers)
    sections: list[object] = getattr(item, "_report_sections", [])
    reported = len(sections)
    wide = item.config.pluginmanager.get_plugin(WIDE)
    params: dict[str, object] = getattr(getattr(item, "callspec", None), "params", {})
    given = dict(params)
    # What a test writes into its row, or into a list it is given, is not there when it is executed for today's answers.
    params.update({name: deepcopy(value) for name, value in given.items() if isinstance(value, _WRITTEN_INTO)})
    item.stash[again_key] = again
    try:
        # Not with the next test: what the test shares with others stays up for its own execution.
        with wide.of_baseline() if wide is not None else nullcontext():
            execute(item, item.parent)
    finally:
        del item.stash[again_key]
        item.stash.setdefault(trial_key, None)  # type: ignore[misc]
        del item.stash[trial_key]
        params.update(given)
        del item.user_properties[properties:]
        item.own_markers[:] = markers
        del sections[reported:]
        starts_anew(item, waits=False)
