"""Which HTTP requests ask a model, and what they ask."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

Format = Literal["chat", "responses", "messages", "content", "ollama"]

# By the end of the path, with the fields one of which must be in the body: other services have such paths too.
_BY_END: dict[str, tuple[Format, tuple[str, ...]]] = {
    "/chat/completions": ("chat", ("messages",)),
    "/responses": ("responses", ("input", "prompt", "previous_response_id", "conversation")),
    "/messages": ("messages", ("messages",)),
    "/api/chat": ("ollama", ("messages",)),
}

_CONTENT = re.compile(r"(?P<above>.*)/(?P<place>models|tunedModels)/(?P<model>[^/]+):(?P<method>[A-Za-z]+)")

_METHODS = {"generateContent": False, "streamGenerateContent": True}

# Bedrock's own, and those of Vertex for models of other makers.
_OTHER = re.compile(
    r".*(?:/model/.+/(?:invoke|invoke-with-response-stream|converse|converse-stream)|:(?:streamR|r)awPredict)"
)

_MEANT = ("anthropic-version", "anthropic-beta")  # headers that change what is answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """A request to a model, whoever made it.

    Attributes:
        format: the wire format.
        model: the provider's name of the model that is asked.
        base_url: what stands before `path`; the query, save what belongs to the format, is its own.
        path: as in ``/chat/completions``.
        body: the JSON body.
        headers: those that change what is answered; never one with a secret.
    """

    format: Format
    model: str
    base_url: str
    path: str
    body: Mapping[str, Any]
    stream: bool
    headers: Mapping[str, str] = field(default_factory=dict)


def may_ask_a_model(path: str) -> bool:
    """Whether a request with this path is worth a closer look.

    Args:
        path: of the URL.
    """
    return (
        path.rstrip("/").endswith(tuple(_BY_END))
        or path.endswith(tuple(f":{method}" for method in _METHODS))
        or in_another_format(path)
    )


def in_another_format(path: str) -> bool:
    """Whether a request with this path asks a model in a format that `recognised` does not read.

    Args:
        path: of the URL.
    """
    return _OTHER.fullmatch(path) is not None


def recognised(method: str, url: str, headers: Mapping[str, str], content: bytes) -> Recognised | None:
    """What a request asks of a model, None when it asks none, or in a format that is not known.

    Args:
        method: as in ``POST``.
        url: whole.
        headers: names in lower case.
        content: the body.
    """
    parts = urlsplit(url)
    if method != "POST" or not may_ask_a_model(parts.path):
        return None
    try:
        body = json.loads(content, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    path = parts.path.rstrip("/")
    if found := _CONTENT.fullmatch(path):
        return _content(found, url, body)
    for end, (format_, fields) in _BY_END.items():
        if path.endswith(end):
            model = body.get("model")
            if not isinstance(model, str) or not model or not any(name in body for name in fields):
                return None
            if format_ == "messages" and not ("anthropic-version" in headers or "max_tokens" in body):
                return None
            return Recognised(
                format=format_,
                model=model,
                base_url=urlunsplit(parts._replace(path=path.removesuffix(end), fragment="")),
                path=end,
                body=body,
                stream=body.get("stream", format_ == "ollama") is True,  # which streams unless told not to
                headers={name: headers[name] for name in _MEANT if name in headers} if format_ == "messages" else {},
            )
    return None


def _content(found: re.Match[str], url: str, body: dict[str, Any]) -> Recognised | None:
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    stream = _METHODS.get(found["method"])
    events = ("alt", "sse") in query
    # Without alt=sse a stream is one JSON array, which no SDK asks for.
    if stream is None or "contents" not in body or (stream and not events):
        return None
    rest = urlencode([pair for pair in query if pair != ("alt", "sse")])
    return Recognised(
        format="content",
        model=unquote(found["model"]),
        base_url=urlunsplit(parts._replace(path=found["above"], query=rest, fragment="")),
        path=f"/{found['place']}/{found['model']}:{found['method']}{'?alt=sse' if stream else ''}",
        body=body,
        stream=stream,
    )


def _no_json(constant: str) -> Any:
    raise ValueError(constant)
