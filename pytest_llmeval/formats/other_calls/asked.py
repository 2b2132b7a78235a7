"""Which requests call a model for something else than an answer, and what they ask."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, unquote, urlunsplit

from pytest_llmeval.formats.base import Recognised
from pytest_llmeval.formats.other_calls.kept import AS_IT_IS

# How the path ends, and the fields of which a body has those of one group; other services have such paths too.
_CALLS: Mapping[str, tuple[str, ...]] = {
    "/embeddings": ("input", "inputs", "content", "prompt"),  # Ollama's older form has a prompt
    "/embed": ("model input", "model inputs", "model texts", "model images", "inputs"),  # Cohere, Ollama, TEI
    "/rerank": ("query documents", "query texts"),
    "/moderations": ("input",),
    "/classifications": ("input",),  # Mistral
    "/classify": ("model inputs", "model input"),
    "/images/generations": ("prompt",),
    "/images/edits": ("prompt",),
    "/images/variations": ("image",),
    "/audio/speech": ("model input",),
    "/audio/transcriptions": ("model",),
    "/audio/translations": ("model",),
    "/ocr": ("model document",),  # Mistral
    "/completions": ("prompt",),
    "/complete": ("model prompt",),  # Anthropic's older form
    "/messages/count_tokens": ("messages",),
    "/responses/input_tokens": ("model", "input"),
    "/tokenize": ("model text", "model prompt", "model messages"),
    "/detokenize": ("model tokens",),
    ":embedContent": ("content",),
    ":batchEmbedContents": ("requests",),
    ":countTokens": ("contents", "instances", "generateContentRequest"),
    ":computeTokens": ("contents", "instances"),
    ":predict": ("instances",),
}
_PATH = re.compile(rf"(?:/v\d\w*)?({'|'.join(map(re.escape, _CALLS))})$")
_IN_PATH = re.compile(r"/(?:models|tunedModels|endpoints|deployments)/([^/:]+)(?:/[a-z/]+|:\w+)$")
_UNNAMED = "default"


def may_be_other_call(path: str) -> bool:
    """Whether a request with this path is worth a closer look."""
    return _PATH.search(path.rstrip("/")) is not None


def other_call(url: SplitResult, headers: Mapping[str, str], content: bytes) -> Recognised | None:
    """What a request asks of a model besides answers, None for every other request.

    Args:
        url: whole.
        headers: names in lower case.
        content: the body.
    """
    path = url.path.rstrip("/")
    match = _PATH.search(path)
    body = _body(headers.get("content-type", ""), content) if match is not None else None
    if match is None or body is None:
        return None
    if not any(body.keys() >= {*group.split()} for group in _CALLS[match[1]]):
        return None
    named, in_path = body.get("model"), _IN_PATH.search(path)
    model = named if isinstance(named, str) and named else unquote(in_path[1]) if in_path else _UNNAMED
    return Recognised(
        format=AS_IT_IS,
        model=model,
        base_url=urlunsplit(url._replace(path=path[: match.start()], fragment="")),
        path=match[0],
        body=body,
        stream=False,
        content=content,
    )


def _body(kind: str, content: bytes) -> dict[str, Any] | None:
    """The fields of a body, by which its answer is looked up: of a JSON object, or of a form."""
    if kind.lower().startswith("multipart/form-data"):
        return _form(kind, content)
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _form(kind: str, content: bytes) -> dict[str, Any] | None:
    """The fields of a form; of a file only what is in it, since its name may be another each time."""
    boundary = re.search(r'boundary="?([^";,]+)', kind)
    if boundary is None:
        return None
    fields: dict[str, Any] = {}
    for part in content.split(b"--" + boundary[1].encode())[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'[; ]name="([^"]*)"', head)
        if name is not None:
            value = value.removesuffix(b"\r\n")
            field = _file(value) if b"filename" in head else value.decode("utf-8", "replace")
            fields.setdefault(name[1].decode("utf-8", "replace"), []).append(field)
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


def _file(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
