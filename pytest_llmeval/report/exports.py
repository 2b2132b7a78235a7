"""The results of a session in formats that other programs read: CTRF, CSV, and GitLab's code quality and metrics."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.analysis.measure import Figures
from pytest_llmeval.analysis.routing import TaskRoute
from pytest_llmeval.credentials import find_secrets, hide_secrets
from pytest_llmeval.report.cases import new_misses
from pytest_llmeval.runs.billed import NOTHING_BILLED, Billed
from pytest_llmeval.runs.results import CaseResult, Run
from pytest_llmeval.runs.saved_when import moment_of
from pytest_llmeval.text import one_line

COLUMNS = ("id", "model", "sample", "outcome", "category", "reason", "input", "output", "latency", "cost", "cluster")
"""Of the CSV; ``latency`` in seconds and ``cost`` in USD, of all calls of the sample. Cases of one ``cluster``, such as
other wordings of a row, are not independent."""

_SEVERITIES = {"REGRESSED": "critical", "INCONCLUSIVE": "major"}
_MOST_TEXT = 30_000  # characters; a spreadsheet's cell takes 32,767
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - full width, which Excel reads too


class Session(NamedTuple):
    """What an export tells of.

    Attributes:
        comparisons: one per candidate; empty without a baseline.
        figures: of every model.
        secrets: API keys that must not be in it, by the names of their environment variables.
        notes: of the session, as the terminal has them below the summary.
        besides: the calls that were billed and are in no result.
        routes: the recommended model for each task.
    """

    run: Run
    comparisons: Sequence[Comparison]
    figures: Sequence[Figures]
    secrets: Mapping[str, str] = MappingProxyType({})
    notes: Sequence[str] = ()
    besides: Billed = NOTHING_BILLED
    routes: Sequence[TaskRoute] = ()


def as_csv(session: Session) -> str:
    """One row per sample, safe to open in a spreadsheet: no cell begins as a formula does."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    reworded = {result.row for result in session.run.results if result.wording}
    for result in session.run.in_order():
        family = " ".join(filter(None, result.family)) if result.cluster is not None or result.row in reworded else ""
        for sample in result.samples:
            calls = sample.calls
            costs = [call.measures.cost for call in calls]
            row = (
                str(result.key),
                result.model,
                str(sample.index),
                sample.outcome,
                ", ".join(sample.categories) or sample.category or "",
                sample.reason,
                result.input if isinstance(result.input, str) else json.dumps(result.input, ensure_ascii=False),
                calls[-1].answer.text if calls else "",
                f"{sum(call.measures.latency for call in calls):.3f}",
                "" if None in costs else f"{sum(cost or 0.0 for cost in costs):.6f}",
                family,
            )
            writer.writerow([_cell(hide_secrets(value, session.secrets)) for value in row])
    return text.getvalue()


def as_ctrf(session: Session) -> str:
    """The Common Test Report Format: one test per case and model, and one per gate.

    A case that fails where the gate decides is ``other`` with the raw status ``missed``.
    """
    decided = {key for comparison in session.comparisons for key in comparison.compared}
    tests = [_ctrf_test(result, decided=result.key in decided) for result in session.run.in_order()]
    tests += [_ctrf_gate(comparison) for comparison in session.comparisons]
    counts = {status: sum(test["status"] == status for test in tests) for status in ("passed", "failed", "other")}
    start = started(session.run).timestamp()
    data = {
        "reportFormat": "CTRF",
        "specVersion": "0.0.0",
        "results": {
            "tool": {"name": "pytest-llmeval"},
            "summary": {
                "tests": len(tests),
                **counts,
                "pending": 0,
                "skipped": 0,
                "start": round(1000 * start),
                "stop": round(1000 * max(start, datetime.now(UTC).timestamp())),
            },
            "tests": tests,
        },
    }
    return json.dumps(hide_secrets(data, session.secrets), indent=1) + "\n"


def as_code_quality(session: Session) -> str:
    """GitLab's code quality report: an issue for each new miss, the more severe where its category regressed."""
    issues = []
    for comparison in session.comparisons:
        words = {row.name: row.word for row in comparison.rows if row.gated}
        for category, key in new_misses(comparison):
            result = comparison.candidate_results.get(key)
            if result is None or not result.file:
                continue
            said = next((sample.reason for sample in result.samples if sample.outcome == "fail"), "")
            place = f"{comparison.candidate.model}\0{category}\0{key}"
            issues.append(
                {
                    "description": one_line(f"{key.case or key.test}: {said}" if said else str(key)),
                    "check_name": f"llmeval/{one_line(category)}",
                    "fingerprint": hashlib.sha256(place.encode("utf-8", "backslashreplace")).hexdigest(),
                    "severity": _SEVERITIES.get(words.get(category, ""), "minor"),
                    "location": {"path": result.file, "lines": {"begin": result.line}},
                }
            )
    return json.dumps(hide_secrets(issues, session.secrets), indent=1) + "\n"


