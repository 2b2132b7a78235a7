"""Find the recordings that saved runs show to be unused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pytest_llmeval.reply import OTHER_CALL
from pytest_llmeval.runs.results import Run
from pytest_llmeval.store.entry import Entry
from pytest_llmeval.store.recording_file import RecordingFile
from pytest_llmeval.store.recordings import recording_name


def unused_recordings(
    paths: Iterable[Path],
    runs: Sequence[Run],
    *,
    model_names: Callable[[str], str],
    root: Path,
    warn: Callable[[str], None],
) -> dict[Path, list[Entry]]:
    """The unused recorded replies, by file.

    A reply is unused only when a run could have used it: its test is gone, or its sample passed under its model without
    it. What a failed sample, a skipped case, or a model, sample or file that was not run may need is kept.

    Args:
        paths: the files of recordings.
        runs: complete ones.
        model_names: gives the provider's name of a model of the runs.
        root: the folder that test files are relative to.
        warn: called with one line when something in a file was skipped.

    Raises:
        RecordingError: a file cannot be read.
    """
    evidence = _Evidence(runs, model_names, root)
    found = {}
    for path in paths:
        entries = [entry for entry, _ in RecordingFile.read(path, warn).entries() if evidence.is_unused(path, entry)]
        if entries:
            found[path] = sorted(entries, key=lambda entry: entry.order)
    return found


class _Evidence:
    def __init__(self, runs: Sequence[Run], model_names: Callable[[str], str], root: Path) -> None:
        results = [result for run in runs for result in run.results]
        self._root = root
        self._used = {call.key for result in results for call in result.every_call}
        self._tests = {result.key.test for result in results}
        self._files = {recording_name(test.split("::")[0]) for test in self._tests}
        self._models = {model_names(result.model) for result in results}
        self._cases = {(str(result.key), model_names(result.model)) for result in results}
        self._passed = {
            (str(result.key), model_names(result.model), sample.index)
            for result in results
            for sample in result.samples
            if sample.outcome == "pass"
        }

    def is_unused(self, path: Path, entry: Entry) -> bool:
        if entry.key in self._used:
            return False
        test = entry.case.partition("[")[0]
        module, _, names = test.partition("::")
        source = self._root / module
        if not module.endswith(".py") or not source.resolve().is_relative_to(self._root.resolve()):
            return False
        if not source.exists():
            return True
        if entry.provider == OTHER_CALL:  # any test may ask it, and no run says which did
            return False
        if path.name not in self._files:
            return False
        if test not in self._tests:
            # Not in the run: gone, or skipped as a whole.
            return f"def {names.rpartition('::')[2]}(" not in source.read_text(encoding="utf-8", errors="replace")
        if entry.model not in self._models:
            return False
        if (entry.case, entry.model) not in self._cases:
            return True
        return (entry.case, entry.model, entry.sample) in self._passed
