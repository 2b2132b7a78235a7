"""Files of evaluation tools, each as its tool writes it."""

from __future__ import annotations

import contextlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmeval.datasets.foreign.imported import Imported, written
from pytest_llmeval.datasets.foreign.read_foreign import TOOLS, read_foreign
from pytest_llmeval.datasets.load import load_cases
from pytest_llmeval.errors import DatasetError


def read(folder: Path, value: object, name: str = "file.json", tool: str | None = None, **columns: str) -> Imported:
    path = folder / name
    if isinstance(value, bytes):
        path.write_bytes(value)
    elif isinstance(value, str):
        path.write_text(value, encoding="utf-8")
    elif path.suffix == ".jsonl" and isinstance(value, list):
        path.write_text("".join(f"{json.dumps(item)}\n" for item in value))
    else:
        path.write_text(json.dumps(value))
    imported = read_foreign(path, name, tool, columns)
    out = folder / "cases.jsonl"
    out.write_text("".join(f"{written(row)}\n" for row in imported.rows), encoding="utf-8")
    assert len(load_cases(out, "cases.jsonl")) == len(imported.rows)
    return imported


def one(imported: Imported, tool: str) -> dict[str, Any]:
    """The one row of a file that this tool was recognised in."""
    [row] = imported.rows
    assert imported.tool == tool
    return row


def told(imported: Imported) -> dict[str, str]:
    """What was not mapped, and why."""
    return dict(imported.not_mapped.keys())


CHAT = [{"role": "system", "content": "You sell boats."}, {"role": "user", "content": "Do you ship?"}]


def test_openai_evals(tmp_path: Path) -> None:
    items = [{"input": CHAT, "ideal": ["yes", "we do"], "level": "easy"}, {"input": "Boat or raft?", "ideal": "boat"}]
    imported = read(tmp_path, items, "evals.jsonl")
    assert imported.tool == "openai-evals"
    assert [(row["input"], row["expected"]) for row in imported.rows] == [
        (CHAT, ["yes", "we do"]),
        ("Boat or raft?", "boat"),
    ]
    assert imported.rows[0]["metadata"] == {"level": "easy"}
    assert imported.rows[0]["id"].startswith("do-you-ship-")
    assert imported.kept == {"level": 1}
    assert "how ideal is compared (Match, Includes, ...)" in told(imported)


def test_items_of_hosted_evals(tmp_path: Path) -> None:
    line = {"item": {"question": "Boat?", "correct_label": "yes", "level": 2}, "sample": {"output_text": "no"}}
    row = one(read(tmp_path, [line], "items.jsonl"), "openai-evals")
    assert (row["input"], row["expected"]) == ("Boat?", "yes")
    assert row["metadata"] == {"level": 2, "sample": {"output_text": "no"}}


def test_a_whole_hosted_eval_with_its_criteria(tmp_path: Path) -> None:
    criteria = [
        {"type": "string_check", "name": "a", "operation": operation, "reference": "{{item.label}}", "input": given}
        for operation, given in (
            *(("eq", "{{sample.output_text}}"), ("ilike", "{{ sample.output_text }}")),
            *(("gt", "{{sample.output_text}}"), ("eq", "{{item.question}}")),
        )
    ]
    value = {
        "testing_criteria": [*criteria, {"type": "score_model", "name": "judge"}],
        "data_source": {"type": "jsonl", "source": {"content": [{"item": {"question": "Boat?", "label": "yes"}}]}},
    }
    imported = read(tmp_path, value)
    row = one(imported, "openai-evals")
    assert row["checks"] == [{"equal": "yes"}, {"contains": {"text": "yes", "ignore_case": True}}]
    assert list(told(imported)) == ['testing criterion "a"', 'testing criterion "judge"']
    assert len(row["metadata"]["import"]["not_mapped"]) == 3


def test_chats_of_fine_tuning(tmp_path: Path) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "ship", "arguments": '{"to": "Kiel"}'}}
    chats = [
        {"messages": [*CHAT, {"role": "assistant", "content": "Yes."}]},
        {"messages": [*CHAT, {"role": "assistant", "content": None, "tool_calls": [call]}], "tools": [{"x": 1}]},
    ]
    said, called = read(tmp_path, chats, "chats.jsonl").rows
    assert (said["input"], said["expected"]) == (CHAT, "Yes.")
    assert called["checks"] == [{"tool_calls": [{"name": "ship", "args": {"to": "Kiel"}}]}]
    assert called["metadata"] == {"tools": [{"x": 1}]}


