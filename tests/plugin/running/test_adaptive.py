"""``--llm-samples=auto``: two samples per case, and up to ten while that leaves a category undecided."""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.server import Request, Server, completion
from tests.sessions import CONFIGURATION, Session, told

CASES = 12
SUITE = """
import pytest
from pytest_llmeval import assert_contains

@pytest.mark.llm_cases("cases.jsonl")
def test_support(llm, case):
    assert_contains(llm(case.input), "30 days", category="hallucination")
"""
ALL = range(10)
COMPARE = ("--llm-model=candidate", "--llm-baseline=production", "--llm-samples=auto")


class Models:
    """The models behind the server: every answer is numbered, and some answers of a model are wrong.

    Attributes:
        wrong: by model and case the numbers of its wrong answers, counted from 0.
    """

    def __init__(self, session: Session, server: Server) -> None:
        self.wrong: dict[tuple[str, int], range] = {}
        self.asked: defaultdict[tuple[str, int], itertools.count[int]] = defaultdict(itertools.count)
        server.answer = self.answer
        lines = [json.dumps({"id": f"case-{n}", "input": f"Question {n}"}) for n in range(CASES)]
        (session.path / "cases.jsonl").write_text("\n".join(lines))
        session.write(SUITE)

    def answer(self, request: Request) -> object:
        asked = str(request.json["model"]), int(request.json["messages"][-1]["content"].split()[-1])
        number = next(self.asked[asked])
        days = 60 if number in self.wrong.get(asked, ()) else 30
        return completion(f"answer {number}: {days} days")


def samples(session: Session) -> Counter[tuple[str, int]]:
    """How many cases of each model have so many samples."""
    return Counter((result.model, len(result.samples)) for result in session.results())


def test_an_undecided_category_gets_more_samples_of_every_case(session: Session, server: Server) -> None:
    models = Models(session, server)
    models.wrong = {("cand-2", n): ALL for n in (1, 5, 6, 9)} | {("cand-2", 3): range(5, 10)}
    result = session.run(*COMPARE, "--junitxml=junit.xml", "-rA")
    assert result.ret == 1
    assert samples(session) == {("candidate", 10): CASES, ("production", 10): CASES}
    assert len(server.requests) == 2 * 10 * CASES
    for case in session.results():
        assert sorted(int(s.calls[0].answer.text.split()[1][:-1]) for s in case.samples) == list(range(10))
        assert [sample.index for sample in case.samples] == list(range(10))
        # the samples from before a look are the first
        for number in (2, 4, 7):
            assert {int(s.calls[0].answer.text.split()[1][:-1]) for s in case.samples[:number]} == set(range(number))
    result.stdout.fnmatch_lines(
        [
            "undecided: hallucination; up to 4 samples of 12 cases",
            "undecided: hallucination; up to 7 samples of 12 cases",
            "undecided: hallucination; up to 10 samples of 12 cases",
            "*GATE FAILED: hallucination regressed from 0 of 120 to 45 of 120 answers*",
            "*19 passed, 5 missed, 1 gate failed*",
        ]
    )
    ended = "decided after 10; undecided before: hallucination; 0 calls saved of the 240 that 10 samples "
    assert told(result, f"samples: 2, 4, 7, 10 - {ended}")
    # each test once, in the words of its last report
    assert sum(line.startswith("PASSED test_it.py") for line in result.outlines) == 19
    suite = ET.parse(session.path / "junit.xml").getroot()[0]  # noqa: S314 - our own file
    names = Counter(case.get("name") for case in suite)
    assert (len(names), set(names.values())) == (2 * CASES + 1, {1})
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("25", "1", "0")


def test_decided_categories_keep_two_samples_and_the_saving_is_told(session: Session, server: Server) -> None:
    models = Models(session, server)
    models.wrong = {("cand-2", 1): range(1), ("prod-1", 2): range(1)}
    result = session.run(*COMPARE)
    assert (result.ret, len(server.requests)) == (0, 2 * 2 * CASES)
    assert samples(session) == {("candidate", 2): CASES, ("production", 2): CASES}
    assert told(result, "samples: 2, 4, 7, 10 - decided after 2; 192 calls saved of the 240 that 10 samples")
    result.stdout.no_fnmatch_line("undecided:*")


