"""Applications in other processes: what they ask by the loopback gateway is recorded, measured, rerouted and judged."""

from __future__ import annotations

import json
import textwrap

import pytest

import pytest_llmeval.plugin.capturing.loopback
from tests.server import Reply, Server, completion, streamed
from tests.sessions import CONFIGURATION, Session, told

# Reads its answer as the smallest of programs would, and tells how it went.
BOT = """
import json, os, sys, urllib.error, urllib.request

def ask(prompt, model="prod-1", **more):
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": prompt}], **more}).encode()
    headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    request = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + "/chat/completions", body, headers)
    return urllib.request.urlopen(request)

def text(prompt, **more):
    return json.load(ask(prompt, **more))["choices"][0]["message"]["content"]

if __name__ == "__main__":
    try:
        print(text(sys.argv[1]), end="")
    except urllib.error.HTTPError as error:
        print(error.code, json.load(error)["error"]["message"], end="")
"""
# By a process of its own, and by none, which is faster and the same to the gateway.
RUN = """
import json, subprocess, sys, urllib.error
import bot

def spawn(prompt, **options):
    return subprocess.run([sys.executable, "bot.py", prompt], capture_output=True, text=True, **options).stdout

def run(prompt):
    try:
        return bot.text(prompt)
    except urllib.error.HTTPError as error:
        return f"{error.code} {json.load(error)['error']['message']}"
"""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def write(session: Session, code: str) -> None:
    """The bot, what runs it, and the tests."""
    session.write(BOT, "bot.py")
    session.write(RUN, "run.py")
    session.write("from run import run, spawn\nimport bot, pytest\n\n" + textwrap.dedent(code))


def test_a_subprocess_is_recorded_and_replayed(session: Session, server: Server) -> None:
    server.answer = lambda request: completion(request.json["messages"][0]["content"].upper())
    write(
        session,
        """
        @pytest.mark.parametrize("prompt", ["a", "b", "c"])
        def test_bot(llm_gateway, prompt):
            assert spawn(prompt) == prompt.upper()
            [call] = llm_gateway.calls
            assert call.reply == prompt.upper() and call.usage.input_tokens == 7 and call.ttft is None
            assert call.request["messages"][0]["content"] == prompt
            assert call.cost and call.latency > 0 and llm_gateway.model == "prod-1"
        """,
    )
    session.run("--llm-record").assert_outcomes(passed=3)
    assert sorted(request.json["messages"][0]["content"] for request in server.requests) == ["a", "b", "c"]
    assert all(result.samples[0].calls[0].spent for result in session.results())
    session.run("--llm-mode=replay").assert_outcomes(passed=3)
    assert len(server.requests) == 3


def test_the_same_asked_at_once_is_one_call_each_and_replays(plain_session: Session, server: Server) -> None:
    server.then(*(completion(letter) for letter in "abc"))
    write(
        plain_session,
        """
        from concurrent.futures import ThreadPoolExecutor

        def test_bot(llm_gateway):
            with ThreadPoolExecutor(3) as pool:
                assert sorted(pool.map(bot.text, ["?"] * 3)) == ["a", "b", "c"]
            assert len(llm_gateway.calls) == 3
        """,
    )
    plain_session.run("--llm-record").assert_outcomes(passed=1)
    plain_session.run("--llm-mode=replay").assert_outcomes(passed=1)
    assert len(server.requests) == 3


def test_samples_are_independent_answers_in_order(plain_session: Session, server: Server) -> None:
    server.then(completion("a"), completion("b"), completion("c"))
    write(
        plain_session,
        """
        said = []

        @pytest.mark.llm_samples(3)
        def test_bot(llm_gateway):
            said.append(run("?"))
            assert [call.reply for call in llm_gateway.calls] == [said[-1]]

        def test_after():
            assert said == ["a", "b", "c"]
        """,
    )
    plain_session.run("--llm-record").assert_outcomes(passed=2)
    plain_session.run("--llm-mode=replay").assert_outcomes(passed=2)
    assert len(server.requests) == 3


