"""What a model answered, shown beside what the baseline answered: the changed words, or both replies."""

from __future__ import annotations

from collections import Counter
from itertools import takewhile, zip_longest

from pytest_llmeval.reply import Answer
from pytest_llmeval.report.lines import Line, Paper, clip, columns, wrap
from pytest_llmeval.report.steps import call_words
from pytest_llmeval.run import CaseResult, SampleResult

__all__ = ["failing_sample", "passing_sample", "quote_beside", "reply_text", "steps_text", "takes_steps"]

_ALIKE = 0.5  # share of words two texts must have in common for their difference to be readable
_NARROWEST = 20  # columns for a reply beside its label
_TOOL = 100  # characters of one tool call


def quote_beside(paper: Paper, old: str, new: str, *, indent: int, most: int, in_lines: bool = False) -> list[Line]:
    """The words that changed between two replies, or both replies where hardly a word is the same.

    Args:
        paper: what it is written on.
        old: the baseline's reply, "" when there is none.
        new: the candidate's.
        indent: columns left free before every line.
        most: the most lines of each quotation.
        in_lines: whether line breaks matter, as to a failure of the format; they do where the words are the same.
    """
    if not old and not new:
        return []
    if old == new:
        return _quote(paper, "both", new, indent=indent, most=most)
    same_words = old.split() == new.split()
    if same_words or (in_lines and "\n" in old + new):
        return _lines_beside(paper, old, new, indent=indent, most=most)
    if _alike(old, new):
        from pytest_llmeval.checks.diff import word_diff

        changed = " ".join(word_diff(old, new, width=most * paper.width, lines=1))
        return _quote(paper, "", changed, indent=indent, most=most)
    start = _difference(old, new, paper.width - indent)
    return [
        *_quote(paper, "baseline", _from(old, start) or "(nothing)", indent=indent, most=most),
        *_quote(paper, "candidate", _from(new, start) or "(nothing)", indent=indent, most=most),
    ]


def _difference(old: str, new: str, width: int) -> int:
    """Where to start to quote two texts: at their beginning, or a few words before they first differ."""
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    if same < width:
        return 0
    return old.rfind(" ", 0, max(old.rfind(" ", 0, same) - width // 3, 0)) + 1


def _from(text: str, start: int) -> str:
    return f"... {text[start:]}" if start else text


def _lines_beside(paper: Paper, old: str, new: str, *, indent: int, most: int) -> list[Line]:
    """Some lines of both replies as they are: from the first that differs, and the last."""
    sides = [("baseline", old.split("\n")), ("candidate", new.split("\n"))]
    longest = max(len(lines) for _, lines in sides)
    pairs = zip_longest(*(lines for _, lines in sides))
    start, (a, b) = next(((place, pair) for place, pair in enumerate(pairs) if pair[0] != pair[1]), (longest, ("", "")))
    width = paper.width - indent - len("candidate | ")
    narrow = width < _NARROWEST
    width = paper.width - indent - len("| ") if narrow else width
    column = _difference(a or "", b or "", width)
    found: list[Line] = []
    for label, lines in sides:
        first = max(0, min(start, len(lines) - most))
        shown = [*range(first, min(first + most - 1, len(lines) - 1)), len(lines) - 1]
        head = "| " if narrow else f"{label:9} | "
        found += [Line(f"{' ' * indent}{label.strip()}:")] if narrow else []
        for before, place in zip([-1, *shown], shown, strict=False):
            left_out = "... " if place > before + 1 else ""
            line = lines[place] if place != start else _from(lines[place], column)
            quoted = clip(left_out + paper.harmless(line).replace("\t", "    "), width)
            found.append(Line((" " * indent + head + quoted).rstrip()))
            head = " " * (len(head) - 2) + "| "
    return found


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
