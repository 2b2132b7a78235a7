"""Property: whatever a provider sends in the middle of an answer, it is read or is a `ProviderError`."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.engine.answer_reader import AnswerReader
from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.base import Event
from pytest_llmeval.formats.clouds.frames import KIND, frame
from pytest_llmeval.formats.framing import framing_of
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.formats.replay import delivered
from pytest_llmeval.json_text import canonical_json
from pytest_llmeval.reply import Answer
from tests.damage import damaged_pieces, damaged_value
from tests.formats.examples import EXAMPLES
from tests.formats.test_splitting import FORMS

NAMES = sorted({*EXAMPLES, *(name for name, _ in FORMS)})
BODIES: dict[str, list[dict[str, Any]]] = {
    name: [
        *([dict(EXAMPLES[name].body)] if name in EXAMPLES else []),
        *(body for form, body in FORMS if form == name),
    ]
    for name in NAMES
}
PLACES = st.lists(st.integers(0, 99_999), max_size=8)


def read(name: str, status: int, headers: dict[str, str], content: bytes, places: list[int], *, stream: bool) -> None:
    """Take a response in pieces: it is an answer that can be kept, or a readable error."""
    reader = AnswerReader(find_provider(name), stream=stream)
    reader.begins(status, headers)
    cuts = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    for start, end in pairwise(cuts):
        reader.take(content[start:end], 0.1)
    assert reader.finished in (True, False)
    assert reader.generated in (True, False)
    try:
        response = reader.response(0.1)
        assert isinstance(response.answer, Answer)
        words = canonical_json(response.body)
    except ProviderError as error:
        words = str(error).replace("\n", "").replace("\t", "")
    assert words.isprintable()


def sent(name: str, data: st.DataObject) -> tuple[str, list[bytes]]:
    """The content type and the events of a stream whose values are damaged in one event of ten."""
    if name in EXAMPLES and data.draw(st.booleans()):
        example = EXAMPLES[name]
        return example.kind, [_damaged(chunk, data) for chunk in example.chunks]
    format_, body = find_provider(name), data.draw(st.sampled_from(BODIES[name]))
    if framing_of(format_.stream()) != "frames":
        whole = delivered(format_, body, stream=True, pieces=3)
        return whole.headers["content-type"], [_damaged(chunk, data) for chunk in whole.chunks]
    events = [Event(event.name, _damaged(event.data.encode(), data).decode()) for event in format_.events(body, 3)]
    return KIND, [frame(event) for event in events]


def _damaged(event: bytes, data: st.DataObject) -> bytes:
    found = re.search(rb"\{.*\}", event)
    if found is None or data.draw(st.integers(0, 9)):
        return event
    value = data.draw(damaged_value(json.loads(found[0])))
    return event[: found.start()] + json.dumps(value).encode() + event[found.end() :]


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data(), places=PLACES)
def test_a_damaged_stream_is_read_or_refused(name: str, data: st.DataObject, places: list[int]) -> None:
    kind, events = sent(name, data)
    content = b"".join(data.draw(damaged_pieces(events) if data.draw(st.booleans()) else st.just(events)))
    read(name, 200, {"content-type": kind}, content, places, stream=True)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data(), status=st.sampled_from([200, 200, 200, 204, 302, 400, 403, 429, 500]), stream=st.booleans())
def test_a_damaged_body_is_read_or_refused(name: str, data: st.DataObject, status: int, stream: bool) -> None:
    kinds = st.sampled_from(["application/json", "text/html", "text/event-stream", "", "application/x-ndjson"])
    body = json.dumps(data.draw(damaged_value(data.draw(st.sampled_from(BODIES[name]))))).encode()
    if data.draw(st.booleans()):
        body = b"".join(data.draw(damaged_pieces([body])))
    read(name, status, {"content-type": data.draw(kinds)}, body, [], stream=stream)
