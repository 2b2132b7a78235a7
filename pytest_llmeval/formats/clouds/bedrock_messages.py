"""Anthropic's Messages at Bedrock, by InvokeModel: the path names the model, and a stream is one of Amazon's."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import SplitResult

from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats import reading
from pytest_llmeval.formats.anthropic import AnthropicMessages, MessagesStream
from pytest_llmeval.formats.base import Event, Found, ModelRequest, Prompt, Recognised, WireFormat
from pytest_llmeval.formats.clouds import aws

_VERSION = "bedrock-2023-05-31"
_METHODS = {"invoke": False, "invoke-with-response-stream": True}
_HEADERS = ("x-amzn-bedrock-guardrailidentifier", "x-amzn-bedrock-guardrailversion")


class BedrockMessages(AnthropicMessages):
    """The wire format of ``POST {base_url}/model/{model}/invoke`` for Anthropic's models."""

    address = aws.ADDRESS._replace(variables={})
    wire_format = "bedrock-messages"
    family = "Bedrock's"
    meant = (*AnthropicMessages.meant, *_HEADERS)
    key_header = "Authorization"
    key_scheme = "Bearer "
    signs = True
    key_help = aws.KEY_HELP
    needs = aws.NEEDS

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        """The HTTP request for this prompt, as `AnthropicMessages.request` makes it.

        Raises:
            ProviderError: kind ``bad_request``: ``max_tokens`` is missing, or a tool call in the messages is invalid.
        """
        version = str(prompt.params.get("anthropic_version", _VERSION))
        request = super().request(model, prompt)
        body = {name: value for name, value in request.body.items() if name not in ("model", "stream")}
        path = aws.path_of(model, "invoke-with-response-stream" if request.stream else "invoke")
        return replace(request, path=path, body={"anthropic_version": version, **body}, headers={})

    def stream(self) -> InvokedStream:
        """A reader for one streamed response."""
        return InvokedStream()

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """What a response with an error status means."""
        return aws.failure_at(status, headers, body)

    @staticmethod
    def found_in(environment: Mapping[str, str]) -> Found | None:
        """Where the environment leads the provider's SDKs."""
        return aws.found_in(environment)

    def is_spoken_by(self, provider: WireFormat) -> bool:
        """Whether a model of this provider can be asked in this format; Anthropic's can, at the same address."""
        return provider.family in (self.family, AnthropicMessages.family)

    def may_ask(self, path: str) -> bool:
        """Whether a request with this path is worth a closer look."""
        return aws.asks_by(_METHODS, path)

    def recognise(self, url: SplitResult, headers: Mapping[str, str], body: Mapping[str, Any]) -> Recognised | None:
        """What a request asks of a model; None for other requests, those to models of other makers among them."""
        if not {"anthropic_version", "messages"} <= body.keys():
            return None
        return aws.recognised_by(_METHODS, self, url, headers, body)

    def path_to(self, asked: Recognised, model: str) -> str:
        """The path that names another model for a request."""
        return aws.path_to(asked, model)

    def events(self, body: Mapping[str, Any], pieces: int) -> Iterator[Event]:
        """The events of a stream that says what a response body says, each within one of Amazon's."""
        for event in super().events(body, pieces):
            if event.name == "error":
                yield aws.event_of(body["error"])
                return
            yield Event("chunk", json.dumps({"bytes": b64encode(event.data.encode()).decode("ascii")}))


class InvokedStream(MessagesStream):
    """Reads Amazon's events of one streamed message, each with one of Anthropic's inside."""

    framing = "frames"

    def feed(self, event: Event) -> bool:
        """Take one event; True when it carries text or a tool call."""
        error = aws.error_in(event)
        if error is not None:
            return super().feed(Event("error", json.dumps({"type": "error", "error": error})))
        inside = reading.event_object(event).get("bytes")
        if not isinstance(inside, str):
            return False
        try:
            content = b64decode(inside).decode("utf-8", "replace")
        except ValueError:
            raise reading.malformed("an event of the stream is not base64") from None
        return super().feed(Event("message", content))
