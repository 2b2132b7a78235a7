"""The server of a review lets in its own page alone, each rule attacked."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.review.log import ReviewLog
from pytest_llmeval.review.server import MOST_BYTES, ReviewServer
from pytest_llmeval.runs.results import CaseKey

PAGE = "<!DOCTYPE html><p>the page</p>"
DECISION = {"test": "t.py::test_a", "case": "c", "answer": "d1", "decision": "accepted"}


class Browser:
    """Sends requests as a browser does, or as something that wants to be taken for one."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self.host = parts.netloc
        self.key = parts.query.removeprefix("key=")
        self.cookie = ""

    def send(
        self, method: str, target: str, body: bytes = b"", **headers: str | None
    ) -> tuple[int, http.client.HTTPMessage, str]:
        """Send a request; headers by name with ``_`` for ``-``, None leaves one out."""
        given: dict[str, str | None] = {"host": self.host, "cookie": self.cookie or None}
        if method == "POST":
            given["origin"] = f"http://{self.host}"
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(self.host, timeout=10)
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in given.items():
            if value is not None:
                connection.putheader(name, value)
        if body:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        answer = response.status, response.headers, response.read().decode()
        connection.close()
        return answer

    def open(self) -> None:
        """Spend the key."""
        status, headers, _ = self.send("GET", f"/?key={self.key}")
        assert (status, headers["location"]) == (303, "/")
        self.cookie = headers["set-cookie"].partition(";")[0]


@pytest.fixture
def log(tmp_path: Path) -> ReviewLog:
    return ReviewLog(tmp_path / "deep" / "run.jsonl")


def add(key: CaseKey, model: str, answer: str) -> str:
    if answer != "d1":
        raise ConfigError("no such answer\nand more")
    return f"added {key} of {model}"


@pytest.fixture
def server(log: ReviewLog) -> Iterator[ReviewServer]:
    serving = ReviewServer(lambda: PAGE, log, add)
    yield serving
    serving.close()


@pytest.fixture
def browser(server: ReviewServer) -> Browser:
    return Browser(server.address)


def test_it_listens_on_this_machine_alone(browser: Browser) -> None:
    assert browser.host.startswith("127.0.0.1:")


def test_the_key_opens_the_page_once_and_becomes_a_cookie_that_no_script_and_no_other_site_has(
    browser: Browser,
) -> None:
    assert browser.send("GET", "/")[0] == 403
    status, headers, _ = browser.send("GET", f"/?key={browser.key}")
    assert status == 303
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(headers["set-cookie"].split("; "))
    assert browser.key not in headers["set-cookie"]
    assert browser.send("GET", f"/?key={browser.key}")[0] == 403
    browser.cookie = headers["set-cookie"].partition(";")[0]
    status, headers, body = browser.send("GET", "/")
    assert (status, body) == (200, PAGE)
    assert (headers["cache-control"], headers["x-content-type-options"], headers["x-frame-options"]) == (
        "no-store",
        "nosniff",
        "DENY",
    )


@pytest.mark.parametrize("key", ["", "x", "%00", "%C3%A4"])
def test_a_wrong_key_opens_nothing_and_spends_nothing(browser: Browser, key: str) -> None:
    assert browser.send("GET", f"/?key={key}")[0] in (400, 403)
    browser.open()


@pytest.mark.parametrize("host", ["evil.example", "localhost", "127.0.0.1", "127.0.0.1:1", "[::1]", "", None])
def test_another_name_that_leads_here_is_refused(browser: Browser, host: str | None) -> None:
    """As by a name that an attacker points to 127.0.0.1 (DNS rebinding)."""
    browser.open()
    assert browser.send("GET", "/", host=host)[0] in (400, 403)
    assert browser.send("GET", "/", host=host, origin=f"http://{host}")[0] in (400, 403)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://{host}", "http://{host}.evil.example", None]
)
def test_another_page_can_decide_nothing(browser: Browser, log: ReviewLog, origin: str | None) -> None:
    browser.open()
    given = origin.format(host=browser.host) if origin is not None else None
    body = json.dumps(DECISION).encode()
    assert browser.send("POST", "/decisions", body, origin=given)[0] == 403
    assert not log.path.exists()


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_browser_says_another_site_has_started_is_refused(browser: Browser, site: str) -> None:
    browser.open()
    assert browser.send("GET", "/", sec_fetch_site=site)[0] == 403


