"""The tabs of a page beside the cases: tables and charts of categories, tasks, times, cost and the run itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from pytest_llmeval.analysis.comparison import CategoryRow, Comparison
from pytest_llmeval.analysis.measure import Figures, times_by_case
from pytest_llmeval.analysis.routing import Choice, TaskRoute
from pytest_llmeval.analysis.sensitivity import sensitivity
from pytest_llmeval.analysis.sides.disagreements import disagreements
from pytest_llmeval.analysis.sides.field_accuracy import field_names, field_rows
from pytest_llmeval.report.breakdown import (
    NO_TASK,
    SliceRow,
    field_cell,
    route_reasons,
    rows_by_length,
    rows_by_tag,
    rows_by_task,
)
from pytest_llmeval.report.cases import passes
from pytest_llmeval.report.exports import Session
from pytest_llmeval.report.figures import (
    Measure,
    money_measures,
    rate_measures,
    reliability_measures,
    source_of_times,
    time_measures,
)
from pytest_llmeval.report.numbers import change, count, dollars, percent, points
from pytest_llmeval.report.page.charts import Point, cost_against_quality, quantile_strip
from pytest_llmeval.report.paper import Paper
from pytest_llmeval.report.replies.differing import with_interval
from pytest_llmeval.report.replies.unverified import HEAD, calls_words, kind_cells, unverified_head
from pytest_llmeval.report.sections import Results, results_of
from pytest_llmeval.report.several_models import category_rows, failing_by_category, gate_word
from pytest_llmeval.report.verdict import evidence, mark_of, remarks, rising_together
from pytest_llmeval.runs.results import CaseResult, model_words
from pytest_llmeval.text import plural

MOST_NAMED = 50
"""Cases that a list on a tab names."""


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        cells: as text, the first its name.
        mark: ``!`` for a gated regression, ``~`` for one that is not gated or not proven, else "".
    """

    cells: Sequence[str]
    mark: str = ""


