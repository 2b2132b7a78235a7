"""``--llm-shard``: leaves the cases of this session's shard, and every test that asks no model."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property

import pytest

from pytest_llmeval.plugin.baseline import SavedBaseline
from pytest_llmeval.plugin.evaluation import Evaluation
from pytest_llmeval.plugin.identity import identity_of
from pytest_llmeval.plugin.items import uses_llm
from pytest_llmeval.plugin.rejudging.judged_by import judged_by
from pytest_llmeval.runs.cutting import seconds_of, shard_by_hash, shards_by_time
from pytest_llmeval.runs.results import CaseKey, row_of
from pytest_llmeval.runs.shards import Shard


class Cut:
    """Registered with the `Runner` of a session that runs a shard.

    Attributes:
        cases: how many cases all shards together run.
        digest: of which case is in which shard, and of what makes it the same case on another machine.
    """

    def __init__(self, shard: Shard, evaluation: Evaluation) -> None:
        self.cases = 0
        self.digest = ""
        self._shard = shard
        self._baseline = evaluation.baseline
        self._samples = evaluation.samples

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Deselect the other shards' cases, once -k and the like have taken theirs."""
        shards = {item: self._of(item) for item in items if uses_llm(item)}
        self.cases = len({identity_of(item).key for item in shards})
        self.digest = self._digest(shards)
        others = [item for item, number in shards.items() if number != self._shard.number]
        if others:
            items[:] = [item for item in items if shards.get(item, self._shard.number) == self._shard.number]
            config.hook.pytest_deselected(items=others)

    def _of(self, item: pytest.Item) -> int:
        """The number of a test's shard."""
        group = item.get_closest_marker("xdist_group")
        if group is not None:  # tests that need one another
            name = group.args[0] if group.args else group.kwargs.get("name", "default")
            return shard_by_hash(CaseKey("xdist_group", str(name)), self._shard.of)
        identity = identity_of(item)
        row = row_of(identity.key, identity.case.wording if identity.case is not None else "")
        return self._by_time.get(row) or shard_by_hash(row, self._shard.of)

    @cached_property
    def _by_time(self) -> dict[CaseKey, int]:
        if not isinstance(self._baseline, SavedBaseline):
            return {}
        return shards_by_time(seconds_of(self._baseline.results.values()), self._shard.of)

    def _digest(self, shards: dict[pytest.Item, int]) -> str:
        told: set[tuple[object, ...]] = set()
        for item, number in shards.items():
            identity = identity_of(item)
            told.add((*identity.key, identity.content, judged_by(item, item.config.rootpath), number))
        beside: list[object] = [self._shard.of, self._samples]
        if isinstance(self._baseline, SavedBaseline):
            beside += [self._baseline.run.created, self._baseline.run.commit]
        return hashlib.sha256(json.dumps([beside, sorted(map(list, told))]).encode()).hexdigest()[:16]
