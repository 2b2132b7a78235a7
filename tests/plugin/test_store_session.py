"""The store in a session of a user: hooks, old replies, recordings nobody needs any more."""

import json
import signal
import subprocess
import sys

import pytest

from tests.server import Reply, Request, Server, completion
from tests.sessions import WITHOUT, Session, told

TEST = """
import pytest

@pytest.mark.parametrize("place", ["France", "Spain"])
def test_capital(llm, place):
    assert llm(f"Capital of {place}?")
"""


def recorded(plain_session: Session) -> str:
    return "".join(path.read_text() for path in sorted((plain_session.path / "recordings").glob("*.jsonl")))


def age_recordings(plain_session: Session) -> None:
    for path in (plain_session.path / "recordings").glob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        changed = [{**line, "recorded_at": "2001-02-03T00:00:00Z"} if "key" in line else line for line in lines]
        path.write_text("\n".join(json.dumps(line, sort_keys=True) for line in changed) + "\n")


def setting(plain_session: Session, line: str) -> None:
    file = plain_session.path / "pyproject.toml"
    file.write_text(file.read_text().replace("[tool.llmeval]", f"[tool.llmeval]\n{line}", 1))


def test_a_normalized_text_is_found_though_it_changes_in_every_run(plain_session: Session, server: Server) -> None:
    (plain_session.path / "conftest.py").write_text(
        "import re\ndef pytest_llmeval_normalize(text):\n    return re.sub('[0-9a-f]{32}', '<id>', text)\n"
    )
    plain_session.write("import uuid\ndef test_x(llm):\n    assert llm(f'Capital? {uuid.uuid4().hex}')\n")
    plain_session.run("--llm-record").assert_outcomes(passed=1)

    plain_session.run("--llm-mode=replay").assert_outcomes(passed=1)
    assert len(server.requests) == 1
    assert "<id>" not in server.requests[0].body.decode()


def test_two_requests_alike_but_for_a_random_id_get_two_replies(plain_session: Session, server: Server) -> None:
    (plain_session.path / "conftest.py").write_text(
        "import re\ndef pytest_llmeval_normalize(text):\n    return re.sub('[0-9a-f]{32}', '<id>', text)\n"
    )
    server.say("Paris")
    server.say("Lyon")
    plain_session.write(
        "import uuid\ndef test_x(llm):\n"
        "    assert [str(llm(f'City? {uuid.uuid4().hex}')) for _ in range(2)] == ['Paris', 'Lyon']\n"
    )

    plain_session.run("--llm-record").assert_outcomes(passed=1)
    plain_session.run("--llm-mode=replay").assert_outcomes(passed=1)
    assert len(server.requests) == 2


def test_a_hook_that_returns_no_text_is_told(plain_session: Session) -> None:
    (plain_session.path / "conftest.py").write_text("def pytest_llmeval_normalize(text):\n    return 3\n")
    plain_session.write("def test_x(llm):\n    llm('Capital?')\n")

    plain_session.run().stdout.fnmatch_lines(
        ["*ConfigError: the hook pytest_llmeval_normalize returned int, not text*"]
    )


def test_what_a_hook_takes_out_is_not_recorded(plain_session: Session, server: Server) -> None:
    (plain_session.path / "conftest.py").write_text(
        "import dataclasses, json\n"
        "def pytest_llmeval_redact(entry):\n"
        "    clean = json.loads(json.dumps(dict(entry.response)).replace('Ada', 'NAME'))\n"
        "    return dataclasses.replace(entry, response=clean)\n"
    )
    server.say("Hello Ada")
    plain_session.write("def test_x(llm):\n    assert llm('Greet').startswith('Hello')\n")
    plain_session.run("--llm-record").assert_outcomes(passed=1)

    assert "Ada" not in recorded(plain_session)
    assert "Hello NAME" in recorded(plain_session)


def test_old_replies_are_one_note_with_their_count(plain_session: Session) -> None:
    setting(plain_session, 'max_age = "30d"')
    plain_session.write(TEST)
    plain_session.run("--llm-record").stdout.no_fnmatch_line("*max_age*")
    age_recordings(plain_session)

    result = plain_session.run("--llm-mode=replay")
    result.assert_outcomes(passed=2)
    assert told(result, "warning: 2 of the replayed replies are older than max_age (30 days), the oldest * days; ")
    assert result.stdout.str().count("max_age") == 1


def test_old_replies_are_a_note_beside_a_baseline_that_was_asked_later(plain_session: Session) -> None:
    setting(plain_session, 'max_age = "30d"')
    plain_session.write(TEST)
    plain_session.run("--llm-record", "--llm-report=base.jsonl")
    age_recordings(plain_session)
    result = plain_session.run("--llm-mode=replay", "--llm-baseline=base.jsonl")
    assert result.ret == 0
    assert told(result, "warning: 2 of the replayed replies are older than max_age (30 days), the oldest * days; ")


def test_old_replies_are_errors_where_that_is_wanted(plain_session: Session, server: Server) -> None:
    setting(plain_session, 'max_age = "30d"\nstale = "fail"')
    plain_session.write(TEST)
    plain_session.run("--llm-record").assert_outcomes(passed=2)
    age_recordings(plain_session)

    result = plain_session.run()
    result.stdout.fnmatch_lines(["*recording of production for test_it.py::test_capital?France?*days old*"])
    assert told(result, "next: --llm-record --llm-mode=refresh asks for every reply again and records it")
    assert {sample.outcome for result in plain_session.results() for sample in result.samples} == {"error"}
    assert len(server.requests) == 2


