"""pytest-timeout's limit of a test holds while the test waits for a reply, and the other tests go on."""

from __future__ import annotations

import pytest

from tests.server import Reply, Request, Server, completion
from tests.sessions import CONFIGURATION, Session, told


@pytest.fixture
def hangs(session: Session, server: Server) -> Session:
    """A project whose model never answers what is asked as a riddle."""
    never = server.gate()
    server.answer = lambda request: Reply(
        body=completion("Paris"), gate=never if "riddle" in request.body.decode() else None
    )
    return session


def outcomes(session: Session) -> dict[str, str]:
    return {case.key.test.rpartition("::")[2]: case.outcome for case in session.results()}


@pytest.mark.parametrize("method", ["signal", "thread"])
def test_a_waiting_test_ends_at_its_limit_and_the_others_go_on(hangs: Session, server: Server, method: str) -> None:
    hangs.write(
        """
        def test_hangs(llm):
            assert llm("riddle") == "Paris"

        def test_behind(llm):
            assert llm("question") == "Paris"

        def test_plain():
            pass

        def test_last(llm):
            assert llm("another question") == "Paris"
        """
    )
    result = hangs.run("--timeout=3", f"--timeout-method={method}", plugins=("timeout",))
    assert told(result, "Timeout (>3s) from pytest-timeout, while the test was waiting for a reply")
    assert outcomes(hangs) == {"test_hangs": "error", "test_behind": "pass", "test_last": "pass"}
    server.wait_until_idle()


@pytest.mark.parametrize(
    ("marker", "options"),
    [("@pytest.mark.timeout(3)", ()), ("", ("-otimeout=3",))],
    ids=["marker", "ini"],
)
def test_the_limit_may_be_a_marker_or_a_setting(hangs: Session, marker: str, options: tuple[str, ...]) -> None:
    hangs.write(
        f"""
        import pytest

        {marker or "# by the setting"}
        def test_hangs(llm):
            assert llm("riddle") == "Paris"

        def test_behind(llm):
            assert llm("question") == "Paris"
        """
    )
    hangs.run(*options, plugins=("timeout",))
    assert outcomes(hangs) == {"test_hangs": "error", "test_behind": "pass"}


def test_the_last_test_which_waits_by_itself_is_an_error_too(hangs: Session) -> None:
    hangs.write(
        """
        def test_hangs(llm):
            assert llm("riddle") == "Paris"
        """
    )
    hangs.run("--timeout=1", "--timeout-method=signal", plugins=("timeout",))
    assert outcomes(hangs) == {"test_hangs": "error"}


def test_an_application_cannot_cope_with_the_end_of_its_test(hangs: Session) -> None:
    hangs.write(
        """
        import httpx
        import pytest

        @pytest.mark.timeout(3)
        def test_hangs(llm_capture):
            body = {"model": "prod-1", "messages": [{"role": "user", "content": "riddle"}]}
            try:
                httpx.post("BASE_URL/chat/completions", json=body, timeout=60)
            except Exception:
                pass

        def test_behind(llm):
            assert llm("question") == "Paris"
        """.replace("BASE_URL", hangs_url(hangs))
    )
    hangs.run(plugins=("timeout",))
    assert outcomes(hangs) == {"test_hangs": "error", "test_behind": "pass"}


def hangs_url(session: Session) -> str:
    table = (session.path / "pyproject.toml").read_text()
    return table.partition('base_url = "')[2].partition('"')[0]


def test_time_before_a_requests_turn_does_not_count(plain_session: Session, server: Server) -> None:
    def slowly(_: Request) -> Reply:
        return Reply(body=completion("Paris"), delay=0.4)

    server.answer = slowly
    plain_session.write(
        """
        import pytest

        @pytest.mark.parametrize("number", range(9))
        def test_it(llm, number):
            assert llm(f"question {number}") == "Paris"
        """
    )
    result = plain_session.run("--llm-concurrency=1", "--timeout=3", plugins=("timeout",))
    result.assert_outcomes(passed=9)


