"""tests/faults.toml: every fault has a number of its own, and the tests that are said to hold it exist.

So do those that SECURITY.md names.
"""

from __future__ import annotations

import ast
import functools
import re

import pytest

from docs.tools.faults import faults, told
from docs.tools.pages import ROOT

FAULTS = faults()
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


@functools.cache
def functions(file: str) -> set[str]:
    """The test functions of a file of tests."""
    body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    return {node.name for node in body if isinstance(node, ast.FunctionDef)}


def test_numbers_are_whole_and_without_a_gap() -> None:
    assert [fault.number for fault in FAULTS] == list(range(1, len(FAULTS) + 1))


def test_a_fault_is_held_by_a_test_or_cannot_happen() -> None:
    for fault in FAULTS:
        assert bool(fault.does and fault.tests) is not bool(fault.no_matter), fault.number
        assert len(set(fault.tests)) == len(fault.tests), fault.number


@pytest.mark.parametrize("text", [*map(told, FAULTS), SECURITY], ids=[*(str(f.number) for f in FAULTS), "SECURITY"])
def test_the_tests_that_are_named_exist(text: str) -> None:
    for test in re.findall(r"tests/[\w/]+\.py::\w+", text):
        file, _, name = test.partition("::")
        assert name in functions(file), test


def test_a_test_that_is_not_there_is_found_out() -> None:
    assert "test_a_fault_is_told_in_sentences" in functions("tests/test_faults.py")
    assert "test_nothing_of_the_kind" not in functions("tests/test_faults.py")


def test_a_fault_is_told_in_sentences() -> None:
    for fault in FAULTS:
        for text in filter(None, (fault.fault, fault.does, fault.not_held, fault.no_matter)):
            assert text.endswith("."), text
