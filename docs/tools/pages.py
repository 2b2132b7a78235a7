"""The pages as programs: every code block of a page is run or checked, in a project of the page's own.

A comment right before a block says what the block is; readers of the page do not see it.

    <!-- file: test_x.py -->            the block is that file of the page's project, and run as a test, by a command
                                        of the page that names it or else at the end
    <!-- file: pyproject.toml -->       the block is the configuration from here on; its models are those of the page's
                                        server
    <!-- file: test_x.py; needs: pytest_asyncio.plugin -->   ... with that plugin
    <!-- with: deepeval -->             the block is a test that needs that package: here it is only parsed, and
                                        `make adapters` imports it where the package is
    <!-- in: example_project -->        a console block run in a copy of the example project
    <!-- in: example_project; exit: 1; show: summary -->   ... whose last command ends with that exit code, and of
                                        which only the summary of the evaluation is shown
    <!-- show: gate -->                 ... of which only the verdict of the gate and its table are shown
    <!-- show: errors -->               ... of which only the lines are shown that pytest marks with E
    <!-- show: closely -->              ... of which only the cases are shown that are looked at closely
    <!-- answers {...} -->              no block: what the page's models answer to a prompt that holds a text, the first
                                        that fits; instead of a text a list of tool calls, {"name", "arguments"}

Without one: Python is run statement by statement, with `# fails (category): message` after what must fail; a console
block is run in the page's project and its output compared; TOML must be a right configuration; JSON must parse.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

__all__ = ["ROOT", "Block", "Page", "Project", "all_pages", "normal", "run_statements"]

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(
    r"(?:^<!-- (?P<directive>[^\n]*?) -->\n)?^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_ANSWERS = re.compile(r"^<!-- answers\n(.*?)^-->$", re.MULTILINE | re.DOTALL)
_FAILS = re.compile(r"# fails \(([^)]*)\): (.*)")
_CLOSELY = re.compile(r"=+ cases looked at closely =+")
_SUMMARY = re.compile(r"=+ language model evaluation =+")
_VERDICT = re.compile(r"(GATE FAILED|gate ok)\b")
_TOTAL = re.compile(r"  any failure ")
CUT = "[...]"
_BROKEN = ("Traceback (most recent call last)", "INTERNALERROR")  # never to be shown as what a command prints
_AGE = re.compile(r"\bsaved (?:today|\d+ days? ago)\b|\b\d+ days? old\b")
_RECORDED = re.compile(r"\brecorded \d{4}-\d\d-\d\d\b")
_MODEL_TABLE = re.compile(r"^(\[tool\.llmeval\.models\.[^\]]+\]\n)(?!model = \"python:)", re.MULTILINE)
_LATENCY = re.compile(r"\b\d+(?:\.\d+)?m?s\b")
_LAST_LINE = re.compile(
    r"=* ?(\d+ (?:passed|failed|missed|error|tests? collected|deselected|gate failed).*?in )\d+\.\d\ds.*"
)

# Of the environment these are no business of the commands shown; CI services and colours change what pytest prints.
_HIDDEN = ("PYTEST_", "CI", "BUILD_NUMBER", "GITHUB_", "NO_COLOR", "FORCE_COLOR", "PY_COLORS", "OPENAI_", "COVERAGE_")

CONFIGURATION = """
[tool.llmeval]
model = "production"

[tool.llmeval.models.production]
model = "openai/prod-1"
base_url = "{base_url}"
prices = {{ input = 1.0, output = 10.0 }}

