"""What the configuration of a model changes in a request: fields it takes out, renames and sets.

Of its headers only those are part of a request that change the answer; the others go with the endpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.formats.base import ModelRequest, WireFormat
from pytest_llmeval.formats.messages import with_params
from pytest_llmeval.json_text import path_steps, without_path

_THE_CALLERS = ("stream", "anthropic_version")  # who makes a request decides how its answer comes; one is a header


def adjusted(request: ModelRequest, model: ModelSettings, provider: WireFormat, *, sets: bool) -> ModelRequest:
    """A request without the parameters that a model does not take, and with others under the name it knows them by.

    Args:
        request: as a test or the application makes it.
        model: says what changes.
        provider: knows where in the body its parameters are.
        sets: whether `ModelSettings.params` are set too; those of a prompt are in the request already.
    """
    body: Any = request.body
    for path in model.drop_params:
        body = without_path(body, _steps(path, provider))
    for old, new in model.rename_params.items():
        body = _renamed(body, _steps(old, provider), _steps(new, provider))
    for name, value in model.params.items() if sets else ():
        if name not in _THE_CALLERS and (name != "stream_options" or request.stream):
            body = with_params(body, _nested(list(provider.place_of(name)), value))
    meant = {name.lower(): value for name, value in model.headers.items() if name.lower() in provider.meant}
    if body is request.body and not meant:
        return request
    return replace(request, body=body, headers={**request.headers, **meant})


def _steps(path: str, provider: WireFormat) -> list[str | int]:
    steps = path_steps(path)
    return list(provider.place_of(steps[0])) if len(steps) == 1 and isinstance(steps[0], str) else steps


def _renamed(body: Any, old: list[str | int], new: list[str | int]) -> Any:
    value = body
    for step in old:
        if not isinstance(value, Mapping) or step not in value:
            return body
        value = value[step]
    return _with(without_path(body, old), new, value)


def _with(body: Any, steps: list[str | int], value: Any) -> Any:
    inner = body if isinstance(body, Mapping) else {}
    first, rest = steps[0], steps[1:]
    return {**inner, first: _with(inner.get(first), rest, value) if rest else value}


def _nested(steps: list[str], value: Any) -> dict[str, Any]:
    return {steps[0]: _nested(steps[1:], value) if steps[1:] else value}
