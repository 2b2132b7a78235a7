"""Where requests with prompts and keys may go."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.report.text import first_line

__all__ = ["check_base_url"]

_PRIVATE_NAMES = (".local", ".localhost", ".internal", ".lan", ".test", ".svc", ".home.arpa")


def check_base_url(url: str) -> str:
    """The URL without its trailing slash.

    Args:
        url: the base URL as configured.

    Raises:
        ConfigError: it is no http(s) URL, names a link-local address (cloud metadata lives there), or would send
            prompts unencrypted over the internet.
    """
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(
            f"base_url {first_line(url, 100)!r} is no http or https URL; it should look like https://api.example.com/v1"
        )
    if _is_link_local(host):
        raise ConfigError(
            f"base_url names the link-local address {host}, where no model is served; use the server's own"
        )
    if parts.scheme == "http" and not _is_private(host):
        raise ConfigError(f"base_url would send prompts to {host} unencrypted; use https://{host}")
    return url.strip().rstrip("/")


def _is_link_local(host: str) -> bool:
    try:
        address = ip_address(host.partition("%")[0])
        return (getattr(address, "ipv4_mapped", None) or address).is_link_local
    except ValueError:
        return host == "metadata.google.internal"


def _is_private(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE_NAMES)
    return address.is_private