def test_the_application_is_rerouted_beside_its_baseline(plain_session: Session, server: Server) -> None:
    server.answer = lambda request: completion({"prod-1": "Rome", "cand-2": "Paris"}[request.json["model"]])
    write(plain_session, "def test_bot(llm_gateway):\n    assert run('Capital?') == 'Paris'\n")
    for _ in range(2):
        plain_session.run("--llm-model=candidate", "--llm-baseline=production")
        outcomes = {result.model: result.outcome for result in plain_session.results()}
        assert outcomes == {"candidate": "pass", "production": "fail"}
    assert sorted(request.json["model"] for request in server.requests) == ["cand-2", "prod-1"]


def test_the_budget_holds(plain_session: Session, server: Server) -> None:
    write(plain_session, "def test_bot(llm_gateway):\n    run('?')\n")
    result = plain_session.run("--llm-budget=0.000001")
    [case] = plain_session.results()
    assert case.outcome == "error"
    assert "the budget of $1e-06 is used up" in case.samples[0].reason
    assert (result.ret, server.requests) == (1, [])


def test_a_miss_is_told_to_the_application_and_sticks(plain_session: Session, server: Server) -> None:
    """It cannot be swallowed, and no SDK tries it again."""
    write(
        plain_session,
        """
        @pytest.fixture
        def warm(llm_gateway):
            return run("Are you there?")

        def test_bot(llm_gateway):
            said = spawn("Capital?")
            assert said.startswith("424") and "no recorded reply" in said

        def test_warm(warm, llm_gateway):
            pass
        """,
    )
    result = plain_session.run("--llm-mode=replay")
    result.assert_outcomes(errors=2)
    for case in plain_session.results():
        assert case.outcome == "error"
        assert "no recorded reply" in case.samples[0].reason
    assert server.requests == []


def test_an_assert_that_fails_over_a_miss_is_shown_with_the_miss(session: Session, server: Server) -> None:
    write(session, "def test_bot(llm_gateway):\n    right = 'Paris' in spawn('Capital?')\n    assert right\n")
    result = session.run("--llm-mode=replay")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["E *assert *", "*- an error, not a wrong answer -*", "no recorded reply of *; record it with --llm-record *"]
    )
    session.write("def test_llm(llm):\n    llm('Capital?')\n")
    assert "not a wrong answer" not in session.run("--llm-mode=replay").stdout.str()  # its exception says it


def test_an_application_that_goes_past_it_is_an_error_though_the_test_counts_calls(
    plain_session: Session, server: Server
) -> None:
    write(
        plain_session,
        f"""
        import os

        def test_bot(llm_gateway):
            os.environ["OPENAI_BASE_URL"] = "{server.base_url}"  # as an application does that sets its own
            assert bot.text("Capital?") == "Paris"
            assert len(llm_gateway.calls) == 1
        """,
    )
    result = plain_session.run()
    result.assert_outcomes(errors=1)
    assert len(server.requests) == 1
    [case] = plain_session.results()
    assert (case.outcome, case.category) == ("error", "nothing_asked")
    assert "does the application set its own base_url" in case.samples[0].reason


