"""A session that replays connects to no model, whoever tries."""

from __future__ import annotations

import gc
import re
import socket
import ssl
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import suppress

import pytest

from pytest_llmeval.capture.addresses import servers_named
from pytest_llmeval.formats.model_hosts import is_model_host
from tests.server import Server
from tests.sessions import CONFIGURATION, Session, told

# One function per way to reach an address; each raises what its library makes of a refusal.
CLIENTS = """
import asyncio
import http.client
import socket
import threading
import urllib.request
from urllib.parse import urlsplit

import anyio
import httpx
import httpx2
import openai
import anthropic
import trio

MESSAGES = [{"role": "user", "content": "Where does the ferry land?"}]


def place(url):
    parts = urlsplit(url)
    return parts.hostname, parts.port or 443


def by_socket(url):
    socket.create_connection(place(url), timeout=5).close()


def by_address(url):
    host, port = place(url)
    with socket.socket() as connecting:
        connecting.connect((socket.gethostbyname(host), port))


def without_waiting(url):
    with socket.socket() as connecting:
        assert connecting.connect_ex(place(url)) == 0


def by_http_client(url):
    kind = http.client.HTTPSConnection if url.startswith("https") else http.client.HTTPConnection
    connection = kind(*place(url), timeout=5)
    connection.request("POST", "/v1/chat/completions", b"{}")
    connection.close()


def by_urllib(url):
    urllib.request.urlopen(url + "/chat/completions", b"{}", timeout=5).close()


def by_httpx(url):
    httpx.post(url + "/embeddings", json={})


def by_httpx2(url):
    httpx2.post(url + "/embeddings", json={})


def by_httpx_async(url):
    async def ask():
        async with httpx.AsyncClient() as client:
            await client.post(url + "/embeddings", json={})

    asyncio.run(ask())


def by_httpx_trio(url):
    async def ask():
        async with httpx.AsyncClient() as client:
            await client.post(url + "/embeddings", json={})

    trio.run(ask)


def by_asyncio(url):
    async def ask():
        _, writer = await asyncio.open_connection(*place(url))
        writer.close()

    asyncio.run(ask())


def by_anyio(url):
    async def ask():
        await (await anyio.connect_tcp(*place(url))).aclose()

    anyio.run(ask)


def by_trio(url):
    async def ask():
        await (await trio.open_tcp_stream(*place(url))).aclose()

    trio.run(ask)


def by_openai(url):
    openai.OpenAI(base_url=url, api_key="k", max_retries=0).models.list()


def by_anthropic(url):
    client = anthropic.Anthropic(base_url=url.removesuffix("/v1"), api_key="k", max_retries=0)
    client.messages.create(model="m", max_tokens=5, messages=MESSAGES)


def in_a_thread(url):
    raised = []

    def ask():
        try:
            by_urllib(url)
        except OSError as error:
            raised.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


ALL = [function for name, function in list(globals().items()) if name.startswith(("by_", "in_", "without_"))]
"""
TRIES_EACH = """
    import pytest
    from clients import ALL

    @pytest.mark.parametrize("ask", ALL, ids=lambda ask: ask.__name__)
    def test_ferry(llm, ask):
        try:
            ask("{url}")
        except Exception:
            pass
    """


