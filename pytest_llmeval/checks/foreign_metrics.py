"""Metrics, scorers and evaluators of deepeval, autoevals and pydantic-evals as checks.

None of these packages is imported: whoever has such an object has loaded what it needs. The object is known by its
methods, so that subclasses and objects of the same kind work too.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

from pytest_llmeval.case import Case
from pytest_llmeval.checks.categories import GENERAL, valid_category
from pytest_llmeval.checks.check import Unfit, check, failed, is_number, passed
from pytest_llmeval.checks.plain_text import text_of
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.reply import Reply
from pytest_llmeval.score import Score
from pytest_llmeval.text import first_line, quoted, shown

__tracebackhide__ = True


class _Asked(NamedTuple):
    """What a metric gets to see."""

    reply: str
    output: str
    case: Case | None
    input: Any
    expected: Any
    context: list[str] | None


class _Told(NamedTuple):
    """What a metric said: whether the reply passed, None when only its value tells."""

    value: Any
    passed: bool | None = None
    reason: str = ""


def check_of(metric: Any, *, at_least: float | None = None, category: str = GENERAL) -> Callable[..., Score]:
    """Turn a metric of deepeval, a scorer of autoevals or an evaluator of pydantic-evals into an assertion.

    The assertion takes the reply, and the case or what the metric needs of it: ``(reply, case=None, *, input=None,
    expected=None, context=None, category=None)``. It keeps the score, the reason and the category like any check. The
    metric itself asks its model: under ``llm_capture`` its calls are recorded and replayed.

    Args:
        metric: an object with ``measure`` (deepeval), ``eval`` (autoevals) or ``evaluate`` (pydantic-evals).
        at_least: the lowest score that passes, from 0 to 1. A metric of deepeval has a threshold of its own; a scorer
            of autoevals needs one, and an evaluator of pydantic-evals does unless it says yes or no.
        category: the error category of a failure.

    Raises:
        LlmevalError: from here, when the object is none of these; from the assertion, when the metric fails or gives
            no score from 0 to 1: then nothing was judged.
    """
    judge = _judge_of(metric, at_least)
    own = valid_category(category) or GENERAL

    def judged(
        reply: str,
        case: Case | None = None,
        *,
        input: Any = None,  # noqa: A002 - as the fields of a case are named
        expected: Any = None,
        context: Sequence[str] | None = None,
    ) -> Score:
        asked = _Asked(
            reply=reply,
            output=text_of(reply),
            case=case,
            input=input if input is not None or case is None else case.input,
            expected=expected if expected is not None or case is None else case.expected,
            context=list(context) if context is not None else list(case.context) or None if case is not None else None,
        )
        try:
            told = judge(asked)
        except (LlmevalError, Unfit):
            raise
        except Exception as error:
            raise LlmevalError(f"{name} could not judge: {first_line(f'{type(error).__name__}: {error}')}") from error
        return _score(name, told, at_least, own)

    name = _name_of(metric)
    judged.__name__ = judged.__qualname__ = f"assert_{name}"
    return check(judged)


def _judge_of(metric: Any, at_least: float | None) -> Callable[[_Asked], list[_Told]]:
    if at_least is not None and not is_number(at_least, 0, 1):
        raise LlmevalError(f"check_of: at_least={shown(at_least)} is not a score from 0 to 1")
    if isinstance(metric, type):
        raise LlmevalError(f"check_of takes an object, not the class {metric.__name__}: call it first")
    if callable(getattr(metric, "measure", None)) and callable(getattr(metric, "is_successful", None)):
        if at_least is not None:
            raise LlmevalError("check_of: a metric of deepeval has a threshold of its own; give it that, not at_least=")
        return lambda asked: _measured(metric, asked)
    if callable(getattr(metric, "eval", None)):
        if at_least is None:
            raise LlmevalError("check_of: a scorer of autoevals gives a score alone; give at_least=, from 0 to 1")
        return lambda asked: _scored(metric, asked)
    if callable(getattr(metric, "evaluate", None)):
        return lambda asked: _evaluated(metric, asked)
    raise LlmevalError(
        f"check_of knows no way to ask a {type(metric).__name__}: it has neither measure and is_successful (deepeval), "
        "nor eval (autoevals), nor evaluate (pydantic-evals); write a check of your own: @check"
    )


def _name_of(metric: Any) -> str:
    named = getattr(metric, "__name__", None)  # deepeval's say "Answer Relevancy"
    if not isinstance(named, str) or named == "Base Metric":  # what deepeval calls one without a name of its own
        named = getattr(metric, "name", None)
    text = named if isinstance(named, str) and named.strip() else type(metric).__name__
    return re.sub(r"\W+|(?<=[a-z0-9])(?=[A-Z])", "_", text[:60]).strip("_").lower() or "metric"


def _score(name: str, told: list[_Told], at_least: float | None, category: str) -> Score:
    scores = []
    for each in told:
        value, good = each.value, each.passed
        if isinstance(value, bool):
            good = value if good is None else good
            value = float(value)
        if not is_number(value, 0, 1):
            raise LlmevalError(f"{name} gave {shown(value)}, which is no score from 0 to 1")
        if good is None and at_least is None:
            raise LlmevalError(f"{name} gave the score {value:g}: say with check_of(..., at_least=...) what passes")
        good = bool(value >= (at_least or 0.0)) if good is None else good
        below = f" (score {value:.2f}" + (f", at least {at_least:g} required)" if at_least is not None else ")")
        reason = (each.reason or f"{name} did not pass").strip() + below
        scores.append(passed(category, value=value) if good else failed(reason, category=category, value=value))
    if not scores:
        raise LlmevalError(f"{name} gave no score")
    return min(scores, key=lambda score: (score.passed, score.value))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _measured(metric: Any, asked: _Asked) -> list[_Told]:
    """Ask a metric of deepeval, which takes its own kind of test case."""
    module = sys.modules.get("deepeval.test_case")
    fields: dict[str, Any] = {
        "input": "" if asked.input is None else _plain(asked.input),
        "actual_output": asked.output,
        "expected_output": None if asked.expected is None else _plain(asked.expected),
        "context": asked.context,
        "retrieval_context": asked.context,
    }
    if isinstance(asked.reply, Reply):
        make = getattr(module, "ToolCall", SimpleNamespace)
        called = asked.reply.answer.every_tool_call
        fields["tools_called"] = [make(name=one.name, input_parameters=dict(one.arguments or {})) for one in called]
    test_case = getattr(module, "LLMTestCase", SimpleNamespace)(**fields)
    quiet = {"_show_indicator": False} if "_show_indicator" in inspect.signature(metric.measure).parameters else {}
    value = metric.measure(test_case, **quiet)
    score = getattr(metric, "score", value)
    if getattr(metric, "error", None):
        raise LlmevalError(f"{_name_of(metric)} could not judge: {first_line(str(metric.error))}")
    return [_Told(score, bool(metric.is_successful()), str(getattr(metric, "reason", None) or ""))]


def _scored(scorer: Any, asked: _Asked) -> list[_Told]:
    """Ask a scorer of autoevals; one that compares numbers takes these alone."""
    output: Any = asked.output
    if is_number(asked.expected):
        try:
            output = float(output.strip())
        except ValueError:
            raise Unfit(f"expected a number, got {quoted(output)}") from None
    given = {"input": asked.input, "context": asked.context}
    score = scorer.eval(
        output=output,
        expected=asked.expected,
        **{name: value for name, value in given.items() if value is not None},
    )
    if getattr(score, "error", None):
        raise LlmevalError(f"{_name_of(scorer)} could not judge: {first_line(str(score.error))}")
    metadata = getattr(score, "metadata", None)
    rationale = metadata.get("rationale") if isinstance(metadata, Mapping) else None
    return [_Told(getattr(score, "score", None), None, str(rationale or ""))]


def _evaluated(evaluator: Any, asked: _Asked) -> list[_Told]:
    """Ask an evaluator of pydantic-evals, which may tell of several things at once."""
    module = sys.modules.get("pydantic_evals.evaluators")
    errors = sys.modules.get("pydantic_evals.otel._errors")
    unrecorded = getattr(errors, "SpanTreeRecordingError", None)
    context = getattr(module, "EvaluatorContext", SimpleNamespace)(
        name=asked.case.id if asked.case is not None else None,
        inputs=asked.input,
        metadata=dict(asked.case.metadata) if asked.case is not None else None,
        expected_output=asked.expected,
        output=asked.output,
        duration=asked.reply.measures.latency if isinstance(asked.reply, Reply) else 0.0,
        _span_tree=unrecorded("pytest-llmeval records no spans") if unrecorded is not None else None,
        attributes={},
        metrics={},
    )
    ask = getattr(evaluator, "evaluate_sync", evaluator.evaluate)
    result = ask(context)
    if inspect.iscoroutine(result):
        result.close()
        raise LlmevalError(f"{_name_of(evaluator)} must be awaited, and has no evaluate_sync")
    results = result.values() if isinstance(result, Mapping) else [result]
    return [_of_evaluation(each) for each in results]


def _of_evaluation(result: Any) -> _Told:
    value, reason = getattr(result, "value", result), getattr(result, "reason", None)
    if isinstance(value, str):
        raise LlmevalError(
            f"the evaluator gave the label {shown(value)}, which does not say what passes; write a check of your own"
        )
    return _Told(value, None, str(reason or ""))
