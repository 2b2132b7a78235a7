"""Whatever is wrong, the user reads one clear line, no traceback of ours, and the right exit code."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.server import Reply, Request, Server, completion, event, streamed
from tests.sessions import Session
from tests.sessions import told as says

ASKS = """
def test_capital(llm):
    assert llm("Capital of France?") == "Paris"
"""
ROWS = """
import pytest

@pytest.mark.llm_cases("cases.jsonl")
def test_row(llm, case):
    assert llm(case.input) == "Paris"
"""
USAGE = pytest.ExitCode.USAGE_ERROR


def shown(result: pytest.RunResult) -> str:
    """All that was printed; never one of our frames or pytest's own breakdown."""
    text = result.stdout.str() + result.stderr.str()
    for ours in ("Traceback", "INTERNALERROR", "pytest_llmeval/", "list_iterator"):
        assert ours not in text, text
    return text


def usage_error(result: pytest.RunResult) -> str:
    """The one line a usage error is told in."""
    shown(result)
    assert result.ret == USAGE
    [line] = [line for line in result.errlines if line.strip()]
    return line


def only_reason(session: Session) -> str:
    """Why the only case of the run could not be judged."""
    [result] = session.results()
    assert result.outcome == "error"
    return result.samples[0].reason


# What the provider does wrong


FAST = {"retry-after-ms": "1"}
FAULTS: Mapping[str, tuple[Any, str]] = {
    "404": (
        Reply(status=404, body={"error": {"message": "no such model"}}),
        "HTTP 404: no such model ({}); check the model's name and base_url",
    ),
    "429": (
        Reply(status=429, headers=FAST, body={"error": {"message": "slow down"}}),
        "HTTP 429: slow down ({}, 5 attempts); lower --llm-concurrency, or ask for a higher limit",
    ),
    "500": (
        Reply(status=500, headers=FAST, body={"error": {"message": "oops"}}),
        "HTTP 500: oops ({}, 5 attempts); try again later",
    ),
    "html": (
        Reply(body="<html><title>Log in</title>", headers={"content-type": "text/html"}),
        "HTTP 200 with an HTML page: Log in ({}, 5 attempts)",
    ),
    "no_choices": (
        {**completion(""), "choices": []},
        "the response has no choices, only id, object, created, model, choices, usage ({})",
    ),
    "in_band": (
        {"error": {"message": "::error::melted \x1b[31m", "code": 400}},
        "an error within the answer: | ::error::melted \\x1b[31m ({})",
    ),
    "in_band_stream": (
        Reply(chunks=[*streamed("Par", done=False)[:2], event({"error": {"message": "gone", "code": 400}})]),
        "an error within the answer: gone ({})",
    ),
}


def test_every_fault_of_a_provider_is_an_error_told_in_one_line(session: Session, server: Server) -> None:
    server.answer = lambda request: FAULTS[request.json["messages"][0]["content"]][0]
    session.write(
        f"""
        import pytest

        @pytest.mark.parametrize("fault", {list(FAULTS)!r})
        def test_fault(llm, fault):
            assert llm(fault, stream=fault.endswith("stream")) == "Paris"
        """
    )
    result = session.run()
    text = shown(result)
    place = server.base_url.split("/")[2]
    reasons = {case.key.case: case.samples[0].reason for case in session.results()}
    assert reasons == {fault: told.format(f"openai/prod-1 at {place}") for fault, (_, told) in FAULTS.items()}
    assert {case.outcome for case in session.results()} == {"error"}
    assert [line for line in reasons.values() if line not in text] == []
    result.assert_outcomes(errors=len(FAULTS))
    assert result.ret == 1


@pytest.mark.parametrize(("options", "in_full"), [((), 5), (("-v",), 7)])
def test_of_errors_of_one_kind_the_first_five_are_told_in_full(
    session: Session, server: Server, options: tuple[str, ...], in_full: int
) -> None:
    server.answer = lambda _: FAULTS["404"][0]
    session.write(
        """
        import pytest

        @pytest.mark.parametrize("number", range(7))
        def test_it(llm, number):
            assert llm(f"question {number}") == "Paris"
        """
    )
    text = shown(session.run(*options))
    sources = [
        line for line in text.splitlines() if line.strip().endswith('assert llm(f"question {number}") == "Paris"')
    ]
    assert len(sources) == in_full


