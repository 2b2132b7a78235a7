"""What an error response means, and how long the provider asks us to wait.

One classification serves all providers. Some errors are failures of the model itself: a filter blocked the prompt or
the answer, a tool call was invalid, the tokens ran out before the answer began. Those are answers.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from pytest_llmeval.clock import Clock
from pytest_llmeval.credentials import hide_likely
from pytest_llmeval.errors import ProviderError, ProviderErrorKind
from pytest_llmeval.reply import TOLD_AS_ERRORS, Answer
from pytest_llmeval.text import first_line

_BY_WORD: dict[str, ProviderErrorKind] = {
    **dict.fromkeys(("billing_error", "billing_hard_limit_reached", "billing_not_active"), "billing"),
    **dict.fromkeys(("contract_spend_limit_reached", "enforced_spend_limit_reached"), "billing"),
    **dict.fromkeys(("credit_balance_exhausted", "insufficient_quota", "project_spend_limit_exceeded"), "billing"),
    **dict.fromkeys(("linked_organization_billing_unavailable", "linked_organization_spend_limit_reached"), "billing"),
    **dict.fromkeys(("organization_spend_limit_exceeded", "organization_usage_limit_exceeded"), "billing"),
    **dict.fromkeys(("content_filter", "content_filtered", "contentfilter"), "content_filter"),
    **dict.fromkeys(("content_policy_violation", "image_content_policy_violation"), "content_filter"),
    **dict.fromkeys(("bio_policy", "cyber_policy", "misalignment_policy_violation"), "content_filter"),
    **dict.fromkeys(("guardrail_intervened", "moderation_blocked", "responsibleaipolicyviolation"), "content_filter"),
    **dict.fromkeys(("data_inspection_failed", "datainspectionfailed"), "content_filter"),  # Alibaba
    "1301": "content_filter",  # Zhipu
    "tool_use_failed": "invalid_tool_call",  # Groq's, and so is the next
    "json_validate_failed": "invalid_json",
    **dict.fromkeys(("api_key_invalid", "authentication_error", "invalid_api_key"), "authentication"),
    **dict.fromkeys(("organization_on_hold", "permission_denied", "permission_error"), "authentication"),
    **dict.fromkeys(("model_not_found", "not_found_error"), "not_found"),
    **dict.fromkeys(("rate_limit_exceeded", "rate_limit_error", "resource_exhausted"), "rate_limit"),
    **dict.fromkeys(("timeout_error", "deadline_exceeded", "modeltimeoutexception"), "timeout"),
    # Bedrock's, within a stream and in errors.
    **dict.fromkeys(("throttlingexception", "modelnotreadyexception"), "rate_limit"),
    **dict.fromkeys(("accessdeniedexception", "unrecognizedclientexception"), "authentication"),
    **dict.fromkeys(("validationexception", "servicequotaexceededexception"), "bad_request"),
    "resourcenotfoundexception": "not_found",
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
    424: "overloaded",  # Bedrock: the model failed
    425: "overloaded",
    429: "rate_limit",
}

# Words that decide although the status says something else.
_STRONGER_THAN_STATUS = ("billing", "content_filter", "invalid_tool_call", "invalid_json", "not_found")

# Failures of the model that providers report only in prose.
_OWN_IN_WORDS: tuple[tuple[ProviderErrorKind, re.Pattern[str]], ...] = (
    (
        "length",
        re.compile(r"max_tokens or model output limit was reached|max completion tokens reached", re.IGNORECASE),
    ),
    (
        "content_filter",
        re.compile(
            r"by content filtering policy"  # Anthropic
            r"|content management policy|content_filter\b"  # Azure
            r"|flagged as potentially violating|result of our safety system"  # OpenAI
            r"|violates? usage guidelines|SAFETY_CHECK_TYPE"  # xAI
            r"|Content Exists Risk"  # DeepSeek
            r"|Responsible AI practices"  # Google
            r"|considered high risk"  # Moonshot
            r"|may contain inappropriate content"  # Alibaba
            r"|ContentPolicyViolationError|violated guardrail policy",  # litellm
            re.IGNORECASE,
        ),
    ),
    ("invalid_tool_call", re.compile(r"\btool_use_failed\b|Failed to call a function|tool call validation failed")),
    ("invalid_json", re.compile(r"\bjson_validate_failed\b|Failed to (?:generate|validate) JSON")),
)

_OWN_STATUSES = (None, 400, 403, 422, 451)
_TOOL_CALL_NOT_READ = re.compile(r"^error parsing tool call: raw=")  # Ollama, with status 500
_BILLING_IN_WORDS = re.compile(r"specified API usage limits|credit balance is too low|PerDay", re.IGNORECASE)
_KEY_IN_WORDS = re.compile(r"API key not valid", re.IGNORECASE)

_NOT_TEXT = re.compile(r"<(script|style|head(?=[\s>]))\b.*?</\1\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)
_READ = 20_000  # characters of a page that are looked at


def failure_of_response(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error behind a response without an answer; its text is short, harmless and free of secrets.

    Args:
        status: below 300 for a body that is not a JSON object.
        headers: of the response.
        body: of the response, or its beginning.
    """
    headers = {name.lower(): value for name, value in headers.items()}
    error = _error_object(body)
    if error is not None and status >= 400:
        return _failure(f"HTTP {status}", status, headers, error)
    text = f"HTTP {status}{_described(status, headers, body)}"
    if status < 400:
        return ProviderError(text, kind="malformed", status=status)
    return ProviderError(text, kind=_kind(status, frozenset(), ""), status=status, retry_after=retry_hint(headers))


