"""One case looked at closely, as a reader sees it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pytest_llmeval.reply import Answer, Measures, ToolCall, Usage
from pytest_llmeval.report.closely import Look, LookSide, Seen, look_lines, looks
from pytest_llmeval.report.paper import Paper
from pytest_llmeval.report.prompts import asked_in
from pytest_llmeval.report.summary import no_commands
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult
from pytest_llmeval.score import Score

KEY = CaseKey("tests/test_mail.py::test_mail", "late-parcel")
PROMPT: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "You answer customers.\nBe brief."},
        {"role": "user", "content": "Where is my parcel LK-17?"},
    ],
    "tools": [{"type": "function", "function": {"name": "find_parcel"}}],
}
LETTER = "Dear Ada,\n\n  your parcel arrives tomorrow. We are sorry that it took so long this time, really.\n\nThe team"


def call(text: str = "", *, prompt: str = "p", **more: Any) -> Call:
    usage = Usage(input_tokens=31, output_tokens=12)
    return Call(
        provider="openai",
        request_model="prod-1",
        words_digest=prompt,
        answer=Answer(text=text, finish_reason="stop", usage=usage, **more),
        measures=Measures(latency=0.412, ttft=0.2, cost=0.00012, source="recording"),
        recorded_at="2026-11-20T09:00:00+00:00",
    )


def passed(*calls: Call, **more: Any) -> SampleResult:
    return SampleResult(index=0, outcome="pass", calls=calls, **more)


def failed(*calls: Call, reason: str = "assert polite(reply)", **more: Any) -> SampleResult:
    more = {"detail": "assert False\n +  where False = polite('Soon.')", **more}
    return SampleResult(index=0, outcome="fail", category="tone", reason=reason, calls=calls, **more)


def side(name: str, *samples: SampleResult, **more: Any) -> LookSide:
    return LookSide(name, CaseResult(key=KEY, model=name.rsplit(maxsplit=1)[-1], samples=samples), **more)


def shown(*sides: LookSide, seen: Seen | None = None, **paper: Any) -> str:
    lines = look_lines(
        Paper(**{"width": 80, **paper}), Look(KEY, sides), seen or Seen({(KEY, "p"): asked_in(PROMPT)}, {})
    )
    return "\n".join(line.text for line in no_commands(lines))


MISSED = side("candidate next", failed(call("Soon."), scores=(Score(value=1.0, passed=True, check="words"),)))


def test_a_miss_beside_the_baseline() -> None:
    good = Score(value=0.9, passed=True, check="similar", reason="close enough")
    seen = Seen(
        {(KEY, "p"): asked_in(PROMPT)}, {(KEY, "next", 0): "tests/test_mail.py:12: assert polite(reply), reply"}
    )
    assert shown(side("baseline production", passed(call(LETTER), scores=(good,)), saved=True), MISSED, seen=seen) == (
        """\
