"""Logs of production: what each form tells of a call, and what becomes of what it holds of people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmeval.datasets.foreign.calls.logged_call import LoggedCall
from pytest_llmeval.datasets.foreign.calls.logged_calls import call_of, logged_calls
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.foreign.read_foreign import read_foreign
from pytest_llmeval.errors import DatasetError

ASKED = [{"role": "system", "content": "You sell boats."}, {"role": "user", "content": "Do you ship to Kiel?"}]
TOOL = {"type": "function", "function": {"name": "ship", "parameters": {"type": "object"}}}
MESSAGE = {
    "role": "assistant",
    "content": "We do.",
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "ship", "arguments": '{"to": "Kiel"}'}}],
}
COMPLETION = {
    "id": "cmpl-7",
    "object": "chat.completion",
    "model": "boat-2",
    "choices": [{"message": MESSAGE}, {"message": {"content": "No."}}],
    "usage": {"prompt_tokens": 20, "completion_tokens": 5},
}
BODY = {"model": "boat", "messages": ASKED, "tools": [TOOL], "temperature": 0.5}
START, END = "2026-03-01T10:00:00Z", "2026-03-01T10:00:01.5Z"


def value_of(given: Any) -> dict[str, Any]:
    """A value as OpenTelemetry's JSON has it."""
    if isinstance(given, list):
        return {"arrayValue": {"values": [value_of(one) for one in given]}}
    if isinstance(given, dict):
        return {"kvlistValue": {"values": [{"key": key, "value": value_of(one)} for key, one in given.items()]}}
    return {"intValue": str(given)} if isinstance(given, int) else {"stringValue": str(given)}


