"""Whether a case is judged by the very tests it was judged by when it was saved.

If so, and saved replies that passed then fail now, the code behind the replies has changed: what a user sees broke.
If not, a check may be stricter, and both sides are judged alike. Of the test's file and of each ``conftest.py`` the
code counts, without comments, docstrings, other tests and whatever the test does not use: what a change adds beside it
must not hide that the code broke. Other files are compared as they are.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pytest

_known = pytest.StashKey[dict[tuple[Path, str], str]]()
_read = pytest.StashKey[dict[tuple[Path, bool], "bytes | list[_Part]"]]()

_FOR_TESTS = re.compile(r"(?<![a-z])(?:unittests?|tests?|testing|specs?|e2e|qa|(?:llm)?evals?|evaluations?)(?![a-z])")
"""Finds what the name of a folder says that holds tests and what helps them."""

_NO_HELPERS = ("test_*.py", "*_test.py", "conftest.py")
"""Beside what ``python_files`` names."""


class _Part(NamedTuple):
    """A part of a file of tests.

    Attributes:
        test: the classes and the function that it belongs to, as in ``("TestRefunds", "test_late")``; () for what is of
            all tests.
        code: what it does.
        binds: the name under which it is used, by an import or a helper, and without which it does nothing; "" for what
            counts always.
        uses: the names that occur in it, as a text too, as those of fixtures do.
        imports: whether it is an import; the order of these does not matter.
    """

    test: tuple[str, ...]
    code: str
    binds: str
    uses: frozenset[str]
    imports: bool = False


def judged_by(item: pytest.Item, root: Path) -> str:
    """Digest of what judges a test: its code, the ``conftest.py`` above it, and what helps the tests of its folder."""
    known = item.config.stash.setdefault(_known, {})
    named = item.nodeid.split("::", 1)[-1].split("[")[0]
    if (item.path, named) not in known:
        files = item.config.stash.setdefault(_read, {})
        named_tests = [pattern for pattern in item.config.getini("python_files") if pattern != "*.py"]
        no_helpers = (*_NO_HELPERS, *named_tests)
        known[item.path, named] = _digest(
            item.path, tuple(named.split("::")), _files(item.path, root, no_helpers), files
        )
    return known[item.path, named]


def _digest(
    file: Path, test: tuple[str, ...], paths: list[Path], files: dict[tuple[Path, bool], bytes | list[_Part]]
) -> str:
    found = hashlib.sha256(version("pytest-llmeval").encode())
    try:
        judging = {path: _read_once(path, files, parsed=path == file or path.name == "conftest.py") for path in paths}
    except OSError:
        return ""  # not known, and so never the same
    parts = {
        path: [part for part in read if path != file or part.test == test[: len(part.test)]]
        for path, read in judging.items()
        if not isinstance(read, bytes)
    }
    used = _used(test, [part for own in parts.values() for part in own])
    for path, read in judging.items():
        code = read if isinstance(read, bytes) else _code(parts[path], used)
        if code:
            found.update(path.name.encode() + b"\0" + code + b"\0")
    return found.hexdigest()[:16]


def _used(test: tuple[str, ...], parts: list[_Part]) -> set[str]:
    """The names that a test uses, by itself or by what it uses; "" for what counts always."""
    by_name: dict[str, list[_Part]] = {}
    for part in parts:
        by_name.setdefault(part.binds, []).append(part)
    used, new = set[str](), {"", *test}
    while new:
        used |= new
        new = {name for each in new for part in by_name.get(each, ()) for name in part.uses} - used
    return used


def _code(parts: list[_Part], used: set[str]) -> bytes:
    """What of a file counts: the parts that are used, and what these import."""
    own = [part for part in parts if part.binds in used and not part.imports]
    here = {"", *(name for part in own for name in part.uses)}
    imports = sorted({part.code for part in parts if part.imports and part.binds in here})
    return "\n".join([*imports, *(part.code for part in own)]).encode("utf-8", "surrogatepass")


def _read_once(path: Path, files: dict[tuple[Path, bool], bytes | list[_Part]], *, parsed: bool) -> bytes | list[_Part]:
    if (path, parsed) not in files:
        files[path, parsed] = _parts(path, parsed=parsed)
    return files[path, parsed]


def _parts(path: Path, *, parsed: bool) -> bytes | list[_Part]:
    """The parts of a file of tests; any other file, and one that cannot be parsed, as it is.

    Raises:
        OSError: it cannot be read.
    """
    source = path.read_bytes().replace(b"\r\n", b"\n")
    if not parsed:
        return source
    try:
        return list(_parts_of(ast.parse(source), ()))
    except (SyntaxError, ValueError, RecursionError):
        return source


def _parts_of(owner: ast.Module | ast.ClassDef, test: tuple[str, ...]) -> Iterator[_Part]:
    """Tests are what pytest takes for them unless it is told otherwise."""
    left = []
    for node in _without_docstring(owner):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test"):
            yield _part((*test, node.name), node)
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _parts_of(node, (*test, node.name))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            place = f"{'.' * node.level}{node.module or ''}" if isinstance(node, ast.ImportFrom) else ""
            for name in node.names:
                binds = "" if name.name == "*" else name.asname or name.name.partition(".")[0]
                yield _Part(test, f"{place} {_told(name)}", binds, frozenset({name.name}), imports=True)
        else:
            left.append(node)
    if isinstance(owner, ast.ClassDef):
        owner.body = left or [ast.Pass()]
        yield _part(test, owner)
    else:
        yield from (_part(test, node) for node in left)


def _part(test: tuple[str, ...], node: ast.stmt) -> _Part:
    return _Part(test, _told(node), "" if test else _helper(node), frozenset(_names_in(node)))


def _names_in(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield each.id
        elif isinstance(each, ast.arg):
            yield each.arg
        elif isinstance(each, ast.Attribute):
            yield each.attr
        elif isinstance(each, ast.Constant) and isinstance(each.value, str) and each.value.isidentifier():
            yield each.value


def _helper(node: ast.stmt) -> str:
    """The name of a function, a class or a constant that does nothing unless it is used; "" for anything else.

    What pytest calls by its name, what a decorator or a base class may tell others of, and a value that is called for
    count always.
    """
    name = ""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        name = node.name if all(map(_is_fixture, node.decorator_list)) else ""
    elif isinstance(node, ast.ClassDef) and not (node.decorator_list or node.bases or node.keywords):
        name = node.name if not any(isinstance(each, ast.Call) for each in ast.walk(node)) else ""
    elif isinstance(node, ast.Assign) and not any(isinstance(each, ast.Call) for each in ast.walk(node.value)):
        [target, *others] = node.targets
        name = target.id if isinstance(target, ast.Name) and not others else ""
    return "" if name.lower().startswith(_CALLED_BY_PYTEST) else name


def _is_fixture(decorator: ast.expr) -> bool:
    """Whether a decorator makes a fixture that is set up for nobody but those who name it."""
    call = decorator if isinstance(decorator, ast.Call) else None
    named = call.func if call is not None else decorator
    scoped = call is None or (not call.args and all(each.arg in ("scope", "params", "ids") for each in call.keywords))
    return scoped and _told(named) in _FIXTURE


def _told(node: Any) -> str:
    """A node and all in it as a text, the same by every version of Python: fields that are empty are left out."""
    if isinstance(node, list):
        return f"[{','.join(map(_told, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    body = {"body": _without_docstring(node)} if isinstance(node, _WITH_DOCSTRING) else {}
    fields = {**dict(ast.iter_fields(node)), **body}
    told = (f"{name}={_told(value)}" for name, value in fields.items() if value not in (None, []))
    return f"{type(node).__name__}({','.join(told)})"


_CALLED_BY_PYTEST = ("pytest", "setup", "teardown", "load_tests", "__")
_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


_FIXTURE = {_told(ast.parse(name, mode="eval").body) for name in ("pytest.fixture", "fixture")}


def _without_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    return node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body


def _files(file: Path, root: Path, no_helpers: tuple[str, ...]) -> list[Path]:
    if not file.is_relative_to(root):
        return [file]
    folders = [folder for folder in file.parents if folder.is_relative_to(root)]
    above = [folder / "conftest.py" for folder in folders if (folder / "conftest.py").is_file()]
    # In myapp/tests/, say, that folder alone: beside it, and beside a test in no such folder, lies the application.
    top = next((folder for folder in reversed(folders[:-1]) if _FOR_TESTS.search(folder.name.lower())), None)
    below = sorted(top.rglob("*.py")) if top is not None else []
    return [file, *above, *(path for path in below if not any(map(path.match, no_helpers)))]