def failure_in_answer(error: Any) -> ProviderError:
    """What the value of ``error`` means in a body, or in an event of a stream, whose status says success."""
    error = error if isinstance(error, dict) else {"message": error}
    code = error.get("code")
    status = code if isinstance(code, int) and 400 <= code <= 599 else None
    return _failure("an error within the answer", status, {}, error)


def answer_in_error(error: Any) -> Answer:
    """The answer behind an error in a body or event that reports a failure of the model itself.

    Raises:
        ProviderError: it is an error of another kind.
    """
    failure = failure_in_answer(error)
    if failure.kind not in TOLD_AS_ERRORS:
        raise failure
    written = error.get("failed_generation") if isinstance(error, dict) else None
    return Answer(
        text=written if isinstance(written, str) else "",
        finish_reason=failure.kind,
        refusal=_message_of(error) or str(failure) if failure.kind == "content_filter" else None,
    )


def _message_of(error: Any) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    return first_line(hide_likely(message[:_READ]), 300) if isinstance(message, str) else ""


def _failure(what: str, status: int | None, headers: Mapping[str, str], error: Mapping[str, Any]) -> ProviderError:
    message = error.get("message")
    message = message if isinstance(message, str) else json.dumps(message, default=str) if message else ""
    inner = error.get("innererror")
    words = [error.get("code"), error.get("type"), error.get("status")]
    words += [inner.get("code")] if isinstance(inner, dict) else []
    metadata = error.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    if status == 403 and "reasons" in metadata:  # OpenRouter's moderation
        words.append("content_filter")
    named = [word for word in words if isinstance(word, str) and word]
    reasons, quotas = _detailed(error.get("details"))
    kind = _kind(status, frozenset(word.lower() for word in (*named, *reasons)), f"{message} {quotas}")
    if isinstance(raw := metadata.get("raw"), str):  # what the provider behind OpenRouter said
        inside = _error_object(raw.encode("utf-8", "replace"))
        behind = failure_in_answer({**inside, "metadata": None}).kind if inside is not None else kind
        kind = behind if behind in TOLD_AS_ERRORS else kind
    name = f" ({first_line(named[0], 60)})" if named else ""
    told = f": {first_line(hide_likely(message[:_READ]), 300)}" if message else ""
    hint = retry_hint(headers, message[:_READ], error.get("details"))
    return ProviderError(f"{what}{name}{told}", kind=kind, status=status, retry_after=hint)


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
            quotas += map(str, violations) if isinstance(violations, list) else ()
    return [reason for reason in reasons if isinstance(reason, str)], " ".join(quotas)[:_READ]


def _kind(status: int | None, words: frozenset[str], message: str) -> ProviderErrorKind:
    found = {_BY_WORD[word] for word in words if word in _BY_WORD}
    if _BILLING_IN_WORDS.search(message) and status in (None, 400, 403, 429):
        return "billing"
    if _KEY_IN_WORDS.search(message):
        return "authentication"
    if _TOOL_CALL_NOT_READ.match(message):
        return "invalid_tool_call"
    own_failures = [own for own, words_for in _OWN_IN_WORDS if status in _OWN_STATUSES and words_for.search(message)]
    if "length" in own_failures:  # whatever error the cut answer led to afterwards
        return "length"
    for kind in _STRONGER_THAN_STATUS:
        if kind in found and (status is None or status < 500):
            return kind
    if own_failures:
        return own_failures[0]
    if status is None:
        return min(found, default="overloaded")
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
        return f" with an HTML page: {first_line(hide_likely(shown), 160)}"
    return f" with a body that is not what the API promises: {first_line(hide_likely(text), 160)}"


_IN_WORDS = re.compile(
    r"(?:try again|retry) (?:in|after) (?:(\d{1,6})m)?(\d{1,9}(?:\.\d{1,9})?) ?(ms|s)", re.IGNORECASE
)

_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")


def retry_hint(headers: Mapping[str, str], message: str = "", details: Any = None) -> float | None:
    """Seconds the server asks us to wait, None when it gives no valid time.

    Args:
        headers: of the response, their names in lower case.
        message: the text of the error, for "try again in 5.289s".
        details: ``error.details`` as Google sends it, for ``retryDelay``.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    after = headers.get("retry-after")
    seconds = _number(after)
    if seconds is None and after is not None:
        seconds = _until(after, headers.get("date"))
    if seconds is None:
        seconds = _delay_in(details)
    if seconds is None and (match := _IN_WORDS.search(message)):
        minutes, value, unit = match.groups()
        seconds = 60 * int(minutes or 0) + float(value) / (1000 if unit.lower() == "ms" else 1)
    return seconds


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def _until(text: str, date: str | None) -> float | None:
    from datetime import datetime
    from email.utils import parsedate_to_datetime

    def moment(value: str) -> datetime:
        parsed = parsedate_to_datetime(value)
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)

    try:
        # By the server's clock where it sends one: ours may be wrong.
        now = moment(date) if date else Clock.now()
        seconds = (moment(text) - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return seconds if seconds >= 0 else None


def _delay_in(details: Any) -> float | None:
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and (match := _DURATION.fullmatch(delay)):
            return float(match[1])
    return None
