"""What a session leaves for GitHub, and what it does by itself in CI."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from pytest_llmeval.report.github import MOST_ANNOTATIONS, commands, verdict_word
from tests.analysis.test_compare import answers, compare
from tests.plugin.reporting.test_file_descriptors import HELD, LIMITED
from tests.server import Request, Server, completion
from tests.sessions import Session

SUITE = """
import pytest
from pytest_llmeval import assert_contains, category

@pytest.mark.llm_cases("cases.jsonl")
def test_city(llm, case):
    assert_contains(llm(case.input), "Paris", category="city")
"""
CASES = 20


def answer(request: Request) -> object:
    asked = json.dumps(request.json["messages"])
    wrong = request.json["model"] != "prod-1" and int(re.findall(r"\d+", asked)[-1]) < 8
    return completion("Rome @octocat | ![x](https://evil.example) ```" if wrong else "Paris")


@pytest.fixture
def in_github(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the files of a step: ``page.md`` and ``output``."""
    folder = tmp_path_factory.mktemp("step")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "page.md"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(folder / "output"))
    (folder / "page.md").write_text("what the step wrote before\n")
    return folder


def prepare(session: Session, server: Server) -> None:
    (session.path / "cases.jsonl").write_text(
        "\n".join(json.dumps({"id": f"c{number}", "input": f"City {number}"}) for number in range(CASES))
    )
    session.write(SUITE)
    server.answer = answer


COMPARE = ("--llm-model=candidate", "--llm-baseline=production")


def test_a_regression_is_on_the_page_in_the_output_and_at_its_first_case(
    session: Session, server: Server, in_github: Path
) -> None:
    prepare(session, server)
    result = session.run(*COMPARE)
    assert result.ret == 1
    page = (in_github / "page.md").read_text()
    assert page.startswith("what the step wrote before\n### ❌ GATE FAILED: city regressed from 0 of 20 to 8 of 20")
    assert (in_github / "output").read_text() == "llmeval-verdict=regressed\nllmeval-drift=unknown\n"
    lines = [line for line in result.outlines if line.startswith("::")]
    assert lines == ["::error file=test_it.py,line=5,title=city::city regressed from 0 of 20 to 8 of 20 answers"]


def test_a_green_run_takes_three_lines_and_no_annotation(
    plain_session: Session, server: Server, in_github: Path
) -> None:
    prepare(plain_session, server)
    server.answer = lambda _: completion("Paris")
    result = plain_session.run(*COMPARE)
    assert result.ret == 0
    assert (in_github / "output").read_text() == "llmeval-verdict=ok\nllmeval-drift=unknown\n"
    page = (in_github / "page.md").read_text().splitlines()[1:]
    assert len(page) <= 4
    assert sum("gate ok" in line for line in page) == 1
    assert not any(line.startswith("::") for line in result.outlines)