def test_a_look_ends_the_session_as_soon_as_nothing_is_undecided(session: Session, server: Server) -> None:
    """Two cases fail twice at first, and then no more; the baseline fails twice in a third one."""
    models = Models(session, server)
    models.wrong = {("cand-2", 1): range(2), ("cand-2", 7): range(2), ("prod-1", 4): range(2, 4)}
    result = session.run(*COMPARE, "--junitxml=junit.xml")
    assert (result.ret, len(server.requests)) == (0, 2 * 4 * CASES)
    assert samples(session) == {("candidate", 4): CASES, ("production", 4): CASES}
    assert told(result, "decided after 4; undecided before: hallucination; 144 calls saved of the 240 *")
    result.stdout.fnmatch_lines(["undecided: hallucination; up to 4 samples of 12 cases", "*21 passed, 3 missed*"])
    suite = ET.parse(session.path / "junit.xml").getroot()[0]  # noqa: S314 - our own file
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("24", "0", "0")
    assert len(suite) == 2 * CASES


def test_more_samples_can_acquit_and_a_replay_says_the_same_for_nothing(plain_session: Session, server: Server) -> None:
    models = Models(plain_session, server)
    models.wrong = {("cand-2", n): range(4) for n in (1, 2)} | {("prod-1", n): range(4, 7) for n in (1, 2)}
    first = plain_session.run(*COMPARE, "--llm-record")
    assert (first.ret, len(server.requests)) == (0, 2 * 7 * CASES)
    run = plain_session.results()
    again = plain_session.run(*COMPARE, "--llm-mode=replay")
    assert (again.ret, len(server.requests)) == (0, 2 * 7 * CASES)
    texts = [
        {(r.key, r.model): [s.calls[0].answer.text for s in r.samples] for r in results}
        for results in (run, plain_session.results())
    ]
    assert texts[0] == texts[1]
    last = [next(line for line in result.outlines[::-1] if "passed" in line) for result in (first, again)]
    assert last[0].split(" in ")[0].lstrip("= ") == last[1].split(" in ")[0].lstrip("= ")


def test_a_replay_without_the_samples_of_a_look_could_not_be_measured(plain_session: Session, server: Server) -> None:
    models = Models(plain_session, server)
    models.wrong = {("cand-2", n): ALL for n in (1, 2)}
    plain_session.run(*COMPARE[:2], "--llm-samples=2", "--llm-record")
    result = plain_session.run(*COMPARE, "--llm-mode=replay")
    assert (result.ret, len(server.requests)) == (1, 2 * 2 * CASES)
    assert told(result, "GATE FAILED: could not be measured: * samples could not be judged")


@pytest.mark.parametrize("mode", ["live", "refresh"])
def test_what_was_called_is_called_once_in_modes_that_never_replay(
    plain_session: Session, server: Server, mode: str
) -> None:
    models = Models(plain_session, server)
    models.wrong = {("cand-2", n): ALL for n in range(4)}
    plain_session.run(*COMPARE, f"--llm-mode={mode}")
    assert len(server.requests) == 2 * 10 * CASES
    spent = sum(call.spent or 0 for r in plain_session.results() for s in r.samples for call in s.calls)
    cost = sum(call.measures.cost or 0 for r in plain_session.results() for s in r.samples for call in s.calls)
    assert spent == cost > 0


def test_against_a_saved_run_only_the_candidate_gets_more(
    plain_session: Session, server: Server, tmp_path: Path
) -> None:
    models = Models(plain_session, server)
    models.wrong = {("cand-2", n): ALL for n in range(4)}
    alone = plain_session.run("--llm-model=production", "--llm-samples=auto", f"--llm-report={tmp_path}/baseline.jsonl")
    assert told(alone, "--llm-samples=auto: 2 samples per case; without a baseline there is no category to decide*")
    result = plain_session.run(
        "--llm-model=candidate", f"--llm-baseline={tmp_path}/baseline.jsonl", "--llm-samples=auto"
    )
    assert result.ret == 1
    assert samples(plain_session) == {("candidate", 10): CASES, ("baseline", 2): CASES}
    assert len(server.requests) == (2 + 10) * CASES
    result.stdout.fnmatch_lines(["*hallucination regressed from 0 of 24 to 40 of 120 answers*"])


