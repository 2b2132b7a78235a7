"""What outlives a test holds no saved answer that lets today's answers pass."""

from __future__ import annotations

import textwrap

import pytest

from tests.server import Request, Server, completion
from tests.sessions import CONFIGURATION, Session, told

SHOP = """
PROMPT = ""
_known = {}

def days(ask, question):
    if question not in _known:
        _known[question] = ask(PROMPT + question)
    return _known[question]
"""
IN_A_LIST = """
import pytest
import shop

@pytest.fixture(scope="session")
def outbox():
    return []

@pytest.mark.llm_category("wrong_answer")
@pytest.mark.parametrize("n", range(20))
def test_row(llm, n, outbox):
    outbox.append((n, llm(f"{shop.PROMPT}How many days {n}?")))
    assert any("30" in text for to, text in outbox if to == n)
"""
IN_THE_MODULE = """
import pytest
import shop

@pytest.fixture(scope="module")
def known():
    return {}

@pytest.mark.llm_category("wrong_answer")
@pytest.mark.parametrize("n", range(20))
def test_row(llm, n, known):
    assert "30" in known.setdefault(n, llm(f"{shop.PROMPT}How many days {n}?"))
"""
IN_A_FILE = """
import pytest
import shop
from pathlib import Path

@pytest.mark.llm_category("wrong_answer")
@pytest.mark.parametrize("n", range(20))
def test_row(llm, n):
    reply = llm(f"{shop.PROMPT}How many days {n}?")
    with Path(f"{n}.log").open("a") as log:
        log.write(reply)
    assert "30" in Path(f"{n}.log").read_text()

@pytest.fixture(autouse=True, scope="session")
def nothing_left():
    for log in Path().glob("*.log"):
        log.unlink()
"""
IN_THE_APPLICATION = """
import pytest
import shop

@MARKS
@pytest.mark.llm_category("wrong_answer")
@pytest.mark.parametrize("n", range(20))
def test_row(llm, n):
    assert "30" in shop.days(llm, f"How many days {n}?")
"""
ONCE = IN_THE_APPLICATION.replace("MARKS", "pytest.mark.llm_blocking")
OFTEN = IN_THE_APPLICATION.replace("@MARKS\n", "")


def saved(session: Session, server: Server, suite: str) -> None:
    """A project whose saved answers are right; those to its other prompt are wrong."""

    def answer(request: Request) -> object:
        return completion("It takes 60 days." if "short" in str(request.json) else "It takes 30 days.")

    server.answer = answer
    table = CONFIGURATION.format(base_url=server.base_url).replace(
        "[tool.llmeval]", '[tool.llmeval]\nbaseline = "b.jsonl"'
    )
    session.configure(table)
    session.write(SHOP, "shop.py")
    session.write(suite)
    assert session.run("--llm-update-baseline").ret == 0


@pytest.mark.parametrize(
    "suite",
    [
        pytest.param(IN_A_LIST, id="a list of the session"),
        pytest.param(IN_THE_MODULE, id="what a module remembers"),
        pytest.param(IN_A_FILE, id="a file"),
        pytest.param(ONCE, id="an application of a blocking test"),
        pytest.param(OFTEN, id="an application"),
    ],
)
def test_no_saved_answer_lets_todays_pass(session: Session, server: Server, suite: str) -> None:
    saved(session, server, suite)
    session.write(SHOP.replace('PROMPT = ""', 'PROMPT = "short: "'), "shop.py")
    result = session.run()
    assert result.ret == 1
    # But for the last test of a worker where it shares fixtures: these are not set up once more for it.
    assert any(told(result, f"wrong_answer regressed from 0 of 20 to {failing} of 20") for failing in (20, 19, 18))


def test_without_shared_fixtures_the_last_test_counts_too(plain_session: Session, server: Server) -> None:
    saved(plain_session, server, OFTEN)
    plain_session.write(SHOP.replace('PROMPT = ""', 'PROMPT = "short: "'), "shop.py")
    assert told(plain_session.run(), "wrong_answer regressed from 0 of 20 to 20 of 20")


