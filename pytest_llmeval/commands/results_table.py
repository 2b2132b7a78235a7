"""Results of any tool in a table (.csv, .tsv), as two runs that `llmeval compare` can compare."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.checks.categories import is_category
from pytest_llmeval.datasets.spreadsheet import NotATable, table_rows
from pytest_llmeval.errors import ConfigError, RunFileError
from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.report.exports import COLUMNS, without_mark
from pytest_llmeval.runs.file import MOST_PROBLEMS
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, Outcome, Run, SampleResult, unasked
from pytest_llmeval.stats.outcomes import ERROR_PREFIX
from pytest_llmeval.text import plural, quoted_ascii

ENDINGS = (".csv", ".tsv")
_OUTCOMES: dict[str, Outcome] = {
    **dict.fromkeys(("pass", "passed", "true", "1", "1.0", "ok", "success"), "pass"),
    **dict.fromkeys(("fail", "failed", "false", "0", "0.0"), "fail"),
    "unverified": "unverified",
    "error": "error",
}
_WORDS = "pass, passed, true, 1, ok, success; fail, failed, false, 0; unverified; error"
_UNNAMED = "unnamed"  # both sides are the same model where neither file names it, which is the stricter gate
_SAVED = ("saved baseline run", "saved baseline", "baseline")  # what an export calls a saved baseline


def is_table(path: str) -> bool:
    """Whether a file holds results in a table, by its name."""
    return path.lower().endswith(ENDINGS)


class _Row(NamedTuple):
    """A row with its columns by name, of which those that are absent are empty."""

    line: int
    cells: dict[str, str]

    def text(self, column: str) -> str:
        """A cell as it was before a spreadsheet was kept from reading a formula in it."""
        return without_mark(self.cells.get(column, ""))


class _Results(NamedTuple):
    """What a file holds.

    Attributes:
        columns: those that it has, of those that are read.
        samples: by case and model, in the order of the file.
        rows: of each, the first row.
    """

    columns: frozenset[str]
    samples: dict[tuple[str, str], list[tuple[SampleResult, str]]]
    rows: dict[tuple[str, str], _Row]


def load_tables(before: str, after: str, pass_score: float | None, configured: Iterable[str]) -> tuple[Run, Run]:
    """The runs that two files hold.

    A table says nothing of what an answer was examined for, so it counts as examined for every category: those of both
    files, and those of the project.

    Args:
        before: the baseline's file.
        after: the candidate's.
        pass_score: the lowest score that passes; None where all scores are 0 or 1.
        configured: the project's categories.

    Raises:
        RunFileError: a file cannot be read, or has rows that say nothing; names their lines.
        ConfigError: the score that passes is given, and neither file has scores.
    """
    both = [_results(path, pass_score) for path in (before, after)]
    if pass_score is not None and all("outcome" in each.columns for each in both):
        raise ConfigError("--pass-score: both files have a column outcome, which counts; leave the option out")
    names = {*configured}
    for each in both:
        names.update(name for samples in each.samples.values() for sample, _ in samples for name in sample.categories)
    # Of a case whose answers are known on one side alone, the others would look as if they had been lost.
    replies = all("output" in each.columns for each in both)
    one, two = (_run(each, tuple(sorted(names)), replies=replies) for each in both)
    return one, two


def told_by_tables(comparison: Comparison, before: Run, after: Run) -> Comparison:
    """The comparison of two such runs without what only calls could tell."""
    of_calls = unasked([comparison.candidate_results[key] for key in comparison.compared])
    left_out = [
        f"{plural(len(run.of_model(run.baseline)), 'case')} of the model {run.baseline} in the {side}'s file "
        "belong to a saved baseline and are not compared"
        for side, run in (("baseline", before), ("candidate", after))
        if run.baseline is not None
    ]
    sides = (each._replace(live=0, replayed=0, latency=()) for each in (comparison.baseline, comparison.candidate))
    baseline, candidate = sides
    notes = (*(note for note in comparison.notes if note not in of_calls), *left_out)
    return comparison._replace(baseline=baseline, candidate=candidate, notes=notes)


def _run(results: _Results, examined: tuple[str, ...], *, replies: bool) -> Run:
    models: dict[str, dict[str, str]] = {model: {} for _, model in results.samples}
    cases = []
    for (name, model), samples in results.samples.items():
        row = results.rows[name, model]
        cases.append(
            CaseResult(
                key=CaseKey(name, ""),
                model=model,
                samples=tuple(
                    sample._replace(
                        noted=examined if sample.outcome == "fail" else None,
                        calls=(_call(model, reply),) if replies else (),
                    )
                    for sample, reply in sorted(samples, key=lambda pair: pair[0].index)
                ),
                input=row.text("input") or None,
                line=row.line,  # keeps the order of the file
                dataset="table",
                cluster=row.text("cluster").strip() or None,
            )
        )
    saved = next((name for name in _SAVED if name in models and len(models) > 1), None)
    return Run(created="", models=models, baseline=saved, complete=True, results=tuple(cases))


def _call(model: str, reply: str) -> Call:
    measures = Measures(latency=0.0, source="recording")
    return Call("", model, "", Answer(text=reply), measures, spent=0.0)


def _results(path: str, pass_score: float | None) -> _Results:
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise RunFileError(f"cannot read the results {path}: {error.strerror or error}") from None
    problems: list[str] = []
    results = _Results(frozenset(), {}, {})
    try:
        rows = table_rows(raw)
        line, header = next(rows, (1, []))
        columns = _columns(path, line, header)
        results = results._replace(columns=frozenset(filter(None, columns)))
        seen: dict[tuple[str, str, int], int] = {}
        for line, cells in rows:
            named = {name: cell for name, cell in zip(columns, cells, strict=False) if name}
            try:
                if any(cell.strip() for cell in cells[len(columns) :]):
                    raise ValueError(
                        f"the row has {len(cells)} cells, the header {len(columns)}; a separator or a quote in a cell "
                        "needs quotes around the cell"
                    )
                _take(_Row(line, named), results, seen, pass_score)
            except ValueError as error:
                problems.append(f"{path}:{line}: {error}")
    except NotATable as error:
        problems.append(f"{path}:{error.line}: {error}")
    if problems:
        more = f" (and {plural(len(problems) - 1, 'more such row')})" if len(problems) > 1 else ""
        raise RunFileError("\n".join([f"{problems[0]}{more}", *problems[1:MOST_PROBLEMS]]))
    if not results.samples:
        raise RunFileError(f"{path} holds no results: there is no row below the names of the columns")
    return results


def _columns(path: str, line: int, header: Sequence[str]) -> list[str]:
    """The names of the columns, "" for one that is not read.

    Raises:
        RunFileError: one is missing, or is there twice.
    """
    told = ", ".join(quoted_ascii(cell.strip()) for cell in header[:12]) or "none"
    needed = f"results need a column id, and outcome or score (columns: {told})"
    names = [cell.strip().lower() for cell in header]
    names = [name if name in (*COLUMNS, "score") else "" for name in names]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice:
        raise RunFileError(f"{path}:{line}: the column {twice} appears {names.count(twice)} times")
    if "id" not in names:
        raise RunFileError(f"{path}:{line}: there is no column id; {needed}")
    if "outcome" not in names and "score" not in names:
        raise RunFileError(f"{path}:{line}: there is no column outcome or score; {needed}")
    return names


def _take(row: _Row, results: _Results, seen: dict[tuple[str, str, int], int], pass_score: float | None) -> None:
    """Add a row to the results.

    Raises:
        ValueError: it says nothing, or what another has said.
    """
    name, model = row.text("id").strip(), row.text("model").strip() or _UNNAMED
    if not name:
        raise ValueError("the row has no id")
    index = _sample(row.text("sample").strip()) if "sample" in results.columns else 0
    first = seen.setdefault((name, model, index), row.line)
    if first != row.line:
        further = f", sample {index}" if "sample" in results.columns else ""
        help_ = "" if further else "; further answers to a case need a column sample"
        of = f" of {quoted_ascii(model)}" if model != _UNNAMED else ""
        raise ValueError(f"the id {quoted_ascii(name)}{of}{further} is already in line {first}{help_}")
    outcome = _outcome(row, results.columns, pass_score)
    category, *others = _categories(row.text("category")) if outcome != "pass" else [None]
    sample = SampleResult(
        index=index,
        outcome=outcome,
        category=category,
        reason=row.text("reason"),
        further=tuple(other for other in others if other is not None) if outcome == "fail" else (),
    )
    results.samples.setdefault((name, model), []).append((sample, row.text("output")))
    results.rows.setdefault((name, model), row)


def _sample(text: str) -> int:
    digits = text.removesuffix(".0")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 9:
        raise ValueError(f"the sample is {quoted_ascii(text)}, not a whole number" if text else "the sample is missing")
    return int(digits)


def _outcome(row: _Row, columns: frozenset[str], pass_score: float | None) -> Outcome:
    """Whether the answer passed, by its outcome or else by its score."""
    if "outcome" in columns:
        said = row.text("outcome").strip()
        outcome = _OUTCOMES.get(said.lower())
        if outcome is None:
            given = f"the outcome is {quoted_ascii(said)}" if said else "the outcome is missing"
            raise ValueError(f"{given} (allowed: {_WORDS})")
        return outcome
    said = row.text("score").strip()
    if said.lower() == "error":
        return "error"
    score = _number(said)
    if score is None:
        given = f"the score is {quoted_ascii(said)}, not a number" if said else "the score is missing"
        raise ValueError(f"{given}; error stands for an answer that could not be judged")
    if pass_score is not None:
        return "pass" if score >= pass_score else "fail"
    if score not in (0, 1):
        raise ValueError(f"the score is {said}, neither 0 nor 1; say which scores pass, as in --pass-score=0.8")
    return "pass" if score == 1 else "fail"


def _number(text: str) -> float | None:
    """A finite number, also with a decimal comma."""
    if text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    try:
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _categories(text: str) -> list[str | None]:
    """The error categories of a row, the main one first; one that is None where there is none."""
    names = list(dict.fromkeys(filter(None, (name.strip() for name in text.split(",")))))
    for name in names:
        if not is_category(name) or name.startswith(ERROR_PREFIX):
            raise ValueError(f"{quoted_ascii(name)} is no name of a category: at most 80 characters on one line")
    return [*names] or [None]
