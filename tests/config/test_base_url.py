"""Where prompts and keys may go, however an address is spelled."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.config.base_url import check_base_url, is_loopback
from pytest_llmeval.errors import ConfigError

METADATA = "a metadata address of a cloud, which serves no model"


def refusal(url: str) -> str:
    with pytest.raises(ConfigError) as caught:
        check_base_url(url)
    return str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        *("https://api.example.com/v1", "https://10.0.0.1/v1", "https://vllm:8000", "https://[fd12::1]/v1"),
        *("http://127.0.0.1:1/v1", "http://localhost:1", "http://LOCALHOST./v1", "http://[::1]:8080/v1"),
        *("http://127.8.9.1", "http://127.1:8000/v1", "http://[::ffff:127.0.0.1]/v1"),
        "https://x.example.com/openai?api-version=1",
    ],
)
def test_https_goes_anywhere_and_plain_http_to_this_machine(url: str) -> None:
    assert (check_base_url(f" {url}/ "), check_base_url(url)) == (url, url)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "file:///etc/passwd",
            "ftp://x",
            "api.openai.com/v1",
            "",
            "http://",
            "http://[::1",
            "https://x:y/",
            "https:x",
        ),
        *("https://.", "https://a b/", "https://127.0.0.1\\x/", "https://169%2e254.169.254/", "ws://localhost"),
    ],
)
def test_what_is_no_http_url_is_refused(url: str) -> None:
    assert "is not an http or https URL; it should look like https://api.example.com/v1" in refusal(url)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "host",
    [
        *("169.254.169.254", "169.254.170.2", "169.254.169.254.", "2852039166", "0xa9fea9fe", "0xA9.254.0251.0xfe"),
        *(
            "0251.0376.0251.0376",
            "169.254.43518",
            "169.16689662",
            "\uff11\uff16\uff19.254.169.254",
            "169。254。169。254",
            "①69.254.170.23",
        ),
        *(
            "[fe80::a9fe:a9fe]",
            "[fe80::a9fe:a9fe%25eth0]",
            "169.254.42.42",
            "169.254.0.23",
            "[::ffff:169.254.169.254]",
            "[::ffff:a9fe:a9fe]",
            "[::169.254.169.254]",
        ),
        *(
            "[64:ff9b::169.254.169.254]",
            "[2002:a9fe:a9fe::]",
            "[fd00:ec2::254]",
            "[fd00:0ec2:0::0254]",
            "[fd20:ce::254]",
        ),
        *("100.100.100.200", "0x646464c8", "1684301000", "100.100.25800", "168.63.129.16", "192.0.0.192"),
        *("metadata.google.internal", "Metadata.Google.Internal.", "metadata", "metadata.goog", "instance-data"),
    ],
)
def test_metadata_addresses_are_refused_in_any_spelling(scheme: str, host: str) -> None:
    assert METADATA in refusal(f"{scheme}://{host}/v1")
    assert METADATA in refusal(f"{scheme}://{host}:8080")


@pytest.mark.parametrize(
    "host",
    [
        *("api.openai.com", "8.8.8.8", "134744072", "0x08080808", "010.8.8.8", "8.8.8.8.", "[2001:4860::8]"),
        *("172.32.0.1", "192.169.1.1", "100.63.255.255", "100.128.0.1", "11.0.0.1", "9.255.255.255", "[fec0::1]"),
        *("localhost.example.com", "127.0.0.1.nip.io", "10.0.0.5.evil.com", "x.local.evil.com", "a.svc.com"),
        *("[::ffff:8.8.8.8]", "[::ffff:10.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::10.0.0.1]", "[2002:a00:1::]"),
        *("0x0a000001", "167772165", "10.5", "10.0.0.5.", "ollama.", "gpu.local.", "08080808", "8", "0xgg", "-a.local"),
        *("\uff11\uff10.0.0.5", "\uff4fllama", "ölama", "xn--a.example", "gpu。local", "a..local", ".local"),
    ],
)
def test_plain_http_beyond_a_private_network_is_refused_and_the_ways_out_are_named(host: str) -> None:
    text = refusal(f"http://{host}/v1")
    assert "unencrypted; use https:// (http:// is for private addresses and names: 10.0.0.5, ollama," in text
    assert text.endswith(", or a tunnel to 127.0.0.1")
    assert check_base_url(f"https://{host}/v1") == f"https://{host}/v1"


@pytest.mark.parametrize(
    "host",
    [
        *("10.0.0.5", "10.255.255.254", "172.16.0.1", "172.31.9.9", "192.168.1.5", "100.64.0.1", "100.127.1.1"),
        *("169.254.7.7", "[fd12::1]", "[FC00::1]", "[fe80::1]", "[fe80::1%25eth0]"),
        *("ollama", "vllm", "GPU-1", "text_server", "gpu.local", "GPU.Local", "llm.corp.internal", "box.lan"),
        *("host.docker.internal", "gateway.docker.internal", "nas.home.arpa", "x.test", "x.localhost"),
        *("vllm.models.svc", "vllm.svc.cluster.local", "vllm.models.svc.cluster.local", "a.cluster.local"),
    ],
)
def test_plain_http_goes_to_private_networks(host: str) -> None:
    assert check_base_url(f"http://{host}/v1") == f"http://{host}/v1"
    assert check_base_url(f"http://{host}:8000/v1/") == f"http://{host}:8000/v1"


@pytest.mark.parametrize("url", ["http://10.0.0.5@evil.com/v1", "https://a:b@example.com", "http://x@127.0.0.1"])
def test_a_user_name_is_refused(url: str) -> None:
    assert refusal(url) == "base_url holds a user name or a password; name the environment variable: api_key_env"


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "0"])  # noqa: S104
def test_the_address_servers_print_is_corrected(host: str) -> None:
    assert refusal(f"http://{host}:8000/v1").endswith("which means any address of this machine; use 127.0.0.1")


def test_a_host_is_harmless_in_messages() -> None:
    assert refusal("http://a\u202e##[x/").isprintable()


def spellings(number: int) -> list[str]:
    a, b, c, d = number.to_bytes(4, "big")
    return [
        *(f"{a}.{b}.{c}.{d}", f"{a}.{b}.{c}.{d}.", f"{a}.{b}.{c << 8 | d}", f"{a}.{number & 0xFFFFFF}"),
        *(str(number), hex(number), f"0{number:o}", f"{a:#x}.0{b:o}.{c}.{d:#04X}", f"[::ffff:{a}.{b}.{c}.{d}]"),
    ]


def taken(url: str) -> bool:
    try:
        return check_base_url(url) == url
    except ConfigError:
        return False


numbers = st.integers(2**24, 2**32 - 1) | st.integers(0xA9FE0000, 0xA9FEFFFF) | st.integers(0x7F000000, 0x7FFFFFFF)


@given(numbers)
def test_all_spellings_of_an_address_share_one_verdict_but_that_private_ones_are_spelled_as_usual(number: int) -> None:
    usual, *unusual = spellings(number)
    assert len({taken(f"https://{host}/v1") for host in (usual, *unusual)}) == 1
    [verdict] = {taken(f"http://{host}/v1") for host in unusual}
    assert verdict == usual.startswith("127.")
    assert taken(f"http://{usual}/v1") in (verdict, ip_address(number).is_private or number >> 22 == 0x191)


@given(numbers)
def test_loopback_is_what_the_system_says(number: int) -> None:
    address = socket.inet_ntoa(number.to_bytes(4, "big"))
    assert is_loopback(str(number)) == address.startswith("127.") == taken(f"http://{number}/v1")


@given(st.text(max_size=30))
def test_any_text_is_taken_or_refused_in_one_harmless_line(text: str) -> None:
    for url in (text, f"https://{text}/v1", f"http://{text}"):
        try:
            outcome = check_base_url(url)
        except ConfigError as error:
            outcome = str(error)
        assert outcome == url.strip().rstrip("/") or (outcome.isprintable() and outcome.startswith("base_url "))
