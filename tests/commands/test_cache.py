"""``llmeval cache``: every command over real recordings, a real cache and a real server."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pytest_llmeval.commands.main import main
from pytest_llmeval.reply import OTHER_CALL, Answer, Measures
from pytest_llmeval.runs.file import RunWriter
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, Outcome, Run, SampleResult
from pytest_llmeval.store.cache import Cache
from pytest_llmeval.store.entry import Entry
from pytest_llmeval.store.recordings import Recordings
from tests import entries
from tests.server import Server, completion

MODULE = "test_x.py"


def entry(number: int, **changes: Any) -> Entry:
    fields = {
        "provider": "local",
        "model": "m-1",
        "request": {"model": "m-1", "messages": [{"role": "user", "content": f"Question {number}"}]},
        "case": f"{MODULE}::test_x[{number}]",
        "response": completion("Paris"),
        "cost": 0.001,
        "recorded_at": "2026-11-01T10:00:00Z",
    }
    return entries.entry(number, **{**fields, **changes})


class Project:
    def __init__(self, folder: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        (folder / "pyproject.toml").write_text(
            f'[tool.llmeval.models.a]\nmodel = "local/m-1"\nbase_url = "{server.base_url}"\n'
            "prices = { input = 1.0, output = 10.0 }\n"
        )
        (folder / MODULE).write_text("def test_x(llm): ...\n")
        self.warnings: list[str] = []
        self.recordings = Recordings(folder / "recordings", self.warnings.append)
        self.cache = Cache(folder / ".llmeval" / "cache", self.warnings.append)

    def run(self, *arguments: str) -> tuple[int, str]:
        code = main(["cache", arguments[0], f"--config={self.folder}", *arguments[1:]])
        out, err = self.capsys.readouterr()
        return code, out + err

    def keep(self, *entries: Entry) -> None:
        for one in entries:
            self.cache.put(one)
        self.cache.close()

    def cached(self) -> set[str]:
        keys = set(self.cache.keys())
        self.cache.close()
        return keys

    def save_run(
        self, *used: Entry, outcome: Outcome = "pass", complete: bool = True, cases: tuple[str, ...] = ()
    ) -> str:
        path = self.folder / "run.jsonl"
        writer = RunWriter(path, Run(created="2026-11-23", models={"a": {"provider": "local", "model": "m-1"}}))
        for one in used:
            writer.add(self.result(one.case, one.key, outcome))
        for case in cases:
            writer.add(self.result(case, None, outcome))
        writer.finish(complete=complete)
        return str(path)

    def result(self, case: str, key: str | None, outcome: Outcome) -> CaseResult:
        test, _, rest = case.partition("[")
        call = Call(
            provider="local",
            request_model="m-1",
            words_digest="p",
            answer=Answer(text="Paris"),
            measures=Measures(latency=0.1),
            key=key,
        )
        sample = SampleResult(index=0, outcome=outcome, calls=(call,) if key else ())
        return CaseResult(key=CaseKey(test, rest.rstrip("]")), model="a", samples=(sample,))


@pytest.fixture
def project(tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> Iterator[Project]:
    project = Project(tmp_path, server, capsys)
    yield project
    project.cache.close()
    assert project.warnings == []


def test_stats_count_replies_models_days_and_flaws(project: Project) -> None:
    project.keep(entry(1), entry(2, flaw="refusal", recorded_at="2026-11-20T10:00:00Z"))
    project.recordings.write(MODULE, [entry(1), entry(3, model="m-2\x1b[31m", flaw="truncated"), entry(4)])

    code, text = project.run("stats")

    lines = text.splitlines()
    assert code == 0
    assert lines[0].startswith("cache .llmeval/cache: 2 replies, ")
    assert lines[1] == "  local/m-1: 2 replies, 2026-11-01 to 2026-11-20, 1 refused"
    assert lines[2].startswith("recordings recordings: 1 file, ")
    assert lines[3].startswith("  test_x.jsonl: 3 replies, ")
    assert lines[4:] == [
        "    local/m-1: 2 replies, 2026-11-01",
        "    local/m-2\\x1b[31m: 1 reply, 2026-11-01, 1 truncated",
    ]


def test_stats_of_nothing_make_nothing(project: Project) -> None:
    assert project.run("stats") == (
        0,
        "cache .llmeval/cache: 0 replies, 0 bytes\nrecordings recordings: 0 files, 0 bytes\n",
    )
    assert not (project.folder / ".llmeval").exists()


def test_what_complete_runs_could_have_used_and_did_not_is_unused(project: Project) -> None:
    project.recordings.write(MODULE, [entry(number) for number in range(4)])
    run = project.save_run(entry(0), entry(1), cases=(entry(2).case,))

    code, text = project.run("unused", run)
    assert (code, text.splitlines()) == (
        0,
        [
            "test_x.jsonl: 2 replies unused",
            "  test_x.py::test_x[2]  m-1, sample 0",
            "  test_x.py::test_x[3]  m-1, sample 0",
        ],
    )
    assert project.run("prune", run, "--dry-run") == (0, "test_x.jsonl: 2 replies would be deleted\n")
    assert len(Recordings(project.recordings.directory, print).keys(MODULE)) == 4
    assert project.run("prune", run) == (0, "test_x.jsonl: 2 replies deleted\n")
    assert Recordings(project.recordings.directory, print).keys(MODULE) == {entry(0).key, entry(1).key}
    assert project.run("prune", run) == (0, "no recorded reply is unused\n")


def test_what_a_run_says_nothing_about_is_kept(project: Project) -> None:
    """Other models, further samples, samples that failed, files that were not run, tests that were skipped."""
    (project.folder / "test_y.py").write_text("def test_y(llm): ...\n")
    (project.folder / MODULE).write_text("def test_x(llm): ...\ndef test_skipped(llm): ...\n")
    project.recordings.write(
        MODULE,
        [
            entry(1, model="m-2"),
            entry(2, case=entry(0).case, sample=1),
            entry(3, case=f"{MODULE}::test_skipped"),
        ],
    )
    project.recordings.write("test_y.py", [entry(5, case="test_y.py::test_y")])
    run = project.save_run(entry(0))
    assert project.run("unused", run)[1] == "every recorded reply that the runs could have used was used\n"

    project.recordings.write(MODULE, [entry(7, case=entry(6).case)])
    failing = project.save_run(entry(6), outcome="fail")
    assert "test_x[6]" not in project.run("unused", failing)[1]


def test_recordings_of_tests_that_are_gone_are_unused(project: Project) -> None:
    project.recordings.write(MODULE, [entry(1, case=f"{MODULE}::test_gone")])
    project.recordings.write("test_gone.py", [entry(2, case="test_gone.py::test_y")])
    project.recordings.write("test_z.py", [entry(3, case="../test_z.py::test_z")])

    assert project.run("prune", project.save_run(entry(0)))[1].splitlines() == [
        "test_gone.jsonl: 1 reply deleted",
        "test_x.jsonl: 1 reply deleted",
    ]
    assert [path.name for path in project.recordings.paths()] == ["test_z.jsonl"]


@pytest.mark.parametrize("complete", [False, None])
def test_a_part_of_a_run_proves_nothing(project: Project, complete: bool) -> None:
    code, text = project.run("unused", project.save_run(entry(0), complete=complete))
    assert (code, "is not a complete run" in text) == (2, True)


def test_a_run_that_does_not_know_its_replies_proves_nothing(project: Project) -> None:
    path = Path(project.save_run(entry(0)))
    path.write_text(path.read_text().replace('"key": "', '"other": "'))
    code, text = project.run("prune", str(path))
    assert (code, "does not say which replies it used" in text) == (2, True)


def test_prune_deletes_old_replies_of_the_cache(project: Project) -> None:
    now = datetime.now(UTC)
    old, young = ((now - timedelta(days=days)).isoformat() for days in (31, 29))
    project.keep(entry(1, recorded_at=old), entry(2, recorded_at=young))

    assert (
        project.run("prune", "--older-than=30d", "--dry-run")[1] == "cache .llmeval/cache: 1 reply would be deleted\n"
    )
    assert len(project.cached()) == 2
    assert project.run("prune", "--older-than=30d")[1] == "cache .llmeval/cache: 1 reply deleted\n"
    assert project.cached() == {entry(2).key}


@pytest.mark.parametrize("arguments", [(), ("--older-than=soon",), ("--older-than=0d",), ("--older-than=99999w",)])
def test_prune_must_be_told_what(project: Project, arguments: tuple[str, ...]) -> None:
    project.keep(entry(1))
    code, text = project.run("prune", *arguments)
    assert code == 2 or text.endswith("0 replies deleted\n")
    assert "Traceback" not in text
    assert project.cached() == {entry(1).key}


def test_verify_tells_the_cost_and_asks_only_when_told(project: Project, server: Server) -> None:
    project.recordings.write(MODULE, [entry(number) for number in range(20)])

    code, text = project.run("verify")
    assert (code, text.splitlines()) == (
        0,
        [
            "asking again for 10 of 20 replies will cost about $0.010",
            "nothing was sent; add --yes to ask",
        ],
    )
    assert server.requests == []


def test_verify_counts_what_is_equal_and_what_changed(project: Project, server: Server) -> None:
    project.recordings.write(MODULE, [entry(1), entry(2), entry(3, cost=None)])
    server.answer = lambda request: completion("Lyon\x1b" if "Question 2" in request.body.decode() else "Paris")

    code, text = project.run("verify", "--yes", "--model=a")

    assert (code, len(server.requests)) == (1, 3)
    assert text.splitlines() == [
        "asking again for 3 of 3 replies will cost about $0.0020 and 1 call without a known price",
        "changed    test_x.py::test_x[2], m-1, sample 0",
        "    stored: Paris",
        "    now:    Lyon\\x1b",
        "2 equal, 1 changed, 0 without an answer; $0.00011 spent",
    ]
    assert {json.dumps(request.json, sort_keys=True) for request in server.requests} == {
        json.dumps(entry(number).request, sort_keys=True) for number in (1, 2, 3)
    }


def test_verify_is_bounded_and_says_why_there_is_no_answer(project: Project, server: Server) -> None:
    project.keep(entry(1), entry(2), entry(3))
    server.answer = lambda _: {"error": {"message": "no such model", "type": "invalid_request_error"}}

    code, text = project.run("verify", "--yes", "--count=1")
    assert (code, len(server.requests)) == (1, 1)
    assert "no answer  test_x.py::test_x[1], m-1, sample 0: " in text
    assert text.splitlines()[-1] == "0 equal, 0 changed, 1 without an answer; $0.00 spent"


def test_verify_without_a_key_sends_nothing(project: Project, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    project.keep(dataclasses.replace(entry(1), provider="openai"))
    code, text = project.run("verify", "--yes")
    assert (code, "set the environment variable OPENAI_API_KEY" in text) == (1, True)
    assert server.requests == []


def test_verify_of_nothing_is_an_error(project: Project) -> None:
    assert project.run("verify") == (2, "llmeval: llmeval cache verify: there is no stored reply\n")


def test_other_calls_are_neither_unused_nor_asked_again(project: Project, server: Server) -> None:
    """No run says who asked for an embedding."""
    embedded = entry(2, provider=OTHER_CALL, response={"headers": {}, "text": "{}"})
    project.recordings.write(MODULE, [entry(0), embedded])
    run = project.save_run(entry(0), cases=(embedded.case,))
    assert project.run("unused", run)[1] == "every recorded reply that the runs could have used was used\n"
    assert "asking again for 1 of 1 reply" in project.run("verify")[1]
    (project.folder / MODULE).unlink()
    assert project.run("unused", run)[1].startswith("test_x.jsonl: 1 reply unused")
