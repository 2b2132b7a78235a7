"""Reports that xdist can send: a worker that cannot send one is lost with all its tests."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest


class Sendable:
    """Registered in the workers of xdist."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_report_to_serializable(self) -> Generator[None, dict[str, Any] | None, dict[str, Any] | None]:
        """Write out what another plugin has put on a report and execnet cannot send."""
        from execnet import DumpError, dumps

        data = yield
        try:
            dumps(data)
        except (DumpError, UnicodeError, RecursionError):
            return {name: _plain(value) for name, value in data.items()} if data is not None else None
        return data


def _plain(value: Any, depth: int = 20) -> Any:
    """A value of types that execnet knows; anything else is replaced by its repr."""
    if value is None or type(value) in (bool, int, float, complex, bytes):
        return value
    if depth and isinstance(value, (list, tuple, set, frozenset)):
        kind = next(kind for kind in (list, tuple, set, frozenset) if isinstance(value, kind))
        return kind(_plain(each, depth - 1) for each in value)
    if depth and isinstance(value, dict):
        return {_plain(name, depth - 1): _plain(each, depth - 1) for name, each in value.items()}
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    return text.encode("utf-8", "backslashreplace").decode()
