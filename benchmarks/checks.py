"""How much processor time does each check take on an answer of 10,000 characters, friendly or hostile?

    python benchmarks/checks.py             every assert of `pytest_llmeval.__all__`
    python benchmarks/checks.py grounded    those whose names hold a word

Each check judges each text several ways: so that it passes, and so that it fails. Its first calls are not counted, as
they import and compile what the check needs. The table has the slowest friendly and the slowest hostile text of each
check, in milliseconds of processor time, the lowest of five calls, or of twenty where five took too long. A check that
took too long is measured once more at the end, since a virtual machine is half as fast for some seconds at times. The
exit code is 1 when a check takes more than 50 ms then, when one is stopped after 10 seconds, and when this file does
not know how to call one. The expressions of `assert_matches` are a user's own; theirs are stopped after two seconds.
"""
# ruff: noqa: RUF001 - Chinese commas are meant

from __future__ import annotations

import contextlib
import json
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pytest_llmeval
from pytest_llmeval import Case, LlmevalError, Reply, ToolCall, Unverified
from pytest_llmeval.reply import Answer, Measures

LENGTH = 10_000  # characters
MOST = 50.0  # milliseconds
LIMIT = 10  # seconds, for what hangs
CALLS = 5
MOST_CALLS = 20  # where five took too long, since another process on the same core may double the time
ASK = {"judged", "preferred"}  # a model, so that they take as long as it does

SENTENCES = {
    "English": "Order LK-50015 of 3 May 2026 cost 1,250.50 EUR, and \u201cthe kettle\u201d arrives within 30 days. ",
    "German": "Die Bestellung LK-50015 vom 3. Mai 2026 kostete 1.250,50 Euro und kommt in dreißig Tagen an. ",
    "Chinese": "订单 LK-50015 于2026年5月3日下单，金额为1,250.50元，将在三十天内送达。",
    "Hindi": "३ मई २०२६ का ऑर्डर तीस दिनों में पहुँच जाएगा, और इसकी कीमत १,२५० रुपये है। ",
    "Markdown": "## Step 3\n\n- **Open** https://example.org/app?id=30\n- `tap` 2 times\n\n| a | 4.90 |\n|---|---|\n",
}
FRIENDLY = {name: (sentence * LENGTH)[:LENGTH] for name, sentence in SENTENCES.items()}
FRIENDLY["JSON"] = json.dumps([{"order": f"LK-{number}", "amount": number / 7} for number in range(250)])[:LENGTH]