@pytest.fixture(autouse=True)
def _no_socket_left() -> Iterator[None]:
    """What clients leave behind when they are refused is theirs, and must not warn within another test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of this machine between a session and its servers."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def reasons(session: Session) -> dict[str, str]:
    """Of each case that is an error for want of a reply, why."""
    return {
        result.key.case or result.key.test.rpartition("::")[2]: result.samples[0].reason
        for result in session.results()
        if (result.outcome, result.category) == ("error", "no_reply_recorded")
    }


def test_no_way_leads_to_a_configured_server(plain_session: Session, server: Server, direct: None) -> None:
    plain_session.write(CLIENTS, "clients.py")
    plain_session.write(TRIES_EACH.format(url=server.base_url))
    plain_session.run("--llm-mode=live", "-v", "-Wignore", subprocess=True).assert_outcomes(errors=15)
    assert server.connections >= 15
    before = server.connections
    result = plain_session.run("--llm-mode=replay", "-v", "-Wignore", subprocess=True)
    result.assert_outcomes(errors=15)
    assert result.ret == 1
    assert server.connections == before
    found = reasons(plain_session)
    assert len(found) == 15
    assert {reason.partition(",")[0] for reason in found.values()} == {
        f"--llm-mode=replay refused a connection to 127.0.0.1:{server.port}"
    }
    assert all("--llm-record" in reason for reason in found.values())


def test_a_name_is_refused_before_it_is_looked_up(plain_session: Session, direct: None) -> None:
    plain_session.configure(CONFIGURATION.format(base_url="https://ferry.invalid/v1"))
    plain_session.write(CLIENTS, "clients.py")
    plain_session.write(TRIES_EACH.format(url="https://ferry.invalid/v1"))
    plain_session.run("--llm-mode=replay")
    found = reasons(plain_session)
    # The address of a name alone may be wanted for another server of that host.
    assert set(found) >= {f"by_{name}" for name in ("socket", "urllib", "httpx_async", "asyncio", "trio", "openai")}
    assert all("refused a connection to ferry.invalid:443" in reason for reason in found.values())


OTHERS = {
    "requests": "requests.post('{url}/embeddings', json={{}})",
    "urllib3": "urllib3.request('POST', '{url}/embeddings', retries=False)",
    "aiohttp": """
            async def ask():
                async with aiohttp.ClientSession() as session:
                    await session.post('{url}/embeddings', json={{}})
            __import__('asyncio').run(ask())""",
    "boto3": """
            boto3.client('bedrock-runtime', region_name='eu-west-1', aws_access_key_id='a', aws_secret_access_key='b',
                         endpoint_url='{url}').converse(modelId='m', messages=[])""",
}


@pytest.mark.parametrize("library", OTHERS)
def test_nor_does_that_of_other_libraries(
    plain_session: Session, server: Server, direct: None, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed in this environment")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    code = OTHERS[library].format(url=server.base_url)
    plain_session.write(f"""
        import {library}

        def test_ferry(llm):
            try:
                {code.replace(chr(10), chr(10) + "    ")}
            except Exception:
                pass
        """)
    plain_session.run("--llm-mode=live", "-Wignore", subprocess=True).assert_outcomes(errors=1)
    assert server.connections == 1
    plain_session.run("--llm-mode=replay", "-Wignore", subprocess=True).assert_outcomes(errors=1)
    assert server.connections == 1
    assert "refused a connection" in reasons(plain_session)["test_ferry"]


class Proxy:
    """Lets everybody through to nowhere, and keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            with connection, suppress(OSError):
                while heard := connection.recv(65536):
                    if heard == b"close":
                        return
                    self.heard.append(heard)
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    def close(self) -> None:
        with socket.create_connection(self._listening.getsockname()) as connection:
            connection.sendall(b"close")
        self._thread.join()
        self._listening.close()


