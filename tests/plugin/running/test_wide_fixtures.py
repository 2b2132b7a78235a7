"""Fixtures of wider scope than a test that ask a model: once for all tests that share them, whose calls they are."""

from __future__ import annotations

from collections import Counter

import pytest

from pytest_llmeval.runs.file import load_run
from tests.server import Reply, Request, Server, completion
from tests.sessions import CONFIGURATION, Session, told

SUITE = """
import pytest

SET_UP = []

@pytest.fixture(scope="module")
def digest(llm):
    SET_UP.append(llm.model)
    yield llm("digest of the report")
    SET_UP.append("closed")

@pytest.mark.parametrize("word", ["sails", "oars", "tar"])
def test_digest(digest, word):
    assert word in digest

def test_both(llm, digest):
    assert digest in llm("again: " + digest)

def test_alone(llm):
    assert "alone" in llm("alone")
"""


def asked(request: Request) -> str:
    said: str = request.json["messages"][-1]["content"]
    return said


def sailor(request: Request) -> object:
    said = asked(request)
    text = "sails, oars and tar" if said.startswith("digest") else f"echo {said}"
    return completion(text)


def counted(server: Server) -> Counter[tuple[str, str]]:
    return Counter((request.json["model"], asked(request)) for request in server.requests)


def test_it_asks_once_and_its_call_belongs_to_each_test(session: Session, server: Server) -> None:
    server.answer = sailor
    session.write(SUITE)
    session.run("--llm-record").assert_outcomes(passed=5)
    workers = 2 if session.arguments == ("-n2",) else 1
    assert 1 <= counted(server)["prod-1", "digest of the report"] <= workers
    results = {result.key.test.split("::")[1] + result.key.case: result for result in session.results()}
    texts = {name: [call.answer.text for call in result.calls] for name, result in results.items()}
    assert texts == {
        **{f"test_digest{word}": ["sails, oars and tar"] for word in ("sails", "oars", "tar")},
        "test_both": ["sails, oars and tar", "echo again: sails, oars and tar"],
        "test_alone": ["echo alone"],
    }
    shared = {name for name, result in results.items() if result.fixture == "test_it.py::digest"}
    assert shared == {"test_digestsails", "test_digestoars", "test_digesttar"}
    assert all(call.measures.cost for result in results.values() for call in result.calls)
    paid = sum(call.spent or 0 for result in results.values() for call in result.calls)
    each = results["test_alone"].calls[0].spent or 0
    assert paid < len(server.requests) * 5 * each
    before = len(server.requests)
    session.run("--llm-mode=replay").assert_outcomes(passed=5)
    assert len(server.requests) == before


def test_each_model_has_its_own(plain_session: Session, server: Server) -> None:
    def answer(request: Request) -> object:
        model = request.json["model"]
        return completion(f"{model}: sails, oars and tar" if model == "prod-1" else "cotton")

    server.answer = answer
    plain_session.write(
        SUITE.replace("def test_alone(llm):", "def test_alone(llm):\n    return\n")
        + "\n\ndef test_log(): assert SET_UP == ['production', 'closed', 'candidate', 'closed'], SET_UP\n"
    )
    plain_session.write(
        """
        import pytest

        @pytest.fixture(scope="module")
        def digest(llm, llm_model):
            return llm_model, llm("digest of the report")

        @pytest.mark.parametrize("n", [1, 2])
        def test_name(digest, llm_model, n):
            assert digest[0] == llm_model
        """,
        "test_model.py",
    )
    plain_session.run("--llm-model=production", "--llm-model=candidate", "--llm-baseline=none")
    assert counted(server)["prod-1", "digest of the report"] == 1
    assert counted(server)["cand-2", "digest of the report"] == 1
    by_model: dict[str, set[str]] = {}
    for result in plain_session.results():
        if result.key.test == "test_it.py::test_digest" or result.key.test.startswith("test_model"):
            assert len(result.calls) == 1
            by_model.setdefault(result.model, set()).update(call.answer.text for call in result.calls)
            assert (result.outcome == "pass") == (result.model == "production" or "test_name" in result.key.test)
    assert by_model == {"production": {"prod-1: sails, oars and tar"}, "candidate": {"cotton"}}


LOGGED = """
import pytest

SET_UP = []

@pytest.fixture(scope="session")
def report(llm):
    SET_UP.append("report")
    yield llm("digest of the report")
    SET_UP.append("no report")

@pytest.fixture(scope="module")
def digest(report, llm):
    SET_UP.append("digest")
    yield report + "; " + llm("digest two")
    SET_UP.append("no digest")
"""
CHECKED = """
import pytest

@pytest.mark.parametrize("n", [1, 2, 3])
def test_digest(digest, n):
    assert "tar" in digest

def test_alone(llm):
    assert "alone" in llm("alone")

def test_asked(llm, report):
    assert "tar" in report and "echo" in llm("and " + report)
"""
LAST = """
from conftest import SET_UP

def test_log():
    # Once for the answers of each side.
    assert SET_UP == {expected}, SET_UP
"""


