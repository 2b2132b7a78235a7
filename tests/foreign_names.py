"""Finds the private names of other packages that a package uses, by its syntax trees.

A name that begins with an underscore is another package's where no class of the file that uses it defines it. What a
class with a foreign base defines is an override where the base has it too.
"""

from __future__ import annotations

import ast
import asyncio
import http.server
from collections.abc import Iterator
from pathlib import Path

import diskcache
import httpx
import pytest

__all__ = ["DOCUMENTED", "private_names"]

DOCUMENTED = {"_replace", "_asdict", "_fields", "_make", "_getframe", "_thread"}
"""Of Python's own library: named with an underscore, and described in its documentation."""

_BASES = (asyncio, diskcache, http.server, httpx, pytest)  # whose classes the package has subclasses of
_BY_NAME = {"getattr", "hasattr", "setattr", "delattr"}


def private_names(package: Path) -> set[tuple[str, str]]:
    """The private names of other packages, each with the file that uses it."""
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in sorted(package.rglob("*.py"))}
    defined = {file: set(_defined(tree)) for file, tree in trees.items()}
    inherited = set[str]().union(*defined.values())  # by classes with a base in another file
    return {
        (name, file.relative_to(package).as_posix())
        for file, tree in trees.items()
        for name, of_self in _used(tree)
        if name not in (inherited if of_self else defined[file]) and name not in DOCUMENTED
    }


def _is_private(name: str) -> bool:
    return name.startswith("_") and name.strip("_") != "" and not name.startswith("__")


def _used(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Each private name that is used, and whether of ``self``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr):
            yield node.attr, isinstance(node.value, ast.Name) and node.value.id == "self"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((name, False) for name in _imported(node))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _BY_NAME:
            named = [each.value for each in node.args[1:2] if isinstance(each, ast.Constant)]
            yield from ((name, False) for name in named if isinstance(name, str) and _is_private(name))
        elif isinstance(node, ast.ClassDef):
            yield from ((name, False) for name in _members(node) if _is_override(node, name))


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom):
        module = str(node.module)
        if any(_is_private(part) for part in module.split(".")):
            yield from (f"{module}.{alias.name}" for alias in node.names)
        else:
            yield from (alias.name for alias in node.names if _is_private(alias.name))
    else:
        yield from (alias.name for alias in node.names if any(_is_private(part) for part in alias.name.split(".")))


def _defined(tree: ast.Module) -> Iterator[str]:
    """What a file gives a name to itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from (name for name in _members(node) if not _is_override(node, name))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _of_self(node)


def _members(node: ast.ClassDef) -> Iterator[str]:
    for each in node.body:
        yield from _targets(each)


def _targets(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            yield from (each.id for each in ast.walk(target) if isinstance(each, ast.Name))


def _of_self(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
        ):
            yield node.attr


def _is_override(node: ast.ClassDef, name: str) -> bool:
    bases = [base.attr for base in node.bases if isinstance(base, ast.Attribute)]
    return _is_private(name) and any(hasattr(getattr(module, base, None), name) for module in _BASES for base in bases)
