"""Which file holds the recordings of which test module."""

from __future__ import annotations

import hashlib
import re
import unicodedata

__all__ = ["recording_name"]

_PLAIN = re.compile(r"[a-z0-9_][a-z0-9_-]*")
_LONGEST = 100
# Windows takes these for devices, whatever follows after a dot.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])")


def recording_name(module: str) -> str:
    """The file name for a test module: readable, the same everywhere, never that of another module, never a path.

    Args:
        module: the module's path relative to the root, with forward slashes, as in ``tests/test_triage.py``.

    Returns:
        As in ``tests.test_triage.jsonl``. Where the path has other characters than small ASCII letters, digits,
        ``_`` and ``-``, or is long, a hash of it is part of the name.
    """
    parts = module.removesuffix(".py").split("/")
    plain = ".".join(parts)
    if (
        module.endswith(".py")
        and len(plain) <= _LONGEST
        and all(map(_PLAIN.fullmatch, parts))
        and not _DEVICES.fullmatch(parts[0])
    ):
        return f"{plain}.jsonl"
    # macOS may spell the same accented name in another way than Linux.
    normal = unicodedata.normalize("NFC", module)
    digest = hashlib.sha256(normal.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    slug = re.sub(r"[^a-z0-9_-]+", "-", normal.removesuffix(".py").lower())[-60:].strip("-")
    return f"{slug or 'module'}~{digest}.jsonl"
