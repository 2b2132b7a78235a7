"""A pull request is judged by the gate and the baseline of the branch it goes to, so that it cannot excuse itself."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from pytest_llmeval.commands.main import main as llmeval
from pytest_llmeval.plugin.base_branch import find_base
from tests.plugin.rejudging.test_judged_again import CASES, SUITE, clerk, rows, save
from tests.server import Request, Server, completion
from tests.sessions import Session, told


def git(session: Session, *arguments: str) -> str:
    command = ["git", "-c", "user.name=n", "-c", "user.email=e@example.com", "-C", str(session.path), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def main(plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A project whose branch main has a baseline, with a branch of a pull request checked out."""
    git(plain_session, "init", "-q", "-b", "main")
    git(plain_session, "commit", "-q", "--allow-empty", "-m", "start")
    save(plain_session, server)
    (plain_session.path / ".gitignore").write_text(".llmeval\n__pycache__\n*.pyc\nrun.jsonl\n")
    git(plain_session, "add", ".")
    git(plain_session, "commit", "-q", "-m", "baseline")
    git(plain_session, "checkout", "-q", "-b", "change")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    return plain_session


def brief(session: Session) -> None:
    session.write(SUITE.replace("kettles.", "kettles. Be brief."))


def test_a_change_that_saves_its_own_baseline_is_judged_by_that_of_main(main: Session) -> None:
    brief(main)
    assert main.run("--llm-update-baseline").ret in (0, 1)
    result = main.run()
    assert result.ret == 1
    assert told(result, "GATE FAILED: wrong_answer regressed from 0 of 20 to 20 of 20 answers")
    assert told(result, "production vs baseline production (saved run b.jsonl of main)")
    assert told(result, "this change edits the baseline: 20 cases, 20 worse; that of main counts")


def test_a_merge_queue_is_judged_by_the_branch_it_merges_into(main: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    event = main.path / "event.json"
    event.write_text(json.dumps({"merge_group": {"base_ref": "refs/heads/main", "head_ref": "refs/heads/queue"}}))
    monkeypatch.setenv("GITHUB_BASE_REF", "")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "merge_group")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    brief(main)
    assert main.run("--llm-update-baseline").ret in (0, 1)
    assert told(main.run(), "this change edits the baseline: 20 cases, 20 worse; that of main counts")
    event.write_text("{}")
    result = main.run()
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*GITHUB_EVENT_PATH does not say which branch this merge queue merges into"])


def test_a_change_that_edits_the_gate_is_judged_by_that_of_main(main: Session) -> None:
    brief(main)
    path = main.path / "pyproject.toml"
    path.write_text(path.read_text() + '\n[tool.llmeval.categories.wrong_answer]\nseverity = "low"\n')
    result = main.run()
    assert result.ret == 1
    assert told(result, "this change edits the gate's settings; those of main count")
    assert llmeval(["compare", str(main.report), "-q"]) == 1  # nor does the run that it saves excuse it


@pytest.mark.parametrize("baseline", ["../b.jsonl", "mine.jsonl"])
def test_a_change_that_adds_a_table_nearer_to_the_tests_is_judged_by_that_of_main(
    main: Session, server: Server, baseline: str
) -> None:
    folder = main.path / "evals"
    git(main, "checkout", "-q", "main")
    folder.mkdir()
    for name in ("test_it.py", "cases.jsonl"):
        git(main, "mv", name, "evals")
    server.answer = clerk
    main.run("evals", "--llm-update-baseline")
    git(main, "commit", "-qam", "moved")
    git(main, "checkout", "-q", "-b", "nearer")
    (folder / "test_it.py").write_text((folder / "test_it.py").read_text().replace("kettles.", "kettles. Be brief."))
    table = (main.path / "pyproject.toml").read_text().partition("[tool.llmeval]")[2]
    table = table.replace("b.jsonl", baseline).replace("tool.llmeval.", "")
    (folder / "llmeval.toml").write_text(f'{table}\n[categories.wrong_answer]\nseverity = "low"\n')
    result = main.run("evals")
    assert told(result, "this change edits the gate's settings; those of main count")
    assert told(result, "this change names another baseline; that of main counts: b.jsonl") is ("mine" in baseline)
    assert told(result, "GATE FAILED: wrong_answer regressed from 0 of 20 to 20 of 20 answers")
    assert result.ret == 1


@pytest.mark.parametrize("baseline", ["", 'baseline = "production"', 'baseline = "mine.jsonl"'])
def test_a_change_that_names_another_baseline_is_judged_by_that_of_main(main: Session, baseline: str) -> None:
    brief(main)
    path = main.path / "pyproject.toml"
    path.write_text(path.read_text().replace('baseline = "b.jsonl"', baseline))
    assert main.run().ret == 1


@pytest.mark.parametrize(
    ("option", "ret", "words"),
    [
        ("--llm-baseline mine.jsonl", 1, "could not be measured: this change puts --llm-baseline=mine.jsonl into add"),
        ("--llm-baseline-ref=HEAD", 1, "GATE FAILED: wrong_answer regressed from 0 of 20 to 20 of 20 answers"),
        ("--llm-update-baseline", 4, "--llm-update-baseline in addopts would save a baseline in every session"),
    ],
)
def test_a_change_of_addopts_does_not_excuse_it(main: Session, option: str, ret: int, words: str) -> None:
    table = main.path / "pyproject.toml"
    table.write_text(f"{table.read_text()}\n# mine.jsonl is nothing for --llm-baseline-ref\n")
    git(main, "commit", "-qam", "a remark")
    git(main, "branch", "-f", "main")
    brief(main)
    main.run("--llm-update-baseline")
    (main.path / "mine.jsonl").write_bytes((main.path / "b.jsonl").read_bytes())
    git(main, "commit", "-qam", "mine")
    table.write_text(
        table.read_text().replace("[tool.pytest.ini_options]", f"[tool.pytest.ini_options]\naddopts='{option}'")
    )
    result = main.run("--llm-model=candidate")
    assert result.ret == ret
    assert words in " ".join(map(str.strip, [*result.outlines, *result.errlines]))
    git(main, "commit", "-qam", "addopts")
    git(main, "branch", "-f", "main")
    result = main.run("--llm-model=candidate")
    assert result.ret == (ret if ret == 4 else 0)  # what main says, it says
    assert "this change puts" not in " ".join(map(str.strip, result.outlines))


