"""What a judge costs and how long it takes says nothing of the product."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_llmeval.analysis.measure import measure, resolved_costs
from pytest_llmeval.commands.main import main
from tests.plugin.capturing.test_capture import APPLICATION
from tests.server import Request, Server, completion
from tests.sessions import Session, told

SETTINGS = """
    [tool.llmeval]
    model = "production"
    [tool.llmeval.models.production]
    model = "openai/prod-1"
    base_url = "{url}"
    prices = {{ input = 1.0, output = 0.0 }}
    [tool.llmeval.models.judge]
    model = "openai/judge-9"
    base_url = "{url}"
    prices = {{ input = 1.0, output = 0.0 }}
    {judge}
    """
TESTS = """
    import app, pytest

    @pytest.mark.parametrize("number", range(6))
    def test_bot(llm_capture, number):
        said = app.answer(f"Capital of France? ({number})")
        assert app.answer(f"Is {said} right? ({number})", model="judge-9") == "yes, it is the right one"
"""


def answers(request: Request) -> dict[str, Any]:
    judging = request.json["model"] == "judge-9"
    tokens = 100_000 if judging else 1_000
    usage = {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}
    return completion("yes, it is the right one" if judging else "Paris") | {"usage": usage}


@pytest.fixture
def project(session: Session, server: Server, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("ADDRESS_OF_THE_TEST", server.base_url)
    session.configure(SETTINGS.format(url=server.base_url, judge="judge = true"))
    server.answer = answers
    session.write(APPLICATION, "app.py")
    session.write(TESTS)
    return session


def test_a_judge_is_counted_apart(project: Session, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    result = project.run()

    result.assert_outcomes(passed=6)
    assert told(result, "12 live calls, 6 of judges ($0.60) * $0.61 spent")
    results = project.results()
    figures = measure("production", results)
    assert figures.cost == pytest.approx(0.006)
    assert figures.spent == pytest.approx(0.606)
    assert figures.judge_calls == 6
    assert figures.judge_cost == pytest.approx(0.6)
    assert figures.latency[0].values == 6
    assert [cost for cost, _ in resolved_costs(results)] == [pytest.approx(0.001)] * 6
    assert main(["show", str(project.report)]) == 0
    shown = capsys.readouterr().out
    assert [line.split()[3:] for line in shown.splitlines() if "$ of judges" in line] == [["0.60", "6", "calls"]]


def test_a_replay_tells_the_same(project: Session, server: Server) -> None:
    project.run("--llm-record")
    before = measure("production", project.results())

    again = project.run("--llm-mode=replay")

    again.assert_outcomes(passed=6)
    assert len(server.requests) == 12
    assert told(again, "12 calls replayed, 6 of judges ($0.60)")
    after = measure("production", project.results())
    assert (after.cost, after.latency, after.judge_cost) == (before.cost, before.latency, before.judge_cost)


def test_without_it_the_judge_counts(project: Session, server: Server) -> None:
    project.configure(SETTINGS.format(url=server.base_url, judge=""))

    result = project.run()

    assert not told(result, "of judges")
    figures = measure("production", project.results())
    assert figures.cost == pytest.approx(0.606)
    calls = [
        call
        for line in project.report.read_text().splitlines()[1:-1]
        for call in json.loads(line)["samples"][0]["calls"]
    ]
    assert not any("judge" in call for call in calls)


def test_a_miss_shows_the_answer_of_the_product(project: Session, server: Server) -> None:
    project.write(TESTS.replace('== "yes, it is the right one"', '== "no"'))

    result = project.run("--llm-baseline=none", "-vv")

    results = project.results()
    assert {one.outcome for one in results} == {"fail"}
    assert {len(one.samples[0].product_calls) for one in results} == {1}
    assert {len(one.samples[0].calls) for one in results} == {2}
    assert result.ret == 1
