"""What to do now: the one line ``next:`` of a report, which never says what changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_llmeval.analysis.comparison import UNMEASURED, Comparison
from pytest_llmeval.report.cases import kinds_of_errors, new_failures, new_misses
from pytest_llmeval.report.paper import Line, Paper
from pytest_llmeval.report.verdict import mark_of, rising_together
from pytest_llmeval.runs.results import CaseResult
from pytest_llmeval.stats.outcomes import ERROR_PREFIX

_AGAIN = "run again"
_HELPS = {
    "authentication": "set the key as the errors say, then run again",
    "bad_request": "fix the request as the errors say: the provider will refuse it every time",
    "billing": "pay the bill or raise the account's limit, then run again",
    "broken_recording": "fix the file of recordings that the errors name, or restore it",
    "budget": "raise --llm-budget and run again",
    "connection": "start the server, or fix base_url or the network as the errors say",
    "content_filter": "change the prompts that the provider refuses, or try another model",
    "exception": "fix the test or the application: the errors are exceptions in its own code",
    "judge": "fix the rubric or the judge as the errors say; a verdict that cannot be used is asked for again",
    "malformed": "check that base_url is the address of an API, and that the provider named is the one it speaks",
    "no_reply_recorded": "--llm-record --llm-mode=auto asks for the missing replies and records them",
    "not_found": "fix the model's name or base_url as the errors say",
    "not_rerouted": "use a model that the application can be made to ask, as the errors say",
    "reply_too_old": "--llm-record --llm-mode=refresh asks for every reply again and records it",
    "setup": "fix the fixtures or settings that the errors name",
}
_PAGE = "every answer that changed, side by side"


def after_errors(kinds: Iterable[str], asks_all: str = "") -> str:
    """What to do about errors: never what changes nothing.

    Args:
        kinds: of the errors, the most frequent first.
        asks_all: as `Paper.asks_all`.
    """
    told = _HELPS.get(next(iter(kinds), ""), _AGAIN)
    if not told.endswith(_AGAIN):
        return told
    paid = f"--llm-mode={asks_all} pays for every answer again" if asks_all else "you pay only for what is missing"
    return f"{told}; {paid}"


def next_step(paper: Paper, comparisons: Sequence[Comparison]) -> list[Line]:
    """What to do now, for the comparison that needs it most; empty where none needs a look."""
    order = {"failed": 0, "not evaluated": 1, "passed": 2}
    found = (_step(paper, each) for each in sorted(comparisons, key=lambda each: order[each.gate]))
    return _written(paper, next(filter(None, found), ""))


def next_step_alone(paper: Paper, results: Sequence[CaseResult]) -> list[Line]:
    """The same where nothing is compared."""
    errors = [result.category or "error" for result in results if result.outcome == "error"]
    failing = [name for result in results if result.outcome == "fail" for name in result.categories]
    if errors:
        return _written(paper, after_errors(sorted(errors, key=errors.count, reverse=True), paper.asks_all))
    if not failing or (paper.listed and not paper.page):
        return []
    most = max(failing, key=failing.count)
    listing = f"{paper.show}={most} lists its cases with their replies"
    return _written(paper, f"open {paper.page}: every case with its replies" if paper.page else listing)


def _step(paper: Paper, comparison: Comparison) -> str:
    """What to do now, "" where nothing needs a look."""
    rows = [*comparison.rows, *rising_together(comparison)]
    undecided = [row.samples_needed for row in rows if row.word == "INCONCLUSIVE" and row.samples_needed]
    marked = [row.name for row in comparison.rows if mark_of(row) == "!"]
    regressed = [name for name in marked if not name.startswith(ERROR_PREFIX)]
    lost = [name.removeprefix(ERROR_PREFIX) for name in marked if name not in regressed]
    failed = comparison.gate == "failed"
    if comparison.of_tables:
        return _step_of_tables(paper, comparison, regressed, max(undecided, default=0))
    unmeasured = any(reason.startswith(UNMEASURED) for reason in comparison.reasons)
    cure = after_errors(kinds_of_errors(comparison), paper.asks_all) if comparison.errors else ""
    if cure and unmeasured:
        return cure
    if failed and regressed:
        return _answers(paper, f"{paper.show}={regressed[0]} lists its cases with what changed")
    # Where a cure is known, the cases that did not run would have the same errors.
    if cure and (failed or (comparison.gate == "not evaluated" and not cure.startswith(_AGAIN))):
        return cure
    if lost and failed:
        return after_errors(lost, paper.asks_all)
    if comparison.gate == "not evaluated":
        return _to_evaluate(comparison)
    if new := _new_failures(comparison):
        return new
    if undecided:
        return f"--llm-samples={max(undecided)} would settle what is inconclusive"
    if comparison.unverified:  # first: most answers of a shadow test are, and the misses are in the review too
        return f"{_REVIEW}; {paper.page} shows them side by side" if paper.page else _answers(paper, _REVIEW)
    if new_misses(comparison):
        if paper.verbosity > 0:
            return _answers(paper, "pytest -vv -k CASE shows one of the misses closely, with its prompt")
        return _answers(paper, "-v lists every miss with both replies")
    return _to_save(comparison, gone=unmeasured)


_REVIEW = "llmeval review RUN.jsonl lets people decide on the answers that are unverified"


def _step_of_tables(paper: Paper, comparison: Comparison, regressed: Sequence[str], samples: int) -> str:
    """What to do about tables of results, whose tool is not known: no option of pytest helps.

    Args:
        paper: the terminal.
        comparison: of two tables.
        regressed: the categories that fail the gate.
        samples: per case, that would settle what is inconclusive; 0 for nothing.
    """
    if not comparison.compared and not comparison.errors:
        return "give a case the same id in both files: they have none in common"
    if comparison.errors and (comparison.gate != "passed" and not regressed):
        return "have the answers that could not be judged asked for again, then compare the new file"
    if any(reason.startswith(UNMEASURED) for reason in comparison.reasons):
        return "compare files with the same cases, by their ids"
    if regressed:
        return f"{paper.show}={regressed[0]} lists its cases with what changed"
    if samples:
        return f"{samples} answers to each case, told apart by the column sample, would settle what is inconclusive"
    return "-v lists every miss" if new_misses(comparison) and paper.verbosity <= 0 else ""


def _answers(paper: Paper, otherwise: str) -> str:
    """Where the answers that changed are to be seen."""
    if paper.page:
        return f"open {paper.page}: {_PAGE}"
    return otherwise if paper.page is None else f"{otherwise}; --llm-report=report.html shows them side by side"


def _to_evaluate(comparison: Comparison) -> str:
    """How to have a verdict."""
    if comparison.baseline_results or not comparison.only_candidate:
        return "run all cases to the end, then the gate is evaluated"
    if comparison.saved:
        adds = f"{_update(comparison)} adds what ran to the baseline, for later runs to be compared with"
        return _new_failures(comparison) or adds
    return f"select the same cases of {comparison.baseline.model} too, then the gate is evaluated"


def _new_failures(comparison: Comparison) -> str:
    """What to do about failing cases that the baseline does not have; saved now, they would count as known."""
    failing = new_failures(comparison)
    if not failing:
        return ""
    if len(failing) == 1:
        return "fix the new case that fails before you save the baseline again: saved now, it would be a known miss"
    return (
        f"fix the {len(failing)} new cases that fail before you save the baseline again: saved now, they would be "
        "known misses"
    )


def _to_save(comparison: Comparison, *, gone: bool) -> str:
    """Whether the baseline should be saved again, and why."""
    if not comparison.saved:
        return ""
    if comparison.changed or comparison.unlike or comparison.unjudged or comparison.only_candidate:
        return f"save the baseline again with {_update(comparison)}, so that it has every case as it is now"
    if gone and comparison.only_baseline:
        return f"if those cases are gone on purpose, save the baseline again with {_update(comparison)}"
    same_model = comparison.baseline.model == comparison.candidate.model
    if same_model and any(row.word == "IMPROVED" for row in comparison.rows):
        return f"save the baseline in this change with {_update(comparison)}: what improved could be lost again unseen"
    return ""


def _update(comparison: Comparison) -> str:
    """The option that saves what ran; a part of the cases must not replace all."""
    return "--llm-update-baseline=merge" if comparison.part else "--llm-update-baseline"


def _written(paper: Paper, text: str) -> list[Line]:
    return paper.write(f"next: {text}", hang=6) if text else []
