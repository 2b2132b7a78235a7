"""Responses with an error status, bodies that are no answer, and the waits providers ask for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.credentials import hide_likely
from pytest_llmeval.formats.failure import failure_in_answer, failure_of_response, retry_hint


def openai_error(message: str = "m", **fields: Any) -> bytes:
    return json.dumps({"error": {"message": message, **fields}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, openai_error(type="invalid_request_error"), "bad_request"),
        (413, b"", "bad_request"),
        (422, b'{"detail": [{"msg": "field required"}]}', "bad_request"),
        (400, openai_error(code="content_filter"), "content_filter"),
        (400, openai_error(innererror={"code": "ResponsibleAIPolicyViolation"}), "content_filter"),
        (403, openai_error(code=403, metadata={"reasons": ["violence"]}), "content_filter"),
        (400, openai_error("You have reached your specified API usage limits."), "billing"),
        (400, openai_error("API key not valid. Please pass a valid API key."), "authentication"),
        (401, openai_error(code="invalid_api_key"), "authentication"),
        (403, openai_error(), "authentication"),
        (402, openai_error(), "billing"),
        (404, openai_error(code="model_not_found"), "not_found"),
        (404, b'{"error": "model \\"x\\" not found, try pulling it first"}', "not_found"),
        (408, b"", "timeout"),
        (409, b"", "overloaded"),
        (429, openai_error(code="rate_limit_exceeded"), "rate_limit"),
        (429, openai_error(type="insufficient_quota", code="insufficient_quota"), "billing"),
        (429, openai_error(type="insufficient_quota", code=None), "billing"),
        (429, openai_error(code="credit_balance_exhausted"), "billing"),
        (429, openai_error(code="organization_spend_limit_exceeded"), "billing"),
        (429, openai_error(code="project_spend_limit_exceeded"), "billing"),
        (429, openai_error(code="organization_usage_limit_exceeded"), "billing"),
        (429, openai_error(code="enforced_spend_limit_reached"), "billing"),
        (429, openai_error("Quota exceeded: GenerateRequestsPerDayPerProject", status="RESOURCE_EXHAUSTED"), "billing"),
        (429, b"[" + openai_error("slow", status="RESOURCE_EXHAUSTED") + b"]", "rate_limit"),
        (429, openai_error(code="slow_down"), "rate_limit"),
        (500, openai_error(), "overloaded"),
        (502, b"<html>", "overloaded"),
        (503, openai_error(code="server_is_overloaded"), "overloaded"),
        (504, b"", "overloaded"),
        (529, b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', "overloaded"),
        (301, b"", "malformed"),
        (200, b"<html>", "malformed"),
    ],
)
def test_an_error_status_has_a_kind(status: int, body: bytes, kind: str) -> None:
    failure = failure_of_response(status, {}, body)
    assert (failure.kind, failure.status) == (kind, status)


@pytest.mark.parametrize(
    ("status", "headers", "body", "message"),
    [
        (429, {}, openai_error("slow down", code="rate_limit_exceeded"), "HTTP 429 (rate_limit_exceeded): slow down"),
        (404, {}, b'{"error": "no such model"}', "HTTP 404: no such model"),
        (500, {}, b"", "HTTP 500 with an empty body"),
        (200, {}, b"Paris", "HTTP 200 with a body that is not what the API promises: Paris"),
        (
            502,
            {"Content-Type": "text/html; charset=utf-8"},
            (
                b"<html><head><title>Bad Gateway</title><style>b{}</style></head><body><script>x()</script>"
                b"<h1>The  proxy</h1>\n is <b>sad</b> &amp; alone</body></html>"
            ),
            "HTTP 502 with an HTML page: Bad Gateway: The proxy is sad & alone",
        ),
        (
            307,
            {"location": "https://user:secret@evil.example/v1?key=1"},
            b"",
            "HTTP 307, a redirect to evil.example, which is not followed",
        ),
        (400, {}, openai_error("\x1b[31mred\n::error::x"), "HTTP 400: \\x1b[31mred"),
    ],
)
def test_the_message_is_one_harmless_line(status: int, headers: dict[str, str], body: bytes, message: str) -> None:
    assert str(failure_of_response(status, headers, body)) == message


def test_a_long_page_is_cut() -> None:
    page = b"<html><body>" + b"word " * 100_000 + b"</body></html>"
    assert len(str(failure_of_response(502, {}, page))) < 220


@given(st.integers(200, 599), st.binary(max_size=300))
def test_any_response_gives_one_printable_line(status: int, body: bytes) -> None:
    message = str(failure_of_response(status, {}, body))
    assert message.replace("\u200c", "").replace("\u200d", "").replace("\t", "").isprintable()
    assert len(message) < 500


@pytest.mark.parametrize(
    "secret",
    ["sk-proj-abcdefgh12345678", "gsk_abcdefgh12345678", "AIzaSyA1234567890abcdefghij", "A1b2" * 12],
)
def test_keys_that_a_provider_echoes_are_hidden(secret: str) -> None:
    failure = failure_of_response(401, {}, openai_error(f"Incorrect API key provided: {secret}."))
    assert str(failure) == "HTTP 401: Incorrect API key provided: [hidden]."


def test_what_follows_the_name_of_a_secret_is_hidden() -> None:
    assert hide_likely("Bearer abc123456 and api_key=zyx987654&b=1") == "Bearer [hidden] and api_key=[hidden]&b=1"


def test_ordinary_words_are_not_hidden() -> None:
    text = "The model `gpt-5.6-mini-2026-10-21` does not exist: see https://platform.openai.com/docs/models"
    text += " for its keyword_arguments and the skillfully-made headers-and-keys"
    assert hide_likely(text) == text


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        ({"code": 429, "message": "m"}, "rate_limit", 429),
        ({"code": 402, "message": "m"}, "billing", 402),
        ({"code": "insufficient_quota"}, "billing", None),
        ({"code": "rate_limit_exceeded"}, "rate_limit", None),
        ({"type": "server_error"}, "overloaded", None),
        ({"type": "overloaded_error"}, "overloaded", None),
        ("something broke", "overloaded", None),
    ],
)
def test_an_error_within_an_answer_has_a_kind(error: Any, kind: str, status: int | None) -> None:
    failure = failure_in_answer(error)
    assert (failure.kind, failure.status) == (kind, status)


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({}, "", None),
        ({"retry-after": "2"}, "", 2.0),
        ({"retry-after": "0.25"}, "", 0.25),
        ({"retry-after": "0"}, "", 0.0),
        ({"retry-after": "-5"}, "", None),
        ({"retry-after": "1000000000"}, "", 1e9),
        ({"retry-after": "soon"}, "", None),
        ({"retry-after": "nan"}, "", None),
        ({"retry-after": "inf"}, "", None),
        ({"retry-after": ""}, "", None),
        ({"retry-after-ms": "1500", "retry-after": "60"}, "", 1.5),
        ({"retry-after-ms": "x", "retry-after": "60"}, "", 60.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, "", 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:00 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, "", None),
        ({"retry-after": "Wed, 21 Oct 99999999 07:27:00 GMT"}, "", None),
        ({}, "Rate limit reached. Please try again in 5.289s.", 5.289),
        ({}, "Please try again in 320ms.", 0.32),
        ({}, "Please try again in 1m2.5s. Visit", 62.5),
        ({"retry-after": "3"}, "Please try again in 5.289s.", 3.0),
    ],
)
def test_the_hint_how_long_to_wait(headers: dict[str, str], message: str, seconds: float | None) -> None:
    assert retry_hint(headers, message) == seconds


def test_the_hint_as_google_sends_it() -> None:
    details = [{"@type": "x"}, {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "36s"}]
    assert failure_of_response(429, {}, openai_error(details=details)).retry_after == 36.0


def test_the_hint_reaches_the_error_whatever_the_case_of_the_header() -> None:
    assert failure_of_response(429, {"Retry-After": "7"}, openai_error()).retry_after == 7.0


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_hint_makes_it_fail_or_is_negative(after: str, message: str) -> None:
    seconds = retry_hint({"retry-after": after, "retry-after-ms": after}, message, [message, {"retryDelay": after}])
    assert seconds is None or 0 <= seconds < float("inf")
