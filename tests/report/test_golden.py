"""What people see on a pull request and at the top of the page, as it is: read each change of these files.

``GOLDEN=write pytest tests/report/test_golden.py`` writes them anew.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from pytest_llmeval.analysis.measure import measure_each
from pytest_llmeval.report.exports import Session
from pytest_llmeval.report.markdown import markdown
from pytest_llmeval.report.page.html import html
from pytest_llmeval.runs.results import CaseResult, Run
from tests.analysis.test_compare import Results, call, case, compare, side

GOLDEN = Path(__file__).parent / "golden"
RIGHT, WRONG = "You can send it back within 30 days.", "You can send it back within 60 days, by mail."


def answers(model: str, *, wrong: int = 0, curt: int = 0, lost: int = 0) -> Results:
    """Forty cases: at first those that state a wrong number, then those that are curt, at the end those that broke."""

    def one(number: int) -> CaseResult:
        verdict = "wrong_answer" if number < wrong else "tone" if number < wrong + curt else ""
        verdict = "error" if number >= 40 - lost else verdict
        reply = WRONG if verdict == "wrong_answer" else "30 days." if verdict == "tone" else RIGHT
        calls = [call(reply, latency=0.4 + number / 100, cost=0.0002)]
        made = case(f"return-{number}", [verdict], calls=calls, input="How long?", expected="30 days", task="returns")
        samples = tuple(
            sample._replace(reason="the reply does not say 30 days" if sample.outcome == "fail" else "")
            for sample in made.samples
        )
        return made._replace(model=model, samples=samples, file="tests/test_shop.py", line=8)

    return side(*map(one, range(40)))


def session(*candidates: Results) -> Session:
    before = answers("production", curt=1)
    every = [*before.values(), *(result for after in candidates for result in after.values())]
    names = ["production", *(next(iter(after.values())).model for after in candidates)]
    compared = [compare("production", before, name, after) for name, after in zip(names[1:], candidates, strict=True)]
    models = {name: {"provider": "openai", "model": name} for name in names}
    run = Run("2026-11-30T10:00:00+00:00", models, "production", True, "3f2c1ab", (), tuple(every))
    return Session(run=run, comparisons=compared, figures=measure_each(run), notes=["a note of the session"])


SESSIONS = {
    "regressed": session(answers("candidate", wrong=12)),
    "green": session(answers("candidate", curt=1)),
    "errors": session(answers("candidate", lost=5)),
    "several": session(answers("candidate", wrong=12), answers("small", curt=9)),
}


def same(name: str, text: str) -> None:
    file = GOLDEN / name
    if os.environ.get("GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SESSIONS)
def test_the_summary_for_a_pull_request(name: str) -> None:
    same(f"{name}.md", markdown(SESSIONS[name]))


@pytest.mark.parametrize("name", SESSIONS)
def test_the_page_without_its_script(name: str) -> None:
    """Its verdict, the tables that everybody reads, and the first new miss."""
    page = html(SESSIONS[name])
    parts = [
        r"<header>.*?</header>",
        r'<section class="glance".*?</section>',
        r'<div id="first-misses">.*?(?:</article>|</div>)',
    ]
    found = [re.search(part, page, re.DOTALL) for part in parts]
    same(f"{name}.html", "\n".join(each.group() if each else "" for each in found) + "\n")