def test_a_test_that_is_run_again_asks_anew_what_came_too_late(plain_session: Session, server: Server) -> None:
    gates = iter([server.gate()])
    server.answer = lambda request: Reply(
        body=completion("Paris"), gate=next(gates, None) if "riddle" in request.body.decode() else None
    )
    plain_session.write(
        """
        def test_hangs_once(llm):
            assert llm("an easy question") == llm("riddle") == "Paris"

        def test_behind(llm):
            assert llm("question") == "Paris"
        """
    )
    result = plain_session.run("--timeout=2", "--reruns=1", plugins=("timeout", "rerunfailures"))
    assert told(result, "2 passed, 1 rerun")
    assert outcomes(plain_session) == {"test_hangs_once": "pass", "test_behind": "pass"}
    assert sum("easy" in request.body.decode() for request in server.requests) == 1  # what came in time stays


# Stands in for pytest-timeout's timer.
TIMER = """
import pytest

happened = []

@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item):
    happened.append("set")
    return True

@pytest.hookimpl(tryfirst=True)
def pytest_timeout_cancel_timer(item):
    happened.append("cancelled")
    return True

def pytest_sessionfinish(session):
    before = [happened[place - 1] for place, each in enumerate(happened) if each == "executed"]
    (session.config.rootpath / "before.txt").write_text(" ".join(before))
"""


@pytest.mark.parametrize(("method", "last"), [("signal", "set"), ("thread", "cancelled")])
def test_each_run_of_a_failing_test_has_the_whole_limit(plain_session: Session, method: str, last: str) -> None:
    """By the method ``thread`` a run that waits for its replies has none: it would end the whole process."""
    plain_session.write(TIMER, "conftest.py")
    plain_session.write(
        """
        import conftest

        def test_fails(llm):
            conftest.happened.append("executed")
            assert llm("question") == "Rome"

        def test_behind(llm):
            assert llm("another question") == "Paris"
        """
    )
    result = plain_session.run(
        "--timeout=60", f"--timeout-method={method}", "--reruns=2", plugins=("timeout", "rerunfailures")
    )
    assert told(result, "1 failed, 1 passed, 2 rerun")
    assert (plain_session.path / "before.txt").read_text().split() == ["set"] * 2 + [last] * 3


@pytest.mark.parametrize("method", ["signal", "thread"])
@pytest.mark.parametrize("right", ["Paris", "Rome"])
def test_judging_a_saved_baseline_again_takes_nothing_of_the_limit(
    plain_session: Session, server: Server, right: str, method: str
) -> None:
    table = CONFIGURATION.format(base_url=server.base_url)
    plain_session.configure(table.replace("[tool.llmeval]", '[tool.llmeval]\nbaseline = "saved.jsonl"'))
    plain_session.write(TIMER, "conftest.py")
    suite = """
        import conftest

        def test_it(llm):
            conftest.happened.append("executed")
            assert llm("question") == "Paris"
        """
    plain_session.write(suite)
    assert plain_session.run("--llm-update-baseline", plugins=("timeout",)).ret == 0
    plain_session.write(suite.replace("Paris", right))  # a saved reply that fails stops the timer
    plain_session.run("--timeout=60", f"--timeout-method={method}", plugins=("timeout",))
    assert (plain_session.path / "before.txt").read_text().split() == ["set", "set"]


@pytest.mark.parametrize("names", [("hurried", "patient"), ("patient", "hurried")])
def test_tests_that_ask_the_same_each_have_their_own_limit(
    plain_session: Session, server: Server, names: tuple[str, str]
) -> None:
    gate = server.gate()

    def answer(request: Request) -> Reply:
        if request.path.endswith("/hurried-has-ended"):
            gate.open()
        return Reply(body=completion("Paris"), gate=gate if "riddle" in request.body.decode() else None)

    server.answer = answer
    body = """
        def test_NAME(llm):
            try:
                assert llm("riddle") == "Paris"
            except Exception:
                urllib.request.urlopen("BASE_URL/NAME-has-ended").close()
                raise
        """.replace("BASE_URL", server.base_url)
    tests = {
        "hurried": "\n        @pytest.mark.timeout(2)" + body.replace("NAME", "hurried"),
        "patient": body.replace("NAME", "patient"),
    }
    behind = """
        def test_behind(llm):
            assert llm("question") == "Paris"
        """
    imports = "\n        import urllib.request\n        import pytest\n"
    plain_session.write(imports + "".join(tests[name] for name in names) + behind)
    plain_session.run(plugins=("timeout",))
    assert outcomes(plain_session) == {"test_hurried": "error", "test_patient": "pass", "test_behind": "pass"}
    assert sum("riddle" in request.body.decode() for request in server.requests) == 1
    [patient] = [case for case in plain_session.results() if case.key.test.endswith("patient")]
    assert patient.samples[0].calls[0].spent
