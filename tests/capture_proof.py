"""What is captured of the calls of a client: each way to ask is run, recorded, and run again from the recordings.

It is run by another interpreter in a project of its own, with whichever versions of the SDKs that one has.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import struct
import subprocess
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.captured_frameworks import AWS, FAMILIES
from tests.server import Reply, Request, Server, completion
from tests.wire import (
    ANTHROPIC_BODY,
    ANTHROPIC_EVENTS,
    CONVERSE_BODY,
    CONVERSE_EVENTS,
    GEMINI_BODY,
    GEMINI_CHUNKS,
    OLLAMA_BODY,
    OLLAMA_LINES,
    RESPONSES_BODY,
    RESPONSES_EVENTS,
    chunk_frames,
    frames,
    lines,
    named_events,
    plain_events,
)

__all__ = ["CAUGHT", "NOT_CAUGHT", "proved"]

CAUGHT = "caught"
NOT_CAUGHT = "not caught"
_HERE = Path(__file__).parent
_PATIENCE = 300  # seconds for one session
_NOT_INHERITED = ("PYTEST_", "PYTHON", "COVERAGE", "COV_")
_KEYS = ("_API_KEY", "_AUTH_TOKEN", "_BASE_URL")
_SETTINGS = """
[tool.llmeval]
model = "production"

[tool.llmeval.models.production]
model = "{family}/prod-1"
api_key_env = "KEY_OF_THE_TEST"
"""
_TEST = """
import json
from pathlib import Path

import pytest

import tests.captured_frameworks
from tests.captured_clients import CLIENTS


