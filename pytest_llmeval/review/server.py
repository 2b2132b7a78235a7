"""Serves the page of a review to this machine alone, and keeps each decision as it is made.

Other programs and other sites on this machine's browser can send requests here too. So every request must name the
address that was bound, as host and as origin; the key in the printed address opens the page once and becomes a cookie
that no script can read; and nothing is read from a path that a request names.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
from collections.abc import Callable

from pytest_llmeval.capture.http_server import Exchange, Head, HttpServer, Refused
from pytest_llmeval.errors import ConfigError, LlmevalError
from pytest_llmeval.review.decisions import decision_from
from pytest_llmeval.review.log import ReviewLog, taken_back
from pytest_llmeval.runs.results import CaseKey
from pytest_llmeval.text import first_line

KEPT = 12 * 3600  # seconds that the cookie opens the page, also after the browser was closed
MOST_BYTES = 65_536  # of a decision
_LONGEST = 400  # characters of why a case was not written
_HEADERS = {
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class ReviewServer:
    """Serves a review until it is closed.

    Args:
        page: its HTML; made anew for each request, so that nothing of it is kept.
        log: where decisions are kept.
        add: makes an answer's case a row of a dataset, given case, model and digest of the answer, and says what was
            done; raises LlmevalError where it cannot.

    Attributes:
        cookie: the name of the cookie that opens the page.
    """

    def __init__(self, page: Callable[[], str], log: ReviewLog, add: Callable[[CaseKey, str, str], str]) -> None:
        self._page = page
        self._log = log
        self._add = add
        self._key: str | None = secrets.token_urlsafe(24)
        self._cookie = secrets.token_urlsafe(24)
        self._server = HttpServer(self._admit, self._handle, self._finish)
        self._host = f"127.0.0.1:{self._server.port}"
        self.cookie = f"llmeval-{self._server.port}"  # a browser sends it to other ports too, as to another review

    @property
    def address(self) -> str:
        """Where the page opens, once."""
        return f"http://{self._host}/?key={self._key or ''}"

    def close(self) -> None:
        """Stop serving."""
        self._server.close()

    async def _finish(self) -> None:
        """Nothing is left open."""

    def _admit(self, head: Head) -> None:
        """Let in what comes from this page alone.

        Raises:
            Refused: it does not.
        """
        if head.headers.get("host") != self._host:
            raise Refused(403, "this server answers to its own address alone")
        origin = head.headers.get("origin")
        writes = head.method not in ("GET", "HEAD")
        if (writes or origin is not None) and origin != f"http://{self._host}":
            raise Refused(403, "this server answers to its own page alone")
        if head.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise Refused(403, "this server answers to its own page alone")
        if not head.headers.get("content-length", "0").isdecimal():
            raise Refused(400, "the length of the request is not clear")
        if int(head.headers.get("content-length", "0")) > MOST_BYTES or "transfer-encoding" in head.headers:
            raise Refused(413, f"a decision has at most {MOST_BYTES} bytes")

    async def _handle(self, exchange: Exchange) -> None:
        head = exchange.head
        if head.method == "GET" and head.target.startswith("/?key="):
            await self._open(exchange, head.target.removeprefix("/?key="))
        elif not self._has_cookie(head):
            await _say(exchange, 403, "open the address that llmeval review printed; its key works once")
        elif (head.method, head.target) == ("GET", "/"):
            page = await asyncio.to_thread(self._page)
            headers = {**_HEADERS, "content-type": "text/html; charset=utf-8"}
            await exchange.respond(200, headers, page.encode("utf-8"))
        elif (head.method, head.target) == ("GET", "/decisions"):
            told = [decision.to_json() for decision in self._log.decisions()]
            headers = {**_HEADERS, "content-type": "application/json"}
            await exchange.respond(200, headers, json.dumps(told).encode("ascii"))
        elif (head.method, head.target) == ("POST", "/decisions"):
            await self._decide(exchange)
        elif (head.method, head.target) == ("POST", "/cases"):
            await self._write_case(exchange)
        else:
            await _say(exchange, 404, "there is no such page")

    async def _open(self, exchange: Exchange, key: str) -> None:
        known, self._key = self._key, None
        if known is None or not hmac.compare_digest(key.encode("utf-8", "replace"), known.encode()):
            self._key = known if known is not None else None
            await _say(exchange, 403, "this key is used up or wrong: stop llmeval review and start it again")
            return
        cookie = f"{self.cookie}={self._cookie}; Max-Age={KEPT}; Path=/; HttpOnly; SameSite=Strict"
        await exchange.respond(303, {**_HEADERS, "location": "/", "set-cookie": cookie}, b"")

    def _has_cookie(self, head: Head) -> bool:
        pairs = (pair.strip().partition("=") for pair in head.headers.get("cookie", "").split(";"))
        return any(
            name == self.cookie and hmac.compare_digest(value.encode("latin-1", "replace"), self._cookie.encode())
            for name, _, value in pairs
        )

    async def _decide(self, exchange: Exchange) -> None:
        try:
            data = json.loads(exchange.body)
            back = taken_back(data)
            if back is not None:
                self._log.undo(back)
            else:
                self._log.add(decision_from(data))
        except (ValueError, RecursionError) as error:
            await _say(exchange, 400, first_line(str(error)))
        except (OSError, ConfigError) as error:
            await _say(exchange, 500, f"not saved: {first_line(str(error))}")
        else:
            await exchange.respond(204, _HEADERS, b"")

    async def _write_case(self, exchange: Exchange) -> None:
        names = ("test", "case", "model", "answer")
        try:
            data = json.loads(exchange.body)
        except (ValueError, RecursionError) as error:
            await _say(exchange, 400, first_line(str(error)))
            return
        if not isinstance(data, dict) or data.keys() != {*names} or not all(isinstance(data[n], str) for n in names):
            await _say(exchange, 400, f"a case is named by the texts {', '.join(names)}")
            return
        test, case, model, answer = (data[name] for name in names)
        try:
            words = await asyncio.to_thread(self._add, CaseKey(test, case), model, answer)
        except LlmevalError as error:
            await _say(exchange, 409, f"not written: {first_line(str(error), _LONGEST)}")
        else:
            await _say(exchange, 200, words)


async def _say(exchange: Exchange, status: int, words: str) -> None:
    headers = {**_HEADERS, "content-type": "text/plain; charset=utf-8"}
    await exchange.respond(status, headers, f"{words}\n".encode())
