"""Single cases: new misses with the changed words, cases not compared, errors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile, zip_longest

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.reply import Answer, call_words
from pytest_llmeval.report.numbers import count
from pytest_llmeval.report.paper import Line, Paper, clip, columns, wrap
from pytest_llmeval.runs.results import CaseKey, CaseResult, SampleResult
from pytest_llmeval.stats.outcomes import ERROR_PREFIX
from pytest_llmeval.text import first_line, json_words, plural

MOST_CASES = 5
MOST_LINES = 3
MOST_LINES_VERBOSE = 20


def new_misses(comparison: Comparison) -> list[tuple[str, CaseKey]]:
    """The cases that fail now and did not, or failed in another category, with their category; never errors.

    Those of gated regressions come first. A case that fails now, by as many answers as both sides have, is either here
    or in `known_misses`.
    """
    of_answers = [row for row in comparison.rows if not row.name.startswith(ERROR_PREFIX)]
    rows = sorted(of_answers, key=lambda row: not (row.word == "REGRESSED" and row.gated))
    misses: dict[CaseKey, str] = {}
    for row in rows:
        for key in row.new:
            misses.setdefault(key, row.name)
    for key in comparison.new:
        result = comparison.candidate_results.get(key)
        misses.setdefault(key, (result and result.category) or "failed")
    return [(name, key) for key, name in misses.items()]


def new_failures(comparison: Comparison) -> list[CaseKey]:
    """The failing cases that the baseline does not have; their tests fail."""
    results = ((key, comparison.candidate_results.get(key)) for key in comparison.only_candidate)
    return [key for key, result in results if result is not None and result.outcome == "fail"]


def known_misses(comparison: Comparison) -> list[CaseKey]:
    """The cases that fail as they did with the baseline."""
    new = {key for _, key in new_misses(comparison)}
    return [key for key in comparison.known if key not in new]


def side_name(side: str, model: str) -> str:
    """As in ``baseline gpt-5``, or ``baseline`` when the model has that name."""
    return side if model == side else f"{side} {model}"


def miss_lines(paper: Paper, comparison: Comparison, *, most: int = MOST_CASES) -> list[Line]:
    """The new misses with reason and changed words; without -v only the first few."""
    misses = new_misses(comparison)
    if not misses:
        return []
    shown = misses if paper.verbosity > 0 else misses[:most]
    rest = f", {len(shown)} shown (-v shows all)" if len(shown) < len(misses) else ""
    before = sum(key in comparison.known for _, key in misses)
    fail = "fails" if before == 1 else "fail"
    otherwise = f" ({before} {fail} in another category than before)" if before else ""
    lines = paper.write(plural(len(misses), "new miss") + otherwise + rest, "bold")
    for name, key in shown:
        head = f"{paper.clean(name)}: "
        lines.append(named(paper, head, str(key), indent=2))
        lines += case_lines(paper, comparison, name, key, indent=4)
    return lines


def case_lines(paper: Paper, comparison: Comparison, category: str, key: CaseKey, *, indent: int) -> list[Line]:
    """Why a case fails, and its reply next to the baseline's; why there is no reply, where it is an error."""
    before, after = comparison.baseline_results.get(key), comparison.candidate_results.get(key)
    if category.startswith(ERROR_PREFIX):
        lost = _error(after, category.removeprefix(ERROR_PREFIX))
        why = paper.write(_reason(lost), indent=indent, hang=2) if lost is not None else []
        return _input_line(paper, after or before, indent) + why
    failing = failing_sample(after, category)
    lines = _input_line(paper, after or before, indent)
    facts = []
    if before and after and max(len(before.judged), len(after.judged)) > 1:
        facts.append(f"passed {passes(before)} {paper.arrow} {passes(after)}")
    if before and key in comparison.known:
        facts.append(f"failed before too, as {', '.join(before.categories) or 'failed'}")
    if failing and (reason := reason_in(failing, category)):
        facts.append(reason if paper.verbosity > 0 else first_line(reason))
    lines += paper.write("; ".join(facts), indent=indent) if facts else []
    most = MOST_LINES_VERBOSE if paper.verbosity > 0 else MOST_LINES
    passing = passing_sample(before)
    if takes_steps(passing) or takes_steps(failing):
        lines += quote_beside(paper, steps_text(passing), steps_text(failing), indent=indent, most=most)
    in_lines = paper.verbosity > 0 or (failing is not None and "format" in failing.categories)
    old, new = reply_text(passing), reply_text(failing)
    if before is None:
        return lines + (_quote(paper, "", new, indent=indent, most=most) if new else [])
    return lines + quote_beside(paper, old, new, indent=indent, most=most, in_lines=in_lines)