def test_a_candidate_that_is_decided_keeps_its_samples_beside_one_that_is_not(session: Session, server: Server) -> None:
    models = Models(session, server)
    models.wrong = {("cand-2", n): ALL for n in range(4)}
    session.configure(
        CONFIGURATION.format(base_url=server.base_url)
        + f'[tool.llmeval.models.other]\nmodel = "openai/other-3"\nbase_url = "{server.base_url}"\n'
    )
    result = session.run(*COMPARE, "--llm-model=other")
    assert samples(session) == {("candidate", 10): CASES, ("production", 10): CASES, ("other", 2): CASES}
    assert len(server.requests) == (10 + 10 + 2) * CASES
    assert told(result, "undecided: candidate: hallucination; up to 4 samples of 12 cases")
    assert told(result, "- candidate decided after 10, other decided after 2; undecided before: candidate: hall*")


@pytest.mark.parametrize("mode", ["each", "loadscope", "loadgroup", "worksteal"])
def test_looks_work_with_every_way_to_distribute(pytester: pytest.Pytester, server: Server, mode: str) -> None:
    session = Session(pytester, server.base_url, ("-n2", f"--dist={mode}"))
    models = Models(session, server)
    models.wrong = {("cand-2", n): range(100) for n in (1, 5, 6, 9)}
    session.write(SUITE.replace("llm(case.input)", "llm(f'Once more: {case.input}')"), "test_more.py")
    result = session.run(*COMPARE, "--llm-mode=live")
    assert samples(session) == {("candidate", 10): 2 * CASES, ("production", 10): 2 * CASES}
    assert told(result, "GATE FAILED: hallucination regressed")
    if mode != "each":  # there each worker runs every test, and one of them goes on
        assert len(server.requests) == 2 * 2 * CASES * 10


def test_tests_that_ask_no_model_run_once_and_tests_named_by_hand_are_looked_at(
    session: Session, server: Server
) -> None:
    models = Models(session, server)
    models.wrong = {("cand-2", n): ALL for n in range(4)}
    session.write("def test_plain():\n    open('ran', 'a').write('x')\n", "test_plain.py")
    result = session.run(*COMPARE, "test_it.py::test_support", "test_plain.py")
    assert (result.ret, len(server.requests)) == (1, 2 * 10 * CASES)
    assert (session.path / "ran").read_text() == "x"
    assert told(result, "GATE FAILED: hallucination regressed")


def test_a_session_whose_tests_ask_no_model_ends_as_ever(session: Session, server: Server) -> None:
    Models(session, server)
    session.write("def test_one(): ...\ndef test_two(): ...\n")
    result = session.run(*COMPARE)
    result.assert_outcomes(passed=2)
    assert result.ret == 0


def test_a_worker_without_tests_holds_up_nobody(pytester: pytest.Pytester, server: Server) -> None:
    session = Session(pytester, server.base_url, ("-n3",))
    models = Models(session, server)
    models.wrong = {("cand-2", n): ALL for n in (0, 1)}
    lines = [json.dumps({"id": f"case-{n}", "input": f"Question {n}"}) for n in range(2)]
    (session.path / "cases.jsonl").write_text("\n".join(lines))
    result = session.run(*COMPARE, "-k", "candidate or case-0 or case-1")
    assert (result.ret, len(server.requests)) == (1, 2 * 2 * 10)
    assert told(result, "GATE FAILED: hallucination regressed")


def test_pytest_exit_behind_a_look_ends_the_session(session: Session, server: Server) -> None:
    models = Models(session, server)
    models.wrong = {("cand-2", n): ALL for n in range(4)}
    session.write(
        SUITE.replace(
            "    assert_contains(llm(case.input)",
            "    answer = llm(case.input)\n"
            "    if answer.startswith('answer 3'):\n"
            "        pytest.exit('seen enough')\n"
            "    assert_contains(answer",
        )
    )
    result = session.run(*COMPARE)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert not told(result, "GATE FAILED")
    assert not told(result, "gate ok")


