"""Runs as JSON lines: a header, a line per case and model, and a last line once the session is over.

The names of a call's figures are OpenTelemetry's for generative AI, without their ``gen_ai.`` prefixes.
A line is written when its case is finished, so a session that was killed leaves all of those readable.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, get_args

from pytest_llmeval.errors import RunFileError
from pytest_llmeval.reply import Answer, Measures, ToolCall, Usage
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, Rejudged, Run, SampleResult, TrialKey
from pytest_llmeval.score import Score

FORMAT = "llmeval-run"

VERSION = 1

MOST_PROBLEMS = 20  # told of one file


def result_to_json(result: CaseResult) -> dict[str, Any]:
    """A case's result as a JSON object; `result_from_json` reads it back."""
    return {
        "test": result.key.test,
        "case": result.key.case,
        "model": result.model,
        "outcome": result.outcome,
        "category": result.category,
        "dataset": result.dataset,
        "task": result.task,
        "tags": list(result.tags),
        "input": result.input,
        "content": result.content,
        "wording": result.wording,
        "min_pass_rate": result.min_pass_rate,
        "file": result.file,
        "line": result.line,
        "judged_by": result.judged_by,
        **({"rejudged": result.rejudged} if result.rejudged else {}),
        "samples": [_sample_to_json(sample) for sample in result.samples],
    }


def result_from_json(data: Mapping[str, Any]) -> CaseResult:
    """The result `result_to_json` wrote.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it did not.
    """
    _check(data, _TEXT, "test", "case", "model", "content", "file")
    _check(data, _MAYBE_TEXT, "dataset", "task")
    _check(data, _NUMBER, "min_pass_rate", "line")
    for tag in data["tags"]:
        _check({"tags": tag}, _TEXT, "tags")
    wording = data.get("wording", "")  # older runs have none
    _check({"wording": wording}, _TEXT, "wording")
    rejudged = data.get("rejudged", "")
    if rejudged not in get_args(Rejudged):
        raise ValueError(f"unknown word {rejudged!r} for rejudged")
    judged_by = data.get("judged_by", "")
    _check({"judged_by": judged_by}, _TEXT, "judged_by")
    return CaseResult(
        key=CaseKey(data["test"], data["case"]),
        model=data["model"],
        samples=tuple(_sample_from_json(sample) for sample in data["samples"]),
        min_pass_rate=data["min_pass_rate"],
        dataset=data["dataset"],
        task=data["task"],
        tags=tuple(data["tags"]),
        input=data["input"],
        content=data["content"],
        wording=wording,
        file=data["file"],
        line=data["line"],
        judged_by=judged_by,
        rejudged=rejudged,
    )


def _sample_to_json(sample: SampleResult) -> dict[str, Any]:
    return {
        "index": sample.index,
        "outcome": sample.outcome,
        "category": sample.category,
        "reason": sample.reason,
        "detail": sample.detail,
        "evaluations": [
            {
                "name": score.check,
                "score_value": score.value,
                "score_label": "pass" if score.passed else "fail",
                "explanation": score.reason,
                "category": score.category,
            }
            for score in sample.scores
        ],
        "calls": [_call_to_json(call) for call in sample.calls],
    } | ({"raised": sample.raised} if sample.raised else {})


def _sample_from_json(data: Mapping[str, Any]) -> SampleResult:
    if data["outcome"] not in ("pass", "fail", "error"):
        raise ValueError(f"unknown outcome {data['outcome']!r}")
    data = {"raised": "", **data}  # earlier versions had none
    _check(data, _TEXT, "reason", "detail", "raised")
    _check(data, _MAYBE_TEXT, "category")
    _check(data, _NUMBER, "index")
    return SampleResult(
        index=data["index"],
        outcome=data["outcome"],
        category=data["category"],
        reason=data["reason"],
        detail=data["detail"],
        scores=tuple(
            Score(
                value=found["score_value"],
                passed=found["score_label"] == "pass",
                reason=found["explanation"],
                category=found["category"],
                check=found["name"],
            )
            for found in data["evaluations"]
        ),
        calls=tuple(_call_from_json(call) for call in data["calls"]),
        raised=data["raised"],
    )


