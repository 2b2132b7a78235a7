"""What a process that runs tests was to run, and which cases both sides of a comparison have."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from pytest_llmeval.plugin.baseline import ModelBaseline, SavedBaseline, moved_tests
from pytest_llmeval.plugin.evaluation import Evaluation
from pytest_llmeval.plugin.identity import identity_of
from pytest_llmeval.plugin.items import uses_llm
from pytest_llmeval.plugin.rejudging.judged_by import judged_by
from pytest_llmeval.plugin.selecting.cut import Cut
from pytest_llmeval.plugin.selection import Selection, expected
from pytest_llmeval.runs.results import CaseKey, CaseResult


class Selected:
    """Follows the collection of the tests that ask models; registered with the `Runner`.

    Attributes:
        trials: how many trials there are, before others take some away.
        modules: the test files they are in, relative to the root.
        moved: the tests that have another name than in the saved baseline, with the name they had.
        cut: what ``--llm-shard`` has left of them; None without it.
    """

    def __init__(self, evaluation: Evaluation) -> None:
        self.trials = 0
        self.modules: list[str] = []
        self.moved: dict[str, str] = {}
        self.cut = Cut(evaluation.shard, evaluation) if evaluation.shard is not None else None
        self._evaluation = evaluation
        self._trials: list[pytest.Item] = []
        self._selection = Selection()
        self._deselected: set[int] = set()
        self._models: dict[CaseKey, set[str]] = {}

    def pytest_deselected(self, items: Iterable[pytest.Item]) -> None:
        """Note trials that are left out by pytest's own hook."""
        self._deselected.update(id(item) for item in items if uses_llm(item))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note the trials before others take some away."""
        self._trials = [item for item in items if uses_llm(item)]
        self.trials = len(self._trials)

    def finish(self, session: pytest.Session) -> None:
        """Note which of them are left."""
        kept = set(map(id, session.items))
        for item in self._trials:
            if id(item) in kept:
                judged_by(item, item.config.rootpath)  # now, while files can still be opened
                key, model = identity_of(item).trial
                self._models.setdefault(key, set()).add(model)
        self.modules = sorted({identity_of(item).key.test.split("::")[0] for item in self._trials if id(item) in kept})
        selection = Selection(
            collected=len(self._trials),
            deselected=len(self._deselected),
            left_out=tuple(identity_of(item).trial for item in self._trials if id(item) not in kept),
            cases=len({identity_of(item).key for item in self._trials}),
            cut=self.cut.digest if self.cut is not None else "",
            in_shards=self.cut.cases if self.cut is not None else 0,
        )
        if self._evaluation.shadows:
            from pytest_llmeval.plugin.shadowing.production import with_production

            without, baseline = self._evaluation.baseline, with_production(self._evaluation.baseline, self._trials)
            self._evaluation.baseline = baseline
            if without.name is None and isinstance(baseline, SavedBaseline):
                known_by = baseline.where, baseline.run.created, baseline.model.model
                selection = selection._replace(production=known_by)
        if saved := self._evaluation.baseline.results:
            # What was removed silently counts as selected: a change could remove what fails.
            known = {identity_of(item).key for item in self._trials if id(item) in kept | self._deselected}
            selection = self._compared_with(saved, session, known, selection)
        self._selection = selection
        del self._trials[:]

    def _compared_with(
        self, saved: Mapping[CaseKey, CaseResult], session: pytest.Session, known: set[CaseKey], selection: Selection
    ) -> Selection:
        """The selection, compared with a saved run.

        Args:
            known: the cases that are run or were deselected.
        """
        collected = {identity_of(item).key: identity_of(item).content for item in self._trials}
        root, tests = self._evaluation.root, {key.test for key in collected}
        files = {test.split("::")[0] for test in tests}
        files |= {item.path.relative_to(root).as_posix() for item in session.items if item.path.is_relative_to(root)}

        def would_run(test: str) -> bool:
            return expected(test, session.config, root, files)

        missing = [test for test in dict.fromkeys(key.test for key in saved) if test not in tests]
        gone = [test for test in missing if would_run(test) or not _is_there(root / test.split("::")[0])]
        self.moved = moved_tests(saved, collected, gone)
        now = {old: new for new, old in self.moved.items()}
        names = [key._replace(test=now.get(key.test, key.test)) for key in saved]
        # Of a test that is there, the rows that are not were taken away.
        wanted = {test for test in (*tests, *gone) if test not in now and would_run(test)}
        kept = {*self._models, *(collected.keys() - known)}
        return selection._replace(
            cases=len({*collected, *names}),
            unselected=tuple(key for key in names if key not in kept and (key in known or key.test not in wanted)),
            moved=tuple(self.moved.items()),
        )

    @property
    def selection(self) -> Selection:
        """What the process was to run, less what it has told already."""
        return self._selection

    def told(self) -> Selection:
        """What the process was to run, whole the first time."""
        told, self._selection = self._selection, self._selection._replace(left_out=(), unselected=(), moved=())
        return told

    def on_both_sides(self, item: pytest.Item, baseline: ModelBaseline) -> bool:
        """Whether a case is run under a model on trial and under the baseline."""
        key, name = identity_of(item).trial
        others = self._models.get(key, set()) - {name}
        return bool(others) if name == baseline.name else baseline.name in others


def _is_there(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises where a name is too long
