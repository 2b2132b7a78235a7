"""What the end of a session names: the HTML report that it has written, a missing baseline, replies in no recording."""

from __future__ import annotations

from tests.server import Request, Server, completion
from tests.sessions import Session, told

COMPARE = ("--llm-model=candidate", "--llm-baseline=production")
SUITE = """
import pytest

@pytest.mark.parametrize("number", range(20))
def test_colour(llm, number):
    assert llm(f"Colour {number}?") == "blue"
"""
OPEN = "next: open out/report.html: every answer that changed, side by side"


def answer(request: Request) -> object:
    return completion("red" if request.json["model"] == "cand-2" else "blue")


def test_where_nothing_is_to_be_compared_no_baseline_is_missed(plain_session: Session, server: Server) -> None:
    server.answer = lambda _: completion("blue")
    plain_session.write(SUITE)
    missed = "no baseline to compare with (--llm-baseline=RUN or NAME)"
    assert missed in plain_session.run().stdout.str()
    assert missed not in plain_session.run("--llm-baseline=none").stdout.str()


def test_with_q_too_a_replay_says_what_is_in_no_recording(plain_session: Session, server: Server) -> None:
    server.answer = lambda _: completion("blue")
    plain_session.write(SUITE)
    plain_session.run()
    result = plain_session.run("--llm-mode=replay", "-q")
    assert told(result, "NOT IN THE RECORDINGS: 20 replies, taken from this machine's cache; --llm-record writes what")
    plain_session.run("--llm-record")
    assert "NOT IN" not in plain_session.run("--llm-mode=replay", "-q").stdout.str()


def test_where_none_was_asked_for_the_option_is_named_once(plain_session: Session, server: Server) -> None:
    server.answer = answer
    plain_session.write(SUITE)
    for options in ((), ("-v",), ("--llm-report=summary.md",)):
        result = plain_session.run(*COMPARE, *options)
        assert told(result, "next: --llm-show=wrong_answer * --llm-report=report.html shows them side by side")
        assert result.stdout.str().count("next: ") == 1
    listed = plain_session.run(*COMPARE, "--llm-show=wrong_answer", "--llm-show=tone")
    listed.stdout.no_fnmatch_line("next: *")
    assert told(listed, "wrong_answer: 0/20 * REGRESSED")  # each of them, not the last alone
    assert told(listed, "no case failed as tone")
    server.answer = lambda _: completion("blue")
    assert "next: " not in plain_session.run(*COMPARE, "--llm-mode=live").stdout.str()


def test_the_report_that_was_written_is_named(plain_session: Session, server: Server) -> None:
    server.answer = answer
    plain_session.write(SUITE)
    for options in ((), ("-v",), ("--llm-show=wrong_answer",)):
        result = plain_session.run(*COMPARE, "--llm-report=out/report.html", *options)
        assert told(result, OPEN)
        assert result.stdout.str().count("next: ") == 1
    stopped = plain_session.run(*COMPARE, "--llm-report=out/late.html", "--llm-baseline=none", "-x")
    assert "out/late.html" not in stopped.stdout.str()


def test_a_report_that_could_not_be_written_is_not_named(plain_session: Session, server: Server) -> None:
    server.answer = answer
    plain_session.write(SUITE + "\n    __import__('pathlib').Path('out').write_text('in the way')")
    result = plain_session.run(*COMPARE, "--llm-report=out/report.html")
    assert told(result, "NOT SAVED: report.html cannot be written")
    assert "next: open" not in result.stdout.str()
    assert "--llm-report=report.html" not in result.stdout.str()
