"""Sessions: failures without a category are kept as such, and the hook of a project names categories."""

from __future__ import annotations

import pytest

from pytest_llmeval.commands.main import main
from pytest_llmeval.runs.results import SampleResult
from tests.server import Server, completion
from tests.sessions import Session

SUITE = """
    import pytest
    from pytest_llmeval import all_checks, assert_contains, assert_json, category

    @pytest.mark.parametrize("fruit", ["kiwi", "plum", "fig"])
    def test_plain(llm, fruit):
        assert fruit in llm(f"Sell 3 {fruit}s")

    def test_other_statement(llm):
        assert len(llm("Sell 3 nuts")) < 4

    def test_checked(llm):
        assert_contains(llm("Sell it"), "melon")

    def test_format(llm):
        assert_json(llm("Sell JSON"))

    @pytest.mark.llm_category("tone")
    def test_marker(llm):
        assert "please" in llm("Be polite")

    def test_with(llm):
        reply = llm("Be kind")
        with category("kindness"):
            assert "dear" in reply

    def test_keyword(llm):
        assert_contains(llm("Be short"), "melon", category="length")

    def test_code(llm):
        int(llm("How many?"))

    def test_several(llm):
        with all_checks():
            assert_json(llm("Sell twice"))
            assert False, "sold 2 of 9"

    def test_right(llm):
        assert llm("Sell nothing")
"""


def samples(session: Session) -> dict[str, SampleResult]:
    """The answer of each case by the name of its test and its parameter."""
    return {
        (result.key.test.rpartition("::")[2].removeprefix("test_") + " " + result.key.case).strip(): result.samples[0]
        for result in session.results()
    }


def test_failures_that_nothing_gives_a_category_are_kept_and_grouped(
    plain_session: Session, server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = lambda request: completion("All 12 of it's \x1b[1msold")
    plain_session.write(SUITE)
    plain_session.run("--llm-model=production")
    found = {name: sample.uncategorised for name, sample in samples(plain_session).items() if sample.uncategorised}
    assert found.keys() == {"plain kiwi", "plain plum", "plain fig", "other_statement", "several"}
    assert found["several"] == ("sold 2 of 9",)
    assert samples(plain_session)["several"].categories == ("format", "wrong_answer")

    monkeypatch.setenv("COLUMNS", "80")
    capsys.readouterr()
    assert main(["show", str(plain_session.report), "--uncategorised", f"--config={plain_session.path}"]) == 0
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert lines[0] == "5 of 11 failing answers failed in plain asserts without a category; they count"
    groups = [line.strip() for line in lines if " x " in line]
    assert groups[0] == '3 x assert "..." in "..."'
    assert sorted(group[:4] for group in groups[1:]) == ["1 x ", "1 x "]
    assert "1 x sold N of N" in groups
    assert "test_it.py::test_plain[kiwi]" in printed
    assert "test_right" not in printed
    assert "test_with" not in printed
    assert "\x1b" not in printed
    assert lines[-2].startswith("give them one: with category")

    assert main(["show", str(plain_session.report), "-q", "--show=wrong_answer", f"--config={plain_session.path}"]) == 0
    assert "5 answers failed in plain asserts without a category" in capsys.readouterr().out


HOOK = """
    def pytest_llmeval_category(case, reply, error, reason):
        if "melon" in reason:
            return "no_melon"
        if isinstance(error, ValueError):
            return "no_number"
        if "fig" in reason and reply.model == "production" and case is None:
            return "no_fig"
        if getattr(error, "category", None) == "format":
            return "no_json"
        return "never" if "please" in reason or "dear" in reason else None
"""


def test_the_hook_names_what_keyword_block_and_marker_have_not(session: Session, server: Server) -> None:
    server.answer = lambda request: completion("All 12 of it sold")
    session.write(SUITE)
    session.write(HOOK, "conftest.py")
    session.run("--llm-model=production")
    named = samples(session)
    assert {name: sample.categories for name, sample in named.items() if sample.outcome == "fail"} == {
        "plain kiwi": ("wrong_answer",),
        "plain plum": ("wrong_answer",),
        "plain fig": ("no_fig",),
        "other_statement": ("wrong_answer",),
        "checked": ("no_melon",),
        "format": ("no_json",),
        "marker": ("tone",),
        "with": ("kindness",),
        "keyword": ("length",),
        "code": ("no_number",),
        "several": ("no_json", "wrong_answer"),
    }
    assert named["plain fig"].uncategorised == ()
    assert len(named["plain kiwi"].uncategorised) == 1


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("raise KeyError('x')", "the hook pytest_llmeval_category failed: KeyError: 'x'"),
        ("return 7", "the hook pytest_llmeval_category failed: LlmevalError: 7 is not an error category"),
        ("return 'a\\nb'", "the hook pytest_llmeval_category failed: LlmevalError"),
        ("import pytest; pytest.skip('x')", "the hook pytest_llmeval_category failed: Skipped: x"),
        ("import pytest; pytest.xfail('x')", "the hook pytest_llmeval_category failed: XFailed: x"),
    ],
)
def test_a_broken_hook_is_an_error_of_the_case_and_loses_no_session(
    plain_session: Session, server: Server, code: str, told: str
) -> None:
    server.answer = lambda request: completion("sold")
    plain_session.write(
        "def test_wrong(llm):\n    assert llm('x') == 'y'\n\ndef test_right(llm):\n    assert llm('x')\n"
    )
    plain_session.write(f"def pytest_llmeval_category(reason):\n    {code}\n", "conftest.py")
    result = plain_session.run("--llm-model=production")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    outcomes = samples(plain_session)
    assert (outcomes["wrong"].outcome, outcomes["right"].outcome) == ("error", "pass")
    assert told in outcomes["wrong"].reason
