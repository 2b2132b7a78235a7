"""What a process that runs tests was to run, and which cases both sides of a comparison have."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from pytest_llmeval.plugin.baseline import ModelBaseline, moved_tests
from pytest_llmeval.plugin.evaluation import Evaluation
from pytest_llmeval.plugin.identity import identity_of
from pytest_llmeval.plugin.items import uses_llm
from pytest_llmeval.plugin.rejudging.judged_by import judged_by
from pytest_llmeval.plugin.selection import Selection, expected, not_selected
from pytest_llmeval.runs.results import CaseKey


class Selected:
    """Follows the collection of the tests that ask models.

    Attributes:
        trials: how many trials there are, before anybody takes some away.
        deselected: how many of them were left out.
        moved: the tests that have another name than in the saved baseline, with the name they had.
    """

    def __init__(self, evaluation: Evaluation) -> None:
        self.deselected = self.trials = 0
        self.moved: dict[str, str] = {}
        self._evaluation = evaluation
        self._trials: list[pytest.Item] = []
        self._selection: Selection | None = Selection()
        self._plain = Selection()
        self._deselected: set[int] = set()
        self._models: dict[CaseKey, set[str]] = {}

    def deselect(self, items: Iterable[pytest.Item]) -> None:
        """Note trials that are left out, and that pytest was told of."""
        taken = [item for item in items if uses_llm(item)]
        self.deselected += len(taken)
        self._deselected.update(map(id, taken))

    def collect(self, items: list[pytest.Item]) -> None:
        """Note the trials before anybody takes some away."""
        self._trials = [item for item in items if uses_llm(item)]
        self.trials = len(self._trials)

    def finish(self, session: pytest.Session) -> None:
        """Note which of them are left."""
        kept = set(map(id, session.items))
        for item in self._trials:
            if id(item) in kept:  # now, while files can still be opened
                judged_by(item, item.config.rootpath)
        keys = {id(item): identity_of(item).trial for item in self._trials}
        left_out = tuple(key for place, key in keys.items() if place not in kept)
        for place, (case, model) in keys.items():
            if place in kept:
                self._models.setdefault(case, set()).add(model)
        collected = {case: "" for case, _ in keys.values()}
        # What somebody took away in silence was to run: a change could take away what fails.
        known = {case for place, (case, _) in keys.items() if place in kept or place in self._deselected}
        selection = Selection(
            collected=len(self._trials), deselected=self.deselected, left_out=left_out, cases=len(collected)
        )
        saved = self._evaluation.baseline.results
        if saved:
            collected = {identity_of(item).key: identity_of(item).content for item in self._trials}
            root = self._evaluation.root
            files = {key.test.split("::")[0] for key in collected}
            files |= {
                item.path.relative_to(root).as_posix() for item in session.items if item.path.is_relative_to(root)
            }
            tests = {key.test for key in collected}
            gone = [
                test
                for test in dict.fromkeys(key.test for key in saved)
                if test not in tests and (expected(test, session.config, root, files) or not _exists(test, root))
            ]
            self.moved = moved_tests(saved, collected, gone)
            now = {old: new for new, old in self.moved.items()}
            names = [key._replace(test=now.get(key.test, key.test)) for key in saved]
            wanted = {test for test in gone if test not in now and expected(test, session.config, root, files)}
            # Of a test that is there, the rows that are not were taken away.
            wanted |= {test for test in tests if expected(test, session.config, root, files)}
            selection = selection._replace(
                cases=len({*collected, *names}),
                unselected=not_selected(names, {*self._models, *(collected.keys() - known)}, known, wanted),
                moved=tuple(self.moved.items()),
            )
        self._selection = selection
        self._plain = selection._replace(left_out=(), unselected=(), moved=())
        del self._trials[:]

    def told(self) -> Selection:
        """What the process was to run, whole the first time."""
        first, self._selection = self._selection, None
        return first or self._plain

    def on_both_sides(self, item: pytest.Item, baseline: ModelBaseline) -> bool:
        """Whether a case is run under a model on trial and under the baseline."""
        key, name = identity_of(item).trial
        others = self._models.get(key, set()) - {name}
        return bool(others) if name == baseline.name else baseline.name in others


def _exists(test: str, root: Path) -> bool:
    return (root / test.split("::")[0]).exists()
