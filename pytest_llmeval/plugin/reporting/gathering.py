"""Gathers the results of a session in the process that reports."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from pytest_llmeval.analysis.comparison import part_of
from pytest_llmeval.clock import Clock
from pytest_llmeval.plugin.base_branch import commit_of
from pytest_llmeval.plugin.baseline import Compared, ModelBaseline, NewBaseline, NoBaseline, SavedBaseline, production
from pytest_llmeval.plugin.build_evaluation import evaluation_of
from pytest_llmeval.plugin.evaluation import Evaluation, header_of
from pytest_llmeval.plugin.payload import Payload, look_of
from pytest_llmeval.plugin.selection import Selection
from pytest_llmeval.runs.billed import Billed, billed_in, billed_together
from pytest_llmeval.runs.results import CaseKey, CaseResult, Run, TrialKey
from pytest_llmeval.runs.shards import Shard, Shards
from pytest_llmeval.store.entry import Entry
from pytest_llmeval.text import plural

_NAMES_OF_SAVED = ("baseline", "saved baseline", "saved baseline run")  # the first that no model on trial has


class Gathered:
    """The results so far, and how much of the session they are.

    Attributes:
        again: the cases of a saved baseline, judged again by today's tests.
        entries: replies for the recordings, by test file and key.
        skipped: by test that was skipped its case: no result is expected for it.
        skip_themselves: those of them whose test had an answer and skipped itself.
        places: by test the worker of xdist that ran it ("" in this process), and its number there.
        owed: tests of which a look wants one more report.
        regressed: cases so far that passed with the baseline and fail with a model on trial.
        ended: whether every test that was to run has been run.
        written: the files of `Evaluation.summaries` that were written.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.evaluation: Evaluation = evaluation_of(config)
        self.results: dict[TrialKey, CaseResult] = {}
        self.again: dict[CaseKey, CaseResult] = {}
        self.entries: dict[str, dict[str, Entry]] = {}
        self.skipped: dict[str, CaseKey] = {}
        self.skip_themselves: set[CaseKey] = set()
        self.selection = Selection()
        self.places: dict[str, tuple[str, int]] = {}
        self.owed: set[str] = set()
        self.regressed = 0
        self.ended = False
        self.written: list[Path] = []
        self._billed: dict[tuple[str, int], Billed] = {}  # by process
        self._repeated = 0  # tests that are more samples of a case
        # By case and model, the results of the tests it came from: pytest-repeat runs a case several times.
        self._by_test: dict[TrialKey, dict[str, CaseResult]] = {}
        saved = self.evaluation.reports or isinstance(self.evaluation.baseline, NewBaseline)
        self._commit = commit_of(self.evaluation.root) if saved else None

    def take(self, report: pytest.TestReport, payload: Payload) -> list[CaseResult]:
        """Take in what was on a report.

        Returns:
            What a saved run gets of it.
        """
        self._billed[str(getattr(report, "worker_id", "")), payload.process] = payload.billed
        if look_of(report):
            self.owed.discard(report.nodeid)
        if str(report.outcome) == "rerun":
            return []
        self.selection = self.selection.joined(payload.selection)
        if self.selection.production and isinstance(self.evaluation.baseline, NoBaseline):
            self.evaluation.baseline = production(*self.selection.production)  # a worker has read the log
        for entry in payload.entries:
            self.entries.setdefault(entry.case.split("::")[0], {})[entry.key] = entry
        new = []
        if payload.baseline is not None:
            self.again[payload.baseline.key] = payload.baseline
            new += self.named_as_saved([payload.baseline])
        if payload.result is None:
            self.skipped[report.nodeid] = payload.case
            if payload.skips_itself:
                self.skip_themselves.add(payload.case)
        elif self._ran_before_elsewhere(report):
            pass  # xdist's --dist=each runs every case in every worker; it counts once
        else:
            new.append(self._add(report, payload.result))
        return new

    def _ran_before_elsewhere(self, report: pytest.TestReport) -> bool:
        worker = str(getattr(report, "worker_id", ""))
        return self.places.setdefault(report.nodeid, (worker, getattr(report, "item_index", 0)))[0] != worker

    def _add(self, report: pytest.TestReport, result: CaseResult) -> CaseResult:
        place = result.trial
        tests = self._by_test.setdefault(place, {})
        self._repeated += bool(tests) and report.nodeid not in tests
        tests[report.nodeid] = result
        if place in self.results:
            self.regressed -= self._newly_failing(self.results[place])
        result = self.results[place] = _together(list(tests.values()))
        self.regressed += self._newly_failing(result)
        return result

    @property
    def billed(self) -> Billed:
        """The calls of all processes so far, whether a result holds their answers or not."""
        if (here := self.evaluation.billed).calls:  # nothing is known of it once it is closed
            self._billed["", os.getpid()] = here
        return billed_together(self._billed.values())

    @property
    def billed_besides(self) -> Billed:
        """The calls that were billed and are in no result.

        Those of tests that skip themselves or are expected to fail, and those whose answers were thrown away, since the
        prompt differs each time the test runs.
        """
        return self.billed.without(billed_in(self.results.values()))

    def _newly_failing(self, result: CaseResult) -> int:
        """How many cases this result shows to fail though they pass with the baseline."""
        key = result.key
        pairs: list[tuple[CaseResult | None, CaseResult | None]] = []
        match self.evaluation.baseline:
            case SavedBaseline():
                pairs = [(self.again.get(key), result)]
            case ModelBaseline() as baseline if result.model == baseline.name:
                pairs = [(result, self.results.get((key, name))) for name in self.evaluation.candidates]
            case ModelBaseline() as baseline:
                pairs = [(self.results.get((key, baseline.name)), result)]
        return sum(
            old is not None and new is not None and old.outcome == "pass" and new.outcome == "fail"
            for old, new in pairs
        )

    def tests_of(self, trials: set[TrialKey]) -> set[str]:
        """The ids of the tests that some results came from."""
        return {test for place in trials for test in self._by_test.get(place, ())}

    def run(self) -> Run:
        """The results so far as a run; those of a saved baseline, judged again, are in it too."""
        baseline = self.evaluation.baseline
        name = baseline.name
        models: dict[str, Mapping[str, object]] = {model.name: header_of(model) for model in self.evaluation.models}
        results = list(self.results.values())
        if isinstance(baseline, SavedBaseline):
            name = self._saved_as
            known = {"saved": baseline.where, "name": baseline.name, "created": baseline.run.created}
            models[name] = {**header_of(baseline.model), **known}
            results += self.named_as_saved(self.before(baseline).values())
        return Run(
            created=Clock.now().isoformat(timespec="seconds"),
            models=models,
            baseline=name,
            commit=self._commit,
            results=tuple(results),
            shards=self._shards(),
        )

    def _shards(self) -> Shards | None:
        evaluation, selection = self.evaluation, self.selection
        if evaluation.shard is None:
            return None
        return Shards(
            numbers=(evaluation.shard.number,),
            of=evaluation.shard.of,
            cases=selection.cases,
            cut=selection.cut,
            strict=evaluation.strict,
            categories=evaluation.settings.categories,
            budgets=evaluation.settings.gate,
            dispersion=evaluation.baseline.dispersion if isinstance(evaluation.baseline, Compared) else None,
            unmeasurable=evaluation.unmeasurable,
        )

    def shard_words(self, shard: Shard, stopped: str | None) -> str:
        """That a shard is not gated, and what judges it.

        Args:
            stopped: why the session did not come to its end, None when it did.
        """
        ran = f"NOT GATED: shard {shard.number} of {shard.of}"
        if stopped is not None:
            return f"{ran}: {stopped}; run it again"
        cases = len({key for key, _ in self.results})
        then = "compare" if isinstance(self.evaluation.baseline, Compared) else "show"
        return (
            f"{ran} has {cases} of {plural(self.selection.in_shards, 'case')}; for all of them: "
            f"llmeval merge RUNS -o merged.jsonl, then llmeval {then} merged.jsonl"
        )

    def before(self, baseline: Compared, run: Run | None = None) -> dict[CaseKey, CaseResult]:
        """The baseline's results of the cases that this session was to run.

        Args:
            run: has the results of a baseline that is a model.

        Returns:
            Those of a saved baseline are judged again, or else as they were saved.
        """
        if isinstance(baseline, ModelBaseline):
            return (run or self.run()).of_model(baseline.name)
        now = {old: new for new, old in self.selection.moved}
        unselected = set(self.selection.unselected)
        found = dict(self.again)
        for key, result in baseline.results.items():
            key = key._replace(test=now.get(key.test, key.test))
            if key not in found and key not in unselected:
                found[key] = result._replace(key=key)
        return found

    @property
    def _saved_as(self) -> str:
        """What the saved baseline is called among the models of this session's run."""
        taken = [model.name for model in self.evaluation.models]
        return next(name for name in _NAMES_OF_SAVED if name not in taken)

    def named_as_saved(self, results: Iterable[CaseResult]) -> list[CaseResult]:
        """Results of the saved baseline under the name it has in this session's run; none where it is not in it."""
        if not isinstance(self.evaluation.baseline, SavedBaseline):
            return []
        return [result._replace(model=self._saved_as) for result in results]

    @property
    def complete(self) -> bool:
        """Whether every collected test was run to its end."""
        return self.ended and self.partial() is None

    def partial(self) -> str | None:
        """Why the cases that ran are not all there are, None when they are."""
        left_out, unselected = self._left_out, len(self.selection.unselected)
        if not left_out and not self._named and isinstance(self.evaluation.baseline, NewBaseline) and unselected:
            return f"{unselected} of its cases are in tests that were not named"
        if left_out:
            marks = self.config.getoption("markexpr", default="")
            why = f' (-m "{marks}"; -m "" runs all)' if marks else ""
            collected = self.selection.collected
            return f"{self._cases(collected - left_out)} of {self._cases(collected)} cases ran{why}"
        return self.missing()

    def missing(self) -> str | None:
        """Why cases are missing besides those that were deselected, None when no others are."""
        if self._named:
            return "single tests were named on the command line"
        if self._last_failed:
            return "--lf runs only what failed last"
        return self.lost()

    def lost(self) -> str | None:
        """Why cases that were to run are missing, None when they are all there."""
        owed = self.selection.collected - self._left_out - len(self.skipped) - self._repeated
        if len(self.results) < owed:
            return f"{len(self.results)} of {owed} cases have a result"
        return None

    def part(self, ran: int) -> str:
        """Which part of the cases ran, in words; "" when all did."""
        part = part_of(ran, self.selection.cases)
        return "the cases that failed last" if not part and self._last_failed else part

    @property
    def _left_out(self) -> int:
        return max(self.selection.deselected, len(self.selection.left_out))

    @property
    def _named(self) -> bool:
        return any("::" in argument for argument in self.config.args)

    @property
    def _last_failed(self) -> bool:
        """Whether pytest has left out what did not fail last, which it does not report."""
        return bool(self.config.getoption("lf", default=False) and self.config.cache.get("cache/lastfailed", {}))

    def _cases(self, trials: int) -> int:
        """How many cases so many trials are, each case being run with every model."""
        models = len(self.evaluation.models)
        even = self.selection.collected % models == 0 and self.selection.deselected % models == 0
        return trials // models if even else trials


def _together(results: Sequence[CaseResult]) -> CaseResult:
    """One case with the samples of all of its tests."""
    first, *others = results
    if not others:
        return first
    samples = list(first.samples)
    for other in others:
        samples += [sample._replace(index=len(samples) + i) for i, sample in enumerate(other.samples)]
    return first._replace(samples=tuple(samples))