def _call_to_json(call: Call) -> dict[str, Any]:
    answer, measures = call.answer, call.measures
    return {
        "provider": call.provider,
        "request_model": call.request_model,
        "prompt": call.prompt,
        "response_model": answer.response_model,
        "response_id": answer.response_id,
        "finish_reasons": [answer.finish_reason] if answer.finish_reason else [],
        "input_tokens": answer.usage.input_tokens,
        "output_tokens": answer.usage.output_tokens,
        "cache_read_input_tokens": answer.usage.cache_read_tokens,
        "cache_creation_input_tokens": answer.usage.cache_write_tokens,
        "reasoning_output_tokens": answer.usage.reasoning_tokens,
        "output": answer.text,
        "refusal": answer.refusal,
        "tool_calls": [
            {
                "id": tool.id,
                "name": tool.name,
                "arguments": tool.arguments,
                "raw_arguments": tool.raw_arguments,
                **({"signature": tool.signature} if tool.signature else {}),
            }
            for tool in answer.tool_calls
        ],
        **({"thinking": list(answer.thinking)} if answer.thinking else {}),
        "duration": measures.latency,
        "time_to_first_chunk": measures.ttft,
        "cost": measures.cost,
        "cost_spent": call.spent,
        "attempts": measures.attempts,
        "source": measures.source,
        "key": call.key,
        "recorded_at": call.recorded_at,
        **({"response": call.response} if call.response is not None else {}),
    }


def _call_from_json(data: Mapping[str, Any]) -> Call:
    _check(data, _TEXT, "provider", "request_model", "prompt", "output")
    _check(data, _NUMBER, "duration", "attempts")
    _check(data, _MAYBE_NUMBER, "time_to_first_chunk", "cost", "cost_spent", "input_tokens", "output_tokens")
    reasons = data["finish_reasons"]
    return Call(
        provider=data["provider"],
        request_model=data["request_model"],
        prompt=data["prompt"],
        answer=Answer(
            text=data["output"],
            tool_calls=tuple(ToolCall(**tool) for tool in data["tool_calls"]),
            usage=Usage(
                input_tokens=data["input_tokens"],
                output_tokens=data["output_tokens"],
                cache_read_tokens=data["cache_read_input_tokens"],
                cache_write_tokens=data["cache_creation_input_tokens"],
                reasoning_tokens=data["reasoning_output_tokens"],
            ),
            finish_reason=reasons[0] if reasons else None,
            refusal=data["refusal"],
            response_model=data["response_model"],
            response_id=data["response_id"],
            thinking=tuple(dict(block) for block in data.get("thinking", ())),
        ),
        measures=Measures(
            latency=data["duration"],
            ttft=data["time_to_first_chunk"],
            cost=data["cost"],
            attempts=data["attempts"],
            source=data["source"],
        ),
        spent=data["cost_spent"],
        key=data.get("key"),
        recorded_at=data.get("recorded_at"),
        response=dict(data["response"]) if data.get("response") is not None else None,
    )


_TEXT, _NUMBER = (str,), (int, float)

_MAYBE_TEXT, _MAYBE_NUMBER = (*_TEXT, type(None)), (*_NUMBER, type(None))


def _check(data: Mapping[str, Any], kinds: tuple[type, ...], *names: str) -> None:
    """Refuse what would only be found wrong when somebody calculates with it.

    Raises:
        KeyError, ValueError: a field is missing, or is of another kind.
    """
    for name in names:
        value = data[name]
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise ValueError(f"{name} is of type {type(value).__name__}")
        if isinstance(value, (int, float)) and not -1e300 < value < 1e300:
            raise ValueError(f"{name} is no finite number")


class RunWriter:
    """Writes a run as it goes.

    Args:
        path: the file; its folder is made when it is missing, an older file is replaced.
        run: the header; its results are written too.

    Raises:
        RunFileError: the file cannot be written.
    """

    def __init__(self, path: Path, run: Run) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n")
        except OSError as error:
            raise RunFileError(f"cannot write the run to {path}: {error.strerror}") from None
        self._line(_header(run))
        for result in run.results:
            self.add(result)

    def add(self, result: CaseResult) -> None:
        """Write one result; it is on its way to the disk when this returns."""
        self._line(result_to_json(result))

    def finish(self, *, complete: bool, left_out: Sequence[TrialKey] = ()) -> None:
        """Write the last line and close the file.

        Args:
            complete: whether every case that exists was run.
            left_out: as `Run.left_out`.
        """
        self._line(_last_line(complete, left_out))
        self.close()

    def close(self) -> None:
        """Close the file without a last line: the session did not come to its end."""
        with suppress(OSError):  # what is left of a line that could not be written
            self._file.close()

    def _line(self, data: Mapping[str, Any]) -> None:
        try:
            self._file.write(_text_of(data) + "\n")
            self._file.flush()
        except OSError as error:
            self.close()
            raise RunFileError(f"cannot write the run to {self.path}: {error.strerror}") from None


