"""Exports for other tools; `make exports` reads them with inspect_ai and the newest OpenTelemetry."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_llmeval.reply import Answer, Measures, ToolCall, Usage
from pytest_llmeval.report.exports import Session
from pytest_llmeval.report.other_tools.inspect_export import as_inspect_log
from pytest_llmeval.report.other_tools.otlp_export import as_otlp
from pytest_llmeval.runs.results import Call, CaseResult, Run
from pytest_llmeval.score import Score
from tests.analysis.test_compare import call, case

SCORES = (
    Score(value=1.0, passed=True, check="assert_contains", category="facts"),
    Score(value=0.4, passed=False, check="assert_similar", category="tone", reason="0.4 is under 0.8"),
)


def answered(text: str, **measures: Any) -> Call:
    return Call(
        provider="gemini",
        request_model="flash",
        words_digest="",
        answer=Answer(
            text=text,
            tool_calls=(ToolCall(name="find", arguments={"id": 7}, raw_arguments='{"id": 7}', id="t1"),),
            usage=Usage(input_tokens=30, output_tokens=8, cache_read_tokens=20),
            finish_reason="length",
            response_model="flash-002",
            response_id="resp-1",
        ),
        measures=Measures(**{"latency": 1.5, "cost": 0.25, **measures}),
        recorded_at="2026-11-29T08:00:10+00:00",
    )


def told(*results: CaseResult, models: dict[str, dict[str, str]] | None = None, **header: Any) -> Session:
    header = {"created": "2026-11-30T10:00:00+00:00", "complete": True, **header}
    run = Run(models=models or {"m": {"provider": "openai", "model": "gpt"}}, results=results, **header)
    return Session(run=run, comparisons=[], figures=[])


def failed(scores: tuple[Score, ...] = SCORES, text: str = "Hello") -> CaseResult:
    result = case("c1", ["tone"], calls=[call("find it"), answered(text)], input="Good day", tags=("eu",))
    sample = result.samples[0]._replace(scores=scores, reason="too cold")
    return result._replace(samples=(sample,))


def spans(session: Session) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(as_otlp(session))["resourceSpans"][0]["scopeSpans"][0]["spans"]
    return found


def named(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values())) for each in attributes}


# OTLP


def test_opentelemetry_reads_the_spans() -> None:
    """In protobuf's JSON ids are base64; in OTLP's they are hexadecimal, so they are compared as texts."""
    json_format = pytest.importorskip("google.protobuf.json_format")
    trace = pytest.importorskip("opentelemetry.proto.trace.v1.trace_pb2")
    text = as_otlp(told(failed(), case("c2", ["", "error"])))
    [resource] = json_format.Parse(text, trace.TracesData()).resource_spans
    [scope] = resource.scope_spans
    first, last, *_ = scope.spans
    assert [span.name for span in scope.spans] == ["chat m", "chat flash", "chat m", "chat m"]
    assert last.kind == trace.Span.SPAN_KIND_CLIENT
    assert last.end_time_unix_nano - last.start_time_unix_nano == 1_500_000_000
    assert [len(span.events) for span in (first, last)] == [0, 2]
    values = {each.key: each.value for each in last.events[1].attributes}
    assert values["gen_ai.evaluation.score.value"].double_value == 0.4
    assert values["llmeval.category"].string_value == "tone"


def test_a_span_tells_of_its_call_in_the_words_of_the_convention() -> None:
    first, last = spans(told(failed()))
    assert first["traceId"] == last["traceId"]
    assert first["spanId"] != last["spanId"]
    assert (len(bytes.fromhex(last["traceId"])), len(bytes.fromhex(last["spanId"]))) == (16, 8)
    found = named(last["attributes"])
    message = json.loads(found.pop("gen_ai.output.messages"))
    assert message == [
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "Hello"},
                {"type": "tool_call", "id": "t1", "name": "find", "arguments": {"id": 7}},
            ],
            "finish_reason": "length",
        }
    ]
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "flash",
        "gen_ai.response.model": "flash-002",
        "gen_ai.response.id": "resp-1",
        "gen_ai.response.finish_reasons": {"values": [{"stringValue": "length"}]},
        "gen_ai.usage.input_tokens": "30",
        "gen_ai.usage.output_tokens": "8",
        "gen_ai.usage.cache_read.input_tokens": "20",
        "test.case.name": "t.py::test_mail[c1]",
        "test.case.result.status": "fail",
        "llmeval.cost": 0.25,
        "llmeval.source": "live",
        "llmeval.model": "m",
        "llmeval.sample": "0",
        "llmeval.outcome": "fail",
        "llmeval.tags": {"values": [{"stringValue": "eu"}]},
        "llmeval.input": "Good day",
    }


def evaluations(result: CaseResult) -> list[dict[str, Any]]:
    found = [event for span in spans(told(result)) for event in span.get("events", [])]
    assert {event["name"] for event in found} <= {"gen_ai.evaluation.result"}
    return [{key.rpartition(".")[2]: value for key, value in named(event["attributes"]).items()} for event in found]


def test_each_check_is_an_event_of_the_answer_that_it_judged() -> None:
    assert evaluations(failed()) == [
        {"name": "assert_contains", "value": 1.0, "label": "pass", "id": "resp-1"},
        {
            "name": "assert_similar",
            "value": 0.4,
            "label": "fail",
            "explanation": "0.4 is under 0.8",
            "id": "resp-1",
            "category": "tone",
        },
    ]


def test_what_no_check_says_is_said_of_the_test() -> None:
    assert evaluations(failed(scores=SCORES[:1]))[1:] == [
        {"name": "test", "value": 0.0, "label": "fail", "explanation": "too cold", "id": "resp-1", "category": "tone"}
    ]
    assert evaluations(case("c", [""])) == [{"name": "test", "value": 1.0, "label": "pass"}]
    assert evaluations(case("c", ["error"], calls=[])) == [{"name": "test", "type": "error"}]


# inspect_ai


def log(session: Session) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(as_inspect_log(session))
    return found


def test_a_sample_of_the_log_is_an_answer() -> None:
    found = log(told(failed(), case("c2", ["", "error"], input=["a", 1])))
    assert (found["version"], found["status"], found["eval"]["model"]) == (2, "success", "openai/gpt")
    assert found["eval"]["config"] == {"epochs": 2}
    assert [(each["id"], each["epoch"]) for each in found["samples"]] == [
        ("t.py::test_mail[c1]", 1),
        ("t.py::test_mail[c2]", 1),
        ("t.py::test_mail[c2]", 2),
    ]
    first, second, third = found["samples"]
    assert {name: score["value"] for name, score in first["scores"].items()} == {
        "assert_contains": 1.0,
        "assert_similar": 0.4,
        "verdict": "I",
    }
    assert first["scores"]["verdict"] == {
        "value": "I",
        "explanation": "too cold",
        "metadata": {"category": "tone"},
    }
    assert first["output"]["choices"][0]["stop_reason"] == "max_tokens"
    assert first["messages"][1]["tool_calls"] == [
        {"id": "t1", "function": "find", "arguments": {"id": 7}, "type": "function"}
    ]
    assert (second["input"], second["scores"]["verdict"]["value"]) == ('["a", 1]', "C")
    assert (third["scores"], third["error"]["message"]) == ({}, "error: ")
    assert found["results"]["completed_samples"] == 2
    assert found["results"]["scores"][0]["metrics"]["accuracy"]["value"] == 0.5


def test_a_saved_baseline_is_not_in_the_log_and_models_on_trial_are_told_apart() -> None:
    results = [case("c", [""])._replace(model=model) for model in ("baseline", "new", "other")]
    models: dict[str, dict[str, str]] = {result.model: {} for result in results}
    found = log(told(*results, models=models, baseline="baseline"))
    assert [each["id"] for each in found["samples"]] == ["t.py::test_mail[c] (new)", "t.py::test_mail[c] (other)"]
    assert found["eval"]["model"] == "new, other"


def test_a_check_that_was_made_twice_has_two_scores() -> None:
    [sample] = log(told(failed(scores=SCORES[1:] * 2)))["samples"]
    assert list(sample["scores"]) == ["assert_similar", "assert_similar 2", "verdict"]


def test_a_stopped_run_is_cancelled() -> None:
    assert log(told(failed(), complete=None))["status"] == "cancelled"


@pytest.mark.parametrize("write", [as_otlp, as_inspect_log])
def test_a_run_without_results_or_date_is_written_too(write: Any) -> None:
    assert json.loads(write(told(created="some day")))


@given(st.text(max_size=40))
@example("half of a pair: \ud83d")
def test_any_text_is_valid_utf_8_and_comes_back(text: str) -> None:
    session = told(failed(text=text))
    whole = text.encode("utf-8", "replace").decode()
    message = json.loads(named(spans(session)[1]["attributes"])["gen_ai.output.messages"])
    assert message[0]["parts"][0]["content"] == whole
    assert log(session)["samples"][0]["messages"][1]["content"] == whole
