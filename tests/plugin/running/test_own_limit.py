"""pytest-timeout's limit of a test holds while the test waits for a reply, and the other tests go on."""

from __future__ import annotations

import pytest

from tests.server import Reply, Request, Server, completion
from tests.sessions import Session, told


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
    result = hangs.run("--timeout=6", f"--timeout-method={method}", plugins=("timeout",))
    assert told(result, "Timeout (>6s) from pytest-timeout, while the test was waiting for a reply")
    assert outcomes(hangs) == {"test_hangs": "error", "test_behind": "pass", "test_last": "pass"}
    server.wait_until_idle()


@pytest.mark.parametrize(
    ("marker", "options"),
    [("@pytest.mark.timeout(6)", ()), ("", ("-otimeout=6",))],
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

        @pytest.mark.timeout(6)
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
