"""``--llm-samples=auto``: few samples at first, more where they leave an error category undecided.

This causes no false alarms. What fails the gate has a raw p of at most alpha, so it is undecided after the first
samples and gets more; the final test is over all samples. The first look can only save calls. This requires that every
case that counts in the category gets more samples, not only those that failed. Any answer can have any error category,
so every case counts in each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from pytest_llmeval.analysis.compare import Rules, Side, judgement
from pytest_llmeval.analysis.comparison import UNMEASURED, Comparison
from pytest_llmeval.runs.results import CaseKey, CaseResult
from pytest_llmeval.stats.gate import undecided
from pytest_llmeval.text import plural

AT_FIRST, AT_MOST = 3, 10

"""Samples per case. In simulated suites where nothing changed 4.8 were drawn on average, see benchmarks/."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """What the first samples of a candidate leave undecided.

    Attributes:
        categories: the raw p of those that may have become more frequent.
        cases: the cases that get more samples, on both sides.
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
    names = undecided(verdicts)
    cases = tuple(key for key in table.cases if before[key].judged and after[key].judged) if names else ()
    return Undecided(categories={name: verdicts[name].p for name in names}, cases=cases)


def unfinished(comparison: Comparison, undecided: Collection[str], lost: int) -> Comparison:
    """The comparison, failed if it would pass although the candidate lacks some of its further samples.

    Args:
        comparison: by the existing samples.
        undecided: the candidates that needed more samples.
        lost: how many tests did not finish their second pass, as when a worker crashed.
    """
    if not lost or comparison.gate != "passed" or comparison.candidate.model not in undecided:
        return comparison
    lost_tests = f"{plural(lost, 'test')} did not come to the end of the further ones"
    reason = f"{UNMEASURED}: undecided by the first samples, and {lost_tests}"
    return comparison._replace(gate="failed", reasons=(reason,))


def calls_saved(results: Iterable[CaseResult]) -> tuple[int, int]:
    """The number of saved calls, and of the calls that `AT_MOST` samples of every case would have made.

    A sample that was not drawn counts as many calls as the case's others made on average.
    """
    made = spared = 0.0
    for result in results:
        calls = len(result.calls)
        made += calls
        if result.samples:
            spared += max(0, AT_MOST - len(result.samples)) * calls / len(result.samples)
    return round(spared), round(made + spared)
