"""Whether a case is judged by the very tests it was judged by when it was saved.

If so, and saved replies that passed then fail now, the code behind the replies has changed: what a user sees broke.
If not, a check may be stricter, and both sides are judged alike. The files are compared as they are, and none is read
for what it means.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import pytest

_known = pytest.StashKey[dict[Path, str]]()

_NO_HELPERS = ("test_*.py", "*_test.py", "conftest.py")


def judged_by(item: pytest.Item, root: Path) -> str:
    """Digest of what judges a test: its file, the ``conftest.py`` above it, and what helps the tests of its folder."""
    known = item.config.stash.setdefault(_known, {})
    if item.path not in known:
        known[item.path] = _digest(item.path, root)
    return known[item.path]


def _digest(file: Path, root: Path) -> str:
    found = hashlib.sha256(version("pytest-llmeval").encode())
    try:
        for path in _files(file, root):
            found.update(path.name.encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    except OSError:
        return ""  # not known, and so never the same
    return found.hexdigest()[:16]


def _files(file: Path, root: Path) -> list[Path]:
    if not file.is_relative_to(root):
        return [file]
    folders = [folder for folder in file.parents if folder.is_relative_to(root)]
    above = [folder / "conftest.py" for folder in folders if (folder / "conftest.py").is_file()]
    top = folders[-2] if len(folders) > 1 else None  # tests/, say; next to a test at the root lies the application
    below = sorted(top.rglob("*.py")) if top is not None else []
    return [file, *above, *(path for path in below if not any(map(path.match, _NO_HELPERS)))]
