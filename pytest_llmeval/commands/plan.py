"""``llmeval plan``: what a number of samples could detect and what it would cost."""

from __future__ import annotations

import argparse
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_llmeval.analysis.adaptive import AT_FIRST, AT_MOST
from pytest_llmeval.analysis.compare import gate_rules
from pytest_llmeval.analysis.plan import CallCost, Expected, PlannedCategory, expected_from, mean_call, plan
from pytest_llmeval.commands.project import add_config, is_run, models_of, settings_of, whole_number
from pytest_llmeval.config.settings import Settings
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.report.numbers import dollars, percentage
from pytest_llmeval.report.paper import Column, Line, Paper, table, terminal_paper
from pytest_llmeval.runs.file import load_run
from pytest_llmeval.text import plural

SAMPLES = (1, 3, 5, 10)
SUPPOSED_RATES = (0.01, 0.02, 0.05, 0.10, 0.20)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """A dataset or a run.

    Attributes:
        title: one line.
        samples: how many each case asks for itself, None where the plan decides.
        stored: samples per case of the baseline, None for as many as the candidate has.
        supposed: whether the categories' rates are supposed, not seen.
    """

    title: str
    samples: tuple[int | None, ...]
    categories: tuple[Expected, ...]
    call: CallCost
    stored: int | None
    supposed: bool


