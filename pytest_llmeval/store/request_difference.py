"""In what a request differs from a recorded one, in a few lines for the message of a miss."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from pytest_llmeval.differences import ABSENT, paired
from pytest_llmeval.json_text import canonical_json
from pytest_llmeval.store.key import significant
from pytest_llmeval.text import common_start, shortened, visible

_MOST_LINES = 10

_MOST_FOUND = 1000

_MOST_WORDS = 150

_WIDTH = 160

_CONTEXT = 24

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

_WORD = re.compile(r"\w+|\s+|[^\w\s]")


def explain_difference(asked: Mapping[str, Any], recorded: Mapping[str, Any], ignore: Iterable[str] = ()) -> list[str]:
    """Where two request bodies differ in what decides the answer.

    Args:
        asked: the body that has no recording.
        recorded: the most similar one that has.
        ignore: JSON paths that do not count, as for `request_key`.

    Returns:
        At most ten lines, harmless to print, such as ``temperature: recorded 0, asked 0.7`` or
        ``messages[0].content: ...is the capital of [-France-]{+Spain+}?``; none when nothing differs.
    """
    ignored = tuple(ignore)
    pairs = paired(significant(asked, ignored), significant(recorded, ignored))
    found = list(islice(((_joined(path), *pair) for path, *pair in pairs if not _same(*pair)), _MOST_FOUND))
    if len(found) <= _MOST_LINES:
        return [_line(*difference) for difference in found]
    lines = [_line(*difference) for difference in found[: _MOST_LINES - 1]]
    more = f"{len(found) - len(lines)}" if len(found) < _MOST_FOUND else f"over {_MOST_FOUND - len(lines)}"
    return [*lines, f"... and {more} more differences"]


def _same(asked: Any, recorded: Any) -> bool:
    if type(asked) is type(recorded) and isinstance(asked, str | bytes | bool | int | float):
        return bool(asked == recorded)
    if asked is ABSENT or recorded is ABSENT:
        return asked is recorded
    try:
        return canonical_json(asked) == canonical_json(recorded)
    except (TypeError, ValueError, RecursionError):
        return False


def _joined(path: Iterable[object]) -> str:
    return "".join(map(_step, path)).removeprefix(".")


def _step(key: object) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    return f".{key}" if _NAME.fullmatch(str(key)) else f'["{shortened(visible(str(key)), 40)}"]'


def _line(path: str, asked: Any, recorded: Any) -> str:
    path = shortened(path, _WIDTH)
    if recorded is ABSENT:
        return f"{path}: not in the recorded request, asked {shortened(_shown(asked), _WIDTH)}"
    if asked is ABSENT:
        return f"{path}: only in the recorded request, {shortened(_shown(recorded), _WIDTH)}"
    if isinstance(asked, str) and isinstance(recorded, str) and max(len(asked), len(recorded)) > _CONTEXT:
        return f"{path}: {_words_changed(asked, recorded)}"
    return f"{path}: recorded {shortened(_shown(recorded), _WIDTH // 2)}, asked {shortened(_shown(asked), _WIDTH // 2)}"


def _shown(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        return f"{len(value)} bytes"
    if isinstance(value, str):
        return f'"{visible(value)}"'
    try:
        return visible(canonical_json(value))
    except (TypeError, ValueError, RecursionError):
        return f"a {type(value).__name__}"


def _words_changed(asked: str, recorded: str) -> str:
    """The first changed words of a text with a little of what stands around them."""
    start = common_start(asked, recorded)
    while start and asked[start - 1].isalnum():
        start -= 1
    end = common_start(asked[start:][::-1], recorded[start:][::-1])
    while end and asked[-end].isalnum():
        end -= 1
    before = asked[max(0, start - _CONTEXT) : start]
    after = asked[len(asked) - end :][:_CONTEXT]
    changed = _marked(asked[start : len(asked) - end], recorded[start : len(recorded) - end])
    return (
        ("..." if start > _CONTEXT else "")
        + visible(before)
        + changed
        + visible(after)
        + ("..." if end > _CONTEXT else "")
    )


def _marked(asked: str, recorded: str) -> str:
    ours, theirs = _WORD.findall(asked[:4000]), _WORD.findall(recorded[:4000])
    if len(ours) > _MOST_WORDS or len(theirs) > _MOST_WORDS:
        return _change(recorded, asked, _WIDTH // 3)
    from difflib import SequenceMatcher

    parts = []
    for kind, i, j, k, m in SequenceMatcher(None, theirs, ours, autojunk=False).get_opcodes():
        old, new = "".join(theirs[i:j]), "".join(ours[k:m])
        parts.append(shortened(visible(new), _CONTEXT) if kind == "equal" else _change(old, new, _WIDTH // 4))
        if sum(map(len, parts)) > _WIDTH:
            return "".join(parts) + "..."
    return "".join(parts)


def _change(old: str, new: str, width: int) -> str:
    removed = f"[-{shortened(visible(old), width)}-]" if old else ""
    added = f"{{+{shortened(visible(new), width)}+}}" if new else ""
    return removed + added
