"""The baseline's saved replies, judged again by today's tests.

Each test that the baseline has is executed once more with the saved replies in place of a model: set up, run and torn
down as ever, but nothing of it is reported as a test. So a changed check changes both sides alike, and what differs
between them is what the model said.

This comes after the test was executed for the model on trial, and before its reports are told. In the other order what
outlives a test, such as a list of the session or an application's memory, would hold a saved answer that lets today's
test pass. It comes first where it cannot come after: where pytest or another plugin executes and reports the test, and
where behind the test fixtures of wider scope are torn down, which would have to be set up again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from pytest_llmeval.plugin.running.trial import Trial, forget_trial

_WRITTEN_INTO = (Case, list, dict, set, bytearray)

Tell = Callable[[pytest.Item, Trial | None, pytest.CallInfo[None], pytest.TestReport], None]


class JudgedAgain:
    """Executes each test for the baseline too; registered as a plugin where no scheduler executes tests.

    Args:
        beside: says which tests must not be executed once more.
        moved: the tests that have another name than when they were saved, with the name they had.
        tell: puts the result of a phase of a test on its report.
    """

    def __init__(self, baseline: SavedBaseline, beside: Beside, moved: Mapping[str, str], tell: Tell) -> None:
        self._baseline = baseline
        self._beside = beside
        self._moved = moved
        self._tell = tell

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Judge a test's saved replies, once; the test itself is left to others."""
        self.judge_first(item)

    def judge_first(self, item: pytest.Item) -> None:
        """Judge a test's saved replies before it is executed for the model on trial, unless that was done."""
        if (again := self._due(item)) is not None:
            again.first = True
            # Not with the next test: what the test shares with others stays up for its own execution.
            _judge(item, again, item.parent)
            starts_anew(item, waits=False)

    def is_due(self, item: pytest.Item) -> bool:
        """Whether a test is to be executed for its saved replies, and was not yet."""
        return self._due(item) is not None

    def judge_behind(
        self,
        item: pytest.Item,
        nextitem: pytest.Item | None,
        execution: Callable[[], list[pytest.TestReport] | None],
    ) -> list[pytest.TestReport] | None:
        """Execute a test for the model on trial and, once it has run to its end, for its saved replies if they are due.

        Args:
            item: the test.
            nextitem: the test behind it.
            execution: gives the reports of the test, None when it was left.
        """
        again = self._due(item)
        if again is None:
            return execution()
        again.held = []
        try:
            reports = execution()
            if reports is not None:
                starts_anew(item, waits=False)
                _judge(item, again, nextitem)
        finally:
            held, again.held = again.held, None
        for phase in held if reports is not None else ():
            self._tell(item, *phase)
        return reports

    def _due(self, item: pytest.Item) -> Again | None:
        again = self._found(item) if uses_llm(item) else None
        return again if again is not None and again.executed and not again.begun else None

    def _found(self, item: pytest.Item) -> Again | None:
        """The saved case of a test, with its parameters as they are before the test is executed at all."""
        if judged_again_key not in item.stash:
            key, case = identity_of(item).key, identity_of(item).case
            saved = self._baseline.counterpart(key._replace(test=self._moved.get(key.test, key.test)), case)
            again = None
            if saved is not None:
                may = self._beside.may_execute_again(item) and not cannot_execute(item.session)
                alike = self._baseline.judged_alike(saved)
                params = {name: _copied(value) for name, value in _params(item).items() if may}
                again = Again(saved, self._baseline.model, params, executed=may, judged_alike=alike)
            item.stash[judged_again_key] = again
        return item.stash[judged_again_key]


def _judge(item: pytest.Item, again: Again, nextitem: pytest.Item | pytest.Collector | None) -> None:
    again.begun = True
    properties, markers = len(item.user_properties), list(item.own_markers)
    sections: list[object] = getattr(item, "_report_sections", [])
    reported = len(sections)
    wide = item.config.pluginmanager.get_plugin(WIDE)
    params = _params(item)
    given = dict(params)
    params.update(again.params)
    forget_trial(item)
    item.stash[again_key] = again
    try:
        with wide.of_baseline() if wide is not None else nullcontext():
            execute(item, nextitem)
    finally:
        del item.stash[again_key]
        forget_trial(item)
        params.update(given)
        again.params = {}
        del item.user_properties[properties:]
        item.own_markers[:] = markers
        del sections[reported:]


def _params(item: pytest.Item) -> dict[str, object]:
    params: dict[str, object] = getattr(getattr(item, "callspec", None), "params", {})
    return params


def _copied(value: object) -> object:
    """What a test writes into its row, or into a list it is given, must not be there when it is executed once more."""
    try:
        return deepcopy(value) if isinstance(value, _WRITTEN_INTO) else value
    except Exception:  # it holds what cannot be copied, such as a lock
        return value