def save_run(path: Path, run: Run) -> None:
    """Save a whole run: after a crash there is the old file or the new one, never half of one.

    Args:
        path: the file; its folder is made when it is missing, an older file is replaced.
        run: its results are written in the order of tests and cases, so that two versions of a file are easily read
            side by side.

    Raises:
        RunFileError: the file cannot be written.
    """
    from pytest_llmeval.store.recording_file import locked_directory, replace_file

    lines = [_header(run), *map(result_to_json, run.in_order())]
    if run.complete is not None:
        lines.append(_last_line(run.complete, run.left_out))
    path = Path(os.path.realpath(path))  # what a link leads to is replaced, not the link
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked_directory(path.parent):
            replace_file(path, [_text_of(line) for line in lines])
    except OSError as error:
        raise RunFileError(f"cannot write the run to {path}: {error.strerror or error}") from None


def _text_of(line: Mapping[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=True, sort_keys=False)


def _header(run: Run) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "created": run.created,
        "commit": run.commit,
        "models": run.models,
        "baseline": run.baseline,
    }


def _last_line(complete: bool, left_out: Sequence[TrialKey]) -> dict[str, Any]:
    if not left_out:
        return {"complete": complete}
    return {"complete": complete, "left_out": [[key.test, key.case, model] for key, model in left_out]}


def load_run(path: str | os.PathLike[str]) -> Run:
    """Read a saved run.

    A last line without its end is what a killed session leaves; it is left out.

    Raises:
        RunFileError: the file is missing, is no run, is of a newer format, or holds broken lines: each is named.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise RunFileError(
            f"cannot read the run {path}: {error.strerror or error}; pytest --llm-report=FILE.jsonl saves one"
        ) from None
    return read_run(text, path)


def read_run(text: str, path: str | os.PathLike[str]) -> Run:
    """Read the text of a saved run; as `load_run`.

    Args:
        text: what the file holds.
        path: how errors name it.

    Raises:
        RunFileError: it is no run, is of a newer format, or holds broken lines: each is named.
    """
    lines = text.split("\n")
    run = _run_of_header(lines[0], path)
    results: dict[TrialKey, CaseResult] = {}
    problems: list[str] = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        if number == len(lines) and not text.endswith("\n"):
            break
        try:
            data = _parsed(line, path, number)
            if "complete" in data:
                run = run._replace(complete=bool(data["complete"]), left_out=_left_out(data))
                continue
            result = result_from_json(data)
        except RunFileError as error:
            problems.append(str(error))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            problems.append(f"{path}:{number}: not a result of a case: {error!r}")
        else:
            results[result.trial] = result
    if problems:
        raise RunFileError(_all_problems(problems))
    return run._replace(results=tuple(results.values()))


def _run_of_header(line: str, path: str | os.PathLike[str]) -> Run:
    header = _parsed(line, path, 1)
    if header.get("format") != FORMAT:
        raise RunFileError(
            f"{path} is no saved run: its first line does not say {FORMAT!r}; pytest --llm-report=FILE.jsonl saves one"
        )
    version = header.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise RunFileError(
            f"{path} has format version {version}, made by a newer pytest-llmeval; this one reads up to {VERSION}: "
            "pip install --upgrade pytest-llmeval"
        )
    try:
        _check({"baseline": None, **header}, _MAYBE_TEXT, "baseline")
        return Run(
            created=str(header["created"]),
            models={str(name): dict(model) for name, model in header["models"].items()},
            baseline=header.get("baseline"),
            commit=header.get("commit"),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunFileError(f"{path}:1: the header of the run is broken: {error!r}") from None


def _left_out(data: Mapping[str, Any]) -> tuple[TrialKey, ...]:
    trials = [dict(zip(("test", "case", "model"), trial, strict=True)) for trial in data.get("left_out", ())]
    for trial in trials:
        _check(trial, _TEXT, "test", "case", "model")
    return tuple((CaseKey(trial["test"], trial["case"]), trial["model"]) for trial in trials)


def _all_problems(problems: Sequence[str]) -> str:
    first, *others = problems
    if others:
        first += f" (and {len(others)} more broken {'line' if len(others) == 1 else 'lines'})"
    return "\n".join([first, *others[: MOST_PROBLEMS - 1]])


def _parsed(line: str, path: str | os.PathLike[str], number: int) -> dict[str, Any]:
    if line.startswith(("<<<<<<<", "=======", ">>>>>>>")):
        raise RunFileError(f"{path}:{number}: conflict markers of a merge; keep one side, or save the run anew")
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RunFileError(f"{path}:{number}: not JSON: {error}") from None
    if not isinstance(data, dict):
        raise RunFileError(f"{path}:{number}: a JSON object was expected, not {type(data).__name__}")
    return data