@pytest.mark.parametrize("cookie", ["", "{}=", "{}=x", "other=1; x", "{}=\xe4"])
def test_without_the_cookie_nothing_is_shown_and_nothing_is_kept(
    server: ReviewServer, browser: Browser, log: ReviewLog, cookie: str
) -> None:
    browser.cookie = cookie.format(server.cookie)
    for method, target in (("GET", "/"), ("GET", "/decisions"), ("POST", "/decisions")):
        assert browser.send(method, target, b"{}" if method == "POST" else b"")[0] == 403
    assert not log.path.exists()


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/../../etc/passwd"),
        ("GET", "/run.jsonl"),
        ("GET", "//evil.example/"),
        ("GET", "/?x=1"),
        ("DELETE", "/decisions"),
        ("PUT", "/decisions"),
        ("OPTIONS", "/decisions"),
    ],
)
def test_there_is_nothing_else(browser: Browser, method: str, target: str) -> None:
    browser.open()
    assert browser.send(method, target, origin=f"http://{browser.host}")[0] == 404


def test_a_decision_is_on_the_disk_when_it_is_answered(browser: Browser, log: ReviewLog) -> None:
    browser.open()
    assert browser.send("POST", "/decisions", json.dumps(DECISION).encode())[0] == 204
    assert [decision.to_json() for decision in log.decisions()] == [DECISION]
    assert json.loads(browser.send("GET", "/decisions")[2]) == [DECISION]
    assert browser.send("POST", "/decisions", json.dumps({"undo": DECISION}).encode())[0] == 204
    assert log.decisions() == []
    assert len(log.path.read_text().splitlines()) == 2  # the file only grows


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"test": 1}', b"[" * 60_000, b"\xff", b'{"undo": 1}'])
def test_what_is_no_decision_is_not_kept(browser: Browser, log: ReviewLog, body: bytes) -> None:
    browser.open()
    status, _, said = browser.send("POST", "/decisions", body)
    assert status == 400
    assert "Traceback" not in said
    assert log.decisions() == []


def test_a_large_body_is_refused_unread(browser: Browser) -> None:
    browser.open()
    assert browser.send("POST", "/decisions", content_length=str(MOST_BYTES + 1))[0] == 413
    assert browser.send("POST", "/decisions", transfer_encoding="chunked")[0] == 413


def test_an_undo_takes_back_its_own_decision_and_no_other(browser: Browser, log: ReviewLog) -> None:
    """As from two windows with the same review."""
    browser.open()
    other = {**DECISION, "case": "c2"}
    for said in (DECISION, other, {"undo": DECISION}, {"undo": {**DECISION, "case": "never kept"}}):
        assert browser.send("POST", "/decisions", json.dumps(said).encode())[0] == 204
    assert [decision.to_json() for decision in log.decisions()] == [other]


def test_two_reviews_in_one_browser_have_a_cookie_each(server: ReviewServer, tmp_path: Path) -> None:
    other = ReviewServer(lambda: PAGE, ReviewLog(tmp_path / "other.jsonl"), add)
    other.close()
    assert server.cookie != other.cookie


def test_what_cannot_be_saved_is_told(browser: Browser, log: ReviewLog) -> None:
    browser.open()
    log.path.parent.write_text("a file where the folder should be")
    status, _, said = browser.send("POST", "/decisions", json.dumps(DECISION).encode())
    assert (status, said[:10]) == (500, "not saved:")


def test_a_case_is_written_or_said_why_not(browser: Browser) -> None:
    named = {"test": "t.py::test_a", "case": "c", "model": "m", "answer": "d1"}
    body = json.dumps(named).encode()
    assert browser.send("POST", "/cases", body)[0] == 403
    browser.open()
    assert browser.send("POST", "/cases", body, origin="http://evil.example")[0] == 403
    status, _, said = browser.send("POST", "/cases", body)
    assert (status, said) == (200, "added t.py::test_a[c] of m\n")
    status, _, said = browser.send("POST", "/cases", json.dumps(named | {"answer": "d2"}).encode())
    assert (status, said) == (409, "not written: no such answer\n")
    for wrong in (b"", b"5", b"{", b'{"test": 1}', json.dumps(named | {"to": "/etc/passwd"}).encode()):
        assert browser.send("POST", "/cases", wrong)[0] == 400