def test_saved_answers_are_judged_with_what_no_answer_of_today_has_written(
    plain_session: Session, server: Server
) -> None:
    suite = """
    import pytest
    import shop

    @pytest.mark.llm_category("wrong_answer")
    @pytest.mark.parametrize("history", [[f"How many days {n}?"] for n in range(20)])
    def test_row(llm, history):
        history.append(llm(shop.PROMPT + history[0]))
        assert "30" in history[1]
    """
    saved(plain_session, server, suite)
    plain_session.write(SHOP.replace('PROMPT = ""', 'PROMPT = "short: "'), "shop.py")
    result = plain_session.run()
    assert told(result, "wrong_answer regressed from 0 of 20 to 20 of 20")
    assert not told(result, "the code behind the replies has")


def test_a_saved_miss_stays_one_where_its_test_finds_todays_answer(plain_session: Session, server: Server) -> None:
    saved(plain_session, server, IN_A_LIST)

    def answer(request: Request) -> object:
        asked = request.json["messages"][-1]["content"]
        number = int(asked.rstrip("?").rpartition(" ")[2])
        return completion("60" if number % 4 == (2 if "short" in asked else 1) else "30")

    server.answer = answer
    assert plain_session.run("--llm-update-baseline", "--llm-mode=live").ret == 0
    plain_session.write(SHOP.replace('PROMPT = ""', 'PROMPT = "short: "'), "shop.py")
    result = plain_session.run()
    assert result.ret == 0
    assert told(result, "pass today on replies that failed when the baseline was saved")


@pytest.mark.parametrize(
    "suite",
    [
        """
        def setup_module():
            note("up")

        def teardown_module():
            note("down")

        def test_row(llm):
            assert "30" in llm("How many days?")
        """,
        """
        @pytest.fixture(scope="session")
        def shop():
            note("up")
            yield
            note("down")

        class TestShop:
            @pytest.fixture
            def shop(self, shop):
                return shop

            def test_row(self, llm, shop):
                assert "30" in llm("How many days?")
        """,
    ],
)
def test_what_the_last_test_shares_is_set_up_once(session: Session, server: Server, suite: str) -> None:
    head = """
    import pytest
    from pathlib import Path

    def note(word):
        with Path("steps.txt").open("a") as steps:
            steps.write(word + " ")
    """
    saved(session, server, textwrap.dedent(head) + textwrap.dedent(suite))
    (session.path / "steps.txt").unlink()
    assert session.run().ret == 0
    assert (session.path / "steps.txt").read_text() == "up down "


def test_parameters_that_cannot_be_copied_are_shared(plain_session: Session, server: Server) -> None:
    suite = """
    import threading
    import pytest

    @pytest.mark.parametrize("held", [[threading.Lock()]])
    def test_row(llm, held):
        with held[0]:
            assert "30" in llm("How many days?")
    """
    saved(plain_session, server, suite)
    result = plain_session.run()
    assert result.ret == 0
    assert told(result, "1 passed")


def test_what_breaks_behind_the_last_test_of_a_module_is_reported(session: Session, server: Server) -> None:
    suite = """
    import pytest

    @pytest.fixture(scope="module")
    def shop():
        yield
        assert False, "the shop does not close"

    @pytest.mark.parametrize("n", range(3))
    def test_row(llm, n, shop):
        assert "30" in llm(f"How many days {n}?")
    """
    saved(session, server, suite.replace("assert False", "assert True"))
    session.write(suite)
    result = session.run()
    assert result.ret == 1
    assert told(result, "the shop does not close")


def test_a_test_that_is_stopped_while_its_saved_answer_is_judged_ends_the_session(
    plain_session: Session, server: Server
) -> None:
    suite = """
    import pytest
    import shop

    @pytest.mark.parametrize("n", range(3))
    def test_row(llm, n):
        if "30" in llm(f"{shop.PROMPT}How many days {n}?") and shop.PROMPT:
            pytest.exit("enough")
    """
    saved(plain_session, server, suite)
    plain_session.write(SHOP.replace('PROMPT = ""', 'PROMPT = "short: "'), "shop.py")
    result = plain_session.run()
    assert result.ret != 0
    assert told(result, "enough")