def test_one_bad_answer_that_twenty_tests_judge_does_not_fail_the_gate(plain_session: Session, server: Server) -> None:
    suite = LAST_WORD.format(ask='return llm("digest of the report")', words="digest")
    with_baseline(plain_session, server, suite)
    server.answer = lambda request: completion("cotton")
    result = plain_session.run("--llm-mode=live")
    assert result.ret == 0, result.stdout.str()
    assert sum(each.outcome == "fail" for each in plain_session.results()) == 20
    own = LAST_WORD.format(ask="return llm", words='digest(f"digest {n}")')
    with_baseline(plain_session, server, own)
    server.answer = lambda request: completion("cotton")
    assert plain_session.run("--llm-mode=live").ret == 1


def test_tests_that_each_ask_the_same_question_judge_one_answer(plain_session: Session, server: Server) -> None:
    suite = LAST_WORD.format(ask="return llm", words='digest("digest of the report")')
    with_baseline(plain_session, server, suite)
    server.answer = lambda request: completion("cotton")
    plain_session.write(suite.replace("digest of the report", "digest of the report, in a word"), "test_it.py")
    result = plain_session.run()
    assert result.ret == 0, result.stdout.str()
    assert sum(each.outcome == "fail" for each in plain_session.results()) == 20


LAST_WORD = """
import pytest

@pytest.fixture(scope="module")
def digest(llm):
    {ask}

@pytest.mark.parametrize("n", range(20))
def test_word(digest, n):
    assert "tar" in {words}
"""


def with_baseline(session: Session, server: Server, suite: str = CHECKED) -> None:
    session.configure(
        CONFIGURATION.format(base_url=server.base_url).replace("[tool.llmeval]", '[tool.llmeval]\nbaseline = "b.jsonl"')
    )
    server.answer = sailor
    session.write(LOGGED, "conftest.py")
    session.write(suite, "test_it.py")
    assert session.run("--llm-update-baseline").ret == 0


def test_the_baselines_answers_are_judged_again_beside_todays(plain_session: Session, server: Server) -> None:
    with_baseline(plain_session, server)
    plain_session.write(LAST.format(expected=["report", "digest"] * 2 + ["no digest"] * 2), "test_last.py")
    result = plain_session.run()
    result.assert_outcomes(passed=6)
    old = {each.key: each for each in plain_session.results() if each.model == "baseline"}
    assert {each.rejudged for each in old.values()} == {""}
    assert {each.outcome for each in old.values()} == {"pass"}
    assert len(old) == 5


def test_a_changed_prompt_of_a_fixture_that_breaks_its_answer_is_red(plain_session: Session, server: Server) -> None:
    with_baseline(plain_session, server)
    plain_session.write(LOGGED.replace("digest of the report", "the report"), "conftest.py")
    result = plain_session.run()
    old = {each.key.test + each.key.case: each for each in plain_session.results() if each.model == "baseline"}
    new = {each.key.test + each.key.case: each for each in plain_session.results() if each.model != "baseline"}
    assert {each.outcome for each in old.values()} == {"pass"}
    assert new["test_it.py::test_asked"].outcome == "fail"
    assert told(result, "wrong_answer")
    assert [call.answer.text for call in old["test_it.py::test_asked"].calls] == [
        "sails, oars and tar",
        "echo and sails, oars and tar",
    ]


def test_with_workers_each_has_its_own_and_the_baselines_are_told_apart(
    pytester: pytest.Pytester, server: Server
) -> None:
    """Two workers each asked: the answers of the baseline differ between tests, and each test gets its own."""
    numbers = iter(range(1000))
    session = Session(pytester, server.base_url, ("-n2",))
    with_baseline(session, server)

    def numbered(request: Request) -> object:
        return completion(f"{next(numbers)}: sails, oars and tar, echo alone")

    server.answer = numbered
    assert session.run("--llm-update-baseline", "--llm-mode=live").ret == 0
    saved = {each.key: [call.answer for call in each.calls] for each in load_run(session.path / "b.jsonl").results}
    session.arguments = ("-pno:xdist",)
    session.run("--llm-mode=live").assert_outcomes(passed=5)
    judged = [each for each in session.results() if each.model == "baseline"]
    assert {each.rejudged for each in judged} == {""}
    assert {each.key: [call.answer for call in each.calls] for each in judged} == saved


def test_what_it_gets_no_answer_to_is_an_error_of_each_test(plain_session: Session, server: Server) -> None:
    def down(request: Request) -> object:
        return Reply(status=400, body=b"no") if asked(request).startswith("digest") else sailor(request)

    server.answer = down
    plain_session.write(SUITE)
    result = plain_session.run()
    result.assert_outcomes(passed=1, errors=4)
    assert {each.outcome for each in plain_session.results() if "alone" not in each.key.test} == {"error"}
    assert counted(server)["prod-1", "digest of the report"] == 1