tests/test_mail.py::test_mail[late-parcel]
  prompt
    system | You answer customers.
           | Be brief.
    user   | Where is my parcel LK-17?
    tools  | find_parcel

  baseline production: passed
    reply of production, openai/prod-1, recorded 2026-11-20
      | Dear Ada,
      |
      |   your parcel arrives tomorrow. We are sorry that it took so long this
      :   time, really.
      |
      | The team
    finish reason stop · tokens 31 in, 12 out · 0.41s (TTFT 0.20s) · $0.00012
    pass similar 0.90 close enough

  candidate next: failed as tone
    reply of next, openai/prod-1, recorded 2026-11-20
      | Soon.
    finish reason stop · tokens 31 in, 12 out · 0.41s (TTFT 0.20s) · $0.00012
    pass words 1.00
    tests/test_mail.py:12: assert polite(reply), reply
    reason
      | assert False
      |  +  where False = polite('Soon.')"""
    )


def test_a_check_that_failed_tells_its_reason_once() -> None:
    bad = Score(value=0.25, passed=False, check="json", category="format", reason="not JSON\n  at line 1")
    text = shown(side("production", failed(call("{"), scores=(bad,), reason="not JSON", detail=bad.reason)))
    assert "    FAIL json 0.25 (format)\n      | not JSON\n      |   at line 1" in text
    assert text.count("not JSON") == 1


def test_tool_calls_are_shown_with_their_arguments() -> None:
    calls = (
        ToolCall(name="find_parcel", arguments={"number": "LK-17", "since": [1, 2]}),
        ToolCall(name="broken", arguments=None, raw_arguments='{"number": '),
        ToolCall(name="ping", arguments=None),
    )
    assert """\
    tool call find_parcel
      | {
      |   "number": "LK-17",
      |   "since": [
      |     1,
      |     2
      |   ]
      | }
    tool call broken
      | {"number":
    tool call ping
      | (no arguments)
""" in shown(side("production", failed(call(tool_calls=calls))))


def test_of_an_agent_each_call_shows_what_is_new() -> None:
    first = asked_in(PROMPT)
    answer = {"role": "assistant", "tool_calls": [{"function": {"name": "find_parcel", "arguments": "{}"}}]}
    later = {"role": "tool", "content": "on its way"}
    second = asked_in({**PROMPT, "messages": [*PROMPT["messages"], answer, later]})
    asks = call(tool_calls=(ToolCall(name="find_parcel", arguments={}),))
    text = shown(
        side("production", failed(asks, call("Tomorrow.", prompt="q"))),
        seen=Seen({(KEY, "p"): first, (KEY, "q"): second}, {}),
    )
    assert text.count("You answer customers.") == text.count("find_parcel\n") - 1 == 1
    assert "    reply 1 of production" in text
    assert "    tool | on its way\n    reply 2 of production" in text


def test_samples_that_came_out_alike_are_shown_once() -> None:
    samples = [failed(call("Soon."))._replace(index=index) for index in range(3)]
    samples += [passed(call(f"Dear {name}"))._replace(index=3 + index) for index, name in enumerate("AB")]
    samples += [SampleResult(index=5, outcome="error", category="timeout", reason="no answer", detail="no answer")]
    text = shown(side("production", *samples))
    assert "  production: failed as tone, passed 2/5" in text
    assert "samples 1, 2, 3 of 6: failed" in text
    assert "sample 4 of 6: passed" in text
    assert "Dear B" not in text
    assert "    sample 6 of 6: error\n    error\n      | no answer" in text


def test_equal_answers_with_other_scores_are_told_apart() -> None:
    graded = [Score(value=value, passed=False, check="polite", category="tone", reason="curt") for value in (0.2, 0.4)]
    samples = [failed(call("Soon."), scores=(score,))._replace(index=n) for n, score in enumerate(graded)]
    text = shown(side("production", *samples))
    assert "sample 1 of 2: failed" in text
    assert "FAIL polite 0.20 (tone)" in text
    assert "FAIL polite 0.40 (tone)" in text


def test_a_prompt_of_each_side_is_shown_where_they_differ() -> None:
    other = (("user", "Kurz: Wo ist LK-17?"),)
    sides = side("baseline old", passed(call("Dear Ada", prompt="q"))), MISSED
    text = shown(*sides, seen=Seen({(KEY, "p"): asked_in(PROMPT), (KEY, "q"): other}, {}))
    assert text.index("Be brief") < text.index("Kurz") < text.index("Dear Ada")
    assert "not see" not in text
    assert "asked with another prompt, which this session did not see" in shown(*sides)


def test_live_replies_and_what_is_unknown_say_so() -> None:
    bare = Call(
        provider="python",
        request_model="bot",
        words_digest="z",
        answer=Answer(text="", refusal="No."),
        measures=Measures(1.5),
    )
    text = shown(side("production", failed(bare)))
    assert "reply of production, python/bot, asked now\n    refusal\n      | No." in text
    assert "finish reason unknown · tokens unknown · 1.50s · cost unknown" in text
    assert "recorded on an unknown day" in shown(side("production", failed(bare), saved=True))
    assert "(an empty text)" in shown(side("production", failed(bare._replace(answer=Answer(text="")))))
    assert "asked no model" in shown(side("production", failed()))


IMAGE = {"type": "base64", "media_type": "image/png", "data": "A" * 80}
RESULT = {"type": "tool_result", "content": [{"type": "text", "text": "found"}]}
INLINE = {"inlineData": {"mimeType": "image/png", "data": "A" * 4000}}
HOSTILE = "\x1b[31mred\x1b[0m\n::error::pwned\n##[error]x\r\n\u202eevil\ud800\n" + "word " * 400 + "\n" + "x" * 3000


@pytest.mark.parametrize("width", [24, 60, 80, 120])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_hostile_text_is_harmless_at_every_width_and_whole(width: int, ascii_only: bool) -> None:
    hostile = call(HOSTILE, tool_calls=(ToolCall(name=HOSTILE, arguments={HOSTILE: HOSTILE}),))
    bad = Score(value=0, passed=False, check=HOSTILE, category="tone", reason=HOSTILE)
    seen = Seen({(KEY, "p"): (("user", HOSTILE), ("東京", HOSTILE))}, {(KEY, "next", 0): HOSTILE})
    text = shown(
        side("candidate next", failed(hostile, scores=(bad,), detail=HOSTILE + ".")),
        seen=seen,
        width=width,
        ascii=ascii_only,
    )
    lines = text.split("\n")
    assert max(map(len, lines)) <= width
    assert [line for line in lines if line.lstrip().startswith("::") or "##[" in line] == []
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e\ud800]", text)
    if ascii_only:
        assert text.isascii()
    if width > 60:
        assert text.count("word") >= 400 * 6
        assert text.count("x") >= 3000 * 6


def test_a_very_long_reply_is_shown_whole() -> None:
    text = shown(side("production", failed(call("tea " * 50_000))))
    assert text.count("tea") == 50_000


def test_the_line_of_this_session_is_not_that_of_a_saved_failure() -> None:
    seen = Seen({}, {(KEY, "m", 0): "tests/test_mail.py:12: assert_not_refusal(reply)"})
    saved = side("baseline m", failed(call("It costs 5 EUR. Call us.")), saved=True)
    assert "assert_not_refusal" not in shown(saved, seen=seen)
    assert "assert_not_refusal" in shown(side("candidate m", failed(call("I cannot say."))), seen=seen)


def result(key: str, model: str, outcome: str) -> CaseResult:
    sample = failed(call("no")) if outcome == "fail" else passed(call("yes"))
    if outcome == "error":
        sample = SampleResult(index=0, outcome="error", category="timeout")
    return CaseResult(key=CaseKey("t", key), model=model, samples=(sample,))


def test_without_a_baseline_the_failing_cases_are_looked_at() -> None:
    results = [result("a", "m", "pass"), result("b", "m", "fail"), result("c", "m", "error"), result("b", "n", "pass")]
    assert [(look.key.case, [side.name for side in look.sides]) for look in looks([], results, passing=False)] == [
        ("b", ["m", "n"])
    ]
    assert [look.key.case for look in looks([], results, passing=True)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("body", "spoken"),
    [
        ({"messages": [{"role": "user", "content": "Hi"}]}, [("user", "Hi")]),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "Look:"},
                            {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 16_000}},
                            {"type": "image_url", "image_url": {"url": "https://shop.example/a.png"}},
                        ],
                    }
                ],
                "response_format": {"type": "json_schema", "json_schema": {"name": "ticket", "schema": {}}},
            },
            [("user", "Look:\n[image, 12 kB]\n[image, https://shop.example/a.png]"), ("schema", "ticket")],
        ),
        (
            {
                "instructions": "Be brief.",
                "input": [
                    {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
                    {"type": "reasoning", "encrypted_content": "AAAA"},
                    {"type": "function_call", "name": "find", "arguments": '{"n": 1}'},
                    {"type": "function_call_output", "output": "found"},
                ],
                "tools": [{"type": "function", "name": "find"}, {"type": "web_search"}],
                "text": {"format": {"type": "json_schema", "name": "ticket", "schema": {}}},
            },
            [
                ("system", "Be brief."),
                ("user", "Hi"),
                ("assistant", 'find({"n": 1})'),
                ("tool", "found"),
                ("tools", "find, web_search"),
                ("schema", "ticket"),
            ],
        ),
        ({"input": "Hi", "text": {"format": {"type": "text"}}}, [("user", "Hi")]),
        (
            {
                "system": [{"type": "text", "text": "Be brief."}],
                "messages": [
                    {
                        "role": "assistant",
                        "content": [
                            {"type": "thinking", "thinking": "hm", "signature": "s"},
                            {"type": "tool_use", "name": "find", "input": {"n": 1}},
                        ],
                    },
                    {"role": "user", "content": [RESULT]},
                    {
                        "role": "user",
                        "content": [{"type": "image", "source": IMAGE}],
                    },
                ],
                "tools": [{"name": "find", "input_schema": {}}],
                "output_config": {"format": {"type": "json_schema", "schema": {"title": "Ticket"}}},
            },
            [
                ("system", "Be brief."),
                ("assistant", 'find({"n": 1})'),
                ("user", "found"),
                ("user", "[image, 60 bytes]"),
                ("tools", "find"),
                ("schema", "Ticket"),
            ],
        ),
        (
            {
                "systemInstruction": {"role": "user", "parts": [{"text": "Be brief."}]},
                "contents": [
                    {"role": "user", "parts": [{"text": "Hi"}, INLINE]},
                    {"role": "model", "parts": [{"functionCall": {"name": "find", "args": {"n": 1}}}]},
                    {"role": "user", "parts": [{"functionResponse": {"name": "find", "response": {"n": 2}}}]},
                ],
                "tools": [{"functionDeclarations": [{"name": "find"}, {"name": "pay"}]}],
                "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": {"title": "T"}},
            },
            [
                ("system", "Be brief."),
                ("user", "Hi\n[image, 3 kB]"),
                ("model", 'find({"n": 1})'),
                ("user", '{"n": 2}'),
                ("tools", "find, pay"),
                ("schema", "T"),
            ],
        ),
        (
            {"messages": [{"role": "user", "content": "Hi", "images": ["A" * 8000]}], "format": "json"},
            [("user", "Hi\n[image, 6 kB]"), ("schema", "JSON")],
        ),
        (
            {
                "messages": [{"role": "user", "content": [{"type": "hologram", "id": "h1"}, 7, None, "and"]}],
                "tools": [3, {}],
                "response_format": {"type": "text"},
            },
            [("user", "[hologram]\n7\nand")],
        ),
        (
            {"messages": ["Hi", {"role": "user", "content": None}], "schema": {"title": "T"}},
            [("user", "Hi"), ("user", ""), ("schema", "T")],
        ),
        ({}, []),
    ],
)
def test_a_prompt_of_every_wire_format_is_told_in_words(body: dict[str, Any], spoken: list[tuple[str, str]]) -> None:
    assert list(asked_in(body)) == spoken
