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
import sys
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["checks_digest"]

_MODELS = frozenset({"llm", "llm_capture", "llm_gateway"})
_ASSIGNS = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr, ast.For, ast.AsyncFor, ast.comprehension)
_BRANCHES = (ast.If, ast.While, ast.IfExp)


def checks_digest(
    function: Callable[..., Any],
    root: Path,
    category: str | None = None,
    *,
    arguments: Mapping[str, Any] | None = None,
    captures: bool = False,
) -> str:
    """Digest of what judges the replies within a test function, "" when its source is not there.

    Args:
        function: the test.
        root: only functions below this folder are looked into; a library's are known by their names.
        category: the error category of its plain asserts.
        arguments: what a parametrized test is given by name; of these count those that judge, not those that are asked.
        captures: whether an application asks the model: then what gives the test a reply is a call of that.
    """
    judging = _judging_code(inspect.unwrap(function), root, captures)
    if judging is None:
        return ""
    parts = [category or "", *judging.parts]
    names: dict[str, Any] = {}
    for node in judging.nodes:
        names.update(_named(node, {**judging.variables, **(arguments or {})}))
    # The project's folder is another on each machine.
    parts += [f"{name} = {_meaning(value, root)}".replace(str(root), "") for name, value in sorted(names.items())]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


class _JudgingCode(NamedTuple):
    """What judges within a function, whatever the function is given."""

    nodes: list[Any]
    parts: list[str]
    variables: Mapping[str, Any]


@functools.lru_cache(maxsize=256)  # a test that is parametrized is looked at once for each of its parameters
def _judging_code(function: Callable[..., Any], root: Path, captures: bool) -> _JudgingCode | None:
    tree = _tree_of(function)
    if tree is None:
        return None
    variables = _variables(function)
    try:
        nodes = list(_judging(_Asked(variables if captures else None, root).visit(tree)))
        return _JudgingCode(nodes, [*map(ast.unparse, nodes)], variables)
    except RecursionError:
        return None


def _tree_of(function: Callable[..., Any]) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, ValueError, RecursionError):
        return None


class _Asked(ast.NodeTransformer):
    """Puts one word in place of every call that a model has a part in, with all that is said in it.

    Args:
        variables: what names stand for, where an application asks the model; then a call of the project's own code
            is one of the application unless it is given what an earlier one came back with. None where none asks.
        root: the project's folder.
    """

    def __init__(self, variables: Mapping[str, Any] | None, root: Path) -> None:
        self._variables = variables
        self._root = root
        self._replies: set[str] = set()  # names of what calls came back with

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Mask it, innermost first, so that what is done with a reply is kept."""
        self.generic_visit(node)
        if _is_check(node) or not (_names_in(node) & _MODELS or self._is_of_application(node)):
            return node
        return _Reply("reply")

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """Note the names of replies."""
        self.generic_visit(node)
        if self._holds_reply(node.value):
            self._replies |= _sets(node)
        return node

    def _is_of_application(self, node: ast.Call) -> bool:
        if self._variables is None or any(map(self._holds_reply, [*node.args, *node.keywords])):
            return False
        func = node.func
        while isinstance(func, ast.Attribute):
            func = func.value
        if not isinstance(func, ast.Name) or func.id in self._replies:
            return False
        called = self._variables.get(func.id)
        if isinstance(called, types.ModuleType):
            file = called.__file__
        else:
            file = getattr(sys.modules.get(getattr(called, "__module__", "") or ""), "__file__", None)
        return file is not None and _is_own(Path(file), self._root)

    def _holds_reply(self, node: ast.AST) -> bool:
        return any(isinstance(inner, _Reply) for inner in ast.walk(node)) or bool(_names_in(node) & self._replies)


class _Reply(ast.Constant):
    """What stands for a reply."""


def _is_check(node: ast.Call) -> bool:
    return _name_of(node.func).startswith("assert_") or _name_of(node.func) == "category"


def _name_of(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _judging(tree: ast.AST) -> list[ast.AST]:
    """What judges, and the assignments and conditions that what judges rests on, in the order of the source."""
    nodes = list(ast.walk(tree))
    functions = {node for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))} - {
        *_outermost(tree)
    }
    # Of what has a body the head alone: the body is more than what judges.
    heads = {index: _head(node) for index, node in enumerate(nodes) if isinstance(node, (*_ASSIGNS, *_BRANCHES))}
    found = {index for index, node in enumerate(nodes) if _judges(node)}
    judging = {nodes[index] for index in found}
    found |= {i for i, n in enumerate(nodes) if isinstance(n, _BRANCHES) and judging & set(ast.walk(n))}
    needed = {name for index in found for name in _names_in(heads.get(index, nodes[index]))}
    while more := {
        i
        for i, n in enumerate(nodes)
        if i not in found and ((isinstance(n, _ASSIGNS) and _sets(n) & needed) or (n in functions and n.name in needed))
    }:
        found |= more
        needed |= {name for index in more for name in _names_in(heads.get(index, nodes[index]))}
    place = {index: (getattr(nodes[index], "lineno", 0), getattr(nodes[index], "col_offset", 0)) for index in found}
    return [heads.get(index, nodes[index]) for index in sorted(found, key=lambda index: (place[index], index))]


def _outermost(tree: ast.AST) -> list[ast.AST]:
    return list(tree.body[:1]) if isinstance(tree, ast.Module) else [tree]


def _head(node: ast.AST) -> ast.AST:
    """A loop without its body, a condition without its branches; anything else as it is."""
    match node:
        case ast.For() | ast.AsyncFor():
            return ast.Tuple([node.target, node.iter], ast.Load())
        case ast.If() | ast.While() | ast.IfExp():
            return node.test
    return node


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
    if _is_own(file, root):
        tree = _tree_of(function)
        with contextlib.suppress(RecursionError):
            return ast.unparse(tree) if tree is not None else ""
    return f"function {getattr(function, '__qualname__', '')}"


def _is_own(file: Path, root: Path) -> bool:
    return file.is_relative_to(root) and "site-packages" not in file.parts


def _kind(value: object) -> str:
    if isinstance(value, (set, frozenset)):
        return str(sorted(json.dumps(each, default=_kind) for each in value))
    return f"Pattern {value.pattern!r}" if isinstance(value, re.Pattern) else type(value).__name__