@pytest.mark.parametrize(
    ("provider", "named", "advice"),
    [
        ("openai", "", 'add api_key_env = "OPENAI_API_KEY" to [tool.llmeval.models."my.server"]'),
        ("acme-cloud", "", 'add api_key_env = "ACME_CLOUD_API_KEY" to [tool.llmeval.models."my.server"]'),
        ("openai", 'api_key_env = "TEAM_KEY"', "check the key in TEAM_KEY"),
    ],
)
def test_a_refused_key_behind_a_base_url_is_told_with_the_way_out_first(
    plain_session: Session,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    provider: str,
    named: str,
    advice: str,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-sent-to-a-base-url")
    monkeypatch.setenv("TEAM_KEY", "a-key-that-has-expired")
    server.answer = lambda _: Reply(status=401, body={"error": {"message": "unknown key " + "x " * 200}})
    plain_session.configure(
        f"""
        [tool.llmeval]
        model = "my.server"
        [tool.llmeval.models]
        "my.server" = {{ model = "{provider}/prod-1", base_url = "{server.base_url}"{", " * bool(named)}{named} }}
        """
    )
    plain_session.write(ASKS)
    plain_session.run()
    only_when = "" if named else "a key goes to your base_url only if api_key_env names it: "
    assert only_reason(plain_session).startswith(f"{only_when}{advice}; HTTP 401: unknown key")
    [request] = server.requests
    assert request.headers.get("authorization", "") == ("Bearer a-key-that-has-expired" if named else "")


def test_an_answer_that_is_cut_off_is_an_error_and_is_not_kept(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_llmeval.engine.attempts._FIRST_WAIT", 0.001)
    server.answer = lambda request: (
        Reply(chunks=streamed("Par", "is"), cut_after=300)
        if request.json.get("stream")
        else Reply(body=completion("Paris"), cut_after=40)
    )
    plain_session.write(
        """
        def test_whole(llm): assert llm("x") == "Paris"
        def test_stream(llm): assert llm("x", stream=True) == "Paris"
        """
    )
    result = plain_session.run()
    result.assert_outcomes(errors=2)
    shown(result)
    assert all("the connection broke within the answer" in case.samples[0].reason for case in plain_session.results())
    server.answer = lambda _: completion("Paris")
    plain_session.run().assert_outcomes(passed=2)


def test_an_answer_without_content_is_an_empty_reply_that_can_be_judged(plain_session: Session, server: Server) -> None:
    server.answer = lambda _: completion(None)
    plain_session.write(ASKS)
    result = plain_session.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *assert '' == 'Paris'"])


def test_a_refused_connection_says_who_refused(plain_session: Session, server: Server) -> None:
    server.close()
    plain_session.write(ASKS)
    result = plain_session.run()
    shown(result)
    place = server.base_url.split("/")[2]
    assert only_reason(plain_session) == f"connection refused (openai/prod-1 at {place}); is the server running?"
    assert result.ret == 1


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "SHOP_KEY"])
def test_a_missing_key_is_named(plain_session: Session, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("SHOP_KEY", " ")
    own = 'api_key_env = "SHOP_KEY"\nbase_url = "http://127.0.0.1:1/v1"' if variable == "SHOP_KEY" else ""
    plain_session.configure(f'[tool.llmeval]\nmodel = "m"\n[tool.llmeval.models.m]\nmodel = "openai/m-1"\n{own}')
    plain_session.write(ASKS)
    result = plain_session.run()
    shown(result)
    assert only_reason(plain_session) == (
        f"no API key for m (openai/m-1): set the environment variable {variable}, "
        "or replay recorded replies with --llm-mode=replay"
    )
    assert result.ret == 1


# What the user has configured wrong


def test_a_newcomer_without_a_model_is_told_exactly_what_to_do(session: Session) -> None:
    session.configure("")
    session.write(ASKS)
    result = session.run()
    told = (
        "no model is chosen: give --llm-model=NAME, or set model in [tool.llmeval] of pyproject.toml "
        "(NAME is provider/model, such as openai/gpt-5.6-mini); no [tool.llmeval] in pyproject.toml"
    )
    assert told in result.outlines
    assert "hidden" not in shown(result)
    assert "language model evaluation" not in result.stdout.str()
    result.assert_outcomes(errors=1)
    assert result.ret == 1


UNKNOWN = (
    'unknown model "prodction"; did you mean "production"? '
    "(models: production, candidate, or provider/model, as in openai/gpt-5.6-mini)"
)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--llm-model=prodction"], UNKNOWN),
        (["--llm-baseline=prodction"], UNKNOWN),
        (["--llm-model=opnai/gpt-5"], "there is no provider 'opnai'. Did you mean 'openai'? *"),
        (["--llm-samples=0"], "--llm-samples=0: expected a whole number from 1*"),
        (["--llm-samples=many"], "--llm-samples=many: expected a whole number from 1*"),
        (["--llm-report=x.txt"], "--llm-report=x.txt: unknown kind of report (allowed: *.jsonl*)"),
        (["--llm-report=folder.jsonl"], "--llm-report=folder.jsonl: is a folder; name a file in it, *"),
        (["--llm-report=test_it.py/x.jsonl"], "--llm-report=test_it.py/x.jsonl: cannot be written: * is no folder"),
        (
            ["--llm-record", "--llm-mode=replay"],
            "--llm-record has nothing to write with --llm-mode=replay; use auto or refresh",
        ),
        (
            ["--llm-model=production", "--llm-baseline=production"],
            (
                "--llm-baseline=production is the model on trial itself; name another with --llm-model=NAME "
                "(models: production, candidate)"
            ),
        ),
    ],
)
def test_a_wrong_option_ends_the_session_before_it_begins(
    plain_session: Session, server: Server, arguments: list[str], told: str
) -> None:
    (plain_session.path / "folder.jsonl").mkdir()
    plain_session.write(ASKS)
    result = plain_session.run(*arguments)
    usage_error(result)
    result.stderr.fnmatch_lines([f"ERROR: {told.replace('[', '[[]')}"])
    assert server.requests == []


