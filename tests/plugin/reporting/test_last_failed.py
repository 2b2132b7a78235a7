"""``--lf`` runs missed cases too, until they pass."""

from __future__ import annotations

import json

import pytest

from tests.server import Request, Server, completion
from tests.sessions import Session

SUITE = """
import pytest

@pytest.mark.llm_cases("cases.jsonl")
def test_river(llm, case):
    assert llm(case.input) == "Rhine"
"""
CASES = 9
COMPARE = ("--llm-model=candidate", "--llm-baseline=production", "--llm-mode=live")
WRONG = {2, 5}


def prepare(session: Session, server: Server) -> set[int]:
    """A project whose candidate is wrong about the rivers in what is returned."""
    wrong = set(WRONG)

    def answer(request: Request) -> object:
        number = int(request.json["messages"][-1]["content"].split()[-1])
        return completion("Danube" if request.json["model"] == "cand-2" and number in wrong else "Rhine")

    server.answer = answer
    lines = [json.dumps({"id": f"r{number}", "input": f"River {number}"}) for number in range(CASES)]
    (session.path / "cases.jsonl").write_text("\n".join(lines))
    session.write(SUITE)
    return wrong


def run(session: Session, *arguments: str, compare: tuple[str, ...] = COMPARE) -> dict[str, int]:
    result = session.run(*compare, *arguments, plugins=("cacheprovider",))
    return {word: number for word, number in result.parseoutcomes().items() if word in ("passed", "missed", "failed")}


def cached(session: Session) -> set[str]:
    file = session.path / ".pytest_cache/v/cache/lastfailed"
    return set(json.loads(file.read_text())) if file.exists() else set()


def test_lf_runs_what_was_missed_on_both_sides_and_forgets_what_passes(session: Session, server: Server) -> None:
    wrong = prepare(session, server)
    assert run(session) == {"passed": 2 * CASES - 2, "missed": 2}
    assert run(session, "--lf") == {"passed": 2, "missed": 2}

    wrong.remove(2)
    assert run(session, "--lf") == {"passed": 3, "missed": 1}
    assert cached(session) == {f"test_it.py::test_river[r5-{model}]" for model in ("candidate", "production")}

    wrong.remove(5)
    assert run(session, "--lf") == {"passed": 2}
    assert cached(session) == set()
    assert run(session, "--lf") == {"passed": 2 * CASES}


def test_lf_after_a_green_session_is_pytests(session: Session, server: Server) -> None:
    prepare(session, server).clear()
    assert run(session) == {"passed": 2 * CASES}
    assert cached(session) == set()
    result = session.run(*COMPARE, "--lf", plugins=("cacheprovider",))
    assert result.parseoutcomes()["passed"] == 2 * CASES
    assert "gate ok" in result.stdout.str()
    nothing = session.run(*COMPARE, "--lf", "--lfnf=none", plugins=("cacheprovider",))
    assert nothing.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_failed_test_and_a_missed_one_stand_together(session: Session, server: Server) -> None:
    prepare(session, server)
    session.write("def test_sum(): assert 1 + 1 == 3", "test_sum.py")
    run(session)
    assert run(session, "--lf") == {"passed": 2, "missed": 2, "failed": 1}


def test_beside_a_saved_baseline_the_missed_cases_alone_run(session: Session, server: Server) -> None:
    prepare(session, server)
    saved = session.path / "before.jsonl"
    session.run("--llm-model=production", f"--llm-report={saved}")
    compare = ("--llm-model=candidate", f"--llm-baseline={saved}", "--llm-mode=live")
    assert run(session, compare=compare) == {"passed": CASES - 2, "missed": 2}
    assert run(session, "--lf", compare=compare) == {"missed": 2}


def test_what_only_one_session_left_out_stays(session: Session, server: Server) -> None:
    wrong = prepare(session, server)
    run(session)
    wrong.clear()
    assert run(session, "--lf", "-k", "r2") == {"passed": 2}
    assert run(session, "--lf") == {"passed": 2}  # r5


def test_ff_runs_what_was_missed_first(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    run(plain_session)
    result = plain_session.run(*COMPARE, "--ff", plugins=("cacheprovider",))
    result.stdout.fnmatch_lines(["run-last-failure: rerun previous 4 failures first"])


def test_without_pytests_cache_nothing_is_written(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    assert plain_session.run(*COMPARE).ret == 0
    assert cached(plain_session) == set()
