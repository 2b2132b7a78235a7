"""Our connection and httpx's, side by side against servers that nobody here wrote: the same bytes, the same errors."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pytest_llmeval.engine.connections import Connections, ProxiedConnection
from pytest_llmeval.engine.transport import Connection
from tests.real_servers import hypercorn, llama_cpp, nginx

pytestmark = pytest.mark.slow

SPOKEN = ("content-type", "content-encoding", "transfer-encoding", "content-length")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority and a server's certificate for 127.0.0.1 and model.test."""
    trustme = pytest.importorskip("trustme")
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "model.test")
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    server.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    return folder


@pytest.fixture(scope="module")
def secure(certificates: Path) -> Iterator[str]:
    """Hypercorn with TLS, whose address ends without a slash."""
    pytest.importorskip("hypercorn")
    with hypercorn(certificates / "server.pem") as url:
        yield url


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("xllamacpp", reason="llama.cpp's server is not installed: make test does that")
    with llama_cpp(tmp_path_factory.mktemp("llama")) as url:
        yield url


def trusting(certificates: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificates / "authority.pem"))
    context.set_alpn_protocols(["http/1.1"])
    return context


async def answers(transport: httpx.AsyncBaseTransport, requests: list[httpx.Request]) -> list[Any]:
    """Per request the status, what its head says of the body, and the body; or the type of the error."""
    found: list[Any] = []
    for request in requests:
        try:
            async with asyncio.timeout(20):
                response = await transport.handle_async_request(request)
                body = await response.aread()
                await response.aclose()
        except httpx.TransportError as error:
            found.append(type(error))
        else:
            found.append((response.status_code, {name: response.headers.get(name) for name in SPOKEN}, body))
    await transport.aclose()
    await asyncio.sleep(0)
    return found


def posted(url: str, content: bytes = b"{}", **headers: str) -> httpx.Request:
    every = {"content-type": "application/json", "accept-encoding": "gzip", **headers}
    return httpx.Request("POST", url, content=content, headers=every, extensions={"timeout": {"connect": 10}})


def alike(requests: list[httpx.Request], context: ssl.SSLContext | None = None) -> list[Any]:
    """What both transports get, having made sure that it is the same."""
    ours = asyncio.run(answers(Connection(context), requests))
    assert ours == asyncio.run(answers(httpx.AsyncHTTPTransport(verify=context or True), requests))
    return ours


PATHS = ("/whole", "/pieces", "/large", "/compressed", "/late-head", "/error", "/empty", "/broken", "/whole")


def test_hypercorn_with_tls(secure: str, certificates: Path) -> None:
    found = alike([posted(secure + path) for path in PATHS], trusting(certificates))
    assert [each if isinstance(each, type) else each[0] for each in found] == [
        *(200, 200, 200, 200, 200, 503, 204),
        httpx.RemoteProtocolError,
        200,
    ]
    assert found[1][2] == b"".join(b"data: %d\n\n" % number for number in range(20))
    assert len(found[2][2]) == 3_000_000


def test_a_certificate_nobody_trusts(secure: str) -> None:
    assert alike([posted(secure + "/whole")], ssl.create_default_context()) == [httpx.ConnectError]


def test_http_spoken_to_a_server_with_tls(secure: str) -> None:
    [error] = alike([posted(secure.replace("https", "http") + "/whole")])
    assert issubclass(error, httpx.TransportError)


def test_the_certificates_of_the_environment_are_trusted(
    secure: str, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "authority.pem"))
    url = httpx.URL(secure + "/whole")
    connections = Connections()
    monkeypatch.delenv("SSL_CERT_FILE")  # of a test: too late to matter
    [(status, _, _)] = asyncio.run(answers(connections.take(url), [posted(str(url))]))
    assert status == 200


def test_llama_cpp(llama: str) -> None:
    asked = b'{"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4, "seed": 1, "temperature": 0%s}'
    requests = [
        posted(f"{llama}/tokenize", b'{"content": "Hello, you"}'),
        posted(f"{llama}/v1/chat/completions", b'{"messages": 1}'),
        posted(f"{llama}/nothing", b"{}"),
    ]
    assert alike(requests)[0][0] == 200
    streamed = posted(f"{llama}/v1/chat/completions", asked % b', "stream": true')
    [(status, head, body)] = asyncio.run(answers(Connection(None), [streamed]))
    assert (status, head["transfer-encoding"], body.endswith(b"data: [DONE]\n\n")) == (200, "chunked", True)


def test_nginx(tmp_path: Path) -> None:
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    with nginx(tmp_path) as url:
        found = alike([posted(url + path) for path in ("/file", "/compressed", "/gone", "/cut", "/file")])
    assert [each if isinstance(each, type) else each[0] for each in found][:3] == [200, 200, 404]


@asynccontextmanager
async def connecting(to: int) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A proxy that connects whoever asks with one port of this machine; gives its port and what it was asked."""
    asked: list[bytes] = []

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).splitlines()[0])
        if b"refused" in asked[-1]:
            writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
        else:
            there, back = await asyncio.open_connection("127.0.0.1", to)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(copy(reader, back), copy(there, writer), return_exceptions=True)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], asked


def test_a_connect_proxy(secure: str, certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "authority.pem"))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    async def scenario() -> tuple[list[Any], list[Any], list[bytes]]:
        async with connecting(httpx.URL(secure).port or 0) as (port, asked):
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
            through = Connections().take(httpx.URL("https://model.test/whole"))
            assert isinstance(through, ProxiedConnection)
            found = await answers(through, [posted("https://model.test/whole"), posted("https://model.test/pieces")])
            refused = Connections().take(httpx.URL("https://refused.test/whole"))
            return found, await answers(refused, [posted("https://refused.test/whole")]), asked

    found, refused, asked = asyncio.run(scenario())
    assert found == alike([posted(f"{secure}/whole"), posted(f"{secure}/pieces")], trusting(certificates))
    assert refused == [httpx.ProxyError]
    assert asked == [b"CONNECT model.test:443 HTTP/1.1", b"CONNECT refused.test:443 HTTP/1.1"]