def test_samples_of_inspect(tmp_path: Path) -> None:
    samples = [
        {"id": 7, "input": CHAT, "target": ["yes"], "metadata": {"level": "easy"}},
        {"input": "Which floats?", "target": "A", "choices": ["boat", "stone"], "sandbox": "docker"},
    ]
    imported = read(tmp_path, samples, "samples.jsonl")
    first, second = imported.rows
    assert (first["id"], first["expected"], first["metadata"]) == ("7", "yes", {"level": "easy"})
    assert second["input"] == {"question": "Which floats?", "choices": ["boat", "stone"]}
    assert imported.kept == {"sandbox": 1}


LOG = {
    "version": 2,
    "status": "success",
    "eval": {"task": "boats", "config": {"epochs": 2}, "scorers": [{"name": "includes"}]},
    "samples": [
        {"id": "a", "epoch": epoch, "input": "Boat?", "target": "yes", "output": {"choices": []}, "scores": {"x": 1}}
        for epoch in (1, 2)
    ],
}


def test_a_log_of_inspect_has_each_sample_once(tmp_path: Path) -> None:
    imported = read(tmp_path, LOG)
    row = one(imported, "inspect-ai")
    assert (row["id"], row["samples"], row["expected"]) == ("a", 2, "yes")
    assert row["checks"] == [{"contains": {"any": ["yes"], "ignore_case": True}}]
    assert list(told(imported)) == ["what the run made of a sample: epoch, output, scores"]


def test_a_packed_log_of_inspect(tmp_path: Path) -> None:
    header = {**LOG, "samples": None, "eval": {"scorers": [{"name": "model_graded_qa"}]}}
    with zipfile.ZipFile(tmp_path / "run.eval", "w") as log:
        log.writestr("header.json", json.dumps(header))
        log.writestr("samples/a_epoch_1.json", json.dumps(LOG["samples"][0]))  # type: ignore[index]
        log.writestr("_journal/start.json", "{}")
    imported = read_foreign(tmp_path / "run.eval", "run.eval")
    row = one(imported, "inspect-ai")
    assert "checks" not in row
    assert 'scorer "model_graded_qa"' in told(imported)


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + b"\0" * 18, b"PK\x03\x04broken", b"{}"])
def test_a_log_that_is_none_is_refused_in_a_line(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DatasetError, match=r"^run\.eval: [^\n]+$"):
        read(tmp_path, content, "run.eval")


GOLDEN = {
    "input": "Boat?",
    "actual_output": "Sure.",
    "expected_output": "yes",
    "context": None,
    "retrieval_context": ["We sell boats."],
    "name": "boat",
    "additional_metadata": {"level": "easy"},
    "expected_tools": [{"name": "ship", "input_parameters": {"to": "Kiel"}}, {"name": "pay"}],
}


def test_goldens_of_deepeval(tmp_path: Path) -> None:
    row = one(read(tmp_path, [GOLDEN]), "deepeval")
    assert row == {
        "id": "boat",
        "input": "Boat?",
        "expected": "yes",
        "context": ["We sell boats."],
        "checks": [{"tool_called": {"name": "ship", "args": {"to": "Kiel"}}}, {"tool_called": "pay"}, {"equal": True}],
        "metadata": {"level": "easy", "actual_output": "Sure."},
    }


def test_goldens_by_the_names_of_its_service(tmp_path: Path) -> None:
    golden = {"input": "Boat?", "expectedOutput": "yes", "retrievalContext": ["We sell boats."], "sourceFile": "a.md"}
    row = one(read(tmp_path, {"goldens": [golden]}), "deepeval")
    assert (row["expected"], row["context"], row["metadata"]) == ("yes", ["We sell boats."], {"source_file": "a.md"})


def test_goldens_as_a_table(tmp_path: Path) -> None:
    text = "input,actual_output,expected_output,context,expected_tools\nBoat?,,yes,One.|Two.,ship;pay\n"
    row = one(read(tmp_path, text, "goldens.csv"), "deepeval")
    assert row["context"] == ["One.", "Two."]
    assert row["checks"] == [{"tool_called": "ship"}, {"tool_called": "pay"}, {"equal": True}]


