"""``llmeval add``: a failing answer of a saved run becomes a case of a dataset."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_llmeval.commands.project import add_config, is_run, models_of, secrets_of, settings_of
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.report.paper import terminal_paper
from pytest_llmeval.review.decisions import decisions_in
from pytest_llmeval.review.failing_case import Project, add_failing, wrong_sample
from pytest_llmeval.runs.answer_digest import answer_digest
from pytest_llmeval.runs.file import load_run
from pytest_llmeval.runs.results import CaseResult, Run, SampleResult
from pytest_llmeval.text import did_you_mean, first_line

_DONE = 0
_MOST_NAMED = 5


def add_add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    text = "Make a failing answer of a saved run a case of a dataset"
    parser = commands.add_parser("add", help=text, description=text)
    parser.add_argument("run_file", metavar="RUN", help="A run saved with --llm-report")
    parser.add_argument("case", metavar="CASE", help="The case: its id, its pytest id, or a unique part of one")
    parser.add_argument("--model", help="The model that gave the answer, when it fails under several")
    parser.add_argument(
        "--to", metavar="DATASET", help="The .jsonl file (default: that of the run's tests, else cases.jsonl beside)"
    )
    add_config(parser)
    parser.set_defaults(run=_add)


def _add(options: argparse.Namespace) -> int:
    run = load_run(options.run_file)
    if options.to and is_run(Path(options.to)):
        raise ConfigError(f"--to {options.to} is a saved run and no dataset; name another file, as in --to cases.jsonl")
    settings = settings_of(options)
    known = {name for name in models_of(run, options.model) if not run.models.get(name, {}).get("saved")}
    decisions = decisions_in(settings.root)
    failing: list[tuple[CaseResult, SampleResult, str]] = []
    for result in run.results:
        if result.model not in known:
            continue
        found = wrong_sample(result)
        if found is not None:
            failing.append((result, found, found.category or "wrong_answer"))
            continue
        for sample in result.answered:  # which somebody rejected since
            made = decisions.of(result.key, answer_digest(sample.calls), result.content)
            if made is not None and made.decision == "rejected":
                failing.append((result, sample, made.category))
                break
    chosen = _chosen(options.case, run, [each for each, _, _ in failing], known)
    result, sample, category = next(each for each in failing if each[0] is chosen)
    project = Project(settings, Path(options.run_file), secrets_of(settings))
    paper = terminal_paper(shutil.get_terminal_size().columns)
    for line in add_failing(project, run, result, sample, category, Path(options.to) if options.to else None):
        print(paper.harmless(line))
    return _DONE


def _chosen(wanted: str, run: Run, failing: Sequence[CaseResult], models: set[str]) -> CaseResult:
    """The failing case that is meant.

    Raises:
        ConfigError: it is none or several.
    """
    others = [each for each in run.results if each.model in models and each not in failing]
    for means in _WAYS:
        found = [result for result in failing if means(result, wanted)]
        if len({result.key for result in found}) > 1:
            names = ", ".join(str(result.key) for result in found[:_MOST_NAMED])
            more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
            raise ConfigError(f"{first_line(wanted, 80)} is no single failing case of the run: {names}{more}")
        if len(found) > 1:
            names = ", ".join(result.model for result in found)
            raise ConfigError(f"{found[0].key} fails under several models; name one with --model: {names}")
        if found:
            return found[0]
        right = next((result for result in others if means(result, wanted)), None)
        if right is not None:
            raise ConfigError(_why_not(right))
    raise ConfigError(_unknown(wanted, failing))


def _why_not(result: CaseResult) -> str:
    if result.outcome == "error":
        sample = result.samples[0] if result.samples else None
        why = f": {sample.reason}" if sample is not None and sample.reason else ""
        return f"{result.key} could not be judged under {result.model}, so there is no wrong answer to add{why}"
    said = "passed" if result.outcome == "pass" else "is unverified"
    return (
        f"{result.key} {said} under {result.model}, and a failing answer becomes a case; "
        "if the answer is wrong anyway, reject it first: llmeval review"
    )


def _unknown(wanted: str, failing: Sequence[CaseResult]) -> str:
    if not failing:
        return f"{first_line(wanted, 80)} is no failing case of the run: none of its answers fails"
    functions = [result.key.test.rpartition("::")[2] for result in failing]
    names = [*filter(None, (result.key.case for result in failing)), *functions, *(str(each.key) for each in failing)]
    keys = list(dict.fromkeys(str(result.key) for result in failing))
    more = f" and {len(keys) - _MOST_NAMED} more" if len(keys) > _MOST_NAMED else ""
    return (
        f"no failing case of the run is {first_line(wanted, 80)}{did_you_mean(wanted, names)} "
        f"(failing: {', '.join(keys[:_MOST_NAMED])}{more})"
    )


def _is_node(result: CaseResult, wanted: str) -> bool:
    """Whether it is the id of the test as pytest prints it, which may name the model and begin at another folder."""
    test, case = result.key
    inside = [case, "-".join(filter(None, (case, result.model)))]
    ids = [test if not each else f"{test}[{each}]" for each in inside]
    return any(wanted == each or wanted.endswith(f"/{each}") for each in ids)


# The first way in which a case can be meant counts.
_WAYS: tuple[Callable[[CaseResult, str], bool], ...] = (
    _is_node,
    lambda result, wanted: wanted in (result.key.case, result.row.case) and bool(wanted),
    lambda result, wanted: wanted == result.key.test.rpartition("::")[2],
    lambda result, wanted: bool(wanted) and wanted in str(result.key),
)