def test_one_that_copes_without_its_answer_leaves_nothing_to_judge(plain_session: Session, server: Server) -> None:
    server.answer = lambda request: Reply(status=400, body=b"no")
    plain_session.write(
        """
        import pytest

        @pytest.fixture(scope="module")
        def digest(llm):
            try:
                return llm("digest")
            except Exception:
                return "tar"

        def test_digest(digest):
            assert digest == "tar"
        """
    )
    plain_session.run().assert_outcomes(errors=1)
    assert [result.outcome for result in plain_session.results()] == ["error"]


def test_only_the_first_sample_has_a_shared_answer(plain_session: Session, server: Server) -> None:
    server.answer = sailor
    plain_session.write(SUITE)
    plain_session.run("--llm-samples=2")
    results = {each.key.test.split("::")[1]: each for each in plain_session.results()}
    assert [len(sample.calls) for sample in results["test_both"].samples] == [2, 1]
    assert [sample.outcome for sample in results["test_digest"].samples] == ["pass", "error"]
    assert "a fixture asks once, before the first sample" in results["test_digest"].samples[1].reason


KINDS = """
import pytest
import pytest_asyncio

class Agent:
    def __init__(self, llm):
        self.llm = llm
        self.name = llm("digest of the name")

@pytest.fixture(scope="class")
def agent(llm):
    return Agent(llm)

@pytest.fixture
def greeting(agent):
    return agent.llm("hello " + agent.name)

class TestAgent:
    def test_asks_in_a_test(self, agent):
        assert agent.llm("one") == "echo one"
        assert agent.llm("two") == "echo two"

    def test_asks_in_a_fixture(self, greeting, llm):
        assert greeting == "echo hello sails, oars and tar"
        assert llm("three") == "echo three"

    def test_uses_it(self, agent):
        assert "tar" in agent.name

@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def awaited(llm):
    return await llm.acall("digest, awaited"), llm.sample("digest, sampled", 2)

@pytest.mark.asyncio(loop_scope="module")
async def test_async(awaited, llm):
    one, two = awaited
    assert one == two[0] and await llm.acall("four") == "echo four"

def test_named_late(llm, request):
    assert request.getfixturevalue("late") == "sails, oars and tar" and llm("five")

@pytest.fixture(scope="module")
def late(llm):
    return llm("digest, late")
"""


def test_what_it_keeps_asks_for_the_test_that_runs(plain_session: Session, server: Server) -> None:
    server.answer = sailor
    plain_session.write(KINDS)
    result = plain_session.run("-oasyncio_mode=auto", plugins=("asyncio",))
    result.assert_outcomes(passed=5)
    calls = {
        each.key.test.split("::")[-1]: [call.answer.text for call in each.calls] for each in plain_session.results()
    }
    digest = "sails, oars and tar"
    assert calls == {
        "test_asks_in_a_test": [digest, "echo one", "echo two"],
        "test_asks_in_a_fixture": [digest, "echo hello " + digest, "echo three"],
        "test_uses_it": [digest],
        "test_async": [digest] * 3 + ["echo four"],
        "test_named_late": [digest, "echo five"],
    }
    assert set(counted(server).values()) == {1, 2}


def test_a_capture_of_wider_scope_says_what_to_do_instead(plain_session: Session) -> None:
    plain_session.write(
        """
        import pytest

        @pytest.fixture(scope="module")
        def index(llm_capture): ...

        def test_index(index): ...
        """
    )
    result = plain_session.run()
    result.assert_outcomes(errors=1)
    assert told(result, 'fixture index of scope module takes llm_capture, which captures * give index the scope "fun*')


def test_a_fixture_of_the_projects_own_of_that_name_is_left_alone(plain_session: Session) -> None:
    plain_session.write(
        """
        import pytest

        @pytest.fixture(scope="session")
        def llm():
            return str.upper

        @pytest.fixture(scope="module")
        def digest(llm):
            return llm("tar")

        def test_digest(digest):
            assert digest == "TAR"
        """
    )
    plain_session.run().assert_outcomes(passed=1)


PARAMETRIZED = """
import pytest

@pytest.fixture(scope="module", params=range(12))
def answer(request, llm):
    return llm(f"question {request.param}")

def test_it(answer):
    assert answer == "right"

@pytest.fixture(scope="session")
def batch(llm):
    return [llm(f"item {number}") for number in range(12)]

@pytest.mark.parametrize("number", range(12))
def test_item(batch, number):
    assert batch[number] == "right"
"""


def test_each_answer_of_a_fixture_is_a_case_of_its_own(session: Session, server: Server) -> None:
    """Else the candidate that breaks eleven of twelve would break the most of one, and pass."""

    def answer(request: Request) -> object:
        kept = request.json["model"] == "prod-1" or asked(request).endswith(" 3")
        return completion("right" if kept else "wrong")

    server.answer = answer
    session.write(PARAMETRIZED)
    result = session.run("--llm-model=candidate", "--llm-baseline=production")
    assert result.ret == 1
    assert told(result, "GATE FAILED: wrong_answer regressed from 0 of 24 to 22 of 24 answers")
