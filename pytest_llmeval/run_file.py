"""Runs as JSON lines: a header, a line per case and model, and a last line once the session is over.

The names of a call's figures are OpenTelemetry's for generative AI, without their ``gen_ai.`` prefixes.
A line is written when its case is finished, so a session that was killed leaves all of those readable.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from pytest_llmeval.checks.score import Score
from pytest_llmeval.errors import RunFileError
from pytest_llmeval.reply import Answer, Measures, ToolCall, Usage
from pytest_llmeval.run import Call, CaseKey, CaseResult, Run, SampleResult

__all__ = ["RunWriter", "load_run", "result_from_json", "result_to_json"]

FORMAT = "llmeval-run"
VERSION = 1


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
    wording = data.get("wording", "")  # older runs have none
    _check({"wording": wording}, _TEXT, "wording")
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
    }


def _sample_from_json(data: Mapping[str, Any]) -> SampleResult:
    if data["outcome"] not in ("pass", "fail", "error"):
        raise ValueError(f"unknown outcome {data['outcome']!r}")
    _check(data, _TEXT, "reason", "detail")
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
            {"id": tool.id, "name": tool.name, "arguments": tool.arguments, "raw_arguments": tool.raw_arguments}
            for tool in answer.tool_calls
        ],
        "duration": measures.latency,
        "time_to_first_chunk": measures.ttft,
        "cost": measures.cost,
        "cost_spent": call.spent,
        "attempts": measures.attempts,
        "source": measures.source,
        "key": call.key,
        "recorded_at": call.recorded_at,
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
        self._line(
            {
                "format": FORMAT,
                "version": VERSION,
                "created": run.created,
                "commit": run.commit,
                "models": run.models,
                "baseline": run.baseline,
            }
        )
        for result in run.results:
            self.add(result)

    def add(self, result: CaseResult) -> None:
        """Write one result; it is on its way to the disk when this returns."""
        self._line(result_to_json(result))

    def finish(self, *, complete: bool) -> None:
        """Write the last line and close the file.

        Args:
            complete: whether every case that exists was run.
        """
        self._line({"complete": complete})
        self.close()

    def close(self) -> None:
        """Close the file without a last line: the session did not come to its end."""
        with suppress(OSError):  # what is left of a line that could not be written
            self._file.close()

    def _line(self, data: Mapping[str, Any]) -> None:
        try:
            self._file.write(json.dumps(data, ensure_ascii=True, sort_keys=False) + "\n")
            self._file.flush()
        except OSError as error:
            self.close()
            raise RunFileError(f"cannot write the run to {self.path}: {error.strerror}") from None


def load_run(path: str | os.PathLike[str]) -> Run:
    """Read a saved run.

    A last line without its end is what a killed session leaves; it is left out.

    Raises:
        RunFileError: the file is missing, is no run, holds a broken line, or is of a newer format.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise RunFileError(
            f"cannot read the run {path}: {error.strerror or error}; pytest --llm-report=FILE.jsonl saves one"
        ) from None
    lines = text.split("\n")
    header = _parsed(lines[0], path, 1)
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
    results: dict[tuple[CaseKey, str], CaseResult] = {}
    complete: bool | None = None
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        if number == len(lines) and not text.endswith("\n"):
            break
        data = _parsed(line, path, number)
        if "complete" in data:
            complete = bool(data["complete"])
            continue
        try:
            result = result_from_json(data)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise RunFileError(f"{path}:{number}: not a result of a case: {error!r}") from None
        results[result.key, result.model] = result
    try:
        _check({"baseline": None, **header}, _MAYBE_TEXT, "baseline")
        run = Run(
            created=str(header["created"]),
            models={str(name): dict(model) for name, model in header["models"].items()},
            baseline=header.get("baseline"),
            commit=header.get("commit"),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunFileError(f"{path}:1: the header of the run is broken: {error!r}") from None
    return replace(run, complete=complete, results=tuple(results.values()))


def _parsed(line: str, path: str | os.PathLike[str], number: int) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RunFileError(f"{path}:{number}: not JSON: {error}") from None
    if not isinstance(data, dict):
        raise RunFileError(f"{path}:{number}: a JSON object was expected, not {type(data).__name__}")
    return data