class Table(NamedTuple):
    """A table of text; of each row the first cell is its name, and the others are numbers but for `words`.

    Attributes:
        words: the places of columns that hold words.
        notes: sentences below it.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Row]
    words: frozenset[int] = frozenset()
    notes: Sequence[str] = ()


class Tab(NamedTuple):
    """A part of the page.

    Attributes:
        name: in the address.
        charts: SVG, each with its caption.
    """

    name: str
    title: str
    tables: Sequence[Table]
    charts: Sequence[tuple[str, str]] = ()


def tabs_of(session: Session, paper: Paper, notes: Sequence[str], *, redacted: bool) -> list[Tab]:
    """The tabs that have something to show.

    Args:
        session: what there is to tell.
        paper: as wide as it may be, with the secrets.
        notes: on the session.
        redacted: whether no text of models, users or tests may be shown.
    """
    models = _models(session)
    found = [
        _categories(session, models, paper, redacted=redacted),
        _differences(session, paper, redacted=redacted),
        _tasks(session, models, redacted=redacted),
        _fields({} if redacted else models),
        _latency(session, models),
        _cost(session, models),
        _consistency(session, models, redacted=redacted),
        _wordings(models, redacted=redacted),
        _run(session, notes, redacted=redacted),
    ]
    return [tab for tab in found if any(table.rows for table in tab.tables)]


def _models(session: Session) -> Results:
    if session.comparisons:
        return results_of(session.comparisons)
    return {name: list(session.run.of_model(name).values()) for name in session.run.models_run()}


def _all_figures(session: Session) -> list[Figures]:
    """Of the baseline and the candidates, in the order of `_models`."""
    if session.comparisons:
        return [session.comparisons[0].baseline, *(each.candidate for each in session.comparisons)]
    return list(session.figures)


def _share(part: int, whole: int) -> str:
    return f"{count(part, whole)} {percent(part, whole)}" if whole else "-"


def category_table(comparison: Comparison, caption: str, explained: Sequence[str] = ()) -> Table:
    """The error categories of a comparison with their verdicts, worst first."""
    rising = rising_together(comparison)
    pairs = [(row.name, row, row) for row in comparison.rows]
    pairs.append(("any failure", comparison.total, rising[0] if rising else comparison.total))
    rows = [_category(name, row, judged, comparison) for name, row, judged in pairs]
    head = ("category", "baseline", "candidate", "points", "95 % interval", "new", "fixed", "verdict", "p")
    return Table(caption, head, rows, frozenset({7}), explained)


def _differences(session: Session, paper: Paper, *, redacted: bool) -> Tab:
    """In what the answers differ, where some are unverified."""
    tables = []
    for comparison in session.comparisons:
        if not comparison.unverified:
            continue
        found = disagreements(comparison)
        head, width = (*HEAD, *([] if redacted else ["largest"])), _LARGEST_NAMED
        rows = []
        for row in found.rows:
            named = ", ".join(key.case or str(key) for key in row.cases[:width])
            rows.append(Row((*kind_cells(row, found), *([] if redacted else [named]))))
        caption = f"Where {comparison.candidate.model} answers differently from {comparison.baseline.model}"
        notes = [unverified_head(comparison, found), calls_words(paper, comparison)]
        tables.append(Table(caption, head, rows, frozenset({4}), notes))
    return Tab("differences", "Differences", tables)


_LARGEST_NAMED = 8


def models_table(comparisons: Sequence[Comparison]) -> Table:
    """The error categories with a column for each model, and the gates."""
    models = [comparisons[0].baseline.model, *(each.candidate.model for each in comparisons)]
    rows = [Row((row.name, *row.cells)) for row in category_rows(comparisons)]
    rows.append(Row(("gate", "", *map(gate_word, comparisons))))
    notes = ["! regressed, gated · ~ worse, but not gated or not proven; the verdicts are in the tab Categories"]
    return Table("Failing answers by error category", ("category", *models), rows, notes=notes)


def _category(name: str, row: CategoryRow, judged: CategoryRow, comparison: Comparison) -> Row:
    new, fixed = (row.new, row.fixed) if row is not comparison.total else (comparison.new, comparison.fixed)
    interval = f"{points(row.interval[0])} to {points(row.interval[1])}" if row.interval else ""
    cells = (
        name,
        _share(row.baseline_failed, row.baseline_judged),
        _share(row.candidate_failed, row.candidate_judged),
        points(row.change),
        interval,
        str(len(new)),
        str(len(fixed)),
        judged.word + ("" if judged.gated or not judged.word else ", not gated"),
        evidence(judged),
    )
    return Row(cells, mark_of(judged).strip())


def _categories(session: Session, models: Results, paper: Paper, *, redacted: bool) -> Tab:
    tables = []
    if session.comparisons:
        tables += [
            category_table(
                each,
                f"{each.candidate.model} beside {each.baseline.model}",
                () if redacted else remarks(paper, each),
            )
            for each in session.comparisons
        ]
    else:
        counted = failing_by_category(list(models.values()))
        rows = [Row((name, *(_share(*each) for each in counts))) for name, counts in counted.items()]
        tables.append(Table("Failing answers by category", ("category", *models), rows))
    tables.append(_measures("Rates and mean scores", session, models, rate_measures))
    return Tab("categories", "Categories", tables)


def _slices(caption: str, head: str, models: Results, rows: Sequence[SliceRow]) -> Table:
    body = [
        Row((row.name, str(max(each.cases for each in row.slices)), *(_share(s.failed, s.judged) for s in row.slices)))
        for row in rows
    ]
    return Table(caption, (head, "cases", *models), body if len(body) > 1 else [])


def _tasks(session: Session, models: Results, *, redacted: bool) -> Tab:
    tables = [
        _routes(session.routes, redacted=redacted),
        _differing(session.comparisons),
        _slices("Failing answers by task", "task", models, rows_by_task(models)),
        _slices("Failing answers by tag", "tag", models, rows_by_tag(models)),
        _slices("Failing answers by length of the input", "input tokens", models, rows_by_length(models)),
    ]
    return Tab("tasks", "Tasks", tables)


def _differing(comparisons: Sequence[Comparison]) -> Table:
    """How often replies differ from the baseline's, in all and by task, with a column for each candidate."""
    found = {each.candidate.model: each.differing for each in comparisons if each.differing is not None}
    names = sorted({name for each in found.values() for name in each.tasks})
    rows = [Row(("all cases", *(with_interval(each.share) for each in found.values())))] if found else []
    for name in names:
        shares = (each.tasks.get(name) for each in found.values())
        rows.append(Row((name, *(with_interval(share) if share is not None else "-" for share in shares))))
    caption = "Replies that differ from the baseline's after normalising, of all pairs, with 95 % intervals"
    return Table(caption, ("task", *found), rows)


