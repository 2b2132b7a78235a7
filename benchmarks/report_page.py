"""Measures the HTML report of 5,000 cases, 3 models and 3 samples: its size, and how soon a browser can work with it.

``make browser`` installs what it needs; then ``.venv/bin/python benchmarks/report_page.py`` prints a table and exits
with 1 when a bar is missed. The answers have 60 words each, of a vocabulary of 4,000. The times in the browser are
medians of five openings of the file in headless chromium.
"""

from __future__ import annotations

import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import sync_playwright

from pytest_llmeval.analysis.compare import Extent, Rules, Side, compare
from pytest_llmeval.analysis.measure import measure_each
from pytest_llmeval.analysis.routing import routes_of
from pytest_llmeval.reply import Answer, Measures, Usage
from pytest_llmeval.report.exports import Session
from pytest_llmeval.report.page.html import html
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, Run, SampleResult
from tests.browser.chromium import CHROMIUM

CASES, SAMPLES, WORDS, OPENINGS = 5_000, 3, 60, 5
MODELS = {"production": 0.08, "candidate": 0.07, "small": 0.15}  # the share of answers that fail
CATEGORIES = ("hallucination", "wrong_answer", "format", "tone", "refusal")
BARS = {
    "file, MB": 25.0,
    "writing, s": 10.0,
    "memory, MB": 500.0,
    "first paint, ms": 500.0,
    "usable, ms": 2_000.0,
    "slowest keystroke, ms": 50.0,
}
QUERY = 'category:tone "the order" 7'
MEASURE = """async (text) => {
  const box = document.getElementById("query");
  const took = [];
  for (let end = 1; end <= text.length; end++) {
    box.value = text.slice(0, end);
    const start = performance.now();
    box.dispatchEvent(new Event("input"));
    document.getElementById("list").getBoundingClientRect();
    took.push(performance.now() - start);
    await new Promise(requestAnimationFrame);
  }
  return took;
}"""


def results(model: str, failing: float, base: list[list[str]], chance: random.Random) -> Iterator[CaseResult]:
    """The cases of a model: samples that differ in a few words from each other and from other models'."""
    vocabulary = [word for words in base for word in words][:4_000]
    for number, words in enumerate(base):
        samples = []
        for index in range(SAMPLES):
            told = list(words)
            for _ in range(6):
                told[chance.randrange(WORDS)] = chance.choice(vocabulary)
            usage = Usage(input_tokens=200, output_tokens=80)
            call = Call(
                provider="openai",
                request_model=model,
                words_digest="d",
                answer=Answer(text=" ".join(told), usage=usage, finish_reason="stop", response_model=model),
                measures=Measures(chance.lognormvariate(-0.7, 0.4), None, 0.0002),
            )
            failed = chance.random() < failing
            category = chance.choice(CATEGORIES) if failed else None
            reason = f"the reply does not say {chance.choice(vocabulary)}" if failed else ""
            samples.append(
                SampleResult(
                    index, "fail" if failed else "pass", category, reason, reason, calls=(call,), noted=CATEGORIES
                )
            )
        yield CaseResult(
            key=CaseKey("tests/test_help.py::test_answer", f"case-{number}"),
            model=model,
            samples=tuple(samples),
            dataset="cases.jsonl",
            task=f"task {number % 12}",
            tags=(f"tag{number % 7}",),
            input=f"{' '.join(words[:25])}?",
            file="tests/test_help.py",
            line=8,
        )


def session() -> Session:
    """A baseline and two candidates."""
    chance = random.Random(7)
    letters = "etaoinshrdlucmfwypvbgk"
    vocabulary = ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(4_000)]
    base = [chance.choices(vocabulary, k=WORDS) for _ in range(CASES)]
    every = {name: list(results(name, failing, base, chance)) for name, failing in MODELS.items()}
    sides = [Side(name, {result.key: result for result in found}) for name, found in every.items()]
    compared = [compare(sides[0], side, Rules(), Extent()) for side in sides[1:]]
    run = Run(
        "2026-11-30T10:00:00+00:00",
        {name: {"provider": "openai", "model": name} for name in MODELS},
        "production",
        True,
        None,
        (),
        tuple(result for found in every.values() for result in found),
    )
    return Session(run=run, comparisons=compared, figures=measure_each(run))


def memory() -> float:
    """The most that this process has used so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def opened(file: Path) -> dict[str, list[float]]:
    """What the browser took, each time it opened the file."""
    found: dict[str, list[float]] = {"first paint, ms": [], "usable, ms": [], "slowest keystroke, ms": []}
    with sync_playwright() as playwright:
        for _ in range(OPENINGS):
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(file.as_uri(), wait_until="commit")
            page.wait_for_selector("html[data-ready]")
            found["usable, ms"].append(page.evaluate("performance.now()"))
            page.wait_for_timeout(500)  # the browser is idle, as while somebody reads
            found["first paint, ms"].append(
                page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            )
            found["slowest keystroke, ms"].append(max(page.evaluate(MEASURE, QUERY)))
            browser.close()
    return found


def main() -> int:
    """Print the table.

    Returns:
        1 when a bar is missed.
    """
    told = session()
    start = time.perf_counter()
    told = told._replace(routes=routes_of(told.comparisons))
    routing = time.perf_counter() - start
    before = memory()
    start = time.perf_counter()
    text = html(told)
    took = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.html"
        file.write_text(text, encoding="utf-8")
        figures = {
            "file, MB": file.stat().st_size / 1e6,
            "writing, s": took,
            "memory, MB": memory() - before,
            **{name: statistics.median(values) for name, values in opened(file).items()},
        }
    print(f"choosing models for 12 tasks, as for the terminal's summary, took {routing:.1f} s beforehand\n")
    print(f"{CASES:,} cases x {len(MODELS)} models x {SAMPLES} samples of {WORDS} words\n")
    print("| | measured | bar | |\n|---|---:|---:|---|")
    for name, value in figures.items():
        print(f"| {name} | {value:,.1f} | {BARS[name]:,.0f} | {'met' if value <= BARS[name] else 'MISSED'} |")
    return int(any(value > BARS[name] for name, value in figures.items()))


if __name__ == "__main__":
    sys.exit(main())
