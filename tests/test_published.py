"""What is published: archives that are the same wherever they are built, their metadata, and the names they export.

``GOLDEN=write pytest tests/test_published.py`` writes ``exported_names.txt`` anew: read what changed as a user would.
"""

from __future__ import annotations

import email
import hashlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from importlib.metadata import version
from pathlib import Path

import pytest

import pytest_llmeval
from tests.footprint import installed_size, needed_packages

ROOT = Path(__file__).parents[1]
EXPORTED = Path(__file__).with_name("exported_names.txt")
PARTS = (
    "pytest_llmeval",
    "tests",
    "docs",
    "example_project",
    "Makefile",
    "constraints.txt",
    "pyproject.toml",
    "LICENSE",
)
_OF_A_CHECKOUT = shutil.ignore_patterns("__pycache__", ".*_cache", ".llmeval")


def build(folder: Path) -> dict[str, str]:
    """The digests of the archives built from a copy of the sources, by name; the archives lie in ``dist/`` there."""
    for name in (*PARTS, *(path.name for path in ROOT.glob("*.md")), "llms.txt", ".gitignore"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=_OF_A_CHECKOUT, copy_function=shutil.copyfile)
        else:
            folder.mkdir(exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build"], cwd=folder, capture_output=True, check=True, timeout=300
    )
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (folder / "dist").iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the archives were built."""
    for module in ("hatchling", "hatch_fancy_pypi_readme"):
        pytest.importorskip(module, reason=f"{module} is not installed in this environment")
    folder = tmp_path_factory.mktemp("first") / "here"
    build(folder)
    return folder


@pytest.mark.slow
def test_archives_are_the_same_byte_by_byte_wherever_they_are_built(built: Path, tmp_path: Path) -> None:
    """From the same sources, in another folder, at another time, for another user."""
    here = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (built / "dist").iterdir()}
    there = build(tmp_path / "a folder elsewhere")
    assert here == there
    assert sorted(name.rpartition(".")[2] for name in here) == ["gz", "whl"]


@pytest.mark.slow
def test_the_source_archive_holds_what_the_tests_need(built: Path) -> None:
    with tarfile.open(next((built / "dist").glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "tests/conftest.py", "docs/tutorial/quickstart.md"} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith((".venv", ".git/"))]


@pytest.fixture(scope="module")
def metadata(built: Path) -> Message:
    """The metadata in the wheel."""
    with zipfile.ZipFile(next((built / "dist").glob("*.whl"))) as wheel:
        text = wheel.read(next(name for name in wheel.namelist() if name.endswith("METADATA"))).decode()
    return email.message_from_string(text)


@pytest.mark.slow
def test_the_metadata_is_whole(metadata: Message) -> None:
    single = ("Name", "Version", "Summary", "License-Expression", "Requires-Python", "Keywords", "License-File")
    assert [name for name in single if not metadata[name]] == []
    assert metadata["Description-Content-Type"].startswith("text/markdown")
    classifiers = set(metadata.get_all("Classifier") or ())
    assert {"Framework :: Pytest", "Typing :: Typed", "Programming Language :: Python :: 3.13"} <= classifiers
    assert metadata.get_all("Project-URL") is None  # there is no public address; to invent one would mislead


@pytest.mark.slow
def test_the_first_page_of_a_package_index_renders_and_leads_nowhere_that_is_not_there(metadata: Message) -> None:
    markdown = pytest.importorskip("readme_renderer.markdown", reason="readme-renderer is not installed here")
    text = str(metadata.get_payload())
    assert text.startswith("# pytest-llmeval\n\nKnow which kind of mistake")
    assert "<!--" not in text
    page = markdown.render(text)
    assert page is not None
    leads = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert [each for each in leads if not each.startswith(("https://", "http://", "#"))] == []
    assert "the source archive" in page


def test_an_installation_is_as_small_as_the_readme_says() -> None:
    """The number of packages and what they take on disk; a new dependency changes both, and is to be seen."""
    said = re.search(r"brings (\d+) packages, (\d+) MB", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert said is not None
    needed = needed_packages("pytest-llmeval")
    pinned = dict(
        re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    )
    if other := [name for name in needed if version(name) != pinned.get(name)]:
        pytest.skip(f"other versions than those of constraints.txt are installed here: {', '.join(other)}")
    assert len(needed) <= int(said[1]), needed  # fewer on a Python that has what one of them brings
    assert sum(map(installed_size, needed)) <= int(said[2]) * 1.15 * 10**6


def exported() -> str:
    """Every exported name with its signature, and the public members of the classes."""
    lines = []
    for name in pytest_llmeval.__all__:
        value = getattr(pytest_llmeval, name)
        lines.append(f"{name}{_signature(value)}")
        if inspect.isclass(value):
            members = {
                member for one in value.__mro__ if one.__module__.startswith("pytest_llmeval") for member in vars(one)
            }
            for member in sorted(each for each in members if not each.startswith("_")):
                found = inspect.getattr_static(value, member)
                lines.append(f"    .{member}{_signature(found) if inspect.isfunction(found) else ''}")
    return "\n".join(lines) + "\n"


def _signature(value: object) -> str:
    """The parameters by name and kind, as a caller sees them: types may get narrower, and defaults better."""
    try:
        parameters = inspect.signature(value).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""
    shown, keywords = [], False
    for each in parameters:
        if each.kind is each.KEYWORD_ONLY and not keywords:
            shown.append("*")
        keywords = keywords or each.kind in (each.KEYWORD_ONLY, each.VAR_POSITIONAL)
        stars = "*" * (each.kind is each.VAR_POSITIONAL) + "**" * (each.kind is each.VAR_KEYWORD)
        shown.append(f"{stars}{each.name}" + ("=..." if each.default is not each.empty else ""))
    return f"({', '.join(shown)})"


def test_what_is_exported_changes_only_where_it_is_seen() -> None:
    if os.environ.get("GOLDEN") == "write":
        EXPORTED.write_text(exported(), encoding="utf-8")
    assert exported() == EXPORTED.read_text(encoding="utf-8")
