"""Which HTTP requests ask a model, and what they ask."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pytest_llmeval.formats.base import Recognised, WireFormat
from pytest_llmeval.formats.other_calls.asked import may_be_other_call, other_call
from pytest_llmeval.formats.registry import own_formats, wire_formats

# Those of Bedrock and Vertex for models of makers whose formats are not read there.
_OTHER = re.compile(
    r".*(?:/model/.+/(?:invoke|invoke-with-response-stream|converse|converse-stream)|:(?:streamR|r)awPredict)"
)


def may_ask_a_model(path: str) -> bool:
    """Whether a request with this path is worth a closer look."""
    captured = any(format_.may_ask(path) for format_ in wire_formats().values())
    return captured or may_be_other_call(path) or in_another_format(path)


def in_another_format(path: str) -> bool:
    """Whether a request with this path asks a model in a format that `recognised` does not read."""
    return _OTHER.fullmatch(path) is not None


def recognised(method: str, url: str, headers: Mapping[str, str], content: bytes) -> Recognised | None:
    """What a request asks of a model; None for other requests, and for formats that are not known.

    Args:
        method: as in ``POST``.
        url: whole.
        headers: names in lower case.
        content: the body.
    """
    if method != "POST":
        return None
    parts = urlsplit(url)
    formats = [each for each in wire_formats().values() if each.may_ask(parts.path)]
    body = _object(content) if formats else None
    found = (each.recognise(parts, headers, body) for each in formats) if body is not None else ()
    return next(filter(None, found), None) or other_call(parts, headers, content)


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(content, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def keys_in(headers: Mapping[str, str], url: str) -> list[str]:
    """What a request has where any format has its key, with the scheme before it.

    Args:
        headers: names in lower case.
        url: whole, or its base.
    """
    formats: list[type[WireFormat] | WireFormat] = [WireFormat, *own_formats(), *wire_formats().values()]
    names = dict.fromkeys(each.key_header.lower() for each in formats)
    parameters = {each.key_parameter for each in formats}
    in_url = [value for name, value in parse_qsl(urlsplit(url).query) if name in parameters]
    return [headers[name] for name in names if name in headers] + in_url


def _no_json(constant: str) -> Any:
    raise ValueError(constant)
