"""Pages that the browser opens."""

from __future__ import annotations

from pytest_llmeval.analysis.history.timeline import history_of, lightened
from pytest_llmeval.analysis.measure import measure_each
from pytest_llmeval.report.exports import Session
from pytest_llmeval.report.history.history_page import history_page
from pytest_llmeval.report.page.html import html
from pytest_llmeval.report.page.page_data import Reviewing
from pytest_llmeval.runs.results import CaseResult, Run, SampleResult
from tests.analysis.history.test_timeline import many, run
from tests.analysis.test_compare import call, case, compare, side

CASES = 20
SCRIPT = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u202e"
WORDS = "Returns of unused items are free within 30 days"


def _case(number: int, words: str, *, failing: str = "", model: str = "m", samples: int = 1) -> CaseResult:
    """A case; the first of several samples fails, the others do not."""
    task = "billing" if number % 2 else "refund"
    calls = [call(words.replace("30", "60") if failing == "invented" else words, latency=0.3 + number / 50, cost=0.001)]
    made = case(f"c{number}", [failing], calls=calls, task=task, tags=("slow",) if number == 7 else (), input="When?")
    other = SampleResult(0, "pass", calls=(call(f"{words}, also by mail", latency=0.4, cost=0.001),))
    if samples > 1:
        made = made._replace(samples=(*made.samples, *(other._replace(index=n) for n in range(1, samples))))
    return made._replace(model=model, min_pass_rate=1.0)


def _words(number: int) -> str:
    return SCRIPT if number == 12 else WORDS


def _session(*candidates: str) -> Session:
    before = side(*(_case(number, _words(number)) for number in range(CASES)))
    failing = {0: "invented", 1: "invented", 2: "invented", 3: "tone"}
    compared, every = [], list(before.values())
    for name in candidates:
        after = side(
            *(
                _case(
                    number,
                    _words(number),
                    failing=failing.get(number, ""),
                    model=name,
                    samples=3 if number == 3 else 1,
                )
                for number in range(CASES)
            )
        )
        every += after.values()
        compared.append(compare("m", before, name, after))
    run = Run("2026-11-30T10:00:00+00:00", {name: {} for name in ("m", *candidates)}, "m", True, None, (), tuple(every))
    return Session(run=run, comparisons=compared, figures=measure_each(run))


def compared_page() -> str:
    """A candidate that fails four of twenty cases, and one answer that is markup."""
    return html(_session("new"))


def several_page() -> str:
    """Two candidates."""
    return html(_session("new", "newer"))


def redacted_page() -> str:
    """The first without texts."""
    return html(_session("new"), redacted=True)


def served_page() -> str:
    """The first, as a review is served."""
    return html(_session("new"), reviewing=Reviewing("run", seed="1", served=True, reviewer="ana"))


def many_page() -> str:
    """Five thousand cases of one model."""
    results = tuple(_case(number, f"{WORDS} and {number} hours") for number in range(5_000))
    run = Run("2026-11-30T10:00:00+00:00", {"m": {}}, None, True, None, (), results)
    return html(Session(run=run, comparisons=[], figures=measure_each(run)))


def history_of_runs() -> str:
    """Six runs of a model, with a break and cases that flip."""
    runs = []
    for number in range(6):
        words = ["tone" if (case * number) % 5 == 3 else "" for case in range(40)]
        made_of = many(words, judged_by="k" if number > 2 else "j")
        runs.append(lightened(f"nightly-{number}.jsonl", run(*made_of, created=f"2026-03-0{number + 1}")))
    return history_page(history_of(runs), "runs", runs, ["not counted: x.jsonl: it is no run"], {})
