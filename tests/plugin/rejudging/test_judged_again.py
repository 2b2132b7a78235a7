"""A saved baseline's replies are judged again by today's tests: what differs between the sides is what a model said."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from pytest_llmeval.commands.main import main as llmeval
from pytest_llmeval.plugin.rejudging.judged_by import judged_by
from pytest_llmeval.runs.file import load_run
from pytest_llmeval.runs.results import CaseResult
from tests.server import Request, Server, completion
from tests.sessions import CONFIGURATION, Session, told

CASES = 20
SUITE = """
import pytest
from pytest_llmeval import assert_contains

SYSTEM = "You sell kettles."

@pytest.mark.llm_cases("cases.jsonl")
def test_row(llm, case):
    reply = llm(case.input, system=SYSTEM)
    assert_contains(reply, "gladly")
"""


def rows(*numbers: int) -> str:
    return "".join(json.dumps({"id": f"c{number}", "input": f"question {number}."}) + "\n" for number in numbers)


def clerk(request: Request) -> object:
    """Says "gladly" unless it was told to be brief, and always the number of the question."""
    asked = json.dumps(request.json["messages"])
    number = asked.partition("question ")[2].partition(".")[0] or "0"
    return completion(f"{number}: no." if "brief" in asked else f"{number}: gladly.")


def save(session: Session, server: Server, suite: str = SUITE, *arguments: str) -> None:
    """Make a project with a baseline run of all its cases."""
    session.configure(
        CONFIGURATION.format(base_url=server.base_url).replace("[tool.llmeval]", '[tool.llmeval]\nbaseline = "b.jsonl"')
    )
    (session.path / "cases.jsonl").write_text(rows(*range(CASES)))
    session.write(suite)
    server.answer = clerk
    assert session.run("--llm-update-baseline", *arguments).ret == 0


def of_baseline(session: Session) -> dict[str, CaseResult]:
    """The baseline's cases as the session judged them."""
    return {result.key.case: result for result in session.results() if result.model == "baseline"}


def test_nothing_changed_is_green_and_asks_nobody(session: Session, server: Server) -> None:
    save(session, server)
    asked = len(server.requests)
    result = session.run()
    assert (result.ret, len(server.requests)) == (0, asked)
    assert told(result, "gate ok: 20 cases * 0 regressed")
    result.assert_outcomes(passed=CASES)
    assert {each.outcome for each in of_baseline(session).values()} == {"pass"}
    assert session.saved().baseline == "baseline"


def test_a_prompt_that_breaks_answers_is_red(session: Session, server: Server) -> None:
    save(session, server)
    session.write(SUITE.replace("kettles.", "kettles. Be brief."))
    result = session.run()
    assert result.ret == 1
    assert told(result, "GATE FAILED: wrong_answer regressed from 0 of 20 to 20 of 20 answers")
    assert told(result, "the prompt of 20 of 20 cases changed since the baseline was saved")


def test_the_replies_of_a_function_are_judged_again(session: Session) -> None:
    session.configure(
        """
        [tool.llmeval]
        model = "clerk"
        baseline = "b.jsonl"

        [tool.llmeval.models.clerk]
        model = "python:shop.ask"
        """
    )
    session.write("def ask(messages, **params): return 'gladly, ' + messages[-1]['content']\n", "shop.py")
    (session.path / "cases.jsonl").write_text(rows(*range(CASES)))
    session.write(SUITE)
    assert session.run("--llm-update-baseline").ret == 0
    session.write(SUITE.replace('"gladly"', '"with joy"'))
    result = session.run()
    # A check that changed hits both sides alike.
    assert {each.outcome for each in of_baseline(session).values()} == {"fail"}
    assert not told(result, "the saved verdict counts")


SHOWN = SUITE.replace("reply = llm(case.input, system=SYSTEM)", "reply = shop.shown(llm(case.input, system=SYSTEM))")
SHOWN = SHOWN.replace("import pytest\n", "import pytest\nimport shop\n")


