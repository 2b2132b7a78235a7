"""Every code block of README.md, the pages beside it and docs/ runs, and every output shown is what is printed."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

import pytest_llmeval
from docs.tools.generate import fresh_lists
from docs.tools.llms import LLMS, fresh_llms
from docs.tools.pages import ROOT, Block, Page, Project, all_pages, run_statements
from pytest_llmeval.config.settings import load_settings

PAGES = all_pages()
REFERENCE = ROOT / "docs" / "reference"
BLOCKS = [(page, block) for page in PAGES for block in page.blocks()]
every_page = pytest.mark.parametrize("page", PAGES, ids=str)


def of(*languages: str) -> pytest.MarkDecorator:
    """The blocks in some languages."""
    found = [(page, block) for page, block in BLOCKS if block.language in languages]
    return pytest.mark.parametrize(("page", "block"), found, ids=[f"{page}:{block.line}" for page, block in found])


@pytest.mark.slow
@every_page
def test_a_page_runs_as_it_says(page: Page, tmp_path: Path) -> None:
    """Test files pass and commands print what is shown, each with exit code 0 or the one the page names."""
    names = {name: getattr(pytest_llmeval, name) for name in pytest_llmeval.__all__}
    files, needs = [], []
    with Project(tmp_path / "page", page) as project:
        for block in page.blocks():
            place = f"{page}:{block.line}"
            if "file" in block.directive:
                path = project.write(block)
                if path.suffix == ".py" and not path.name.startswith("test_"):
                    assert project.is_imported(path), place
                elif path.suffix == ".py" and not run_by_a_command(page, block):
                    files.append(str(path.relative_to(project.folder)))
                    needs += [block.directive["needs"]] if "needs" in block.directive else []
            elif block.language == "console":
                printed = "".join(f"{line}\n" for line in project.output_of(block))
                assert block.text == printed, f"{place} is stale; run: python docs/tools/generate.py"
                assert project.exit_code == int(block.directive.get("exit", "0")), f"{place}\n{printed}"
            elif "with" in block.directive:
                ast.parse(block.text)
            elif block.language == "python":
                fresh = "".join(f"{line}\n" for line in run_statements(block.text, names))
                assert block.text == fresh, f"{place} is stale; run: python docs/tools/generate.py"
        if files:
            printed = project.run(f"pytest -q {' '.join(files)}", needs=",".join(needs))
            assert project.exit_code == 0, printed


def run_by_a_command(page: Page, block: Block) -> bool:
    """Whether a later command of the page runs this very file, so that it need not run by itself."""
    commands = [other.text for other in page.blocks() if other.language == "console" and other.line > block.line]
    return any(f" {block.directive['file']}" in text for text in commands)


@every_page
def test_the_lists_of_a_page_are_fresh(page: Page) -> None:
    assert fresh_lists(page.text) == page.text, "run: python docs/tools/generate.py"


def test_the_list_of_pages_for_language_models_is_fresh_and_whole() -> None:
    assert LLMS.read_text(encoding="utf-8") == fresh_llms(), "run: python docs/tools/generate.py"
    listed = re.findall(r"^- \[([^\]]+)\]\(([^)]+)\): \S.{10,}$", fresh_llms(), re.MULTILINE)
    assert sorted(path for _, path in listed) == sorted(str(page) for page in PAGES[1:])


def test_what_is_generated_is_not_empty() -> None:
    lists = "".join(fresh_lists(page.text) for page in PAGES)
    assert not re.search(r"\| --- \|\n<!-- end -->", lists)


@of("toml")
def test_toml_is_a_right_configuration(page: Page, block: Block, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(block.text, encoding="utf-8")
    assert load_settings(tmp_path).file is not None
    assert tomllib.loads(block.text)["tool"].keys() == {"llmeval"}


@of("json", "jsonl")
def test_json_parses(page: Page, block: Block) -> None:
    for text in block.text.splitlines() if block.language == "jsonl" else [block.text]:
        assert json.loads(text)


@of("yaml")
def test_yaml_parses_and_its_options_exist(page: Page, block: Block) -> None:
    assert yaml.safe_load(block.text)
    known = set(re.findall(r"`(--llm-[a-z-]+)", fresh_lists(Page(REFERENCE / "configuration.md").text)))
    assert set(re.findall(r"--llm-[a-z-]+", block.text)) <= known


@of("sh")
def test_commands_that_are_not_run_here_are_only_these(page: Page, block: Block) -> None:
    """What needs a network, a key, another machine or a person is shown as `sh`; everything else is run."""
    allowed = ("pip install ", "export ", "make ", "pytest ", "llmeval plan ", "llmeval review ")
    assert [line for line in block.text.splitlines() if not line.startswith(allowed)] == []


def test_there_are_no_blocks_in_other_languages() -> None:
    languages = {block.language for _, block in BLOCKS}
    assert languages <= {"python", "console", "toml", "json", "jsonl", "csv", "yaml", "sh", "text"}


def test_every_check_has_its_section_that_names_its_category() -> None:
    sections = re.split(r"^### ", Page(REFERENCE / "checks.md").text, flags=re.MULTILINE)[1:]
    names = [section.split("\n", 1)[0] for section in sections]
    assert sorted(names) == sorted(name for name in pytest_llmeval.__all__ if name.startswith("assert_"))
    for section in sections:
        said, failed = re.findall(r"`(\w+)`", section.split(". ")[0]), re.findall(r"# fails \((\w+)\)", section)
        assert "ategory" in section.split(". ")[0], section[:40]
        assert not failed or "own" in section or said[0] in failed, section[:40]


@every_page
def test_links_lead_somewhere(page: Page) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.text):
        if target.startswith("https://"):
            continue
        name, _, anchor = unquote(target).partition("#")
        path = (page.path.parent / name).resolve() if name else page.path
        assert path.exists(), f"{page}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings], target


def test_the_readme_shows_80_columns_and_every_page_is_reachable() -> None:
    readme = PAGES[0]
    shown = [block.text for block in readme.blocks() if block.language == "console"]
    assert max(len(line) for text in shown for line in text.splitlines()) <= 80
    linked = {match for page in PAGES for match in re.findall(r"([A-Za-z-]+\.md)", page.text)}
    assert [str(page) for page in PAGES if page.path.parent != ROOT and page.path.name not in linked] == []


def test_a_block_that_lies_is_found() -> None:
    """The runner itself: what fails is told, what no longer fails is told no more."""
    names = {name: getattr(pytest_llmeval, name) for name in pytest_llmeval.__all__}
    text = 'assert_equal("a", "b")\nassert_equal("a", "a")\n# fails (wrong_answer): expected "b", got "a"\n'
    assert list(run_statements(text, names)) == [
        'assert_equal("a", "b")',
        '# fails (wrong_answer): expected "b", got "a"',
        'assert_equal("a", "a")',
    ]
