"""What the summary of a session says about the store: replies that are too old, recordings nobody used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmeval.plugin.evaluation import Evaluation
from pytest_llmeval.runs.results import Run

if TYPE_CHECKING:
    from pytest_llmeval.store.recordings import Recordings


def stale_replies(run: Run, evaluation: Evaluation) -> list[str]:
    """One line when replayed replies are older than ``max_age``, none otherwise."""
    if evaluation.staleness is None:
        return []
    from pytest_llmeval.store.staleness import stale_note

    calls = [call for result in run.results for sample in result.samples for call in sample.calls]
    replayed = {call.key: call.recorded_at for call in calls if call.measures.source != "live" and call.recorded_at}
    note = stale_note(replayed.values(), evaluation.staleness)
    return [f"warning: {note}"] if note else []


def unused_replies(run: Run, evaluation: Evaluation, recordings: Recordings) -> list[str]:
    """One line per file of recordings that holds replies no case of a complete run used."""
    from pytest_llmeval.errors import RecordingError
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
        f"{path.name}: {'1 recorded reply was' if len(entries) == 1 else f'{len(entries)} recorded replies were'} "
        "used by no case; save this run with --llm-report=run.jsonl and see llmeval cache prune run.jsonl --dry-run"
        for path, entries in found.items()
    ]
