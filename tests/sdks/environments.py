"""Which SDKs are tried: an environment for each set of packages that resolve together, with its clients."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.captured_frameworks import CLIENTS
from tests.virtual_environments import virtual_environment

__all__ = ["CACHE", "ENVIRONMENTS", "ROOT", "Environment", "client_of", "distribution_of", "python_of"]

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".sdks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What is installed and tried.

    Attributes:
        packages: for pip, beside pytest and this package.
        clients: as the ways to ask begin, up to their first comma; none for what tests run as a server.
        beside: by client, a package that makes it behave otherwise.
    """

    packages: tuple[str, ...]
    clients: tuple[str, ...] = ()
    beside: Mapping[str, str] = field(default_factory=dict)

    @property
    def ways(self) -> tuple[str, ...]:
        """The names of all ways to ask that are tried."""
        return tuple(name for client in self.clients for name in CLIENTS if client_of(name) == client)


_OPENAI = ("openai chat", "openai responses", "openai at azure")
_OTHER_CALLS = ("openai embeddings", "anthropic token count", "google-genai embeddings")
_PYDANTIC_AI = ("pydantic-ai with openai chat", "pydantic-ai with openai responses", "pydantic-ai with anthropic")
_LANGCHAIN = ("langchain-openai chat", "langchain-openai responses", "langchain-anthropic")
_BOTO3 = ("boto3 converse", "boto3 invoke_model")

ENVIRONMENTS = {
    # The one of `make test` has these too, so that its tests prove them again.
    "newest": Environment(
        packages=("openai", "anthropic", "google-genai", "httpx2"),
        clients=(*_OPENAI, "anthropic", "google-genai", "httpx", "httpx2", "httpx to Ollama", *_OTHER_CALLS),
    ),
    "previous": Environment(
        packages=("openai<3", "anthropic<2", "google-genai<3"), clients=(*_OPENAI, "anthropic", "google-genai")
    ),
    "anthropic 0": Environment(packages=("anthropic<1",), clients=("anthropic",)),
    "mistralai": Environment(packages=("mistralai",), clients=("mistralai",)),
    "mistralai 2": Environment(packages=("mistralai<3",), clients=("mistralai",)),
    "litellm": Environment(packages=("litellm",), clients=("litellm to openai", "litellm to anthropic")),
    "langchain": Environment(packages=("langchain-openai", "langchain-anthropic"), clients=_LANGCHAIN),
    "langchain 0": Environment(packages=("langchain-openai<1", "langchain-anthropic<1"), clients=_LANGCHAIN),
    "pydantic-ai": Environment(packages=("pydantic-ai-slim[openai,anthropic]",), clients=_PYDANTIC_AI),
    "pydantic-ai 1": Environment(packages=("pydantic-ai-slim[openai,anthropic]<2",), clients=_PYDANTIC_AI),
    "clouds": Environment(
        packages=("anthropic[bedrock,vertex]", "google-genai", "boto3"),
        clients=("anthropic at bedrock", "anthropic at vertex", "google-genai at vertex", *_BOTO3),
    ),
    "clouds 1": Environment(
        packages=("anthropic[bedrock,vertex]<2", "google-genai<3"),
        clients=("anthropic at bedrock", "anthropic at vertex", "google-genai at vertex"),
    ),
    "other": Environment(
        packages=("google-genai", "aiohttp", "requests"),
        clients=("google-genai", "aiohttp", "requests", "urllib3", "urllib of Python", "curl in a process of its own"),
        beside={"google-genai": "aiohttp"},
    ),
    "litellm proxy": Environment(
        packages=("litellm[proxy]",)
    ),  # a server of tests/plugin/capturing/test_real_servers.py
}


def client_of(way: str) -> str:
    """The client of a way to ask."""
    return way.partition(", ")[0]


def distribution_of(client: str) -> str:
    """The package whose version says which client it is."""
    return {"pydantic-ai": "pydantic-ai-slim"}.get(name := client.split(maxsplit=1)[0], name)


def python_of(name: str) -> Path:
    """The interpreter of an environment, made at the first call if need be.

    Raises:
        NotInstalled: pip failed.
    """
    arguments = ["pytest", *ENVIRONMENTS[name].packages, "--editable", str(ROOT)]
    folder = CACHE / "environments" / name.replace(" ", "-")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return virtual_environment(folder, arguments, repr(project).encode())  # its sources need no installing
