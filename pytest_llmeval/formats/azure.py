"""Chat completions at Azure, whose address and key are told in another way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qs, quote, urlsplit

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.formats.base import ModelRequest, Prompt
from pytest_llmeval.formats.openai_chat import OpenAIChat
from pytest_llmeval.text import first_line

_EXAMPLES = (
    "https://my-resource.openai.azure.com/openai/v1, "
    "or the older https://my-resource.openai.azure.com/openai?api-version=2024-10-21"
)


class AzureChat(OpenAIChat):
    """Azure's chat completions, the current ``/openai/v1`` and the older ``/openai/deployments/...``; see `Provider`.

    Args:
        name: the provider's name.
        base_url: one that ends in ``/v1``, or one with ``?api-version=``; in the second case the model is the name of
            the deployment, unless the URL has it.
        api_key_env: the environment variable with the key.

    Raises:
        ConfigError: there is no base URL, or it is neither.
    """

    def __init__(
        self,
        name: str = "azure",
        base_url: str | None = None,
        api_key_env: str | None = "AZURE_OPENAI_API_KEY",
    ) -> None:
        super().__init__(name, base_url, api_key_env)
        if base_url is None:
            raise ConfigError(f"the provider {name!r} needs a base_url, as in {_EXAMPLES}")
        url = urlsplit(base_url)
        path = url.path.rstrip("/")
        versioned = "api-version" in parse_qs(url.query)
        if not path.endswith("/v1") and not versioned:
            shown = first_line(base_url, 100)
            raise ConfigError(f"base_url {shown!r} is no address of models at Azure; it should look like {_EXAMPLES}")
        self.needs_deployment = not path.endswith("/v1") and "/deployments/" not in path

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        """The HTTP request for this prompt: that of chat completions, with the deployment in the path where it goes."""
        request = super().request(model, prompt)
        if not self.needs_deployment:
            return request
        return replace(request, path=f"/deployments/{quote(model, safe='')}{request.path}")

    def authorization(self, api_key: str) -> Mapping[str, str]:
        """The header that carries the key."""
        return {"api-key": api_key}
