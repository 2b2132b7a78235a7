"""One stored reply."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate, pairwise
from typing import Any, Literal, Self, get_args

from pytest_llmeval.json_text import parsed_json, readable_json
from pytest_llmeval.store.fields import COUNT, OBJECT, TEXT, Field, Kind, Record, one_of, or_null

ENTRY_VERSION = 1
Flaw = Literal["refusal", "truncated", "content_filter", "invalid", "empty"]

_LONGEST = 10**12  # milliseconds
_KEY = re.compile(r"[0-9a-f]{64}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|\+00:00)")


class NewerVersion(ValueError):
    """A newer version of this package wrote what was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A request and the reply to it. Times are rounded to the millisecond in memory too, so that all copies agree.

    Attributes:
        key: from `RequestIdentity.key`.
        provider: the wire format.
        model: the provider's name of the model.
        path: below the base URL.
        request: the JSON body that was sent.
        sample: index of the answer, from 0.
        occurrence: how many identical requests the sample made before.
        case: id of the test that asked first; only for people and for sorting.
        response: the JSON body of the answer; a streamed one is put together.
        status: of HTTP; 400 and more where the provider reports a failure of the model, such as a blocked prompt.
        latency: seconds from sending the successful attempt to the end of its answer.
        ttft: seconds to the first token, None when it was not streamed.
        chunk_offsets: seconds to each chunk, in order, empty when it was not streamed.
        attempts: how many times the request was sent.
        cost: USD on that day, None when no price was known.
        recorded_at: ISO date and time, UTC.
        flaw: what is wrong with the answer, None when it is whole. The provider itself refused what is ``invalid``;
            an ``empty`` answer is never stored.
        server: host and port that an application meant, where neither the configuration nor the list of vendors has
            them: what replays connects there no more. It is no part of the key.
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
    server: str = ""
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
        """The sort key of a file."""
        return (self.case, self.model, self.sample, self.occurrence, self.key)

    def to_json(self) -> dict[str, Any]:
        """The entry as a JSON object; `from_json` reads it back.

        ``chunk_ms`` is the time to the first chunk and from each to the next, in milliseconds.

        Raises:
            ValueError: a time is not a number.
        """
        return _RECORD.to_json(self)

    @classmethod
    def from_json(cls, data: object) -> Self:
        """The entry in a JSON object.

        Raises:
            NewerVersion: a newer version of this package wrote it.
            ValueError: it is not an entry; names the wrong field.
        """
        if not isinstance(data, dict):
            raise ValueError("not a JSON object")
        version = data.get("version")
        if type(version) is int and version > ENTRY_VERSION:
            raise NewerVersion(f"made by a newer version (format {version}, this one knows {ENTRY_VERSION})")
        entry = _RECORD.from_json(data)
        if unknown := sorted(map(ascii, data.keys() - _NAMES)):
            raise ValueError(f"the field {unknown[0]:.40} is unknown")
        return entry  # type: ignore[return-value]  # nothing derives from it

    def to_line(self) -> str:
        """The entry as one line of text, readable and with nothing hidden in it.

        Raises:
            ValueError: `from_line` would not accept the entry.
        """
        line = readable_json(self.to_json())
        type(self).from_line(line)
        return line

    @classmethod
    def from_line(cls, line: str) -> Self:
        """The entry in a JSON text.

        Raises:
            NewerVersion: a newer version of this package wrote it.
            ValueError: it is not an entry; gives the reason.
        """
        return cls.from_json(parsed_json(line))


def _rounded(seconds: float) -> float:
    """To the millisecond, and at least one if it took any time."""
    return max(round(seconds, 3), 0.001) if seconds > 0 else seconds


def _gaps(offsets: tuple[float, ...]) -> list[int]:
    try:
        moments = [0, *(round(offset * 1000) for offset in offsets)]
    except (ValueError, OverflowError):
        raise ValueError("not JSON: the time of a chunk is not a number") from None
    return [later - earlier for earlier, later in pairwise(moments)]


def _are_gaps(value: object) -> bool:
    return isinstance(value, list) and all(map(COUNT.holds, value)) and sum(value) < _LONGEST


def _offsets(gaps: list[int]) -> tuple[float, ...]:
    return tuple(moment / 1000 for moment in accumulate(gaps))


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


_RECORD = Record(
    Entry,
    [
        Field(
            "key", Kind(lambda value: isinstance(value, str) and bool(_KEY.fullmatch(value)), "64 hexadecimal digits")
        ),
        *(Field(name, TEXT) for name in ("provider", "model", "path")),
        Field("request", OBJECT, dump=dict),
        Field("sample", COUNT),
        Field("occurrence", COUNT),
        Field("case", TEXT),
        Field("response", OBJECT, dump=dict),
        Field("latency", Kind(_is_amount, "a number of seconds")),
        Field("recorded_at", Kind(_is_moment, "an ISO date and time in UTC")),
        Field("ttft", or_null(Kind(_is_amount, "a number of seconds"))),
        Field("chunk_ms", Kind(_are_gaps, "a list of whole milliseconds"), "chunk_offsets", dump=_gaps, load=_offsets),
        Field("attempts", COUNT),
        Field("cost", or_null(Kind(_is_amount, "a number of USD"))),
        Field("flaw", or_null(one_of(get_args(Flaw))), default=None, omit=True),
        Field(
            "status",
            Kind(lambda v: type(v) is int and 200 <= v <= 599, "an HTTP status from 200"),
            default=200,
            omit=True,
        ),
        Field("server", TEXT, default="", omit=True),
        Field("version", Kind(lambda v: type(v) is int and v == ENTRY_VERSION, f"{ENTRY_VERSION}")),
    ],
)

_NAMES = {field.name for field in _RECORD.fields}
