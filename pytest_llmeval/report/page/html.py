"""The report as one HTML file, which opens without a network and tells the main things without its script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.report.cases import count_words
from pytest_llmeval.report.exports import NOT_GREEN, Session
from pytest_llmeval.report.figures import not_comparable, shown_of
from pytest_llmeval.report.page.changed_words import Piece, changed, pieces
from pytest_llmeval.report.page.page_data import Reviewing, page_data, shown_id, text_of
from pytest_llmeval.report.page.tabs import Row, Table, category_table, models_table, tabs_of
from pytest_llmeval.report.page.texts import Texts
from pytest_llmeval.report.page.trials import Trial, groups_of, trials_of
from pytest_llmeval.report.paper import Paper
from pytest_llmeval.report.replies.differing import differing_words
from pytest_llmeval.report.sections import called_now, facts
from pytest_llmeval.report.summary import NO_BASELINE
from pytest_llmeval.report.verdict import baseline_words, gate_lines, improved_lines, nothing_new, sight
from pytest_llmeval.text import plural

MOST_MISSES = 50
"""New misses that the page shows without its script."""

_LONG = 1_000_000  # columns; a browser wraps
_LONGEST = 4_000  # characters of a text that is shown without the script
_HERE = Path(__file__).parent
_WORDS = {"failed": "GATE FAILED", "passed": "gate ok", "not evaluated": "GATE NOT EVALUATED"}


class Verdict(NamedTuple):
    """What the top of the page says of a candidate.

    Attributes:
        state: of the gate, or ``not compared``.
        sentence: of the terminal.
        more: further sentences.
    """

    state: str
    sentence: str
    more: Sequence[str]


class Miss(NamedTuple):
    """A new miss as the page shows it without its script.

    Attributes:
        before: the baseline's reply, cut at its marks.
        after: the candidate's.
    """

    name: str
    category: str
    model: str
    input: str
    expected: str
    reason: str
    before: Sequence[Piece]
    after: Sequence[Piece]


def html(session: Session, *, redacted: bool = False, reviewing: Reviewing | None = None) -> str:
    """The report of a session.

    Args:
        session: what there is to tell.
        redacted: whether it leaves out every text of models, users and tests: it has verdicts, counts, the names of
            categories, tasks, tags, tests and models.
        reviewing: how it takes decisions; None for saving them as a file.
    """
    paper = Paper(width=_LONG, secrets=session.secrets)
    trials = trials_of(session.comparisons, session.run.in_order())
    baseline = session.comparisons[0].baseline.model if session.comparisons else ""
    reviewing = reviewing or Reviewing(session.run.created)
    data = page_data(trials, baseline, session.secrets, reviewing, redacted=redacted)
    script, style = ((_HERE / name).read_text(encoding="utf-8") for name in ("page.js", "page.css"))
    misses = [trial for trial in trials if trial.state in ("new", "miss")]
    tabs = tabs_of(session, paper, [*session.notes, *([data.left_out] if data.left_out else [])], redacted=redacted)
    clean = Texts(session.secrets, _LONGEST).clean
    page = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        finalize=lambda value: value if hasattr(value, "__html__") or not isinstance(value, str) else clean(value),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    ).get_template("page.html.jinja")
    return page.render(
        title=_title(session),
        verdicts=list(_verdicts(session, paper, redacted=redacted)),
        facts=_facts(session, paper),
        created=session.run.created,
        glance=_glance(session),
        tabs=tabs,
        misses=[] if redacted else [_miss(trial, clean) for trial in misses[:MOST_MISSES]],
        number_of_misses=len(misses),
        what="new miss" if session.comparisons else "miss",
        baseline=baseline,
        number_of_cases=len(trials),
        left_out=data.left_out,
        alerts=[note for note in session.notes if note.startswith("NOT ")],
        redacted=redacted,
        served=reviewing.served,
        data=data.text,
        compressed=data.compressed,
        script=script,
        style=style,
        script_hash=csp_hash(script),
        style_hash=csp_hash(style),
        plural=plural,
    )


def _facts(session: Session, paper: Paper) -> list[str]:
    figures = called_now(session.comparisons) if session.comparisons else session.figures
    told = [line.text for line in facts(paper, figures, session.besides)] if figures else []
    several = len(session.comparisons) > 1
    words = ((each.candidate.model, differing_words(each)) for each in session.comparisons)
    return told + [f"{name}: {said}" if several else said for name, said in words if said]


def csp_hash(text: str) -> str:
    """As a content security policy names an element by its text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _title(session: Session) -> str:
    if session.red:
        return NOT_GREEN
    if not session.comparisons:
        return "not compared"
    state = min((each.gate for each in session.comparisons), key=["failed", "not evaluated", "passed"].index)
    return _WORDS[state]


