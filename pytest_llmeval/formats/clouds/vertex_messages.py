"""Anthropic's Messages at Vertex AI, by rawPredict: the path names the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlunsplit

from pytest_llmeval.formats.anthropic import AnthropicMessages
from pytest_llmeval.formats.base import Address, Found, ModelRequest, Prompt, Recognised, WireFormat
from pytest_llmeval.formats.clouds import vertex

_VERSION = "vertex-2023-10-16"
_PATH = re.compile(r"(?P<above>.*)/models/(?P<model>[^/:]+):(?P<method>[A-Za-z]+)")
_FIELDS = {"anthropic_version", "messages", "max_tokens"}
_METHODS = {"rawPredict": False, "streamRawPredict": True}


class VertexMessages(AnthropicMessages):
    """The wire format of ``POST {base_url}/publishers/anthropic/models/{model}:rawPredict``.

    Raises:
        ConfigError: the base URL is Google's, and names no project.
    """

    address = Address(None, vertex.KEY, {"ANTHROPIC_VERTEX_BASE_URL": "/v1"})
    wire_format = "vertex-messages"
    family = "Vertex's"
    key_header = "Authorization"
    key_scheme = "Bearer "
    key_help = vertex.KEY_HELP
    needs = vertex.NEEDS

    def __init__(self, name: str, base_url: str | None, api_key_env: str | None) -> None:
        super().__init__(name, vertex.below(base_url, "anthropic"), api_key_env)

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        """The HTTP request for this prompt, as `AnthropicMessages.request` makes it.

        Raises:
            ProviderError: kind ``bad_request``: ``max_tokens`` is missing, or a tool call in the messages is invalid.
        """
        version = str(prompt.params.get("anthropic_version", _VERSION))
        request = super().request(model, prompt)
        body = {name: value for name, value in request.body.items() if name != "model"}
        path = _path_of(model, "streamRawPredict" if request.stream else "rawPredict")
        return replace(request, path=path, body={"anthropic_version": version, **body}, headers={})

    @staticmethod
    def found_in(environment: Mapping[str, str]) -> Found | None:
        """Where the environment leads the provider's SDKs."""
        return vertex.found_in(environment)

    def is_spoken_by(self, provider: WireFormat) -> bool:
        """Whether a model of this provider can be asked in this format; Anthropic's can, at the same address."""
        return provider.family in (self.family, AnthropicMessages.family)

    def may_ask(self, path: str) -> bool:
        """Whether a request with this path is worth a closer look."""
        return path.endswith(tuple(f":{method}" for method in _METHODS))

    def recognise(self, url: SplitResult, headers: Mapping[str, str], body: Mapping[str, Any]) -> Recognised | None:
        """What a request asks of a model; None for other requests: those that count tokens, or ask another's model."""
        found = _PATH.fullmatch(url.path)
        if found is None or found["method"] not in _METHODS or not body.keys() >= _FIELDS:
            return None
        model = unquote(found["model"])
        return Recognised(
            format=self,
            model=model,
            base_url=urlunsplit(url._replace(path=found["above"], fragment="")),
            path=_path_of(model, found["method"]),
            body=body,
            stream=_METHODS[found["method"]],
            headers={name: headers[name] for name in self.meant if name in headers},
        )

    def path_to(self, asked: Recognised, model: str) -> str:
        """The path that names another model for a request."""
        return _path_of(model, asked.path.rpartition(":")[2])


def _path_of(model: str, method: str) -> str:
    return f"/models/{quote(model, safe='@')}:{method}"
