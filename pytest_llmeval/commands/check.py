"""``llmeval check``: what is wrong with datasets beside the form of their rows."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pytest_llmeval.analysis.compare import gate_rules
from pytest_llmeval.analysis.examined import counts_in, untraced_in, with_untraced
from pytest_llmeval.analysis.outcomes_over_runs import over_runs, results_of
from pytest_llmeval.analysis.plan import Expected, plan
from pytest_llmeval.case import Case
from pytest_llmeval.checks.rows.row_forms import plain_checks
from pytest_llmeval.commands.embedding import embedding_of, named_in
from pytest_llmeval.commands.project import add_config, add_field, columns_of, is_run, settings_of
from pytest_llmeval.config.settings import Settings
from pytest_llmeval.datasets.foreign.by_fields import MAPPED
from pytest_llmeval.datasets.health import Alike, Pair, alike, secrets_in, without_expectation
from pytest_llmeval.datasets.load import load_cases
from pytest_llmeval.errors import ConfigError, DatasetError
from pytest_llmeval.formats.registry import every_key_variable
from pytest_llmeval.runs.file import load_run
from pytest_llmeval.runs.results import ALWAYS_EXAMINED, CaseResult, Run
from pytest_llmeval.text import first_line, plural, quoted, visible

_CLEAN, _FOUND = 0, 1
_SCHEMA = Path(__file__).parents[1] / "datasets" / "dataset.schema.json"
_MOST_LINES = 20
_MOST_NAMES = 5


def add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    text = "Find problems in datasets: repeated cases, contradictions, secrets; exit 1 if there are any"
    parser = commands.add_parser("check", help=text, description=text)
    parser.add_argument("datasets", metavar="DATASET", nargs="*", help="A dataset: .jsonl, .csv or .yaml")
    parser.add_argument("--schema", action="store_true", help="Print the JSON Schema of datasets, for an editor")
    parser.add_argument(
        "--runs",
        metavar="DIR",
        help="A folder of saved runs: show which cases never or always fail, and what is too small",
    )
    add_field(parser, MAPPED)
    add_config(parser)
    parser.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    if options.schema:
        print(_SCHEMA.read_text(encoding="utf-8"), end="")
        return _CLEAN
    if not options.datasets:
        raise ConfigError("llmeval check needs a dataset, as in llmeval check shop.jsonl")
    cases, problems, columns = list[Case](), list[str](), columns_of(options, MAPPED)
    for name in dict.fromkeys(options.datasets):
        if is_run(Path(name)):
            raise ConfigError(f"{name} is a saved run and no dataset; name its folder with --runs")
        try:
            cases += load_cases(Path(name), name, columns or None, by_option=True)
        except DatasetError as error:
            problems += error.problems
    if problems:
        raise DatasetError(options.datasets[0] if len(options.datasets) == 1 else "the datasets", problems)
    runs = _runs(Path(options.runs)) if options.runs is not None else []
    results = results_of(cases, runs)
    print(f"{', '.join(map(visible, dict.fromkeys(options.datasets)))}: {plural(len(cases), 'case')}")
    settings = settings_of(options)
    found = alike(cases, embedding_of(settings), named_in(settings))
    said = [
        _told_groups(found.repeated, "ask and expect the same as another", "REPEATED"),
        _told_groups(found.contradictory, "ask the same and expect something else", "CONTRADICTORY"),
        _told_pairs(found.nearly),
        _told_secrets(cases),
        _told_bare(cases),
        _told_small(_examined(cases, results), _samples(results), settings),
        _told_always(cases, results, runs),
    ]
    _tell_remarks(cases, found, results, runs)
    if not any(said):
        print("nothing was found" if found.complete else "nothing was found in what was compared")
    return _FOUND if any(said) or not found.complete else _CLEAN


def _runs(folder: Path) -> list[Run]:
    """The saved runs of a folder, the oldest first.

    Raises:
        ConfigError: there is none.
    """
    try:
        files = sorted(file for file in folder.glob("*.jsonl") if is_run(file)) if folder.is_dir() else []
    except (OSError, ValueError):
        files = []
    if not files:
        what = "holds no saved run" if folder.is_dir() else "is no folder"
        raise ConfigError(f"--runs {folder} {what}; pytest --llm-report={folder}/NAME.jsonl saves one there")
    return sorted(map(load_run, files), key=lambda run: run.created)


def _place(case: Case) -> str:
    return f"{visible(case.dataset)}:{case.line} {quoted(case.id, 40)}"


def _listed(cases: Sequence[Case]) -> str:
    more = f" and {len(cases) - _MOST_NAMES} more" if len(cases) > _MOST_NAMES else ""
    return ", ".join(map(_place, cases[:_MOST_NAMES])) + more


def _lines(title: str, lines: Iterable[str]) -> bool:
    """Print what was found of one kind; whether anything was."""
    every = list(lines)
    if every:
        print(title)
        for line in every[:_MOST_LINES]:
            print(f"  {line}")
        if len(every) > _MOST_LINES:
            print(f"  and {len(every) - _MOST_LINES} more")
    return bool(every)


def _told_groups(groups: Sequence[Sequence[Case]], what: str, title: str) -> bool:
    count = sum(map(len, groups))
    return _lines(f"{title}: {plural(count, 'case')} {what}", map(_listed, groups))


def _told_pairs(pairs: Sequence[Pair]) -> bool:
    lines = [
        f"{pair.similarity:.0%} {_place(pair.one)} and {_place(pair.other)}"
        + (", which expect something else" if pair.otherwise else "")
        for pair in pairs
    ]
    return _lines(f"NEARLY THE SAME: {plural(len(pairs), 'pair')} of inputs; one of them tells little more", lines)


def _told_secrets(cases: Sequence[Case]) -> bool:
    known = {name: os.environ[name] for name in every_key_variable() if os.environ.get(name)}
    found = [(case, secrets_in(case, known)) for case in cases]
    lines = [f"{_place(case)}: {', '.join(names)}" for case, names in found if names]
    return _lines(f"SECRETS: {plural(len(lines), 'case')} with what looks like one; revoke it, a file keeps it", lines)


def _told_bare(cases: Sequence[Case]) -> bool:
    bare = [case for case in without_expectation(cases) if not case.context and not case.metadata]
    title = f"NOTHING TO JUDGE BY: {plural(len(bare), 'case')} without expected, checks, context and metadata"
    return _lines(title, [_listed(bare)] if bare else [])


def _examined(cases: Sequence[Case], results: Mapping[tuple[str, str], Sequence[CaseResult]]) -> Counter[str]:
    """How many cases are examined for each error category: by their last results, else by the categories of checks."""
    latest = [found[-1] for found in results.values() if found]
    if not latest:
        return Counter(
            name
            for case in cases
            for name in {str(check["category"]) for check in plain_checks(case.checks) if "category" in check}
        )
    untraced = untraced_in(latest)
    traced = [with_untraced(result, untraced) for result in latest]
    names = {
        name
        for result in traced
        for sample in result.judged
        for name in (*sample.categories, *((sample.examined or frozenset()) - ALWAYS_EXAMINED))
    }
    return Counter({name: sum(examined > 0 for _, examined in counts_in(traced, name)) for name in names})


def _samples(results: Mapping[tuple[str, str], Sequence[CaseResult]]) -> int:
    """The usual number of samples of a case."""
    counts = Counter(len(result.samples) for found in results.values() for result in found[-1:])
    return counts.most_common(1)[0][0] if counts else 1


def _told_small(examined: Mapping[str, int], samples: int, settings: Settings) -> bool:
    """The categories in which the gate would not even find that every case broke."""
    expected = [Expected(name=name, rate=0.0) for name in sorted(examined)]
    rules = gate_rules(another_model=True)
    lines = []
    for name, count in sorted(examined.items()):
        planned = plan(count, expected, [samples, 10], settings=settings.categories, rules=rules)
        rises = next((one.rises for one in planned if one.expected.name == name), None)
        if rises is not None and rises[samples] is None:
            cure = "add cases" if rises[10] is None else "add samples or cases"
            lines.append(f"{first_line(name, 60)}: {plural(count, 'case')}; {cure}")
    title = f"TOO SMALL TO GATE with {plural(samples, 'sample')} per case: the gate would see no rise, however large"
    return _lines(title, lines)


def _told_always(
    cases: Sequence[Case], results: Mapping[tuple[str, str], list[CaseResult]], runs: Sequence[Run]
) -> bool:
    always = over_runs(cases, dict(results)).always
    title = f"ALWAYS FAILED: {plural(len(always), 'case')} in every result of {plural(len(runs), 'run')}; is it right?"
    return _lines(title, [_listed(always)] if always else [])


def _tell_remarks(
    cases: Sequence[Case],
    found: Alike,
    results: Mapping[tuple[str, str], list[CaseResult]],
    runs: Sequence[Run],
) -> None:
    if not found.complete:
        print("NOT ALL PAIRS were compared for being nearly the same: the cases are too many or too long")
    others = [case for case in without_expectation(cases) if case.context or case.metadata]
    if others:
        print(f"without expected and checks, so the test must judge by context or metadata: {_listed(others)}")
    if not runs:
        return
    over = over_runs(cases, dict(results))
    if over.never:
        print(
            f"never failed: {len(over.never)} of {plural(over.judged, 'case')} with several results in "
            f"{plural(len(runs), 'run')}; they show only what gets worse"
        )
    if over.unjudged:
        print(
            f"without a result for the row as it is now: {plural(len(over.unjudged), 'case')}: {_listed(over.unjudged)}"
        )
