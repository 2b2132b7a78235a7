"""A saved run is judged by the rules of its session, wherever it is looked at."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_llmeval.commands.main import main
from pytest_llmeval.config.settings import CategorySettings, GateSettings
from pytest_llmeval.runs.file import load_run, save_run
from pytest_llmeval.runs.results import CaseKey, CaseResult, Run
from pytest_llmeval.runs.rules import RunRules, rules_from_json, rules_to_json
from pytest_llmeval.runs.shards import Shards
from pytest_llmeval.stats.dependence import Dispersion
from tests.analysis.test_compare import call, case

MODELS = {"old": {"provider": "openai", "model": "old"}, "new": {"provider": "openai", "model": "new"}}
LOW = RunRules(categories={"tone": CategorySettings(severity="low")})
RULES = RunRules(
    strict=True,
    categories={"tone": CategorySettings("high", 0.1)},
    budgets=GateSettings(latency_p95=0.2, by=("category", "task")),
    dispersion=Dispersion(1.5, 7),
    unmeasurable=("git has no main",),
    decided="this change accepts 7 answers",
)


def results(model: str, failing: int) -> list[CaseResult]:
    made = [
        case(f"c{number}", ["tone" if number < failing else ""], calls=[call(f"{model} {number}")])
        for number in range(30)
    ]
    return [each._replace(model=model) for each in made]


def run(rules: RunRules | None = None, *, failing: int = 12, **fields: object) -> Run:
    """A run of two models, the new one of which fails more often in its tone."""
    found = (*results("old", 0), *results("new", failing))
    made = Run("2026-11-30T10:00:00+00:00", MODELS, "old", True, None, (), found, rules=rules)
    return made._replace(**fields)  # type: ignore[arg-type]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    configure(tmp_path, "normal")
    return tmp_path


def configure(folder: Path, severity: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "pyproject.toml").write_text(f'[tool.llmeval.categories.tone]\nseverity = "{severity}"\n')


@pytest.fixture
def llmeval(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def call_it(*arguments: str) -> tuple[int, str]:
        code = main(arguments)
        return code, " ".join((captured := capsys.readouterr()).out.split() + captured.err.split())

    return call_it


def test_the_rules_come_back_as_they_were_saved(here: Path) -> None:
    assert rules_from_json(json.loads(json.dumps(rules_to_json(RULES)))) == RULES
    save_run(here / "run.jsonl", run(RULES))
    assert load_run(here / "run.jsonl").rules == RULES
    save_run(here / "run.jsonl", run())
    assert load_run(here / "run.jsonl").rules is None


def test_the_rules_of_the_session_count_and_not_those_of_the_folder(
    here: Path, llmeval: Callable[..., tuple[int, str]]
) -> None:
    save_run(here / "run.jsonl", run(LOW))
    differ = "rules: judged by the rules of the run's session; the settings here differ: tone"
    for command in (["show", "run.jsonl"], ["compare", "run.jsonl"], ["report", "run.jsonl", "-o", "out.md"]):
        code, told = llmeval(*command)
        assert (code, differ in told) == (0, True), command
        assert "GATE FAILED" not in told
    page = (here / "out.md").read_text()
    assert "gate ok" in page
    assert "judged by the rules of the run" in page
    configure(here, "low")
    assert "rules:" not in llmeval("compare", "run.jsonl")[1]


def test_a_folder_that_is_named_counts(here: Path, llmeval: Callable[..., tuple[int, str]]) -> None:
    save_run(here / "run.jsonl", run(LOW))
    configure(here / "main", "high")
    code, told = llmeval("compare", "run.jsonl", "--config=main")
    assert code == 1
    assert "GATE FAILED: tone regressed" in told
    assert "judged by the settings that --config names; those of the run's session differ: tone" in told


def test_a_run_that_says_nothing_of_rules_is_judged_as_before(
    here: Path, llmeval: Callable[..., tuple[int, str]]
) -> None:
    save_run(here / "run.jsonl", run())
    code, told = llmeval("compare", "run.jsonl")
    assert code == 1
    assert "rules: this run does not say which rules judged its session, so the settings here count" in told
    configure(here, "low")
    assert llmeval("compare", "run.jsonl")[0] == 0


def test_of_two_runs_the_rules_of_the_one_on_trial_count(here: Path, llmeval: Callable[..., tuple[int, str]]) -> None:
    both = run(LOW)
    for name, model in (("before", "old"), ("after", "new")):
        of_one = tuple(each for each in both.results if each.model == model)
        save_run(here / f"{name}.jsonl", both._replace(models={model: MODELS[model]}, baseline=None, results=of_one))
    code, told = llmeval("compare", "before.jsonl", "after.jsonl")
    assert code == 0
    assert "the settings here differ: tone" in told


def test_what_a_session_could_not_measure_and_its_strictness_stay(
    here: Path, llmeval: Callable[..., tuple[int, str]]
) -> None:
    save_run(here / "run.jsonl", run(RunRules(unmeasurable=("git has no main",)), failing=0))
    for options in ((), ("--config=.",)):
        code, told = llmeval("compare", "run.jsonl", *options)
        assert (code, "GATE FAILED: could not be measured: git has no main" in told) == (1, True)
    left_out = ((CaseKey("t.py::test_mail", "c30"), "new"),)
    for strict in (False, True):
        save_run(here / "run.jsonl", run(RunRules(strict=strict), failing=0, complete=False, left_out=left_out))
        assert llmeval("compare", "run.jsonl")[0] == strict


def test_what_a_change_decides_of_answers_is_told_of_shards_and_of_runs(
    here: Path, llmeval: Callable[..., tuple[int, str]]
) -> None:
    decided = "this change accepts 7 answers"
    save_run(here / "run.jsonl", run(RunRules(decided=decided), failing=0))
    for number in (1, 2):
        of_shard = Shards((number,), 2, 30, "cut", decided=decided)
        half = tuple(each for each in run(failing=0).results if int(each.key.case[1:]) % 2 == number % 2)
        save_run(here / f"shard-{number}.jsonl", run(shards=of_shard, results=half))
    code, told = llmeval("merge", "shard-1.jsonl", "shard-2.jsonl", "-o", "merged.jsonl")
    assert (code, decided in told) == (0, True)
    for name in ("run.jsonl", "merged.jsonl"):
        for command in ("show", "compare"):
            assert decided in llmeval(command, name)[1]


@pytest.mark.parametrize("broken", [{"strict": 1}, 3, {"categories": {"tone": {"loud": True}}}])
def test_broken_rules_are_told_in_one_line(here: Path, llmeval: Callable[..., tuple[int, str]], broken: object) -> None:
    save_run(here / "run.jsonl", run(LOW))
    first, *others = (here / "run.jsonl").read_text().splitlines(keepends=True)
    header = json.loads(first)
    header["rules"] = {**header["rules"], **broken} if isinstance(broken, dict) else broken
    (here / "run.jsonl").write_text("".join([json.dumps(header) + "\n", *others]))
    code, told = llmeval("show", "run.jsonl")
    assert code == 2
    assert "run.jsonl:1: the header of the run is broken: 'rules'" in told