@pytest.mark.parametrize("name", {names})
{marker}def test_way(llm_capture, name, monkeypatch):
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(variable, "key-of-the-test")
    said = CLIENTS[name]("{url}", name)
    calls = llm_capture.calls
    times = [(call.latency > 0, call.ttft is not None) for call in calls]
    seen = {{"name": name, "said": said, "times": times, "tokens": [call.usage.output_tokens for call in calls]}}
    with Path("seen.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(seen) + "\\n")
"""


def answer(request: Request) -> Any:
    """What the provider whose path this is would answer, streamed where that is asked for."""
    asked = request.json
    agent = b"pydantic-ai" in request.body  # which would carry out a call of a tool that nobody gave it
    forms = ("response_format", "text", "output_config", "output_format")
    structured = '{"celsius": 21}' if any(asked.get(form) for form in forms) else None
    tools = asked.get("tools")
    if (other := _other_call(request)) is not None:
        return other
    if "/chat/completions" in request.path:
        return _called(tools[0]["function"]["name"]) if tools else completion(structured or "Let me see.")
    if request.path == "/v1/responses" and tools:
        arguments = '{"celsius": 21}'
        call = {"type": "function_call", "id": "f", "call_id": "c", "name": tools[0]["name"], "arguments": arguments}
        return {**RESPONSES_BODY, "output": [{**call, "status": "completed"}]}
    if request.path == "/v1/responses" and structured:
        text = {"type": "output_text", "text": structured, "annotations": []}
        message = {"type": "message", "id": "m", "status": "completed", "role": "assistant", "content": [text]}
        return {**RESPONSES_BODY, "output": [message]}
    if request.path == "/v1/responses" and agent and not asked.get("stream"):
        return {**RESPONSES_BODY, "output": RESPONSES_BODY["output"][:2]}
    if request.path == "/v1/responses":
        return Reply(chunks=named_events(RESPONSES_EVENTS)) if asked.get("stream") else RESPONSES_BODY
    if request.path.startswith("/v1/messages"):
        return _message(asked, structured, agent=agent)
    if "GenerateContent" in request.path:
        return Reply(chunks=plain_events(GEMINI_CHUNKS))
    if "generateContent" in request.path:
        if "responseSchema" in json.dumps(asked) or "responseJsonSchema" in json.dumps(asked):
            candidate = {**GEMINI_BODY["candidates"][0], "content": {"parts": [{"text": '{"celsius": 21}'}]}}
            return {**GEMINI_BODY, "candidates": [candidate]}
        return GEMINI_BODY
    if asked.get("stream", True):
        return Reply(chunks=lines(OLLAMA_LINES), headers={"content-type": "application/x-ndjson"})
    return OLLAMA_BODY


def _other_call(request: Request) -> Any:
    """What is answered to a call that is no question to a model, or that goes to a cloud; None to any other."""
    if request.path.startswith("/model/") or "awPredict" in request.path:
        return _of_a_cloud(request)
    if request.path == "/v1/embeddings":
        numbers = base64.b64encode(struct.pack("<2f", 0.25, 0.5)).decode()
        return {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": numbers}]}
    if "mbedContent" in request.path:
        return {"embeddings": [{"values": [0.25, 0.5]}]}
    return {"input_tokens": 2} if request.path == "/v1/messages/count_tokens" else None


def _of_a_cloud(request: Request) -> Any:
    if "awPredict" in request.path:
        return _message(request.json, None, agent=False)
    if (wrong := wrong_signature(request)) is not None:
        return Reply(status=403, body={"message": wrong}, headers={"x-amzn-errortype": "AccessDeniedException"})
    kind = {"content-type": "application/vnd.amazon.eventstream"}
    streams = {
        "converse-stream": frames(CONVERSE_EVENTS),
        "invoke-with-response-stream": chunk_frames(ANTHROPIC_EVENTS),
    }
    method = request.path.rpartition("/")[2]
    if method in streams:
        return Reply(chunks=streams[method], headers=kind)
    return CONVERSE_BODY if method == "converse" else ANTHROPIC_BODY


def wrong_signature(request: Request) -> str | None:
    """What is wrong with the signature of a request; None when nothing is, or when it has a key instead.

    Source: "Create a signed AWS API request" in Amazon's documentation.
    """
    told = request.headers.get("authorization", "")
    if told.startswith("Bearer "):
        return None
    found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]+)", told)
    if found is None or found[1] != AWS["aws_access_key_id"]:
        return f"no signature of the application's: {told[:60]!r}"
    path = quote(request.path.partition("?")[0], safe="/")
    headers = "".join(f"{name}:{request.headers[name]}\n" for name in found[3].split(";"))
    canonical = f"POST\n{path}\n\n{headers}\n{found[3]}\n{hashlib.sha256(request.body).hexdigest()}"
    moment = request.headers["x-amz-date"]
    signed = f"AWS4-HMAC-SHA256\n{moment}\n{found[2]}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{AWS['aws_secret_access_key']}".encode()
    for part in (*found[2].split("/"), signed):
        key = hmac.digest(key, part.encode(), "sha256")
    return None if key.hex() == found[4] else "the signature is not that of this request"


def _called(tool: str) -> dict[str, Any]:
    call = {"id": "c", "type": "function", "function": {"name": tool, "arguments": '{"celsius": 21}'}}
    return completion(None, tool_calls=[call])


def _message(asked: Mapping[str, Any], structured: str | None, *, agent: bool) -> Any:
    if asked.get("stream"):
        return Reply(chunks=named_events(ANTHROPIC_EVENTS))
    if asked.get("tools"):
        call = {"type": "tool_use", "id": "t", "name": asked["tools"][0]["name"], "input": {"celsius": 21}}
        return {**ANTHROPIC_BODY, "content": [call]}
    if structured:
        return {**ANTHROPIC_BODY, "content": [{"type": "text", "text": structured}], "stop_reason": "end_turn"}
    if agent:
        return {**ANTHROPIC_BODY, "content": ANTHROPIC_BODY["content"][:2], "stop_reason": "end_turn"}
    return ANTHROPIC_BODY


def proved(python: str | Path, names: Iterable[str], folder: Path, *, blocking: bool = False) -> dict[str, str]:
    """What happens to each way to ask: `CAUGHT`, `NOT_CAUGHT`, or what went wrong.

    Caught is what asks the server once, is answered from the recordings by the second session with no request at
    all, and gives the application the same right text both times. Not caught is what goes its way untouched.

    Args:
        python: the interpreter, which has this package, pytest and the SDKs.
        names: of the ways.
        folder: for the projects.
        blocking: the tests wait, so that the client's own transport sends what is not recorded yet.
    """
    found: dict[str, str] = {}
    by_family: dict[str, list[str]] = {}
    for name in names:
        by_family.setdefault(FAMILIES[name], []).append(name)
    for family, ways in by_family.items():
        project = folder / family
        with Server() as server:
            server.answer = answer
            _write(project, family, ways, server.base_url.removesuffix("/v1"), blocking=blocking)
            sessions = []
            for option in ("--llm-record", "--llm-mode=replay"):
                server.requests.clear()
                told = _run(python, project, option)
                seen = _seen(project)
                asked = [request.body for request in server.requests]
                sessions.append({way: (_requests(way, asked), seen.get(way), told) for way in ways})
        found |= {way: _verdict(way, *(session[way] for session in sessions)) for way in ways}
    return found


def _write(project: Path, family: str, ways: list[str], url: str, *, blocking: bool) -> None:
    below = project / "tests"
    below.mkdir(parents=True)
    for name in ("captured_clients", "captured_frameworks"):
        (below / f"{name}.py").write_text((_HERE / f"{name}.py").read_text(encoding="utf-8"), encoding="utf-8")
    (below / "__init__.py").touch()
    (project / "pyproject.toml").write_text(textwrap.dedent(_SETTINGS.format(family=family)))
    marker = "@pytest.mark.llm_blocking\n" if blocking else ""
    (project / "test_ways.py").write_text(_TEST.format(marker=marker, names=ways, url=url), encoding="utf-8")


def _run(python: str | Path, project: Path, option: str) -> str:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_NOT_INHERITED) and not name.endswith(_KEYS)
    }
    kept |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "pytest_llmeval.plugin", "NO_PROXY": "127.0.0.1"}
    kept |= {"PYTHONUTF8": "1", "COLUMNS": "200", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "HOME": str(project)}
    command = [str(python), "-m", "pytest", "-q", "-rfE", "--tb=short", "test_ways.py", option]
    done = subprocess.run(
        command, cwd=project, env=kept, capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    (project / f"{option.strip('-')}.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    return done.stdout


def _seen(project: Path) -> dict[str, dict[str, Any]]:
    """What each test saw at its end; of a test that was run again, the last time."""
    file = project / "seen.jsonl"
    seen = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
    file.unlink(missing_ok=True)
    return {each["name"]: each for each in seen}


def _requests(way: str, bodies: Iterable[bytes]) -> int:
    """How many requests are of a way: its name is the prompt."""
    return sum(json.dumps(way).encode() in body for body in bodies)


def _verdict(way: str, *sessions: tuple[int, dict[str, Any] | None, str]) -> str:
    expected = "21" if "parsed" in way else "Let me see."
    counts = []
    for kind, (requests, seen, told) in zip(("recorded", "replayed"), sessions, strict=True):
        if seen is None:
            failed = [line for line in told.splitlines() if line.startswith(("FAILED", "ERROR")) and f"[{way}]" in line]
            return f"{kind}: {(failed or told.splitlines()[-1:] or ['pytest said nothing'])[0].strip()}"
        if seen["said"] != expected:
            return f"{kind}: the application got {seen['said']!r}"
        counts.append((requests, len(seen["times"])))
        if any(not tokens for tokens in seen["tokens"]):
            return f"{kind}: no usage"
        if any(not latency or ttft != ("stream" in way) for latency, ttft in seen["times"]):
            return f"{kind}: no latency, or a time to the first token of what is no stream, or none of a stream"
    if counts == [(1, 1), (0, 1)]:
        return CAUGHT
    if counts == [(1, 0), (1, 0)]:
        return NOT_CAUGHT
    return ", then ".join(f"{requests} requests and {calls} calls seen" for requests, calls in counts)
