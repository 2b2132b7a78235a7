"""Results as JSON objects.

The names of a call's figures are OpenTelemetry's for generative AI, without their ``gen_ai.`` prefixes.
"""

from __future__ import annotations

from typing import Any, get_args

from pytest_llmeval.reply import Answer, Measures, Source, ToolCall, Usage
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, Outcome, Rejudged, SampleResult
from pytest_llmeval.score import Claim, FieldCount, Judge, Labels, Score
from pytest_llmeval.store.fields import (
    COUNT,
    FLAG,
    LIST,
    NUMBER,
    OBJECT,
    PATH,
    TEXT,
    TEXTS,
    Field,
    Record,
    one_of,
    or_null,
)


def _claims(pairs: list[Any]) -> tuple[Claim, ...]:
    claims = tuple(Claim(*pair) for pair in pairs if isinstance(pair, list) and len(pair) == 2)
    if len(claims) < len(pairs) or not all(isinstance(at, int) and isinstance(text, str) for at, text in claims):
        raise ValueError("unsupported is a list of places with their texts")
    return claims


def _fields(rows: list[Any]) -> tuple[FieldCount, ...]:
    for row in rows:
        if not isinstance(row, list) or [type(each) for each in row] != [str, int, int] or not 0 <= row[1] <= row[2]:
            raise ValueError("fields is a list of paths, each with how often it was right and looked at")
    return tuple(FieldCount(*row) for row in rows)


_LABELS = Record(Labels, [Field(name, COUNT) for name in Labels._fields])

_JUDGE = Record(
    Judge,
    [
        Field("model", TEXT),
        Field("rubric", TEXT),
        Field("prompt", TEXT),
        Field(
            "labels",
            OBJECT,
            default=None,
            omit=True,
            dump=_LABELS.to_json,
            load=lambda data: None if data is None else _LABELS.from_json(data),
        ),
    ],
)

_SCORE = Record(
    Score,
    [
        Field("name", TEXT, "check"),
        Field("score_value", NUMBER, "value"),
        Field(
            "score_label",
            path="passed",
            dump=lambda passed: "pass" if passed else "fail",
            load=lambda label: label == "pass",
        ),
        Field("explanation", TEXT, "reason"),
        Field("category", TEXT),
        Field(
            "unsupported",
            LIST,
            default=(),
            omit=True,
            dump=lambda claims: [[claim.start, claim.text] for claim in claims],
            load=_claims,
        ),
        Field(
            "fields",
            LIST,
            default=(),
            omit=True,
            dump=lambda fields: [list(field) for field in fields],
            load=_fields,
        ),
        Field(
            "judge",
            OBJECT,
            default=None,
            omit=True,
            dump=_JUDGE.to_json,
            load=lambda data: None if data is None else _JUDGE.from_json(data),
        ),
    ],
)

_TOOL_CALL = Record(
    ToolCall,
    [
        Field("id", or_null(TEXT), default=None),
        Field("name", TEXT),
        Field("arguments", or_null(OBJECT)),
        Field("raw_arguments", TEXT, default=""),
        Field("signature", or_null(TEXT), default=None, omit=True),
    ],
)