GENAI = {
    "gen_ai.request.model": "boat",
    "gen_ai.response.model": "boat-2",
    "gen_ai.request.temperature": "0.5",
    "gen_ai.usage.input_tokens": 20,
    "gen_ai.usage.output_tokens": 5,
    "gen_ai.tool.definitions": json.dumps([TOOL]),
    "gen_ai.system_instructions": [{"type": "text", "content": "You sell boats."}],
    "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Do you ship to Kiel?"}]}],
    "gen_ai.output.messages": [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Hm."},
                {"type": "text", "content": "We do."},
                {"type": "tool_call", "id": "c1", "name": "ship", "arguments": {"to": "Kiel"}},
            ],
        }
    ],
}
NANOSECONDS = {"startTimeUnixNano": "1772359200000000000", "endTimeUnixNano": "1772359201500000000"}
OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "boat-2",
    "llm.invocation_parameters": '{"temperature": 0.5}',
    "llm.tools.0.tool.json_schema": json.dumps(TOOL),
    "llm.input_messages.0.message.role": "system",
    "llm.input_messages.0.message.content": "You sell boats.",
    "llm.input_messages.1.message.role": "user",
    "llm.input_messages.1.message.content": "Do you ship to Kiel?",
    "llm.output_messages.0.message.contents.0.message_content.text": "We do.",
    "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "ship",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"to": "Kiel"}',
    "llm.token_count.prompt": 20,
    "llm.token_count.completion": 5,
    "llm.cost.total": 0.25,
}
LANGCHAIN_ASKED = [
    [
        {"lc": 1, "id": ["langchain", "SystemMessage"], "kwargs": {"content": "You sell boats."}},
        {"lc": 1, "id": ["langchain", "HumanMessage"], "kwargs": {"content": "Do you ship to Kiel?", "type": "human"}},
    ]
]
LANGCHAIN_ANSWER = {
    "generations": [
        [
            {
                "text": "We do.",
                "message": {
                    "kwargs": {
                        "content": "We do.",
                        "tool_calls": [{"name": "ship", "args": {"to": "Kiel"}, "id": "c1", "type": "tool_call"}],
                    }
                },
            }
        ]
    ]
}
CLAUDE = [
    {"type": "thinking", "thinking": "Hm."},
    {"type": "text", "text": "We do."},
    {"type": "tool_use", "id": "c1", "name": "ship", "input": {"to": "Kiel"}},
]
RESPONSES = [
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "We do."}]},
    {"type": "function_call", "call_id": "c1", "name": "ship", "arguments": '{"to": "Kiel"}'},
]
FORMS: dict[str, tuple[dict[str, Any], set[str]]] = {  # and what the form does not tell
    "helicone": (
        {
            "request_id": "r",
            "request_body": json.dumps(BODY),
            "response_body": json.dumps(COMPLETION),
            "model": "boat-2",
            "delay_ms": 1500,
            "prompt_tokens": 20,
            "completion_tokens": "5",
            "cost": "0.25",
        },
        set(),
    ),
    "langsmith": (
        {
            "id": "r",
            "run_type": "llm",
            "inputs": {"messages": LANGCHAIN_ASKED},
            "outputs": LANGCHAIN_ANSWER,
            "extra": {"invocation_params": {"model": "boat-2", "temperature": 0.5, "tools": [TOOL]}},
            "start_time": START,
            "end_time": END,
            "prompt_tokens": 20,
            "completion_tokens": 5,
            "total_cost": "0.25",
            "status": "success",
        },
        set(),
    ),
    "langfuse": (
        {
            "id": "r",
            "trace_id": "t",
            "type": "GENERATION",
            "input": {"messages": ASKED, "tools": [TOOL]},
            "output": MESSAGE,
            "provided_model_name": "boat-2",
            "model_parameters": {"temperature": 0.5},
            "usage_details": {"input": 20, "output": 5},
            "start_time": "2026-03-01 10:00:00.000000",
            "end_time": "2026-03-01 10:00:01.500000",
            "total_cost": 0.25,
        },
        set(),
    ),
    "litellm": (
        {
            "id": "r",
            "call_type": "acompletion",
            "messages": ASKED,
            "response": COMPLETION,
            "model": "boat-2",
            "model_parameters": {"temperature": 0.5, "tools": [TOOL]},
            "startTime": 100.0,
            "endTime": 101.5,
            "prompt_tokens": 20,
            "completion_tokens": 5,
            "response_cost": 0.25,
            "status": "success",
        },
        set(),
    ),
    "openinference": ({"span_id": "r", "start_time": START, "end_time": END, "attributes": OPENINFERENCE}, set()),
    "openinference, exported": (
        {
            "span_id": "r",
            "start_time": START,
            "end_time": END,
            **{f"attributes.{name}": value for name, value in OPENINFERENCE.items()},
        },
        set(),
    ),
    "claude": (
        {
            "id": "r",
            "request": {
                "model": "boat",
                "system": "You sell boats.",
                "messages": ASKED[1:],
                "tools": [TOOL],
                "temperature": 0.5,
            },
            "response": {"model": "boat-2", "content": CLAUDE, "usage": {"input_tokens": 20, "output_tokens": 5}},
        },
        {"latency", "cost"},
    ),
    "responses": (
        {
            "id": "r",
            "request": {"body": {"input": ASKED, "tools": [TOOL], "temperature": 0.5}},
            "response": {
                "body": {"model": "boat-2", "output": RESPONSES, "usage": {"input_tokens": 20, "output_tokens": 5}}
            },
        },
        {"latency", "cost"},
    ),
    "gemini": (
        {
            "id": "r",
            "request": {
                "systemInstruction": {"parts": [{"text": "You sell boats."}]},
                "contents": [{"role": "user", "parts": [{"text": "Do you ship to Kiel?"}]}],
                "tools": [TOOL],
                "temperature": 0.5,
            },
            "response": {
                "modelVersion": "boat-2",
                "candidates": [
                    {
                        "content": {
                            "role": "model",
                            "parts": [
                                {"text": "Hm.", "thought": True},
                                {"text": "We do."},
                                {"functionCall": {"name": "ship", "args": {"to": "Kiel"}, "id": "c1"}},
                            ],
                        }
                    }
                ],
                "usageMetadata": {"promptTokenCount": 20, "candidatesTokenCount": 5},
            },
        },
        {"latency", "cost"},
    ),
    "ollama": (
        {
            "id": "r",
            "request": {"model": "boat", "messages": ASKED, "tools": [TOOL], "temperature": 0.5},
            "response": {
                "model": "boat-2",
                "message": {
                    "content": "We do.",
                    "tool_calls": [{"id": "c1", "function": {"name": "ship", "arguments": {"to": "Kiel"}}}],
                },
                "prompt_eval_count": 20,
                "eval_count": 5,
            },
        },
        {"latency", "cost"},
    ),
    "stored": ({**COMPLETION, "id": "r", "messages": ASKED}, {"latency", "cost", "tools", "parameters"}),
}


def complete(call: LoggedCall | None, unknown: set[str]) -> None:
    """Whether a form told all that it can."""
    assert call is not None
    assert (call.id, call.model, call.failed) == ("r", "boat-2", False)
    assert call.messages == ASKED
    assert call.text == "We do."
    [tool] = call.tool_calls
    assert (tool.name, tool.arguments, tool.id) == ("ship", {"to": "Kiel"}, "c1")
    told = {
        "tools": (TOOL,),
        "parameters": {"temperature": 0.5},
        "latency": 1.5,
        "input_tokens": 20,
        "output_tokens": 5,
        "cost": 0.25,
    }
    nothing: dict[str, Any] = {"tools": (), "parameters": {}}
    for name, value in told.items():
        assert getattr(call, name) == (nothing.get(name) if name in unknown else value), name


