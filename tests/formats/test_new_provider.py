"""A new provider is one file and one line: tried on a copy of the package, with the contract of all formats."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_llmeval
from tests.formats import test_contract

SETTINGS = """
from hypothesis import settings
settings.register_profile("few", max_examples=20, deadline=None, database=None)
settings.load_profile("few")
"""
ROW = '    "azure": "clouds.azure.AzureChat",\n'


def contract_of_a_new_format(copy: Path, source: str) -> str:
    """What the contract says of a format whose file and whose line in the registry are all that is new."""
    shutil.copytree(Path(pytest_llmeval.__file__).parent, copy / "pytest_llmeval")
    (copy / "pytest_llmeval/formats/salon.py").write_text(source)
    registry = copy / "pytest_llmeval/formats/registry.py"
    text = registry.read_text()
    assert ROW in text
    registry.write_text(text.replace(ROW, f'{ROW}    "salon": "salon.Salon",\n'))
    shutil.copy(test_contract.__file__, copy / "test_contract.py")
    (copy / "conftest.py").write_text(SETTINGS)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-pno:cacheprovider", "-pno:xdist", "-ksalon", "test_contract.py"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout + result.stderr


def source_of_the_format() -> str:
    imports = inspect.getsource(test_contract).partition("SECRET =")[0]
    classes = (test_contract.ParlourStream, test_contract.Parlour)
    source = "\n\n".join([imports, *map(inspect.getsource, classes)])
    return source.replace("parlour", "salon").replace("Parlour", "Salon").replace("PARLOUR", "SALON")


@pytest.mark.slow
def test_a_file_and_a_line_in_the_registry_are_a_provider(tmp_path: Path) -> None:
    told = contract_of_a_new_format(tmp_path, source_of_the_format())
    passed = re.search(r"(\d+) passed", told)
    assert passed is not None, told
    assert int(passed[1]) >= 30
    assert "failed" not in told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("right", "wrong", "found"),
    [
        ('"out": answer.usage.output_tokens', '"out": 7', "test_a_body_made_of_an_answer_is_read_as_that_answer"),
        (
            'key_header = "X-Salon-Key"',
            'def authorization(self, key: str) -> dict[str, str]: return {"X-Elsewhere": key}',
            "test_a_key_is_found_where_it_is_put",
        ),
    ],
)
def test_a_mistake_in_a_format_that_no_test_names_is_found(tmp_path: Path, right: str, wrong: str, found: str) -> None:
    source = source_of_the_format()
    assert right in source
    told = contract_of_a_new_format(tmp_path, source.replace(right, wrong))
    assert f"FAILED test_contract.py::{found}" in told