def _input_line(paper: Paper, result: CaseResult | None, indent: int) -> list[Line]:
    """The case's input, on one line."""
    if result is None or not result.input:
        return []
    text = result.input if isinstance(result.input, str) else json_words(result.input, width=4 * paper.width)
    return [named(paper, "input: ", text[: 40 * paper.width], indent=indent)]


def passes(result: CaseResult) -> str:
    """How many of a case's judged samples passed: ``4/5``."""
    return count(sum(sample.outcome == "pass" for sample in result.judged), len(result.judged))


def counts(paper: Paper, comparison: Comparison) -> list[Line]:
    """How many cases are known misses, fixed or flaky; -v names the latter two, -vv all."""
    groups = [
        ("known", known_misses(comparison), "fail with both"),
        ("fixed", comparison.fixed, "failed with the baseline, pass now"),
        ("flaky", comparison.flaky, "pass though some samples fail"),
    ]
    groups = [group for group in groups if group[1]]
    if not groups:
        return []
    if paper.verbosity <= 0:
        return paper.write(count_words(comparison))
    lines = []
    for word, keys, meaning in groups:
        lines += paper.write(f"{len(keys)} {word} ({meaning})", "bold")
        if word != "known" or paper.verbosity > 1:
            lines += _names(paper, keys)
    return lines


def count_words(comparison: Comparison) -> str:
    """As in ``12 known misses, 2 fixed, 1 flaky``, "" when there are none."""
    known, fixed, flaky = len(known_misses(comparison)), len(comparison.fixed), len(comparison.flaky)
    words = [plural(known, "known miss") if known else "", f"{fixed} fixed" if fixed else ""]
    return ", ".join(word for word in [*words, f"{flaky} flaky" if flaky else ""] if word)


def not_compared_lines(paper: Paper, comparison: Comparison) -> list[Line]:
    """The names of the cases that only one side has, or that changed since the baseline ran."""
    groups = [
        (comparison.changed, "changed since the baseline ran"),
        (comparison.unlike, "whose saved replies, to other prompts, fail today's tests"),
        (comparison.unjudged, "without a verdict of today's judge on the baseline's answers"),
        (comparison.only_baseline, "of the baseline did not run"),
        (comparison.only_candidate, "not in the baseline"),
    ]
    lines = []
    for keys, why in groups:
        if keys:
            lines += paper.write(f"not compared: {plural(len(keys), 'case')} {why}", "yellow")
            lines += _names(paper, keys)
    return lines


def _names(paper: Paper, keys: Sequence[CaseKey]) -> list[Line]:
    shown = keys if paper.verbosity > 0 else keys[:MOST_CASES]
    more = [Line(f"  {len(keys) - len(shown)} more (-v names all)")] if len(shown) < len(keys) else []
    return [named(paper, "", str(key), indent=2) for key in shown] + more


