"""Say how a request differs from a recorded one, in a few lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from pytest_llmeval.differences import word_diff
from pytest_llmeval.json_text import canonical_json, visible
from pytest_llmeval.store.key import significant
from pytest_llmeval.text import both_quoted, shortened

_MOST_LINES = 10
_MOST_FOUND = 1000
_DEEPEST = 40
_WIDTH = 160
_SHORT = 24  # characters of a text that is shown whole
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ABSENT = object()


def explain_difference(asked: Mapping[str, Any], recorded: Mapping[str, Any], ignore: Iterable[str] = ()) -> list[str]:
    """Where two request bodies differ in what decides the answer.

    Args:
        asked: the body that has no recording.
        recorded: the most similar one that has.
        ignore: JSON paths that do not count, as for `RequestIdentity`.

    Returns:
        At most ten harmless lines, such as ``temperature: recorded 0, asked 0.7`` or
        ``messages[0].content: ... the capital of [-France?-]{+Spain?+}``; none when nothing differs.
    """
    ignored = tuple(ignore)
    found = list(islice(_differences("", significant(asked, ignored), significant(recorded, ignored), 0), _MOST_FOUND))
    if len(found) <= _MOST_LINES:
        return [_line(*difference) for difference in found]
    lines = [_line(*difference) for difference in found[: _MOST_LINES - 1]]
    more = f"{len(found) - len(lines)}" if len(found) < _MOST_FOUND else f"over {_MOST_FOUND - len(lines)}"
    return [*lines, f"... and {more} more differences"]


def _differences(path: str, asked: Any, recorded: Any, depth: int) -> Iterator[tuple[str, Any, Any]]:
    """The paths at which two values differ, with both values."""
    if depth < _DEEPEST:
        if isinstance(asked, Mapping) and isinstance(recorded, Mapping):
            for name in sorted({*asked, *recorded}, key=str):
                below = _joined(path, str(name))
                yield from _differences(below, asked.get(name, _ABSENT), recorded.get(name, _ABSENT), depth + 1)
            return
        if isinstance(asked, list | tuple) and isinstance(recorded, list | tuple):
            for index in range(max(len(asked), len(recorded))):
                ours = asked[index] if index < len(asked) else _ABSENT
                theirs = recorded[index] if index < len(recorded) else _ABSENT
                yield from _differences(f"{path}[{index}]", ours, theirs, depth + 1)
            return
    if not _same(asked, recorded):
        yield path, asked, recorded


def _same(asked: Any, recorded: Any) -> bool:
    if type(asked) is type(recorded) and isinstance(asked, str | bytes | bool | int | float):
        return bool(asked == recorded)
    if asked is _ABSENT or recorded is _ABSENT:
        return asked is recorded
    try:
        return canonical_json(asked) == canonical_json(recorded)
    except (TypeError, ValueError, RecursionError):
        return False


def _joined(path: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        return f'{path}["{shortened(visible(name), 40)}"]'
    return f"{path}.{name}" if path else name


def _line(path: str, asked: Any, recorded: Any) -> str:
    path = path if len(path) <= _WIDTH else f"...{path[-_WIDTH:]}"
    if recorded is _ABSENT:
        return f"{path}: not in the recorded request, asked {shortened(_shown(asked), _WIDTH)}"
    if asked is _ABSENT:
        return f"{path}: only in the recorded request, {shortened(_shown(recorded), _WIDTH)}"
    if isinstance(asked, str) and isinstance(recorded, str) and max(len(asked), len(recorded)) > _SHORT:
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
    """The changed words, or the place where only white space differs."""
    changed = word_diff(recorded, asked, width=_WIDTH, lines=2)
    if changed:
        return " ".join(changed)
    old, new = both_quoted(recorded, asked)
    return f"recorded {old}, asked {new}"