@pytest.mark.parametrize("missing", ["GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"])
def test_a_file_that_cannot_be_written_is_told_and_fails_nothing(
    plain_session: Session, server: Server, in_github: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    prepare(plain_session, server)
    monkeypatch.setenv(missing, str(in_github / "page.md" / "x"))
    result = plain_session.run(*COMPARE, "-q")
    assert result.ret == 1
    assert "gate failed" in result.stdout.str()
    shown = plain_session.run(*COMPARE)
    shown.stdout.fnmatch_lines([f"*warning: {missing} cannot be written: *"])


def test_the_summary_is_written_into_a_file_that_is_asked_for(session: Session, server: Server) -> None:
    prepare(session, server)
    assert session.run(*COMPARE, "--llm-report=out/summary.md", "--llm-report=run.jsonl").ret == 1
    text = (session.path / "out" / "summary.md").read_text()
    assert text.startswith("### ❌ GATE FAILED: city regressed")
    assert "| **`city`** | 0/20 (0.0%) | 8/20 (40%) | +40.0 | REGRESSED | 0.004 |" in text
    assert "Rome @octocat" in text
    assert (session.path / "run.jsonl").exists()


def test_a_summary_that_cannot_be_written_fails_the_session(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    server.answer = lambda _: completion("Paris")
    plain_session.write(
        """
        import pathlib

        def pytest_runtest_setup(item):
            pathlib.Path("summary.md").mkdir(exist_ok=True)
        """,
        "conftest.py",
    )
    result = plain_session.run(*COMPARE, "--llm-report=summary.md")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*NOT SAVED: summary.md cannot be written: *", "*1 not saved*"])


def test_in_ci_recordings_are_replayed_unless_another_mode_is_given(
    session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(session, server)
    assert session.run("--llm-baseline=none", "--llm-record").ret == 0
    asked = len(server.requests)
    monkeypatch.setenv("CI", "true")
    assert session.run("--llm-baseline=none").ret == 0
    session.write(SUITE.replace("case.input", "case.input + '?'"))
    missed = session.run("--llm-baseline=none")
    assert missed.ret == 1
    assert len(server.requests) == asked
    missed.stdout.fnmatch_lines(["*next: --llm-record --llm-mode=auto asks for the missing replies and records them*"])
    assert session.run("--llm-baseline=none", "--llm-mode=auto").ret == 0
    assert len(server.requests) == asked + CASES


def test_in_ci_without_recordings_models_are_asked(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(plain_session, server)
    monkeypatch.setenv("CI", "true")
    assert plain_session.run("--llm-baseline=none").ret == 0
    assert len(server.requests) == CASES


def test_a_shard_has_no_summary(plain_session: Session) -> None:
    plain_session.write("def test_it(llm):\n    assert llm('x')\n")
    result = plain_session.run("--llm-shard=1/2", "--llm-report=summary.md")
    assert result.ret != 0
    assert "--llm-shard=1/2 evaluates no gate to write a summary of; give --llm-report=FILE.jsonl alone" in (
        result.stdout.str() + result.stderr.str()
    )


def test_the_worst_of_several_candidates_is_the_verdict() -> None:
    same = answers(*[""] * 100)
    fine = compare("m", same, "m", same)
    worse = compare("m", same, "m", answers(*["tone"] * 20, *[""] * 80))
    before, after = answers(*["date"] * 6, *[""] * 94), answers(*[""] * 6, *["tone"] * 5, *[""] * 89)
    unsure = compare("m", before, "m", after)
    none = compare("m", same, "m", same, unmeasurable=["x"])
    stopped = compare("m", same, "m", same, stopped="Ctrl-C")
    assert [verdict_word([each]) for each in (fine, worse, none, stopped)] == [
        "ok",
        "regressed",
        "not-compared",
        "not-compared",
    ]
    assert unsure.gate == "passed"
    assert verdict_word([fine, unsure]) == "inconclusive"
    assert verdict_word([unsure, none]) == "not-compared"
    assert verdict_word([fine, worse, none]) == "regressed"
    assert verdict_word([]) == "not-compared"


def test_hostile_names_make_no_command_of_their_own(tmp_path: Path) -> None:
    name = "50%,a:b\n::error::boom\r\n##[group]x"
    compared = compare("m", answers(*[""] * 40), "m", answers(*[name] * 20, *[""] * 20))
    [line] = commands([compared], tmp_path, "")
    assert "\n" not in line
    assert line.count("::") <= 4
    assert line.startswith("::error title=50%25%2Ca%3Ab ")


def test_no_more_annotations_than_are_shown() -> None:
    kinds = [f"kind{number}" for number in range(14)]
    before = answers(*[""] * 300)
    after = answers(*[kind for kind in kinds for _ in range(20)], *[""] * 20)
    assert len(commands([compare("m", before, "m", after)], Path(), "")) == MOST_ANNOTATIONS


def test_other_kinds_of_files_are_written_beside_it(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    names = [
        "x.codequality.json",
        "x.metrics.txt",
        "x.otlp.json",
        "x.inspect.json",
        "x.json",
        "x.csv",
        "x.md",
        "x.html",
    ]
    assert plain_session.run(*COMPARE, *(f"--llm-report=out/{name}" for name in names)).ret == 1
    written = {name: (plain_session.path / "out" / name).read_text() for name in names}
    assert len(json.loads(written["x.codequality.json"])) == 8
    assert 'llmeval_failing_answers{category="city",model="candidate"} 8' in written["x.metrics.txt"]
    assert json.loads(written["x.json"])["results"]["summary"]["tests"] == 2 * CASES + 1
    assert written["x.csv"].count(",fail,city,") == 8
    assert written["x.html"].startswith("<!DOCTYPE html>")
    assert written["x.otlp.json"].count('"gen_ai.evaluation.result"') == 2 * CASES
    assert len(json.loads(written["x.inspect.json"])["samples"]) == CASES
    wrong = plain_session.run("--llm-report=x.pdf")
    assert "--llm-report=x.pdf: unknown kind of report (allowed: FILE.jsonl, FILE.html, FILE.md, " in (
        wrong.stdout.str() + wrong.stderr.str()
    )


def test_where_nothing_can_be_opened_any_more_the_summary_is_not_saved_and_said_to_be(
    plain_session: Session, server: Server
) -> None:
    pytest.importorskip("resource")
    prepare(plain_session, server)
    plain_session.write(LIMITED + HELD, "conftest.py")
    result = plain_session.run(*COMPARE, "--llm-report=summary.md", "--llm-mode=live", subprocess=True)
    output = "\n".join([*result.outlines, *result.errlines])
    assert result.ret == 1
    assert "NOT SAVED: summary.md cannot be written: " in output
    assert "broke" not in output


def test_a_test_that_empties_the_environment_takes_no_page_away(
    plain_session: Session, server: Server, in_github: Path
) -> None:
    prepare(plain_session, server)
    plain_session.write("import os\ndef test_last(monkeypatch):\n    os.environ.clear()\n", "test_z.py")
    before = dict(os.environ)
    try:
        plain_session.run(*COMPARE)
    finally:
        os.environ.update(before)
    assert "GATE FAILED" in (in_github / "page.md").read_text()
    assert (in_github / "output").read_text() == "llmeval-verdict=regressed\nllmeval-drift=unknown\n"


@pytest.mark.parametrize("ended", [("-x", "test_broken.py", "test_it.py"), ("--deselect=test_it.py", "test_it.py")])
def test_what_an_earlier_session_wrote_is_not_taken_for_this_ones(
    plain_session: Session, server: Server, ended: tuple[str, ...]
) -> None:
    prepare(plain_session, server)
    plain_session.write("def test_a():\n    assert False\n", "test_broken.py")
    files = [plain_session.path / name for name in ("x.html", "x.md", "x.csv")]
    for file in files:
        file.write_text("gate ok, says an earlier session")
    plain_session.run(*COMPARE, *ended, *(f"--llm-report={file.name}" for file in files))
    assert [file.name for file in files if file.exists() and "earlier" in file.read_text()] == []


RED = "NOT GREEN: 2 tests failed, see pytest's output"


@pytest.mark.parametrize("wrong", [0, 12])
def test_a_session_with_other_failing_tests_does_not_look_green(
    session: Session, server: Server, in_github: Path, wrong: int
) -> None:
    prepare(session, server)
    server.answer = lambda request: answer(request) if wrong else completion("Paris")
    session.write("def test_a():\n    assert 1 == 2\n\ndef test_b(missing):\n    pass\n", "test_other.py")
    reports = [f"--llm-report=x.{kind}" for kind in ("html", "md", "json")]
    result = session.run(*COMPARE, *reports)
    assert result.ret == 1
    assert (in_github / "page.md").read_text().splitlines()[1] == f"### ❌ {RED}"
    assert (session.path / "x.md").read_text().startswith(f"### ❌ {RED}\n")
    page = (session.path / "x.html").read_text()
    assert "<title>NOT GREEN" in page
    assert page.index("NOT GREEN: 2 tests failed") < page.index("<h1>")
    tests = json.loads((session.path / "x.json").read_text())["results"]["tests"]
    assert [each["message"] for each in tests if each["name"] == "session"] == [RED]
    assert ("GATE FAILED" in page) == bool(wrong)


@pytest.mark.parametrize(
    ("body", "options"),
    [
        ("assert False", ("-x",)),
        ("raise KeyboardInterrupt", ()),
        ("import pytest; pytest.exit('enough')", ()),
    ],
)
def test_a_session_that_was_stopped_says_that_it_could_not_be_measured(
    plain_session: Session, server: Server, in_github: Path, body: str, options: tuple[str, ...]
) -> None:
    prepare(plain_session, server)
    server.answer = lambda _: completion("Paris")
    # In the middle: the tests that ask a model are executed beside each other, and some have ended by then.
    plain_session.write(SUITE.replace("test_city", "test_first"), "test_a.py")
    plain_session.write(f"def test_stop():\n    {body}\n", "test_b.py")
    assert plain_session.run(*COMPARE, *options, "--llm-report=x.md", "--llm-report=x.csv", subprocess=True).ret != 0
    page = (in_github / "page.md").read_text()
    assert "### ❌ NOT GREEN: the session was stopped before " in page
    assert "so it could not be measured" in page
    assert "gate ok" not in page
    assert (in_github / "output").read_text() == "llmeval-verdict=not-compared\nllmeval-drift=unknown\n"
    assert page.endswith((plain_session.path / "x.md").read_text())  # a comment on the pull request says it too
    assert not (plain_session.path / "x.csv").exists()


def test_a_session_that_was_stopped_before_any_result_says_so_too(
    plain_session: Session, server: Server, in_github: Path
) -> None:
    prepare(plain_session, server)
    plain_session.write("def test_stop():\n    raise KeyboardInterrupt\n", "test_a.py")
    plain_session.run(*COMPARE, subprocess=True)
    assert server.requests == []
    page = (in_github / "page.md").read_text()
    assert "NOT GREEN: the session was stopped before any case had a result, so it could not be measured" in page
    assert (in_github / "output").read_text() == "llmeval-verdict=not-compared\nllmeval-drift=unknown\n"


@pytest.mark.parametrize("broken", ["row", "syntax"])
def test_a_session_that_could_not_start_says_so_in_its_markdown(
    plain_session: Session, server: Server, broken: str
) -> None:
    """Nothing else would replace the comment that an earlier, green session left on a pull request."""
    prepare(plain_session, server)
    if broken == "row":
        (plain_session.path / "cases.jsonl").write_text("{")
    else:
        plain_session.write("def test(:", "test_a.py")
    assert plain_session.run(*COMPARE, "--llm-report=out/x.md", "--llm-report=x.csv").ret == 2
    assert (plain_session.path / "out" / "x.md").read_text().startswith("### ❌ NOT GREEN: the session was stopped ")
    assert not (plain_session.path / "x.csv").exists()


def test_it_connects_to_nobody_but_the_models(
    plain_session: Session, server: Server, in_github: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the environment has all that it takes to post. No other name is looked up, no program but git started."""
    monkeypatch.setenv("GITHUB_TOKEN", "token-of-the-job")
    monkeypatch.setenv("GITHUB_API_URL", "https://api.github.invalid")
    prepare(plain_session, server)
    plain_session.write(
        """
        import sys

        met = set()

        def hook(event, arguments):
            if event == "socket.connect":
                met.add(str(arguments[1]))
            elif event in ("socket.getaddrinfo", "subprocess.Popen", "os.system"):
                met.add(str(arguments[0]))

        sys.addaudithook(hook)

        def pytest_unconfigure():
            with open("met.txt", "w") as file:
                file.write("\\n".join(sorted(met)))
        """,
        "conftest.py",
    )
    result = plain_session.run(*COMPARE, "--llm-report=summary.md", "--llm-report=page.html", subprocess=True)
    assert result.ret == 1
    assert (in_github / "output").read_text()
    met = (plain_session.path / "met.txt").read_text().splitlines()
    assert set(met) - {"127.0.0.1", "git"} == {f"('127.0.0.1', {server.port})"}