def test_an_unknown_mode_is_told_with_those_that_exist(plain_session: Session) -> None:
    plain_session.write(ASKS)
    result = plain_session.run("--llm-mode=bogus")
    assert result.ret == USAGE
    result.stderr.fnmatch_lines(["*--llm-mode*bogus*auto*replay*refresh*live*"])


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ('[tool.llmeval]\nmodle = "m"', '[tool.llmeval] modle: unknown key; did you mean "model"? (allowed: *)'),
        (
            '[tool.llmeval]\nmodel = "mm"\n[tool.llmeval.models.m]\nmodel = "openai/m"',
            '[tool.llmeval] model: unknown model "mm"; did you mean "m"? (models: m, or provider/model)',
        ),
        ("[tool.llmeval]\nmodel = 5", "[tool.llmeval] model: *"),
        ("[tool.llmeval]\nmodel = \n", "*: not TOML: *"),
    ],
)
def test_a_mistake_in_the_configuration_is_told_in_one_line(plain_session: Session, toml: str, told: str) -> None:
    plain_session.write(ASKS)
    plain_session.configure(toml)
    result = plain_session.run()
    if "not TOML" in told:  # pytest reads the file too, and before us
        assert result.ret == USAGE
        return
    line = usage_error(result)
    result.stderr.fnmatch_lines([f"ERROR: pyproject.toml: {told.replace('[', '[[]')}"])
    assert "tool.llmeval" in line


def test_a_broken_file_of_our_own_is_told_in_one_line_too(session: Session) -> None:
    session.configure("")
    (session.path / "llmeval.toml").write_text("model = \n")
    session.write(ASKS)
    assert usage_error(session.run()).startswith("ERROR: llmeval.toml:1: not TOML: ")


