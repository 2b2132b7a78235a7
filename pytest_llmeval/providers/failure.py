"""What an error response means: one classification for all who speak OpenAI's dialect, and those near it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import Any

from pytest_llmeval.errors import ProviderError, ProviderErrorKind
from pytest_llmeval.providers.retry_hint import retry_hint
from pytest_llmeval.report.text import first_line

__all__ = ["failure_in_answer", "failure_of_response", "without_secrets"]

_BILLING = {
    "billing_error",
    "billing_hard_limit_reached",
    "billing_not_active",
    "contract_spend_limit_reached",
    "credit_balance_exhausted",
    "enforced_spend_limit_reached",
    "insufficient_quota",
    "linked_organization_billing_unavailable",
    "linked_organization_spend_limit_reached",
    "organization_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "project_spend_limit_exceeded",
}
_FILTERED = {
    "bio_policy",
    "content_filter",
    "content_policy_violation",
    "image_content_policy_violation",
    "misalignment_policy_violation",
    "responsibleaipolicyviolation",
}
_BY_WORD: dict[str, ProviderErrorKind] = {
    **dict.fromkeys(_BILLING, "billing"),
    **dict.fromkeys(_FILTERED, "content_filter"),
    **dict.fromkeys(("api_key_invalid", "authentication_error", "invalid_api_key"), "authentication"),
    **dict.fromkeys(("organization_on_hold", "permission_denied", "permission_error"), "authentication"),
    **dict.fromkeys(("model_not_found", "not_found_error"), "not_found"),
    **dict.fromkeys(("rate_limit_exceeded", "rate_limit_error", "resource_exhausted"), "rate_limit"),
    **dict.fromkeys(("timeout_error", "deadline_exceeded"), "timeout"),
    **dict.fromkeys(("invalid_request_error", "context_length_exceeded"), "bad_request"),
    **dict.fromkeys(("invalid_argument", "invalid_prompt", "failed_precondition"), "bad_request"),
}
_BY_STATUS: dict[int, ProviderErrorKind] = {
    401: "authentication",
    402: "billing",
    403: "authentication",
    404: "not_found",
    408: "timeout",
    409: "overloaded",
    425: "overloaded",
    429: "rate_limit",
}
# Words that decide although the status says something else.
_STRONGER_THAN_STATUS = ("billing", "content_filter", "not_found")
_BILLING_IN_WORDS = re.compile(r"specified API usage limits|credit balance is too low|PerDay", re.IGNORECASE)
_KEY_IN_WORDS = re.compile(r"API key not valid", re.IGNORECASE)

_SECRETS = re.compile(
    r"(?P<name>\bBearer\s+|\b(?:api[-_]?key|key|token)[=:]\s*)[^\s\"'&,;]{6,}"
    r"|\b(?:sk|pk|rk|gsk|xai|hf|key|AIza)[-_A-Za-z0-9]{12,}"
    r"|\b(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])[A-Za-z0-9_-]{40,}",
    re.IGNORECASE,
)
_HIDDEN = "[hidden]"
_NOT_TEXT = re.compile(r"<(script|style|head(?=[\s>]))\b.*?</\1\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)
_READ = 20_000  # characters of a page that are looked at


def failure_of_response(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error behind a response that is no answer.

    Args:
        status: of the response; below 300 for a body that is no JSON object.
        headers: of the response.
        body: of the response, or its beginning.

    Returns:
        The error, its text short, harmless and without secrets.
    """
    headers = {name.lower(): value for name, value in headers.items()}
    error = _error_object(body)
    if error is not None and status >= 400:
        return _failure(f"HTTP {status}", status, headers, error)
    hint = retry_hint(headers) if status >= 400 else None
    kind: ProviderErrorKind = _kind(status, frozenset(), "") if status >= 400 else "malformed"
    return ProviderError(
        f"HTTP {status}{_described(status, headers, body)}", kind=kind, status=status, retry_after=hint
    )


def failure_in_answer(error: Any) -> ProviderError:
    """The error that was sent in place of an answer, or in the middle of one, under a status that says success.

    Args:
        error: the value of ``error`` in the body or event.
    """
    error = error if isinstance(error, dict) else {"message": error}
    code = error.get("code")
    status = code if isinstance(code, int) and 400 <= code <= 599 else None
    return _failure("an error within the answer", status, {}, error)


