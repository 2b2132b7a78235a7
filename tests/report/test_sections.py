"""What a summary tells beside the gate, whole, as a reader sees it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from pytest_llmeval.analysis.compare import Extent, Side, compare
from pytest_llmeval.analysis.measure import measure
from pytest_llmeval.analysis.routing import routes_of
from pytest_llmeval.reply import Answer, Measures, Usage
from pytest_llmeval.report.category import category_cases, category_cases_alone
from pytest_llmeval.report.paper import Paper
from pytest_llmeval.report.sections import facts, sections
from pytest_llmeval.report.summary import summary
from pytest_llmeval.runs.billed import NOTHING_BILLED
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult
from pytest_llmeval.score import Score

Results = dict[CaseKey, CaseResult]


def case(
    name: str,
    verdicts: str,
    *,
    model: str = "m",
    task: str | None = None,
    tags: Iterable[str] = (),
    wording: str = "",
    tokens: int | None = None,
    cost: float | None = None,
) -> CaseResult:
    """A case with one letter per answer, p(assed) or f(ailed)."""
    call = Call(
        provider="openai",
        request_model=model,
        words_digest="",
        answer=Answer(text="x", usage=Usage(input_tokens=tokens)),
        measures=Measures(latency=1.0, cost=cost),
    )
    samples = [
        SampleResult(
            index=index,
            outcome="pass" if verdict == "p" else "fail",
            category=None if verdict == "p" else "hallucination",
            calls=(call,),
        )
        for index, verdict in enumerate(verdicts)
    ]
    key = CaseKey("tests/test_support.py::test_policy", f"{name}+{wording}" if wording else name)
    return CaseResult(
        key=key,
        model=model,
        samples=tuple(samples),
        task=task,
        tags=tuple(tags),
        wording=wording,
        input=f"Ask {key.case}",
    )


def told(*models: list[CaseResult], width: int = 80, verbosity: int = 0, only_ascii: bool = False) -> str:
    """The sections of models named m1, m2 and so on."""
    paper = Paper(width=width, verbosity=verbosity, ascii=only_ascii)
    names = {f"m{number}": results for number, results in enumerate(models, start=1)}
    found = sections(paper, names, candidates=list(names)[-1:])
    return "\n".join("\n".join(line.text for line in section) + "\n" for section in found)


def test_tasks_stand_side_by_side_in_the_order_of_their_names() -> None:
    first = [case("a", "ppp", task="billing"), case("b", "ppf", task="returns"), case("c", "ppp")]
    second = [case("a", "pff", task="billing"), case("b", "ppp", task="returns"), case("c", "ppp")]
    assert told(first, second) == (
        "failing answers by task\n"
        "  task       cases        m1        m2\n"
        "  ------------------------------------\n"
        "  billing        1  0/3 0.0%  2/3  67%\n"
        "  returns        1  1/3  33%  0/3 0.0%\n"
        "  (no task)      1  0/3 0.0%  0/3 0.0%\n"
    )


def test_nothing_is_told_where_there_is_nothing_to_tell() -> None:
    assert told([case("a", "p", task="billing", tokens=10), case("b", "f", task="billing", tokens=900)]) == ""


def test_lengths_stand_in_their_order_where_inputs_differ() -> None:
    results = [case("a", "p", tokens=20_000), case("b", "f", tokens=70_000), case("c", "p", tokens=5), case("d", "f")]
    rows = told(results).splitlines()
    assert rows[0] == "failing answers by input tokens"
    assert [row.split("  ")[1] for row in rows[3:]] == ["under 1,000", "16,000 to 64,000", "64,000 and more", "unknown"]
    assert [row.split()[-2] for row in rows[3:]] == ["0/1", "0/1", "1/1", "1/1"]


def test_tags_are_told_with_v() -> None:
    results = [case("a", "p", tags=["short", "angry"]), case("b", "f", tags=["short"])]
    assert "tag" not in told(results)
    rows = told(results, verbosity=1).splitlines()
    assert rows[0] == "failing answers by tag"
    assert [row.split()[:3] for row in rows[3:]] == [["angry", "1", "0/1"], ["short", "2", "1/2"]]


def test_many_tasks_are_cut_and_with_v_all_named() -> None:
    results = [case(str(number), "f" if number == 29 else "p", task=f"task-{number}") for number in range(30)]
    rows = told(results).splitlines()
    assert [row.split()[0] for row in rows[3:-1]] == [*(f"task-{number}" for number in range(11)), "task-29"]
    assert rows[-1] == "  18 more that fail no more often (-v names all)"
    assert len(told(results, verbosity=1).splitlines()) == 33


REWORDED = [
    *(case(f"c{number}", "ppp") for number in range(6)),
    *(case(f"c{number}", "ppf" if number < 3 else "ppp", wording="typos") for number in range(6)),
    case("c0", "fff", wording="2"),
]


def test_wordings_are_told_with_the_change_and_the_worst() -> None:
    assert told(REWORDED) == (
        "wordings: 6 cases in 13 wordings\n"
        "  wording                      m1\n"
        "  -------------------------------\n"
        "  paraphrases    0/3 -100.0\n"
        "  typos        15/18  -16.7 ±19.2\n"
        "  -------------------------------\n"
        "  spread                    ±19.2\n"
        "  passing answers, and points against the same cases in their own words; spread:\n"
        "  standard deviation of a case's pass rate over its wordings\n"
        "  3 cases depend on their wording, the worst first\n"
        "    tests/test_support.py::test_policy[c0+2]  0/3, own words 3/3\n"
        "      Ask c0+2\n"
        "    tests/test_support.py::test_policy[c1+typos]  2/3, own words 3/3\n"
        "      Ask c1+typos\n"
        "    tests/test_support.py::test_policy[c2+typos]  2/3, own words 3/3\n"
        "      Ask c2+typos\n"
    )


def test_wordings_that_make_no_difference_take_a_line() -> None:
    same = [case("a", "pp"), case("a", "pp", wording="2")]
    assert told(same) == "wordings: 1 case in 2 wordings; none made a difference\n"


def test_a_terminal_without_unicode_gets_the_same_words() -> None:
    shown = told(REWORDED, only_ascii=True)
    assert shown.isascii()
    assert "+/-19.2" in shown


def side(model: str, cost: float, **failing: int) -> Results:
    """60 cases of three samples in each of two tasks, of which the first few fail, and 5 in a third."""
    results = [
        case(f"{task}-{number}", "fff" if number < failing.get(task, 0) else "ppp", model=model, task=task, cost=cost)
        for task, count in (("billing", 60), ("summaries", 60), ("配送", 5))
        for number in range(count)
    ]
    return {result.key: result for result in results}


BEFORE = side("production", 0.010, billing=3, summaries=2)
SMALL = side("small", 0.001, billing=3, summaries=12)
LARGE = side("large", 0.008, billing=1, summaries=2)


def test_every_task_gets_a_model_with_the_evidence() -> None:
    candidates = Side("small", SMALL), Side("large", LARGE)
    comparisons = [compare(Side("production", BEFORE), each) for each in candidates]
    lines = summary(Paper(), comparisons, [], routes=routes_of(comparisons))
    text = "\n".join(line.text for line in lines)
    start = text.index("routing by task")
    assert text[start : text.index("\n\n", start)] == (
        "routing by task: the cheapest model that was shown to be as good\n"
        "  task       cases  model          failing    baseline  $/resolved   cost\n"
        "  -----------------------------------------------------------------------\n"
        "  billing       60  small       9/180 5.0%  9/180 5.0%      0.0011   -90%\n"
        "  summaries     60  large       6/180 3.3%  6/180 3.3%      0.0083   -20%\n"
        "  配送           5  production   0/15 0.0%   0/15 0.0%       0.010  stays\n"
        "  baseline: how often production fails; cost: change per resolved answer\n"
        "  as good: it fails no more often here, and at worst 5 points more often\n"
        "  summaries: small: regressed: hallucination rose from 6 of 180 to 36 of 180\n"
        "    answers\n"
        "  配送: small, large: not shown to be as good: could fail up to 40 points more,\n"
        "    going by 5 cases"
    )
    costs = text[text.index("$ per resolved answer by task") :].split("\n\n")[0].splitlines()
    assert costs[1].split() == ["task", "production", "small", "large"]
    assert [line.split()[0] for line in costs[3:]] == ["billing", "summaries", "配送"]
    assert costs[3].split()[1:3] == ["0.011", "0.0011"]


def test_where_every_task_stays_the_reasons_are_left_to_v() -> None:
    worse = side("worse", 0.001, billing=30, summaries=30)
    comparisons = [compare(Side("production", BEFORE), Side("worse", worse))]
    routes = routes_of(comparisons)
    quiet, loud = (
        "\n".join(line.text for line in summary(Paper(width=200, verbosity=verbosity), comparisons, [], routes=routes))
        for verbosity in (0, 1)
    )
    stays = "every task stays with production: no other model was shown to be as good (-v says why)"
    assert f"\n\nrouting by task: {stays}\n\n" in quiet
    assert "billing: worse: regressed: hallucination rose from 9 of 180 to 90 of 180 answers" in loud


def test_there_is_no_routing_without_tasks_a_verdict_or_another_model() -> None:
    partial = [compare(Side("production", BEFORE), Side("small", SMALL), extent=Extent(stopped="60 of 125 cases ran"))]
    assert routes_of(partial) == []
    assert routes_of([compare(Side("production", BEFORE), Side("production", SMALL))]) == []
    bare = {CaseKey("t", "a"): case("a", "p")}
    assert routes_of([compare(Side("production", bare), Side("small", bare))]) == []
    assert routes_of([]) == []


def test_one_candidate_is_routed_when_asked_with_v_alone() -> None:
    """The caller decides; the summary shows what it is given."""
    comparison = compare(Side("production", BEFORE), Side("small", SMALL))
    shown = "\n".join(line.text for line in summary(Paper(), [comparison], [], routes=routes_of([comparison])))
    assert "routing by task" in shown
    assert "failing answers by task" in shown


def test_models_without_a_baseline_have_their_tasks_side_by_side() -> None:
    results = [*BEFORE.values(), *SMALL.values()]
    figures = [measure("production", BEFORE.values()), measure("small", SMALL.values())]
    lines = [line.text for line in summary(Paper(), [], figures, results)]
    assert "failing answers by task" in lines
    assert lines[lines.index("failing answers by task") + 4].split() == [
        "summaries",
        "60",
        "6/180",
        "3.3%",
        "36/180",
        "20%",
    ]


def test_the_same_model_twice_is_told_apart() -> None:
    """A changed prompt: the baseline is a saved run of the model on trial."""
    comparison = compare(Side("small", BEFORE, saved="main.jsonl"), Side("small", SMALL))
    shown = "\n".join(line.text for line in summary(Paper(), [comparison], []))
    assert "small (baseline)" in shown


def test_a_session_is_told_by_the_model_with_the_most_cases_and_of_these_by_the_one_with_the_most_samples() -> None:
    few, many, deep = (
        measure("few", [case("a", "ppppp")]),
        measure("many", [case("a", "p"), case("b", "p")]),
        measure("deep", [case("a", "ppp"), case("b", "ppp")]),
    )
    for models in itertools.permutations([few, many, deep]):
        [line] = facts(Paper(width=80, ascii=True), models, NOTHING_BILLED)
        assert line.text.startswith("2 cases x 3 samples")
    [line] = facts(Paper(width=80, ascii=True), [few, many], NOTHING_BILLED)
    assert line.text.startswith("2 cases x 1 sample")


def test_a_category_is_listed_with_the_reason_of_its_own_check() -> None:
    sample = SampleResult(
        index=0,
        outcome="fail",
        category="refusal",
        further=("wrong_answer", "tone"),
        reason="the model refused (first of 3 failed checks)",
        detail="the model refused (first of 3 failed checks)\nassert [tone]: not kind\ncontains [wrong_answer]: no 30",
        scores=(
            Score(value=0.0, passed=False, category="refusal", check="not_refusal", reason="the model refused"),
            Score(value=0.0, passed=False, category="wrong_answer", check="contains", reason='no "30"'),
        ),
    )
    failing = CaseResult(key=CaseKey("tests/test_support.py::test_policy", "a"), model="m", samples=(sample,))
    said = {name: [line.text for line in category_cases_alone(Paper(), [failing], name)] for name in sample.categories}
    assert [lines[2] for lines in said.values()] == [
        "    the model refused (first of 3 failed checks)",
        '    no "30"',
        "    not kind",
    ]
    passing = SampleResult(index=0, outcome="pass")
    before = {failing.key: failing._replace(samples=(passing,))}
    compared = compare(Side("b", before), Side("m", {failing.key: failing}))
    assert '        no "30"' in [line.text for line in category_cases(Paper(), compared, "wrong_answer")]