def test_wrong_arguments_of_a_marker_name_what_is_allowed(plain_session: Session) -> None:
    marks = {
        'llm_cases("c.jsonl", where="x")': "*'where' (allowed: llm_cases(cases: *",
        "llm_cases(5)": "cases must be the path of a dataset or a list of Case, not 5 (allowed: *",
        'llm_samples("5")': "n must be a whole number from 1, not '5' (allowed: llm_samples(*",
        "llm_samples(2, min_pass_rate=80)": "min_pass_rate must be a number from 0 to 1, not 80 (allowed: *",
        "llm_category()": "*'name' (allowed: llm_category(name: str))",
    }
    for number, mark in enumerate(marks):
        plain_session.write(f"import pytest\n@pytest.mark.{mark}\ndef test_it(llm): ...\n", f"test_mark_{number}.py")
    result = plain_session.run()
    shown(result)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    for number, (mark, told) in enumerate(marks.items()):
        name = mark.partition("(")[0]
        result.stdout.fnmatch_lines([f"test_mark_{number}.py::test_it: @pytest.mark.{name}: {told}"])


# Datasets


def test_a_broken_dataset_stops_its_module_and_names_the_line(session: Session) -> None:
    row = {"id": "a", "input": "x"}
    (session.path / "cases.jsonl").write_text(json.dumps(row) + "\n{oops\n" + json.dumps(row) + "\n")
    session.write(ROWS)
    result = session.run()
    shown(result)
    assert result.ret in (pytest.ExitCode.INTERRUPTED, 1)  # the latter is xdist's
    assert "cases.jsonl: 2 problems in the dataset" in result.outlines
    assert 'cases.jsonl:3: id "a" is also on line 1; every id must be unique in the dataset' in result.outlines
    result.stdout.fnmatch_lines(["cases.jsonl:2: not JSON: *"])
    assert not session.report.exists()


def test_hostile_ids_are_refused_and_shown_harmless(plain_session: Session) -> None:
    ids = ["../../x", "a" * 400, "n\x00ul", "\x1b[31m", "::error::x", "<script>", "\u202ex", "##[error]x", ""]
    lines = "".join(json.dumps({"id": each, "input": "x"}) + "\n" for each in ids)
    (plain_session.path / "cases.jsonl").write_text(lines)
    plain_session.write(ROWS)
    result = plain_session.run()
    text = shown(result)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    refused = len(ids) - 1  # "<script>" is printable text like any other
    assert f"cases.jsonl: {refused} problems in the dataset" in result.outlines
    assert [c for c in text if not c.isprintable() and c != "\n"] == []
    assert "##[" not in text
    assert [line for line in result.outlines if line.lstrip().startswith("::")] == []


# Recordings and the cache


def replay_of(session: Session, text: str) -> pytest.RunResult:
    (session.path / "recordings").mkdir(exist_ok=True)
    (session.path / "recordings" / "test_it.jsonl").write_text(text)
    return session.run("--llm-mode=replay")


def test_a_broken_recording_is_an_error_that_names_the_line_and_the_way_out(
    plain_session: Session, server: Server
) -> None:
    plain_session.write(ASKS)
    plain_session.run("--llm-record").assert_outcomes(passed=1)
    good = (plain_session.path / "recordings" / "test_it.jsonl").read_text()
    head, replies = good.split("\n", 1)
    broken = {
        good[:-30] + "\n": "test_it.jsonl:*: *record again*",
        f"{head}\n<<<<<<< ours\n{replies}=======\n{replies}>>>>>>> theirs\n": "test_it.jsonl:2: conflict markers *",
        f"{head.replace('1', '999')}\n{replies}": "*newer*",
        "\x00\x01": "test_it.jsonl:1: is not a file of recordings: *",
    }
    for text, told in broken.items():
        result = replay_of(plain_session, text)
        shown(result)
        result.assert_outcomes(errors=1)
        assert result.ret == 1
        result.stdout.fnmatch_lines([f"E *RecordingError: *{told}"])
        assert plain_session.results()[0].category == "broken_recording"
        assert (plain_session.path / "recordings" / "test_it.jsonl").read_text() == text
    assert len(server.requests) == 1