def add_plan(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("plan", help="Show what a number of samples could find, and what they cost")
    parser.add_argument("subject", metavar="DATASET|RUN", help="A dataset, or a run saved with --llm-report")
    parser.add_argument("--samples", type=whole_number, metavar="N", help="Samples per case (default: 1, 3, 5 and 10)")
    parser.add_argument(
        "--baseline-samples",
        type=whole_number,
        metavar="N",
        help="Samples per case the baseline has (default: the run's)",
    )
    parser.add_argument("--model", help="The model of a run whose failures and costs are used (default: the baseline)")
    parser.add_argument("--prices", type=_pair, metavar="IN,OUT", help="USD per million input and output tokens")
    parser.add_argument("--tokens", type=_pair, metavar="IN,OUT", help="Tokens of a call, for a dataset")
    add_config(parser)
    parser.set_defaults(run=_plan)


def _pair(text: str) -> tuple[float, float]:
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        first = second = -1.0
    if not (0 <= first < 1e12 and 0 <= second < 1e12):
        raise argparse.ArgumentTypeError(f"{text!r} is not a pair of numbers for input and output, such as 0.8,4")
    return first, second


def _plan(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    path = Path(options.subject)
    subject = _run(options, settings) if is_run(path) else _dataset(path, options, settings)
    numbers = sorted({*SAMPLES, options.samples} - {None})
    stored = options.baseline_samples or subject.stored
    planned = plan(
        len(subject.samples),
        subject.categories,
        numbers,
        baseline_samples=stored,
        settings=settings.categories,
        rules=gate_rules(another_model=True),
    )
    paper = terminal_paper(min(shutil.get_terminal_size().columns, 80))
    for line in _told(paper, subject, planned, numbers, stored, options.samples):
        print(line.text)
    return 0


def _run(options: argparse.Namespace, settings: Settings) -> _Subject:
    if options.tokens:
        raise ConfigError("--tokens is for a dataset; a run knows the tokens of its calls")
    run = load_run(options.subject)
    if not run.results:
        raise ConfigError(f"{options.subject} holds no results, so there is nothing to plan with")
    names = models_of(run, options.model)
    name = run.baseline if run.baseline in names else names[0]
    asked = list(run.of_model(name).values())
    # Other wordings cost money, but are not cases of their own.
    results = [result for result in asked if not result.wording] or asked
    seen = expected_from(results)
    known = {expected.name for expected in seen}
    seen += [Expected(name=category, rate=0.0) for category in settings.categories if category not in known]
    stored = Counter(len(result.judged) for result in results if result.judged).most_common(1)
    samples = stored[0][0] if stored else 1
    reworded = f" in {len(asked)} wordings" if len(asked) > len(results) else ""
    size = f"{plural(len(results), 'case')}{reworded}, {plural(samples, 'sample')} each"
    call = mean_call(asked, options.prices)
    return _Subject(
        title=f"{name} in {Path(options.subject).name}: {size}",
        samples=(None,) * len(results),
        categories=tuple(seen or _supposed()),
        call=replace(call, calls=call.calls * len(asked) / len(results)),
        stored=samples,
        supposed=not seen,
    )


def _dataset(path: Path, options: argparse.Namespace, settings: Settings) -> _Subject:
    from pytest_llmeval.datasets.load import load_cases

    if options.model is not None:
        raise ConfigError("--model is for a run; a dataset holds no models")
    cases = load_cases(path, options.subject)
    cost = None
    if options.prices and options.tokens:
        cost = sum(price * tokens for price, tokens in zip(options.prices, options.tokens, strict=True)) / 1_000_000
    wordings = sum(1 + len(case.paraphrases) for case in cases)
    reworded = f" in {wordings} wordings" if wordings > len(cases) else ""
    return _Subject(
        title=f"{path.name}: {plural(len(cases), 'case')}{reworded}",
        samples=tuple(case.samples for case in cases),
        categories=_supposed(),
        call=CallCost(calls=wordings / len(cases), cost=cost),
        stored=None,
        supposed=True,
    )


def _supposed() -> tuple[Expected, ...]:
    return tuple(Expected(name=f"fails in {rate:.0%}", rate=rate) for rate in SUPPOSED_RATES)


def _told(
    paper: Paper,
    subject: _Subject,
    planned: Sequence[PlannedCategory],
    numbers: Sequence[int],
    stored: int | None,
    asked: int | None,
) -> list[Line]:
    names = [paper.clean(category.expected.name) for category in planned]
    body = [] if subject.supposed else [Column(head="now", cells=[percentage(c.expected.rate) for c in planned])]
    for n in numbers:
        rises = [category.rises[n] for category in planned]
        body.append(Column(head=f"N={n}", cells=["none" if rise is None else f"+{100 * rise:.1f}" for rise in rises]))
    against = "as many of the baseline" if stored is None else f"{stored} of the baseline"
    lines = [*paper.write(subject.title, "bold"), Line("")]
    lines += paper.write(
        "The smallest rise of an error category, in points of all answers, that N samples per case would find with 80% "
        f"chance, against {against}. Whole cases that break are found earlier than a rise spread over all. A smaller "
        "rise is usually NOT SHOWN or INCONCLUSIVE."
    )
    if subject.supposed:
        lines += paper.write(f"No failures are known yet, so {len(planned)} categories are assumed.")
    lines += [Line(""), *table(paper, "error category", names or ["(none)"], body), Line("")]
    counts = [sum(own or number for own in subject.samples) for number in numbers]
    money = [_money(count, subject.call) for count in counts]
    rows = [
        Column(head=f"N={n}", cells=[f"{round(count * subject.call.calls):,}", cost])
        for n, count, cost in zip(numbers, counts, money, strict=True)
    ]
    lines += table(paper, "to be paid", ["calls", "cost in $"], rows)
    lines += [Line(""), *_in_words(paper, subject, planned, asked or numbers[-2], stored)]
    return lines


def _in_words(
    paper: Paper, subject: _Subject, planned: Sequence[PlannedCategory], number: int, stored: int | None
) -> list[Line]:
    count = sum(own or number for own in subject.samples)
    calls = plural(round(count * subject.call.calls), "call")
    cost = "cost unknown" if subject.call.cost is None else f"about ${_money(count, subject.call)}"
    lines = paper.write(f"With {plural(number, 'sample')} per case ({calls}, {cost}):", "bold")
    for category in planned:
        rise, rate = category.rises[number], category.expected.rate
        name = f"a category that {category.expected.name}" if subject.supposed else category.expected.name
        if rise is None:
            told = f"{name}: too few cases to find any rise"
        else:
            told = f"{name}: from {percentage(rate)} to {percentage(min(1.0, rate + rise))} would be found"
        lines += paper.write(f"- {told}", indent=2, hang=2)
    lines += paper.write(_adaptive(subject))
    if subject.call.cost is None:
        tokens = " and --tokens IN,OUT (of a call)" if subject.supposed and subject.stored is None else ""
        lines += paper.write(f"For the cost give --prices IN,OUT (USD per million tokens){tokens}.", indent=2)
    if stored is None:
        lines += paper.write(f"The baseline's own {plural(number, 'sample')} per case cost about as much, once.")
    return lines


def _adaptive(subject: _Subject) -> str:
    """What ``--llm-samples=auto`` costs at least and at most; it overrides what cases ask for themselves."""
    cases = len(subject.samples)
    few, most = (
        f"{round(cases * number * subject.call.calls):,} calls"
        + ("" if subject.call.cost is None else f" (${_money(cases * number, subject.call)})")
        for number in (AT_FIRST, AT_MOST)
    )
    return (
        f"With --llm-samples=auto: {few} when {AT_FIRST} samples per case leave no category undecided, else up to "
        f"{most}; nearly all that {AT_MOST} samples find is found."
    )


def _money(samples: int, call: CallCost) -> str:
    return "unknown" if call.cost is None else dollars(samples * call.calls * call.cost)