def test_a_plugin_that_runs_failing_tests_again_does_so_behind_each_look(
    plain_session: Session, server: Server
) -> None:
    models = Models(plain_session, server)
    models.wrong = {("cand-2", n): ALL for n in range(4)}
    plain_session.write("def test_fails():\n    assert False\n", "test_zz.py")
    result = plain_session.run(*COMPARE, "--reruns=1", "--maxfail=2", plugins=("rerunfailures",))
    assert (result.ret, len(server.requests)) == (1, 2 * 10 * CASES)
    result.stdout.fnmatch_lines(["*1 failed, 20 passed, 4 missed, 1 rerun, 1 gate failed*"])


def test_a_scheduler_that_ends_the_workers_leaves_no_pass(pytester: pytest.Pytester, server: Server) -> None:
    """What two samples leave undecided is no ok, whatever kept the session from drawing more."""
    session = Session(pytester, server.base_url, ("-n2",))
    models = Models(session, server)
    models.wrong = {("cand-2", n): range(1) for n in range(4)}
    session.write(
        """
        import pytest
        from xdist.scheduler import LoadScheduling

        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_xdist_make_scheduler(config, log):
            yield
            return LoadScheduling(config, log)
        """,
        "conftest.py",
    )
    result = session.run(*COMPARE)
    assert (result.ret, len(server.requests)) == (1, 2 * 2 * CASES)
    assert told(
        result, "GATE FAILED: could not be measured: undecided after the samples so far, and 24 tests were not run"
    )
    assert told(result, "samples: 2, 4, 7, 10 - not decided")


@pytest.mark.parametrize(("by", "others"), [(["task"], 2), (["category", "task"], 10)])
def test_a_task_that_is_undecided_asks_for_its_own_cases(
    session: Session, server: Server, by: list[str], others: int
) -> None:
    """One broken case is a close call in its task, and among all cases where categories are gated too."""
    models = Models(session, server)
    models.wrong = {("cand-2", 1): ALL}
    tasks = ["refunds"] * 6 + ["delivery"] * 6
    rows = [{"id": f"case-{n}", "input": f"Question {n}", "task": task} for n, task in enumerate(tasks)]
    (session.path / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)))
    session.configure(CONFIGURATION.format(base_url=server.base_url) + f"[tool.llmeval.gate]\nby = {by}\n")
    result = session.run(*COMPARE)
    first = {2: "undecided: task:refunds; up to 4 samples of 6 cases"}.get(
        others, "undecided: *; up to 4 samples of 12 cases"
    )
    result.stdout.fnmatch_lines([first])
    found = {model: Counter[int]() for model in ("candidate", "production")}
    for case in session.results():
        found[case.model][len(case.samples)] += 1
    assert found["candidate"] == found["production"] == Counter([10] * 6 + [others] * 6)
    assert len(server.requests) == 2 * 6 * (10 + others)


def test_only_the_body_of_further_samples_runs_and_fixtures_calls_are_not_paid_twice(
    session: Session, server: Server
) -> None:
    """A module's fixtures are set up behind each look, and torn down before the next."""
    models = Models(session, server)
    models.wrong = {("cand-2", n): ALL for n in (7, 8)}
    session.write(
        """
        import pathlib
        import pytest
        from pytest_llmeval import assert_contains

        @pytest.fixture(scope="module")
        def index():
            with pathlib.Path("index.log").open("a") as log:
                log.write("up ")
            yield
            with pathlib.Path("index.log").open("a") as log:
                log.write("down ")

        @pytest.fixture
        def style(llm, index):
            return llm("Question 3")

        @pytest.mark.llm_blocking
        @pytest.mark.parametrize("number", [7, 8])
        def test_it(llm, style, number):
            with pathlib.Path(f"{llm.model}.log").open("a") as log:
                log.write(str(number))
            assert_contains(llm(f"Question {number}"), "30 days")
        """
    )
    result = session.run(*COMPARE, "--llm-mode=live", *(["--dist=loadfile"] if "-n2" in session.arguments else []))
    assert not told(result, "waited for each reply")
    for model in ("candidate", "production"):
        assert sorted((session.path / f"{model}.log").read_text()) == ["7"] * 10 + ["8"] * 10
    assert Counter(request.json["messages"][-1]["content"] for request in server.requests) == {
        "Question 3": 4,
        "Question 7": 20,
        "Question 8": 20,
    }
    assert (session.path / "index.log").read_text().split() == ["up", "down"] * 4


