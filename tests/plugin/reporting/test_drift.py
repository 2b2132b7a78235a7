"""The anchor, a run that is never updated: what small steps add up to is shown, and never gated."""

from __future__ import annotations

import json

import pytest

from tests.plugin.rejudging.test_judged_again import SUITE
from tests.plugin.rejudging.test_pooled import configure
from tests.server import Request, Server, completion
from tests.sessions import CONFIGURATION, Session, told

CASES = 100
LIVE = "--llm-mode=live"
HEAD = "against the anchor release-1.4.jsonl (saved "


def failing(server: Server, count: int) -> None:
    """Have so many questions answered wrongly."""

    def answer(request: Request) -> object:
        number = int(json.dumps(request.json["messages"]).partition("question ")[2].partition(".")[0])
        return completion("no" if number < count else "gladly")

    server.answer = answer


def prepare(session: Session, server: Server) -> None:
    configuration = CONFIGURATION.format(base_url=server.base_url)
    session.configure(configuration.replace("[tool.llmeval]", '[tool.llmeval]\nbaseline = "b.jsonl"'))
    lines = [json.dumps({"id": f"c{number}", "input": f"question {number}."}) for number in range(CASES)]
    (session.path / "cases.jsonl").write_text("\n".join(lines))
    session.write(SUITE)
    failing(server, 2)
    session.run("--llm-update-baseline", "--llm-report=release-1.4.jsonl")
    configure(session, 'anchor = "release-1.4.jsonl"')


def test_small_steps_pass_the_gate_and_show_against_the_anchor(plain_session: Session, server: Server) -> None:
    """Every merge is a point worse and becomes the baseline."""
    prepare(plain_session, server)
    anchor = (plain_session.path / "release-1.4.jsonl").read_bytes()
    for merge in range(1, 6):
        failing(server, 2 + merge)
        if merge in (1, 5):  # the pull request, whose step is as small as those between
            result = plain_session.run(LIVE)
            assert result.ret == 0
            assert told(
                result, f"{HEAD}today): production in 100 of 100 cases; drift since the anchor is shown, not ga"
            )
            assert told(result, f"- wrong_answer: 2 of 100 to {2 + merge} of 100 answers, +{merge}.0 points, ")
            assert told(result, f"- any failure: 2 of 100 to {2 + merge} of 100 answers, +{merge}.0 points")
        assert plain_session.run(LIVE, "--llm-update-baseline").ret == 0
    assert told(result, "- wrong_answer: 2 of 100 to 7 of 100 answers, +5.0 points, REGRESSED")
    assert (plain_session.path / "release-1.4.jsonl").read_bytes() == anchor


def test_what_is_as_good_as_the_anchor_is_said(session: Session, server: Server) -> None:
    prepare(session, server)
    failing(server, 1)
    result = session.run(LIVE)
    assert result.ret == 0
    assert told(result, "and its saved verdicts count - no error category is worse - any failure: 2 of 100 to 1 of 100")


def test_a_session_without_a_baseline_needs_no_anchor(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    (plain_session.path / "release-1.4.jsonl").unlink()
    result = plain_session.run("--llm-baseline=none")
    assert result.ret == 1
    result.stdout.no_fnmatch_line("*against the anchor*")


def test_cases_that_the_anchor_lacks_or_knows_otherwise_are_left_out(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    rows = (plain_session.path / "cases.jsonl").read_text().replace("question 9.", "question 9. Well?")
    (plain_session.path / "cases.jsonl").write_text(f'{rows}\n{{"id": "new", "input": "question 300."}}')
    assert told(plain_session.run(LIVE), "production in 99 of 101 cases; drift")
    plain_session.write(SUITE.replace("test_row", "test_another"))
    assert told(plain_session.run(LIVE), "production in 0 of 101 cases; drift * no case is the same in both")


def test_a_model_as_the_baseline_is_compared_with_the_anchor_too(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    failing(server, 5)
    result = plain_session.run(LIVE, "--llm-model=candidate", "--llm-baseline=production")
    assert told(result, f"{HEAD}today): candidate in 100 of 100 cases")
    assert told(result, "- wrong_answer: 2 of 100 to 5 of 100 answers, +3.0 points")


def test_the_anchor_is_as_old_as_it_says(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    file = plain_session.path / "release-1.4.jsonl"
    head, *rest = file.read_text().splitlines()
    file.write_text("\n".join([json.dumps({**json.loads(head), "created": "2020-02-03T10:00:00Z"}), *rest, ""]))
    assert told(plain_session.run(), f"{HEAD}* days ago")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no anchor run *release-1.4.jsonl, which [[]tool.llmeval] of pyproject.toml names; {command}"),
        ("{}\n", "the anchor is no run that can be read ({command}): *release-1.4.jsonl is not a saved run: *"),
    ],
)
def test_an_anchor_that_is_missing_or_broken_is_told_with_the_command_that_makes_one(
    plain_session: Session, server: Server, content: str | None, message: str
) -> None:
    prepare(plain_session, server)
    file = plain_session.path / "release-1.4.jsonl"
    file.unlink()
    if content is not None:
        file.write_text(content)
    asked = len(server.requests)
    result = plain_session.run()
    assert (result.ret, len(server.requests)) == (4, asked)
    command = "pytest --llm-baseline=none --llm-report=release-1.4.jsonl saves one"
    result.stderr.fnmatch_lines([f"ERROR: {message.format(command=command)}"])
    if content is None:
        assert plain_session.run(*command.split()[1:3]).ret == 1  # two cases fail
        assert told(plain_session.run(), HEAD)
        refused = plain_session.run("--llm-report=release-1.4.jsonl")
        assert refused.ret == 4
        refused.stderr.fnmatch_lines(
            ["ERROR: --llm-report=release-1.4.jsonl would replace the anchor, which is never*"]
        )