def test_code_behind_the_replies_that_breaks_them_is_red(session: Session, server: Server) -> None:
    session.write("def shown(text): return text\n", "shop.py")
    save(session, server, SHOWN)
    session.write("def shown(text): return text[:2]\n", "shop.py")
    result = session.run(subprocess=True)
    assert result.ret == 1
    assert told(result, "GATE FAILED: wrong_answer regressed from 0 of 20 to 20 of 20 answers")
    assert told(
        result, "20 cases fail today on replies that passed when the baseline was saved, in tests that have not"
    )
    # What is added beside the test hides nothing; who changes the test itself may have made it stricter.
    beside = "\nWORD = 1\n\n@pytest.fixture(scope='module')\ndef other():\n    return search()\n"
    beside += "\ndef search(): return re.search('', str(WORD))\n\ndef test_other(other): pass\n"
    session.write(SHOWN.replace("import shop\n", "import re\nimport shop  # ours\n") + beside)
    session.write(f"import pytest, re\n{beside.replace('test_other', 'other_helper')}", "conftest.py")
    assert session.run(subprocess=True).ret == 1
    session.write(SHOWN.replace("gladly", "gladly!"))
    result = session.run(subprocess=True)
    assert result.ret == 0
    assert told(result, "but 20 cases that passed when the baseline was saved fail on both sides now")
    assert session.run("--llm-strict", subprocess=True).ret == 1


USED = """
import functools, pytest

LIMIT = 1

def limit():
    return LIMIT

@pytest.fixture
def by_name():
    pass

@pytest.fixture(autouse=True)
def always():
    pass

@functools.cache
def registered():
    pass

def pytest_configure():
    pass

@pytest.mark.usefixtures("by_name")
class TestIt:
    def test_it(self, llm):
        assert len(llm("x")) > limit()
"""


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("LIMIT = 1", "LIMIT = 2", True),
        *(
            (f"def {name}():\n    pass", f"def {name}():\n    return 2", True)
            for name in ("by_name", "always", "registered", "pytest_configure")
        ),
        ("LIMIT = 1", "LIMIT = 1\nOTHER = 2\n", False),
        ("LIMIT = 1", "LIMIT = 1\nOTHER = limit()\n", True),
        ("def limit", "def other():\n    return limit()\n\ndef limit", False),
        ("@functools", "@pytest.fixture\ndef other():\n    return limit()\n\n@functools", False),
        ("@functools", "class Other:\n    limit = 2\n\n@functools", False),
    ],
)
def test_what_a_test_uses_judges_it_and_what_lies_beside_does_not(
    pytester: pytest.Pytester, old: str, new: str, counts: bool
) -> None:
    def digest(code: str) -> str:
        file = pytester.makepyfile(test_used=code)
        item = SimpleNamespace(
            path=file, nodeid="test_used.py::TestIt::test_it", config=SimpleNamespace(stash={}, getini=lambda _: [])
        )
        return judged_by(item, file.parent)  # type: ignore[arg-type]

    assert (digest(USED.replace(old, new)) != digest(USED)) is counts


@pytest.mark.parametrize("folder", ["shop/tests", "retrieval"])
def test_an_application_around_its_tests_is_no_helper_of_theirs(
    plain_session: Session, server: Server, folder: str
) -> None:
    """A change of it would else look like a stricter check, and every answer that it breaks like a known miss."""
    code = plain_session.path / folder.partition("/")[0] / "shown.py"
    (plain_session.path / folder).mkdir(parents=True)
    code.write_text("def shown(text): return text\n")
    plain_session.write(f"import sys; sys.path[:0] = [{str(code.parent)!r}]\n", "conftest.py")
    save(plain_session, server)
    (plain_session.path / "cases.jsonl").rename(plain_session.path / folder / "cases.jsonl")
    plain_session.write(SHOWN.replace("shop", "shown"), f"{folder}/test_bot.py")
    (plain_session.path / "test_it.py").unlink()
    assert plain_session.run("--llm-update-baseline", subprocess=True).ret == 0
    code.write_text("def shown(text): return text[:2]\n")
    result = plain_session.run(subprocess=True)
    assert (result.ret, told(result, "wrong_answer regressed from 0 of 20 to 20 of 20 answers")) == (1, True)


