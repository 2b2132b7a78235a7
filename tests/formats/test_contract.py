"""What every wire format must keep: ours, those that are registered, and whichever comes next to the registry."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval import formats
from pytest_llmeval.capture.route import Models, routed
from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.engine.answer_reader import AnswerReader
from pytest_llmeval.errors import NotRerouted, ProviderError
from pytest_llmeval.formats import registry
from pytest_llmeval.formats.base import (
    Address,
    Event,
    ModelRequest,
    Prompt,
    Provider,
    Recognised,
    WireFormat,
    is_called,
)
from pytest_llmeval.formats.clouds.frames import FrameParser, frame
from pytest_llmeval.formats.framing import has_answered, parser_for
from pytest_llmeval.formats.openai_chat import OpenAIChat
from pytest_llmeval.formats.python_function import PythonFunction
from pytest_llmeval.formats.reading import answer_in_error, count, event_object, malformed, object_or_empty, objects
from pytest_llmeval.formats.recognise import keys_in, recognised
from pytest_llmeval.formats.registry import find_provider, has_own_address, known_providers, register_provider
from pytest_llmeval.formats.replay import delivered, known, pieces_of, unnamed
from pytest_llmeval.json_text import canonical_json
from pytest_llmeval.reply import Answer, ToolCall, Usage

SECRET = "parlour-key-0123456789"


class ParlourStream:
    """A line for each piece, the last with all the rest."""

    framing = "lines"

    def __init__(self) -> None:
        self.done = False
        self._said = ""
        self._rest: dict[str, Any] = {}

    def feed(self, event: Event) -> bool:
        line = event_object(event)
        self.done = "ended" in line
        self._rest = line
        self._said += str(line.get("piece", ""))
        return bool(line.get("piece"))

    def body(self) -> dict[str, Any]:
        if not self.done:
            raise malformed("the parlour fell silent")
        return {**self._rest, "said": self._said}


class Parlour(WireFormat):
    """A format as somebody else would write it, with nothing but what it must have."""

    address = Address("https://parlour.example/v1", "PARLOUR_KEY")
    wire_format = "parlour"
    path = "/parlour/talk"
    fields = ("talk",)
    key_header = "X-Parlour-Key"
    key_scheme = ""

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        body = {"model": model, "talk": [dict(message) for message in prompt.messages], "stream": prompt.stream}
        return ModelRequest(provider=self.name, model=model, path=self.path, body=body, stream=prompt.stream)

    def answer(self, body: Mapping[str, Any]) -> Answer:
        if body.get("error"):
            return answer_in_error(body["error"])
        if not isinstance(body.get("said"), str):
            raise malformed("nothing was said")
        usage = object_or_empty(body.get("tokens"))
        calls = (ToolCall(name=call["name"], arguments=call["with"], id=call["id"]) for call in objects(body["calls"]))
        return Answer(
            text=body["said"],
            tool_calls=tuple(replace(call, raw_arguments=json.dumps(call.arguments)) for call in calls),
            usage=Usage(input_tokens=count(usage.get("in")), output_tokens=count(usage.get("out"))),
            finish_reason=body.get("ended"),
            refusal=body.get("declined"),
            response_model=body.get("model"),
        )

    def stream(self) -> ParlourStream:
        return ParlourStream()

    def events(self, body: Mapping[str, Any], pieces: int) -> Iterator[Event]:
        yield from (unnamed({"piece": piece}) for piece in pieces_of(str(body["said"]), pieces))
        yield unnamed({name: value for name, value in body.items() if name != "said"})

    def body_of(self, answer: Answer, model: str) -> dict[str, Any]:
        return {
            "model": answer.response_model or model,
            "said": answer.text,
            "calls": [{"name": call.name, "with": call.arguments, "id": call.id} for call in answer.tool_calls],
            "tokens": known({"in": answer.usage.input_tokens, "out": answer.usage.output_tokens}),
            "ended": answer.finish_reason,
            "declined": answer.refusal,
        }


class Subclass(OpenAIChat):
    """As the documentation shows it."""


class Bare:
    """What was registered before there was a class to inherit from."""

    name = "bare"
    base_url: str | None = "https://bare.example/v1"
    api_key_env: str | None = "BARE_KEY"

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        body = {"model": model, "talk": [dict(message) for message in prompt.messages]}
        return ModelRequest(provider=self.name, model=model, path="/bare", body=body)

    def authorization(self, api_key: str) -> Mapping[str, str]:
        return {"X-Bare": api_key}

    def answer(self, body: Mapping[str, Any]) -> Answer:
        return Answer(text=str(body["said"]))

    def stream(self) -> ParlourStream:
        return ParlourStream()

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        return OpenAIChat().error(status, headers, body)


REGISTERED: dict[str, Provider] = {
    "parlour": Parlour("parlour", *Parlour.address[:2]),
    "subclass": Subclass("subclass", "https://sub.example/v1", "SUB_KEY"),
    "bare": Bare(),
}


@pytest.fixture(autouse=True, scope="module")
def _registered() -> Iterator[None]:
    before = dict(registry._registered)
    for name, provider in REGISTERED.items():
        register_provider(name, provider)
    yield
    registry._registered.clear()
    registry._registered.update(before)
    find_provider.cache_clear()


ELSEWHERE = {
    "azure": "https://resource.example/openai?api-version=2024-10-21",
    "bedrock": "https://bedrock-runtime.eu-north-1.amazonaws.com",
    "vertex": "https://europe-north1-aiplatform.googleapis.com/v1/projects/p/locations/europe-north1",
}


def format_of(name: str) -> WireFormat:
    if name in registry._registered or name in REGISTERED or has_own_address(name):
        return find_provider(name)
    return find_provider(name, ELSEWHERE[name.partition("-")[0]])


class Distinct(NamedTuple):
    """One name for each class that the registry holds."""

    captured: list[str]
    only_asked: list[str]


def distinct() -> Distinct:
    names = {type(format_of(name)): name for name in reversed((*registry._FORMATS, *known_providers()))}
    found = Distinct([*names.values(), "parlour", "subclass"], ["bare", "python:parlour.talk"])
    return Distinct([*dict.fromkeys(found.captured)], found.only_asked)


CAPTURED, ONLY_ASKED = distinct()
PROMPT = Prompt(
    messages=({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Does it rain?"}),
    params={"max_tokens": 9},
)


def url_of(base_url: str, path: str) -> str:
    base, query = base_url.partition("?")[::2]
    queries = [part for part in (path.partition("?")[2], query) if part]
    return base + path.partition("?")[0] + ("?" + "&".join(queries) if queries else "")


def asked(name: str, *, stream: bool = False, model: str = "model-1") -> tuple[str, dict[str, str], ModelRequest]:
    """What an application would send: address, headers, request."""
    provider = format_of(name)
    request = provider.request(model, replace(PROMPT, stream=stream))
    headers = {**request.headers, **provider.authorization(SECRET)}
    return url_of(provider.base_url or "", request.path), {key.lower(): headers[key] for key in headers}, request


def seen(name: str, *, stream: bool = False, model: str = "model-1") -> Recognised:
    url, headers, request = asked(name, stream=stream, model=model)
    found = recognised("POST", url, headers, json.dumps(request.body).encode())
    assert found is not None
    return found


def test_every_format_of_the_package_is_in_the_registry() -> None:
    folder = Path(formats.__path__[0])
    names = (file.relative_to(folder).with_suffix("").parts for file in folder.rglob("[a-z]*.py"))
    modules = [import_module(".".join((formats.__name__, *name))) for name in names]
    written = {
        each
        for module in modules
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, WireFormat) and each.__module__ == module.__name__
    }
    hidden = {each for each in written if each.__name__.startswith("_")}
    assert {type(format_of(name)) for name in CAPTURED} >= written - hidden - {WireFormat, PythonFunction}


@pytest.mark.parametrize("name", CAPTURED)
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_is_recognised_as_itself(name: str, stream: bool) -> None:
    url, _, request = asked(name, stream=stream)
    found = seen(name, stream=stream)
    assert found.format.wire_format == format_of(name).wire_format
    assert (found.model, found.body, found.stream) == ("model-1", request.body, stream)
    assert sorted(urlsplit(url_of(found.base_url, found.path))) == sorted(urlsplit(url))
    assert dict(found.headers) == dict(request.headers)


@pytest.mark.parametrize("name", CAPTURED)
def test_a_key_is_found_where_it_is_put_and_is_no_part_of_the_request(name: str) -> None:
    url, headers, _ = asked(name)
    assert [value.endswith(SECRET) for value in keys_in(headers, url)] == [True]
    assert SECRET not in repr(seen(name).request(name))
    parameter = format_of(name).key_parameter
    if parameter is not None:
        assert keys_in({}, url_of(url, f"?{parameter}={SECRET}")) == [SECRET]


tokens = st.integers(60, 900)
calls = st.builds(
    lambda name, arguments, identity: ToolCall(
        name=name, arguments=arguments, raw_arguments=json.dumps(arguments), id=identity
    ),
    st.text(min_size=1, max_size=9),
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=3),
    st.text(min_size=1, max_size=9),
)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    called = tuple(draw(st.lists(calls, max_size=2)))
    refused = not called and draw(st.booleans())
    text = "" if refused else draw(st.text(min_size=0 if called else 1, max_size=30))
    ends = ["content_filter"] if refused else ["length", "tool_calls" if called else "stop"]
    return Answer(
        text=text,
        tool_calls=called,
        usage=Usage(
            input_tokens=draw(tokens) + 1000,
            output_tokens=draw(tokens) + 1000,
            cache_read_tokens=draw(tokens),
            cache_write_tokens=1,
            reasoning_tokens=draw(tokens),
        ),
        finish_reason=draw(st.sampled_from(ends)),
        refusal="I would rather not." if refused else None,
        response_model="model-1-of-may",
        response_id="r-1",
    )


@pytest.mark.parametrize("name", CAPTURED)
@given(answer=answers())
def test_a_body_made_of_an_answer_is_read_as_that_answer(name: str, answer: Answer) -> None:
    provider = format_of(name)
    read = provider.answer(json.loads(json.dumps(provider.body_of(answer, "model-1"))))
    assert (read.text, read.tool_calls, read.finish_reason) == (answer.text, answer.tool_calls, answer.finish_reason)
    assert read.response_model == answer.response_model
    assert bool(read.refusal) == bool(answer.refusal)
    assert read.response_id in (answer.response_id, None)  # a format may have no place for it, as for some tokens
    assert (read.usage.input_tokens, read.usage.output_tokens) == (
        answer.usage.input_tokens,
        answer.usage.output_tokens,
    )
    for kind in ("cache_read_tokens", "cache_write_tokens", "reasoning_tokens"):
        assert getattr(read.usage, kind) in (getattr(answer.usage, kind), None)


@pytest.mark.parametrize("name", CAPTURED)
@given(answer=answers(), pieces=st.integers(1, 9), size=st.integers(1, 400))
def test_a_stream_made_of_an_answer_is_read_as_that_answer(name: str, answer: Answer, pieces: int, size: int) -> None:
    provider = format_of(name)
    body = provider.body_of(answer, "model-1")
    content = b"".join(delivered(provider, body, stream=True, pieces=pieces).chunks)
    reader = provider.stream()
    parser = parser_for(reader)
    parts = [content[start : start + size] for start in range(0, len(content), size)]
    events = [event for part in parts for event in parser.feed(part)] + parser.close()
    carried = sum([reader.feed(event) for event in events if not reader.done])
    assert carried >= bool(answer.text)
    assert provider.answer(reader.body()) == provider.answer(body)


def numbered(content: bytes, number: str) -> bytes:
    """A response with this in place of both numbers of tokens, which Amazon's messages hide in checksums and base64."""
    if not content.startswith(b"\0"):
        return content.replace(b"700001", number.encode()).replace(b"700002", number.encode())
    frames = []
    for event in FrameParser().feed(content):
        name, data = event.name, event.data
        inside = re.fullmatch(r'{"bytes": "(.*)"}', data)
        plain = base64.b64decode(inside[1]).decode() if inside else data
        changed = plain.replace("700001", number).replace("700002", number)
        data = json.dumps({"bytes": base64.b64encode(changed.encode()).decode()}) if inside else changed
        frames.append(frame(Event(name, data)))
    return b"".join(frames)


