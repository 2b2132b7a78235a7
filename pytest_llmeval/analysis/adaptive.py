"""``--llm-samples=auto``: few samples at first, and more after each look that finds an error category undecided.

The looks cause no false alarms. A category fails the gate only when all cases that count in it have `AT_MOST` samples:
while it would fail with fewer, its cases get more. So it fails at most as often as it would with `AT_MOST` samples of
every case, and a look can only save calls. This requires that every case that counts in the category gets more
samples, not only those that failed. Any answer can have any error category, so every case counts in each; a task's or
a tag's category counts its own cases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pytest_llmeval.analysis.broken_tests import without_broken_tests
from pytest_llmeval.analysis.compare import Judgement, Rules, Side, judgement
from pytest_llmeval.analysis.comparison import UNMEASURED, Comparison
from pytest_llmeval.analysis.sides.unseen import without_unseen
from pytest_llmeval.runs.results import CaseKey, CaseResult
from pytest_llmeval.stats.gate import LOOKS, failing, undecided
from pytest_llmeval.text import were

SAMPLES = (2, 4, 7, 10)
"""Samples per case at each look; the last number is not exceeded."""

AT_FIRST, AT_MOST = SAMPLES[0], SAMPLES[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """What a look at a candidate leaves undecided.

    Attributes:
        categories: the raw p of those that may have become more frequent.
        samples: how many each of their cases should have.
        cases: the cases that count in these categories, on both sides.
    """

    categories: Mapping[str, float]
    samples: int
    cases: frozenset[CaseKey]


def look_at(baseline: Side, candidate: Side, rules: Rules, look: int = 0) -> Undecided:
    """Which categories are undecided by the samples there are, and the cases that can settle them.

    Args:
        look: how many looks there were before. Behind the last one that `undecided` knows only what fails the gate
            is undecided, until all of its cases have the last number of samples.
    """
    samples = SAMPLES[min(look + 1, len(SAMPLES) - 1)]
    before, after, _ = without_broken_tests(*without_unseen(baseline.results, candidate.results))
    judged = judgement(baseline._replace(results=before), candidate._replace(results=after), rules)
    if judged.table.why_invalid():
        return Undecided(categories={}, samples=samples, cases=frozenset())  # more samples do not make it measurable
    wanted = set(failing(judged.verdicts, strict=rules.strict))
    wanted |= set(undecided(judged.verdicts, look) if look < len(LOOKS) else ())
    return Undecided(
        categories={name: verdict.p for name, verdict in judged.verdicts.items() if name in wanted},
        samples=samples,
        cases=frozenset(
            key for name in wanted for key in counted_in(name, judged) if before[key].answered and after[key].answered
        ),
    )


def counted_in(category: str, judged: Judgement) -> list[CaseKey]:
    """The cases that count in a category: all, or those of its part that have an answer on both sides."""
    if not judged.verdicts[category].part:
        return list(judged.table.cases)
    strata = zip(judged.table.cases, judged.table.categories[category], strict=True)
    return [key for key, stratum in strata if stratum.compared]


def unfinished(comparison: Comparison, lost: int) -> Comparison:
    """The comparison of a candidate that needed more samples: not measured if some of them are lost.

    Args:
        comparison: by the existing samples.
        lost: how many tests did not get their further samples, as when a worker crashed.
    """
    if not lost or comparison.gate == "not evaluated":
        return comparison
    lost_tests = were(lost, "test")
    reason = f"{UNMEASURED}: undecided after the samples so far, and {lost_tests} not run to the end; run it again"
    return comparison._replace(gate="failed", reasons=(reason, *comparison.reasons))


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