def _fields(models: Results) -> Tab:
    found = field_rows(models)
    rows = [
        Row((name, *(field_cell(*counts) for counts in row.counts)))
        for name, row in zip(field_names(found), found, strict=True)
    ]
    caption = "How often each field of JSON replies was right; items of a list count for one field"
    return Tab("fields", "Fields", [Table(caption, ("field", *models), rows)])


def _routes(routes: Sequence[TaskRoute], *, redacted: bool) -> Table:
    rows, notes = [], []
    for route in routes:
        chosen = next((each for each in route.choices if each.model == route.model), None)
        before = next((each for each in route.choices if each.baseline), None)
        costs = [each.cost.value if each is not None and each.cost is not None else None for each in (before, chosen)]
        cells = (
            route.task or NO_TASK,
            str(max(each.cases for each in route.choices)),
            route.model or "-",
            _failing(chosen),
            _failing(before),
            dollars(costs[1]),
            "stays" if chosen is not None and chosen.baseline else change(*costs),
        )
        rows.append(Row(cells))
        reasons = [] if redacted else route_reasons(route)
        notes += [f"{route.task or NO_TASK}: {'; '.join(reasons)}"] if reasons else []
    head = ("task", "cases", "model", "it fails", "baseline fails", "$/resolved", "cost")
    caption = "Routing: for each task the cheapest model that was shown to be as good as the baseline"
    return Table(caption, head, rows, frozenset({2}), notes)


def _failing(choice: Choice | None) -> str:
    return _share(choice.samples - choice.passed, choice.samples) if choice is not None else ""


def _measures(
    caption: str, session: Session, models: Results, measures: Callable[[Figures], Iterable[Measure]]
) -> Table:
    """Measures as rows, with a column for each model: the value, its interval, and how much it rests on."""
    by_model = [{each.name: each for each in measures(figures)} for figures in _all_figures(session)]
    names = dict.fromkeys(name for found in by_model for name in found)
    rows = [Row((name, *(_measured(found.get(name)) for found in by_model))) for name in names]
    return Table(caption, ("measure", *models), rows)


def _measured(measure: Measure | None) -> str:
    if measure is None:
        return "-"
    if measure.value == "-":
        return f"- ({measure.rests_on})" if measure.rests_on else "-"
    interval = f" ({measure.interval})" if measure.interval else ""
    return f"{measure.value}{interval}, of {measure.rests_on}" if measure.rests_on else f"{measure.value}{interval}"


def _latency(session: Session, models: Results) -> Tab:
    table = _measures("Times with their 95 % intervals", session, models, time_measures)
    sources = [f"{name}: {source_of_times(each)}" for name, each in zip(models, _all_figures(session), strict=True)]
    charts = []
    for kind, caption in (("latency", "Seconds of a call"), ("ttft", "Seconds to the first token")):
        rows = [
            (name, [value for case in times_by_case(results, kind) for value in case])  # type: ignore[arg-type]
            for name, results in models.items()
        ]
        drawn = quantile_strip(rows)
        if drawn:
            charts.append((f"{caption}: line p5 to p99, bar p25 to p75, marks at p50, p95 and p99", drawn))
    return Tab("latency", "Latency", [table._replace(notes=sources)], charts)


