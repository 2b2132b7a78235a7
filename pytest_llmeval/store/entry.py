"""One stored reply."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import accumulate, pairwise
from typing import Any, Literal, Self, get_args

from pytest_llmeval.json_text import canonical_json, parsed_json, readable_json

ENTRY_VERSION = 1

Flaw = Literal["refusal", "truncated", "content_filter", "invalid", "empty"]

_LONGEST = 10**12  # milliseconds

_KEY = re.compile(r"[0-9a-f]{64}")

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|\+00:00)")


class NewerVersion(ValueError):
    """What was read was written by a newer version of this package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A request and the reply it got. Times are kept to the millisecond, in memory too, so that all copies agree.

    Attributes:
        key: from `request_key`.
        provider: the wire format.
        model: the provider's name of the model.
        path: below the base URL.
        request: the JSON body that was sent.
        sample: index of the answer, from 0.
        occurrence: from 0.
        case: id of the test that asked first; for people and for sorting only.
        response: the JSON body of the answer; of a streamed one, put together.
        status: of HTTP; 400 and more where the provider told a failure of the model, as a blocked prompt, as an error.
        latency: seconds from sending the successful attempt to the end of its answer.
        ttft: seconds to the first token, None when it was not streamed.
        chunk_offsets: seconds to each chunk, in order, empty when it was not streamed.
        attempts: how many times the request was sent.
        cost: USD on that day, None when no price was known.
        recorded_at: ISO date and time, UTC.
        flaw: how the answer falls short of a whole one, None when it does not. ``invalid`` is what the provider itself
            has refused; ``empty``, which is no answer, is never stored.
        version: of this format.
    """

    key: str
    provider: str
    model: str
    path: str
    request: Mapping[str, Any]
    sample: int
    occurrence: int
    case: str
    response: Mapping[str, Any]
    latency: float
    recorded_at: str
    ttft: float | None = None
    chunk_offsets: tuple[float, ...] = ()
    attempts: int = 1
    cost: float | None = None
    flaw: Flaw | None = None
    status: int = 200
    version: int = ENTRY_VERSION

    def __post_init__(self) -> None:
        def settle(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        settle("latency", _rounded(self.latency))
        if self.ttft is not None:
            settle("ttft", _rounded(self.ttft))
        if self.chunk_offsets != ():
            settle("chunk_offsets", tuple(sorted(round(offset, 3) for offset in self.chunk_offsets)))
        if self.cost is not None:
            settle("cost", round(self.cost, 12))

    @property
    def moment(self) -> datetime:
        """When it was recorded."""
        return datetime.fromisoformat(self.recorded_at).astimezone(UTC)

    @property
    def order(self) -> tuple[str, str, int, int, str]:
        """Where it stands in a file."""
        return (self.case, self.model, self.sample, self.occurrence, self.key)

    def to_json(self) -> dict[str, Any]:
        """The entry as a JSON object; `from_json` reads it back.

        ``chunk_ms`` is the time to the first chunk and from each to the next, in milliseconds.

        Raises:
            ValueError: a time is no number.
        """
        data = {field.name: getattr(self, field.name) for field in fields(self)}
        data |= {"request": dict(self.request), "response": dict(self.response)}
        data["chunk_ms"] = _gaps(data.pop("chunk_offsets"))
        for name in _OPTIONAL:
            if data[name] == _DEFAULTS[name]:
                del data[name]
        return data

    @classmethod
    def from_json(cls, data: object) -> Self:
        """The entry in a JSON object.

        Raises:
            NewerVersion: a newer version of this package wrote it.
            ValueError: it is no entry; says which field is wrong.
        """
        if not isinstance(data, dict):
            raise ValueError("not a JSON object")
        version = data.get("version")
        if type(version) is int and version > ENTRY_VERSION:
            raise NewerVersion(f"made by a newer version (format {version}, this one knows {ENTRY_VERSION})")
        if not _REQUIRED <= data.keys() <= _RULES.keys():
            if missing := sorted(_REQUIRED - data.keys()):
                raise ValueError(f"the field {missing[0]!r} is missing")
            unknown = sorted(map(ascii, data.keys() - _RULES.keys()))
            raise ValueError(f"the field {unknown[0]:.40} is unknown")
        for name, value in data.items():
            is_right, wanted = _RULES[name]
            if not is_right(value):
                raise ValueError(f"the field {name!r} is not {wanted}")
        known = dict(data)
        offsets = tuple(moment / 1000 for moment in accumulate(known.pop("chunk_ms")))
        return cls(**known, chunk_offsets=offsets)

    def to_line(self) -> str:
        """The entry as one line of text, readable and with nothing hidden in it.

        Raises:
            ValueError: the entry is not one `from_line` would accept.
        """
        line = readable_json(self.to_json())
        type(self).from_line(line)
        return line

    @classmethod
    def from_line(cls, line: str) -> Self:
        """The entry in a JSON text.

        Raises:
            NewerVersion: a newer version of this package wrote it.
            ValueError: it is no entry, with the reason.
        """
        return cls.from_json(parsed_json(line))

    @property
    def checksum(self) -> str:
        """Sha256 of the whole entry, the same whatever the order of keys."""
        return hashlib.sha256(canonical_json(self.to_json()).encode("ascii")).hexdigest()


def _rounded(seconds: float) -> float:
    """To the millisecond, but what took time took at least one."""
    return max(round(seconds, 3), 0.001) if seconds > 0 else seconds


def _gaps(offsets: tuple[float, ...]) -> list[int]:
    try:
        moments = [0, *(round(offset * 1000) for offset in offsets)]
    except (ValueError, OverflowError):
        raise ValueError("not JSON: the time of a chunk is no number") from None
    return [later - earlier for earlier, later in pairwise(moments)]


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_amount(value: object) -> bool:
    return (type(value) is float or type(value) is int) and 0 <= value < math.inf


def _is_moment(value: object) -> bool:
    if not (isinstance(value, str) and _MOMENT.fullmatch(value)):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "key": (lambda value: isinstance(value, str) and _KEY.fullmatch(value) is not None, "64 hexadecimal digits"),
    "provider": (_is_text, "text"),
    "model": (_is_text, "text"),
    "path": (_is_text, "text"),
    "request": (_is_object, "an object"),
    "sample": (_is_count, "a whole number from 0"),
    "occurrence": (_is_count, "a whole number from 0"),
    "case": (_is_text, "text"),
    "response": (_is_object, "an object"),
    "latency": (_is_amount, "a number of seconds"),
    "ttft": (lambda value: value is None or _is_amount(value), "a number of seconds or null"),
    "chunk_ms": (
        lambda value: isinstance(value, list) and all(map(_is_count, value)) and sum(value) < _LONGEST,
        "a list of whole milliseconds",
    ),
    "flaw": (lambda value: value in (None, *get_args(Flaw)), f"one of {', '.join(get_args(Flaw))}"),
    "status": (lambda value: type(value) is int and 200 <= value <= 599, "a status of HTTP from 200"),
    "attempts": (_is_count, "a whole number from 0"),
    "cost": (lambda value: value is None or _is_amount(value), "a number of USD or null"),
    "recorded_at": (_is_moment, "an ISO date and time in UTC"),
    "version": (lambda value: type(value) is int and value == ENTRY_VERSION, f"{ENTRY_VERSION}"),
}

_OPTIONAL = ("flaw", "status")

_DEFAULTS = {field.name: field.default for field in fields(Entry)}

_REQUIRED = _RULES.keys() - set(_OPTIONAL)
