"""Google's models at Vertex AI: generateContent at an address that names a project and a location."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.formats import messages
from pytest_llmeval.formats.base import Address, Found, ModelRequest, Prompt
from pytest_llmeval.formats.gemini import GeminiContent
from pytest_llmeval.text import first_line

KEY = "GOOGLE_OAUTH_ACCESS_TOKEN"
KEY_HELP = " to what `gcloud auth print-access-token` prints"
_EXAMPLE = "https://us-east5-aiplatform.googleapis.com/v1/projects/my-project/locations/us-east5"
NEEDS = f"set GOOGLE_CLOUD_PROJECT and GOOGLE_CLOUD_LOCATION, or base_url to an address such as {_EXAMPLE}"
_PROJECTS = ("GOOGLE_CLOUD_PROJECT", "ANTHROPIC_VERTEX_PROJECT_ID")
_LOCATIONS = ("GOOGLE_CLOUD_LOCATION", "CLOUD_ML_REGION")
_PROJECT = re.compile(r"[A-Za-z0-9.:_-]+")
_LOCATION = re.compile(r"[a-z0-9-]+")


class VertexContent(GeminiContent):
    """The wire format of ``POST {base_url}/publishers/google/models/{model}:generateContent``.

    Raises:
        ConfigError: the base URL is Google's, and names no project.
    """

    address = Address(None, KEY, {"GOOGLE_VERTEX_BASE_URL": ""})
    key_header = "Authorization"
    key_scheme = "Bearer "
    key_help = KEY_HELP
    needs = NEEDS

    def __init__(self, name: str, base_url: str | None, api_key_env: str | None) -> None:
        super().__init__(name, below(base_url, "google"), api_key_env)

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        """The HTTP request for this prompt, as `GeminiContent.request` makes it.

        Raises:
            ProviderError: kind ``bad_request``: a tool call in the messages is invalid, or the model is one of
                Anthropic's, which speak another format.
        """
        if model.startswith("claude"):
            shown = first_line(model, 80)
            raise messages.refused(
                f"{self.name}/{shown}: Anthropic's models do not speak Google's format; "
                f"name it {self.name}-messages/{shown}"
            )
        return super().request(model, prompt)

    @staticmethod
    def found_in(environment: Mapping[str, str]) -> Found | None:
        """Where the environment leads the provider's SDKs."""
        return found_in(environment)


def below(base_url: str | None, publisher: str) -> str | None:
    """A base URL with the publisher whose models are asked, which it may lack.

    Raises:
        ConfigError: it is Google's, and names no project.
    """
    if base_url is None:
        return None
    parts = urlsplit(base_url)
    if (parts.hostname or "").endswith(".googleapis.com") and "/projects/" not in parts.path:
        shown = first_line(base_url, 100)
        raise ConfigError(f"base_url {shown!r} names no project of Vertex AI; it should look like {_EXAMPLE}")
    path = parts.path.rstrip("/")
    if not path.endswith(f"/publishers/{publisher}"):
        path += f"/publishers/{publisher}"
    return urlunsplit(parts._replace(path=path))


def found_in(environment: Mapping[str, str]) -> Found | None:
    """Where the environment leads the SDKs of Vertex; None unless it names a project and a location."""
    projects = [name for name in _PROJECTS if _PROJECT.fullmatch(environment.get(name, "").strip())]
    locations = [name for name in _LOCATIONS if _LOCATION.fullmatch(environment.get(name, "").strip())]
    if not projects or not locations:
        return None
    project, location = environment[projects[0]].strip(), environment[locations[0]].strip()
    host = f"{location}-aiplatform.googleapis.com"
    if location in ("global", "us", "eu"):
        host = "aiplatform.googleapis.com" if location == "global" else f"aiplatform.{location}.rep.googleapis.com"
    return Found(locations[0], f"https://{host}/v1/projects/{project}/locations/{location}")