def test_a_part_of_the_cases_gets_more_samples_too(plain_session: Session, server: Server) -> None:
    models = Models(plain_session, server)
    models.wrong = {("cand-2", n): ALL for n in range(4)}
    result = plain_session.run(*COMPARE, "-k", "case-1 or case-2 or case-3")
    assert {number for _, number in samples(plain_session)} == {10}
    assert told(result, "GATE FAILED: hallucination regressed")


def test_a_worker_that_crashes_behind_a_look_loses_nothing_of_the_first(session: Session, server: Server) -> None:
    if "-n2" not in session.arguments:
        pytest.skip("only workers of xdist crash alone")
    models = Models(session, server)
    models.wrong = {("cand-2", n): ALL for n in range(6)}
    session.write(
        SUITE.replace("import pytest\n", "import os\nimport pytest\nran = {}\n").replace(
            "    assert",
            "    ran[case.id, llm.model] = ran.get((case.id, llm.model), 0) + 1\n"
            "    answer = llm(case.input)\n"
            "    if (case.id, llm.model) == ('case-0', 'candidate') and int(answer.split()[1][:-1]) > 1:\n"
            "        os._exit(9)\n"
            "    assert",
        )
    )
    result = session.run(*COMPARE)
    assert result.ret == 1
    found = samples(session)
    assert sum(found.values()) == 2 * CASES
    assert found["candidate", 2] >= 1


def test_workers_that_crash_behind_a_look_leave_no_pass(session: Session, server: Server) -> None:
    """The first samples were not enough to decide, whatever they say by themselves."""
    if "-n2" not in session.arguments:
        pytest.skip("only workers of xdist crash alone")
    models = Models(session, server)
    models.wrong = {("cand-2", n): range(1, 10) for n in range(4)}
    session.write(
        SUITE.replace("import pytest\n", "import os\nimport pytest\n").replace(
            "    assert_contains(llm(case.input)",
            "    answer = llm(case.input)\n"
            "    if llm.model == 'candidate' and int(answer.split()[1][:-1]) > 1:\n"
            "        os._exit(9)\n"
            "    assert_contains(answer",
        )
    )
    result = session.run(*COMPARE)
    assert samples(session)["candidate", 2] == CASES
    assert result.ret == 1
    assert told(
        result, "GATE FAILED: could not be measured: undecided after the samples so far, and * tests were not run"
    )


def test_a_session_that_is_stopped_leaves_no_worker_waiting(session: Session, server: Server) -> None:
    if "-n2" not in session.arguments:
        pytest.skip("only workers of xdist wait")
    models = Models(session, server)
    models.wrong = {("cand-2", n): ALL for n in range(4)}
    session.write("def test_fails():\n    assert False", "test_zz.py")
    result = session.run(*COMPARE, "-x")
    assert result.ret != 0
    result.stdout.no_fnmatch_line("undecided:*")


def test_what_a_fixture_asks_is_asked_alike_each_time(plain_session: Session, server: Server) -> None:
    Models(plain_session, server)
    plain_session.write(
        """
        import pytest

        @pytest.fixture
        def style(llm):
            return llm("Question 3")

        def test_it(llm, style):
            assert "30 days" in llm("Question 7")
        """
    )
    result = plain_session.run("--llm-model=production")
    assert (result.ret, len(server.requests)) == (0, 2)
    assert not told(result, "waited for each reply")


def test_a_word_that_is_no_number_is_named_with_what_is_allowed(plain_session: Session, server: Server) -> None:
    Models(plain_session, server)
    result = plain_session.run("--llm-samples=many")
    result.stderr.fnmatch_lines(["*--llm-samples=many: expected a whole number from 1, or auto*"])
