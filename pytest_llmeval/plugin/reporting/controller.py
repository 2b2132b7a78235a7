"""Gathers results in the process that reports, and decides whether the gate fails the session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pytest_llmeval.errors import LlmevalError, RunFileError
from pytest_llmeval.plugin.base_branch import commit_of, when_words
from pytest_llmeval.plugin.build_evaluation import evaluation_of
from pytest_llmeval.plugin.evaluation import Evaluation, header_of
from pytest_llmeval.plugin.payload import is_second
from pytest_llmeval.plugin.reporting.new_baseline import changes_of_baseline, save_baseline
from pytest_llmeval.plugin.selection import Selection
from pytest_llmeval.runs.answered import answered_under_one_name
from pytest_llmeval.runs.results import CaseKey, CaseResult, Run, unasked
from pytest_llmeval.text import harmless

if TYPE_CHECKING:
    from pytest_llmeval.analysis.comparison import Comparison
    from pytest_llmeval.plugin.payload import Payload
    from pytest_llmeval.runs.file import RunWriter
    from pytest_llmeval.store.entry import Entry

TOLD_IN_FULL = 5  # errors of one kind

NOT_SAVED = "not saved"

_NAMES_OF_SAVED = ("baseline", "saved baseline", "saved baseline run")  # the first that no model on trial has


class Controller:
    """The results of a session; made when the first of them arrives.

    Attributes:
        results: by case and model.
        again: the cases of a saved baseline, judged again by today's tests.
        comparisons: one per candidate, once the session is judged.
        notes: what else the summary tells, a line each.
        skipped: ids of the trials that were skipped: no result is owed for them.
        unwritten: how many files could not be written, or must not be.
        places: by test the worker of xdist that ran it ("" in this process), and its number there.
        spent: USD so far, as far as prices are known.
        regressed: cases so far that passed with the baseline and fail with a model on trial.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.spent = 0.0
        self.regressed = 0
        self.config = config
        self.evaluation: Evaluation = evaluation_of(config)
        self.again: dict[CaseKey, CaseResult] = {}
        self.results: dict[tuple[CaseKey, str], CaseResult] = {}
        self.comparisons: list[Comparison] = []
        self.notes: list[str] = []
        self.skipped: set[str] = set()
        self.unwritten = 0
        self._selection = Selection()
        self._commit = commit_of(self.evaluation.root) if self.evaluation.reports or self.evaluation.update else None
        self._ended = False
        self._repeated = 0  # trials that are more samples of a case
        self._told: dict[str | None, int] = {}  # errors by what kept a case from being judged
        self._entries: dict[str, dict[str, Entry]] = {}
        self._writers: list[RunWriter] | None = None
        # By case and model, the results of the tests it came from: pytest-repeat runs a case several times.
        self._by_test: dict[tuple[CaseKey, str], dict[str, CaseResult]] = {}
        self.places: dict[str, tuple[str, int]] = {}
        # The results of the first pass, for the candidates it decided.
        self._first_pass: Run | None = None
        self._more: tuple[str, ...] = ()
        self._undecided = ""
        self._owed: set[str] = set()  # tests whose second report is still to come

    def take(self, report: pytest.TestReport, payload: Payload) -> None:
        """Take in what was on a report."""
        if is_second(report):
            self._owed.discard(report.nodeid)
        if str(report.outcome) == "rerun":
            return
        self._select(payload.selection)
        if payload.baseline is not None:
            self._add_baseline(payload.baseline)
        self.notes += [note for note in payload.notes if note not in self.notes]
        for entry in payload.entries:
            self._entries.setdefault(entry.case.split("::")[0], {})[entry.key] = entry
        if payload.result is None:
            self.skipped.add(report.nodeid)
        else:
            self._shorten(report, payload.result)
            self._add(report, payload.result)

    def _add_baseline(self, result: CaseResult) -> None:
        self.again[result.key] = result
        if self._saved_as is not None:
            named = result._replace(model=self._saved_as)
            self._save(lambda writer: writer.add(named))

    @property
    def _saved_as(self) -> str | None:
        """What the saved baseline is called among the models of this session's run; None when it is not in it."""
        evaluation = self.evaluation
        if evaluation.saved is None or evaluation.update is not None:
            return None
        taken = [model.name for model in evaluation.models]
        return next(name for name in _NAMES_OF_SAVED if name not in taken)

    def _select(self, told: Selection) -> None:
        """Take in what a process was to run; each tells the same, whole the first time."""
        known = self._selection
        self._selection = Selection(
            collected=max(known.collected, told.collected),
            deselected=max(known.deselected, told.deselected),
            left_out=known.left_out or told.left_out,
            cases=max(known.cases, told.cases),
            unselected=known.unselected or told.unselected,
            moved=known.moved or told.moved,
        )

    @property
    def collected(self) -> int:
        """How many trials there are."""
        return self._selection.collected

    def judge(self) -> int:
        """Compare each candidate with the baseline, once all tests are done, and write what is to be written.

        Returns:
            How many gates fail the session, and how many files could not be written.
        """
        self._ended = True
        self._compare()
        self._note_samples()
        self._write()
        return sum(comparison.gate == "failed" for comparison in self.comparisons) + self.unwritten

    def second_pass(self) -> tuple[list[str], str]:
        """The ids of the tests that get more samples, and why, in a sentence; none when every category is decided."""
        evaluation = self.evaluation
        baseline = evaluation.baseline
        if baseline is None or self._missing() is not None:
            return [], ""
        from pytest_llmeval.analysis.adaptive import AT_MOST, look_at
        from pytest_llmeval.analysis.compare import Rules, Side

        run = self._first_pass = self.run()
        before = Side(baseline, self._saved_results() if evaluation.saved is not None else run.of_model(baseline))
        rules = Rules(evaluation.settings.categories, dispersion=evaluation.dispersion)
        looks = {
            name: look_at(before, Side(name, run.of_model(name), another=evaluation.is_another(run, name)), rules)
            for name in evaluation.candidates
        }
        self._more = tuple(name for name, look in looks.items() if look.cases)
        wanted = {(key, name) for name in self._more for key in looks[name].cases}
        if evaluation.saved is None:
            wanted |= {(key, baseline) for key, _ in wanted}
        several = len(looks) > 1
        open_ = [
            f"{name}: {category}" if several else category
            for name, look in looks.items()
            for category in look.categories
        ]
        cases = len({key for key, _ in wanted})
        self._undecided = harmless(", ".join(open_))
        told = f"undecided: {self._undecided}; all {cases} cases get {AT_MOST} samples"
        self._owed = {test for place in wanted for test in self._by_test.get(place, ())}
        return list(self._owed), told

    def _note_samples(self) -> None:
        """Tell what ``--llm-samples=auto`` has decided, and what it has saved."""
        if self.evaluation.most_samples is None or self._first_pass is None:
            return
        from pytest_llmeval.analysis.adaptive import AT_FIRST, AT_MOST, calls_saved, unfinished

        self.comparisons = [unfinished(each, self._more, len(self._owed)) for each in self.comparisons]
        spared, everything = calls_saved(self.results.values())
        if self._more:
            told = f"{AT_FIRST} per case, then {AT_MOST} since undecided: {self._undecided}"
        else:
            told = f"{AT_FIRST} per case were enough to decide every category"
        self.notes.append(f"samples: {told}; {spared:,} of {everything:,} calls saved against {AT_MOST} everywhere")

    def _compare(self, stopped: str | None = None) -> None:
        evaluation = self.evaluation
        baseline = evaluation.baseline
        if baseline is None:
            return
        from pytest_llmeval.analysis.compare import Extent, Rules, Side, compare

        run, saved = self.run(), evaluation.saved
        self.notes += answered_under_one_name([*self.results.values(), *self.again.values()])
        where, when = (
            (saved.where, when_words(saved.run.created, saved.run.commit)) if saved is not None else (None, "")
        )

        def before(candidate: str) -> Mapping[CaseKey, CaseResult]:
            if saved is not None:
                return self._saved_results()
            # A candidate that the first samples decided is judged by these, though the baseline got more for another:
            # a second look at it could fail it by chance.
            decided = self._first_pass if candidate not in self._more else None
            return (decided or run).of_model(baseline)

        rules = Rules(
            evaluation.settings.categories, evaluation.settings.gate, evaluation.strict, evaluation.dispersion
        )
        unmeasurable = (*evaluation.unmeasurable, *self._unseen())
        self.comparisons = [
            compare(
                Side(baseline, before(name), where, when),
                Side(name, after := run.of_model(name), another=evaluation.is_another(run, name)),
                rules,
                Extent(stopped, self._part(len(after)), unmeasurable, self._skipped_cases()),
            )
            for name in evaluation.candidates
        ]
        if saved is not None:
            self.notes += changes_of_baseline(saved, evaluation.base)
            self.notes += [f"{new} was {old} when the baseline was saved" for new, old in self._selection.moved]

    def _part(self, ran: int) -> str:
        """Which part of the cases ran, in words; "" when all did."""
        from pytest_llmeval.analysis.comparison import part_of

        part = part_of(ran, self._selection.cases)
        if not part and self.config.getoption("lf", default=False) and self.config.cache.get("cache/lastfailed", {}):
            return "the cases that failed last"  # pytest tells nobody what it has left out
        return part

    def _saved_results(self) -> dict[CaseKey, CaseResult]:
        """The cases of the saved baseline that this session was to run: judged again, or as they were saved."""
        saved = self.evaluation.saved
        found = dict(self.again)
        if saved is None:
            return found
        now = {old: new for new, old in self._selection.moved}
        unselected = set(self._selection.unselected)
        for key, result in saved.results.items():
            key = key._replace(test=now.get(key.test, key.test))
            if key not in found and key not in unselected:
                found[key] = result._replace(key=key)
        return found

    def _unseen(self) -> list[str]:
        """That nothing was measured at all, as where the application's HTTP client is one that is not captured."""
        asked = any(sample.calls for result in self.results.values() for sample in result.samples)
        return [] if asked or not self.results else ["no call of a model was seen in any case"]

    def _write(self) -> None:
        """Write all but the lines that were written as cases were finished: in the end, or when the session stops."""
        if self.evaluation.update is not None:
            try:
                if not self._ended:
                    raise RunFileError("the baseline stays as it was: the session was stopped before its end")
                skipped = f"{len(self.skipped)} skipped" if self.skipped else None
                self.notes += save_baseline(self.evaluation, self.run(), self._partial() or skipped)
            except RunFileError as error:
                self._not("SAVED", error)
        for key, result in self._saved_results().items() if self._ended else ():
            if key not in self.again:
                self._add_baseline(result)
        complete = self.complete
        left_out = self._selection.left_out if not complete and not self._missing() else ()
        self._save(lambda w: w.finish(complete=complete, left_out=left_out) if self._ended else w.close())
        from pytest_llmeval.plugin.reporting.store_notes import stale_replies

        self.notes += stale_replies(self.run(), self.evaluation)
        if not self.comparisons:  # each of these tells it by itself
            self.notes += answered_under_one_name(self.results.values())
            self.notes += unasked([result for result in self.results.values() if result.outcome != "error"])
        self._record()
        self._note_unrecorded()

    def _not(self, done: str, error: LlmevalError) -> None:
        self.notes.append(f"NOT {done}: {error}")
        self.unwritten += 1

    def finish(self) -> None:
        """Write what a session leaves that was stopped, tell pytest's last line and the JUnit file of the gate."""
        if not self._ended:
            self._compare("the session was stopped before its end")
            self._write()
        failed = [comparison for comparison in self.comparisons if comparison.gate == "failed"]
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            # Other plugins look into the __dict__ of whatever is counted.
            if failed:
                word = "gate failed" if len(failed) == 1 else "gates failed"
                reporter.stats.setdefault(word, []).extend(SimpleNamespace(gate=gate) for gate in failed)
            if self.unwritten:
                reporter.stats.setdefault(NOT_SAVED, []).extend(SimpleNamespace() for _ in range(self.unwritten))
        from pytest_llmeval.plugin.reporting.junit import add_to_junit

        for comparison in failed:
            add_to_junit(self.config, comparison)

    @property
    def complete(self) -> bool:
        """Whether every collected trial was run to its end."""
        return self._ended and self._partial() is None

    def run(self, *, complete: bool | None = None) -> Run:
        """The results so far as a run; those of a saved baseline, judged again, are in it too."""
        evaluation = self.evaluation
        models: dict[str, Mapping[str, object]] = {model.name: header_of(model) for model in evaluation.models}
        results = list(self.results.values())
        baseline = evaluation.baseline if evaluation.saved is None else self._saved_as
        if evaluation.saved is not None and baseline is not None:
            models[baseline] = {**header_of(evaluation.saved.model), "saved": evaluation.saved.where}
            results += [result._replace(model=baseline) for result in self._saved_results().values()]
        return Run(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            models=models,
            baseline=baseline,
            complete=complete,
            commit=self._commit,
            results=tuple(results),
        )

    def _skipped_cases(self) -> int:
        """How many cases were skipped, under whichever models."""
        ends = tuple(f"{mark}{model.name}]" for model in self.evaluation.models for mark in "[-")

        def case(node: str) -> str:
            return next((node.removesuffix(end) for end in ends if node.endswith(end)), node)

        return len({case(node) for node in self.skipped})

    def _add(self, report: pytest.TestReport, result: CaseResult) -> None:
        worker = str(getattr(report, "worker_id", ""))
        if self.places.setdefault(report.nodeid, (worker, getattr(report, "item_index", 0)))[0] != worker:
            return  # xdist's --dist=each runs every case in every worker; it counts once
        place = result.trial
        tests = self._by_test.setdefault(place, {})
        self._repeated += bool(tests) and report.nodeid not in tests
        earlier = tests.get(report.nodeid)
        # A second pass tells of the samples of the first again.
        self.spent += _spent(result) - (_spent(earlier) if earlier is not None and is_second(report) else 0.0)
        tests[report.nodeid] = result
        result = _together(list(tests.values()))
        if place in self.results:
            self.regressed -= self._newly_failing(self.results[place])
        self.results[place] = result
        self.regressed += self._newly_failing(result)
        self._save(lambda writer: writer.add(result))

    def _shorten(self, report: pytest.TestReport, result: CaseResult) -> None:
        """Leave one line of what a report tells, once others have told at length of the same trouble."""
        if result.outcome != "error" or result.category == "exception" or self.config.get_verbosity() > 0:
            return
        told = self._told[result.category] = self._told.get(result.category, 0) + 1
        if told > TOLD_IN_FULL:
            report.longrepr = result.samples[0].reason

    def _newly_failing(self, result: CaseResult) -> int:
        """How many cases this result shows to fail though they pass with the baseline."""
        baseline = self.evaluation.baseline
        if baseline is None:
            return 0
        pairs: list[tuple[CaseResult | None, CaseResult | None]]
        if self.evaluation.saved is not None:
            pairs = [(self.again.get(result.key), result)]
        elif result.model == baseline:
            pairs = [(result, self.results.get((result.key, name))) for name in self.evaluation.candidates]
        else:
            pairs = [(self.results.get((result.key, baseline)), result)]
        return sum(
            old is not None and new is not None and old.outcome == "pass" and new.outcome == "fail"
            for old, new in pairs
        )

    def _save(self, write: Callable[[RunWriter], None]) -> None:
        """Write to every saved run; one that cannot be written is told of and given up."""
        if self._writers is None:
            self._writers = []
            for path in self.evaluation.reports:
                from pytest_llmeval.runs.file import RunWriter

                try:
                    self._writers.append(RunWriter(path, self.run()._replace(results=())))
                except LlmevalError as error:
                    self._not("SAVED", error)
        for writer in list(self._writers):
            try:
                write(writer)
            except LlmevalError as error:
                self._not("SAVED", error)
                self._writers.remove(writer)

    def _partial(self) -> str | None:
        """Why the cases that ran are not all there are, None when they are."""
        left_out = max(self._selection.deselected, len(self._selection.left_out))
        named = any("::" in argument for argument in self.config.args)
        if not left_out and not named and self.evaluation.update is not None and self._selection.unselected:
            return f"{len(self._selection.unselected)} of its cases are in tests that were not named"
        if left_out:
            marks = self.config.getoption("markexpr", default="")
            why = f' (-m "{marks}"; -m "" runs all)' if marks else ""
            return f"{self._cases(self.collected - left_out)} of {self._cases(self.collected)} cases ran{why}"
        return self._missing()

    def _missing(self) -> str | None:
        """Why cases are missing besides those that were deselected, None when no others are."""
        if any("::" in argument for argument in self.config.args):
            return "single tests were named on the command line"
        if self.config.getoption("lf", default=False) and self.config.cache.get("cache/lastfailed", {}):
            return "--lf runs only what failed last"  # and tells nobody which files it has left out
        left_out = max(self._selection.deselected, len(self._selection.left_out))
        owed = self.collected - left_out - len(self.skipped) - self._repeated
        if len(self.results) < owed:
            return f"{len(self.results)} of {owed} cases have a result"
        return None

    def _cases(self, trials: int) -> int:
        """How many cases so many trials are, each case being run with every model."""
        models = len(self.evaluation.models)
        even = self.collected % models == 0 and self._selection.deselected % models == 0
        return trials // models if even else trials

    def _note_unrecorded(self) -> None:
        """Tell of replies that only this machine has: where they are missing, a replay cannot judge these cases."""
        if self.evaluation.mode != "replay":
            return
        results = self.results.values()
        calls = [call for result in results for sample in result.samples for call in sample.calls]
        count = sum(call.measures.source == "cache" for call in calls)
        if count:
            self.notes.append(
                f"replies from this machine's cache that are in no recording: {count}; --llm-record writes them"
            )

    def _record(self) -> None:
        if not self._entries:
            return
        from pytest_llmeval.plugin.hookspecs import redactor
        from pytest_llmeval.plugin.reporting.store_notes import unused_replies
        from pytest_llmeval.store.recordings import Recordings

        evaluation = self.evaluation
        recordings = Recordings(
            evaluation.settings.recordings,
            self.notes.append,
            secrets=evaluation.secrets(),
            repair=True,
            redact=redactor(self.config.hook),
            keep_alike=evaluation.staleness is None,  # else the date of a reply that was asked again counts
        )
        for module, entries in sorted(self._entries.items()):
            try:
                count = recordings.write(module, list(entries.values()))
            except LlmevalError as error:
                self._not("RECORDED", error)
            else:
                replies = "1 reply" if count == 1 else f"{count} replies"
                self.notes.append(f"{replies} recorded for {module}")
        if self.complete:
            self.notes += unused_replies(self.run(), evaluation, recordings)


def _together(results: Sequence[CaseResult]) -> CaseResult:
    """One case with the samples of all of its tests."""
    first, *others = results
    if not others:
        return first
    samples = list(first.samples)
    for other in others:
        samples += [sample._replace(index=len(samples) + i) for i, sample in enumerate(other.samples)]
    return first._replace(samples=tuple(samples))


def _spent(result: CaseResult) -> float:
    return sum(call.spent or 0.0 for sample in result.samples for call in sample.calls)