def test_a_run_knows_which_replies_it_used_and_when_they_were_given(plain_session: Session) -> None:
    plain_session.write(TEST)
    plain_session.run("--llm-record")
    live = [call for result in plain_session.results() for sample in result.samples for call in sample.calls]
    plain_session.run("--llm-mode=replay")
    replayed = [call for result in plain_session.results() for sample in result.samples for call in sample.calls]

    assert [(call.key, call.recorded_at) for call in live] == [(call.key, call.recorded_at) for call in replayed]
    assert all(call.key and call.key in recorded(plain_session) for call in live)


def test_unused_recordings_are_reported_after_a_complete_recording_session_only(plain_session: Session) -> None:
    plain_session.write(TEST)
    plain_session.run("--llm-record").stdout.no_fnmatch_line("*used by no case*")
    plain_session.write(TEST.replace('"Spain"', '"Italy"'))
    note = "test_it*.jsonl: 1 recorded reply was used by no case; *"

    plain_session.run("--llm-record", "-k", "France").stdout.no_fnmatch_line(note)
    plain_session.run("--llm-record", "test_it.py::test_capital").stdout.no_fnmatch_line(note)
    plain_session.run().stdout.no_fnmatch_line(note)
    plain_session.run("--llm-record").stdout.fnmatch_lines([note])
    assert "Spain" in recorded(plain_session), "nothing is deleted unless asked"


def test_a_miss_fails_the_case_though_the_application_swallows_it(plain_session: Session, server: Server) -> None:
    plain_session.write(
        "def test_x(llm):\n    try:\n        llm('Capital?')\n    except Exception:\n        pass\n    assert True\n"
    )
    plain_session.run("--llm-mode=replay")

    assert [sample.category for result in plain_session.results() for sample in result.samples] == ["no_reply_recorded"]
    assert server.requests == []


def test_four_workers_record_into_one_file(pytester: pytest.Pytester, server: Server) -> None:
    pytest.importorskip("xdist")
    session = Session(pytester, server.base_url, ())
    session.write(TEST.replace('["France", "Spain"]', "list(map(str, range(12)))"))
    session.run("-n4", "--llm-record", subprocess=True).assert_outcomes(passed=12)

    assert sum('"key"' in line for line in recorded(session).splitlines()) == 12
    session.run("--llm-mode=replay").assert_outcomes(passed=12)
    assert not list((session.path / "recordings").glob(".*"))


def test_a_live_session_makes_no_folder(session: Session, server: Server) -> None:
    session.write("""
        def test_it(llm):
            assert llm("Capital of France?") == "Paris"
    """)
    session.run("--llm-mode=live").assert_outcomes(passed=1)
    assert sorted(path.name for path in session.path.iterdir() if path.name.startswith(".")) == []


TWELVE = """
import pytest

@pytest.mark.parametrize("number", range(12))
def test_it(llm, number):
    assert llm(f"question {number}") == f"question {number}"
"""


def echo(request: Request) -> object:
    return completion(request.json["messages"][-1]["content"])


def started(session: Session, report: str = "run.jsonl") -> "subprocess.Popen[str]":
    """A session in a process of its own, of whose output the caller reads."""
    command = [sys.executable, "-u", "-m", "pytest", "-v", *(f"-pno:{name}" for name in WITHOUT), *session.arguments]
    return subprocess.Popen(
        [*command, f"--llm-report={report}"],
        cwd=session.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_what_a_session_that_was_terminated_had_answered_is_not_paid_again(
    plain_session: Session, server: Server
) -> None:
    never = server.gate()
    server.answer = lambda request: Reply(
        body=echo(request), gate=never if int(request.json["messages"][-1]["content"].split()[1]) > 7 else None
    )
    plain_session.write(TWELVE)
    child = started(plain_session)
    assert child.stdout is not None
    output = ""
    while output.count("PASSED") < 8 and (more := child.stdout.read(1)):
        output += more
    server.wait_for_requests(12)
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=30)
    assert child.returncode == -signal.SIGTERM
    assert plain_session.saved().complete is None
    assert len(plain_session.results()) == 8

    server.answer = echo
    plain_session.run().assert_outcomes(passed=12)
    assert len(server.requests) == 12 + 4


def test_two_sessions_at_once_share_a_cache(plain_session: Session, server: Server) -> None:
    both = server.gate()
    server.answer = lambda request: Reply(body=echo(request), gate=both)
    plain_session.write(TWELVE)
    children = [started(plain_session, report) for report in ("one.jsonl", "other.jsonl")]
    server.wait_for_requests(24, timeout=30)
    both.open()
    outputs = [child.communicate(timeout=30)[0] for child in children]

    assert [child.returncode for child in children] == [0, 0], outputs
    assert ["the reply cache" in output for output in outputs] == [False, False]
    plain_session.run().assert_outcomes(passed=12)
    assert len(server.requests) == 24


def test_a_model_without_a_recording_fails_each_case_once_for_one_reason(
    plain_session: Session, server: Server
) -> None:
    server.answer = echo
    plain_session.write(TWELVE)
    plain_session.run("--llm-record").assert_outcomes(passed=12)

    result = plain_session.run("--llm-mode=replay", "--llm-model=candidate")
    assert result.ret == 1
    assert {case.outcome for case in plain_session.results()} == {"error"}
    reasons = [sample.reason for case in plain_session.results() for sample in case.samples]
    assert len(reasons) == 12
    assert all(reason.startswith("no recorded reply of candidate (openai/cand-2) for ") for reason in reasons)
    assert len(server.requests) == 12