[tool.llmeval.models.candidate]
model = "openai/cand-2"
base_url = "{base_url}"
prices = {{ input = 1.0, output = 10.0 }}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One code block.

    Attributes:
        line: where its text starts, from 1.
        span: where its text stands in the page, in characters.
        directive: what the comment before it says, by key.
    """

    language: str
    text: str
    line: int
    span: tuple[int, int]
    directive: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of Markdown."""

    path: Path

    def __str__(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        """What it says."""
        return self.path.read_text(encoding="utf-8")

    def blocks(self) -> list[Block]:
        """Its code blocks, in order."""
        text = self.text
        return [
            Block(
                language=match["language"],
                text=match["text"],
                line=text.count("\n", 0, match.start("text")) + 1,
                span=match.span("text"),
                directive=_directive(match["directive"] or ""),
            )
            for match in _FENCE.finditer(text)
        ]

    def answers(self) -> dict[str, Any]:
        """What its models answer: by a text in the prompt, one answer or one per model."""
        match = _ANSWERS.search(self.text)
        return dict(json.loads(match[1])) if match else {}


def all_pages() -> list[Page]:
    """README.md, the other pages for people at the top of the repository, and those of docs/."""
    at_the_top = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "RELEASING.md", "AGENTS.md")
    return [*(Page(ROOT / name) for name in at_the_top), *map(Page, sorted((ROOT / "docs").rglob("*.md")))]