def named(paper: Paper, head: str, name: str, *, indent: int) -> Line:
    """The name of a case on one line, cut to the width."""
    room = paper.width - indent
    head = clip(head, room // 2)
    return Line(" " * indent + head + clip(paper.clean(name), room - columns(head)))


_ALIKE = 0.5  # share of words two texts must share for their difference to be readable
_NARROWEST = 20  # columns for a reply next to its label
_TOOL = 100  # characters of one tool call


def quote_beside(paper: Paper, old: str, new: str, *, indent: int, most: int, in_lines: bool = False) -> list[Line]:
    """The words that changed between two replies, or both replies where hardly a word is the same.

    Args:
        paper: the terminal.
        old: the baseline's reply, "" when there is none.
        new: the candidate's.
        indent: columns left free before every line.
        most: the most lines of each quotation.
        in_lines: whether line breaks are shown, as for a failure of the format; always where only they differ.
    """
    if not old and not new:
        return []
    if old == new:
        return _quote(paper, "both", new, indent=indent, most=most)
    same_words = old.split() == new.split()
    if same_words or (in_lines and "\n" in old + new):
        return _lines_beside(paper, old, new, indent=indent, most=most)
    if _alike(old, new):
        from pytest_llmeval.differences import word_diff

        changed = " ".join(word_diff(old, new, width=most * paper.width, lines=1))
        return _quote(paper, "", changed, indent=indent, most=most)
    start = _difference(old, new, paper.width - indent)
    return [
        *_quote(paper, "baseline", _from(old, start) or "(nothing)", indent=indent, most=most),
        *_quote(paper, "candidate", _from(new, start) or "(nothing)", indent=indent, most=most),
    ]


def _difference(old: str, new: str, width: int) -> int:
    """Where to start quoting two texts: at the beginning, or a few words before they first differ."""
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    if same < width:
        return 0
    return old.rfind(" ", 0, max(old.rfind(" ", 0, same) - width // 3, 0)) + 1


def _from(text: str, start: int) -> str:
    return f"... {text[start:]}" if start else text


def _lines_beside(paper: Paper, old: str, new: str, *, indent: int, most: int) -> list[Line]:
    """Some lines of both replies: from the first that differs, and the last."""
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
    """The first sample that fails in this category, or else the first that fails."""
    failing = [sample for sample in result.judged if sample.outcome == "fail"] if result else []
    return next((sample for sample in failing if category in sample.categories), failing[0] if failing else None)


def reason_in(sample: SampleResult, category: str) -> str:
    """Why a sample fails in a category: of several checks that failed, what the first of that category says."""
    if sample.category == category or category not in sample.categories:
        return sample.reason
    said = [score.reason for score in sample.scores if not score.passed and score.category == category and score.reason]
    # A plain assert has no score; `all_checks` lists it below the first failure.
    listed: list[str] = re.findall(rf"^\w+ \[{re.escape(category)}\]: (.+)$", sample.detail, re.MULTILINE)
    return [*said, *listed, sample.reason][0]


def passing_sample(result: CaseResult | None) -> SampleResult | None:
    """The first sample that passes, or else the first that was judged."""
    judged = result.judged if result else ()
    return next((sample for sample in judged if sample.outcome == "pass"), judged[0] if judged else None)


def steps_text(sample: SampleResult | None) -> str:
    """What an agent did, as in ``find_order(id="LK-17") → answer``, with its models where these are several."""
    calls = sample.product_calls if sample else ()
    several = len({call.request_model for call in calls}) > 1
    steps = ((call.request_model, _called(call.answer) or "answer") for call in calls)
    return " → ".join(f"{model}: {step}" if several else step for model, step in steps)


def _called(answer: Answer) -> str:
    return ", ".join(call_words(tool, _TOOL) for tool in answer.every_tool_call)


def takes_steps(sample: SampleResult | None) -> bool:
    """Whether the model was asked more than once."""
    return sample is not None and len(sample.product_calls) > 1


def reply_text(sample: SampleResult | None) -> str:
    """The model's last answer: text, refusal or, in a single step, the functions it wanted called."""
    if sample is None or not sample.product_calls:
        return ""
    answer = sample.product_calls[-1].answer
    return answer.text.strip() or answer.refusal or ("" if takes_steps(sample) else _called(answer))


_WHOLE = 400  # characters of an error's reason: what to do may stand at its end
_NOT_JUDGED = "not judged, so neither passed nor failed"


def error_lines(paper: Paper, comparison: Comparison) -> list[Line]:
    """The cases that could not be judged, with the reasons; of many with the same cause only the first."""
    lines = error_head(paper, comparison)
    kinds = {
        kind: [(str(key), [f"{side}: {_reason(error)}" for side, error in _errors(comparison, key)]) for key in keys]
        for kind, keys in kinds_of_errors(comparison).items()
    }
    return lines + _grouped(paper, kinds) if lines else []


def error_head(paper: Paper, comparison: Comparison, *, indent: int = 0) -> list[Line]:
    """One line with the number of errors."""
    if not comparison.errors:
        return []
    return paper.write(f"{_count(comparison)}: {_NOT_JUDGED}", "yellow", "bold", indent=indent)


def error_lines_alone(paper: Paper, results: Iterable[CaseResult]) -> list[Line]:
    """As `error_lines`, where nothing is compared."""
    several = len({result.model for result in results}) > 1
    kinds: dict[str, list[tuple[str, list[str]]]] = {}
    for result in results:
        error = _error(result) if result.outcome == "error" else None
        if error is not None:
            name = f"{result.model}: {result.key}" if several else str(result.key)
            kinds.setdefault(result.category or "error", []).append((name, [_reason(error)]))
    if not kinds:
        return []
    kinds = dict(sorted(kinds.items(), key=lambda kind: -len(kind[1])))
    number = sum(map(len, kinds.values()))
    lines = paper.write(f"{plural(number, 'error')}: {_NOT_JUDGED}", "yellow", "bold", hang=2)
    return lines + _grouped(paper, kinds)


def _grouped(paper: Paper, kinds: Mapping[str, Sequence[tuple[str, list[str]]]]) -> list[Line]:
    """A few cases by name, many by kind of error."""
    lines: list[Line] = []
    if paper.verbosity > 0 or sum(map(len, kinds.values())) <= MOST_CASES:
        for name, reasons in sorted(case for cases in kinds.values() for case in cases):
            lines.append(named(paper, "", name, indent=2))
            lines += [line for reason in reasons for line in paper.write(reason, indent=4, hang=2)]
        return lines
    for kind, cases in kinds.items():
        name, reasons = cases[0]
        more = f" and {plural(len(cases) - 1, 'more case')}" if len(cases) > 1 else ""
        lines += paper.write(f"{kind}: {paper.clean(name)}{more}", indent=2, hang=2)
        lines += [line for reason in reasons for line in paper.write(reason, indent=4, hang=2)]
    return [*lines, Line("  (-v names all)")]


def _count(comparison: Comparison) -> str:
    """The number of tests with an error, as pytest counts them, and of their cases."""
    cases = len(comparison.errors)
    in_baseline, in_candidate = (
        sum((found := results.get(key)) is not None and found.outcome == "error" for key in comparison.errors)
        for results in (comparison.baseline_results, comparison.candidate_results)
    )
    if comparison.saved and in_baseline:
        return f"{plural(cases, 'case')} with an error, {in_baseline} of them in the saved baseline"
    tests = in_baseline + in_candidate
    return plural(cases, "error") if tests == cases else f"{tests} errors in {plural(cases, 'case')} (both models)"


def kinds_of_errors(comparison: Comparison) -> dict[str, list[CaseKey]]:
    """The cases that could not be judged, by kind of error, the most frequent first."""
    kinds: dict[str, list[CaseKey]] = {}
    for key in comparison.errors:
        found = [error.category for _, error in _errors(comparison, key)]
        kinds.setdefault(found[-1] or "error" if found else "error", []).append(key)
    return dict(sorted(kinds.items(), key=lambda kind: -len(kind[1])))


def _errors(comparison: Comparison, key: CaseKey) -> list[tuple[str, SampleResult]]:
    """The first error of a case on each side that has one."""
    sides = (("baseline", comparison.baseline_results), ("candidate", comparison.candidate_results))
    return [(side, error) for side, results in sides if (error := _error(results.get(key))) is not None]


def _reason(error: SampleResult) -> str:
    return first_line(error.detail or error.reason or error.category or "unknown error", _WHOLE)


def _error(result: CaseResult | None, kind: str = "") -> SampleResult | None:
    """The first error, of that kind where one has it."""
    errors = [sample for sample in result.samples if sample.outcome == "error"] if result is not None else []
    return next((error for error in errors if error.category == kind), errors[0] if errors else None)