@pytest.fixture
def proxy(direct: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The proxy of the environment."""
    running = Proxy()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, running.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield running
    running.close()


BEHIND_A_PROXY = [
    "urllib.request.urlopen('https://ferry.invalid/v1/models')",
    "httpx.get('https://ferry.invalid/v1/models')",
    "asyncio.run(httpx.AsyncClient().get('https://ferry.invalid/v1/models'))",
    "trio.run(httpx.AsyncClient().get, 'https://ferry.invalid/v1/models')",
]


def test_what_a_proxy_leads_to_hears_nothing(plain_session: Session, proxy: Proxy) -> None:
    plain_session.configure(CONFIGURATION.format(base_url="https://ferry.invalid/v1"))
    plain_session.write(f"""
        import asyncio
        import urllib.request
        import httpx
        import pytest
        import trio

        @pytest.mark.filterwarnings("ignore")
        @pytest.mark.parametrize("code", {BEHIND_A_PROXY})
        def test_ferry(llm, code):
            try:
                eval(code)
            except Exception:
                pass
        """)
    plain_session.run("--llm-mode=live", "-Wignore", subprocess=True).assert_outcomes(errors=4)
    assert sum(heard.startswith(b"\x16\x03") for heard in proxy.heard) == 4  # TLS began
    del proxy.heard[:]
    plain_session.run("--llm-mode=replay", "-Wignore", subprocess=True).assert_outcomes(errors=4)
    assert [heard for heard in proxy.heard if not heard.startswith(b"CONNECT ferry.invalid:443 ")] == []
    assert all("ferry.invalid:443" in reason for reason in reasons(plain_session).values())


def test_plain_http_by_a_proxy_is_seen_where_python_itself_sends_it(plain_session: Session, proxy: Proxy) -> None:
    plain_session.write("""
        import os, urllib.request

        def test_ferry(llm):
            urllib.request.urlopen("http://ferry.invalid:8000/v1/models")
        """)
    plain_session.run("--llm-mode=live", "-Wignore", subprocess=True).assert_outcomes(errors=1)
    assert len(proxy.heard) == 1
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OPENAI_BASE_URL", "http://ferry.invalid:8000/v1")
        plain_session.run("--llm-mode=replay", "-Wignore", subprocess=True).assert_outcomes(errors=1)
    assert len(proxy.heard) == 1


OUTSIDE = {
    "a plain test": ("", "", "ask()", "in test_it.py::test_ferry (call)"),
    "a thread": (
        "",
        "",
        "thread = Thread(target=ask); thread.start(); thread.join()",
        "in test_it.py::test_ferry (call)",
    ),
    "an import": ("", "ask()", "", "outside of tests, as while a module is imported"),
    "a conftest": ("ask()", "", "", "outside of tests, as while a module is imported"),
    "a hook": ("def pytest_sessionstart(): ask()", "", "", "outside of tests, as while a module is imported"),
}


@pytest.mark.parametrize("where", OUTSIDE)
def test_what_no_case_stands_for_fails_the_session(
    session: Session, server: Server, where: str, direct: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    conftest, module, body, named = OUTSIDE[where]
    session.write(
        f"""
        import urllib.request

        def ask():
            try:
                urllib.request.urlopen("{server.base_url}/models").close()
            except Exception:
                pass
        """,
        "app.py",
    )
    session.write(f"from app import ask\n{conftest}\n", "conftest.py")
    session.write(
        f"from threading import Thread\nfrom app import ask\n{module}\ndef test_ferry():\n    {body or 'pass'}\n"
    )
    monkeypatch.syspath_prepend(session.path)
    assert session.run().ret == 0
    before = server.connections
    assert before
    result = session.run("--llm-mode=replay")
    assert result.ret == 1
    assert told(result, f"NOT OFFLINE: * refused by --llm-mode=replay; * 127.0.0.1:{server.port} {named}*")
    assert server.connections == before
    assert session.run("-q", "-q", "--llm-mode=replay").ret == 1


def test_every_case_on_a_fixture_that_went_on_without_an_answer_is_an_error(
    session: Session, server: Server, direct: None
) -> None:
    session.write(f"""
        import pytest
        import urllib.request

        @pytest.fixture(scope="module")
        def fare():
            try:
                return urllib.request.urlopen("{server.base_url}/fares", b"x").read()
            except OSError:
                return "2 euros"

        @pytest.fixture(params=[1, 2])
        def seat(fare, request):
            return request.param

        def test_fare(llm, fare):
            assert "euros" in fare

        @pytest.mark.llm_samples(3)
        def test_seat(llm, seat):
            assert seat

        def test_other(llm_capture):
            assert llm_capture.calls == []
        """)
    result = session.run("--llm-mode=replay")
    assert result.ret == 1
    found = {(result.key.test.rpartition("::")[2], result.key.case): result for result in session.results()}
    assert {key: result.outcome for key, result in found.items()} == {
        ("test_fare", ""): "error",
        ("test_seat", "1"): "error",
        ("test_seat", "2"): "error",
        ("test_other", ""): "pass",
    }
    assert [sample.category for sample in found["test_seat", "1"].samples] == ["no_reply_recorded"] * 3
    assert server.requests == []


def test_a_fixture_that_fails_for_it_is_an_error_of_that_kind(
    plain_session: Session, server: Server, direct: None
) -> None:
    plain_session.write(f"""
        import openai
        import pytest

        @pytest.fixture
        def fare():
            return openai.OpenAI(base_url="{server.base_url}", api_key="k", max_retries=0).models.list()

        def test_fare(llm, fare):
            pass
        """)
    result = plain_session.run("--llm-mode=replay")
    result.assert_outcomes(errors=1)
    assert "refused a connection" in reasons(plain_session)["test_fare"]
    assert not told(result, "NOT OFFLINE*")
    result.stdout.fnmatch_lines(["*--llm-mode=replay refused a connection to 127.0.0.1:*"])


def test_a_failing_assert_behind_it_is_an_error_too(plain_session: Session, server: Server, direct: None) -> None:
    plain_session.write(f"""
        import urllib.request

        def test_fare(llm):
            fare = None
            try:
                fare = urllib.request.urlopen("{server.base_url}/fares").read()
            except OSError:
                pass
            assert fare == "2 euros"
        """)
    plain_session.run("--llm-mode=replay").assert_outcomes(errors=1)
    assert set(reasons(plain_session)) == {"test_fare"}


def test_ones_own_servers_stay_reachable(session: Session, direct: None) -> None:
    """One of the session's own, though a variable leads an SDK to it, and one of another process."""
    with Server() as other:
        session.write(f"""
            import http.server, os, threading, urllib.request
            import pytest

            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    self.send_response(204)
                    self.end_headers()

                def log_message(self, *_):
                    pass

            @pytest.fixture
            def fake(monkeypatch):
                with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
                    threading.Thread(target=server.serve_forever, daemon=True).start()
                    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{{server.server_port}}/v1")
                    yield os.environ["OPENAI_BASE_URL"]
                    server.shutdown()

            def test_own(fake):
                assert urllib.request.urlopen(fake + "/models").status == 204

            def test_other(llm_capture):
                assert llm_capture.calls == []
                assert urllib.request.urlopen("{other.base_url}/models").status == 200

            def test_gateway(llm_gateway):
                request = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + "/models")
                with pytest.raises(OSError) as caught:
                    urllib.request.urlopen(request)
                assert llm_gateway.calls == []
                assert caught.value.code == 424
            """)
        result = session.run("--llm-mode=replay", "-Wignore")
        result.assert_outcomes(passed=3)
        assert result.ret == 0
        assert len(other.requests) == 1


def test_a_server_named_by_the_environment_is_a_model(
    plain_session: Session, direct: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server() as other:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://localhost:{other.port}")
        plain_session.write("""
            import os, urllib.request

            def test_fare(llm):
                try:
                    urllib.request.urlopen(os.environ["ANTHROPIC_BASE_URL"])
                except OSError:
                    pass
            """)
        plain_session.run("--llm-mode=replay").assert_outcomes(errors=1)
        assert other.connections == 0


def test_a_later_session_of_the_process_is_free_again(plain_session: Session, server: Server, direct: None) -> None:
    before = ssl.SSLContext.wrap_socket, ssl.SSLContext.wrap_bio
    plain_session.write(f"""
        import urllib.request

        def test_fare():
            urllib.request.urlopen("{server.base_url}/models").close()
        """)
    assert plain_session.run("--llm-mode=replay").ret == 1
    assert server.connections == 0
    assert getattr(sys, "_llmeval_no_network") == []  # noqa: B009
    assert (ssl.SSLContext.wrap_socket, ssl.SSLContext.wrap_bio) == before
    plain_session.run().assert_outcomes(passed=1)
    socket.create_connection(("127.0.0.1", server.port)).close()


def test_a_session_within_one_that_replays_is_free(plain_session: Session, server: Server, direct: None) -> None:
    plain_session.write("pytest_plugins = ['pytester']\n", "conftest.py")
    plain_session.write(f"""
        import urllib.request
        import pytest

        def test_outer(pytester):
            pytester.makepyfile('''
                import urllib.request

                def test_inner():
                    urllib.request.urlopen("{server.base_url}/models").close()
                ''')
            pytester.runpytest("-pno:xdist", "-pno:asyncio", "-pno:sugar").assert_outcomes(passed=1)
            with pytest.raises(OSError, match="refused a connection"):
                urllib.request.urlopen("{server.base_url}/models")
        """)
    plain_session.run("--llm-mode=replay", subprocess=True).assert_outcomes(passed=1)
    assert len(server.requests) == 1


@pytest.mark.parametrize("mode", ["auto", "live", "refresh"])
def test_nothing_is_installed_in_other_modes(plain_session: Session, mode: str) -> None:
    plain_session.write("""
        import sys

        def test_ferry(llm_capture):
            assert llm_capture.calls == []
            assert not hasattr(sys, "_llmeval_no_network")
            unwanted = {"pytest_llmeval.capture.no_network", "pytest_llmeval.plugin.capturing.offline"}
            assert not unwanted & set(sys.modules)
        """)
    plain_session.run(f"--llm-mode={mode}", subprocess=True).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "path",
    [
        "model/meta.llama-x/invoke",
        "model/arn%3Aaws%3Abedrock%3Aeu%3A1%3Aprofile%2Fx/invoke-with-response-stream",
        "v1/projects/p/locations/l/publishers/mistralai/models/mistral-x:rawPredict",
        "v1/projects/p/locations/l/publishers/mistralai/models/mistral-x:streamRawPredict",
    ],
)
def test_a_call_in_a_format_that_is_not_captured_does_not_go_out(
    plain_session: Session, path: str, direct: None
) -> None:
    with Server() as cloud:
        plain_session.write(f"""
            import asyncio
            import httpx

            def test_ferry(llm_capture):
                try:
                    httpx.post("http://127.0.0.1:{cloud.port}/{path}", json={{"messages": []}})
                except Exception:
                    pass

            def test_ferries(llm_capture):
                async def ask():
                    async with httpx.AsyncClient() as client:
                        await client.post("http://127.0.0.1:{cloud.port}/{path}", json={{"messages": []}})

                asyncio.run(ask())
            """)
        plain_session.run("--llm-mode=live").assert_outcomes(errors=2)
        assert len(cloud.requests) == 2
        plain_session.run("--llm-mode=replay").assert_outcomes(errors=2)
        assert len(cloud.requests) == 2
    found = reasons(plain_session)
    assert all(
        re.match("the application asked POST 127.0.0.1/.*, which llm_capture cannot record", found[name])
        for name in ("test_ferry", "test_ferries")
    )


@pytest.mark.parametrize(
    "host",
    [
        "api.openai.com",
        "API.OpenAI.com.",
        "eu.api.openai.com",
        "api.anthropic.com",
        "generativelanguage.googleapis.com",
        "my-team.openai.azure.com",
        "my-team.services.ai.azure.com",
        "bedrock-runtime.eu-central-1.amazonaws.com",
        "bedrock-runtime-fips.us-gov-west-1.amazonaws.com",
        "bedrock-runtime.cn-north-1.amazonaws.com.cn",
        "vpce-1a2b.bedrock-runtime.us-east-1.vpce.amazonaws.com",
        "bedrock-mantle.us-east-1.api.aws",
        "aiplatform.googleapis.com",
        "europe-west4-aiplatform.googleapis.com",
        "aiplatform.eu.rep.googleapis.com",
        "api.mistral.ai",
        "api.x.ai",
        "openrouter.ai",
        "router.huggingface.co",
        "ollama.com",
    ],
)
def test_hosts_of_models(host: str) -> None:
    assert is_model_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "openai.com",
        "notapi.openai.com",
        "api.openai.com.example.org",
        "huggingface.co",
        "s3.eu-central-1.amazonaws.com",
        "bedrock-runtime.example.org",
        "storage.googleapis.com",
        "localhost",
        "127.0.0.1",
        "ai",
        "",
    ],
)
def test_hosts_of_something_else(host: str) -> None:
    assert not is_model_host(host)


def test_servers_that_variables_name() -> None:
    environment = {
        "OPENAI_BASE_URL": "https://models.example.org/v1",
        "ANTHROPIC_BEDROCK_BASE_URL": "http://127.0.0.1:9/",
        "OLLAMA_HOST": "0.0.0.0",  # noqa: S104
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:4566",
        "AZURE_OPENAI_ENDPOINT": "https://[::1]:8443",
        "AZURE_SEARCH_ENDPOINT": "https://search.example.org",
        "BILLING_BASE_URL": "https://billing.example.org",
        "GROQ_BASE_URL": "no address",
        "XAI_API_BASE": "https://x.example.org:port",
    }
    assert servers_named(environment) == {
        ("models.example.org", 443),
        ("127.0.0.1", 9),
        ("127.0.0.1", 11434),
        ("127.0.0.1", 4566),
        ("::1", 8443),
    }
