"""The URLs of what a test gives as ``images=``: addresses, data: URLs, files, bytes."""

from __future__ import annotations

import base64
import binascii
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.text import first_line

# By the first bytes of a file; what most models that see take.
_KINDS = (
    (rb"\x89PNG", "image/png"),
    (rb"\xff\xd8\xff", "image/jpeg"),
    (rb"GIF8[79]a", "image/gif"),
    (rb"RIFF....WEBP", "image/webp"),
    (rb"....ftyp(?:heic|heix|mif1|msf1)", "image/heic"),
    (rb"....ftypavi[fs]", "image/avif"),
    (rb"BM....\x00\x00\x00\x00", "image/bmp"),
    (rb"II\*\x00|MM\x00\*", "image/tiff"),
)
_TAKES = "an address (https:), a data: URL, the path of a file, bytes, or a list of them"


def image_urls(given: object) -> tuple[str, ...]:
    """One URL for each image, with its bytes in it where the image is not elsewhere.

    Raises:
        ConfigError: one is none that could be sent.
    """
    if given is None:
        return ()
    several = given if isinstance(given, (list, tuple)) else [given]
    return tuple(_url(image) for image in several)


def _url(image: object) -> str:
    match image:
        case bytes() | bytearray() | memoryview():
            return _data_url(bytes(image), "the bytes")
        case os.PathLike():
            return _of_file(Path(image))
        case str() if image[:5].lower() == "data:":
            return _checked_data(image)
        case str() if re.match(r"https?:", image, re.IGNORECASE):
            return _checked_address(image)
        case str() if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", image):
            raise _wrong(f"{_shown(image)} is an address that no model reads")
        case str():
            return _of_file(Path(image))
    raise _wrong(f"{type(image).__name__} was given")


def _wrong(problem: str) -> ConfigError:
    return ConfigError(f"llm(..., images=...): {problem}; images takes {_TAKES}")


def _shown(text: str) -> str:
    return repr(first_line(text, 60))


def _checked_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname) and parts.port != 0 and url[len(parts.scheme) :].startswith("://")
    except ValueError:
        whole = False
    if not whole or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise _wrong(f"{_shown(url)} is no whole address, as in https://example.com/cat.png")
    return url


def _checked_data(url: str) -> str:
    head, comma, data = url[5:].partition(",")
    kind, *attributes = head.split(";")
    if not comma or not kind.lower().startswith("image/"):
        raise _wrong(f"{_shown(url)} is no data: URL of an image, as in data:image/png;base64,...")
    if not data.strip():
        raise _wrong(f"{_shown(url)} holds no bytes")
    if "base64" in (each.strip().lower() for each in attributes):
        try:
            base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            raise _wrong(f"{_shown(url)} is broken: what follows the comma is not base64") from None
    return url


def _of_file(path: Path) -> str:
    shown = _shown(str(path))
    try:
        if not path.is_file():  # nor is it read when it is a pipe, which may never end
            is_there = path.exists()
            where = "" if path.is_absolute() else f" in {_shown(str(Path.cwd()))}"
            raise _wrong(f"{shown} is no file" if is_there else f"there is no file {shown}{where}")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or first_line(str(error), 80)
        raise _wrong(f"{shown} cannot be read: {why}") from None
    return _data_url(content, f"the file {shown}")


def _data_url(content: bytes, what: str) -> str:
    hold = "holds" if what.startswith("the file") else "hold"
    if not content:
        raise _wrong(f"{what} {hold} nothing")
    kind = next((kind for start, kind in _KINDS if re.match(start, content, re.DOTALL)), None)
    if kind is None:
        raise _wrong(f"{what} {hold} no image of a known kind: PNG, JPEG, GIF, WebP, HEIC, AVIF, BMP or TIFF")
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
