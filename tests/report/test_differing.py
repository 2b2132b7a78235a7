"""How often replies differ is told in one line, on the page, for programs, and case by case."""

from __future__ import annotations

import json

from pytest_llmeval.analysis.measure import measure_each
from pytest_llmeval.report.exports import Session, as_ctrf, as_metrics
from pytest_llmeval.report.markdown import markdown
from pytest_llmeval.report.page.html import html
from pytest_llmeval.report.paper import Paper
from pytest_llmeval.report.replies.differing import differing_cases, differing_words
from pytest_llmeval.report.summary import summary
from pytest_llmeval.runs.results import Run
from tests.analysis.test_compare import compare, side
from tests.analysis.test_reply_pairs import said

SENTENCE = "You can send it back within 30 days of its arrival"
BEFORE = side(
    said("same", "Yes.", task="mail"),
    said("small", SENTENCE, task="mail"),
    said("large", SENTENCE, task="chat"),
)
AFTER = side(
    said("same", " **yes.**", task="mail"),
    said("small", SENTENCE.replace("30", "60"), task="mail"),
    said("large", "No idea\x1b[31m", task="chat"),
)
COMPARED = compare("old", BEFORE, "new", AFTER)
SHARE = "replies differ: 66.7% (20.8 to 93.9%) in 3 cases"
WORDS = f"{SHARE}; chat 100.0% (20.7 to 100.0%), mail 50.0% (9.5 to 90.5%)"


def session() -> Session:
    models = {name: {"provider": "openai", "model": name} for name in ("old", "new")}
    results = [*(each._replace(model="old") for each in BEFORE.values())]
    results += [each._replace(model="new") for each in AFTER.values()]
    run = Run("2026-11-30T10:00:00+00:00", models, "old", True, None, (), tuple(results))
    return Session(run=run, comparisons=[COMPARED], figures=measure_each(run))


def test_one_line_tells_the_share_its_interval_and_the_tasks() -> None:
    assert differing_words(COMPARED) == WORDS
    assert differing_words(COMPARED, most_tasks=1) == f"{SHARE}, most in chat (100.0%)"


def test_it_is_told_wherever_a_comparison_is() -> None:
    paper = Paper(width=200, verbosity=1)
    assert WORDS in [line.text for line in summary(paper, [COMPARED], [])]
    (short,) = [line.text for line in summary(paper._replace(verbosity=0), [COMPARED], []) if "differ" in line.text]
    assert "replies differ 66.7%" in short
    told = session()
    page = html(told)
    assert "replies differ: 66.7%" in page
    assert '<th scope="row">chat</th><td>100.0% (20.7 to 100.0%)</td>' in page
    assert "replies differ 66.7%" in markdown(told)
    extra = json.loads(as_ctrf(told))["results"]["tests"][-1]["extra"]["replies_differ"]
    assert (extra["cases"], round(extra["share"], 3), extra["tasks"]["mail"]["share"]) == (3, 0.667, 0.5)
    assert 'llmeval_replies_differ{model="new"} 0.666667' in as_metrics(told)


def test_the_list_begins_with_the_largest_difference_and_counts_the_equal_ones() -> None:
    lines = [line.text for line in differing_cases(Paper(width=200), COMPARED, titled=False)]
    cases = [line.strip() for line in lines if "t.py::" in line]
    assert cases == ["t.py::test_mail[large]", "t.py::test_mail[small]"]
    assert any("[-30-]{+60+}" in line for line in lines)
    assert not any("\x1b" in line for line in lines)
    assert lines[-1].startswith("1 of 3 cases is equal after normalising")