def test_a_miss_in_replay_explains_itself(session: Session, server: Server) -> None:
    session.write(ASKS)
    session.run("--llm-record").assert_outcomes(passed=1)
    session.write(ASKS.replace("France", "Italy"))
    result = session.run("--llm-mode=replay")
    shown(result)
    assert result.ret == 1
    assert only_reason(session) == (
        "no recorded reply of production (openai/prod-1) for test_it.py::test_capital, sample 0; "
        "record it with --llm-record --llm-mode=auto"
    )
    result.stdout.fnmatch_lines(
        ["E *no recorded reply of production *", "E *nearest recorded request (test_it.py::test_capital):", "E *Italy*"]
    )
    assert session.results()[0].category == "no_reply_recorded"
    assert len(server.requests) == 1


def corrupt(path: Path, how: str) -> None:
    cache = path / ".llmeval" / "cache"
    if how == "garbage":
        cache.mkdir(parents=True)
        (cache / "cache.db").write_bytes(b"garbage" * 1000)
    elif how == "a file":
        cache.parent.mkdir()
        cache.write_text("x")
    elif how == "a file for its folder":
        cache.parent.write_text("x")
    else:
        cache.mkdir(parents=True)
        cache.chmod(0o500)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("garbage", "*the reply cache was corrupt *; moved to * and started again"),
        ("a file", "*the reply cache * is not a directory; replies are neither found in it nor kept"),
        ("a file for its folder", "*the reply cache * cannot be used: *; replies are neither found in it nor kept"),
        ("read-only", "*the reply cache *"),
    ],
)
def test_a_cache_that_cannot_be_used_is_a_note_and_a_miss(session: Session, how: str, told: str) -> None:
    if how == "read-only" and os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    corrupt(session.path, how)
    session.write(ASKS)
    result = session.run()
    shown(result)
    result.assert_outcomes(passed=1)
    assert says(result, told)
    assert result.ret == 0


# Baselines


HEADER = {"format": "llmeval-run", "version": 1, "created": "x", "commit": None, "models": {"a": {}}, "baseline": None}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            None,
            (
                "there is no baseline run *saved.jsonl; save one with "
                "pytest --llm-model=production --llm-baseline=saved.jsonl --llm-update-baseline"
            ),
        ),
        ("", "*saved.jsonl:1: not JSON: *"),
        ("hello", "*saved.jsonl:1: not JSON: *"),
        ("{}\n", "*saved.jsonl is not a saved run: its first line does not say 'llmeval-run'; pytest --llm-report=*"),
        (json.dumps(HEADER) + "\n{oops\n\n", "*saved.jsonl:2: not JSON: *"),
        (json.dumps(HEADER) + '\n{"test": 1}\n\n', "*saved.jsonl:2: not a result of a case: *"),
        (
            json.dumps({**HEADER, "version": 9}) + "\n",
            (
                "*saved.jsonl has format version 9, made by a newer pytest-llmeval; this one reads up to *: "
                "pip install --upgrade pytest-llmeval"
            ),
        ),
        (
            json.dumps({**HEADER, "models": {"a": {}, "b": {}}}) + "\n",
            (
                "saved.jsonl holds several models (a, b) and none of them is the configured one; "
                "save a run with one model: pytest --llm-model=NAME --llm-report=FILE.jsonl"
            ),
        ),
        (json.dumps({**HEADER, "models": []}) + "\n", "*saved.jsonl:1: the header of the run is broken: *"),
    ],
)
def test_a_baseline_that_cannot_be_used_ends_the_session_before_it_begins(
    plain_session: Session, server: Server, text: str | None, told: str
) -> None:
    if text is not None:
        (plain_session.path / "saved.jsonl").write_text(text)
    plain_session.write(ASKS)
    result = plain_session.run("--llm-baseline=saved.jsonl", "--llm-model=candidate")
    usage_error(result)
    result.stderr.fnmatch_lines([f"ERROR: {told}"])
    assert server.requests == []


