"""A prompt as the request one model gets: its body, its identity, its key."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.errors import ProviderError, ReplyError
from pytest_llmeval.formats.base import ModelRequest, Prompt, Provider
from pytest_llmeval.formats.registry import find_provider, has_own_address
from pytest_llmeval.json_text import canonical_json, lenient_json
from pytest_llmeval.store.key import RequestIdentity, normalized, significant


class Asked(NamedTuple):
    """What a model is asked.

    Attributes:
        prompt: digest of what is asked, whichever model is asked.
        digest: digest of the request to this one.
        request: None when there can be none, as ``error`` says.

    Both digests are without what does not count. Whoever counts how often a sample has asked the same
    (`Draw.occurrence`) must count by them: two requests that differ only in what does not count are looked up alike,
    and would else get one and the same reply.
    """

    model: ModelSettings
    provider: Provider
    prompt: str
    digest: str
    request: ModelRequest | None
    identity: RequestIdentity | None
    error: ReplyError | None = None


def asked_of(
    model: ModelSettings,
    prompt: Prompt,
    *,
    ignore: tuple[str, ...] = (),
    normalize: Callable[[str], str] | None = None,
    salt: str = "",
) -> Asked:
    """A prompt to a model.

    Args:
        ignore: JSON paths within requests that do not count.
        normalize: changes each text of a request for looking it up only; what is sent stays as it is.
        salt: tells apart two models of one name that are served at different places.

    Raises:
        ConfigError: the model's provider is unknown.
    """
    provider = find_provider(model.provider, model.base_url)
    try:
        request = provider.request(model.model, prompt)
    except ReplyError as error:
        digest = prompt_digest(prompt, normalize)
        return Asked(model, provider, digest, f"no request: {error}", None, None, error)
    identity = identity_of(request, ignore=ignore, normalize=normalize, salt=salt)
    if ignore:
        words = words_digest(meant(request.body, normalize), ignore, besides=prompt.params)
    else:
        words = prompt_digest(prompt, normalize)
    return Asked(model, provider, words, identity.digest, request, identity)


def identity_of(
    request: ModelRequest,
    *,
    ignore: tuple[str, ...] = (),
    normalize: Callable[[str], str] | None = None,
    salt: str = "",
) -> RequestIdentity:
    """By what the replies to a request are looked up; the arguments are those of `asked_of`."""
    # The provider with what its headers add to the meaning of a request, such as an API version.
    headers = (f"{name}={value}" for name, value in sorted(request.headers.items()))
    return RequestIdentity(
        provider="|".join([request.provider, *headers]),
        path=request.path,
        model=request.model,
        body=meant(request.body, normalize),
        ignore=ignore,
        salt=salt,
    )


def words_digest(body: Mapping[str, Any], ignore: tuple[str, ...] = (), besides: Iterable[str] = ()) -> str:
    """Digest of what a request asks, whichever model is asked, made of its body.

    Args:
        body: as it is looked up.
        ignore: JSON paths within it that do not count.
        besides: more names of fields that do not, such as sampling parameters.
    """
    left_out = {"model", "stream", "stream_options", *besides}
    kept = {name: value for name, value in significant(body, ignore).items() if name not in left_out}
    return hashlib.sha256(canonical_json(kept).encode()).hexdigest()[:32]


def meant(body: Mapping[str, Any], normalize: Callable[[str], str] | None) -> Mapping[str, Any]:
    """A body as it is looked up."""
    if normalize is None:
        return body
    changed: Mapping[str, Any] = normalized(body, normalize)
    return changed


def prompt_digest(prompt: Prompt, normalize: Callable[[str], str] | None = None) -> str:
    """Digest of what is asked, whichever model is asked.

    Args:
        prompt: what is asked.
        normalize: changes each text before.
    """
    asked = {"messages": prompt.messages, "tools": prompt.tools, "schema": prompt.schema, "images": prompt.images}
    asked = asked if normalize is None else normalized(asked, normalize)
    return hashlib.sha256(lenient_json(asked).encode()).hexdigest()[:32]


NO_KEY = "no-key-in-this-environment"

"""Stands in an environment variable where there is no key, since SDKs make no client without one; never sent."""


def api_key_of(model: ModelSettings, provider: Provider) -> str | None:
    """The key for a model, None when it needs none.

    Raises:
        ProviderError: the environment does not have it.
    """
    variable = model.api_key_env or provider.api_key_env
    elsewhere = model.base_url is not None and has_own_address(model.provider)
    if variable is None or (elsewhere and model.api_key_env is None):
        # A server of the user's own gets a key only when the configuration names one for it.
        return None
    key = os.environ.get(variable, "").strip()
    if not key or key == NO_KEY:
        raise no_key(model, variable)
    return key


def no_key(model: ModelSettings, variable: str) -> ProviderError:
    """The error for a model whose key is missing.

    Args:
        model: who would be asked.
        variable: the environment variable that should hold it.
    """
    return ProviderError(
        f"no API key for {model.full_name}: set the environment variable {variable}, "
        "or replay recorded replies with --llm-mode=replay",
        kind="authentication",
    )
