"""Every exception of this package.

LlmevalError
├── ConfigError            [tool.llmeval], a command line option or a marker is wrong
├── DatasetError           rows of a dataset are wrong, each with its file:line
├── RunFileError           a saved run cannot be read
├── Unverified             no check can tell whether the answer is right: the case is neither pass, fail nor error
└── ReplyError             there is no reply to judge: the case is an *error*, neither pass nor fail
    ├── MissingReply       replay mode, and the request was never recorded
    │   └── StaleReply     it was, longer ago than max_age allows
    ├── RecordingError     a recordings file cannot be read or written
    ├── NothingAsked       the test was to ask a model, and no call was seen
    ├── NotRerouted        the application under test cannot be made to ask the model on trial
    ├── ForkedCall         a process that the test has forked asked a model
    ├── BudgetExceeded     the ceiling on money was reached before this call
    └── ProviderError      the provider did not answer, or answered something that is no answer
        └── OutOfTime      pytest-timeout's limit for the test was over before the answer

CheckFailed                a check did not pass; an AssertionError, so that pytest treats it as one
RefusedInReplay            a connection to a model that is not made in replay mode; an OSError, as libraries expect it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pytest_llmeval.text import harmless

ProviderErrorKind = Literal[
    "authentication",  # 401, 403: key missing, wrong or without access
    "billing",  # quota or spend limit: no call of this run can succeed, so spending stops
    "rate_limit",  # 429 that waiting can cure
    "not_found",  # 404: no such model or path
    "bad_request",  # 400, 413, 422: the request itself is wrong
    "content_filter",  # the provider refused to process the request, or held the answer back
    "invalid_tool_call",  # the provider found the model's tool call invalid
    "invalid_json",  # the provider found that the model wrote no JSON, though it was to
    "length",  # the tokens were used up before there was an answer
    "overloaded",  # 500, 502, 503, 529
    "timeout",  # connect, first byte, idle or total
    "connection",  # refused, reset, DNS, TLS
    "malformed",  # an answer that is not what the API promises: HTML, no choices, a cut stream
]


class LlmevalError(Exception):
    """Base of all errors of this package that are not failed checks.

    The first line of the message is the whole story; it is all that pytest's short summary shows.

    Args:
        message: may quote files, servers and models; it is made harmless here, for wherever it is shown.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(harmless(message))

    def __reduce__(self) -> tuple[Any, ...]:
        # Not by `__init__`, as exceptions are usually unpickled: it makes one text of its arguments.
        return Exception.__new__, (type(self), *self.args), self.__dict__


class ConfigError(LlmevalError):
    """The configuration, a command line option or a marker's arguments are wrong."""


class DatasetError(LlmevalError):
    """One or more rows of a dataset are wrong.

    Args:
        path: the dataset, as the user wrote it.
        problems: one line per problem, each starting with ``file:line:``.
    """

    def __init__(self, path: str, problems: Sequence[str]) -> None:
        self.path = path
        self.problems = tuple(problems)
        first = [f"{path}: {len(self.problems)} problems in the dataset"] if len(self.problems) > 1 else []
        super().__init__("\n".join([*first, *self.problems]))


class RunFileError(LlmevalError):
    """A saved run is missing, unreadable or of a newer format."""


class ReplyError(LlmevalError):
    """There is no reply to judge. The case becomes an error: neither pass nor fail."""


class RecordingError(ReplyError):
    """A recordings file is unreadable, of a newer format, or may not be written."""


class MissingReply(ReplyError):
    """Replay mode: this request was never recorded."""


class StaleReply(MissingReply):
    """The stored reply is older than ``max_age`` allows, and was not asked for again."""


class NothingAsked(ReplyError):
    """A sample made no call of a model that could be seen, though its test is to ask one."""


class NotRerouted(ReplyError):
    """The application under test does not ask the model on trial, and cannot be made to."""


class ForkedCall(ReplyError):
    """A model was asked in a process that the test has forked, where the call cannot be seen."""


class JudgeFailed(ReplyError):
    """A model that judges answers gave no verdict that can be used."""


class BudgetExceeded(ReplyError):
    """The ceiling on money was reached, so the call was not made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawResponse:
    """A response that is not an answer, as the provider gave it.

    Attributes:
        headers: names in lower case.
        body: decoded; at most 64 KB of an error.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class ProviderError(ReplyError):
    """The provider gave no usable answer.

    Args:
        message: one line, without any secret.
        kind: what went wrong; decides whether the call is tried again.
        status: the HTTP status, None when there was no response.
        retry_after: the server's hint in seconds, None when it gave none.
        response: what the provider said, None when it said nothing. It is left behind when the error is pickled.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: ProviderErrorKind,
        status: int | None = None,
        retry_after: float | None = None,
        response: RawResponse | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.retry_after = retry_after
        self.response = response

    def __reduce__(self) -> tuple[Any, ...]:
        new, arguments, attributes = super().__reduce__()
        return new, arguments, {**attributes, "response": None}


class OutOfTime(ProviderError):
    """The test had no time left to wait for the answer.

    Args:
        message: one line.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, kind="timeout")


class NotAsked(ProviderError):
    """The request was not sent: the provider's answer to an earlier one says that none can succeed."""


class RefusedInReplay(ConnectionRefusedError):
    """Replay mode: Python was about to connect to a model. Raised where it looks up the name or connects."""

    def __str__(self) -> str:
        return str(self.strerror)


class Unverified(LlmevalError):
    """No check can tell whether an answer is right. The case is neither pass, fail nor error, and counts separately."""


class CheckFailed(AssertionError):
    """A check did not pass.

    Args:
        message: the first line says what was expected and what came; more lines may follow.
        category: the error category, None for the default of the surrounding ``with category(...)`` or marker.
        score: from 0 to 1, how close the reply came.
        check: name of the check, as in ``assert_similar``.
    """

    def __init__(self, message: str, *, category: str | None = None, score: float = 0.0, check: str = "") -> None:
        super().__init__(message)
        self.category = category
        self.score = score
        self.check = check