_PIECES = (
    *(
        "a",
        "1",
        " ",
        "\n",
        "\t",
        ".",
        ",",
        "-",
        "_",
        "'",
        '"',
        "`",
        "~",
        "*",
        "(",
        "[",
        "{",
        "<",
        "@",
        "/",
        "\\",
        "=",
        "%",
    ),
    *(
        "1.",
        "1,",
        "1 ",
        "1:",
        "1/",
        "a.",
        "a-",
        "a@",
        "a@a.",
        "@a",
        "1a",
        "a1",
        "-1",
        ". ",
        "? ",
        ".\n",
        '" ',
        "' ",
        " '",
    ),
    *("http://", "http://a/", "www.", "www.a.", "a.b/", "::", "##[", "<a", "</", "&amp;", "\\u", "[1]", "{}", '{"a":'),
    *(
        "[[",
        "]]",
        "()",
        "\u0301",
        "e\u0301",
        "\u200d",
        "\U0001f468\u200d",
        "\u00ad",
        "\u202e",
        "\x00",
        "\x1b[1m",
        "\ud800",
    ),
    *(
        "\u00ab ",
        " \u00bb",
        "\u2019",
        "\u201c",
        "\u201d",
        "\u3002",
        "\u0e01",
        "\u6211",
        "\u0915\u094d",
        "\u0661",
        "\u0660,",
    ),
    *(
        "one hundred ",
        "twenty-",
        "thousand ",
        "dreiund",
        "third ",
        "May ",
        "3 May ",
        "2026-",
        "12/",
        "EUR ",
        "$1",
        "1%",
    ),
    *("I cannot ", "i can't help ", "je ne peux pas ", "ich kann ihnen ", "我无法", "नहीं ", "as an ai "),
    *("sk-", "ghp_", "eyJ", "eyJ.", "-----BEGIN ", "AKIA", "xox", "a=", "password=", "Bearer ", "://a:b@", "a:"),
    *("```", "```\n", "~~~\n", "\n\n", "\r\n", "|", "| a ", "- ", "1. ", "# ", "> ", "\u2028", "A ", "Aa ", "ab"),
)
HOSTILE = {repr(piece): (piece * LENGTH)[:LENGTH] for piece in _PIECES}
HOSTILE["nested arrays"] = "[" * (LENGTH // 2) + "]" * (LENGTH // 2)
HOSTILE["nested objects"] = '{"a":' * (LENGTH // 6) + "1" + "}" * (LENGTH // 6)
HOSTILE["many numbers"] = " ".join(map(str, range(LENGTH // 4)))[:LENGTH]
HOSTILE["many words"] = " ".join(map("w{}x".format, range(LENGTH // 5)))[:LENGTH]
HOSTILE["many keys"] = json.dumps({f"k{number}": number for number in range(LENGTH // 14)})
HOSTILE["random"] = "".join(random.Random(1).choices("a1 .,-'\"`*@:/\n()[]{}<>\u00e9\u6211", k=LENGTH))

SCHEMA = {
    "type": "array",
    "items": {"type": "object", "required": ["order"], "properties": {"amount": {"type": "number"}}},
}
TOOL = {"name": "find", "parameters": {"type": "object", "properties": {"text": {"type": "string"}}}}

Called = Callable[[], object]


def reply(text: str) -> Reply:
    answer = Answer(text=text, finish_reason="stop", tool_calls=calls(text))
    return Reply(answer, Measures(latency=1.0, cost=0.1), "model")


def calls(text: str) -> tuple[ToolCall, ...]:
    return (ToolCall(name="find", arguments={"text": text}), ToolCall(name=text, arguments=None, raw_arguments=text))


def case(text: str) -> Case:
    recorded = {"output": text[::-1]}
    return Case(id="c", input=text, expected=text[::-1], context=(text[::-1],), metadata={"recorded": recorded})


def one_more(text: str) -> str:
    """Another text of the kind, in which every second word is another."""
    return " ".join(word if place % 2 else word[::-1] + "x" for place, word in enumerate(text.split(" ")))


def ways(name: str, check: Any, text: str) -> list[Called]:
    """How a check is called with a text.

    Raises:
        KeyError: it is not known.
    """
    other = one_more(text)
    against_other = [partial(check, text, other), partial(check, text, text), partial(check, text, text[:50] or "a")]
    known: dict[str, list[Called]] = {
        "case": [partial(check, text, case(text))],
        "characters": [partial(check, text, at_most=3)],
        "cites": [partial(check, text, [other, text]), partial(check, text, {"a": other})],
        "code": [partial(check, text, language) for language in ("python", "json", "sql")],
        "consistent": [partial(check, [text, other, text[::-1]]), partial(check, [text] * 5)],
        "contains": against_other,
        "cost": [partial(check, reply(text), at_most=0.01)],
        "equal": against_other,
        "facts": [partial(check, text, text[:50] or "a"), partial(check, text, other)],
        "finish": [partial(check, reply(text))],
        "grounded": [partial(check, text, [other]), partial(check, text, [text]), partial(check, text, ["Nothing."])],
        "json": [partial(check, text), partial(check, text, {"a": 1}), partial(check, f"```json\n{text}\n```")],
        "language": [partial(check, text, "en"), partial(check, text, "ja")],
        "latency": [partial(check, reply(text), at_most=0.01)],
        "like_production": [partial(check, text, case(text)), partial(check, reply(text), case(text))],
        "markdown_list": [partial(check, text, at_least=3)],
        "markdown_table": [partial(check, text, ["a", "b"])],
        "matches": [partial(check, text, r"\b30 days"), partial(check, text, r"never this")],
        "no_markdown": [partial(check, text)],
        "no_personal_data": [partial(check, text), partial(check, text, allow=other)],
        "no_secrets": [partial(check, text)],
        "no_tool_called": [partial(check, calls(text)), partial(check, calls(text), text)],
        "not_contains": against_other,
        "not_matches": [partial(check, text, r"\b30 days"), partial(check, text, r"never this")],
        "not_refusal": [partial(check, text), partial(check, reply(text))],
        "number": [partial(check, text, 30), partial(check, text, 30, which="last")],
        "schema": [partial(check, text, SCHEMA), partial(check, text, list[str])],
        "sentences": [partial(check, text, at_most=3)],
        "similar": [*against_other, partial(check, text, other, method="token_set", at_least=0.99)],
        "starts_with": against_other,
        "steps": [partial(check, calls(text), tool_calls_at_most=1)],
        "tool_called": [partial(check, calls(text), "find", {"text": other}), partial(check, calls(text), "other")],
        "tool_calls": [partial(check, calls(text), ["find", {"name": "find", "args": {"text": other}}])],
        "tool_order": [partial(check, calls(text), ["other", "find"])],
        "valid_tool_calls": [partial(check, calls(text), [TOOL])],
        "words": [partial(check, text, at_most=3)],
    }
    return known[name]


class Hangs(BaseException):
    """A call takes longer than `LIMIT`."""


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Interrupt what hangs."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def milliseconds(called: Called, *, enough: float = MOST / 5) -> float:
    """The processor time of a call, the lowest of several: of a fast one the first is as good."""
    best = float("inf")
    for number in range(MOST_CALLS):
        start = time.process_time()
        try:
            with limited():
                called()
        except Hangs:
            return float("inf")
        except (AssertionError, LlmevalError, Unverified):
            pass
        best = min(best, (time.process_time() - start) * 1000)
        if best < enough or (number >= CALLS - 1 and best <= MOST):
            break
    return best


class Slowest(NamedTuple):
    """The slowest text of a check."""

    time: float
    text: str


def slowest(name: str, check: Any, texts: dict[str, str]) -> Slowest:
    return max(
        Slowest(milliseconds(called), title) for title, text in texts.items() for called in ways(name, check, text)
    )


def is_slow(name: str) -> bool:
    """Whether a check takes too long; prints its row.

    Raises:
        KeyError: this file does not know how to call it.
    """
    check, short = getattr(pytest_llmeval, name), name.removeprefix("assert_")
    for text in FRIENDLY.values():
        for called in ways(short, check, text):
            milliseconds(called)  # the first calls
    friendly, hostile = slowest(short, check, FRIENDLY), slowest(short, check, HOSTILE)
    slow = max(friendly.time, hostile.time) > MOST
    told = f"{friendly.text}, {hostile.text}{'  TOO SLOW' if slow else ''}"
    print(f"{name:<24} {friendly.time:>9.1f} {hostile.time:>9.1f}  {told}", flush=True)
    return slow


def main(words: list[str]) -> int:
    """Print the table; 1 when a check is too slow or not known."""
    names = [
        name
        for name in pytest_llmeval.__all__
        if name.startswith("assert_") and name[7:] not in ASK and all(w in name for w in words)
    ]
    print(f"{'check':<24} {'friendly':>9} {'hostile':>9}  ms of {LENGTH:,} characters, and the slowest texts")
    unknown, slow = list[str](), list[str]()
    for name in names:
        try:
            slow += [name] if is_slow(name) else []
        except KeyError:
            print(f"{name:<24} not measured: this file does not know how to call it")
            unknown.append(name)
    if slow:
        print("measured once more:")
    bad = [*unknown, *(name for name in slow if is_slow(name))]
    print(f"over {MOST:g} ms or unknown: {', '.join(bad) or 'none'}")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