@pytest.mark.parametrize("name", ["test_it.py", "checks.py", "conftest.py", "cases.jsonl"])
def test_what_judges_lies_beside_the_test(plain_session: Session, server: Server, name: str) -> None:
    """A change of any of it may be a stricter check; the application lies elsewhere."""
    folder = plain_session.path / "tests"
    folder.mkdir()
    (plain_session.path / "shop.py").write_text("def shown(text): return text\n")
    (plain_session.path / "conftest.py").write_text("import sys; sys.path[:0] = ['.', 'tests']\n")
    (folder / "checks.py").write_text("WORD = 'gladly'\n")
    (folder / "conftest.py").write_text("import pytest\n\n@pytest.fixture\ndef ending():\n    return '.'\n")
    suite = SHOWN.replace("import shop", "import shop, checks").replace(
        '"gladly"', "checks.WORD + ending + case.expected"
    )
    suite = suite.replace("(llm, case)", "(llm, case, ending)").replace('"cases.jsonl"', '"../cases.jsonl"')
    plain_session.write(suite, "tests/test_it.py")
    cases = "".join(json.dumps({**json.loads(row), "expected": ""}) + "\n" for row in rows(*range(CASES)).splitlines())
    plain_session.configure(
        CONFIGURATION.format(base_url=server.base_url).replace("[tool.llmeval]", '[tool.llmeval]\nbaseline = "b.jsonl"')
    )
    (plain_session.path / "cases.jsonl").write_text(cases)
    server.answer = clerk
    assert plain_session.run("--llm-update-baseline", subprocess=True).ret == 0
    stricter = {
        "test_it.py": suite.replace("+ ending", "+ ending + '!'"),
        "checks.py": "WORD = 'gladly!'\n",
        "conftest.py": (folder / "conftest.py").read_text().replace("'.'", "'!'"),
    }
    if name in stricter:
        (folder / name).write_text(stricter[name])
    else:
        (plain_session.path / name).write_text(cases.replace('"expected": ""', '"expected": "!"'))
    result = plain_session.run(subprocess=True)
    assert (result.ret, told(result, "20 known misses")) == (0, True)


def test_a_prompt_that_changes_nothing_is_green(session: Session, server: Server) -> None:
    save(session, server)
    session.write(SUITE.replace("kettles.", "kettles and pans."))
    assert session.run().ret == 0


def test_a_stricter_check_that_both_sides_fail_alike_is_green(session: Session, server: Server) -> None:
    save(session, server)
    session.write(SUITE.replace('"gladly"', '"gladly!"'))
    result = session.run()
    assert result.ret == 0
    assert told(result, "20 known misses")
    assert {each.outcome for each in of_baseline(session).values()} == {"fail"}


def test_a_check_that_is_right_now_is_right_on_both_sides(plain_session: Session, server: Server) -> None:
    save(plain_session, server, SUITE.replace('"gladly"', '"glad"'))
    plain_session.write(SUITE.replace('"gladly"', '"never"'))
    plain_session.run("--llm-update-baseline")
    plain_session.write(SUITE)
    result = plain_session.run("--llm-model=candidate")
    assert result.ret == 0
    assert {each.outcome for each in of_baseline(plain_session).values()} == {"pass"}


def test_a_check_of_a_severe_kind_that_is_taken_away_cannot_be_measured(plain_session: Session, server: Server) -> None:
    rude = SUITE.replace('gladly")', "gladly\")\n    assert_contains(reply, ':', category='rude')")
    save(plain_session, server, rude)
    table = plain_session.path / "pyproject.toml"
    table.write_text(table.read_text() + '[tool.llmeval.categories.rude]\nseverity = "high"\n')
    assert plain_session.run().ret == 0
    plain_session.write(SUITE)
    result = plain_session.run()
    assert result.ret == 1
    assert told(result, "could not be measured: no answer is examined for rude any more, which is of high severity")
    assert llmeval(["compare", str(plain_session.report), "-q"]) == 1  # the saved run says the same
    plain_session.write(
        rude.replace("    assert_contains(reply, ':'", "    if case.id < 'c5': assert_contains(reply, ':'")
    )
    result = plain_session.run()
    assert result.ret == 1
    assert told(result, "could not be measured: 5 of 20 cases are not examined for rude any more, which is of high")
    assert llmeval(["compare", str(plain_session.report), "-q"]) == 1


