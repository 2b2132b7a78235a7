"""Runs as JSON lines: a header, a line per case and model, and a last line once the session is over.

A line is written when its case is finished, so what a killed session leaves can be read. An image or the like has a
line of its own, above the first line that uses it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

from pytest_llmeval.credentials import find_secrets, hide_secrets
from pytest_llmeval.errors import RunFileError
from pytest_llmeval.runs.codec import result_from_json, result_to_json
from pytest_llmeval.runs.results import CaseKey, CaseResult, Run, TrialKey
from pytest_llmeval.runs.rules import rules_from_json, rules_to_json
from pytest_llmeval.runs.shards import shards_from_json, shards_to_json
from pytest_llmeval.store.blobs import BLOB, NewBlobs, blob_in, with_blobs
from pytest_llmeval.store.fields import COUNT, TEXTS
from pytest_llmeval.text import plural

FORMAT = "llmeval-run"
VERSION = 1
MOST_PROBLEMS = 20  # reported of one file


class RunWriter:
    """Writes a run while it goes on; what looks like a secret is hidden.

    Args:
        path: replaced if it exists; a missing folder is made.
        run: gives the header and the first results.
        secrets: values that must not be in the file, by the names of their environment variables.

    Raises:
        RunFileError: the file cannot be written.
    """

    def __init__(self, path: Path, run: Run, secrets: Mapping[str, str] | None = None) -> None:
        self.path = path
        self._secrets = secrets or {}
        self._blobs = NewBlobs()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n")
        except OSError as error:
            raise RunFileError(f"cannot write the run to {path}: {error.strerror}") from None
        self._line(_header(run))
        for result in run.results:
            self.add(result)

    def add(self, result: CaseResult) -> None:
        """Write one result and flush."""
        self._line(result_to_json(result))

    def finish(
        self,
        *,
        complete: bool,
        left_out: Sequence[TrialKey] = (),
        failed: int = 0,
        unmeasurable: Sequence[str] = (),
        skip_themselves: Iterable[CaseKey] = (),
    ) -> None:
        """Write the last line and close the file.

        Args:
            complete: whether every case that exists was run.
            left_out: as `Run.left_out`.
            failed: as `Run.failed`.
            unmeasurable: what only the end has shown of `RunRules.unmeasurable`.
            skip_themselves: as `Run.skip_themselves`.
        """
        self._line(_last_line(complete, left_out, failed, unmeasurable, skip_themselves))
        self.close()

    def close(self) -> None:
        """Close the file without a last line: the session was stopped."""
        with suppress(OSError):  # what is left of a line that could not be written
            self._file.close()

    def _line(self, data: Mapping[str, Any]) -> None:
        try:
            self._file.write("".join(f"{line}\n" for line in _lines_of(data, self._secrets, self._blobs)))
            self._file.flush()
        except OSError as error:
            self.close()
            raise RunFileError(f"cannot write the run to {self.path}: {error.strerror}") from None


def save_run(path: Path, run: Run) -> None:
    """Save a whole run; a crash leaves the old file or the new one, never half of one.

    The results are written in the order of tests and cases, so that diffs of the file can be read. What looks like a
    secret is hidden.

    Args:
        path: replaced if it exists; a missing folder is made.
        run: the run.

    Raises:
        RunFileError: the file cannot be written.
    """
    from pytest_llmeval.store.recording_file import locked_directory, replace_file

    lines = [_header(run), *map(result_to_json, run.in_order())]
    if run.complete is not None:
        lines.append(_last_line(run.complete, run.left_out, run.failed, skip_themselves=run.skip_themselves))
    blobs = NewBlobs()
    texts = [text for line in lines for text in _lines_of(line, {}, blobs)]
    path = Path(os.path.realpath(path))  # replaces what a link leads to, not the link
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked_directory(path.parent):
            replace_file(path, texts)
    except OSError as error:
        raise RunFileError(f"cannot write the run to {path}: {error.strerror or error}") from None


def _lines_of(line: Mapping[str, Any], secrets: Mapping[str, str], blobs: NewBlobs) -> list[str]:
    """A line, below the lines of the blobs that it is the first to use."""
    text = json.dumps(line, ensure_ascii=True, sort_keys=False)
    if find_secrets(text, secrets):  # most often not, and quickly told
        line = hide_secrets(line, secrets)
        text = json.dumps(line, ensure_ascii=True, sort_keys=False)
    without, above = blobs.taken_from(line)
    return [*above, text if without is line else json.dumps(without, ensure_ascii=True, sort_keys=False)]


def _header(run: Run) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "created": run.created,
        "commit": run.commit,
        "models": run.models,
        "baseline": run.baseline,
        **({"shards": shards_to_json(run.shards)} if run.shards is not None else {}),
        **({"rules": rules_to_json(run.rules)} if run.rules is not None else {}),
    }


def _last_line(
    complete: bool,
    left_out: Sequence[TrialKey],
    failed: int,
    unmeasurable: Sequence[str] = (),
    skip_themselves: Iterable[CaseKey] = (),
) -> dict[str, Any]:
    line: dict[str, Any] = {"complete": complete}
    if left_out:
        line["left_out"] = [[key.test, key.case, model] for key, model in left_out]
    if failed:
        line["failed"] = failed
    if unmeasurable:
        line["unmeasurable"] = list(unmeasurable)
    if skipped := [list(key) for key in sorted(skip_themselves)]:
        line["skip_themselves"] = skipped
    return line


def load_run(path: str | os.PathLike[str]) -> Run:
    """Read a saved run.

    A last line without a line break is ignored: a killed session leaves such a line.

    Raises:
        RunFileError: the file is missing, is not a run, is of a newer format, or holds broken lines; names each.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise RunFileError(
            f"cannot read the run {path}: {error.strerror or error}; pytest --llm-report=FILE.jsonl saves one"
        ) from None
    return read_run(text, path)


