"""Answers that come with an error status, since the provider tells a failure of the model as an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.base import Provider
from pytest_llmeval.reply import TOLD_AS_ERRORS, Answer


def answer_told_as_error(
    provider: Provider, error: ProviderError, content: bytes
) -> tuple[Mapping[str, Any], Answer] | None:
    """The body and the answer of a response with an error status, None when it holds none.

    Args:
        provider: the wire format.
        error: what it makes of the response.
        content: the response's body.
    """
    if error.kind not in TOLD_AS_ERRORS:
        return None
    try:
        body = json.loads(content, parse_constant=lambda _: None)
        if isinstance(body, list) and body:  # Google wraps it
            body = body[0]
        return (body, provider.answer(body)) if isinstance(body, dict) else None
    except (ValueError, RecursionError, ProviderError):
        return None