def test_an_application_that_asks_another_model_is_told_so(plain_session: Session, server: Server) -> None:
    write(plain_session, "def test_bot(llm_gateway):\n    assert bot.text('?', model='other') == 'Paris'\n")
    plain_session.configure('[tool.llmeval]\nmodel = "openai/prod-1"\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", server.base_url)
        patch.setenv("OPENAI_API_KEY", "k")
        result = plain_session.run()
    result.assert_outcomes(errors=1)
    assert told(result, "the application asked openai/other and never the model on trial, openai/prod-1*")
    result.stdout.fnmatch_lines(["E * or have it ask llm_gateway.model"])


def test_a_provider_that_fails_is_an_error_and_one_that_recovers_is_none(
    plain_session: Session, server: Server
) -> None:
    server.then(
        Reply(status=500, body={"error": {"message": "down"}}), Reply(status=429, body={"error": {"message": "slow"}})
    )
    write(
        plain_session,
        """
        def test_down(llm_gateway):
            assert run("a") == "Paris"

        def test_recovers(llm_gateway):
            assert run("b").startswith("429") and run("b") == "Paris"
            assert len(llm_gateway.calls) == 1
        """,
    )
    plain_session.run().assert_outcomes(errors=1, passed=1)
    outcomes = {result.key.test.rpartition("::")[2]: result for result in plain_session.results()}
    assert outcomes["test_down"].outcome == "error"
    assert "down" in outcomes["test_down"].samples[0].reason
    assert outcomes["test_recovers"].outcome == "pass"


def test_a_server_that_is_not_there_is_an_error(plain_session: Session) -> None:
    plain_session.configure(CONFIGURATION.format(base_url="http://127.0.0.1:9/v1"))
    write(plain_session, "def test_bot(llm_gateway):\n    assert run('?').startswith('502') and not 'Paris'\n")
    plain_session.run().assert_outcomes(errors=1)
    [case] = plain_session.results()
    assert case.outcome == "error"
    assert "no answer" in case.samples[0].reason


def test_a_key_goes_to_the_address_the_application_meant_alone(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-application")
    monkeypatch.setenv("KEY_OF_THE_CANDIDATE", "sk-of-the-candidate")
    with Server() as own:
        monkeypatch.setenv("OPENAI_BASE_URL", own.base_url)
        plain_session.configure(f"""
            [tool.llmeval]
            model = "openai/prod-1"

            [tool.llmeval.models.candidate]
            model = "openai/cand-2"
            base_url = "{server.base_url}"
            api_key_env = "KEY_OF_THE_CANDIDATE"

            [tool.llmeval.models.keyless]
            model = "openai/cand-3"
            base_url = "{server.base_url}"
        """)
        write(plain_session, "def test_bot(llm_gateway):\n    assert run('?') == 'Paris'\n")
        plain_session.run().assert_outcomes(passed=1)
        assert [request.headers["authorization"] for request in own.requests] == ["Bearer sk-of-the-application"]
        plain_session.run("--llm-model=candidate", "--llm-model=keyless").assert_outcomes(passed=2)
        assert len(own.requests) == 1
    keys = {request.json["model"]: request.headers.get("authorization") for request in server.requests}
    assert keys == {"cand-2": "Bearer sk-of-the-candidate", "cand-3": None}


def test_without_a_key_it_is_said_which_is_missing(plain_session: Session, server: Server) -> None:
    plain_session.configure('[tool.llmeval]\nmodel = "openai/prod-1"\n')
    write(plain_session, "def test_bot(llm_gateway):\n    assert 'no API key for openai/prod-1' in run('?')\n")
    plain_session.run().assert_outcomes(errors=1)
    [case] = plain_session.results()
    assert case.outcome == "error"
    assert "set the environment variable OPENAI_API_KEY" in case.samples[0].reason


def test_the_environment_is_set_and_restored(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://proxy.example/openai/v1")
    monkeypatch.setenv("NO_PROXY", "intern.example")
    write(
        plain_session,
        """
        import os

        before = dict(os.environ)

        def test_inside(llm_gateway):
            root = llm_gateway.base_url.removesuffix("/openai/v1")
            assert root.startswith("http://127.0.0.1:") and len(root.rpartition("/")[2]) >= 32
            assert os.environ["OPENAI_BASE_URL"] == llm_gateway.base_url == llm_gateway.urls["openai"]
            assert os.environ["ANTHROPIC_BASE_URL"] == llm_gateway.urls["anthropic"] == root + "/anthropic"
            assert os.environ["GOOGLE_GEMINI_BASE_URL"] == root + "/gemini"
            assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == "intern.example,127.0.0.1"
            assert "AZURE_OPENAI_ENDPOINT" not in os.environ
            assert os.environ.items() >= llm_gateway.environment.items()
            assert repr(llm_gateway) == "<llm_gateway: production, 0 calls>"
            assert "no-key" not in repr(llm_gateway.environment)
            assert spawn("?", env={**llm_gateway.environment, "PATH": os.environ["PATH"]}) == "Paris"

        def test_after():
            now = dict(os.environ)
            assert {**now, "PYTEST_CURRENT_TEST": ""} == {**before, "PYTEST_CURRENT_TEST": ""}
        """,
    )
    plain_session.run().assert_outcomes(passed=2)


def test_other_requests_are_passed_on_but_never_in_replay(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    server.answer = lambda request: Reply(body={"path": request.path}, headers={"x-own": "1"})
    write(
        plain_session,
        """
        import json, os, urllib.error, urllib.request

        def models():
            with urllib.request.urlopen(os.environ["OPENAI_BASE_URL"] + "/models?limit=2") as answer:
                assert answer.headers["x-own"] == "1"
                return json.load(answer)

        def test_needs_it(llm_gateway):
            assert models() == {"path": "/v1/models?limit=2"}
            assert llm_gateway.calls == []

        def test_does_without(llm_gateway):
            assert llm_gateway.calls == []
            try:
                models()
            except urllib.error.HTTPError as error:
                assert error.code == 424 and "GET /openai/v1/models" in json.load(error)["error"]["message"]

        def test_head(llm_gateway):
            request = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + "/x", method="HEAD")
            assert urllib.request.urlopen(request).read() == b""
            assert llm_gateway.calls == []

        def test_elsewhere(llm_gateway):
            assert llm_gateway.calls == []
            with pytest.raises(urllib.error.HTTPError, match="404") as caught:
                urllib.request.urlopen(os.environ["OPENAI_BASE_URL"].replace("/openai", "/nobody"))
            message = json.load(caught.value)["error"]["message"]
            assert "begin with one of /" in message and " /openai, " in message
        """,
    )
    plain_session.run().assert_outcomes(passed=4)
    assert [request.method for request in server.requests] == ["GET", "GET", "HEAD"]
    plain_session.run("--llm-mode=replay", "-k", "not head").assert_outcomes(passed=2, errors=1)
    assert len(server.requests) == 3
    [needs] = [result for result in plain_session.results() if "needs" in result.key.test]
    assert needs.outcome == "error"
    assert "is not a model call" in needs.samples[0].reason


def test_a_process_killed_within_its_stream_leaves_nothing(plain_session: Session, server: Server) -> None:
    """Its first event has come while the rest had not: a stream is passed on as it comes."""
    server.answer = lambda _: Reply(chunks=streamed("Par", "is", done=False)[:2], stall=True)
    write(
        plain_session,
        """
        import subprocess, sys

        READ = "import bot; lines = bot.ask('?', stream=True); print([next(lines) for _ in range(3)][2], flush=True); "

        def test_bot(llm_gateway):
            with subprocess.Popen([sys.executable, "-c", READ + "lines.read()"], stdout=subprocess.PIPE) as process:
                assert b"Par" in process.stdout.readline()
                process.kill()
            assert llm_gateway.calls == []
        """,
    )
    plain_session.run("--llm-record").assert_outcomes(passed=1)
    server.wait_until_idle()
    assert not list(plain_session.path.rglob("test_it*.jsonl"))
    plain_session.run("--llm-mode=replay").assert_outcomes(errors=1)


def test_what_is_under_way_when_the_test_ends_is_hung_up_on(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pytest_llmeval.plugin.capturing.loopback, "PATIENCE", 0.01)
    server.answer = lambda _: Reply(gate=server.gate())
    write(
        plain_session,
        """
        import threading, urllib.error
        from http.client import RemoteDisconnected

        sent = threading.Event()

        def ask():
            with pytest.raises((RemoteDisconnected, ConnectionError)):
                bot.ask("?")

        def test_bot(llm_gateway, request):
            thread = threading.Thread(target=ask)
            thread.start()
            request.addfinalizer(thread.join)
            while not llm_gateway._trial.seen:
                pass
        """,
    )
    result = plain_session.run()
    result.assert_outcomes(passed=1)
    assert told(result, "warning: 1 call was still under way 0.01 s after test_it.py::test_bot had ended*")
    server.wait_until_idle()


def test_a_server_started_once_per_session_serves_the_test_that_runs(session: Session, server: Server) -> None:
    server.answer = lambda request: completion(request.json["messages"][0]["content"].upper())
    session.write(
        BOT.replace('if __name__ == "__main__":', "for line in sys.stdin:").replace("sys.argv[1]", "line.strip()")
        + "    print(flush=True)\n",
        "service.py",
    )
    write(
        session,
        """
        import os, subprocess, sys

        @pytest.fixture(scope="session")
        def service(llm_gateway_environment):
            environment = os.environ | llm_gateway_environment
            pipe = subprocess.PIPE
            with subprocess.Popen(
                [sys.executable, "service.py"], env=environment, stdin=pipe, stdout=pipe, text=True
            ) as process:
                def ask(prompt):
                    print(prompt, file=process.stdin, flush=True)
                    return process.stdout.readline().strip()
                yield ask
                process.stdin.close()

        @pytest.mark.parametrize("prompt", ["a", "b"])
        def test_service(service, llm_gateway, prompt):
            assert service(prompt) == prompt.upper()
            assert [call.reply for call in llm_gateway.calls] == [prompt.upper()]

        def test_without(service):
            assert service("c") == "410 no test that uses llm_gateway is running"
        """,
    )
    session.run("--llm-record").assert_outcomes(passed=3)
    session.run("--llm-mode=replay").assert_outcomes(passed=3)
    assert len(server.requests) == 2


def test_it_goes_together_with_llm_but_not_with_llm_capture(plain_session: Session, server: Server) -> None:
    write(
        plain_session,
        """
        @pytest.mark.llm_samples(2)
        def test_llm(llm_gateway, llm):
            assert llm("a") == run("b") == "Paris"

        def test_both(llm_gateway, llm_capture):
            pass
        """,
    )
    result = plain_session.run()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*llm_capture and llm_gateway cannot be used in one test: each call would count*"])
    assert len(server.requests) == 4


def test_an_answer_is_stored_as_llm_stores_it(plain_session: Session, server: Server) -> None:
    write(
        plain_session,
        """
        def test_llm(llm):
            assert llm("Capital?") == "Paris"

        def test_bot(llm_gateway):
            assert run("Capital?") == "Paris"
            assert llm_gateway.calls[0].reply.cached
        """,
    )
    plain_session.run("-k", "llm").assert_outcomes(passed=1)
    plain_session.run("-k", "bot").assert_outcomes(passed=1)
    assert len(server.requests) == 1


def test_the_fixtures_say_what_they_are_for(plain_session: Session) -> None:
    plain_session.write("def test_nothing():\n    pass\n")
    result = plain_session.run("--fixtures")
    result.stdout.fnmatch_lines(
        ["llm_gateway --*", "    Capture what other processes, other languages and other HTTP*"]
    )
    result.stdout.fnmatch_lines(["llm_gateway_environment [[]session scope[]] --*", "    Environment variables for a*"])


def test_recordings_hold_no_token_and_no_key(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-application")
    plain_session.configure('[tool.llmeval]\nmodel = "openai/prod-1"\nrecordings = "recordings"\n')
    write(plain_session, "def test_bot(llm_gateway):\n    assert run('?') == 'Paris'\n")
    plain_session.run("--llm-record").assert_outcomes(passed=1)
    [file] = (plain_session.path / "recordings").rglob("*.jsonl")
    text = file.read_text()
    assert "sk-of" not in text
    assert "127.0.0.1" not in text
    assert any("Paris" in json.dumps(json.loads(line)) for line in text.splitlines())