def as_metrics(session: Session) -> str:
    """OpenMetrics text, which GitLab shows beside the target branch's: failures by category, latency and cost."""
    lines = [line for comparison in session.comparisons for line in _failing(comparison)]
    for figures in session.figures:
        model = {"model": figures.model}
        lines.append(_metric("llmeval_passed_cases", figures.passed, model))
        lines.append(_metric("llmeval_failed_cases", figures.failed, model))
        lines += [
            _metric("llmeval_latency_seconds", each.value, {**model, "quantile": f"{each.share:g}"})
            for each in figures.latency
            if each.value is not None
        ]
        if figures.cost_per_resolved is not None:
            lines.append(_metric("llmeval_cost_per_resolved_usd", figures.cost_per_resolved.value, model))
    return "\n".join([*dict.fromkeys(str(hide_secrets(line, session.secrets)) for line in lines), "# EOF", ""])


def started(run: Run) -> datetime:
    """When a run was made; 1970 of a run whose header does not say."""
    return moment_of(run.created) or datetime.fromtimestamp(0, UTC)


def json_line(value: Any, secrets: Mapping[str, str]) -> str:
    """A value as JSON on one line, without secrets, and without halves of pairs of surrogates, which no UTF-8 has."""
    text = json.dumps(value, ensure_ascii=False)
    if find_secrets(text, secrets):  # most often not, and quickly told
        text = json.dumps(hide_secrets(value, secrets), ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()


def _cell(text: str) -> str:
    text = text[:_MOST_TEXT].replace("\0", "")
    bare = text.lstrip("'")  # of a text that looks as if it were marked already, so that each can be told
    return f"'{text}" if bare.startswith(_FORMULA) and not re.fullmatch("-[0-9.]+", bare) else text


def without_mark(cell: str) -> str:
    """A cell as it was before `as_csv` kept a spreadsheet from reading a formula in it."""
    return cell[1:] if cell.startswith("'") and _cell(cell[1:]) == cell else cell


def _ctrf_test(result: CaseResult, *, decided: bool) -> dict[str, Any]:
    first = next((sample for sample in result.samples if sample.outcome == result.outcome), None)
    other = result.outcome == "unverified" or (result.outcome == "fail" and decided)
    status = "passed" if result.outcome == "pass" else "other" if other else "failed"
    latency = sum(call.measures.latency for sample in result.samples for call in sample.calls)
    test = {
        "name": f"{result.key} ({result.model})",
        "status": status,
        "duration": round(1000 * latency),
        "filePath": result.file,
        "line": result.line,
        "tags": [*result.tags],
        "flaky": result.outcome == "pass" and any(sample.outcome == "fail" for sample in result.samples),
    }
    if result.outcome != "pass" and first is not None:
        test |= {
            "rawStatus": ("missed" if decided else "failed") if result.outcome == "fail" else result.outcome,
            "message": one_line(f"{result.category}: {first.reason}" if result.category else first.reason),
        }
    return test


def _ctrf_gate(comparison: Comparison) -> dict[str, Any]:
    status = {"passed": "passed", "failed": "failed"}.get(comparison.gate, "other")
    return {
        "name": f"gate ({comparison.candidate.model} vs {comparison.baseline.model})",
        "status": status,
        "rawStatus": comparison.gate,
        "duration": 0,
        "message": one_line("; ".join(comparison.reasons)),
    }


def _failing(comparison: Comparison) -> Iterator[str]:
    for row in comparison.rows:
        labels = {"category": row.name, "model": comparison.candidate.model}
        yield _metric("llmeval_failing_answers", row.candidate_failed, labels)
        yield _metric("llmeval_examined_answers", row.candidate_judged, labels)


def _metric(name: str, value: float, labels: Mapping[str, str]) -> str:
    quoted = ",".join(f'{key}="{_label(text)}"' for key, text in labels.items())
    return f"{name}{{{quoted}}} {value:g}"


def _label(text: str) -> str:
    return one_line(text).replace("\\", "\\\\").replace('"', '\\"')