NO_NUMBERS_OF_TOKENS = {
    **dict.fromkeys(("1e999", "-1e999", "9" * 5000), "malformed"),
    **dict.fromkeys(("NaN", "-Infinity", "-3", "2.5", "1e308", '"12"', "true", "[1]", '{"a": 1}', "9" * 40), None),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", CAPTURED)
def test_what_is_no_number_of_tokens_is_unknown_or_no_answer(name: str, stream: bool) -> None:
    provider = format_of(name)
    usage = Usage(input_tokens=700001, output_tokens=700002)
    answer = Answer(text="It rains.", finish_reason="stop", usage=usage)
    sent = delivered(provider, provider.body_of(answer, "model-1"), stream=stream, pieces=2)
    content = b"".join(sent.chunks)
    told: dict[str, str | None] = {}
    for number in NO_NUMBERS_OF_TOKENS:
        reader = AnswerReader(provider, stream=stream)
        reader.begins(200, {key.lower(): value for key, value in sent.headers.items()})
        reader.take(numbered(content, number), 0.1)
        try:
            response = reader.response(0.1)
        except ProviderError as error:
            told[number] = error.kind
        else:
            canonical_json(response.body)  # so that it can be stored
            counts = {response.answer.usage.input_tokens, response.answer.usage.output_tokens}
            told[number] = None if counts == {None} else str(counts)
    assert told == NO_NUMBERS_OF_TOKENS


@pytest.mark.parametrize("name", CAPTURED)
def test_a_stream_that_was_cut_is_no_answer(name: str) -> None:
    provider = format_of(name)
    body = provider.body_of(Answer(text="It rains.", finish_reason="stop"), "model-1")
    first, *_ = delivered(provider, body, stream=True, pieces=9).chunks
    reader = provider.stream()
    for event in parser_for(reader).feed(first):
        reader.feed(event)
    assert not has_answered(reader)
    with pytest.raises(ProviderError) as caught:
        reader.body()
    assert caught.value.kind == "malformed"


@pytest.mark.parametrize("name", CAPTURED)
@pytest.mark.parametrize("stream", [False, True])
def test_another_model_of_the_same_format_is_asked_the_same(name: str, stream: bool) -> None:
    before = seen(name, stream=stream)
    base_url, request = format_of(name).rerouted(before, "model/2")
    assert (request.provider, request.model, request.stream) == (format_of(name).name, "model/2", stream)
    again = recognised("POST", url_of(base_url, request.path), before.headers, json.dumps(request.body).encode())
    assert again is not None
    assert (again.format, again.model, again.stream) == (before.format, "model/2", stream)
    assert again.body == {name: "model/2" if name == "model" else value for name, value in before.body.items()}
    assert urlsplit(base_url).netloc == urlsplit(before.base_url).netloc


@pytest.mark.parametrize("name", CAPTURED)
@pytest.mark.parametrize("other", [*CAPTURED, *ONLY_ASKED])
def test_a_model_of_another_format_is_asked_or_it_is_said_that_it_cannot_be(name: str, other: str) -> None:
    there = format_of(other)
    address = None if other.startswith("python:") else "http://127.0.0.1:9/x?api-version=2024-10-21"
    trial = ModelSettings(name="trial", provider=other, model="model-2", base_url=address)
    production = ModelSettings(name="production", provider=name, model="model-1")
    found = seen(name)
    models = Models(trial=trial, production=(production,) if has_own_address(name) else ())
    if not models.production:
        found = seen(name, model="model-2")
    if not format_of(name).is_spoken_by(there):
        with pytest.raises(NotRerouted, match="cannot be rerouted to trial"):
            routed(found, models)
        return
    route = routed(found, models)
    assert route.url.startswith("http://127.0.0.1:9/")
    again = recognised("POST", route.url, found.headers, json.dumps(route.request.body).encode())
    assert again is not None
    assert (again.format.wire_format, again.model) == (format_of(name).wire_format, "model-2")
    assert route.provider.wire_format == format_of(name).wire_format


@pytest.mark.parametrize("name", [*CAPTURED, *ONLY_ASKED])
@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (401, {"type": "authentication_error"}, "authentication"),
        (404, {"code": "model_not_found"}, "not_found"),
        (429, {"type": "rate_limit_error"}, "rate_limit"),
        (429, {"code": "insufficient_quota"}, "billing"),
        (400, {"code": "content_filter"}, "content_filter"),
        (503, {}, "overloaded"),
    ],
)
def test_an_error_is_told_by_its_kind_and_without_a_key(
    name: str, status: int, error: dict[str, str], kind: str
) -> None:
    body = {"error": {"message": f"no: api_key={SECRET}", **error}}
    told = format_of(name).error(status, {"retry-after": "7"}, json.dumps(body).encode())
    assert (told.kind, told.status, told.retry_after) == (kind, status, 7.0)
    assert SECRET not in str(told)


