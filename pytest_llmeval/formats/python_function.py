"""A function of the user's as a provider: ``model = "python:package.module.function"``."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pytest_llmeval.credentials import hide_likely
from pytest_llmeval.errors import ProviderError, ProviderErrorKind
from pytest_llmeval.formats import reading
from pytest_llmeval.formats.base import ModelRequest, Prompt, StreamReader, WireFormat
from pytest_llmeval.formats.failure import failure_of_response
from pytest_llmeval.formats.messages import refused
from pytest_llmeval.reply import TOLD_AS_ERRORS, Answer, Usage
from pytest_llmeval.text import first_line

_USAGE = tuple(Usage.__dataclass_fields__)
_KEYS = ("text", "tool_calls", "usage", "finish_reason", "refusal", "model", "id")


class PythonFunction(WireFormat):
    """Answers come from ``function(messages, **params)``; see `CallingProvider`.

    The function gets the messages, the parameters of the configuration and of the call, and ``tools``, ``schema``,
    ``images``, ``files`` and ``model`` when there are any. It returns a text, or a dict with ``text`` and whatever else
    it knows of ``tool_calls`` (each ``{"name", "arguments", "id"}``), ``usage`` (with the names of `Usage`),
    ``finish_reason``, ``refusal``, ``model`` and ``id``. It may be ``async``.

    Args:
        name: ``python:`` and the dotted name of the function.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._dotted = name.removeprefix("python:")

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        """What the function will be called with; it is what the answer is stored under, too."""
        given = {
            "tools": [dict(tool) for tool in prompt.tools],
            "schema": dict(prompt.schema) if prompt.schema is not None else None,
            "images": list(prompt.images),
            "files": list(prompt.files),
            "model": model,
        }
        body = {
            **{name: value for name, value in prompt.params.items() if name != "stream"},
            **{name: value for name, value in given.items() if value},
            "messages": [dict(message) for message in prompt.messages],
        }
        full = f"{self._dotted}/{model}" if model else self._dotted
        return ModelRequest(provider="python", model=full, path="", body=body)

    def call(self, request: ModelRequest) -> Mapping[str, Any] | Awaitable[Mapping[str, Any]]:
        """Call the function.

        Raises:
            ProviderError: the function is missing, raised, or returned something else than promised.
        """
        function = _found(self._dotted)
        arguments = dict(request.body)
        try:
            result = function(arguments.pop("messages"), **arguments)
        except Exception as error:
            return _body_of(_failure(error))
        return self._awaited(result) if inspect.isawaitable(result) else self._body(result)

    async def _awaited(self, result: Awaitable[Any]) -> Mapping[str, Any]:
        try:
            value = await result
        except (Exception, SystemExit) as error:
            return _body_of(_failure(error))
        return self._body(value)

    def _body(self, result: Any) -> dict[str, Any]:
        if isinstance(result, str):
            return {"text": str(result)}
        if not isinstance(result, Mapping) or not (isinstance(result.get("text"), str) or result.get("tool_calls")):
            keys = first_line(", ".join(map(str, result)), 80) if isinstance(result, Mapping) else ""
            raise reading.malformed(
                f"{self._dotted} returned {type(result).__name__}{f' with {keys}' if keys else ''}; "
                'it should return a text or a dict {"text": ..., "usage": {...}, "tool_calls": [...]}'
            )
        unknown = [str(key) for key in result if key not in _KEYS]
        usage = result.get("usage")
        unknown += [f"usage.{key}" for key in usage if key not in _USAGE] if isinstance(usage, Mapping) else []
        if unknown:
            keys = first_line(", ".join(unknown), 80)
            raise reading.malformed(
                f"{self._dotted} returned the unknown keys {keys}; known are {', '.join(_KEYS)}, "
                f"and in usage {', '.join(_USAGE)}"
            )
        try:
            body = json.loads(json.dumps(dict(result), allow_nan=False))
        except (TypeError, ValueError, RecursionError) as error:
            raise reading.malformed(
                f"{self._dotted} returned what is not JSON: {first_line(str(error), 100)}"
            ) from None
        return reading.object_or_empty(body)

    def authorization(self, api_key: str) -> Mapping[str, str]:
        """Nothing: the function has its own keys."""
        return {}

    def answer(self, body: Mapping[str, Any]) -> Answer:
        """The answer in what the function returned.

        Raises:
            ProviderError: kind ``malformed``: a tool call has no name.
        """
        reason = reading.finish_reason(body.get("finish_reason"))
        usage = reading.object_or_empty(body.get("usage"))
        calls = tuple(
            reading.tool_call(call.get("name"), call.get("arguments"), call.get("id"))
            for call in reading.objects(body.get("tool_calls"))
        )
        return Answer(
            text=body["text"] if isinstance(body.get("text"), str) else "",
            tool_calls=calls,
            usage=Usage(**{name: reading.count(usage.get(name)) for name in _USAGE}),
            finish_reason=reason,
            refusal=reading.text_or_none(body.get("refusal"))
            or (reading.FILTERED if reason == "content_filter" else None),
            response_model=reading.text_or_none(body.get("model")),
            response_id=reading.text_or_none(body.get("id")),
        )

    def stream(self) -> StreamReader:
        """Nothing is streamed."""
        raise reading.malformed("a Python function cannot be streamed")


def _found(dotted: str) -> Callable[..., Any]:
    from importlib import import_module

    module_name, _, function_name = dotted.rpartition(".")
    try:
        module = import_module(module_name)
    except Exception as error:
        words = first_line(f"{type(error).__name__}: {error}", 160)
        raise refused(
            f"the module {first_line(module_name, 80)!r} cannot be imported: {words}; is its folder in pytest's "
            "setting pythonpath, or the package installed?"
        ) from None
    function = getattr(module, function_name, None)
    if not callable(function):
        from difflib import get_close_matches

        names = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        nearest = get_close_matches(function_name, names, n=1)
        guess = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise refused(f"the module {module_name!r} has no function {first_line(function_name, 60)!r}{guess}")
    return function  # type: ignore[no-any-return]


def _failure(error: BaseException) -> ProviderError:
    """An exception of the function in our words; one of an SDK says which status the provider answered with."""
    if isinstance(error, ProviderError):
        return error
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if isinstance(status, int) and status >= 400:
        try:
            headers, content = dict(response.headers), bytes(response.content)  # type: ignore[union-attr]
        except Exception:  # a response that was streamed and is closed
            headers, content = {}, b""
        return failure_of_response(status, headers, content)
    kind: ProviderErrorKind = "bad_request"
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        kind = "timeout"
    elif isinstance(error, ConnectionError) or "Connect" in type(error).__name__:
        kind = "connection"
    words = first_line(hide_likely(str(error)[:2000]), 200)
    return ProviderError(f"{type(error).__name__}: {words}" if words else type(error).__name__, kind=kind)


def _body_of(failure: ProviderError) -> dict[str, Any]:
    """What the function could have returned where it raised: a failure of the model is an answer.

    Raises:
        ProviderError: it is another failure.
    """
    if failure.kind not in TOLD_AS_ERRORS:
        raise failure from None
    refusal = {"refusal": str(failure)} if failure.kind == "content_filter" else {}
    return {"text": "", "finish_reason": failure.kind, **refusal}
