"""What a model is asked, by what its replies are looked up, and its key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.engine.adjusted import adjusted
from pytest_llmeval.engine.aws_signature import can_sign
from pytest_llmeval.errors import ProviderError, ReplyError
from pytest_llmeval.formats.base import ModelRequest, Prompt, WireFormat
from pytest_llmeval.formats.registry import find_provider, has_own_address
from pytest_llmeval.json_text import canonical_json, lenient_json
from pytest_llmeval.store.key import RequestIdentity, normalized, significant


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a model is asked, and by what its replies are looked up; made once, where the question comes in.

    Attributes:
        request: as it is sent, or why there can be none.
        words_digest: of what is asked, whichever model is asked.
        digest: of the request to this model.
        server: as an `Entry` keeps it.

    Both digests leave out what does not count. Code that counts how often a sample has asked the same
    (`Draw.occurrence`) must count by them: two requests that differ only in what does not count are looked up alike,
    and would otherwise get one and the same reply.
    """

    model: ModelSettings
    provider: WireFormat
    request: ModelRequest | ReplyError
    words_digest: str
    digest: str
    identity: RequestIdentity | None = None
    server: str = ""

    def asked(self) -> ModelRequest:
        """The request.

        Raises:
            ReplyError: there can be none.
        """
        if isinstance(self.request, ReplyError):
            raise self.request
        return self.request

    def key(self, sample: int, occurrence: int) -> str:
        """The key under which a reply is stored."""
        return self.identity.key(sample=sample, occurrence=occurrence) if self.identity is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookups:
    """How requests are looked up.

    Attributes:
        ignore: JSON paths within requests that do not count.
        normalize: changes each text of a request for looking it up only; what is sent stays as it is.
        salts: by the name of a model, what its replies are told apart by, where another of the same name is served
            elsewhere.
    """

    ignore: tuple[str, ...] = ()
    normalize: Callable[[str], str] | None = None
    salts: Mapping[str, str] = field(default_factory=dict)

    def of_prompt(self, model: ModelSettings, prompt: Prompt) -> Lookup:
        """What a prompt asks a model.

        Raises:
            ConfigError: the model's provider is unknown.
        """
        provider = find_provider(model.provider, model.base_url)
        try:
            request = provider.request(model.model, prompt)
        except ReplyError as error:
            return Lookup(model, provider, error, self._prompt_digest(prompt), f"no request: {error}")
        words = self.words_digest(request.body, besides=prompt.params) if self.ignore else self._prompt_digest(prompt)
        return self._lookup(model, provider, adjusted(request, model, provider, sets=False), words)

    def of_request(
        self, model: ModelSettings, provider: WireFormat, request: ModelRequest, made: Mapping[str, Any] | None = None
    ) -> Lookup:
        """What a request asks that is made already.

        Args:
            request: as it is sent.
            made: its body as the application made it, before the settings of a model changed it; None for the same.
        """
        return self._lookup(model, provider, request, self.words_digest(request.body if made is None else made))

    def words_digest(self, body: Mapping[str, Any], *, besides: Iterable[str] = ()) -> str:
        """Digest of what a request asks, whichever model is asked, made of its body.

        Args:
            body: as it is sent.
            besides: more names of fields that do not count, such as sampling parameters.
        """
        left_out = {"model", "stream", "stream_options", *besides}
        fields = significant(self.meant(body), self.ignore)
        return _digest(canonical_json({name: value for name, value in fields.items() if name not in left_out}))

    def meant(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """A body as it is looked up."""
        meant: Mapping[str, Any] = body if self.normalize is None else normalized(body, self.normalize)
        return meant

    def _prompt_digest(self, prompt: Prompt) -> str:
        asked = {"messages": prompt.messages, "tools": prompt.tools, "schema": prompt.schema, "images": prompt.images}
        asked |= {"files": prompt.files} if prompt.files else {}
        return _digest(lenient_json(self.meant(asked)))

    def _lookup(self, model: ModelSettings, provider: WireFormat, request: ModelRequest, words_digest: str) -> Lookup:
        # The provider with what its headers add to the meaning of a request, such as an API version.
        headers = (f"{name}={value}" for name, value in sorted(request.headers.items()))
        identity = RequestIdentity(
            provider="|".join([request.provider, *headers]),
            path=request.path,
            model=request.model,
            body=self.meant(request.body),
            ignore=self.ignore,
            salt=self.salts.get(model.name, ""),
        )
        return Lookup(model, provider, request, words_digest, identity.digest, identity)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


NO_KEY = "no-key-in-this-environment"
"""Stands in an environment variable where there is no key, since SDKs make no client without one; never sent."""


def api_key_of(model: ModelSettings, provider: WireFormat, environment: Mapping[str, str]) -> str | None:
    """The key for a model in an environment, None when it needs none, or when its requests are signed.

    Raises:
        ProviderError: the environment does not have it.
    """
    variable = model.api_key_env or provider.api_key_env
    elsewhere = model.base_url is not None and has_own_address(model.provider)
    if variable is None or (elsewhere and model.api_key_env is None):
        # A server of the user's own gets a key only when the configuration names one for it.
        return None
    key = environment.get(variable, "").strip()
    if not key or key == NO_KEY:
        if provider.signs and can_sign():
            return None
        raise no_key(model, provider, variable)
    return key


def no_key(model: ModelSettings, provider: WireFormat, variable: str) -> ProviderError:
    """The error for a model whose key is missing from this environment variable."""
    return ProviderError(
        f"no API key for {model.full_name}: set the environment variable {variable}{provider.key_help}, "
        "or replay recorded replies with --llm-mode=replay",
        kind="authentication",
    )
