"""pytest's own options, and the plugins people use beside this one, keep their meaning."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.server import Request, Server, completion
from tests.sessions import Session

SUITE = """
import pytest

@pytest.mark.llm_cases("cases.jsonl")
def test_row(llm, case):
    reply = llm(case.input)
    assert reply == "Paris"
"""
CASES = 30
COMPARE = ("--llm-model=candidate", "--llm-baseline=production")
SECTION = "language model evaluation"


def answers(request: Request) -> object:
    """The candidate is wrong in 12 cases."""
    wrong = request.json["model"] == "cand-2" and int(request.json["messages"][0]["content"]) < 12
    return completion("Rome é → 東京" if wrong else "Paris")


@pytest.fixture
def compared(plain_session: Session, server: Server) -> Session:
    """A candidate whose gate fails."""
    prepare(plain_session, server)
    return plain_session


def prepare(session: Session, server: Server) -> None:
    server.answer = answers
    lines = [json.dumps({"id": f"c{number}", "input": str(number)}) for number in range(CASES)]
    (session.path / "cases.jsonl").write_text("\n".join(lines))
    session.write(SUITE)


def summary(result: pytest.RunResult) -> list[str]:
    """The lines of the summary, without empty ones."""
    lines = iter(result.outlines)
    for line in lines:
        if SECTION in line:
            break
    return [line for line in iter(lambda: next(lines, "===="), "") if line][:100]


# How much is shown


@pytest.mark.parametrize("option", ["-q", "--no-summary"])
def test_quiet_shows_the_gate_alone(compared: Session, option: str) -> None:
    result = compared.run(*COMPARE, option)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["GATE FAILED: wrong_answer regressed from 0 of 30 to 12 of 30 answers*"])
    result.stdout.no_fnmatch_line("*new misses*")


def test_very_quiet_shows_a_gate_only_if_it_failed(compared: Session, server: Server) -> None:
    result = compared.run(*COMPARE, "-qq")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["GATE FAILED: *"])
    server.answer = lambda _: completion("Paris")
    passed = compared.run(*COMPARE, "-qq", "--llm-mode=live")
    assert passed.ret == 0
    assert SECTION not in passed.stdout.str()


def test_verbose_shows_every_miss(compared: Session) -> None:
    result = compared.run(*COMPARE, "-v")
    shown = result.stdout.str()
    section = shown[shown.index(SECTION) :]
    assert {f"c{number}" for number in range(12)} <= set(re.findall(r"test_row\[(c\d+)\]", section))
    result.stdout.fnmatch_lines(["*test_row?c0-candidate? MISSED*"])


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_line_of_the_summary_is_wider_than_the_terminal(
    compared: Session, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    result = compared.run(*COMPARE)
    section = result.stdout.str().split(SECTION)[1].split("\n")[1:-2]
    assert [line for line in section if len(line) > columns and "====" not in line] == []
    assert any("GATE FAILED" in line for line in section)


def test_colour_follows_the_usual_switches(compared: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" in "".join(line for line in compared.run(*COMPARE, "--color=yes").outlines if "GATE FAILED" in line)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" not in compared.run(*COMPARE).stdout.str()


def test_a_stream_that_holds_ascii_only_gets_ascii_only(compared: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    monkeypatch.setenv("PYTHONUTF8", "0")
    result = compared.run(*COMPARE, "-v", subprocess=True)
    text = (compared.path / "stdout").read_bytes()
    assert result.ret == 1
    assert text.isascii()
    assert b"30 cases x 1 sample" in text


# Without parts of pytest


def test_without_a_terminal_the_gate_still_fails(compared: Session) -> None:
    assert compared.run(*COMPARE, "-pno:terminal").ret == 1
    assert compared.saved().complete is True


def test_collecting_only_is_silent_and_leaves_no_file(session: Session, server: Server) -> None:
    prepare(session, server)
    before = sorted(session.path.iterdir())
    result = session.run(*COMPARE, "--collect-only", "-q", "-pno:cacheprovider")
    assert result.ret == 0
    assert SECTION not in result.stdout.str()
    assert [path for path in sorted(session.path.iterdir()) if path not in before and path.name != "__pycache__"] == []
    assert server.requests == []


def test_a_session_that_uses_nothing_prints_and_writes_nothing(session: Session) -> None:
    session.write("def test_one(): pass\n")
    before = sorted(session.path.iterdir())
    result = session.run()
    result.assert_outcomes(passed=1)
    assert result.ret == 0
    assert [line for line in result.outlines if "llm" in line and not line.startswith(("plugins:", "rootdir:"))] == []
    assert result.errlines == []
    assert [path for path in sorted(session.path.iterdir()) if path not in before and path.name != "__pycache__"] == []


def test_junit_tells_misses_errors_and_the_gate_apart(compared: Session) -> None:
    assert compared.run(*COMPARE, "--junitxml=junit.xml").ret == 1
    suite = ET.parse(compared.path / "junit.xml").getroot()[0]  # noqa: S314 - our own file
    kinds = [child.tag for case in suite for child in case if child.tag != "properties"]
    assert (kinds.count("skipped"), kinds.count("failure"), kinds.count("error")) == (0, 1, 0)
    assert len(suite) == 2 * CASES + 1


# Parts of a session


@pytest.mark.parametrize("option", ["-x", "--maxfail=2"])
def test_a_session_that_stops_early_judges_no_gate(session: Session, server: Server, option: str) -> None:
    prepare(session, server)
    session.write("def test_first(): assert False\ndef test_second(): assert False", "test_a.py")
    result = session.run(*COMPARE, option)
    assert result.ret in (1, pytest.ExitCode.INTERRUPTED)
    result.stdout.no_fnmatch_line("*GATE FAILED*")
    result.stdout.no_fnmatch_line("*gate ok*")


def test_last_failed_runs_the_failed_cases_and_judges_no_gate(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    plain_session.run("--llm-model=candidate", plugins=("cacheprovider",)).assert_outcomes(passed=18, failed=12)
    result = plain_session.run("--llm-model=candidate", "--lf", plugins=("cacheprovider",))
    result.assert_outcomes(failed=12)
    assert plain_session.saved().complete is False
    server.answer = lambda _: completion("Paris")
    fixed = plain_session.run("--llm-model=candidate", "--lf", "--llm-mode=refresh", plugins=("cacheprovider",))
    fixed.assert_outcomes(passed=12)


def test_of_a_gate_that_failed_only_missed_cases_count_as_failed_last(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    assert plain_session.run(*COMPARE, plugins=("cacheprovider",)).ret == 1
    failed_last = json.loads((plain_session.path / ".pytest_cache/v/cache/lastfailed").read_text())
    missed = {result.key.case for result in plain_session.results() if result.outcome == "fail"}
    assert {node.rpartition("[")[2].rpartition("-")[0] for node in failed_last} == missed


def test_stepwise_stops_at_the_first_failure_and_goes_on_from_there(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    first = plain_session.run("--llm-model=candidate", "--sw", plugins=("cacheprovider",))
    first.assert_outcomes(failed=1)
    server.answer = lambda _: completion("Paris")
    second = plain_session.run("--llm-model=candidate", "--sw", "--llm-mode=refresh", plugins=("cacheprovider",))
    second.assert_outcomes(passed=CASES)


# Other plugins


def test_rerunfailures_runs_a_failing_case_again_and_the_last_run_counts(session: Session, server: Server) -> None:
    prepare(session, server)
    result = session.run("--llm-model=candidate", "--reruns=1", plugins=("rerunfailures",))
    result.stdout.fnmatch_lines(["*12 failed, 18 passed, 12 rerun*"])
    assert len(session.results()) == CASES
    assert {len(case.samples) for case in session.results()} == {1}


def test_repeat_makes_more_samples_of_a_case(session: Session, server: Server) -> None:
    prepare(session, server)
    result = session.run("--llm-model=candidate", "--count=2", plugins=("repeat",))
    result.assert_outcomes(passed=36, failed=24)
    assert len(session.results()) == CASES
    assert {len(case.samples) for case in session.results()} == {2}
    assert session.saved().complete is True


def test_randomly_changes_the_order_and_nothing_else(session: Session, server: Server) -> None:
    prepare(session, server)
    result = session.run(*COMPARE, plugins=("randomly",))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["GATE FAILED: wrong_answer regressed from 0 of 30 to 12 of 30 answers*"])


def test_a_case_that_takes_too_long_is_told_by_timeout(plain_session: Session, server: Server) -> None:
    plain_session.write(
        """
        import threading

        def test_slow(llm):
            llm("x")
            threading.Event().wait(20)

        def test_fast(llm): assert llm("x") == "Paris"
        """
    )
    result = plain_session.run("--timeout=0.5", plugins=("timeout",))
    result.assert_outcomes(passed=1, errors=1)
    assert len(plain_session.results()) == 2


@pytest.mark.parametrize("distribution", ["load", "loadfile", "loadscope", "worksteal", "loadgroup", "each"])
def test_every_distribution_of_xdist_judges_the_same(
    pytester: pytest.Pytester, server: Server, distribution: str
) -> None:
    session = Session(pytester, server.base_url, ("-n2", f"--dist={distribution}"))
    prepare(session, server)
    result = session.run(*COMPARE)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["GATE FAILED: wrong_answer regressed from 0 of 30 to 12 of 30 answers*"])
    assert len(session.results()) == 2 * CASES


# Shapes of a suite


def test_tests_may_stand_anywhere_and_share_a_dataset(session: Session, server: Server) -> None:
    server.answer = lambda _: completion("Paris")
    folder = session.path / "evals" / "deep"
    folder.mkdir(parents=True)
    Path(folder / "conftest.py").write_text(
        "import pytest\n\n@pytest.fixture\ndef tone():\n    return 'polite'\n\n@pytest.fixture\ndef ready(): ...\n"
    )
    (folder / "cases.jsonl").write_text('{"id": "a", "input": "1"}\n{"id": "b", "input": "2"}\n')
    session.write(
        """
        import pytest

        @pytest.mark.llm_cases("cases.jsonl")
        @pytest.mark.usefixtures("ready")
        class TestTone:
            @pytest.mark.parametrize("language", ["en", "fr"])
            def test_tone(self, llm, case, tone, language):
                assert llm(f"{tone} {language} {case.input}") == "Paris"

            def test_plain(self, llm, case):
                assert llm(case.input) == "Paris"

        @pytest.mark.llm_cases("cases.jsonl")
        def test_again(llm, case):
            assert llm(case.input) == "Paris"

        def test_alone(llm):
            assert llm("x") == "Paris"
        """,
        "evals/deep/test_deep.py",
    )
    result = session.run("--llm-model=production", "--llm-model=candidate")
    result.assert_outcomes(passed=2 * 9)
    keys = {case.key for case in session.results()}
    assert len(keys) == 9
    assert {key.case for key in keys if key.test == "evals/deep/test_deep.py::TestTone::test_plain"} == {"a", "b"}
    assert session.saved().complete is True


# Skips and expected failures


def test_skipped_and_expected_failures_are_counted_apart_and_leave_the_gate_on(
    session: Session, server: Server
) -> None:
    prepare(session, server)
    server.answer = lambda _: completion("Paris")
    session.write(
        """
        import pytest

        @pytest.mark.skip(reason="later")
        def test_skip(llm): ...

        @pytest.mark.skipif(True, reason="never here")
        def test_skipif(llm): ...

        def test_in_body(llm):
            llm("x")
            pytest.skip("not now")

        @pytest.mark.xfail(reason="known")
        def test_xfail(llm): assert llm("x") == "Rome"

        @pytest.mark.xfail(reason="known", strict=False)
        def test_xpass(llm): assert llm("x") == "Paris"
        """,
        "test_skips.py",
    )
    result = session.run(*COMPARE)
    assert result.ret == 0
    result.assert_outcomes(passed=2 * CASES, skipped=6, xfailed=2, xpassed=2)
    result.stdout.fnmatch_lines(["gate ok in 30 of 35 cases: *", "*5 skipped tests are not compared*"])
    assert len(session.results()) == 2 * CASES
    assert session.saved().complete is True


def test_an_expected_failure_that_passes_fails_when_it_is_strict(plain_session: Session) -> None:
    plain_session.write(
        """
        import pytest

        @pytest.mark.xfail(reason="known", strict=True)
        def test_xpass(llm): assert llm("x") == "Paris"
        """
    )
    result = plain_session.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*known*"])
    assert result.ret == 1
