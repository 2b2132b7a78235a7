"""pytest goes through all loggers while tests run: nothing that makes any is imported on another thread meanwhile."""

from __future__ import annotations

import socket
import threading

import pytest

from tests.server import Reply, Server
from tests.sessions import CONFIGURATION, Session, told

# Writes down what threads other than the main one import.
WATCHED = """
import sys
import threading

class Watch:
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread() is not threading.main_thread():
            with open("imported", "a") as file:
                print(threading.current_thread().name, name, file=file)

sys.meta_path.insert(0, Watch())
"""
SUITE = """
import pytest

@pytest.mark.parametrize("number", range(6))
def test_it(llm, number):
    assert llm(f"question {number}")

def test_streamed(llm):
    assert llm("streamed", stream=True)
"""


def imported(session: Session) -> list[str]:
    file = session.path / "imported"
    names = {line.split()[1] for line in file.read_text().splitlines()} if file.exists() else set()
    return sorted(names)


@pytest.mark.parametrize("session", ["plain"], indirect=True)
def test_the_main_thread_imports_what_a_live_call_needs(session: Session, server: Server) -> None:
    # Without a price in the configuration, that of the optional list is looked up.
    session.configure(CONFIGURATION.format(base_url=server.base_url).replace("prices = {", "# {"))
    session.write(WATCHED, "conftest.py")
    session.write(SUITE)
    failing = [
        Reply(status=500, body={"error": {"message": "no"}}),
        Reply(status=429, body={"error": {"message": "slowly"}}, headers={"retry-after": "0"}),
    ]
    server.then(*failing)
    session.run(subprocess=True)
    assert len(server.requests) > 6
    assert imported(session) == []


def test_a_name_and_a_certificate_are_looked_up_without_an_import(plain_session: Session) -> None:
    def speaks_no_tls() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=speaks_no_tls, daemon=True).start()
        plain_session.configure(
            f"""
            [tool.llmeval]
            model = "openai/prod-1"
            models.broken = {{ model = "openai/x", base_url = "https://localhost:{listening.getsockname()[1]}/v1" }}
            """
        )
        plain_session.write(WATCHED, "conftest.py")
        plain_session.write("def test_it(llm):\n    assert llm('x')\n")
        result = plain_session.run("--llm-model=broken", subprocess=True)
    assert result.ret == 1
    assert told(result, "no TLS connection")
    assert imported(plain_session) == []


def test_a_replay_loads_nothing_of_it(plain_session: Session, server: Server) -> None:
    plain_session.write("def test_it(llm):\n    assert llm('x')\n")
    assert plain_session.run("--llm-record", subprocess=True).ret == 0
    plain_session.write(
        """
        import sys

        def pytest_unconfigure():
            loaded = {"httpx", "httpcore", "anyio", "pytest_llmeval.engine.dispatch"} & set(sys.modules)
            print("loaded:", sorted(loaded))
        """,
        "conftest.py",
    )
    result = plain_session.run("--llm-mode=replay", "-s", subprocess=True)
    assert result.ret == 0
    result.stdout.fnmatch_lines("*loaded: []")


def test_a_thousand_loggers_do_no_harm(plain_session: Session) -> None:
    plain_session.write(
        "import logging, sys\nsys.setswitchinterval(1e-6)\nfor n in range(1000): logging.getLogger(f'app{n}')\n",
        "conftest.py",
    )
    plain_session.write(SUITE)
    for _ in range(3):
        result = plain_session.run("--llm-mode=live", subprocess=True)
        result.assert_outcomes(passed=7)
