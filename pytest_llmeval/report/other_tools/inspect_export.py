"""The log of an evaluation as inspect_ai writes it (version 2), for its viewers.

https://inspect.aisi.org.uk/eval-logs.html has the form.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pytest_llmeval.reply import Answer, ToolCall
from pytest_llmeval.report.exports import Session, json_line, started
from pytest_llmeval.runs.results import Call, CaseResult, Run, SampleResult

_STOP = {
    "stop": "stop",
    "length": "max_tokens",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}
_VERDICT = "verdict"
"""The score that says what the test made of an answer: C (correct) or I (incorrect)."""


def as_inspect_log(session: Session) -> str:
    """The models on trial in one log, a sample for each answer; a log has no place for a baseline.

    Of several models, each sample's id names its own.
    """
    run = session.run
    baseline = run.baseline
    results = [result for result in run.in_order() if result.model != baseline] or list(run.in_order())
    models = list(dict.fromkeys(result.model for result in results))
    samples = [_sample(result, sample, several=len(models) > 1) for result in results for sample in result.samples]
    head = {
        "version": 2,
        "status": "success" if run.complete is not None else "cancelled",
        "eval": _eval(run, models, results),
        "plan": {"name": "plan", "steps": [], "config": {}},
        "results": _results(samples),
        "stats": {"started_at": started(run).isoformat(), "completed_at": started(run).isoformat(), "model_usage": {}},
    }
    lines = ",\n".join(json_line(sample, session.secrets) for sample in samples)
    return f'{json_line(head, session.secrets)[:-1]}, "samples": [\n{lines}\n]}}\n'


def _eval(run: Run, models: Sequence[str], results: Sequence[CaseResult]) -> dict[str, Any]:
    digest = hashlib.sha256(json.dumps([run.created, models]).encode()).hexdigest()
    names = [_asked(run, model) for model in models]
    return {
        "eval_id": digest[:22],
        "run_id": digest[22:44],
        "task_id": digest[42:64],
        "created": started(run).isoformat(),
        "task": "pytest-llmeval",
        "task_version": 0,
        "dataset": {
            "name": ", ".join(dict.fromkeys(result.dataset or result.key.test for result in results)),
            "samples": len({result.key for result in results}),
        },
        "model": ", ".join(names) or "none",
        "config": {"epochs": max((len(result.samples) for result in results), default=1) or 1},
        "metadata": {"llmeval_models": list(models), "commit": run.commit},
    }


def _asked(run: Run, model: str) -> str:
    """A model as inspect_ai names it: ``provider/model``."""
    header = run.models.get(model, {})
    return f"{header['provider']}/{header['model']}" if "provider" in header and "model" in header else model


def _sample(result: CaseResult, sample: SampleResult, *, several: bool) -> dict[str, Any]:
    calls = sample.product_calls
    asked = result.input if isinstance(result.input, str) else json.dumps(result.input, ensure_ascii=False)
    asked = "" if result.input is None else asked
    costs = [call.measures.cost for call in sample.calls]
    found: dict[str, Any] = {
        "id": f"{result.key} ({result.model})" if several else str(result.key),
        "epoch": sample.index + 1,
        "input": asked,
        "target": "",
        "messages": [{"role": "user", "content": asked}, *(_message(call.answer) for call in calls[-1:])],
        "output": _output(calls[-1]) if calls else {"model": result.model, "choices": []},
        "scores": _scores(sample),
        "metadata": {
            "llmeval_model": result.model,
            "outcome": sample.outcome,
            "categories": list(sample.categories),
            "task": result.task,
            "tags": list(result.tags),
            "file": result.file,
            "line": result.line,
            "calls": len(sample.calls),
            "cost": None if None in costs else sum(cost or 0.0 for cost in costs),
        },
        "model_usage": {},
        "total_time": sum(call.measures.latency for call in sample.calls),
    }
    if sample.outcome == "error":
        message = f"{sample.category}: {sample.reason}" if sample.category else sample.reason
        found["error"] = {"message": message, "traceback": sample.detail, "traceback_ansi": sample.detail}
    return found


def _scores(sample: SampleResult) -> dict[str, Any]:
    """What each check found, and the verdict; a check that was made several times has a number."""
    scores: dict[str, Any] = {}
    seen: Counter[str] = Counter()
    for score in sample.scores:
        name = score.check or "check"
        seen[name] += 1
        scores[name if seen[name] == 1 else f"{name} {seen[name]}"] = {
            "value": float(score.value),
            "explanation": score.reason or None,
            "metadata": {"passed": score.passed, "category": None if score.passed else score.category},
        }
    if sample.outcome in ("pass", "fail"):
        scores[_VERDICT] = {
            "value": "C" if sample.outcome == "pass" else "I",
            "explanation": sample.reason or None,
            "metadata": {"category": sample.category if sample.outcome == "fail" else None},
        }
    return scores


def _results(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    values: dict[str, list[float]] = {}
    for sample in samples:
        for name, score in sample["scores"].items():
            value = score["value"]
            values.setdefault(name, []).append(float(value == "C") if name == _VERDICT else value)
    return {
        "total_samples": len(samples),
        "completed_samples": sum("error" not in sample for sample in samples),
        "scores": [
            {
                "name": name,
                "scorer": name,
                "scored_samples": len(found),
                "metrics": _metric("accuracy" if name == _VERDICT else "mean", sum(found) / len(found)),
            }
            for name, found in sorted(values.items(), key=lambda pair: pair[0] != _VERDICT)
        ],
    }


def _metric(name: str, value: float) -> dict[str, Any]:
    return {name: {"name": name, "value": value}}


def _message(answer: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or answer.refusal or ""}
    tools = [_tool(number, tool) for number, tool in enumerate(answer.every_tool_call)]
    return message | ({"tool_calls": tools} if tools else {})


def _tool(number: int, tool: ToolCall) -> dict[str, Any]:
    arguments = dict(tool.arguments) if tool.arguments is not None else {"raw": tool.raw_arguments}
    return {"id": tool.id or f"call-{number}", "function": tool.name, "arguments": arguments, "type": "function"}


def _output(call: Call) -> dict[str, Any]:
    answer, usage = call.answer, call.answer.usage
    counts = {
        "input_tokens": usage.input_tokens or 0,
        "output_tokens": usage.output_tokens or 0,
        "total_tokens": (usage.input_tokens or 0) + (usage.output_tokens or 0),
        "input_tokens_cache_read": usage.cache_read_tokens,
        "input_tokens_cache_write": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
    }
    return {
        "model": answer.response_model or call.request_model,
        "choices": [{"message": _message(answer), "stop_reason": _STOP.get(answer.finish_reason or "stop", "unknown")}],
        "usage": counts,
        "time": call.measures.latency,
    }