def test_a_severe_mistake_that_no_answer_makes_any_more_is_green(plain_session: Session, server: Server) -> None:
    """Where a test raises `CheckFailed` itself, nothing tells that an answer was examined but that it fails."""
    raises = SUITE.replace("import assert_contains", "import CheckFailed").replace(
        'assert_contains(reply, "gladly")', 'if "no" in reply: raise CheckFailed("no", category="rude")'
    )
    save(plain_session, server, raises.replace("kettles.", "kettles. Be brief."))
    table = plain_session.path / "pyproject.toml"
    table.write_text(table.read_text() + '[tool.llmeval.categories.rude]\nseverity = "high"\n')
    plain_session.write(raises)
    assert plain_session.run().ret == 0


def test_what_an_older_baseline_was_examined_for_is_not_known(plain_session: Session, server: Server) -> None:
    save(plain_session, server)
    baseline, table = plain_session.path / "b.jsonl", plain_session.path / "pyproject.toml"
    older = [json.loads(line) for line in baseline.read_text().splitlines()]
    for sample in (sample for line in older for sample in line.get("samples", ())):
        del sample["examined"]
    baseline.write_text("".join(json.dumps(line) + "\n" for line in older))
    table.write_text(table.read_text() + '[tool.llmeval.categories.rude]\nseverity = "high"\n')
    assert plain_session.run().ret == 0


def test_a_candidate_that_regressed_is_red(session: Session, server: Server) -> None:
    save(session, server)
    server.answer = lambda request: completion("no") if request.json["model"] == "cand-2" else clerk(request)
    result = session.run("--llm-model=candidate")
    assert result.ret == 1
    assert told(result, "candidate vs baseline production (saved run b.jsonl)")
    assert told(result, "GATE FAILED: wrong_answer regressed from 0 of 20 to 20 of 20 answers")


def test_a_new_row_that_fails_is_a_failing_test_with_its_reason(session: Session, server: Server) -> None:
    save(session, server)
    (session.path / "cases.jsonl").write_text(rows(*range(CASES)) + rows(77))
    server.answer = lambda request: completion("no") if b"question 77" in request.body else clerk(request)
    result = session.run()
    assert result.ret == 1
    result.assert_outcomes(passed=CASES, failed=1)
    result.stdout.fnmatch_lines(["FAILED test_it.py::test_row?c77?*does not contain*"])


def test_a_new_row_that_passes_is_green(session: Session, server: Server) -> None:
    save(session, server)
    (session.path / "cases.jsonl").write_text(rows(*range(CASES), 77))
    result = session.run()
    assert result.ret == 0
    result.assert_outcomes(passed=CASES + 1)


def test_a_new_test_that_fails_is_red(session: Session, server: Server) -> None:
    save(session, server)
    session.write("def test_new(llm):\n    assert llm('question 5.') == 'yes'\n", "test_new.py")
    result = session.run()
    assert result.ret == 1
    result.assert_outcomes(passed=CASES, failed=1)


def test_a_row_with_another_input_is_a_new_case(plain_session: Session, server: Server) -> None:
    save(plain_session, server)
    changed = rows(3).replace("question 3.", "question 33.")
    (plain_session.path / "cases.jsonl").write_text(rows(*[n for n in range(CASES) if n != 3]) + changed)
    server.answer = lambda request: completion("no") if b"question 33." in request.body else clerk(request)
    result = plain_session.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAILED test_it.py::test_row?c3?*", "*1 failed, 19 passed*"])
    assert told(result, "not compared: 1 case changed since the baseline ran")


def test_many_rows_with_another_input_cannot_be_measured(plain_session: Session, server: Server) -> None:
    save(plain_session, server)
    (plain_session.path / "cases.jsonl").write_text(rows(*range(CASES)).replace("question 1", "question 9"))
    result = plain_session.run()
    assert result.ret == 1
    assert told(result, "GATE FAILED: could not be measured: 9 of the baseline's 20 cases ran unchanged")