def without_secrets(text: str) -> str:
    """The text with everything hidden that looks like a key or token."""
    return _SECRETS.sub(lambda match: (match["name"] or "") + _HIDDEN, text)


def _failure(what: str, status: int | None, headers: Mapping[str, str], error: Mapping[str, Any]) -> ProviderError:
    message = error.get("message")
    message = message if isinstance(message, str) else json.dumps(message, default=str) if message else ""
    inner = error.get("innererror")
    words = [error.get("code"), error.get("type"), error.get("status")]
    words += [inner.get("code")] if isinstance(inner, dict) else []
    metadata = error.get("metadata")
    if status == 403 and isinstance(metadata, dict) and "reasons" in metadata:  # OpenRouter's moderation
        words.append("content_filter")
    named = [word for word in words if isinstance(word, str) and word]
    reasons, quotas = _detailed(error.get("details"))
    kind = _kind(status, frozenset(word.lower() for word in (*named, *reasons)), f"{message} {quotas}")
    name = f" ({first_line(named[0], 60)})" if named else ""
    text = f"{what}{name}"
    if message:
        text += ": " + first_line(without_secrets(message[:_READ]), 300)
    hint = retry_hint(headers, message[:_READ], error.get("details"))
    return ProviderError(text, kind=kind, status=status, retry_after=hint)


def _detailed(details: Any) -> tuple[list[str], str]:
    """The reasons an error's details name, and the quotas that are used up."""
    reasons: list[Any] = []
    quotas: list[str] = []
    if isinstance(details, dict):  # Anthropic's
        reasons.append(details.get("error_code"))
    for detail in details if isinstance(details, list) else ():  # Google's
        if isinstance(detail, dict):
            reasons.append(detail.get("reason"))
            violations = detail.get("violations")
            quotas += [str(violation) for violation in violations] if isinstance(violations, list) else []
    return [reason for reason in reasons if isinstance(reason, str)], " ".join(quotas)[:_READ]


def _kind(status: int | None, words: frozenset[str], message: str) -> ProviderErrorKind:
    found = {_BY_WORD[word] for word in words if word in _BY_WORD}
    if _BILLING_IN_WORDS.search(message) and status in (None, 400, 403, 429):
        return "billing"
    if _KEY_IN_WORDS.search(message):
        return "authentication"
    for kind in _STRONGER_THAN_STATUS:
        if kind in found and (status is None or status < 500):
            return kind
    if status is None:
        return next(iter(sorted(found)), "overloaded")
    if status >= 500:
        return "overloaded"
    return _BY_STATUS.get(status, "bad_request")


def _error_object(body: bytes) -> Mapping[str, Any] | None:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(content, list) and content:  # Google wraps it
        content = content[0]
    if not isinstance(content, dict):
        return None
    error = content.get("error", content.get("detail"))
    if isinstance(error, dict):
        return error
    if error:
        return {"message": error}
    return content if "message" in content else None


def _described(status: int, headers: Mapping[str, str], body: bytes) -> str:
    if 300 <= status < 400:
        from urllib.parse import urlsplit

        place = headers.get("location", "")
        host = first_line(urlsplit(place).netloc.rpartition("@")[2], 80) if "//" in place else ""
        return f", a redirect{f' to {host}' if host else ''}, which is not followed"
    text = body[:_READ].decode("utf-8", "replace")
    if not text.strip():
        return " with an empty body"
    if "html" in headers.get("content-type", "") or text.lstrip()[:100].lower().startswith(("<!doctype", "<html")):
        title = _TITLE.search(text)
        words = " ".join(html.unescape(_NOT_TEXT.sub(" ", text)).split())
        heading = " ".join(html.unescape(title[1]).split()) if title else ""
        shown = f"{heading}: {words}" if heading and heading not in words else words
        return f" with an HTML page: {first_line(without_secrets(shown), 160)}"
    return f" with a body that is not what the API promises: {first_line(without_secrets(text), 160)}"
