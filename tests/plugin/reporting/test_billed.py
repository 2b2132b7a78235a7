"""What a session has spent is told whole: calls are billed whether a result holds their answers or not."""

from __future__ import annotations

import pytest

from pytest_llmeval.runs.billed import Billed, billed_together
from pytest_llmeval.text import plural
from tests.server import Reply as HttpReply
from tests.server import Server, completion, streamed
from tests.sessions import Session, told

SETTINGS = """
    [tool.llmeval]
    model = "m"
    [tool.llmeval.models.m]
    model = "openai/m-1"
    base_url = "{base_url}"
    {prices}
    """


def prepare(
    session: Session, server: Server, code: str, *, prices: str = "prices = { input = 1000.0, output = 0 }"
) -> None:
    session.configure(SETTINGS.format(base_url=server.base_url, prices=prices))
    usage = {"prompt_tokens": 1000, "completion_tokens": 0, "total_tokens": 1000}
    server.answer = lambda _: completion("Paris") | {"usage": usage}
    session.write(code)


ALL_KINDS = """
    import uuid
    import pytest

    @pytest.mark.parametrize("i", range(2))
    def test_plain(llm, i):
        assert llm(f"plain {i}") == "Paris"

    @pytest.mark.parametrize("i", range(3))
    def test_differs(llm, i):
        assert llm(f"{i} {uuid.uuid4()}") == "Paris"

    @pytest.mark.xfail(reason="known")
    @pytest.mark.parametrize("i", range(4))
    def test_known(llm, i):
        assert llm(f"known {i}") == "Rome"

    def test_skips(llm):
        llm("skips")
        pytest.skip("not now")
    """


def test_every_live_call_is_told_and_so_is_its_money(session: Session, server: Server) -> None:
    prepare(session, server, ALL_KINDS)

    result = session.run("-p", "no:randomly")

    calls = len(server.requests)
    assert calls >= 10
    assert told(result, f"{calls} live calls, {calls - 5} of them in no result")
    assert told(result, f"${calls}.* spent")


def test_a_session_without_any_result_tells_what_it_spent(session: Session, server: Server) -> None:
    prepare(session, server, "import pytest\ndef test_skips(llm):\n    llm('skips')\n    pytest.skip('not now')\n")

    result = session.run()

    assert told(result, "1 live call in no result * $1.* spent")


BROKEN_OFF = completion("Par") | {"choices": [{"message": {"content": "Par"}, "finish_reason": "error"}]}


@pytest.mark.parametrize(
    ("first", "billed"),
    [
        (HttpReply(body=BROKEN_OFF), 2),
        (HttpReply(status=500, body={"error": {"message": "no"}}), 1),
        (HttpReply(body={"error": {"message": "overloaded", "code": 503}}), 1),
    ],
    ids=["half an answer", "a failure", "an error within"],
)
def test_attempts_in_which_the_model_wrote_something_are_billed(
    plain_session: Session, server: Server, first: HttpReply, billed: int
) -> None:
    prepare(plain_session, server, "def test_it(llm):\n    assert llm('x') == 'Paris'\n")
    server.then(first)

    result = plain_session.run()

    assert len(server.requests) == 2
    result.assert_outcomes(passed=1)
    more = ", 1 of them in no result" if billed == 2 else ""
    priced = ", and calls of unknown cost" if billed == 2 else ""
    assert told(result, f"{plural(billed, 'live call')}{more} * $1.* spent{priced}")


def test_a_stream_that_broke_off_is_billed(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server, "def test_it(llm):\n    assert llm('x', stream=True) == 'Paris'\n")
    server.then(HttpReply(chunks=streamed("Par", "is")[:2]))
    server.then(HttpReply(chunks=streamed("Par", "is")))

    assert told(plain_session.run(), "2 live calls, 1 of them in no result")


def test_without_a_price_the_cost_is_unknown(plain_session: Session, server: Server) -> None:
    prepare(
        plain_session, server, "import pytest\ndef test_skips(llm):\n    llm('x')\n    pytest.skip('no')\n", prices=""
    )

    assert told(plain_session.run(), "1 live call in no result * cost unknown")


def test_replayed_calls_are_not_billed(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server, "import pytest\ndef test_skips(llm):\n    llm('x')\n    pytest.skip('no')\n")
    plain_session.run()

    again = plain_session.run()

    assert len(server.requests) == 1
    assert not told(again, "in no result")


@pytest.mark.parametrize(
    ("total", "known", "rest"),
    [
        (Billed(3, 3.0, 0), Billed(1, 1.0, 0), Billed(2, 2.0, 0)),
        (Billed(3, 0.1 + 0.2, 1), Billed(3, 0.3, 1), Billed(0, 0.0, 0)),
        (Billed(3, 1.0, 3), Billed(2, 1.0, 1), Billed(1, 0.0, 1)),
        (Billed(0, 0.0, 0), Billed(2, 1.0, 1), Billed(0, 0.0, 0)),
    ],
)
def test_what_is_left(total: Billed, known: Billed, rest: Billed) -> None:
    assert total.without(known) == rest
    assert billed_together([known, rest])[0] == max(total[0], known[0])
