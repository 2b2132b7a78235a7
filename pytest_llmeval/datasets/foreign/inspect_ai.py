"""inspect_ai: samples of a dataset, and the samples in a log of an evaluation."""

from __future__ import annotations

from typing import Any

from pytest_llmeval.datasets.foreign.files.source import Record, Source
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.foreign.values import as_object, joined, of_cell, rest_of
from pytest_llmeval.text import json_words

_SAMPLE = ("id", "input", "target", "choices", "metadata")
_OF_THE_RUN = frozenset(
    (
        *("epoch", "messages", "output", "scores", "store", "events", "model_usage", "role_usage", "total_time"),
        *("working_time", "attachments", "uuid", "error", "error_retries", "limit", "invalidation", "started_at"),
        *("completed_at", "timelines"),
    )
)
_KNOWN = frozenset((*_SAMPLE, "sandbox", "files", "setup", "checkpoint", "description"))


def is_inspect(source: Source) -> bool:
    """Whether a file looks like samples or a log."""
    if isinstance(source.value, dict):
        return isinstance(source.value.get("samples"), list) and isinstance(source.value.get("eval"), dict)
    if source.table is not None and not _KNOWN.issuperset(source.table.columns):
        return False
    return any(
        {"input", "target"} <= one.keys() and ("choices" in one or one.keys() <= _KNOWN) for one in source.sample()
    )


def read_inspect(source: Source, imported: Imported) -> None:
    """Add the samples of a file to what is imported."""
    value = source.value
    if not isinstance(value, dict):
        for record in source.records():
            _add(record, imported, None, [])
        return
    given = value.get("eval")
    header = given if isinstance(given, dict) else {}
    config = header.get("config")
    epochs = config.get("epochs") if isinstance(config, dict) else None
    samples = epochs if isinstance(epochs, int) and not isinstance(epochs, bool) and 1 < epochs <= 1000 else None
    scorers = [str(one.get("name")) for one in _list(header.get("scorers")) if isinstance(one, dict)]
    left = []
    if scorers != ["includes"]:
        for scorer in scorers:
            what = f"scorer {json_words(scorer, 40)}"
            imported.leave(source.name, what, "a row must equal its expected; write another comparison in the test")
            left.append(what)
    seen = set()
    for record in source.records(_list(value.get("samples")), "samples"):
        own = record.fields.get("id")
        key = (type(own).__name__, str(own)) if own is not None else None
        if key is None or key not in seen:  # the same sample of another epoch
            _add(record, imported, samples, left, includes=scorers == ["includes"])
        seen.add(key)


def _add(record: Record, imported: Imported, samples: int | None, left: list[str], *, includes: bool = False) -> None:
    sample = record.fields
    asked, choices = of_cell(sample.get("input")), of_cell(sample.get("choices"))
    if choices:
        asked = {"question": asked, "choices": choices}
    target = of_cell(sample.get("target"))
    rest = rest_of(sample, _SAMPLE)
    if ran := sorted(_OF_THE_RUN & rest.keys()):
        what = f"what the run made of a sample: {', '.join(ran)}"
        imported.leave(record.place.partition(": ")[0], what, "a case is what is asked; answers are made anew")
    rest = {name: value for name, value in rest.items() if name not in _OF_THE_RUN}
    for name in rest:
        imported.keep(name)
    row = {
        "id": sample.get("id"),
        "input": asked,
        "expected": _texts(target),
        "samples": samples,
        "checks": [{"contains": {"any": _listed(target), "ignore_case": True}}] if includes and target else None,
        "metadata": joined(as_object(sample.get("metadata")), rest),
    }
    imported.add(record.place, row, left=left)


def _texts(target: Any) -> Any:
    """A target as it is; a list of one text is the text."""
    return target[0] if isinstance(target, list) and len(target) == 1 else target


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _listed(target: Any) -> list[str]:
    return [str(one) for one in (target if isinstance(target, list) else [target])]
