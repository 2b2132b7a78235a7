"""``--llm-samples=auto``: few samples at first, more where that leaves an error category undecided.

Why this costs no false alarm: what fails the gate has a raw p of at most alpha, so after the first samples it is
undecided and gets more, and what counts in the end is the test over all of them. The first look can only spare calls.
That holds as long as every case that counts in the category gets more, never only those that failed. Here an error
category can be given to any answer, so every case counts in each of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from pytest_llmeval.analysis.compare import Rules, Side, judgement
from pytest_llmeval.analysis.comparison import UNMEASURED, Comparison
from pytest_llmeval.runs.results import CaseKey, CaseResult
from pytest_llmeval.stats.gate import undecided

AT_FIRST, AT_MOST = 3, 10

"""Samples per case. In simulated suites where nothing changed 4.8 were drawn on average, see benchmarks/."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """What the first samples of a candidate leave open.

    Attributes:
        categories: those that may have got more frequent, each with its raw p; empty when none has.
        cases: those that get more samples, on both sides.
    """

    categories: Mapping[str, float]
    cases: tuple[CaseKey, ...]


def look_at(baseline: Side, candidate: Side, rules: Rules) -> Undecided:
    """Which categories the first samples leave undecided, and the cases that can settle them."""
    judged = judgement(baseline, candidate, rules)
    before, after = baseline.results, candidate.results
    table, verdicts = judged.table, judged.verdicts
    if table.why_invalid():
        return Undecided(categories={}, cases=())  # more samples do not make it measurable
    names = undecided(verdicts, judged.rules)
    cases = tuple(key for key in table.cases if before[key].judged and after[key].judged) if names else ()
    return Undecided(categories={name: verdicts[name].p for name in names}, cases=cases)


def unfinished(comparison: Comparison, undecided: Collection[str], lost: int) -> Comparison:
    """No pass for a candidate whose first samples left it undecided and whose further ones did not all come.

    Args:
        comparison: by the samples there are.
        undecided: the candidates that were to get more.
        lost: how many tests did not come to the end of their second pass, as when a worker crashed.
    """
    if not lost or comparison.gate != "passed" or comparison.candidate.model not in undecided:
        return comparison
    tests = "1 test" if lost == 1 else f"{lost} tests"
    reason = f"{UNMEASURED}: undecided by the first samples, and {tests} did not come to the end of the further ones"
    return comparison._replace(gate="failed", reasons=(reason,))


def calls_saved(results: Iterable[CaseResult]) -> tuple[int, int]:
    """How many calls were spared, of how many that the most samples of every case would have made.

    Samples that were not drawn count with the calls that the case's others made on average.
    """
    made = spared = 0.0
    for result in results:
        calls = sum(len(sample.calls) for sample in result.samples)
        made += calls
        if result.samples:
            spared += max(0, AT_MOST - len(result.samples)) * calls / len(result.samples)
    return round(spared), round(made + spared)
