"""How the answer to such a call is kept: as it is, whatever it is, and given back as it was."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, NoReturn

from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.answers.spent import told_cost
from pytest_llmeval.formats.base import ModelRequest, Prompt, WireFormat
from pytest_llmeval.formats.reading import count, malformed, object_or_empty
from pytest_llmeval.formats.replay import Delivery
from pytest_llmeval.json_text import sent_json
from pytest_llmeval.reply import OTHER_CALL, Answer, Usage

_HEADERS = ("content-type", "content-disposition")


class _AsItIs(WireFormat):
    """The format of every such call: its response is read by nobody but the application."""

    wire_format = OTHER_CALL

    def kept(self, headers: Mapping[str, str], content: bytes) -> dict[str, Any]:
        """A response as the store has it: its text, or its bytes where they are none.

        Args:
            headers: names in lower case.
            content: the body, decoded.
        """
        meant = {name: headers[name] for name in _HEADERS if name in headers}
        try:
            return {"headers": meant, "text": content.decode()}
        except UnicodeDecodeError:
            return {"headers": meant, "base64": base64.b64encode(content).decode()}

    def delivery(self, kept: Mapping[str, Any], status: int) -> Delivery:
        """The response that was kept."""
        text = kept.get("text")
        content = base64.b64decode(kept["base64"]) if text is None else text.encode()
        return Delivery(status=status, headers=kept["headers"], chunks=(content,))

    def answer(self, body: Mapping[str, Any]) -> Answer:
        """No answer, but what it has cost: the tokens of embeddings, legacy completions and their like.

        Raises:
            ProviderError: the body is not one that was kept.
        """
        if "headers" not in body:
            raise malformed("this is no response that was kept")
        try:
            told = object_or_empty(sent_json(body.get("text") or ""))
        except ValueError:
            told = {}
        usage = object_or_empty(told.get("usage"))
        return Answer(text="", finish_reason="stop", usage=_tokens(told, usage), cost=told_cost(usage))

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        self._only_handed_on()

    def stream(self) -> Any:
        self._only_handed_on()

    def _only_handed_on(self) -> NoReturn:
        raise ProviderError("such a call is only handed on", kind="bad_request")


def _tokens(told: Mapping[str, Any], usage: Mapping[str, Any]) -> Usage:
    """The tokens, where those of all kinds have one price each; of images and speech they have several."""
    whole = count(usage.get("total_tokens"))  # Voyage and Jina tell nothing else
    prompt = count(usage.get("prompt_tokens"))
    if prompt is None and "input_tokens" not in usage:
        prompt = whole
    if prompt is None:
        prompt = count(told.get("prompt_eval_count"))  # Ollama
    if prompt is None:
        prompt = count(object_or_empty(told.get("usageMetadata")).get("promptTokenCount"))  # Google
    return Usage(input_tokens=prompt, output_tokens=count(usage.get("completion_tokens")) or 0)


AS_IT_IS = _AsItIs(OTHER_CALL)
