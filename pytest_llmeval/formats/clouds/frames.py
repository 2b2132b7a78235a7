"""Amazon's event streams: messages of bytes, each with its length, headers and checksums.

Source: the event stream encoding of Amazon Transcribe's and Smithy's documentation. A message is its length, the length
of its headers, a checksum of both, the headers, the payload, and a checksum of it all; the numbers have four bytes.
"""

from __future__ import annotations

import json
import struct
from zlib import crc32

from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.base import Event

KIND = "application/vnd.amazon.eventstream"
EXCEPTION = "exception:"
"""How the name of an event begins that is an error."""

_LENGTHS = struct.Struct(">II")
_CHECKSUM = struct.Struct(">I")
_AROUND = _LENGTHS.size + 2 * _CHECKSUM.size
_LARGEST = 32 * 2**20  # bytes; Amazon allows half of that
_TEXT = 7
# Bytes of a header's value, by its type; the types 6 and 7 say their length themselves.
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


class FrameParser:
    """Turns the bytes of one response into events; the chunks may end anywhere."""

    def __init__(self) -> None:
        self._left = bytearray()

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that the next bytes of the response complete.

        Raises:
            ProviderError: kind ``malformed``: these bytes are no such messages.
        """
        self._left += chunk
        events = []
        while len(self._left) >= _LENGTHS.size + _CHECKSUM.size:
            length, head = _LENGTHS.unpack_from(self._left)
            (checksum,) = _CHECKSUM.unpack_from(self._left, _LENGTHS.size)
            if checksum != crc32(self._left[: _LENGTHS.size]) or not _AROUND + head <= length <= _LARGEST:
                raise _broken()
            if len(self._left) < length:
                break
            events.append(_event(bytes(self._left[:length]), head))
            del self._left[:length]
        return events

    def close(self) -> list[Event]:
        """Nothing: a message that is not complete is none."""
        return []


def frame(event: Event) -> bytes:
    """An event as a message."""
    kind = event.name.removeprefix(EXCEPTION)
    is_exception = kind != event.name
    headers = b"".join(
        _header(name, value)
        for name, value in (
            (":exception-type" if is_exception else ":event-type", kind),
            (":content-type", "application/json"),
            (":message-type", "exception" if is_exception else "event"),
        )
    )
    payload = event.data.encode("utf-8", "surrogatepass")
    content = _LENGTHS.pack(_AROUND + len(headers) + len(payload), len(headers))
    content += _CHECKSUM.pack(crc32(content)) + headers + payload
    return content + _CHECKSUM.pack(crc32(content))


def _header(name: str, value: str) -> bytes:
    named, text = name.encode("ascii"), value.encode()
    return struct.pack(">B", len(named)) + named + struct.pack(">BH", _TEXT, len(text)) + text


def _event(message: bytes, head: int) -> Event:
    (checksum,) = _CHECKSUM.unpack(message[-_CHECKSUM.size :])
    if checksum != crc32(message[: -_CHECKSUM.size]):
        raise _broken()
    start = _LENGTHS.size + _CHECKSUM.size
    headers = _headers(message[start : start + head])
    payload = message[start + head : -_CHECKSUM.size].decode("utf-8", "replace")
    kind = headers.get(":message-type")
    if kind == "error":
        told = {"message": headers.get(":error-message", "")}
        return Event(f"{EXCEPTION}{headers.get(':error-code', 'error')}", json.dumps(told))
    if kind == "exception":
        return Event(f"{EXCEPTION}{headers.get(':exception-type', 'exception')}", payload)
    return Event(headers.get(":event-type", ""), payload)


def _headers(content: bytes) -> dict[str, str]:
    """The headers whose values are texts, which all are that are read."""
    found: dict[str, str] = {}
    try:
        while content:
            end = 1 + content[0]
            name, kind = content[1:end].decode("utf-8", "replace"), content[end]
            content = content[end + 1 :]
            size = _SIZES.get(kind)
            if size is None:
                if kind not in (6, _TEXT):
                    raise _broken()
                size = int.from_bytes(content[:2], "big")
                content = content[2:]
            if kind == _TEXT:
                found[name] = content[:size].decode("utf-8", "replace")
            content = content[size:]
    except IndexError:
        raise _broken() from None
    return found


def _broken() -> ProviderError:
    return ProviderError("the stream is broken: its bytes are no event stream of Amazon's", kind="malformed")