@pytest.mark.parametrize("arguments", [("-m", "not slow"), ("-k", "row"), ("--deselect=test_slow.py",)])
@pytest.mark.parametrize("wrong", [False, True])
def test_a_test_that_is_left_out_does_not_switch_the_gate_off(
    plain_session: Session, server: Server, arguments: tuple[str, ...], wrong: bool
) -> None:
    slow = "import pytest\n\n@pytest.mark.slow\ndef test_slow(llm):\n    assert llm('question 9.')\n"
    plain_session.write(slow, "test_slow.py")
    plain_session.write("def pytest_configure(config): config.addinivalue_line('markers', 'slow')\n", "conftest.py")
    save(plain_session, server)
    if wrong:
        server.answer = lambda request: completion("no")
    result = plain_session.run("--llm-model=candidate", *arguments)
    assert result.ret == int(wrong)
    assert told(result, "GATE FAILED: wrong_answer regressed" if wrong else "gate ok in 20 of 21 cases")
    assert plain_session.run("--llm-model=candidate", "--llm-strict", *arguments).ret == 1


def test_one_case_named_on_the_command_line_is_compared_alone(plain_session: Session, server: Server) -> None:
    save(plain_session, server)
    result = plain_session.run("test_it.py::test_row[c3]")
    assert result.ret == 0
    assert told(result, "gate ok in 1 of 20 cases")


def test_tests_that_are_gone_cannot_be_measured(session: Session, server: Server) -> None:
    save(session, server)
    (session.path / "cases.jsonl").write_text(rows(*range(10)))
    result = session.run()
    assert result.ret == 1
    assert told(result, "GATE FAILED: could not be measured: 10 of the baseline's 20 cases ran unchanged")


def test_a_baseline_with_a_name_too_long_for_a_file_system_is_compared_all_the_same(
    plain_session: Session, server: Server
) -> None:
    save(plain_session, server)
    saved = plain_session.path / "b.jsonl"
    saved.write_text(saved.read_text().replace('"test": "test_it.py', f'"test": "{"long" * 1000}.py', 1))
    result = plain_session.run()
    assert "broke" not in result.stdout.str()
    assert told(result, "gate ok")


def test_skipped_tests_cannot_be_measured(plain_session: Session, server: Server) -> None:
    save(plain_session, server)
    plain_session.write(SUITE.replace("def test_row", "@pytest.mark.skip\ndef test_row"))
    plain_session.write("def test_other(llm):\n    assert llm('question 8.')\n", "test_other.py")
    assert plain_session.run().ret == 1


def test_replies_to_other_prompts_that_fail_todays_tests_excuse_nothing(plain_session: Session, server: Server) -> None:
    """The prompt asks for another kind of answer now, and the tests expect it: main's answers say nothing of that."""
    save(plain_session, server)
    plain_session.write(SUITE.replace("kettles.", "kettles. Be brief.").replace('"gladly"', '": no."'))
    result = plain_session.run()
    assert result.ret == 1
    assert told(result, "GATE FAILED: could not be measured: 20 of 20 cases cannot be compared")
    assert {each.rejudged for each in of_baseline(plain_session).values()} == {"not_compared"}


def test_a_case_that_is_not_compared_and_fails_is_a_failing_test(plain_session: Session, server: Server) -> None:
    one = "def test_one(llm):\n    assert 'gladly' in llm('question 1000.')\n"
    plain_session.write(one, "test_one.py")
    save(plain_session, server)
    plain_session.write(one.replace("question", "Be brief. question").replace("gladly", "never"), "test_one.py")
    result = plain_session.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAILED test_one.py::test_one*", "*1 failed, 20 passed*"])
    assert told(result, "1 case is not compared: the baseline's replies to its old prompts fail today's tests")


AGENT = """
def test_agent(llm):
    seen = []
    for step in STEPS:
        seen.append(llm(f"question {step}."))
    assert all("gladly" in each for each in seen)
"""


def test_an_agent_that_takes_another_way_keeps_the_saved_verdict(session: Session, server: Server) -> None:
    agent = AGENT.replace("STEPS", "(1, 2)")
    session.write(agent, "test_agent.py")
    save(session, server)
    session.write(AGENT.replace("STEPS", "(1, 2, 3)"), "test_agent.py")
    result = session.run()
    assert result.ret == 0
    assert told(result, "1 case asks the model differently than when the baseline was saved; the saved verdict counts")
    session.write(AGENT.replace("STEPS", "(1,)"), "test_agent.py")
    assert told(session.run(), "1 case asks the model differently")
    session.write(AGENT.replace("STEPS", "(2, 1)"), "test_agent.py")
    session.run()
    assert of_baseline(session)[""].rejudged == ""