@pytest.mark.parametrize("name", FORMS)
def test_each_form_tells_what_was_asked_and_answered(name: str) -> None:
    fields, unknown = FORMS[name]
    complete(call_of(fields), unknown)


@pytest.mark.parametrize("attributes_of", ["span", "event"])
def test_spans_of_opentelemetry_from_a_collector(tmp_path: Path, attributes_of: str) -> None:
    """A collector writes an object with all resources in each line; messages may stand in an event."""
    attributes = [{"key": key, "value": value_of(one)} for key, one in GENAI.items()]
    span = {"spanId": "r", **NANOSECONDS, "attributes": attributes}
    if attributes_of == "event":
        event = {"name": "gen_ai.client.inference.operation.details", "attributes": attributes}
        span = {"spanId": "r", **NANOSECONDS, "attributes": [], "events": [event]}
        span["attributes"] = [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}]
    line = {"resourceSpans": [{"scopeSpans": [{"spans": [span, {"spanId": "other", "attributes": []}]}]}]}
    (tmp_path / "spans.jsonl").write_text(f"{json.dumps(line)}\n" * 2)
    entries = logged_calls(tmp_path / "spans.jsonl", "spans.jsonl")
    assert [(entry.place, entry.call is None) for entry in entries] == [
        ("spans.jsonl:1", False),
        ("spans.jsonl:1", True),
        ("spans.jsonl:2", False),
        ("spans.jsonl:2", True),
    ]
    call = entries[0].call
    assert call is not None
    assert call.parameters == {"temperature": "0.5"}  # as the log has it
    complete(call._replace(parameters={"temperature": 0.5}), {"cost"})


def test_spans_of_openllmetry() -> None:
    prompt = {f"gen_ai.prompt.{n}.{name}": value for n, one in enumerate(ASKED) for name, value in one.items()}
    given = {**prompt, "gen_ai.completion.0.content": "We do.", "gen_ai.completion.0.tool_calls.0.name": "ship"}
    call = call_of({"attributes": {**given, "gen_ai.completion.0.tool_calls.0.arguments": '{"to": "Kiel"}'}})
    assert call is not None
    assert (call.messages, call.text) == (ASKED, "We do.")
    assert [(one.name, one.arguments) for one in call.tool_calls] == [("ship", {"to": "Kiel"})]


@pytest.mark.parametrize(
    "fields",
    [
        *(
            {},
            {"id": "a"},
            {"attributes": {"http.method": "GET"}},
            {"request": "x", "response": "y"},
            {"object": "file"},
        ),
        {"attributes": {**GENAI, "gen_ai.operation.name": "invoke_agent"}},
        {**FORMS["litellm"][0], "call_type": "aembedding"},
        {**FORMS["langsmith"][0], "run_type": "retriever"},
        {**FORMS["langfuse"][0], "type": "SPAN"},
    ],
)
def test_other_entries_are_no_calls(fields: dict[str, Any]) -> None:
    assert call_of(fields) is None


def test_runs_around_those_of_models_ask_nothing_more(tmp_path: Path) -> None:
    run, _ = FORMS["langsmith"]
    chain = {
        "id": "c",
        "run_type": "chain",
        "inputs": {"question": "Do you ship to Kiel?"},
        "outputs": {"answer": "Yes."},
    }
    path = tmp_path / "runs.jsonl"
    path.write_text(f"{json.dumps(chain)}\n{json.dumps(run)}\n")
    assert [entry.call and entry.call.id for entry in logged_calls(path, path.name)] == [None, "r"]
    path.write_text(f"{json.dumps(chain)}\n")
    [entry] = logged_calls(path, path.name)
    assert entry.call is not None
    assert (entry.call.messages, entry.call.text) == ("Do you ship to Kiel?", None)
    assert entry.call.answered == {"answer": "Yes."}


def test_a_dataset_with_a_request_is_no_log() -> None:
    assert call_of({"request": BODY, "response": COMPLETION, "expected": "yes"}) is None


ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.sampled_from(["", "a", "tool_use", "{", "[1]"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*MESSAGE, *COMPLETION, "parts", "name", "type", "args", "text", "kwargs"]), inner
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60)
@given(st.sampled_from([form for form, _ in FORMS.values()]), st.data())
def test_any_values_in_any_form_are_read_or_left(form: dict[str, Any], data: st.DataObject) -> None:
    changed = {name: data.draw(st.just(value) | ODD) for name, value in form.items()}
    call = call_of(changed)
    if call is not None:
        assert call.text is None or isinstance(call.text, str)
        assert all(isinstance(one.name, str) and isinstance(one.raw_arguments, str) for one in call.tool_calls)
        assert call.latency is None or call.latency >= 0


