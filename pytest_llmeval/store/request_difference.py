"""Say how a request differs from a recorded one, in a few lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from pytest_llmeval.differences import ABSENT, paired, word_diff
from pytest_llmeval.json_text import canonical_json
from pytest_llmeval.store.key import significant
from pytest_llmeval.text import both_quoted, shortened, visible

_MOST_LINES = 10
_MOST_FOUND = 1000
_WIDTH = 160
_SHORT = 24  # characters of a text that is shown whole
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


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
    pairs = paired(significant(asked, ignored), significant(recorded, ignored))
    differing = ((path, *pair) for path, *pair in pairs if not _same(*pair))
    found = list(islice(differing, _MOST_FOUND))
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


def _step(key: object) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    return f".{key}" if _NAME.fullmatch(str(key)) else f'["{shortened(visible(str(key)), 40)}"]'


def _line(steps: Iterable[object], asked: Any, recorded: Any) -> str:
    path = shortened("".join(map(_step, steps)).removeprefix("."), _WIDTH)
    if recorded is ABSENT:
        return f"{path}: not in the recorded request, asked {shortened(_shown(asked), _WIDTH)}"
    if asked is ABSENT:
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
