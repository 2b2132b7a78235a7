"""Where requests with prompts and keys may go. No name is looked up: its address may change after the look."""

from __future__ import annotations

import re
import socket
import unicodedata
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.text import first_line

_NO_HOST = re.compile(r"[\s\\%\x00-\x1f\x7f]")
_METADATA_NAMES = (
    *("metadata", "metadata.google.internal", "metadata.goog", "metadata.tencentyun.com"),
    *("instance-data", "instance-data.ec2.internal"),
)

# Where clouds hand out credentials, by their manuals.
_METADATA_ADDRESSES: frozenset[IPv4Address | IPv6Address] = frozenset(
    {
        IPv4Address("100.100.100.200"),  # Alibaba Cloud
        IPv4Address("168.63.129.16"),  # Azure
        IPv4Address("192.0.0.192"),  # Oracle Cloud
        IPv4Address("169.254.42.42"),  # Scaleway
        IPv6Address("fd00:ec2::254"),  # AWS: instances, and pods below
        IPv6Address("fd00:ec2::23"),
        IPv6Address("fd20:ce::254"),  # Google Cloud
        IPv6Address("fd00:42::42"),  # Scaleway
        IPv6Address("fe80::a9fe:a9fe"),  # OpenStack
    }
)

_METADATA_NETWORKS = (
    IPv4Network("169.254.169.0/24"),  # most of them
    IPv4Network("169.254.170.0/24"),  # AWS: containers and pods
    IPv4Network("169.254.0.0/24"),  # Tencent Cloud
)

_PRIVATE_NETWORKS: tuple[IPv4Network | IPv6Network, ...] = (
    *map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16")),
    *map(IPv6Network, ("fc00::/7", "fe80::/10")),
)

# A name in the network of a company, a container host or a home: a single word, or below a domain that is never public.
_PRIVATE_NAME = re.compile(
    r"[a-z]([a-z0-9_-]*[a-z0-9])?"
    r"|([a-z0-9_]([a-z0-9_-]*[a-z0-9])?\.)+(local|internal|lan|home\.arpa|test|localhost|svc)"
)

_HOLDING_IPV4 = (IPv6Network("::/96"), IPv6Network("64:ff9b::/96"))  # in their last four bytes


def check_base_url(url: str) -> str:
    """The URL without its trailing slash.

    Raises:
        ConfigError: it is not an http(s) URL, holds a user name, names a cloud's metadata address in any spelling, or
            would send prompts unencrypted beyond a private network.
    """
    url = url.strip()
    try:
        parts = urlsplit(url)
        host, _ = plain_host(parts.hostname or ""), parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not host or _NO_HOST.search(host):
        raise ConfigError(
            f"base_url {first_line(url, 100)!r} is not an http or https URL; it should look like https://api.example.com/v1"
        )
    if "@" in parts.netloc:
        raise ConfigError("base_url holds a user name or a password; name the environment variable: api_key_env")
    shown = first_line(parts.hostname or "", 100)
    if _is_metadata(host):
        raise ConfigError(
            f"base_url names {shown}, a metadata address of a cloud, which serves no model; use the server's own"
        )
    if parts.scheme == "http" and not is_loopback(host) and not _is_private((parts.hostname or "").lower()):
        address = _address(host)
        if address is not None and address.is_unspecified:
            raise ConfigError(f"base_url names {shown}, which means any address of this machine; use 127.0.0.1")
        raise ConfigError(
            f"base_url would send prompts to {shown} unencrypted; use https:// (http:// is for private addresses and "
            "names: 10.0.0.5, ollama, gpu.local, vllm.models.svc), or a tunnel to 127.0.0.1"
        )
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host, without brackets and port, is this machine; no name but ``localhost`` is."""
    host = plain_host(host)
    address = _address(host)
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    return host == "localhost" if address is None else address.is_loopback


def plain_host(host: str) -> str:
    """A host as resolvers read it: with ASCII digits and dots, without a trailing dot and an interface's name."""
    name = unicodedata.normalize("NFKC", host).lower().replace("。", ".").rstrip(".")
    return name.partition("%")[0] if ":" in name else name


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))  # hexadecimal, octal, with fewer than four parts
    except (OSError, ValueError):
        return None


def _is_private(host: str) -> bool:
    """Whether a host is in a private network; only the usual spelling counts, since others are meant to deceive."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return _PRIVATE_NAME.fullmatch(host) is not None
    return any(address in network for network in _PRIVATE_NETWORKS if network.version == address.version)


def _is_metadata(host: str) -> bool:
    address = _address(host)
    if address is None:
        return host in _METADATA_NAMES
    meant = [address, *_within(address)]
    return any(one in _METADATA_ADDRESSES or any(one in network for network in _METADATA_NETWORKS) for one in meant)


def _within(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 address leads to, through the system or a gateway."""
    if isinstance(address, IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour]
    if any(address in network for network in _HOLDING_IPV4):
        found.append(IPv4Address(address.packed[-4:]))
    return [inner for inner in found if inner is not None]
