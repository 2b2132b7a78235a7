"""Two runs of the baseline tell whether the samples of a run repeat each other."""

from __future__ import annotations

import itertools
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator

import pytest

from pytest_llmeval.analysis.dispersion import disagreement, dispersion_words
from pytest_llmeval.commands.main import main
from pytest_llmeval.errors import RunFileError
from pytest_llmeval.runs.file import load_run, save_run
from tests.server import Request, Server, completion
from tests.sessions import CONFIGURATION, Session, told

SUITE = """
import pytest

@pytest.mark.llm_cases("cases.jsonl")
@pytest.mark.llm_samples(4)
def test_row(llm, case):
    assert llm(case.input) == "Paris"
"""
CASES = 40


def copies(seed: int) -> Callable[[Request], object]:
    """What gives a case one answer, as often as it is asked: a coin thrown once for each case."""
    coin = random.Random(seed)
    thrown = {str(number): coin.random() < 0.5 for number in range(CASES)}
    return lambda request: completion("Paris" if thrown[request.json["messages"][0]["content"]] else "Rome")


def independent(seed: int) -> Callable[[Request], object]:
    """What throws a coin for each answer, in whichever order they are asked for."""
    asked: defaultdict[str, Iterator[int]] = defaultdict(itertools.count)

    def answer(request: Request) -> object:
        question = request.json["messages"][0]["content"]
        coin = random.Random(f"{seed} {question} {next(asked[question])}")
        return completion("Paris" if coin.random() < 0.5 else "Rome")

    return answer


@pytest.fixture
def two(plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A project with two runs of the baseline and one of a candidate, whose samples are copies of each other."""
    lines = [json.dumps({"id": f"c{number}", "input": str(number)}) for number in range(CASES)]
    (plain_session.path / "cases.jsonl").write_text("\n".join(lines))
    plain_session.write(SUITE)
    for name, model, seed in (("first", "production", 1), ("second", "production", 2), ("third", "candidate", 3)):
        server.answer = copies(seed)
        plain_session.run(f"--llm-model={model}", "--llm-mode=live", f"--llm-report={name}.jsonl")
    monkeypatch.chdir(plain_session.path)
    return plain_session


def test_copies_are_counted_once_when_a_second_run_shows_them(
    two: Session, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    main(["compare", "first.jsonl", "third.jsonl"])
    assert "repeat each other" not in capsys.readouterr().out
    main(["compare", "first.jsonl", "third.jsonl", "--baseline-again=second.jsonl"])
    out = capsys.readouterr().out
    assert out.startswith("two runs of the baseline: phi 7.00 over ")
    assert "; samples of a run repeat each other (phi 7.0)" in " ".join(out.split())


def test_the_second_run_may_be_configured(two: Session, server: Server) -> None:
    configuration = CONFIGURATION.format(base_url=server.base_url)
    pair = '[tool.llmeval]\nbaseline = "first.jsonl"\nbaseline_again = "second.jsonl"'
    two.configure(configuration.replace("[tool.llmeval]", pair))
    result = two.run("--llm-model=candidate", "--llm-mode=live", "-v")
    assert told(result, "samples of a run repeat each other (phi 7.0)")


def test_independent_samples_stay_so(two: Session, server: Server) -> None:
    for name, seed in (("first", 6), ("second", 7)):
        server.answer = independent(seed)
        two.run("--llm-model=production", "--llm-mode=live", f"--llm-report={name}.jsonl")
    found = disagreement(load_run("first.jsonl"), load_run("second.jsonl"), "production")
    assert found is not None
    assert found.strata > CASES / 2
    assert "its samples count as independent" in dispersion_words(found)


def test_where_nothing_fails_nothing_is_told(two: Session, server: Server) -> None:
    server.answer = lambda request: completion("Paris")
    for name in ("first", "second"):
        two.run("--llm-model=production", "--llm-mode=live", f"--llm-report={name}.jsonl")
    found = disagreement(load_run("first.jsonl"), load_run("second.jsonl"), "production")
    assert (found, "tell nothing about each other" in dispersion_words(found)) == (None, True)


def test_a_replay_of_the_first_run_is_no_second_one(two: Session, server: Server) -> None:
    two.run("--llm-model=production", "--llm-report=first.jsonl")
    two.run("--llm-model=production", "--llm-report=second.jsonl")
    with pytest.raises(RunFileError, match=f"hold the same replies to all {CASES} cases; save the second one with"):
        disagreement(load_run("first.jsonl"), load_run("second.jsonl"), "production")


def test_another_model_or_other_checks_are_no_second_run(two: Session, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["compare", "first.jsonl", "third.jsonl", "--baseline-again=third.jsonl"]) == 2
    assert "the second baseline is not a run of production (openai/prod-1); it holds" in capsys.readouterr().err
    second = load_run("second.jsonl")
    results = tuple(result._replace(content="other") for result in second.results)
    save_run(two.path / "second.jsonl", second._replace(results=results))
    configuration = (two.path / "pyproject.toml").read_text()
    pair = '[tool.llmeval]\nbaseline = "first.jsonl"\nbaseline_again = "second.jsonl"'
    (two.path / "pyproject.toml").write_text(configuration.replace("[tool.llmeval]", pair))
    result = two.run("--llm-model=candidate")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: two runs of the baseline tell nothing about each other: no case is the same*"])