@pytest.mark.parametrize("name", CAPTURED)
def test_an_error_in_place_of_an_answer_is_none(name: str) -> None:
    provider = format_of(name)
    for body, kind in (
        ({"error": {"type": "rate_limit_error"}}, "rate_limit"),
        ({}, "malformed"),
        ({"x": 1}, "malformed"),
    ):
        with pytest.raises(ProviderError) as caught:
            provider.answer(body)
        assert caught.value.kind == kind
    assert provider.answer({"error": {"code": "content_filter", "message": "no"}}).refusal


@pytest.mark.parametrize("name", ONLY_ASKED)
def test_what_can_only_be_asked_is_never_recognised(name: str) -> None:
    _, headers, request = asked(name)
    url = f"https://bare.example/v1{request.path}"
    assert recognised("POST", url, headers, json.dumps(request.body).encode()) is None


def test_an_object_that_inherits_nothing_is_asked_and_moves_with_the_base_url() -> None:
    moved = find_provider("bare", "https://elsewhere.example/v1")
    assert (moved.base_url, find_provider("bare").base_url) == (
        "https://elsewhere.example/v1",
        "https://bare.example/v1",
    )
    assert (moved.name, moved.api_key_env, moved.authorization("k")) == ("bare", "BARE_KEY", {"X-Bare": "k"})
    assert moved.request("m", PROMPT).path == "/bare"
    assert moved.answer({"said": "Yes."}).text == "Yes."
    assert isinstance(moved.stream(), ParlourStream)
    assert not is_called(moved)


def test_an_object_with_a_method_call_is_called() -> None:
    class Calling(Bare):
        def call(self, request: ModelRequest) -> Mapping[str, Any]:
            return {"said": f"{self.name} at {self.base_url}: {request.model}"}

    register_provider("calling", Calling())
    moved = find_provider("calling", "https://elsewhere.example")
    assert is_called(moved)
    assert moved.call(moved.request("m", PROMPT)) == {"said": "bare at https://elsewhere.example: m"}


def test_a_format_says_which_method_it_lacks() -> None:
    class Half(WireFormat):
        request, answer, stream = Bare.request, Bare.answer, Bare.stream

    half: WireFormat = Half("half")
    with pytest.raises(ProviderError, match=r"the provider half \(Half\) has no method body_of"):
        half.body_of(Answer(text=""), "m")