def test_a_test_that_was_renamed_or_moved_is_found_by_its_rows(session: Session, server: Server) -> None:
    save(session, server)
    (session.path / "test_it.py").unlink()
    session.write(SUITE.replace("def test_row", "def test_kettles"), "test_new_name.py")
    server.answer = lambda request: completion("no") if request.json["model"] == "cand-2" else clerk(request)
    result = session.run()
    assert result.ret == 0
    assert told(result, "test_new_name.py::test_kettles was test_it.py::test_row when the baseline was saved")
    assert told(session.run("--llm-model=candidate"), "GATE FAILED: wrong_answer regressed from 0 of 20 to 20 of 20")


def test_without_a_baseline_failing_cases_are_failing_tests(session: Session, server: Server) -> None:
    save(session, server)
    server.answer = lambda request: completion("no")
    result = session.run("--llm-model=candidate", "--llm-baseline=none")
    assert result.ret == 1
    result.assert_outcomes(failed=CASES)


def test_several_samples_are_judged_one_by_one(session: Session, server: Server) -> None:
    suite = SUITE.replace("def test_row", "@pytest.mark.llm_samples(3, min_pass_rate=0.6)\ndef test_row")
    save(session, server, suite)
    session.write(suite.replace("kettles.", "kettles. Be brief."))
    result = session.run()
    assert result.ret == 1
    assert told(result, "wrong_answer regressed from 0 of 60 to 60 of 60 answers")
    assert {len(each.samples) for each in of_baseline(session).values()} == {3}


ORDER = """
import pytest

@pytest.fixture(scope="module")
def shop():
    print("open")
    LOG.append("open")
    yield "shop"
    LOG.append("closed")

@pytest.fixture
def greeting(llm):
    return llm("question 1.")

LOG = []

class TestShop:
    @pytest.fixture(autouse=True)
    def counted(self, shop):
        yield
        LOG.append("test")

    def test_greeted(self, greeting, shop):
        assert "gladly" in greeting

    @pytest.mark.parametrize("n", [1, 2])
    def test_asked(self, llm, n):
        assert llm(f"question {n}.") == f"{n}: gladly."

def test_log():
    assert LOG == ["open", *["test"] * 6, "closed"] or LOG == ["open", *["test"] * 6], LOG
"""


def test_fixtures_are_set_up_for_both_sides_and_those_of_a_module_once(plain_session: Session, server: Server) -> None:
    save(plain_session, server)
    plain_session.write("", "test_it.py")
    server.answer = clerk
    plain_session.write(ORDER.replace("assert LOG", "assert True or LOG"), "test_order.py")
    plain_session.run("--llm-update-baseline").assert_outcomes(passed=4)
    plain_session.write(ORDER, "test_order.py")
    result = plain_session.run()
    result.assert_outcomes(passed=4)
    assert {each.rejudged for each in of_baseline(plain_session).values()} == {""}
    assert {each.outcome for each in of_baseline(plain_session).values()} == {"pass"}


OTHER_KINDS = """
import unittest
import pytest

class TestOld(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _ask(self, llm):
        self.llm = llm

    def test_unit(self):
        self.assertIn("gladly", self.llm("question 1."))

def test_parts(llm, subtests):
    for number in (1, 2, 3):
        with subtests.test(number=number):
            assert "gladly" in llm(f"question {number}.")

@pytest.fixture
def checked(llm):
    replies = []
    yield replies
    assert all("gladly" in reply for reply in replies)

def test_behind(llm, checked):
    checked.append(llm("question 1."))

@pytest.mark.llm_blocking
def test_once(llm):
    assert "gladly" in llm("question 1.")
"""


