"""Headers that a gateway wants: with every call of the model that has them, in no key and in no recording."""

from __future__ import annotations

import pytest

from tests.plugin.capturing.test_params import BOT, CANDIDATE, TESTS, asks_the_server
from tests.server import Reply, Request, Server, completion
from tests.sessions import Session, told

TEAM = """
    [tool.llmeval]
    model = "trial"

    [tool.llmeval.models.trial]
    model = "openai/prod-1"
    base_url = "{url}"
    headers = {{ X-Team = "{team}", User-Agent = "evals/2" }}
"""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    asks_the_server(monkeypatch, server)
    server.answer = wants_a_team


def wants_a_team(request: Request) -> Reply:
    if not request.headers.get("x-team"):
        return Reply(status=403, body={"error": {"message": "The header X-Team is missing."}})
    return Reply(body=completion("Lima"))


@pytest.mark.parametrize("configured", [True, False])
def test_headers_go_with_every_call_and_into_nothing_that_is_kept(
    session: Session, server: Server, configured: bool
) -> None:
    there = TEAM if configured else TEAM.replace('base_url = "{url}"', "")
    tests = (
        TESTS if configured else TESTS.replace("def test_llm(", "def not_asked(")
    )  # it would ask at the provider's own
    session.configure(there.format(url=server.base_url, team="quarry-team"))
    session.write(BOT, "bot.py")
    session.write(tests)
    count = 4 if configured else 3
    session.run("--llm-record").assert_outcomes(passed=count)
    assert {(each.headers["x-team"], each.headers["user-agent"]) for each in server.requests} == {
        ("quarry-team", "evals/2")
    }
    assert "Bearer of-the-bot" in {each.headers.get("authorization") for each in server.requests}
    kept = [file for file in session.path.rglob("*") if file.is_file() and file.name != "pyproject.toml"]
    assert kept
    assert not any(b"quarry-team" in file.read_bytes() for file in kept)
    session.configure(there.format(url=server.base_url, team="another-team"))
    session.run("--llm-mode=replay").assert_outcomes(passed=count)
    assert len(server.requests) == count


def test_the_headers_of_another_model_stay_with_it(plain_session: Session, server: Server) -> None:
    server.answer = lambda request: completion("Lima")
    extra = CANDIDATE.format(url=server.base_url) + 'headers = { x-team = "of-the-candidate" }\n'
    plain_session.configure(extra)
    plain_session.write(BOT, "bot.py")
    plain_session.write("""
        import bot

        def test_two(llm, llm_capture):
            assert llm("One?") == bot.answer("Two?") == "Lima"
    """)
    plain_session.run("--llm-model=candidate", "--llm-baseline=production")
    sent = {(each.json["model"], each.headers.get("x-team")) for each in server.requests}
    assert sent == {("prod-1", None), ("cand-2", "of-the-candidate")}


def test_a_header_that_changes_answers_tells_recordings_apart(plain_session: Session, server: Server) -> None:
    server.answer = lambda request: {
        "content": [{"type": "text", "text": request.headers.get("anthropic-beta", "none")}],
        "stop_reason": "end_turn",
    }
    table = """
        [tool.llmeval]
        model = "trial"
        [tool.llmeval.models.trial]
        model = "anthropic/m"
        base_url = "{url}"
        params = {{ max_tokens = 9 }}
        headers = {{ Anthropic-Beta = "{beta}" }}
    """
    plain_session.write("""
        import pathlib

        def test_it(llm):
            assert llm("Which?") == pathlib.Path("expected.txt").read_text()
    """)
    for beta in ("first", "second"):
        plain_session.configure(table.format(url=server.base_url, beta=beta))
        (plain_session.path / "expected.txt").write_text(beta)
        plain_session.run().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("keyword", "help_"),
    [
        ('extra_headers={"X-Team": "a"}', "headers = { x-team ="),
        ('headers={"X-Team": "a"}', "headers = { x-team ="),
        ('extra_body={"top_k": 1}', "its fields are keywords of llm themselves"),
    ],
)
def test_a_keyword_of_an_sdk_is_refused_before_anything_is_sent(
    plain_session: Session, server: Server, keyword: str, help_: str
) -> None:
    plain_session.write(f"""
        def test_it(llm):
            llm("Which?", {keyword})
    """)
    done = plain_session.run()
    assert told(done, f"llm(..., {keyword.partition('=')[0]}=...): *{help_}")
    assert not server.requests