def _cost(session: Session, models: Results) -> Tab:
    table = _measures("Cost in USD, of all calls: failures are paid for too", session, models, money_measures)
    found = [
        Point(name, each.cost_per_resolved.value, each.pass_at_1.value, each.pass_at_1.low, each.pass_at_1.high)
        for name, each in zip(models, _all_figures(session), strict=True)
        if each.cost_per_resolved is not None and each.pass_at_1 is not None
    ]
    drawn = cost_against_quality(found)
    caption = "Answers that pass, with a 95 % interval, against what one costs; filled: no other is better in both"
    return Tab("cost", "Cost", [table], [(caption, drawn)] if drawn else [])


def _consistency(session: Session, models: Results, *, redacted: bool) -> Tab:
    table = _measures("How much answers to the same case agree", session, models, reliability_measures)
    flaky = [
        (name, result)
        for name, results in models.items()
        for result in results
        if 0 < sum(sample.outcome == "pass" for sample in result.judged) < len(result.judged)
    ]
    rows = [Row((_key_words(result), name, passes(result))) for name, result in flaky[:MOST_NAMED]]
    more = [f"{len(flaky) - MOST_NAMED} more"] if len(flaky) > MOST_NAMED else []
    caption = f"{plural(len(flaky), 'case')} with both verdicts"
    named = Table(caption, ("case", "model", "samples passed"), [] if redacted else rows, frozenset({1}), more)
    return Tab("consistency", "Consistency", [table, named] if any(r.samples[1:] for _, r in _each(models)) else [])


def _each(models: Results) -> Iterable[tuple[str, CaseResult]]:
    return ((name, result) for name, results in models.items() for result in results)


def _key_words(result: CaseResult) -> str:
    return str(result.key)


def _wordings(models: Results, *, redacted: bool) -> Tab:
    found = {name: each for name, results in models.items() if (each := sensitivity(results)) is not None}
    ways = dict.fromkeys(way.name for each in found.values() for way in each.reworded)
    rows = []
    for way in ways:
        cells = []
        for each in found.values():
            worded = next((one for one in each.reworded if one.name == way), None)
            cells.append(f"{_share(worded.passed, worded.samples)}, {points(worded.change.value)}" if worded else "-")
        rows.append(Row((way, *cells)))
    if found:
        spreads = (f"{100 * each.spread.value:.1f}" for each in found.values())
        rows.append(Row(("spread, in points", *spreads)))
    caption = "Passing answers in other wordings, and points against the same cases in their own words"
    tables = [Table(caption, ("wording", *found), rows)]
    worst = [
        Row((_key_words(each.case), name, passes(each.case), each.best.wording or "own words", passes(each.best)))
        for name, model in found.items()
        for each in model.worst[:MOST_NAMED]
    ]
    if worst and not redacted:
        head = ("case", "model", "passed", "best wording", "passed there")
        tables.append(Table("Cases that depend on their wording, the worst first", head, worst, frozenset({1, 3})))
    return Tab("wordings", "Wordings", tables)


def _run(session: Session, notes: Sequence[str], *, redacted: bool) -> Tab:
    run = session.run
    facts = [
        ("run at", run.created),
        ("commit", run.commit or "unknown"),
        ("baseline", run.baseline or "none"),
        ("every case was run", {True: "yes", False: "no", None: "stopped before the end"}[run.complete]),
    ]
    rows = [
        Row((name, _model(header, redacted=redacted), _answered(run.of_model(name).values())))
        for name, header in run.models.items()
    ]
    said = [] if redacted else list(notes)
    return Tab(
        "run",
        "Run",
        [
            Table("The run", ("fact", ""), [Row(fact) for fact in facts], frozenset({1}), said),
            Table("The models", ("name", "asked for", "answered"), rows, frozenset({1, 2})),
        ],
    )


def _model(header: Mapping[str, object], *, redacted: bool) -> str:
    if not header.get("model"):
        return str(header.get("name") or "unknown")
    return model_words({**header, "params": {}} if redacted else header)


def _answered(results: Iterable[CaseResult]) -> str:
    """The models that answered, as their providers name them."""
    names = [call.answer.response_model for result in results for call in result.calls]
    return ", ".join(dict.fromkeys(name for name in names if name)) or "unknown"
