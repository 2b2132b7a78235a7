"""`Llm`, what the fixture ``llm`` gives a test."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Any

from pytest_llmeval.checks.agents.tool_listing import Tools, tools_of
from pytest_llmeval.checks.typed_schemas import schema_of
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.formats.base import Prompt
from pytest_llmeval.plugin.asking.attachments import file_urls, image_urls
from pytest_llmeval.plugin.running.trial import Trial
from pytest_llmeval.reply import Reply

Schema = Mapping[str, Any] | type[Any] | UnionType
Attachment = str | bytes | os.PathLike[str]

_IN_THE_TABLE = "stands in the table of a model, [tool.llmeval.models.NAME], as {key}"
_NO_PARAMETERS = {
    "model": "llm asks the model on trial, {model}. --llm-model=NAME puts another on trial; a second model, such as a "
    "judge, is asked by its own SDK in a test that takes llm_capture, which keeps and replays its answers too",
    "messages": "chat messages are the first argument, as in llm([{{'role': 'user', 'content': '...'}}])",
    "api_key": _IN_THE_TABLE.replace("{key}", 'api_key_env = "OPENAI_API_KEY", the name of a variable'),
    "api_key_env": _IN_THE_TABLE.replace("{key}", 'api_key_env = "OPENAI_API_KEY", the name of a variable'),
    "base_url": _IN_THE_TABLE.replace("{key}", 'base_url = "https://..."'),
    "headers": _IN_THE_TABLE.replace("{key}", 'headers = {{ x-team = "search" }}'),
    "extra_headers": _IN_THE_TABLE.replace("{key}", 'headers = {{ x-team = "search" }}'),
    "default_headers": _IN_THE_TABLE.replace("{key}", 'headers = {{ x-team = "search" }}'),
    "extra_body": "its fields are keywords of llm themselves, as in llm(prompt, top_k=5)",
    "extra_query": _IN_THE_TABLE.replace("{key}", 'base_url = "https://...?name=value"'),
    "file": "PDF and sounds are given as files=, one or a list",
    "image": "images are given as images=, one or a list",
    "provider": _IN_THE_TABLE.replace("{key}", 'model = "provider/model"'),
}
"""Keywords that look like settings of a call and would be sent on as fields of the request."""


class Llm:
    """Asks the model on trial.

    Attributes:
        model: its name: the alias from [tool.llmeval], or ``provider/model``.
    """

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self.model = trial.model.name

    def __repr__(self) -> str:
        return f"<llm: {self.model}>"

    def __call__(
        self,
        prompt: str | Sequence[Mapping[str, Any]],
        *,
        system: str | None = None,
        tools: Tools = (),
        schema: Schema | None = None,
        images: Attachment | Sequence[Attachment] = (),
        files: Attachment | Sequence[Attachment] = (),
        stream: bool | None = None,
        **params: Any,
    ) -> Reply:
        """Ask the model and wait for its reply.

        Args:
            prompt: a string, or chat messages as ``{"role": ..., "content": ...}``.
            system: a system message that goes before the others.
            tools: functions the model may call: ``{"name", "description", "parameters"}``, or what an MCP server lists.
            schema: what the answer must satisfy (structured output): a JSON schema, or a pydantic model, TypedDict,
                ``list[...]`` or union, which pydantic turns into one.
            images: belong to the last user message; each an https: or data: URL, the path of a file, or bytes.
            files: PDF and sounds, given like images.
            stream: stream the answer, which measures the time to first token.
            **params: sampling parameters, passed on as they are; they override those of the configuration.

        Returns:
            The reply, a ``str`` with ``.json()``, ``.usage``, ``.latency``, ``.cost`` and more.

        Raises:
            ReplyError: there is no reply; the case becomes an error, neither pass nor fail.
        """
        __tracebackhide__ = True
        return self._trial.ask(self._prompt(prompt, system, tools, schema, images, files, stream, params))

    async def acall(
        self,
        prompt: str | Sequence[Mapping[str, Any]],
        *,
        system: str | None = None,
        tools: Tools = (),
        schema: Schema | None = None,
        images: Attachment | Sequence[Attachment] = (),
        files: Attachment | Sequence[Attachment] = (),
        stream: bool | None = None,
        **params: Any,
    ) -> Reply:
        """The same in an async test, under pytest-asyncio or anyio."""
        __tracebackhide__ = True
        return await self._trial.ask_async(self._prompt(prompt, system, tools, schema, images, files, stream, params))

    def sample(
        self,
        prompt: str | Sequence[Mapping[str, Any]],
        n: int,
        *,
        system: str | None = None,
        tools: Tools = (),
        schema: Schema | None = None,
        images: Attachment | Sequence[Attachment] = (),
        files: Attachment | Sequence[Attachment] = (),
        stream: bool | None = None,
        **params: Any,
    ) -> list[Reply]:
        """Ask the same n times at once and wait for the n independent replies.

        Args:
            prompt: as for calling the fixture itself, and so are the other arguments.
            n: how many replies, from 1. Asking for more later keeps the first ones.
        """
        __tracebackhide__ = True
        if not isinstance(n, int) or n < 1:
            raise ConfigError(f"llm.sample(prompt, n): n must be a whole number from 1, not {n!r}")
        return self._trial.ask_many([self._prompt(prompt, system, tools, schema, images, files, stream, params)] * n)

    def _prompt(
        self,
        prompt: str | Sequence[Mapping[str, Any]],
        system: str | None,
        tools: Tools,
        schema: Schema | None,
        images: Attachment | Sequence[Attachment],
        files: Attachment | Sequence[Attachment],
        stream: bool | None,
        params: Mapping[str, Any],
    ) -> Prompt:
        __tracebackhide__ = True
        if wrong := next((name for name in _NO_PARAMETERS if name in params), None):
            raise ConfigError(f"llm(..., {wrong}=...): {_NO_PARAMETERS[wrong].format(model=self.model)}")
        configured = dict(self._trial.model.params)
        streams = bool(configured.pop("stream", False)) if stream is None else stream
        return Prompt(
            messages=_messages(prompt, system),
            tools=tools_of(tools, "llm(..., tools=...)"),
            schema=schema_of(schema),
            images=image_urls(images),
            files=file_urls(files),
            params={**configured, **params},
            stream=streams,
        )


def _messages(prompt: str | Sequence[Mapping[str, Any]], system: str | None) -> tuple[Mapping[str, Any], ...]:
    __tracebackhide__ = True
    messages: list[Mapping[str, Any]]
    if isinstance(prompt, str):
        messages = [{"role": "user", "content": str(prompt)}]
    elif isinstance(prompt, (list, tuple)) and all(isinstance(message, Mapping) for message in prompt):
        messages = list(prompt)
    else:
        raise ConfigError(
            f"llm(prompt): expected a string or a list of chat messages, not {type(prompt).__name__}; "
            'a message is {"role": "user", "content": "..."}'
        )
    if system is not None:
        messages.insert(0, {"role": "system", "content": str(system)})
    if not messages:
        raise ConfigError("llm(prompt): the list of messages is empty")
    return tuple(messages)
