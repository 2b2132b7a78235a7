"""What else the summary of a session says, a line each."""

from __future__ import annotations

import pytest

from pytest_llmeval.errors import RecordingError
from pytest_llmeval.plugin.evaluation import Evaluation
from pytest_llmeval.plugin.payload import EXECUTED, Payload
from pytest_llmeval.plugin.reporting.gathering import Gathered
from pytest_llmeval.runs.answered import answered_under_one_name
from pytest_llmeval.runs.results import Run, blank_answers, unasked
from pytest_llmeval.store.recordings import Recordings
from pytest_llmeval.store.staleness import stale_note
from pytest_llmeval.text import plural, were

TOLD_IN_FULL = 5  # errors of one kind, and tests that were executed more than once


class Notes:
    """The notes of a session."""

    def __init__(self, config: pytest.Config) -> None:
        self.lines: list[str] = []
        self._verbose = config.get_verbosity() > 0
        self._executed = 0  # tests that were told how often they were executed
        self._told: dict[str | None, int] = {}  # errors by what kept a case from being judged

    def take(self, report: pytest.TestReport, payload: Payload) -> None:
        """Take in the notes on a report, and shorten its text once others have said the same at length."""
        if str(report.outcome) == "rerun":
            return
        self.lines += [note for note in payload.notes if note not in self.lines]
        self._tell_executions_a_few_times(report)
        result = payload.result
        if result is None or result.outcome != "error" or result.category == "exception" or self._verbose:
            return
        told = self._told[result.category] = self._told.get(result.category, 0) + 1
        if told > TOLD_IN_FULL:
            report.longrepr = result.samples[0].reason

    def _tell_executions_a_few_times(self, report: pytest.TestReport) -> None:
        """Leave out how often a failing test was executed, once others have said the same."""
        if self._verbose or all(title != EXECUTED for title, _ in report.sections):
            return
        self._executed += 1
        if self._executed > TOLD_IN_FULL:
            report.sections = [section for section in report.sections if section[0] != EXECUTED]

    def finish(self, gathered: Gathered, *, compared: bool) -> None:
        """Add what the results as a whole show.

        Args:
            compared: whether there are comparisons, which have notes of their own.
        """
        results = list(gathered.results.values())
        self.lines += stale_replies(gathered)
        if not compared:
            self.lines += answered_under_one_name(results)
            self.lines += unasked([result for result in results if result.outcome != "error"])
            self.lines += blank_answers(results)
        if gathered.evaluation.mode != "replay":
            return
        # Where these are missing, as on another machine, a replay cannot judge their cases.
        calls = [call for result in results for call in result.calls]
        if count := sum(call.measures.source == "cache" for call in calls):
            self.lines.append(
                f"NOT IN THE RECORDINGS: {plural(count, 'reply')}, taken from this machine's cache; "
                "--llm-record writes what is missing"
            )


def stale_replies(gathered: Gathered) -> list[str]:
    """One line when replayed replies are older than ``max_age``, none otherwise."""
    staleness = gathered.evaluation.staleness
    if staleness is None:
        return []
    # Not those of a saved baseline, which may say of the same reply that it was asked for again later.
    calls = [call for result in gathered.results.values() for call in result.calls]
    replayed = {call.key: call.recorded_at for call in calls if call.measures.source != "live" and call.recorded_at}
    note = stale_note(replayed.values(), staleness)
    return [f"warning: {note}"] if note else []


def unused_replies(run: Run, evaluation: Evaluation, recordings: Recordings) -> list[str]:
    """One line per file of recordings that holds replies no case of a complete run used."""
    from pytest_llmeval.runs.unused import unused_recordings

    names = {model.name: model.model for model in evaluation.models}
    try:
        found = unused_recordings(
            recordings.paths(),
            [run],
            model_names=lambda name: names.get(name, name),
            root=evaluation.root,
            warn=lambda _: None,
        )
    except RecordingError as error:
        return [f"warning: {error}"]
    return [
        f"{path.name}: {were(len(entries), 'recorded reply')} used by no case; "
        "save this run with --llm-report=run.jsonl and see llmeval cache prune run.jsonl --dry-run"
        for path, entries in found.items()
    ]
