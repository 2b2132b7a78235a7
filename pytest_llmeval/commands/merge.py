"""``llmeval merge``: join the runs of shards."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_llmeval.commands.github_step import publish_failure
from pytest_llmeval.errors import ConfigError, RunFileError
from pytest_llmeval.runs.file import load_run, save_run
from pytest_llmeval.runs.merge import merge_shards
from pytest_llmeval.runs.results import Run
from pytest_llmeval.runs.shards import Shard, Shards
from pytest_llmeval.text import harmless, plural

WHOLE, PART = 0, 1

MOST_NAMES = 5


def add_merge(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    merge = commands.add_parser("merge", help="Join the saved runs of shards; exit 1 when cases are missing")
    merge.add_argument("shards", metavar="SHARD", nargs="+", help="A run of a part of the cases")
    merge.add_argument("-o", "--output", metavar="OUT", type=Path, required=True, help="Where to save the joined run")
    merge.set_defaults(run=_merge, gates=True)


def _merge(options: argparse.Namespace) -> int:
    output: Path = options.output
    runs: list[tuple[str, Run]] = []
    problems: list[str] = []
    for name in dict.fromkeys(options.shards):
        try:
            if Path(name).resolve() == output.resolve():
                raise ConfigError(f"-o {output} is one of the shards; name another file, or leave it out of the shards")
            runs.append((name, load_run(name)))
        except RunFileError as error:
            problems.append(str(error))
    if problems:
        raise RunFileError("\n".join(problems))
    merged = merge_shards(runs)
    save_run(output, merged)
    cases = len({result.key for result in merged.results})
    joined = plural(len(runs), "shard")
    if merged.shards is not None:
        part = f"{len(merged.shards.numbers)} of " if merged.shards.missing else ""
        joined = part + plural(merged.shards.of, "shard")
    told = f"{output}: {plural(cases, 'case')} of {joined}, {_completeness(merged, runs)}"
    print(told)
    if merged.shards is not None:
        code = _cut_into(merged, merged.shards, runs)
        if code == PART:
            publish_failure(told)
        return code
    for key, model in merged.left_out[:MOST_NAMES]:
        print(f"  in no shard: {harmless(str(key))} under {harmless(model)}")
    if len(merged.left_out) > MOST_NAMES:
        print(f"  {len(merged.left_out) - MOST_NAMES} more")
    if not merged.complete:
        publish_failure(told)
    return WHOLE if merged.complete else PART


def _cut_into(merged: Run, shards: Shards, runs: list[tuple[str, Run]]) -> int:
    """Say what became of the shards of ``--llm-shard``; the exit code."""
    stopped = [number for _, run in runs if run.complete is None and run.shards for number in run.shards.numbers]
    told = dict.fromkeys(shards.missing, "is missing: it would be made by")
    told |= dict.fromkeys(stopped, "was stopped before its end: it is made again by")
    for number in sorted(told)[:MOST_NAMES]:
        made = f"pytest --llm-shard={Shard(number, shards.of)} --llm-report=shard-{number}.jsonl"
        print(f"  shard {number} of {shards.of} {told[number]} {made}")
    if len(told) > MOST_NAMES:
        print(f"  {len(told) - MOST_NAMES} more")
    if merged.failed:
        print(f"  {failed_words(merged)}")
    if shards.decided:
        print(f"  {harmless(shards.decided)}")
    return PART if told else WHOLE


def failed_words(run: Run) -> str:
    """That the session of a run, or those of its shards, were red, whatever the gate says."""
    where = "the session" if run.shards is None else "the sessions of the shards"
    return f"{plural(run.failed, 'failure')} in {where}: failing tests, errors, or what was not saved"


def _completeness(merged: Run, runs: list[tuple[str, Run]]) -> str:
    if merged.complete:
        return "complete"
    stopped = ", ".join(name for name, run in runs if run.complete is None)
    if stopped:
        return f"NOT COMPLETE: {stopped} was stopped before its end"
    if merged.shards is not None:
        return "NOT COMPLETE" if merged.shards.missing else f"a part of {merged.shards.cases}"
    if merged.left_out:
        return f"NOT COMPLETE: {len(merged.left_out)} tests are in no shard"
    parts = ", ".join(name for name, run in runs if run.complete is False and not run.left_out)
    return f"NOT COMPLETE: {parts} holds only a part of its cases"
