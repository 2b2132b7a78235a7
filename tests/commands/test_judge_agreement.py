"""A judge beside people: what they agree on, and whether it may gate."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_llmeval.checks.judges.calibration import calibrations_in
from pytest_llmeval.commands.main import main
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.review.decisions import Decision
from pytest_llmeval.review.judge_labels import LabelledVerdict, agreement_lines, calibration_of, verdicts_in
from pytest_llmeval.runs.answer_digest import answer_digest
from pytest_llmeval.runs.results import CaseKey, CaseResult, SampleResult
from pytest_llmeval.score import Judge, Labels, Score
from tests.analysis.test_compare import call
from tests.plugin.running.test_judged import JUDGE, answer_in, says
from tests.server import Request, Server, completion
from tests.sessions import CONFIGURATION

CONTEXT = "Parcels take five days."
BY = ["--rubric=faithfulness", "--judge=judge"]


@pytest.fixture
def project(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text((CONFIGURATION + JUDGE).format(base_url=server.base_url))
    server.answer = says
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(labels: Sequence[dict[str, Any]], name: str = "labels.jsonl") -> None:
    Path(name).write_text("".join(f"{json.dumps(label)}\n" for label in labels))


def rows(right: int, wrong: int, mistaken: int = 0) -> list[dict[str, Any]]:
    """Answers with labels; people find some of those that say five days bad all the same."""
    said = (
        [("five", "pass", "north")] * right
        + [("six", "fail", "south")] * wrong
        + [("five", "fail", "south")] * mistaken
    )
    return [
        {"answer": f"{number}: it takes {days} days.", "context": CONTEXT, "label": label, "category": category}
        for number, (days, label, category) in enumerate(said)
    ]


def test_a_judge_that_agrees_with_people_may_gate(
    project: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    write(rows(30, 20, 3))

    assert main(["judge-agreement", "labels.jsonl", *BY, "-o", "judges/faithfulness.json"]) == 0

    told = capsys.readouterr().out
    for line in (
        "53 labels of people: 23 bad, 30 good",
        "faithfulness by openai/judge-9 agrees on 50: kappa 0.88 [0.",
        "finds 20 of 23 bad answers, 87 % [67, 96]",
        "passes 30 of 30 good answers, 100 % [88, 100]",
        "bias -5.7 points [-16, +2]: flags 20 of 53 where people flag 23",
        "north: +0.0 points",
        "south: -13.0 points",
        "the judge may gate: yes",
    ):
        assert line in told
    [found] = calibrations_in(project).values()
    assert (found.judge, found.labels, found.lacks()) == ("openai/judge-9", Labels(20, 0, 3, 30), "")
    assert len(server.requests) == 53
    capsys.readouterr()
    assert main(["judge-agreement", "labels.jsonl", *BY]) == 0
    assert "53 verdicts replayed from the cache, and not asked for again" in capsys.readouterr().out
    assert len(server.requests) == 53


def test_a_mended_judge_is_asked_for_what_it_said_badly(
    project: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    write(rows(2, 1))
    server.answer = lambda request: completion("Fine.") if "1: it takes" in answer_in(request) else says(request)
    main(["judge-agreement", "labels.jsonl", *BY])
    assert "1 answer without a verdict" in capsys.readouterr().out
    server.answer = says
    main(["judge-agreement", "labels.jsonl", *BY])
    told = capsys.readouterr().out
    assert "without a verdict" not in told
    assert "2 verdicts replayed" in told
    assert len(server.requests) == 4


def test_pairs_have_labels_too(project: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """The judge prefers the answer that says five, wherever it stands; people agree."""

    def prefers(request: Request) -> dict[str, Any]:
        first, second = re.findall(r"<(?:first|second) \w+>\n(.*)\n</", request.json["messages"][1]["content"])
        verdict = "first" if "five" in first else "second"
        said = {"evidence": [first, second], "reason": "five is right", "verdict": verdict}
        return completion(json.dumps(said))

    server.answer = prefers
    days = [("five", "six", "pass"), ("six", "five", "fail")] * 26
    write(
        [
            {"answer": f"{n}: {one} days.", "other": f"{n}: {two} days.", "context": CONTEXT, "label": label}
            for n, (one, two, label) in enumerate(days)
        ]
    )
    assert main(["judge-agreement", "labels.jsonl", *BY]) == 0
    assert "agrees on 52: kappa 1.00" in capsys.readouterr().out
    assert len(server.requests) == 104


def test_few_labels_or_little_agreement_keep_it_from_gating(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(rows(29, 20))
    assert main(["judge-agreement", "labels.jsonl", *BY, "-o", "judges/few.json"]) == 1
    assert "the judge may gate: no, it has 49 labels and needs 50" in capsys.readouterr().out
    write(rows(20, 15, 16))
    assert main(["judge-agreement", "labels.jsonl", *BY]) == 1
    assert "may gate: no, its agreement with people is too low: kappa 0." in capsys.readouterr().out
    write(rows(55, 0))
    assert main(["judge-agreement", "labels.jsonl", *BY, "-o", "judges/same.json"]) == 1
    assert "all labels and verdicts are the same" in capsys.readouterr().out
    assert not Path("judges/same.json").exists()


def test_answers_without_a_verdict_are_left_out_and_told(
    project: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    write(rows(30, 25))
    server.answer = lambda request: completion("no") if "17: it" in str(request.json) else says(request)
    main(["judge-agreement", "labels.jsonl", *BY, "-o", "elsewhere.json"])
    told = capsys.readouterr().out
    assert "54 labels of people" in told
    assert "1 answer without a verdict, left out: the judge openai/judge-9 gave no verdict: it wrote no JSON" in told
    assert "pytest reads only judges/*.json beside the project's settings, not this file" in told


@pytest.mark.parametrize(
    ("labels", "options", "why"),
    [
        (rows(1, 1), ["--judge=judge"], "give the rubric and the judge"),
        (rows(1, 1), ["--judge=judge", "--rubric=faithfull"], "did you mean"),
        (rows(1, 1), ["--judge=jugde", "--rubric=faithfulness"], "unknown model"),
        (rows(1, 1), [*BY, "--votes=2"], "odd number"),
        ([], BY, "has no labelled answer; it takes 50"),
        (
            [{"answer": "a", "label": "pass"}],
            BY,
            "labels.jsonl:1: llmeval judge-agreement: the rubric faithfulness needs",
        ),
        ([{"answer": "a", "context": "b", "label": "fine"}], BY, 'labels.jsonl:1: label="fine": it is pass, good'),
        ([{"answer": 5, "context": "b", "label": True}], BY, "labels.jsonl:1: answer is missing"),
        ([{"anwser": "a", "context": "b", "label": True}], BY, "unknown field .anwser.; did you mean"),
        ([*rows(1, 0), {**rows(1, 0)[0], "question": "q"}], BY, "labels.jsonl:2: only some rows have question"),
    ],
)
def test_what_is_wrong_is_said(
    project: Path,
    server: Server,
    capsys: pytest.CaptureFixture[str],
    labels: list[dict[str, Any]],
    options: list[str],
    why: str,
) -> None:
    write(labels)
    assert main(["judge-agreement", "labels.jsonl", *options]) == 2
    assert re.search(why, capsys.readouterr().err)
    assert not server.requests


def test_the_nearest_file_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(rows(1, 1))
    assert main(["judge-agreement", "lables.jsonl", *BY]) == 2
    assert "there is no file lables.jsonl; did you mean" in capsys.readouterr().err


SAID = Judge("openai/j", "tone", "0123", None)


def sample(text: str, *, passed: bool, index: int = 0, labels: Labels | None = None) -> SampleResult:
    score = Score(value=float(passed), passed=passed, category="tone", judge=SAID._replace(labels=labels))
    return SampleResult(index=index, outcome="pass", scores=(score,), calls=(call(text),))


def case(name: str, *samples: SampleResult, task: str | None = None) -> CaseResult:
    return CaseResult(key=CaseKey("t.py::test_a", name), model="m", samples=samples, task=task)


def decided(result: CaseResult, at: int, decision: str, category: str = "", reviewer: str = "ada") -> Decision:
    answer = answer_digest(result.samples[at].calls)
    return Decision(result.key, answer, decision, category=category, reviewer=reviewer)  # type: ignore[arg-type]


def test_decisions_on_a_runs_answers_are_labels() -> None:
    one = case("one", sample("a", passed=True), sample("b", passed=False, index=1), task="mail")
    again = case("two", sample("a", passed=True), sample("a", passed=True, index=1, labels=Labels(1, 1, 1, 1)))
    other = case("three", sample("c", passed=True), sample("d", passed=False, index=1))
    decisions = [
        decided(one, 0, "accepted"),
        decided(one, 1, "rejected", "tone"),
        decided(again, 0, "both_fine"),
        decided(other, 0, "rejected", "format"),  # says nothing of the tone
        decided(other, 1, "accepted"),
        decided(other, 1, "rejected", "tone", reviewer="bob"),
    ]
    found = verdicts_in([one, again, other], decisions)
    assert list(found) == [SAID]
    assert sorted(found[SAID].values()) == [
        LabelledVerdict(False, False, ""),
        LabelledVerdict(False, False, "mail"),
        LabelledVerdict(True, True, ""),
        LabelledVerdict(True, True, "mail"),
    ]


def test_without_agreement_nothing_is_divided_by_zero() -> None:
    for verdicts in ([], [LabelledVerdict(True, True)] * 3):
        assert calibration_of(SAID, verdicts) is None
        assert agreement_lines(SAID, verdicts, None)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"judge": "a", "prompt": "b", "rubric": "c", "labels": {}, "kappa": [1, 1, 1]}', "{" * 5000],
)
def test_a_broken_calibration_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "judges").mkdir()
    (tmp_path / "judges" / "tone.json").write_text(text)
    with pytest.raises(ConfigError, match=r"judges/tone.json is no calibration of a judge"):
        calibrations_in(tmp_path)


def test_two_calibrations_of_one_judge_are_refused(tmp_path: Path) -> None:
    (tmp_path / "judges").mkdir()
    verdicts = [LabelledVerdict(bad, bad) for bad in (True, False)] * 30
    calibration = calibration_of(SAID, verdicts)
    assert calibration is not None
    for name in ("a", "b"):
        (tmp_path / "judges" / f"{name}.json").write_text(json.dumps(calibration.to_json()))
    with pytest.raises(ConfigError, match=r"judges/a.json and judges/b.json calibrate the same judge"):
        calibrations_in(tmp_path)
