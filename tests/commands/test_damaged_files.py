"""Property: whatever is in the files of a project, a command does its work or says in a line what is wrong."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from pytest_llmeval.commands.main import main
from pytest_llmeval.config.settings import CategorySettings
from pytest_llmeval.reply import Answer, Measures, ToolCall, Usage
from pytest_llmeval.report.files import FILES
from pytest_llmeval.runs.codec import result_to_json
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult
from pytest_llmeval.runs.rules import RunRules, rules_to_json
from pytest_llmeval.score import Claim, FieldCount, Judge, Labels, Score
from pytest_llmeval.stats.dependence import Dispersion
from tests.damage import TEXTS, damaged_lines, few, hostile_value

JOINERS = "\u200c\u200d"  # parts of words and emoji


def _result(model: str, number: int) -> CaseResult:
    """A case's result with something in each field."""
    failed = number < (2 if model == "old" else 5)
    score = Score(
        value=0.5,
        passed=not failed,
        reason="says 12, expected 10",
        category="invented",
        check="assert_grounded",
        unsupported=(Claim(2, "says"),),
        fields=(FieldCount("lines[].sku", 1, 2),),
        judge=Judge("openai/judge", "groundedness", "abc", Labels(20, 1, 1, 40)) if number % 2 else None,
    )
    call = Call(
        provider="openai",
        request_model=f"{model}-1",
        words_digest=f"{number:x}",
        answer=Answer(
            text=f"It says {number + failed}.",
            tool_calls=(ToolCall(name="weather", arguments={"city": "Rome"}, raw_arguments='{"city": "Rome"}'),),
            usage=Usage(input_tokens=20, output_tokens=5),
            finish_reason="stop",
            refusal="I can't." if number == 3 else None,
            response_model="m",
            response_id=f"{model}-{number}",
            thinking="Hm.",
        ),
        measures=Measures(latency=0.5, ttft=0.1, cost=0.001, source="cache"),
        spent=0.0,
        key=f"{number:064x}",
        recorded_at="2026-11-23T00:54:52+00:00",
        response={"id": "c1"},
    )
    sample = SampleResult(
        index=0,
        outcome="error" if number == 6 else "fail" if failed else "pass",
        category="timeout" if number == 6 else "invented" if failed else None,
        reason="says 12, expected 10" if failed else "",
        detail="says 12\nexpected 10" if failed else "",
        scores=() if number == 6 else (score,),
        calls=(call,),
        raised="ValueError at tests/test_a.py:12" if failed else "",
        further=("tone",) if failed else (),
        noted=("tone",),
        uncategorised=("says 12",) if failed else (),
    )
    return CaseResult(
        key=CaseKey("tests/test_a.py::test_a", f"c{number}"),
        model=model,
        samples=(sample, sample._replace(index=1)),
        dataset="cases.jsonl",
        task="billing",
        tags=("vip",),
        input=f"Question {number}?",
        content=f"{number:x}",
        file="tests/test_a.py",
        line=7,
        expected="10",
    )


def _run(*models: str) -> list[dict[str, Any]]:
    """The lines of a saved run."""
    header = {
        "format": "llmeval-run",
        "version": 1,
        "created": "2026-11-29T16:15:20+00:00",
        "commit": "0123abc",
        "models": {name: {"provider": "openai", "model": f"{name}-1", "params": {"stream": True}} for name in models},
        "baseline": models[0] if len(models) > 1 else None,
        "rules": rules_to_json(RunRules(categories={"tone": CategorySettings()}, dispersion=Dispersion(1.2, 9))),
    }
    results = [result_to_json(_result(model, number)) for model in models for number in range(8)]
    return [header, *results, {"complete": True, "failed": 0}]


BOTH, OLD, NEW = _run("old", "new"), _run("old"), _run("new")
FILE_OPTIONS = [part for ending in FILES for part in ("-o", f"out/x{ending}")]
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "show": ("show", "run.jsonl", "-v", "--show=invented"),
    "differs": ("compare", "other.jsonl", "run.jsonl", "--differs"),
    "uncategorised": ("show", "run.jsonl", "--uncategorised"),
    "compare": ("compare", "run.jsonl", "other.jsonl", "-v"),
    "report": ("report", "run.jsonl", *FILE_OPTIONS),
    "redacted": ("report", "run.jsonl", "-o", "out/x.html", "--redacted"),
    "history": ("history", "runs"),
    "history page": ("history", "runs", "-o", "out/history.html"),
    "merge": ("merge", "run.jsonl", "part.jsonl", "-o", "merged.jsonl"),
    "plan": ("plan", "run.jsonl"),
    "unused": ("cache", "unused", "run.jsonl"),
}


def run_command(folder: Path, *arguments: str) -> tuple[int, str]:
    """The exit code of a command and all that it printed, which can harm no terminal."""
    output = io.StringIO()
    with chdir(folder), redirect_stdout(output), redirect_stderr(output):
        code = main(arguments)
    for line in output.getvalue().split("\n"):
        assert re.sub(f"[{JOINERS}]", "", line).isprintable(), line
        assert not line.startswith(("::", "##[", "##vso["))
    return code, output.getvalue()


