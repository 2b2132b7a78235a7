"""The recipes of CONTRIBUTING.md work: each is done here on a copy of the package, and the result is used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "pytest_llmeval"


def copied(folder: Path) -> Path:
    """A copy of the package that may be edited."""
    return shutil.copytree(PACKAGE, folder / "pytest_llmeval", ignore=shutil.ignore_patterns("__pycache__"))


def edited(file: Path, before: str, line: str) -> None:
    """Insert a line before a text that the file holds once."""
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{before!r} is in {file.name} {text.count(before)} times"
    file.write_text(text.replace(before, line + before), encoding="utf-8")


def run(folder: Path, test: str) -> None:
    """Run a test file in a process that imports the copy."""
    (folder / "test_copy.py").write_text(test, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_copy.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


CHECK = '''

@check
def assert_ends_with(reply: str, text: str, *, category: str | None = None) -> Score:
    """Check how the reply ends."""
    if text_of(reply).endswith(text):
        return passed("format")
    return failed(f"the reply does not end with {quoted(text)}: {quoted(reply)}", category="format")
'''

USED = """
from pathlib import Path

import pytest
import pytest_llmeval
from pytest_llmeval import CheckFailed, assert_case, assert_ends_with
from pytest_llmeval.datasets.load import load_cases


def test_it_can_be_called():
    assert Path(pytest_llmeval.__file__).parents[1] == Path.cwd()
    assert {"assert_ends_with"} <= set(dir(pytest_llmeval))
    assert_ends_with("Kind regards, Iris", "Iris")
    with pytest.raises(CheckFailed, match='does not end with "Iris"') as caught:
        assert_ends_with("Kind regards", "Iris")
    assert caught.value.category == "format"


def test_a_row_can_carry_it(tmp_path):
    file = tmp_path / "letters.jsonl"
    file.write_text('{"id": "a", "input": "Write to Iris.", "checks": [{"ends_with": "Iris"}]}')
    [case] = load_cases(file, "letters.jsonl")
    assert_case("Kind regards, Iris", case)
    with pytest.raises(CheckFailed):
        assert_case("Kind regards", case)
"""


def test_a_new_check_is_a_function_an_entry_of_the_registry_and_its_name_in_the_front_door(tmp_path: Path) -> None:
    package = copied(tmp_path)
    checks, registry, door = package / "checks", package / "checks" / "rows" / "row_forms.py", package / "__init__.py"
    edited(checks / "plain_text.py", "\n\ndef text_of(reply", CHECK)
    entry = '    "ends_with": Form(plain_text.assert_ends_with, main="text", plain=(TEXT,)),\n'
    edited(registry, '    "matches": Form', entry)
    home = "pytest_llmeval.checks.plain_text"
    imported = f"    from {home} import assert_ends_with as assert_ends_with\n"
    edited(door, f"    from {home} import assert_equal ", imported)
    edited(door, "assert_equal assert_not_contains", "assert_ends_with ")
    run(tmp_path, USED)