def _calls(tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tool calls as OpenAI's chat completions have them."""
    return [
        {
            "id": f"call_{tool['name']}",
            "type": "function",
            "function": {**tool, "arguments": json.dumps(tool["arguments"])},
        }
        for tool in tools
    ]


def normal(line: str, *, live: bool) -> str:
    """A line of output without what differs from run to run: durations, latencies that were measured, a baseline's age.

    Args:
        line: of output.
        live: whether latencies were measured just now; else they come from recordings and are always the same.
    """
    line = _AGE.sub("N days old", _LAST_LINE.sub(r"\1N seconds", line))
    if live:
        line = _RECORDED.sub("recorded today", line)
        line = re.sub(r"\s+", " ", re.sub(r"-{5,}", "---", _LATENCY.sub("N seconds", line)))
    return line.rstrip()


def _commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of a console block, each with the output that stands below it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield command, shown


def _selected(lines: list[str], show: str) -> list[str]:
    """The lines of an output that a page shows."""
    if show == "summary":
        return lines[next((number for number, line in enumerate(lines) if _SUMMARY.match(line)), 0) :]
    if show == "gate":
        start, end = (next(n for n, line in enumerate(lines) if part.match(line)) for part in (_VERDICT, _TOTAL))
        return lines[start : end + 1]
    if show == "closely":
        start, end = (next(n for n, line in enumerate(lines) if title.match(line)) for title in (_CLOSELY, _SUMMARY))
        return lines[start:end]
    if show == "errors":
        return [line for line in lines if re.match(r"E {3}(?! +\[)", line)]
    return lines


def _directive(comment: str) -> dict[str, str]:
    pairs = (part.partition(":") for part in comment.split(";") if ":" in part)
    return {
        key.strip(): value.strip()
        for key, _, value in pairs
        if key.strip() in ("file", "exit", "needs", "with", "in", "show")
    }


class Project:
    """The project of a page.

    Args:
        folder: an empty folder.
        page: the page; the server that plays its models is started with the project.

    Attributes:
        exit_code: that of the command that was run last.
    """

    def __init__(self, folder: Path, page: Page) -> None:
        from tests.server import Request, Server, completion

        self.folder = folder / "project"
        self.example = folder / "example_project"
        self.page = page
        self.exit_code = 0
        answers = page.answers()

        def answer(request: Request) -> object:
            prompt = json.dumps(request.json["messages"], ensure_ascii=False)
            for text, said in answers.items():
                if text in prompt:
                    said = said[request.json["model"]] if isinstance(said, dict) else said
                    return completion(said) if isinstance(said, str) else completion(None, tool_calls=_calls(said))
            raise LookupError(f"{page}: <!-- answers --> has none to {prompt}")

        self.server = Server()
        self.server.answer = answer

    def __enter__(self) -> Self:
        self.server.__enter__()
        self.folder.mkdir(parents=True)
        configuration = CONFIGURATION.format(base_url=self.server.base_url)
        (self.folder / "pyproject.toml").write_text(configuration, encoding="utf-8")
        return self

    def __exit__(self, *raised: object) -> None:
        self.server.__exit__(*raised)

    def write(self, block: Block) -> Path:
        """Write a block that is a file."""
        path = self.folder / block.directive["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        text = block.text
        if path.name == "pyproject.toml":
            text = _MODEL_TABLE.sub(rf'\1base_url = "{self.server.base_url}"\n', text)
        path.write_text(text, encoding="utf-8")
        return path

    def is_imported(self, path: Path) -> bool:
        """Import a module of the project, in a process of its own."""
        command = [sys.executable, "-c", f"import {path.stem}"]
        return subprocess.run(command, cwd=path.parent, env=_environment(""), check=False).returncode == 0

    def run(self, command: str, *, within: str = "", needs: str = "") -> str:
        """Run ``pytest ...`` or ``llmeval ...``; what it printed.

        pytest's first lines, which tell of the machine, are left out.

        Raises:
            RuntimeError: the command broke.
        """
        words = shlex.split(command)
        if words[0] not in ("pytest", "llmeval"):
            raise ValueError(f"{self.page}: only pytest and llmeval are run, not: {command}")
        if within:
            self._copy_example()
        done = subprocess.run(
            [sys.executable, "-m", {"pytest": "pytest", "llmeval": "pytest_llmeval"}[words[0]], *words[1:]],
            cwd=self.example if within else self.folder,
            env=_environment(needs),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            check=False,
        )
        if any(sign in done.stdout for sign in _BROKEN):
            raise RuntimeError(f"{self.page}: $ {command}\n{done.stdout}")
        self.exit_code = done.returncode
        return _without_head(done.stdout)

    def output_of(self, block: Block) -> Iterator[str]:
        """The lines of a console block as they should be: its commands, each with its output.

        Where the block has a line ``[...]`` the output is cut: as many lines as now stay before and after it.
        """
        within, show = block.directive.get("in", ""), block.directive.get("show", "")
        for command, shown in _commands(block.text):
            output = self.run(command.partition("  #")[0], within=within)
            lines = _selected(output.splitlines(), show)
            if CUT in shown:
                before, after = shown.index(CUT), len(shown) - shown.index(CUT) - 1
                lines = [*lines[:before], CUT, *lines[len(lines) - after :]]
            same = [normal(line, live=not within) for line in lines] == [
                normal(line, live=not within) for line in shown
            ]
            yield f"$ {command}"
            # What differs only in its durations stays as it is, so that a page changes when its output does.
            yield from shown if same else lines

    def _copy_example(self) -> None:
        if not self.example.exists():
            shutil.copytree(
                ROOT / "example_project", self.example, ignore=shutil.ignore_patterns(".*", "__pycache__", "demo.py")
            )


def _environment(needs: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN)}
    return {
        **inherited,
        "COLUMNS": "80",
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_PLUGINS": ",".join(["pytest_llmeval.plugin", *filter(None, [needs])]),
    }


def _without_head(output: str) -> str:
    lines = output.splitlines()
    starts = [number for number, line in enumerate(lines) if re.match(r"(collecting \.\.\. )?collected \d+ item", line)]
    if lines and "test session starts" in lines[0] and starts:
        lines = lines[starts[0] + 1 :]
    while lines and not lines[0].strip():
        lines.pop(0)
    return "\n".join(lines) + "\n"


def run_statements(text: str, names: dict[str, Any]) -> Iterator[str]:
    """Run Python statement by statement; the text as it should be, with what fails and how."""
    from pytest_llmeval.checks.categories import category_of
    from pytest_llmeval.errors import CheckFailed

    lines = [line for line in text.splitlines() if not _FAILS.match(line)]
    done = 0
    for statement in ast.parse("\n".join(lines)).body:
        end = statement.end_lineno or statement.lineno
        yield from lines[done:end]
        done = end
        try:
            exec(compile(ast.Module([statement], []), "<page>", "exec"), names)  # noqa: S102 - it is what this is for
        except CheckFailed as failure:
            yield f"# fails ({category_of(failure) or 'wrong_answer'}): {str(failure).splitlines()[0]}"
    yield from lines[done:]
