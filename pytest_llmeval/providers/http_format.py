"""What the wire formats over HTTP have in common."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_llmeval.errors import ProviderError

__all__ = ["HttpFormat"]


class HttpFormat:
    """A wire format over HTTP whose key is a bearer token, unless it says otherwise.

    Args:
        name: the provider's name.
        base_url: where it is reached, None for nowhere.
        api_key_env: the environment variable with the key, None when it needs none.
    """

    def __init__(self, name: str, base_url: str | None, api_key_env: str | None) -> None:
        self.name = name
        self.base_url = base_url
        self.api_key_env = api_key_env

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def authorization(self, api_key: str) -> Mapping[str, str]:
        """The header that carries the key."""
        return {"Authorization": f"Bearer {api_key}"}

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """What a response with an error status means; its text is harmless and short."""
        from pytest_llmeval.providers.failure import failure_of_response

        return failure_of_response(status, headers, body)