def test_other_kinds_of_tests_are_judged_again_too(session: Session, server: Server) -> None:
    save(session, server)
    session.write(OTHER_KINDS)
    assert session.run("--llm-update-baseline").ret == 0
    result = session.run()
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*rror*")
    assert {each.outcome for each in of_baseline(session).values()} == {"pass"}
    session.write(OTHER_KINDS.replace("gladly", "never"))
    result = session.run()
    assert {each.outcome for each in session.results()} == {"fail"}
    assert len(session.results()) == 8


ASYNC = """
import pytest

@pytest.mark.asyncio
async def test_async(llm):
    assert "gladly" in await llm.acall(ASKED)
"""


def test_an_async_test_is_judged_again(session: Session, server: Server) -> None:
    save(session, server)
    session.write(ASYNC.replace("ASKED", "'question 4.'"))
    assert session.run("--llm-update-baseline", plugins=("asyncio",)).ret == 0
    session.write(ASYNC.replace("ASKED", "'Be brief. question 4.'"))
    result = session.run(plugins=("asyncio",))
    [baseline] = of_baseline(session).values()
    assert (baseline.outcome, baseline.rejudged) == ("pass", "")
    assert told(result, "1 missed")


APPLICATION = """
import openai

SYSTEM = "You sell kettles."

def client(model=openai.OpenAI):
    return model(api_key="k", base_url="{base_url}", max_retries=0)

def answer(question):
    messages = [{{"role": "system", "content": SYSTEM}}, {{"role": "user", "content": question}}]
    return client().chat.completions.create(model="prod-1", messages=messages).choices[0].message.content

def streamed(question):
    messages = [{{"role": "system", "content": SYSTEM}}, {{"role": "user", "content": question}}]
    chunks = client().chat.completions.create(model="prod-1", messages=messages, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)

async def in_async(question):
    messages = [{{"role": "system", "content": SYSTEM}}, {{"role": "user", "content": question}}]
    async with client(openai.AsyncOpenAI) as asynchronous:
        found = await asynchronous.chat.completions.create(model="prod-1", messages=messages)
    return found.choices[0].message.content
"""
OF_APPLICATION = """
import asyncio
import pytest
import bot

def later(question):
    return asyncio.run(bot.in_async(question + " Please."))  # or it would get the answer of the first

@pytest.mark.parametrize("n", range(4))
@pytest.mark.parametrize("ask", [bot.answer, bot.streamed, later], ids="sta")
def test_bot(FIXTURE, ask, n):
    assert ask(f"question {n}. {ask.__name__}") == f"{n}: gladly."  # each way asks its own
"""


@pytest.mark.parametrize("fixture", ["llm_capture", "llm_gateway"])
def test_the_replies_of_an_application_are_judged_again(session: Session, server: Server, fixture: str) -> None:
    save(session, server)
    application = APPLICATION.format(base_url=server.base_url)
    if fixture == "llm_gateway":
        application = application.replace(f'base_url="{server.base_url}", ', "")
    session.write(application, "bot.py")
    session.write(OF_APPLICATION.replace("FIXTURE", fixture))
    assert session.run("--llm-update-baseline", subprocess=True).ret == 0
    asked = len(server.requests)
    assert session.run(subprocess=True).ret == 0
    assert len(server.requests) == asked
    session.write(application.replace("kettles.", "kettles. Be brief."), "bot.py")
    result = session.run(subprocess=True)
    assert result.ret == 1
    assert told(result, "GATE FAILED: wrong_answer regressed from 0 of 12 to 12 of 12 answers")
    assert {(each.outcome, each.rejudged) for each in of_baseline(session).values()} == {("pass", "")}


def test_an_application_that_speaks_another_format_now_gets_its_replies_in_that(
    plain_session: Session, server: Server
) -> None:
    save(plain_session, server)
    application = APPLICATION.format(base_url=server.base_url)
    plain_session.write(application, "bot.py")
    plain_session.write(OF_APPLICATION.replace("FIXTURE", "llm_capture"))
    plain_session.run("--llm-update-baseline", subprocess=True)
    old = 'return client().chat.completions.create(model="prod-1", messages=messages).choices[0].message.content'
    new = 'return client().responses.create(model="prod-1", input=messages).output_text'
    assert old in application
    plain_session.write(application.replace(old, new), "bot.py")
    plain_session.run(subprocess=True)
    again = of_baseline(plain_session)
    assert {again[f"s-{number}"].outcome for number in range(4)} == {"pass"}
    assert {again[f"s-{number}"].rejudged for number in range(4)} == {""}