def log(folder: Path, *asked: str, answer: str = "Thanks.") -> Path:
    calls = [
        {"id": f"r{n}", "call_type": "completion", "messages": [{"role": "user", "content": one}], "response": answer}
        for n, one in enumerate(asked)
    ]
    path = folder / "log.jsonl"
    path.write_text("".join(f"{json.dumps({**call, 'model': 'boat', 'status': 'success'})}\n" for call in calls))
    return path


def read(path: Path, **how: Any) -> Imported:
    return read_foreign(path, path.name, **how)


def test_personal_data_is_replaced_the_same_in_question_and_answer(tmp_path: Path) -> None:
    asked = ["I am mia@example.com, +49 30 1234567", "order 4711 of 2026-03-01?", "write to MIA@example.com"]
    imported = read(log(tmp_path, *asked, answer="We wrote to mia@example.com."))
    assert [row["input"][0]["content"] for row in imported.rows] == [
        "I am <email-1>, <phone-1>",
        "order 4711 of 2026-03-01?",
        "write to <email-1>",
    ]
    assert {row["metadata"]["recorded"]["output"] for row in imported.rows} == {"We wrote to <email-1>."}
    assert (
        "personal data was replaced in 3 rows: 1 email address, 1 phone number; names of people are NOT recognised, "
        "so look" in imported.said
    )


def test_ids_made_of_the_input_hold_nothing_personal_and_stay_when_a_log_grows(tmp_path: Path) -> None:
    def spans(*texts: str) -> Path:
        path = tmp_path / "spans.jsonl"
        lines = [{"attributes": {"llm.input_messages.0.message.content": text}} for text in texts]
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        return path

    [alone] = read(spans("ben@example.com asks")).rows
    _, later = read(spans("mia@example.com waits", "ben@example.com asks")).rows
    assert later["input"][0]["content"] == "<email-2> asks"
    assert alone["id"] == later["id"]
    assert alone["id"].startswith("email-asks-")


def test_personal_data_is_kept_where_that_is_asked(tmp_path: Path) -> None:
    key = "sk-" + "proj-" + "Ab3dEf6hIj9kLm2nOp5qRs8tUv1w"
    imported = read(log(tmp_path, f"mia@example.com {key}"), personal_data="keep")
    [row] = imported.rows
    assert row["input"][0]["content"].startswith("mia@example.com [hidden: an OpenAI key")
    assert "secrets were hidden in 1 row; personal data was kept, so mind who can read the file" in imported.said


def test_of_other_files_it_is_told_and_replaced_where_that_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("question,answer\nI am mia@example.com,Hi\nWho?,You\n")
    imported = read(path)
    assert imported.rows[0]["input"] == "I am mia@example.com"
    told = "personal data stays in 1 row: 1 email address; --personal-data=replace replaces it, and secrets"
    assert imported.said[-1] == told
    assert told not in read(path, personal_data="keep").said
    imported = read(path, personal_data="replace")
    assert imported.rows[0]["input"] == "I am <email-1>"
    assert imported.said[-1].startswith("personal data was replaced in 1 row: 1 email address;")


def test_answers_without_their_request_are_listed_with_what_helps(tmp_path: Path) -> None:
    path = tmp_path / "stored.jsonl"
    path.write_text(f"{json.dumps(COMPLETION)}\n{json.dumps({**COMPLETION, 'messages': ASKED})}\n")
    imported = read(path)
    [row] = imported.rows
    assert (row["id"], row["input"]) == ("cmpl-7", ASKED)
    assert row["metadata"]["recorded"] == {
        "output": "We do.",
        "tool_calls": [{"name": "ship", "args": {"to": "Kiel"}}],
        "model": "boat-2",
        "input_tokens": 20,
        "output_tokens": 5,
    }
    assert any("holds an answer without the request" in why for _, why in imported.not_mapped)
    path.write_text(f"{json.dumps(COMPLETION)}\n")
    with pytest.raises(DatasetError, match=r"second call \(client.chat.completions.messages.list\(ID\)\): add them"):
        read(path)


def test_a_file_without_calls_is_no_log_to_another_module(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"question": "a"}\n')
    with pytest.raises(DatasetError, match=r"^rows.jsonl: no model call was found"):
        logged_calls(tmp_path / "rows.jsonl", "rows.jsonl")
