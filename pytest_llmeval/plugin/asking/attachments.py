"""The URLs of what a test gives as ``images=`` and ``files=``: addresses, data: URLs, files, bytes."""

from __future__ import annotations

import base64
import binascii
import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.text import first_line


class _Keyword(NamedTuple):
    """What a keyword of ``llm`` takes.

    Attributes:
        what: one of them, in words, and `named` those that are known by their first bytes.
        types: how the media types of its data: URLs begin.
        example: of one.
        kinds: media types by the first bytes of a file.
    """

    name: str
    what: str
    named: str
    types: tuple[str, ...]
    example: str
    kinds: tuple[tuple[bytes, str], ...]


_IMAGES = _Keyword(
    name="images",
    what="an image",
    named="PNG, JPEG, GIF, WebP, HEIC, AVIF, BMP or TIFF; files= takes PDF and sounds",
    types=("image/",),
    example="image/png",
    kinds=(  # what most models that see take
        (rb"\x89PNG", "image/png"),
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"GIF8[79]a", "image/gif"),
        (rb"RIFF....WEBP", "image/webp"),
        (rb"....ftyp(?:heic|heix|mif1|msf1)", "image/heic"),
        (rb"....ftypavi[fs]", "image/avif"),
        (rb"BM....\x00\x00\x00\x00", "image/bmp"),
        (rb"II\*\x00|MM\x00\*", "image/tiff"),
    ),
)
_FILES = _Keyword(
    name="files",
    what="a PDF or a sound",
    named="PDF, WAV, MP3, FLAC, Ogg, M4A, AAC, AIFF or WebM; images= takes images",
    types=("application/pdf", "audio/"),
    example="application/pdf",
    kinds=(
        (rb"%PDF-", "application/pdf"),
        (rb"RIFF....WAVE", "audio/wav"),
        (rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]", "audio/mpeg"),
        (rb"fLaC", "audio/flac"),
        (rb"OggS", "audio/ogg"),
        (rb"....ftypM4A", "audio/mp4"),
        (rb"\xff[\xf0\xf1\xf8\xf9]", "audio/aac"),
        (rb"FORM....AIF[FC]", "audio/aiff"),
        (rb"\x1aE\xdf\xa3", "audio/webm"),
    ),
)
_TAKES = "an address (https:), a data: URL, the path of a file, bytes, or a list of them"


def image_urls(given: object) -> tuple[str, ...]:
    """One URL for each image, with its bytes in it where the image is not elsewhere.

    Raises:
        ConfigError: one is none that could be sent.
    """
    return _urls(_IMAGES, given)


def file_urls(given: object) -> tuple[str, ...]:
    """One URL for each PDF or sound, with its bytes in it where it is not elsewhere.

    Raises:
        ConfigError: one is none that could be sent.
    """
    return _urls(_FILES, given)


def _urls(keyword: _Keyword, given: object) -> tuple[str, ...]:
    if given is None:
        return ()
    several = given if isinstance(given, (list, tuple)) else [given]
    return tuple(_url(keyword, each) for each in several)


def _url(keyword: _Keyword, given: object) -> str:
    match given:
        case bytes() | bytearray() | memoryview():
            return _data_url(keyword, bytes(given), "the bytes")
        case os.PathLike():
            return _of_file(keyword, Path(given))
        case str() if given[:5].lower() == "data:":
            return _checked_data(keyword, given)
        case str() if re.match(r"https?:", given, re.IGNORECASE):
            return _checked_address(keyword, given)
        case str() if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", given):
            raise _wrong(keyword, f"{_shown(given)} is an address that no model reads")
        case str():
            return _of_file(keyword, Path(given))
    raise _wrong(keyword, f"{type(given).__name__} was given")


def _wrong(keyword: _Keyword, problem: str) -> ConfigError:
    return ConfigError(f"llm(..., {keyword.name}=...): {problem}; {keyword.name} takes {_TAKES}")


def _shown(text: str) -> str:
    return repr(first_line(text, 60))


def _checked_address(keyword: _Keyword, url: str) -> str:
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname) and parts.port != 0 and url[len(parts.scheme) :].startswith("://")
    except ValueError:
        whole = False
    if not whole or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise _wrong(keyword, f"{_shown(url)} is no whole address, as in https://example.com/cat.png")
    return url


def _checked_data(keyword: _Keyword, url: str) -> str:
    head, comma, data = url[5:].partition(",")
    kind, *attributes = head.split(";")
    if not comma or not kind.lower().startswith(keyword.types):
        example = f"data:{keyword.example};base64,..."
        raise _wrong(keyword, f"{_shown(url)} is no data: URL of {keyword.what}, as in {example}")
    if not data.strip():
        raise _wrong(keyword, f"{_shown(url)} holds no bytes")
    if "base64" in (each.strip().lower() for each in attributes):
        try:
            base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            raise _wrong(keyword, f"{_shown(url)} is broken: what follows the comma is not base64") from None
    return url


def _of_file(keyword: _Keyword, path: Path) -> str:
    shown = _shown(str(path))
    try:
        if not path.is_file():  # nor is it read when it is a pipe, which may never end
            is_there = path.exists()
            where = "" if path.is_absolute() else f" in {_shown(str(Path.cwd()))}"
            raise _wrong(keyword, f"{shown} is no file" if is_there else f"there is no file {shown}{where}")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or first_line(str(error), 80)
        raise _wrong(keyword, f"{shown} cannot be read: {why}") from None
    return _data_url(keyword, content, f"the file {shown}")


def _data_url(keyword: _Keyword, content: bytes, what: str) -> str:
    hold = "holds" if what.startswith("the file") else "hold"
    if not content:
        raise _wrong(keyword, f"{what} {hold} nothing")
    kind = next((kind for start, kind in keyword.kinds if re.match(start, content, re.DOTALL)), None)
    if kind is None:
        raise _wrong(keyword, f"{what} {hold} not {keyword.what} of a known kind: {keyword.named}")
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