def test_a_run_that_can_no_longer_be_written_loses_no_verdict(plain_session: Session) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    plain_session.report.symlink_to("/dev/full")
    plain_session.write(ASKS)
    result = plain_session.run()
    shown(result)
    result.assert_outcomes(passed=1)
    assert says(result, f"NOT SAVED: cannot write the run to *run.jsonl: {os.strerror(errno.ENOSPC)}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*1 passed, 1 not saved*"])


# Errors are errors


def of_30(request: Request, errors: int) -> object:
    number = int(request.json["messages"][-1]["content"])
    if request.json["model"] == "cand-2" and number < errors:
        return Reply(status=400, body={"error": {"message": "no"}})
    return completion("Paris")


def prepare_30(session: Session) -> None:
    lines = [json.dumps({"id": f"c{number}", "input": str(number)}) for number in range(30)]
    (session.path / "cases.jsonl").write_text("\n".join(lines))
    session.write(ROWS)


def test_errors_are_outside_every_denominator_and_fail_the_session(plain_session: Session, server: Server) -> None:
    prepare_30(plain_session)
    server.answer = lambda request: of_30(request, 2)
    result = plain_session.run("--llm-model=candidate", "--llm-baseline=production")
    shown(result)
    result.assert_outcomes(passed=58, errors=2)
    result.stdout.fnmatch_lines(["gate ok: *28 cases*", "2 errors: not judged, so neither passed nor failed"])
    assert result.ret == 1


def test_a_gate_that_could_not_be_measured_does_not_look_like_a_pass(session: Session, server: Server) -> None:
    prepare_30(session)
    server.answer = lambda request: of_30(request, 4)
    result = session.run("--llm-model=candidate", "--llm-baseline=production")
    shown(result)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["GATE FAILED: could not be measured: 4 of 30 samples could not be judged; *"])
    result.stdout.no_fnmatch_line("*gate ok*")


def test_a_fixture_that_fails_is_an_error_of_the_case_before_and_after(session: Session) -> None:
    session.write(
        """
        import pytest

        @pytest.fixture
        def before():
            raise RuntimeError("no shop \\x1b[31m")

        @pytest.fixture
        def after():
            yield
            raise RuntimeError("shop is still open")

        def test_before(llm, before): ...

        def test_after(llm, after): assert llm("Capital of France?") == "Paris"

        def test_broken(llm): {}[llm("Capital of France?")]
        """
    )
    result = session.run()
    result.assert_outcomes(passed=1, errors=2, failed=1)
    shown(result)
    assert result.ret == 1
    outcomes = {case.key.test: (case.outcome, case.samples[0].reason) for case in session.results()}
    assert outcomes == {
        "test_it.py::test_before": ("error", "RuntimeError: no shop \\x1b[31m"),
        "test_it.py::test_after": ("error", "RuntimeError: shop is still open"),
        "test_it.py::test_broken": ("fail", "KeyError: 'Paris'"),
    }


def test_a_refused_key_stops_the_calls_and_is_said_once(session: Session, server: Server) -> None:
    server.answer = lambda _: Reply(status=401, body={"error": {"message": "no such key", "code": "invalid_api_key"}})
    session.write("""
        import pytest

        @pytest.mark.parametrize("number", range(60))
        def test_it(llm, number):
            assert llm(f"Who is number {number}?")
    """)
    result = session.run("--llm-mode=live", "-rE")
    workers = 2 if "-n2" in session.arguments else 1
    assert result.ret == 1
    assert len(server.requests) <= 32
    told = [line for line in result.outlines if line.startswith("ERROR test_it.py")]
    assert 1 <= len(told) <= workers
    assert any(f"{60 - len(told)} same error" in line for line in result.outlines[-2:])
    assert [each.outcome for each in session.results()] == ["error"] * 60
