"""Chat completions at Azure, which has an address and a key header of its own."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.formats.base import DEPLOYMENT, Address, ModelRequest, Prompt, Recognised
from pytest_llmeval.formats.openai_chat import OpenAIChat
from pytest_llmeval.text import first_line

_EXAMPLES = (
    "https://my-resource.openai.azure.com/openai/v1, "
    "or the older https://my-resource.openai.azure.com/openai?api-version=2024-10-21"
)


class AzureChat(OpenAIChat):
    """Azure's chat completions, the current ``/openai/v1`` and the older ``/openai/deployments/...``.

    The base URL ends in ``/v1`` or has a query ``?api-version=``. In the second case the model is the name of the
    deployment, unless the URL names that.

    Raises:
        ConfigError: the base URL is missing, or is neither.
    """

    address = Address(
        None,  # its URL holds the name of the user's resource
        "AZURE_OPENAI_API_KEY",
        {"AZURE_OPENAI_ENDPOINT": "", "AZURE_API_BASE": ""},
        hosts=(
            *("openai.azure.com", "openai.azure.us", "openai.azure.cn", "cognitiveservices.azure.com"),
            *("services.ai.azure.com", "models.ai.azure.com", "inference.ai.azure.com", "inference.ml.azure.com"),
        ),
    )
    key_header = "api-key"
    key_scheme = ""

    def __init__(self, name: str, base_url: str | None, api_key_env: str | None) -> None:
        super().__init__(name, base_url, api_key_env)
        if base_url is None:
            raise ConfigError(f"the provider {name!r} needs a base_url, as in {_EXAMPLES}")
        url = urlsplit(base_url)
        path = url.path.rstrip("/")
        versioned = "api-version" in parse_qs(url.query)
        if not path.endswith("/v1") and not versioned:
            shown = first_line(base_url, 100)
            raise ConfigError(
                f"base_url {shown!r} is not an address of models at Azure; it should look like {_EXAMPLES}"
            )
        self._needs_deployment = not path.endswith("/v1") and "/deployments/" not in path

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        """The HTTP request for this prompt: that of chat completions, with the deployment in the path where it goes."""
        return self.placed(super().request(model, prompt))

    def placed(self, request: ModelRequest) -> ModelRequest:
        """A request as it is sent below this base URL: its path names the deployment, unless the base URL does."""
        if not self._needs_deployment:
            return request
        return replace(request, path=f"/deployments/{quote(request.model, safe='')}{self.path}")

    def rerouted(self, asked: Recognised, model: str) -> tuple[str, ModelRequest]:
        """The base URL and the request when another model is asked; a deployment moves from the one to the other."""
        base_url, request = super().rerouted(asked, model)
        parts = urlsplit(base_url)
        if not self._needs_deployment or "/deployments/" not in parts.path:
            return base_url, request
        return urlunsplit(parts._replace(path=DEPLOYMENT.sub("", parts.path))), self.placed(request)