def test_conversations_of_deepeval(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Hi"}]
    golden = {"scenario": "A sailor asks.", "expected_outcome": "is helped", "turns": turns}
    imported = read(tmp_path, [golden, {"scenario": "Another."}])
    assert [row["input"] for row in imported.rows] == [[{"role": "user", "content": "Hi"}], "Another."]
    assert "expected_outcome" in told(imported)
    assert imported.rows[0]["metadata"]["scenario"] == "A sailor asks."


PYDANTIC = """
name: boats
cases:
  - name: ship
    inputs: {question: Do you ship?}
    metadata: {level: easy}
    expected_output: "yes"
    evaluators:
      - Contains: {value: "YES", case_sensitive: false, evaluation_name: tone}
      - LLMJudge: is friendly
      - IsInstance: str
  - name: number
    inputs: 4
    expected_output: {a: no}
    evaluators: [Equals: 5]
evaluators:
  - EqualsExpected
  - MaxDuration: 2.5
report_evaluators: [ConfusionMatrix]
"""


def test_a_dataset_of_pydantic_evals(tmp_path: Path) -> None:
    imported = read(tmp_path, PYDANTIC, "boats.yaml")
    assert imported.tool == "pydantic-evals"
    ship, number = imported.rows
    assert (ship["id"], ship["input"], ship["expected"]) == ("ship", {"question": "Do you ship?"}, "yes")
    assert ship["checks"] == [
        {"equal": True},
        {"latency": 2.5},
        {"contains": {"text": "YES", "ignore_case": True}, "category": "tone"},
    ]
    assert (number["input"], number["expected"]) == ("4", {"a": False})  # its reader takes no for false
    assert number["checks"] == [{"json": {"a": False}}, {"latency": 2.5}, {"equal": "5"}]
    assert list(imported.not_mapped.values()) == [
        {"boats.yaml:19": 1},
        {"boats.yaml:10": 1},
        {"boats.yaml:11": 1},
    ]


def test_the_same_as_json(tmp_path: Path) -> None:
    value = {"cases": [{"inputs": "a", "evaluators": ["Odd", {"Contains": "b"}]}], "evaluators": []}
    imported = read(tmp_path, value)
    assert one(imported, "pydantic-evals")["checks"] == [{"contains": "b"}]
    assert list(imported.not_mapped.values()) == [{"file.json: cases[0]": 1}]


EXAMPLE = {"id": "e1", "dataset_id": "d", "created_at": "now", "metadata": {"level": "easy"}}


@pytest.mark.parametrize(
    ("inputs", "outputs", "asked", "expected"),
    [
        ({"question": "Boat?"}, {"answer": "yes"}, "Boat?", "yes"),
        ({"messages": CHAT}, {"message": {"role": "assistant", "content": "yes"}}, CHAT, "yes"),
        ({"a": "x", "b": "y"}, {"c": 1, "d": 2}, {"a": "x", "b": "y"}, {"c": 1, "d": 2}),
        ({"question": "Boat?"}, None, "Boat?", None),
    ],
)
def test_examples_of_langsmith(tmp_path: Path, inputs: Any, outputs: Any, asked: Any, expected: Any) -> None:
    example = {**EXAMPLE, "inputs": inputs, "outputs": outputs}
    for name, value in (("a.jsonl", [example]), ("b.json", [example]), ("c.json", {"examples": [example]})):
        row = one(read(tmp_path, value, name), "langsmith")
        assert (row["id"], row["input"], row.get("expected"), row["metadata"]) == (
            "e1",
            asked,
            expected,
            {"level": "easy"},
        )


@pytest.mark.parametrize(
    "text",
    [
        'id,inputs,outputs\ne1,"{""question"": ""Boat?""}","{""answer"": ""yes""}"\n',
        "id,inputs.question,outputs.answer\ne1,Boat?,yes\n",
    ],
)
def test_examples_of_langsmith_as_a_table(tmp_path: Path, text: str) -> None:
    row = one(read(tmp_path, text, "examples.csv"), "langsmith")
    assert (row["id"], row["input"], row["expected"]) == ("e1", "Boat?", "yes")


def test_items_of_langfuse(tmp_path: Path) -> None:
    item = {"id": "i", "status": "ACTIVE", "input": {"q": "Boat?"}, "expectedOutput": {"a": "yes"}, "datasetName": "d"}
    for name, value in (("a.jsonl", [item]), ("b.json", [item]), ("c.json", {"data": [item], "meta": {}})):
        row = one(read(tmp_path, value, name), "langfuse")
        assert row == {"id": "i", "input": "Boat?", "expected": "yes"}
    old = read(tmp_path, [item, {**item, "id": "j", "status": "ARCHIVED"}])
    assert list(told(old)) == ['an item whose status is "ARCHIVED"']
    text = 'id,input,expected_output,dataset_name\ni,"{""q"": ""Boat?""}",yes,d\n'
    assert one(read(tmp_path, text, "items.csv"), "langfuse")["input"] == "Boat?"


KEY = "sk-" + "proj-" + "Ab3dEf6hIj9kLm2nOp5qRs8tUv1w"


def span(**attributes: str) -> dict[str, Any]:
    named = [{"key": key.replace("_", "."), "value": {"stringValue": value}} for key, value in attributes.items()]
    return {"resourceSpans": [{"scopeSpans": [{"spans": [{"spanId": "s1", "attributes": named}]}]}]}


REQUEST = {"role": "user", "content": f"My key is {KEY}"}
ANSWER = {"role": "assistant", "content": "Thanks."}
PARTS = {"role": "assistant", "parts": [{"type": "text", "content": "Thanks."}]}
HIDDEN = "My key is [hidden: an OpenAI key (sk-proj-..., sk-svcacct-..., sk-admin-...)]"
ASKED = [{"role": "user", "parts": [{"type": "text", "content": REQUEST["content"]}]}]
COMPLETION = {"choices": [{"message": ANSWER}]}


@pytest.mark.parametrize(
    "entry",
    [
        {"request_id": "r", "request_body": {"messages": [REQUEST]}, "response_body": COMPLETION, "model": "m"},
        {"id": "r", "run_type": "llm", "inputs": {"messages": [REQUEST]}, "outputs": COMPLETION, "status": "success"},
        {"id": "r", "traceId": "t", "type": "GENERATION", "input": [REQUEST], "output": ANSWER, "model": "m"},
        {"id": "r", "call_type": "acompletion", "messages": [REQUEST], "response": COMPLETION, "status": "success"},
        {
            "name": "llm",
            "attributes": {
                "llm.input_messages.0.message.role": "user",
                "llm.input_messages.0.message.content": REQUEST["content"],
                "llm.output_messages.0.message.content": "Thanks.",
            },
        },
        span(
            gen_ai_input_messages=json.dumps(ASKED),
            gen_ai_output_messages=json.dumps([PARTS]),
        )
        | {"underscores": True},
    ],
    ids=["helicone", "langsmith", "langfuse", "litellm", "openinference", "opentelemetry"],
)
def test_a_log_becomes_cases_with_what_was_answered_beside_them(tmp_path: Path, entry: dict[str, Any]) -> None:
    if "underscores" in entry:
        for attribute in entry["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"]:
            attribute["key"] = attribute["key"].replace("gen.ai", "gen_ai")
    imported = read(tmp_path, entry if "resourceSpans" in entry else [entry])
    row = one(imported, "log")
    assert row["input"] == [{"role": "user", "content": HIDDEN}]
    assert "expected" not in row
    assert row["metadata"]["recorded"]["output"] == "Thanks."
    assert "secrets were hidden in 1 row" in imported.said


def test_calls_that_failed_are_listed(tmp_path: Path) -> None:
    call = {"id": "r", "call_type": "completion", "messages": [REQUEST], "response": COMPLETION, "status": "success"}
    imported = read(tmp_path, [call, {**call, "status": "failure"}, {"id": "x"}], "log.jsonl")
    assert len(imported.rows) == 1
    assert [why for _, why in imported.not_mapped][:2] == ["the call failed", "it is not a model call"]


@pytest.mark.parametrize(
    ("row", "asked", "expected", "context"),
    [
        (
            {"question": "Boat?", "ground_truth": "yes", "answer": "no", "contexts": ["We do."]},
            "Boat?",
            "yes",
            ["We do."],
        ),
        ({"user_input": "Boat?", "reference": "yes", "response": "no"}, "Boat?", "yes", None),
        ({"question": "Boat?", "truth": "yes"}, "Boat?", "yes", None),
        ({"query": "Boat?", "expected_response": "yes"}, "Boat?", "yes", None),
        ({"message": "Boat?", "knowledge": "We do.", "response": "no"}, "Boat?", None, ["We do."]),
        ({"Question": "Boat?", "Expected Answer": "yes", "Context": "['We', 'do']"}, "Boat?", "yes", ["We", "do"]),
        ({"input": {"text": "Boat?"}, "expected": "yes", "metadata": {"a": 1}}, "Boat?", "yes", None),
        ({"document": "We do.", "claim": "Boats", "text": "Boat?", "label": 1}, "Boat?", 1, ["We do."]),
    ],
)
def test_rows_by_the_names_people_give_them(tmp_path: Path, row: Any, asked: Any, expected: Any, context: Any) -> None:
    lists = [[row], {"rows": [row], "version": 2}]
    for name, value in (("a.json", lists[0]), ("b.json", lists[1]), ("c.jsonl", [row])):
        got = one(read(tmp_path, value, name), "rows")
        assert (got["input"], got.get("expected"), got.get("context")) == (asked, expected, context)


def test_columns_that_nobody_can_guess_are_named(tmp_path: Path) -> None:
    rows = [{"Frage": "Boot?", "meta": {"soll": ["ja"]}, "Quelle": "Mail"}]
    with pytest.raises(DatasetError, match=r'name it: --field input=COLUMN \(there are "Frage", "meta", "Quelle"\)'):
        read(tmp_path, rows)
    imported = read(tmp_path, rows, "file.json", None, input="Frage", expected="meta.soll[0]")
    row = one(imported, "rows")
    assert (row["input"], row["expected"]) == ("Boot?", "ja")
    assert row["metadata"] == {"meta": {"soll": ["ja"]}, "Quelle": "Mail"}
    with pytest.raises(DatasetError, match='no row has that; did you mean "Frage"'):
        read(tmp_path, rows, "file.json", None, input="Frag")


def test_fields_of_ours_are_kept_and_others_of_their_name_are_metadata(tmp_path: Path) -> None:
    ours = {"input": "a", "checks": [{"contains": "b"}], "samples": 3, "cluster": "c", "paraphrases": ["d"]}
    theirs = {"input": "b", "checks": [{"vibe": "good"}], "samples": "many", "cluster": 7, "paraphrases": "x"}
    first, second = read(tmp_path, [ours, theirs]).rows
    assert first == {"id": first["id"], **ours}
    assert second["metadata"] == {name: value for name, value in theirs.items() if name != "input"}


def test_ids_stay_when_rows_are_added_or_moved(tmp_path: Path) -> None:
    rows = [{"question": f"What is {number}?", "answer": str(number)} for number in range(5)]
    before = {row["input"]: row["id"] for row in read(tmp_path, rows).rows}
    after = {row["input"]: row["id"] for row in read(tmp_path, [{"question": "New?"}, *reversed(rows)]).rows}
    assert before.items() <= after.items()
    assert before["What is 3?"].startswith("what-is-3-")


def test_an_id_that_cannot_be_one_is_kept_beside_the_made_one(tmp_path: Path) -> None:
    first, second = read(tmp_path, [{"id": "a::b", "input": "x"}, {"id": "..", "input": "y"}]).rows
    assert first["id"].startswith("a-b-")
    assert (first["metadata"]["import_id"], second["metadata"]["import_id"]) == ("a::b", "..")


def test_items_that_are_no_rows_are_listed(tmp_path: Path) -> None:
    imported = read(tmp_path, [{"question": "a"}, "b", 7])
    assert imported.not_mapped == {
        ("an item that is no object", "a row is an object"): {"file.json: item 2": 1, "file.json: item 3": 1}
    }


def test_rows_that_say_nothing_are_listed(tmp_path: Path) -> None:
    imported = read(tmp_path, [{"input": "a"}, {"input": ""}, {"expected": "b"}, {"input": "c" * 1_000_001}])
    assert [row["input"] for row in imported.rows] == ["a"]
    assert list(imported.not_mapped.values()) == [
        {"file.json: item 2": 1, "file.json: item 3": 1},
        {"file.json: item 4": 1},
    ]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.json", "[" * 200 + "]" * 200, "nested too deep"),
        ("a.json", "[" * 200_000, "nested too deep"),
        ("a.json", '[\n{"input": 1,}\n]', "line 2"),
        ("a.json", '[{"input": NaN}]', "NaN is not a JSON number"),
        ("a.json", '[{"input": "\\ud800"}]', "half a character"),
        ("a.json", "7", "no tool is known"),
        ("a.json", "{}", "no tool is known"),
        ("a.jsonl", "", "no rows"),
        ("a.jsonl", '{"input": "a"}\n{broken\n', "a.jsonl:2: not JSON"),
        ("a.jsonl", b"\xff\xfe\x00", "not UTF-8"),
        ("a.docx", "x", "are not read; there are"),
        ("a.parquet", "x", "to_json"),
        ("a", "x", "without a suffix"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(tmp_path: Path, name: str, content: str | bytes, why: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read(tmp_path, content, name)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


NAMES = (
    *("input", "inputs", "item", "ideal", "messages", "role", "content", "samples", "eval", "target", "choices"),
    *("evaluators", "expected_output", "outputs", "dataset_id", "goldens", "turns", "expected_tools", "name", "id"),
    *("tool_calls", "scorers", "config", "testing_criteria", "data_source", "attributes", "run_type", "metadata"),
    *("resourceSpans", "scopeSpans", "spans", "key", "value", "request_body", "response_body", "type", "output"),
    *("traceId", "tags", "cases", "data"),
)
PLAIN = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-1, 1)
ODD = st.recursive(
    PLAIN | st.sampled_from(["", "a", "[1]", "{", "assistant"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=150)
@given(ODD, st.sampled_from([None, *TOOLS]))
def test_any_json_is_read_or_refused_by_each_tool(tmp_path: Path, value: Any, tool: str | None) -> None:
    with contextlib.suppress(DatasetError):
        assert read(tmp_path, value, "odd.json", tool).rows


SAMPLES = Path(__file__).resolve().parents[3].parent / "shared" / "samples"


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples of other tools are not on this machine")
@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("*")))
def test_a_file_of_each_tool_is_read(name: str) -> None:
    if name == "openai_stored_completions.jsonl":
        with pytest.raises(DatasetError, match="holds an answer without the request; OpenAI lists the messages"):
            read_foreign(SAMPLES / name, name)
    else:
        [row] = read_foreign(SAMPLES / name, name).rows
        assert "How do I get a refund?" in json.dumps(row["input"])


FIELDS_OF_SAMPLES: dict[str, dict[str, str | None]] = {
    "deepeval_goldens.json": {"expected": "expected_output", "id": "name"},
    "helicone_export.jsonl": {"id": "request_id", "input": "request_body.messages"},
    "inspect_samples.jsonl": {"expected": "target"},
    "langfuse_dataset_items.json": {"input": "input.question", "expected": "expectedOutput.answer"},
    "langfuse_observations_v2.json": {},
    "langsmith_examples.jsonl": {"input": "inputs.question", "expected": "outputs.answer"},
    "langsmith_runs.jsonl": {"input": "inputs.messages"},
    "litellm_standard_logging.jsonl": {"input": "messages"},
    "native.jsonl": {},
    "openai_evals_items.jsonl": {"input": "item.question", "expected": "item.correct_label"},
    "openai_evals_legacy.jsonl": {"expected": "ideal"},
    "openai_finetune_chat.jsonl": {"input": "messages"},
    "promptfoo_tests.csv": {"input": "q"},
    "pydantic_evals.yaml": {"id": "name", "input": "inputs", "expected": "expected_output"},
    "spreadsheet.csv": {"expected": "target", "task": "category"},
}


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples of other tools are not on this machine")
@pytest.mark.parametrize("name", FIELDS_OF_SAMPLES)
def test_those_with_a_request_in_each_row_load_by_fields_too(name: str) -> None:
    [case] = load_cases(SAMPLES / name, name, FIELDS_OF_SAMPLES[name])
    assert "How do I get a refund?" in json.dumps(case.input)