def _verdicts(session: Session, paper: Paper, *, redacted: bool) -> Iterator[Verdict]:
    if not session.comparisons:
        yield Verdict("not compared", f"NOT COMPARED: {NO_BASELINE}", [])
    for comparison in session.comparisons:
        several = len(session.comparisons) > 1
        first, *more = gate_lines(paper, comparison, several=several)
        told = [*more, *improved_lines(paper, comparison), *sight(paper, comparison)]
        who = f"{comparison.candidate.model} vs {baseline_words(comparison)}"
        if redacted:
            yield Verdict(comparison.gate, _bare_words(comparison), [who])
            continue
        said = [line.text.strip() for line in told]
        yield Verdict(comparison.gate, first.text, [who, *said, *filter(None, [count_words(comparison)])])


def _bare_words(comparison: Comparison) -> str:
    """The verdict without a text that somebody else wrote."""
    if comparison.gate == "passed":
        part = f" in {comparison.part}" if comparison.part else ""
        return f"gate ok{part}{'' if nothing_new(comparison) else ', with reservations: see the table'}"
    regressed = [row.name for row in comparison.rows if row.gated and row.word == "REGRESSED"]
    return f"{_WORDS[comparison.gate]}: {', '.join(regressed)} regressed" if regressed else _WORDS[comparison.gate]


def _glance(session: Session) -> list[Table]:
    """The tables that everybody reads: of categories, and of models."""
    comparisons = session.comparisons
    tables = [category_table(each, "Error categories") for each in comparisons if each.compared]
    if len(tables) > 1:
        tables = [models_table(comparisons)]
    figures = [comparisons[0].baseline, *(each.candidate for each in comparisons)] if comparisons else session.figures
    shown = shown_of(figures)
    unverified = any(each.unverified for each in figures)
    rows = [
        Row(
            (
                each.model + (" (baseline)" if comparisons and each is comparisons[0].baseline else ""),
                str(each.passed),
                str(each.failed),
                *([str(each.unverified)] if unverified else []),
                str(each.errors),
                *(measured.show(measured.value(each)) for measured in shown),
            )
        )
        for each in figures
    ]
    heads = (
        "model",
        "passed",
        "failed",
        *(["unverified"] if unverified else []),
        "errors",
        *(measured.head for measured in shown),
    )
    reasons = [not_comparable(each.baseline, each.candidate, saved=each.saved) for each in comparisons]
    return [*tables, Table("Models", heads, rows, notes=list(dict.fromkeys(filter(None, reasons))))]


def _miss(trial: Trial, clean: Callable[[str], str]) -> Miss:
    """What is to be read of a new miss; the page cleans each text, and only marks need the replies cleaned before."""
    before = groups_of(trial.before, "pass")
    after = groups_of(trial.after, "fail", trial.categories[0] if trial.categories else "")
    old, new = (clean(groups[0].reply) if groups else "" for groups in (before, after))
    removed, added = changed(old, new)
    sample = after[0].sample if after else None
    return Miss(
        name=shown_id(trial.result, 0, redacted=False),
        category=", ".join(trial.categories),
        model=trial.model,
        input=text_of(trial.result.input),
        expected=text_of(trial.result.expected),
        reason=(sample.detail or sample.reason) if sample is not None else "",
        before=list(pieces(old, removed)),
        after=list(pieces(new, added)),
    )
