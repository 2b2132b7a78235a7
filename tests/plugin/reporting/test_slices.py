"""Results by task, by length and by depth, and which model for which task, as a user sees them."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.server import Request, Server, completion
from tests.sessions import CONFIGURATION, Session, told

THREE = (
    CONFIGURATION
    + """
[tool.llmeval.models.large]
model = "openai/large-3"
base_url = "{base_url}"
prices = {{ input = 20.0, output = 80.0 }}
"""
)
SUITE = """
import pytest

@pytest.mark.llm_cases("cases.jsonl")
@pytest.mark.llm_samples(3)
def test_row(llm, case):
    assert llm(case.input) == "Paris"
"""
MODELS = ("--llm-model=candidate", "--llm-model=large", "--llm-baseline=production")


def answers(request: Request) -> object:
    """The candidate is as good at places, and invents summaries; a tiny task says nothing."""
    text = str(request.json["messages"][-1]["content"])
    wrong = request.json["model"] == "cand-2" and text.startswith("summaries") and int(text.rsplit(maxsplit=1)[-1]) < 10
    return completion("Rome" if wrong else "Paris")


def prepare(session: Session, server: Server) -> None:
    server.answer = answers
    session.configure(THREE.format(base_url=server.base_url).replace("output = 10.0", "output = 40.0", 1))
    rows = [
        {"id": f"{task}-{number}", "input": f"{task} {number}", "task": task}
        for task, count in (("places", 30), ("summaries", 30), ("odd", 2))
        for number in range(count)
    ]
    (session.path / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    session.write(SUITE)


def test_every_task_is_routed_to_the_cheapest_model_that_is_not_worse_on_it(
    plain_session: Session, server: Server
) -> None:
    prepare(plain_session, server)
    result = plain_session.run(*MODELS)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "                         production  candidate    large",
            "failing answers by task",
            "  summaries     30   0/90 0.0%  30/90  33%  0/90 0.0%",
            "routing by task: the cheapest model that was shown to be as good",
            "  odd            2  production   0/6 0.0%   0/6 0.0%     0.00013  stays",
            "  places        30  candidate   0/90 0.0%  0/90 0.0%    0.000037   -71%",
            "  summaries     30  production  0/90 0.0%  0/90 0.0%     0.00013  stays",
        ]
    )
    assert told(result, "summaries: candidate: regressed: wrong_answer rose from 0 of 90 to 30 of 90 answers")
    assert told(
        result, "odd: candidate, large: not shown to be as good: could fail up to * points more, going by 2 cases"
    )
    command = [sys.executable, "-m", "pytest_llmeval", "show", "run.jsonl"]
    shown = subprocess.run(command, cwd=plain_session.path, capture_output=True, text=True, check=True).stdout
    start = result.outlines.index("failing answers by task")
    section = "\n".join(result.outlines[start : result.outlines.index("candidate", start)])
    assert section in shown


def test_one_candidate_is_routed_with_v(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    quiet = plain_session.run("--llm-model=candidate", "--llm-baseline=production")
    quiet.stdout.no_fnmatch_line("routing by task*")
    quiet.stdout.fnmatch_lines(["failing answers by task"])
    loud = plain_session.run("-v", "--llm-model=candidate", "--llm-baseline=production")
    loud.stdout.fnmatch_lines(["routing by task*", "  places *candidate*"])


def test_a_part_of_the_cases_is_routed_by_what_ran(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    result = plain_session.run(*MODELS, "-k", "places or odd")
    result.stdout.fnmatch_lines(
        ["candidate: gate ok in 32 of 62 cases*", "failing answers by task", "routing by task*"]
    )


NEEDLES = """
import pytest
from pytest_llmeval import needle_cases

PARK = " ".join(f"On day {number} the gardener counted the trees again." for number in range(40))
CASES = needle_cases(
    "The code of the back door is 4711.",
    "What is the code of the back door?",
    PARK,
    expected="4711",
    depths=[0, 0.5, 1],
    lengths=[500, 2_000],
    unit="tokens",
)

@pytest.mark.llm_cases(CASES)
def test_finds_the_needle(llm, case):
    assert case.expected in llm(f"{case.context[0]}\\n\\n{case.input}")
"""


def forgetful(request: Request) -> object:
    """Reads the first and last thousand characters, and counts a token for every four."""
    text = str(request.json["messages"][-1]["content"])
    answer = completion("4711" if "4711" in text[:1000] + text[-1000:] else "It does not say.")
    answer["usage"] = {"prompt_tokens": len(text) // 4, "completion_tokens": 3, "total_tokens": len(text) // 4 + 3}
    return answer


def test_a_needle_is_told_by_depth_and_by_length(session: Session, server: Server) -> None:
    server.answer = forgetful
    session.write(NEEDLES)
    result = session.run(subprocess=True)  # pytester's own way of importing makes another class of Case
    result.assert_outcomes(passed=5, failed=1)
    [failed] = [each.key.case for each in session.results() if each.outcome == "fail"]
    assert failed == "needle-2000-50"
    result.stdout.fnmatch_lines(
        [
            "failing answers by task",
            "  depth 0%        2    0/2 0.0%",
            "  depth 50%       2    1/2  50%",
            "  depth 100%      2    0/2 0.0%",
            "failing answers by input tokens",
            "  under 1,000         3    0/3 0.0%",
            "  1,000 to 4,000      3    1/3  33%",
        ]
    )
