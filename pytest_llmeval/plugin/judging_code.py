"""Digest of the code that judges a test's replies, to tell whether two runs were judged alike.

Only what the verdict rests on is in it: asserts, checks, ``with category(...)``, and what their names stand for in the
test's function and module. What is asked is not, whether it stands in the test or elsewhere: a prompt is what a team
changes and compares, and a run remembers it by itself.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import inspect
import json
import re
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["checks_digest"]

_MODELS = frozenset({"llm", "llm_capture", "llm_gateway"})
_ASSIGNS = (ast.Assign, ast.AnnAssign, ast.AugAssign)


def checks_digest(function: Callable[..., Any], root: Path, category: str | None = None) -> str:
    """Digest of what judges the replies within a test function, "" when its source is not there.

    Args:
        function: the test.
        root: only functions below this folder are looked into; a library's are known by their names.
        category: the error category of its plain asserts.
    """
    function = inspect.unwrap(function)
    tree = _tree_of(function)
    if tree is None:
        return ""
    try:
        judging = _judging(_Asked().visit(tree))
        parts = [category or "", *map(ast.unparse, judging)]
    except RecursionError:
        return ""
    variables = _variables(function)
    names: dict[str, Any] = {}
    for node in judging:
        names.update(_named(node, variables))
    # The project's folder is another on each machine.
    parts += [f"{name} = {_meaning(value, root)}".replace(str(root), "") for name, value in sorted(names.items())]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def _tree_of(function: Callable[..., Any]) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, ValueError, RecursionError):
        return None


class _Asked(ast.NodeTransformer):
    """Puts one word in place of every call that a model has a part in, with all that is said in it."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Mask it, innermost first, so that what is done with a reply is kept."""
        self.generic_visit(node)
        if _is_check(node) or not any(isinstance(n, ast.Name) and n.id in _MODELS for n in ast.walk(node)):
            return node
        return ast.Constant("reply")


def _is_check(node: ast.Call) -> bool:
    return _name_of(node.func).startswith("assert_") or _name_of(node.func) == "category"


def _name_of(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _judging(tree: ast.AST) -> list[ast.AST]:
    """What judges, and the assignments that what judges rests on, in the order of the source."""
    nodes = list(ast.walk(tree))
    found = {index for index, node in enumerate(nodes) if _judges(node)}
    needed = {name for index in found for name in _names_in(nodes[index])}
    while more := {i for i, n in enumerate(nodes) if i not in found and isinstance(n, _ASSIGNS) and _sets(n) & needed}:
        found |= more
        needed |= {name for index in more for name in _names_in(nodes[index])}
    place = {index: (getattr(nodes[index], "lineno", 0), getattr(nodes[index], "col_offset", 0)) for index in found}
    return [nodes[index] for index in sorted(found, key=lambda index: (place[index], index))]


def _judges(node: ast.AST) -> bool:
    match node:
        case ast.Assert() | ast.Raise():
            return True
        case ast.Expr(value=ast.Call() as call) | ast.withitem(context_expr=ast.Call() as call):
            return _name_of(call.func) != "print"
        case ast.Call():
            return _is_check(node)
    return False


def _names_in(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _sets(node: ast.AST) -> set[str]:
    targets: list[ast.AST] = list(node.targets) if isinstance(node, ast.Assign) else [node.target]  # type: ignore[attr-defined]
    return {name for target in targets for name in _names_in(target)}


def _variables(function: Callable[..., Any]) -> Mapping[str, Any]:
    """What names stand for where the function is written."""
    try:
        closed = inspect.getclosurevars(function).nonlocals
    except (TypeError, ValueError):
        closed = {}
    return {**getattr(function, "__globals__", {}), **closed}


def _named(node: ast.AST, variables: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and inner.id in variables and inner.id not in _MODELS:
            yield inner.id, variables[inner.id]
        elif isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name):
            module = variables.get(inner.value.id)
            if isinstance(module, types.ModuleType) and inner.attr in vars(module):
                yield f"{inner.value.id}.{inner.attr}", vars(module)[inner.attr]


def _meaning(value: object, root: Path) -> str:
    """What a name stands for, alike in every process and on every machine: data, or the source of a project's code."""
    if isinstance(value, types.FunctionType):
        return _code(inspect.unwrap(value), root)
    try:
        return json.dumps(value, sort_keys=True, default=_kind)
    except (TypeError, ValueError, RecursionError):
        return _kind(value)


@functools.lru_cache(maxsize=256)
def _code(function: Callable[..., Any], root: Path) -> str:
    """The source of a function of the project, the name of any other."""
    file = Path(getattr(getattr(function, "__code__", None), "co_filename", ""))
    if file.is_relative_to(root) and "site-packages" not in file.parts:
        tree = _tree_of(function)
        with contextlib.suppress(RecursionError):
            return ast.unparse(tree) if tree is not None else ""
    return f"function {getattr(function, '__qualname__', '')}"


def _kind(value: object) -> str:
    if isinstance(value, (set, frozenset)):
        return str(sorted(json.dumps(each, default=_kind) for each in value))
    return f"Pattern {value.pattern!r}" if isinstance(value, re.Pattern) else type(value).__name__