_CALL = Record(
    Call,
    [
        Field("provider", TEXT),
        Field("request_model", TEXT),
        Field("prompt", TEXT, "words_digest"),
        Field("response_model", or_null(TEXT), "answer.response_model"),
        Field("response_id", or_null(TEXT), "answer.response_id"),
        Field(
            "finish_reasons",
            TEXTS,
            "answer.finish_reason",
            dump=lambda reason: [reason] if reason else [],
            load=lambda reasons: reasons[0] if reasons else None,
        ),
        Field("input_tokens", or_null(NUMBER), "answer.usage.input_tokens"),
        Field("output_tokens", or_null(NUMBER), "answer.usage.output_tokens"),
        Field("cache_read_input_tokens", or_null(NUMBER), "answer.usage.cache_read_tokens"),
        Field("cache_creation_input_tokens", or_null(NUMBER), "answer.usage.cache_write_tokens"),
        Field("reasoning_output_tokens", or_null(NUMBER), "answer.usage.reasoning_tokens"),
        Field("output", TEXT, "answer.text"),
        Field("refusal", or_null(TEXT), "answer.refusal"),
        Field("tool_calls", LIST, "answer.tool_calls", dump=_TOOL_CALL.list_to_json, load=_TOOL_CALL.list_from_json),
        Field(
            "provider_tool_calls",
            LIST,
            "answer.provider_tool_calls",
            default=(),
            omit=True,
            dump=_TOOL_CALL.list_to_json,
            load=_TOOL_CALL.list_from_json,
        ),
        Field("thinking_text", TEXT, "answer.thinking", default="", omit=True),
        Field("goes_back", OBJECT, "answer.goes_back", default={}, omit=True, dump=dict),
        Field("duration", NUMBER, "measures.latency"),
        Field("time_to_first_chunk", or_null(NUMBER), "measures.ttft"),
        Field("cost", or_null(NUMBER), "measures.cost"),
        Field("cost_spent", or_null(NUMBER), "spent"),
        Field("attempts", NUMBER, "measures.attempts"),
        Field("source", one_of(get_args(Source)), "measures.source"),
        Field("key", or_null(TEXT), default=None),
        Field("recorded_at", or_null(TEXT), default=None),
        Field("response", or_null(OBJECT), default=None, omit=True),
        Field("judge", FLAG, default=False, omit=True),
    ],
    parts={"answer.usage": Usage, "answer": Answer, "measures": Measures},
)

_SAMPLE = Record(
    SampleResult,
    [
        Field("index", NUMBER),
        Field("outcome", one_of(get_args(Outcome))),
        Field("category", or_null(TEXT)),
        Field("reason", TEXT),
        Field("detail", TEXT),
        Field("evaluations", LIST, "scores", dump=_SCORE.list_to_json, load=_SCORE.list_from_json),
        Field("calls", LIST, dump=_CALL.list_to_json, load=_CALL.list_from_json),
        Field("raised", TEXT, default="", omit=True),
        Field("further_categories", TEXTS, "further", default=(), omit=True, dump=list, load=tuple),
        Field("examined", TEXTS, "noted", default=None, omit=True, dump=list, load=tuple),
        Field("uncategorised", TEXTS, default=(), omit=True, dump=list, load=tuple),
        Field("judging", LIST, default=(), omit=True, dump=_CALL.list_to_json, load=_CALL.list_from_json),
    ],
)

# What has a default is missing in runs of older versions.
_RESULT = Record(
    CaseResult,
    [
        Field("test", PATH, "key.test"),
        Field("case", TEXT, "key.case"),
        Field("model", TEXT),
        Field("outcome", derived=True),
        Field("category", derived=True),
        Field("dataset", or_null(TEXT)),
        Field("task", or_null(TEXT)),
        Field("tags", TEXTS, dump=list, load=tuple),
        Field("input"),
        Field("expected", default=None, omit=True),
        Field("asked", or_null(OBJECT), default=None, omit=True),
        Field("content", TEXT),
        Field("wording", TEXT, default=""),
        Field("cluster", or_null(TEXT), default=None, omit=True),
        Field("fixture", or_null(TEXT), default=None, omit=True),
        Field("min_pass_rate", NUMBER),
        Field("file", PATH),
        Field("line", NUMBER),
        Field("judged_by", TEXT, default=""),
        Field("rejudged", one_of(get_args(Rejudged)), default="", omit=True),
        Field("samples", LIST, dump=_SAMPLE.list_to_json, load=_SAMPLE.list_from_json),
    ],
    parts={"key": CaseKey},
)


result_to_json, result_from_json = _RESULT.to_json, _RESULT.from_json
"""A case's result as a JSON object, and back; a wrong field is a `ValueError` that names it."""
