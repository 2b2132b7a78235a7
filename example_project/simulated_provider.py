"""A stand-in for a provider of models, on this machine only, with two simulated models.

    python simulated_provider.py --port 8377

No language model runs here. `sim-production-1` and `sim-candidate-2` answer the prompts of this project's eval set from
the files in simulated_answers/, which people wrote. Times and token counts are simulated too: drawn from a fixed
distribution per model, the same for the same prompt each time. Responses say so: `system_fingerprint` is "simulated".

POST /v1/chat/completions   as OpenAI's, streamed or not
GET  /v1/models             the two models

The n-th request for the same prompt gets the n-th of its answers, and then the first again.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpdesk import prompts

HERE = Path(__file__).resolve().parent
EVALS = HERE / "tests" / "evals"
ANSWERS = HERE / "simulated_answers"


@dataclass(frozen=True)
class Pace:
    """How fast a simulated model is.

    Attributes:
        first_token: median seconds to the first token.
        spread: sigma of the logarithm of that time.
        per_token: seconds for each further token.
        slow_share: share of requests that meet a busy server and take four times as long.
    """

    first_token: float
    spread: float
    per_token: float
    slow_share: float


PACES = {
    "sim-production-1": Pace(first_token=0.34, spread=0.25, per_token=0.009, slow_share=0.02),
    "sim-candidate-2": Pace(first_token=0.21, spread=0.30, per_token=0.006, slow_share=0.03),
}


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def prompts_of_cases() -> Iterator[tuple[str, str]]:
    """Each prompt the eval set leads to, and the case it belongs to, as in ``triage/kettle-smoke``.

    A paraphrase has the number of its wording behind that, as in ``policy/return-window+2``.
    """
    build: dict[str, Callable[[str, Any], str]] = {
        "triage": lambda text, row: prompts.triage_prompt(text),
        "policy": lambda text, row: prompts.policy_prompt(text, row["context"]),
        "summary": lambda text, row: prompts.summary_prompt(text),
        "refund": lambda text, row: prompts.refund_prompt(text),
        "reply": lambda text, row: prompts.reply_prompt(text),
    }
    for task, prompt in build.items():
        for row in rows(EVALS / f"{task}.jsonl"):
            yield prompt(row["input"], row), f"{task}/{row['id']}"
            for number, text in enumerate(row.get("paraphrases", ()), start=2):
                yield prompt(text, row), f"{task}/{row['id']}+{number}"


class Answers:
    """What each simulated model says to each prompt."""

    def __init__(self) -> None:
        case_of = dict(prompts_of_cases())
        self._of_model: dict[str, dict[str, list[Any]]] = {}
        for model in PACES:
            by_case, by_prompt = {}, {}
            for row in rows(ANSWERS / f"{model}.jsonl"):
                if "prompt" in row:
                    by_prompt[row["prompt"]] = row["answers"]
                else:
                    by_case[row["case"]] = row["answers"]
            for prompt, case in case_of.items():
                answers = by_case.get(case, by_case.get(case.partition("+")[0]))  # most paraphrases are answered alike
                if answers is not None:
                    by_prompt[prompt] = answers
            self._of_model[model] = by_prompt
        self._asked: Counter[tuple[str, str]] = Counter()

    def next(self, model: str, prompt: str) -> tuple[int, str, str] | None:
        """Which of its answers this is, the text and the finish reason; None for a prompt nobody wrote answers for."""
        answers = self._of_model[model].get(prompt)
        if answers is None:
            return None
        index = self._asked[model, prompt] % len(answers)
        self._asked[model, prompt] += 1
        answer = answers[index]
        if isinstance(answer, str):
            return index, answer, "stop"
        return index, answer["text"], answer["finish_reason"]


def tokens(text: str) -> int:
    """A stand-in for a tokenizer: four characters to the token."""
    return max(1, math.ceil(len(text) / 4))


class Server:
    """The HTTP side. `speed` divides every waiting time."""

    def __init__(self, speed: float) -> None:
        self.answers = Answers()
        self.speed = speed

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                method, path, _ = line.decode("latin-1").split(" ", 2)
                headers = {}
                while (raw := await reader.readline()) not in (b"\r\n", b""):
                    name, _, value = raw.decode("latin-1").partition(":")
                    headers[name.strip().lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                await self.respond(writer, method, path.split("?")[0], body)
                await writer.drain()
                if headers.get("connection", "").lower() == "close":
                    break
        except (ConnectionError, asyncio.IncompleteReadError, ValueError):
            pass  # the client went away or spoke no HTTP; nothing is left to answer
        finally:
            writer.close()

    async def respond(self, writer: asyncio.StreamWriter, method: str, path: str, body: bytes) -> None:
        if (method, path) == ("GET", "/v1/models"):
            models = [{"id": name, "object": "model", "owned_by": "simulated"} for name in PACES]
            send(writer, 200, {"object": "list", "data": models})
            return
        if (method, path) != ("POST", "/v1/chat/completions"):
            refuse(writer, 404, "not_found", f"there is no {method} {path} here")
            return
        try:
            request = json.loads(body)
            model, prompt = request["model"], request["messages"][-1]["content"]
        except (ValueError, KeyError, IndexError, TypeError):
            refuse(writer, 400, "invalid_request_error", "a JSON object with model and messages is needed")
            return
        if model not in PACES:
            refuse(writer, 404, "model_not_found", f"no model {model!r}; there are {', '.join(PACES)}")
            return
        answer = self.answers.next(model, prompt) if isinstance(prompt, str) else None
        if answer is None:
            problem = (
                f"{model} is simulated and has no answer to this prompt; add one to simulated_answers/{model}.jsonl"
            )
            refuse(writer, 400, "invalid_request_error", problem)
            return
        await self.complete(writer, request, *answer)

    async def complete(self, writer: asyncio.StreamWriter, request: Any, index: int, text: str, finish: str) -> None:
        model, prompt = request["model"], request["messages"][-1]["content"]
        identity = hashlib.sha256(f"{model}\n{prompt}\n{index}".encode()).hexdigest()[:24]
        first, per_token = self.times(model, identity)
        usage = {"prompt_tokens": tokens(prompt), "completion_tokens": tokens(text)}
        usage["total_tokens"] = sum(usage.values())
        head = {"id": f"chatcmpl-sim-{identity}", "created": 0, "model": model, "system_fingerprint": "simulated"}
        if not request.get("stream"):
            await asyncio.sleep(first + per_token * usage["completion_tokens"])
            message = {"role": "assistant", "content": text, "refusal": None}
            choice = {"index": 0, "message": message, "finish_reason": finish}
            send(writer, 200, {**head, "object": "chat.completion", "choices": [choice], "usage": usage})
            return
        head["object"] = "chat.completion.chunk"
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        await asyncio.sleep(first)
        piece = 16  # characters in one event, four tokens
        for start in range(0, len(text), piece):
            delta = {"content": text[start : start + piece]}
            if start == 0:
                delta["role"] = "assistant"
            else:
                await asyncio.sleep(per_token * piece / 4)
            event(writer, {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
            await writer.drain()
        event(writer, {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        if (request.get("stream_options") or {}).get("include_usage"):
            event(writer, {**head, "choices": [], "usage": usage})
        chunk(writer, b"data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")

    def times(self, model: str, seed: str) -> tuple[float, float]:
        """Seconds to the first token and for each further one."""
        pace, chance = PACES[model], random.Random(seed)
        slowness = 4.0 if chance.random() < pace.slow_share else 1.0
        first = pace.first_token * chance.lognormvariate(0, pace.spread) * slowness
        return first / self.speed, pace.per_token * slowness / self.speed


def event(writer: asyncio.StreamWriter, payload: dict[str, Any]) -> None:
    chunk(writer, b"data: " + json.dumps(payload).encode() + b"\n\n")


def chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def refuse(writer: asyncio.StreamWriter, status: int, code: str, message: str) -> None:
    send(writer, status, {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}})


def send(writer: asyncio.StreamWriter, status: int, payload: dict[str, Any]) -> None:
    reason = {200: "OK", 400: "Bad Request", 404: "Not Found"}[status]
    data = json.dumps(payload).encode()
    head = f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)


async def main() -> None:
    parser = argparse.ArgumentParser(description="Serve two simulated models on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=8377)
    parser.add_argument("--speed", type=float, default=1.0, help="divide all waiting times by this")
    options = parser.parse_args()
    try:
        server = await asyncio.start_server(Server(options.speed).serve, "127.0.0.1", options.port, backlog=1024)
    except OSError as error:
        sys.exit(f"port {options.port} cannot be used: {error.strerror}")
    print(f"serving the simulated models {', '.join(PACES)} on http://127.0.0.1:{options.port}/v1", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
