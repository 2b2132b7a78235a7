"""What `make demo` and `make test` install is pinned, on every platform and from whichever index a machine uses."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LINES = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ASKED_FOR = [
    *PROJECT["build-system"]["requires"],
    *PROJECT["project"]["dependencies"],
    *(text for extra in PROJECT["project"]["optional-dependencies"].values() for text in extra),
    *(text for group in PROJECT["dependency-groups"].values() for text in group),
]


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_a_remark_or_one_version_of_one_package(line: str) -> None:
    """So that it holds no address, no option and no path."""
    if not line.startswith("#"):
        assert re.fullmatch(r"[a-z0-9-]+==[a-z0-9.+!]+( ; [A-Za-z0-9_.*<>=!'() -]+)?", line)
    else:
        assert re.fullmatch(r"[\w #:]+", line)


@pytest.mark.parametrize("text", ASKED_FOR)
def test_what_is_asked_for_is_pinned_to_a_version_that_is_allowed(text: str) -> None:
    """Otherwise: make constraints."""
    asked = Requirement(text)
    pinned = [Requirement(line) for line in LINES if not line.startswith("#")]
    versions = [
        specifier.version
        for pin in pinned
        if canonicalize_name(pin.name) == canonicalize_name(asked.name)
        for specifier in pin.specifier
    ]
    assert versions
    assert [version for version in versions if version not in asked.specifier] == []
