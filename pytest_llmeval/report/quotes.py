"""What a model answered, shown beside what the baseline answered: the changed words, or both replies."""

from __future__ import annotations

from collections import Counter

from pytest_llmeval.reply import Answer
from pytest_llmeval.report.lines import Line, Paper, columns, wrap
from pytest_llmeval.report.steps import call_words
from pytest_llmeval.run import CaseResult, SampleResult

__all__ = ["failing_sample", "passing_sample", "quote_beside", "reply_text", "steps_text", "takes_steps"]

_ALIKE = 0.5  # share of words two texts must have in common for their difference to be readable
_NARROWEST = 20  # columns for a reply beside its label
_TOOL = 100  # characters of one tool call


def quote_beside(paper: Paper, old: str, new: str, *, indent: int, most: int) -> list[Line]:
    """The words that changed between two replies, or both replies where hardly a word is the same.

    Args:
        paper: what it is written on.
        old: the baseline's reply, "" when there is none.
        new: the candidate's.
        indent: columns left free before every line.
        most: the most lines of each quotation.
    """
    if not old and not new:
        return []
    if old.split() == new.split():
        return _quote(paper, "both", new, indent=indent, most=most)
    if _alike(old, new):
        from pytest_llmeval.checks.diff import word_diff

        changed = " ".join(word_diff(old, new, width=most * paper.width, lines=1))
        return _quote(paper, "", changed, indent=indent, most=most)
    return [
        *_quote(paper, "baseline", old or "(nothing)", indent=indent, most=most),
        *_quote(paper, "candidate", new or "(nothing)", indent=indent, most=most),
    ]


def _quote(paper: Paper, label: str, text: str, *, indent: int, most: int) -> list[Line]:
    gutter = " " * indent + (f"{label:9} | " if label else "| ")
    title = []
    if label and paper.width - len(gutter) < _NARROWEST:
        title, label, gutter = [Line(f"{' ' * indent}{label}:")], "", " " * indent + "| "
    width = paper.width - len(gutter)
    longest = 4 * most * width
    lines = wrap(paper.clean(text[:longest]), width)
    dangling = len(lines) > 1 and lines[-1] == "..."
    if len(lines) > most or len(text) > longest or dangling:
        del lines[min(most, len(lines) - dangling) :]
        lines[-1] = (lines[-1] if columns(lines[-1]) <= width - 4 else wrap(lines[-1], width - 4)[0]) + " ..."
    first, *others = lines
    blank = " " * (len(gutter) - 2) + "| "
    return [*title, Line(gutter + first), *(Line(blank + line) for line in others)]


def _alike(old: str, new: str) -> bool:
    before, after = Counter(old.split()), Counter(new.split())
    return (before & after).total() >= _ALIKE * max(before.total(), after.total())


def failing_sample(result: CaseResult | None, category: str) -> SampleResult | None:
    """The first sample that fails in this category, else the first that fails."""
    failing = [sample for sample in result.judged if sample.outcome == "fail"] if result else []
    return next((sample for sample in failing if sample.category == category), failing[0] if failing else None)


def passing_sample(result: CaseResult | None) -> SampleResult | None:
    """The first sample that passes, else the first that was judged."""
    judged = result.judged if result else ()
    return next((sample for sample in judged if sample.outcome == "pass"), judged[0] if judged else None)


def steps_text(sample: SampleResult | None) -> str:
    """What an agent did, as in ``find_order(id="LK-17") → refund(amount=84) → answer``; "" where nothing was asked."""
    return " → ".join(_called(call.answer) or "answer" for call in sample.calls) if sample else ""


def _called(answer: Answer) -> str:
    return ", ".join(call_words(tool, _TOOL) for tool in answer.tool_calls)


def takes_steps(sample: SampleResult | None) -> bool:
    """Whether the model was asked more than once."""
    return sample is not None and len(sample.calls) > 1


def reply_text(sample: SampleResult | None) -> str:
    """What the model answered last: its text, its refusal, or in a single step the functions it wanted called."""
    if sample is None or not sample.calls:
        return ""
    answer = sample.calls[-1].answer
    return answer.text.strip() or answer.refusal or ("" if takes_steps(sample) else _called(answer))
