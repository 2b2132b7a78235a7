"""``llmeval review``: it serves a run, and puts what was decided into the project."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from pytest_llmeval.commands.main import main
from pytest_llmeval.commands.review import adds_cases
from pytest_llmeval.config.settings import load_settings
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.review.decisions import Decision, decisions_in
from pytest_llmeval.review.log import ReviewLog
from pytest_llmeval.runs.answer_digest import answer_digest
from pytest_llmeval.runs.results import CaseKey
from tests.plugin.publishing.test_github import prepare
from tests.plugin.rejudging.test_decided import decide
from tests.server import Server, completion
from tests.sessions import Session

KEY = CaseKey("test_it.py::test_city", "c0")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text("[tool.llmeval]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def saved(project: Path, *decisions: Decision) -> Path:
    log = ReviewLog(project / "downloads" / "release.jsonl")
    for decision in decisions:
        log.add(decision)
    return log.path


def test_decisions_are_put_into_the_project_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accepted = Decision(KEY, "d1", "accepted", reviewer="ana")
    path = saved(project, accepted, Decision(KEY, "d2", "rejected", "tone", reviewer="ana"))
    assert main(["review", str(path), "--apply"]) == 0
    assert capsys.readouterr().out == (
        "reviews/release.jsonl: 1 accepted, 1 rejected; commit it: these decisions count from now on\n"
    )
    assert len(decisions_in(project)) == 2
    saved(project, Decision(KEY, "d3", "accepted", reviewer="ana"))
    assert main(["review", str(path), "--apply"]) == 0
    assert "reviews/release.jsonl: 1 accepted;" in capsys.readouterr().out
    assert len((project / "reviews" / "release.jsonl").read_text().splitlines()) == 3
    assert main(["review", str(path), "--apply"]) == 0
    assert "nothing new was decided" in capsys.readouterr().out


def test_a_decision_that_was_replaced_is_not_counted(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accepted = Decision(KEY, "d1", "accepted", reviewer="ana", at="2026-11-30T10:00:00Z")
    rejected = accepted._replace(decision="rejected", category="tone", at="2026-11-30T10:00:05Z")
    path = saved(project, accepted, rejected)
    assert main(["review", str(path), "--apply"]) == 0
    assert capsys.readouterr().out.startswith("reviews/release.jsonl: 1 rejected; commit it")


def test_the_reviewer_can_be_named_afterwards(project: Path) -> None:
    path = saved(project, Decision(KEY, "d1", "accepted"))
    assert main(["review", str(path), "--apply", "--reviewer=bo"]) == 0
    found = decisions_in(project).of(KEY, "d1", "")
    assert found is not None
    assert found.reviewer == "bo"


def test_what_is_no_file_of_decisions_is_told_in_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in (("missing.jsonl", None), ("other.jsonl", '{"schema": 1}\n')):
        if text is not None:
            (project / name).write_text(text)
        assert main(["review", name, "--apply"]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"llmeval: {name}")
        assert said.count("\n") == 1
    assert main(["review", "other.jsonl"]) == 2


def test_labels_say_how_good_a_check_is(
    plain_session: Session, server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(plain_session, server)
    plain_session.run("--llm-model=candidate")
    decide(plain_session, model="candidate", word="rejected", number=20, category="city")
    monkeypatch.chdir(plain_session.path)
    capsys.readouterr()
    assert main(["review", "run.jsonl", "--labels"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("city 100")
    assert said[0].endswith("by 20 labels; the check alone says 40.0 %")
    assert said[1].startswith("  its checks: precision 100 % [")
    assert main(["review", "run.jsonl", "--labels", "--model=nobody"]) == 2


def test_it_serves_a_run_until_it_is_interrupted(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    plain_session.run("--llm-model=candidate")
    command = [sys.executable, "-m", "pytest_llmeval", "review", "run.jsonl", "--reviewer=ana"]
    with subprocess.Popen(command, cwd=plain_session.path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/\?key=\S+", line)
        assert found, line
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor())
        page = opener.open(found[0], timeout=30).read().decode()
        data = json.loads(re.findall(r'id="data">(.*?)</script>', page)[0])
        assert data["review"]["reviewer"] == "ana"
        assert len(data["trials"]) == 20
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(found[0], timeout=30)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 0
    assert "nothing decided; to keep them" not in rest
    assert "nothing was decided" in rest


def test_a_served_review_writes_cases_as_the_command_does(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_session.write("""
        def test_wrong(llm):
            assert llm("Say yes.") == "yes"

        def test_right(llm):
            assert llm("Say no.") == "no"
    """)
    server.answer = lambda _: completion("no")
    plain_session.run("--llm-baseline=none")
    monkeypatch.chdir(plain_session.path)
    log = ReviewLog(plain_session.path / "log.jsonl")
    settings = load_settings(plain_session.path)
    add = adds_cases(plain_session.report, settings, log)
    wrong, right = sorted(plain_session.results(), key=lambda each: each.outcome)
    digest = answer_digest(wrong.samples[0].calls)
    assert add(wrong.key, "production", digest).startswith('cases.jsonl:1: added "test_wrong", which failed with')
    assert add(wrong.key, "production", digest).startswith("nothing to add")
    with pytest.raises(ConfigError, match="its answer does not fail; reject it first"):
        add(right.key, "production", digest)
    log.add(Decision(right.key, digest, "rejected", "tone"))
    assert 'added "test_right", which failed with tone' in add(right.key, "production", digest)
    log.add(Decision(wrong.key, digest, "accepted"))
    with pytest.raises(ConfigError, match="was accepted"):
        add(wrong.key, "production", digest)
    with pytest.raises(ConfigError, match="holds no such answer"):
        add(wrong.key, "production", "d")