def write_runs(folder: Path, run: bytes) -> None:
    """Write a run where the commands look for one, beside a sound one."""
    (folder / "runs").mkdir(exist_ok=True)
    sound = "".join(json.dumps(line) + "\n" for line in OLD)
    for name, content in (("run.jsonl", run), ("other.jsonl", sound.encode()), ("runs/a.jsonl", run)):
        (folder / name).write_bytes(content)
    (folder / "part.jsonl").write_bytes(run.replace(b'"case": "c', b'"case": "d'))
    (folder / "runs/b.jsonl").write_bytes(run.replace(b"2026-11-29", b"2026-11-30"))
    (folder / "runs/c.jsonl").write_text(sound)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty project."""
    (tmp_path / "pyproject.toml").write_text('[tool.llmeval]\nmodel = "openai/new-1"\n')
    return tmp_path


@pytest.mark.parametrize("name", COMMANDS)
@few(8)
@given(data=st.data())
def test_a_damaged_run_is_told_of_or_refused(folder: Path, name: str, data: st.DataObject) -> None:
    write_runs(folder, data.draw(damaged_lines(data.draw(st.sampled_from([BOTH, NEW])))))
    code, _ = run_command(folder, *COMMANDS[name])
    assert code in (0, 1, 2)


class Elements(HTMLParser):
    """The elements of a page that can do something, and attributes that can."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "img", "iframe", "object", "base", "meta", "link", "style", "form"):
            self.found[tag] += 1
        for name, value in attrs:
            if name.startswith("on") or (value or "").lower().startswith(("javascript:", "http:", "https:")):
                self.found[f"{tag} {name}={value}"] += 1


def every(tokens: list[Token]) -> list[Token]:
    return [each for token in tokens for each in (token, *every(token.children or []))]


def of_page(text: str) -> Any:
    return Elements(text).found


def of_markdown(text: str) -> Any:
    """What is not only text; the folded parts are HTML of ours."""
    tokens = every(MarkdownIt("gfm-like").parse(text))
    html = " ".join(token.content for token in tokens if token.type in ("html_block", "html_inline"))
    kinds = {"link_open", "image", "hr", "blockquote_open", "ordered_list_open", "em_open"}
    return kinds & {token.type for token in tokens}, set(re.findall("<[^>]*>", html))


def of_csv(text: str) -> Any:
    rows = list(csv.reader(io.StringIO(text)))
    cells = [cell for row in rows for cell in row]
    assert not any(cell.startswith(("=", "+", "@", "\t", "\r")) for cell in cells)
    return {len(row) for row in rows}


def of_metrics(text: str) -> Any:
    label = r'\w+="(?:[^"\\\n]|\\["\\n])*"'
    line = re.compile(rf"\w+\{{{label}(,{label})*\}} [-+0-9.eEinfNa]+")
    *lines, end, last = text.split("\n")
    assert all(line.fullmatch(each) for each in lines)
    return end, last


def of_json(text: str) -> Any:
    data = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    return sorted(data) if isinstance(data, dict) else type(data)


READ: Mapping[str, Callable[[str], Any]] = {
    ".html": of_page,
    ".md": of_markdown,
    ".csv": of_csv,
    ".metrics.txt": of_metrics,
    **{ending: of_json for ending in FILES if ending.endswith(".json")},
}


def written(folder: Path, lines: list[Any]) -> dict[str, Any]:
    """What each kind of file that tells of a run has, read as the program that it is for reads it."""
    write_runs(folder, b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    code, output = run_command(folder, "report", "run.jsonl", *FILE_OPTIONS)
    assert code == 0, output
    code, output = run_command(folder, "history", "runs", "-o", "out/history.html")
    assert code == 0, output
    out = folder / "out"
    texts = {ending: (out / f"x{ending}").read_bytes().decode() for ending in FILES}
    return {ending: READ[ending](text) for ending, text in texts.items()} | {
        "history": of_page((out / "history.html").read_bytes().decode())
    }


@few(3)
@given(data=st.data())
def test_every_file_is_sound_whatever_the_texts_of_a_run_say(folder: Path, data: st.DataObject) -> None:
    text = json.dumps(BOTH)
    for name in data.draw(
        st.sets(st.sampled_from(["c1", "c2", "invented", "tone", "billing", "new", "old"]), max_size=3)
    ):
        text = text.replace(f'"{name}"', json.dumps(data.draw(TEXTS) + name))  # wherever it is
    lines = json.loads(text)
    for line in lines[1:-1]:
        fields = ("input", "expected", "task", "tags", "dataset")
        line |= data.draw(hostile_value({name: line[name] for name in fields}))
        for sample in line["samples"]:
            texts = ("reason", "detail", "raised", "further_categories", "uncategorised", "evaluations", "calls")
            sample |= data.draw(hostile_value({name: sample[name] for name in texts if name in sample}, ["source"]))
    assert written(folder, lines) == written(folder, BOTH)