def test_a_run_of_an_earlier_version_is_judged_again(plain_session: Session, server: Server) -> None:
    save(plain_session, server)
    path = plain_session.path / "b.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines[1:-1]:
        line["checks"] = "0123456789abcdef"
        for sample in line["samples"]:
            sample.pop("raised", None)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    plain_session.write(SUITE.replace('"gladly"', '"gladly!"'))
    result = plain_session.run()
    assert (result.ret, told(result, "20 known misses")) == (0, True)


def test_a_saved_session_is_a_baseline_too_and_says_the_same_later(plain_session: Session, server: Server) -> None:
    from pytest_llmeval.commands.main import main

    save(plain_session, server)
    plain_session.write(SUITE.replace("kettles.", "kettles. Be brief."))
    assert plain_session.run().ret == 1
    assert main(["compare", str(plain_session.report)]) == 1
    saved = plain_session.path / "earlier.jsonl"
    plain_session.report.rename(saved)
    result = plain_session.run("--llm-baseline=earlier.jsonl")
    assert (result.ret, told(result, "20 known misses")) == (0, True)


def test_a_report_is_not_written_over_the_baseline(plain_session: Session, server: Server) -> None:
    save(plain_session, server)
    before = (plain_session.path / "b.jsonl").read_bytes()
    (plain_session.path / "link.jsonl").symlink_to("b.jsonl")
    (plain_session.path / "hard.jsonl").hardlink_to(plain_session.path / "b.jsonl")
    for name in ("b.jsonl", "./b.jsonl", "link.jsonl", "hard.jsonl"):
        result = plain_session.run(f"--llm-report={name}")
        assert result.ret == 4
        result.stderr.fnmatch_lines([f"ERROR: --llm-report={name} would replace the baseline*"])
    assert (plain_session.path / "b.jsonl").read_bytes() == before


def test_two_models_under_one_name_are_told(session: Session, server: Server) -> None:
    save(session, server)

    def moved(request: Request) -> object:
        body: dict[str, object] = clerk(request)  # type: ignore[assignment]
        return {**body, "model": "m-2026-11"}

    server.answer = moved
    (session.path / "cases.jsonl").write_text(rows(*range(CASES), 90, 91))
    assert told(session.run(), "another model answers under openai/prod-1: m-2026-11 (2); in the baseline it was m")


def lower(text: str) -> Callable[[Request], object]:
    return lambda request: completion(text)


def test_with_a_model_as_baseline_the_summary_says_what_is_not_seen(session: Session, server: Server) -> None:
    save(session, server)
    result = session.run("--llm-model=candidate", "--llm-baseline=production")
    assert told(result, "both ran in this checkout, so a change that hurts both alike does not show")


def test_the_run_is_not_a_case_twice_where_every_worker_runs_it(plain_session: Session, server: Server) -> None:
    save(plain_session, server)
    plain_session.arguments = ("-n2", "--dist=each")
    plain_session.run()
    assert len(of_baseline(plain_session)) == CASES
    assert len(load_run(plain_session.report).results) == 2 * CASES


def test_when_all_tests_that_ask_are_gone_nothing_was_measured(session: Session, server: Server) -> None:
    save(session, server)
    (session.path / "test_it.py").unlink()
    session.write("def test_plain(): pass\n", "test_plain.py")
    result = session.run()
    assert result.ret == 1
    assert told(
        result, "GATE FAILED: could not be measured: no test asks a model, and the baseline b.jsonl has 20 cases"
    )
    assert session.run("test_plain.py").ret == 0
    assert session.run("-k", "plain").ret == 0


def test_tests_that_are_taken_away_in_silence_were_to_run(session: Session, server: Server) -> None:
    save(session, server)
    session.write("def pytest_collection_modifyitems(items): del items[3:]\n", "conftest.py")
    result = session.run()
    assert result.ret == 1
    assert told(result, "GATE FAILED: could not be measured: 3 of the baseline's 20 cases ran unchanged")