def test_a_change_that_removes_the_baseline_is_judged_by_that_of_main(main: Session) -> None:
    (main.path / "b.jsonl").unlink()
    result = main.run()
    assert result.ret == 0
    assert told(result, "this change removes the baseline b.jsonl; that of main counts")


def test_a_change_that_does_nothing_wrong_is_green(main: Session) -> None:
    assert main.run().ret == 0
    (main.path / "cases.jsonl").write_text(rows(*range(CASES), 70))
    assert main.run().ret == 0


def test_what_the_remote_says_comes_before_a_branch_of_that_name(main: Session, server: Server) -> None:
    brief(main)
    git(main, "update-ref", "refs/remotes/origin/main", "main")
    git(main, "checkout", "-q", "main")
    server.answer = clerk
    main.run("--llm-update-baseline", "--llm-mode=refresh")
    git(main, "commit", "-qam", "worse")
    result = main.run()
    assert result.ret == 1
    assert told(result, "saved run b.jsonl of origin/main)")


@pytest.mark.parametrize("by_option", [False, True])
@pytest.mark.parametrize("on_github", [False, True])
def test_a_base_that_git_does_not_have_is_said_first(
    main: Session, monkeypatch: pytest.MonkeyPatch, by_option: bool, on_github: bool
) -> None:
    if on_github:
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_BASE_REF", "" if by_option else "trunk")
    result = main.run(*(["--llm-baseline-ref=trunk"] if by_option else []))
    assert result.ret == int(on_github)
    assert told(result, "git has neither origin/trunk nor trunk, so this change is judged by its own baseline")
    assert told(result, "GATE FAILED: could not be measured: git has neither") is on_github


def test_without_git_the_base_is_not_there(plain_session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_base("main", plain_session.path) is None
    monkeypatch.setenv("PATH", "")
    assert find_base("main", plain_session.path) is None


@pytest.mark.parametrize("name", ["--upload-pack=touch x", "a b", "a..b:c", "-x", "a\nb"])
def test_what_can_be_no_branch_is_refused(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    save(plain_session, server)
    monkeypatch.setenv("GITHUB_BASE_REF", name)
    result = plain_session.run("--llm-model=production")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: GITHUB_BASE_REF=*no name of a branch*"])


def test_a_broken_table_of_the_base_is_one_line(main: Session) -> None:
    git(main, "checkout", "-q", "main")
    path = main.path / "pyproject.toml"
    good = path.read_text()
    path.write_text(good.replace("[tool.llmeval]", "[tool.llmeval]\nbaselin = 1"))
    git(main, "commit", "-qam", "broken")
    git(main, "checkout", "-q", "-b", "other")
    path.write_text(good)
    result = main.run("--llm-model=production")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: main: pyproject.toml: *baselin*"])


def test_a_base_without_a_baseline_takes_the_one_the_change_brings(main: Session) -> None:
    git(main, "checkout", "-q", "main")
    git(main, "rm", "-q", "--cached", "b.jsonl")
    git(main, "commit", "-qm", "none")
    git(main, "checkout", "-q", "-b", "adds")
    result = main.run()
    assert result.ret == 0
    assert told(result, "main has no b.jsonl yet: this change is compared with the one it brings")


def test_workers_read_the_base_too(main: Session, server: Server) -> None:
    def answer(request: Request) -> object:
        return completion("no") if request.json["model"] == "cand-2" else clerk(request)

    server.answer = answer
    main.arguments = ("-n2",)
    result = main.run("--llm-model=candidate")
    assert (result.ret, told(result, "b.jsonl of main)")) == (1, True)


def test_a_run_knows_its_commit_and_the_summary_how_old_the_baseline_is(
    main: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = git(main, "rev-parse", "HEAD")
    result = main.run()
    assert main.saved().commit == commit
    first = json.loads((main.path / "b.jsonl").read_text().splitlines()[0])
    assert re.fullmatch("[0-9a-f]{40}", first["commit"])
    assert told(result, f"the baseline was saved today, at commit {first['commit'][:7]}")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("GITHUB_SHA", "f" * 40)
    main.run("--llm-baseline-ref=")
    assert main.saved().commit == "f" * 40


def test_a_change_that_drops_the_anchor_is_compared_with_that_of_main(main: Session) -> None:
    path = main.path / "pyproject.toml"
    before = path.read_text()
    path.write_text(before.replace("[tool.llmeval]", '[tool.llmeval]\nanchor = "b.jsonl"', 1))
    git(main, "checkout", "-q", "main")
    git(main, "commit", "-qam", "anchor")
    git(main, "checkout", "-q", "-b", "another")
    path.write_text(before)
    assert told(
        main.run(), "against the anchor b.jsonl of main (saved today, at commit *): production in 20 of 20 cases"
    )
