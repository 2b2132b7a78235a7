"""Writes what a session leaves: runs, the new baseline, recordings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from pytest_llmeval.errors import LlmevalError, RunFileError
from pytest_llmeval.plugin.baseline import NewBaseline, SavedBaseline
from pytest_llmeval.plugin.hookspecs import redactor
from pytest_llmeval.plugin.reporting.gathering import Gathered
from pytest_llmeval.plugin.reporting.new_baseline import save_baseline
from pytest_llmeval.plugin.reporting.notes import unused_replies
from pytest_llmeval.runs.file import RunWriter
from pytest_llmeval.runs.results import CaseResult
from pytest_llmeval.store.recordings import Recordings
from pytest_llmeval.text import plural


class Writing:
    """Writes files; one that cannot be written is reported in a note and dropped.

    Attributes:
        unwritten: how many files could not be written, or must not be.
    """

    def __init__(self, gathered: Gathered, notes: list[str]) -> None:
        self.unwritten = 0
        self._gathered = gathered
        self._notes = notes
        self._writers: list[RunWriter] | None = None

    def add(self, results: Sequence[CaseResult]) -> None:
        """Add results to the saved runs, as cases finish."""

        def add(writer: RunWriter) -> None:
            for result in results:
                writer.add(result)

        if results:
            self._write(add)

    def finish(self) -> None:
        """Write all else but the last line of the saved runs, in the end or when the session was stopped."""
        gathered = self._gathered
        baseline = gathered.evaluation.baseline
        if isinstance(baseline, NewBaseline):
            self._save(baseline)
        if isinstance(baseline, SavedBaseline) and gathered.ended:
            as_saved = [each for key, each in gathered.before(baseline).items() if key not in gathered.again]
            self.add(gathered.named_as_saved(as_saved))

    def close(self, failed: int, unmeasurable: Sequence[str]) -> None:
        """Write the last line of the saved runs, unless the session was stopped.

        Args:
            failed: how many failures the session has besides its gates, those of this plugin included.
            unmeasurable: what else than the rules say makes a comparison worthless.
        """
        gathered = self._gathered
        if not gathered.ended:
            self._write(RunWriter.close)
            return
        complete = gathered.complete
        left_out = gathered.selection.left_out if not complete and not gathered.missing() else ()
        last = partial(
            RunWriter.finish,
            complete=complete,
            left_out=left_out,
            failed=failed,
            unmeasurable=unmeasurable,
            skip_themselves=gathered.skip_themselves,
        )
        self._write(last)

    def record(self) -> None:
        """Write the recordings."""
        if not self._gathered.entries:
            return
        evaluation = self._gathered.evaluation
        recordings = Recordings(
            evaluation.settings.recordings,
            self._notes.append,
            secrets=evaluation.secrets(),
            repair=True,
            redact=redactor(evaluation.hook),
            keep_alike=evaluation.staleness is None,  # else the date of a reply that was asked again counts
        )
        for module, entries in sorted(self._gathered.entries.items()):
            try:
                count = recordings.write(module, list(entries.values()))
            except LlmevalError as error:
                self._not("RECORDED", error)
            else:
                self._notes.append(f"{plural(count, 'reply')} recorded for {module}")
        if self._gathered.complete:
            self._notes += unused_replies(self._gathered.run(), evaluation, recordings)

    def _save(self, baseline: NewBaseline) -> None:
        gathered = self._gathered
        try:
            if not gathered.ended:
                raise RunFileError("the baseline stays as it was: the session was stopped before its end")
            skipped = f"{len(gathered.skipped)} skipped" if gathered.skipped else None
            partial, secrets = gathered.partial() or skipped, gathered.evaluation.secrets()
            again, renamed = gathered.again, dict(gathered.selection.moved)
            run = gathered.run()
            self._notes += save_baseline(baseline, run, partial, secrets, again=again, renamed=renamed)
        except RunFileError as error:
            self._not("SAVED", error)

    def _write(self, write: Callable[[RunWriter], None]) -> None:
        if self._writers is None:
            self._writers = []
            evaluation = self._gathered.evaluation
            for path in evaluation.reports:
                try:
                    run = self._gathered.run()._replace(results=())
                    self._writers.append(RunWriter(path, run, evaluation.secrets()))
                except LlmevalError as error:
                    self._not("SAVED", error)
        for writer in list(self._writers):
            try:
                write(writer)
            except LlmevalError as error:
                self._not("SAVED", error)
                self._writers.remove(writer)

    def _not(self, done: str, error: LlmevalError) -> None:
        self._notes.append(f"NOT {done}: {error}")
        self.unwritten += 1