def read_run(text: str, path: str | os.PathLike[str]) -> Run:
    """Read the text of a saved run, as `load_run` does.

    Args:
        text: of the file.
        path: names it in errors.

    Raises:
        RunFileError: as `load_run`.
    """
    lines = text.split("\n")
    run = _run_of_header(lines[0], path)
    results: dict[TrialKey, CaseResult] = {}
    problems: list[str] = []
    blobs: dict[str, str] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        if (blob := blob_in(line)) is not None:
            blobs.setdefault(*blob)
            continue
        if number == len(lines) and not text.endswith("\n"):
            break
        try:
            data = _parsed(line, path, number, blobs)
            if "complete" in data:
                run = run._replace(complete=bool(data["complete"]), left_out=_left_out(data), failed=_failed(data))
                run = _with_unmeasurable(run, data.get("unmeasurable", []))
                run = run._replace(skip_themselves=_skip_themselves(data))
            else:
                result = result_from_json(data)
                results[result.trial] = result
        except RunFileError as error:
            problems.append(str(error))
        except (TypeError, ValueError) as error:
            problems.append(f"{path}:{number}: not a result of a case: {error}")
    if problems:
        first, *others = problems
        more = f" (and {plural(len(others), 'more broken line')})" if others else ""
        raise RunFileError("\n".join([f"{first}{more}", *others[: MOST_PROBLEMS - 1]]))
    return run._replace(results=tuple(results.values()))


def _run_of_header(line: str, path: str | os.PathLike[str]) -> Run:
    header = _parsed(line, path, 1)
    if header.get("format") != FORMAT:
        raise RunFileError(
            f"{path} is not a saved run: its first line does not say {FORMAT!r}; "
            "pytest --llm-report=FILE.jsonl saves one"
        )
    version = header.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise RunFileError(
            f"{path} has format version {version}, made by a newer pytest-llmeval; this one reads up to {VERSION}: "
            "pip install --upgrade pytest-llmeval"
        )
    models, baseline = header.get("models"), header.get("baseline")
    if not isinstance(models, dict) or not all(isinstance(model, dict) for model in models.values()):
        raise RunFileError(f"{path}:1: the header of the run is broken: 'models' is not an object of objects")
    if not isinstance(baseline, str | None) or "created" not in header:
        raise RunFileError(f"{path}:1: the header of the run is broken: 'baseline' or 'created' is wrong")
    part = ""
    try:
        shards = shards_from_json(header[part]) if (part := "shards") in header else None
        rules = rules_from_json(header[part]) if (part := "rules") in header else None
    except (TypeError, ValueError) as error:
        raise RunFileError(f"{path}:1: the header of the run is broken: {part!r}: {error}") from None
    commit = header.get("commit")
    return Run(str(header["created"]), models, baseline, commit=commit, shards=shards, rules=rules)


def _left_out(data: Mapping[str, Any]) -> tuple[TrialKey, ...]:
    trials = data.get("left_out", [])
    if not isinstance(trials, list) or not all(TEXTS.holds(trial) and len(trial) == 3 for trial in trials):
        raise ValueError("'left_out' is not a list of test, case and model")
    return tuple((CaseKey(test, case), model) for test, case, model in trials)


def _skip_themselves(data: Mapping[str, Any]) -> tuple[CaseKey, ...]:
    keys = data.get("skip_themselves", [])
    if not isinstance(keys, list) or not all(TEXTS.holds(key) and len(key) == 2 for key in keys):
        raise ValueError("'skip_themselves' is not a list of test and case")
    return tuple(CaseKey(test, case) for test, case in keys)


def _with_unmeasurable(run: Run, told: Any) -> Run:
    """A run with what its last line adds to the rules of its session."""
    if not TEXTS.holds(told):
        raise ValueError(f"'unmeasurable' is not {TEXTS.words}")
    rules, shards = run.rules, run.shards
    if rules is not None:
        rules = rules._replace(unmeasurable=(*rules.unmeasurable, *told))
    if shards is not None:
        shards = shards._replace(unmeasurable=(*shards.unmeasurable, *told))
    return run._replace(rules=rules, shards=shards)


def _failed(data: Mapping[str, Any]) -> int:
    failed = data.get("failed", 0)
    if not COUNT.holds(failed):
        raise ValueError(f"'failed' is not {COUNT.words}")
    return int(failed)


def _parsed(
    line: str, path: str | os.PathLike[str], number: int, blobs: Mapping[str, str] | None = None
) -> dict[str, Any]:
    if line.startswith(("<<<<<<<", "=======", ">>>>>>>")):
        raise RunFileError(f"{path}:{number}: conflict markers of a merge; keep one side, or save the run again")
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RunFileError(f"{path}:{number}: not JSON: {error}") from None
    if BLOB in line:
        try:
            data = with_blobs(data, partial(_blob, blobs or {}))
        except (ValueError, RecursionError) as error:
            raise RunFileError(f"{path}:{number}: {error}") from None
    if not isinstance(data, dict):
        raise RunFileError(f"{path}:{number}: expected a JSON object, not {type(data).__name__}")
    return data


def _blob(blobs: Mapping[str, str], digest: str) -> str:
    if digest not in blobs:
        raise ValueError("the line with its blob is missing")
    return blobs[digest]
