"""Command line options.

Help texts start with a capital; a single phrase has no period, several phrases all end with one.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Generator, Mapping
from contextlib import suppress
from pathlib import Path
from traceback import walk_tb
from typing import Any, Literal

import pytest

Mode = Literal["auto", "replay", "refresh", "live"]
REPORTS = (
    *(".jsonl", ".html", ".md", ".codequality.json", ".metrics.txt"),
    *(".otlp.json", ".inspect.json", ".json", ".csv"),
)
"""The endings of the files that ``--llm-report`` writes; the first that fits counts."""

MODES: tuple[Mode, ...] = ("auto", "replay", "refresh", "live")


_TAKEN = "llmeval-taken-options"

_OPTIONS: dict[str, dict[str, Any]] = {
    "--llm-model": {
        "action": "append",
        "metavar": "NAME",
        "help": "Model on trial: an alias from [tool.llmeval] or provider/model. "
        "Repeat it to run several side by side.",
    },
    "--llm-baseline": {
        "metavar": "RUN|NAME|none",
        "help": "Compare with a saved run (a .jsonl file), with this model in the same session, or with nothing: "
        "failing cases are then failing tests.",
    },
    "--llm-baseline-ref": {
        "metavar": "REF",
        "help": "Read the gate's settings and the baseline run from this branch: origin/REF, else REF. Default: "
        "GITHUB_BASE_REF, which GitHub sets on pull requests.",
    },
    "--llm-samples": {
        "metavar": "N|auto",
        "help": "Samples per case; overrides the markers. auto: 2 at first; beside a baseline up to 4, 7 and 10 while "
        "an error category is undecided.",
    },
    "--llm-wordings": {
        "metavar": "WHICH",
        "help": "Other wordings to ask each case in; overrides the markers. Separated by commas: paraphrases and the "
        "rules case, typos, whitespace, options; or own, for none of them.",
    },
    "--llm-strict": {
        "action": "store_true",
        "help": "Fail the gate also for INCONCLUSIVE, for a part of the cases, and for unverified cases",
    },
    "--llm-mode": {
        "choices": MODES,
        "help": "auto: recording, else cache, else call. replay: Python connects to no model, a miss is an error; the "
        "default in CI where there are recordings. refresh: call and overwrite. live: call, keep nothing.",
    },
    "--llm-record": {
        "action": "store_true",
        "help": "Write this session's replies into the recordings",
    },
    "--llm-shard": {
        "metavar": "I/N",
        "help": "Run a part of the cases, for N machines: 2/4 is the second of four. Needs --llm-report; no gate is "
        "evaluated: llmeval merge joins the runs, and llmeval compare judges them.",
    },
    "--llm-concurrency": {
        "metavar": "N",
        "help": "The most calls in flight, over all workers; adapts to what a provider accepts. Default: 32.",
    },
    "--llm-budget": {
        "metavar": "USD",
        "help": "The most money to spend. No call is made that could exceed it; the cases left are errors.",
    },
    # Each an option of its own: one that may take a value would take the path that follows it on the command line.
    "--llm-update-baseline": {
        "action": "append_const",
        "const": "all",
        "help": "Save this run, of all cases, as the baseline run, and show what got worse. Not in CI.",
    },
    "--llm-update-baseline=merge": {
        "action": "append_const",
        "const": "merge",
        "dest": "llm_update_baseline",
        "help": "Add the cases of this run to the baseline run in place of those it has, and keep its others",
    },
    "--llm-update-baseline=append": {
        "action": "append_const",
        "const": "append",
        "dest": "llm_update_baseline",
        "help": "Keep the baseline run's answers of unchanged cases, and add those of this run, up to 40 per case",
    },
    "--llm-update-baseline=force": {
        "action": "append_const",
        "const": "force",
        "dest": "llm_update_baseline",
        "help": "Do it in CI too",
    },
    "--llm-show": {
        "action": "append",
        "metavar": "CATEGORY",
        "help": "List the cases of this error category with what changed in their replies. Repeat it for several.",
    },
    "--llm-report": {
        "action": "append",
        "metavar": "FILE",
        "help": ".jsonl saves the run as it goes. These are written at the end: .html (a page with every answer), .md "
        "(the summary), .csv, .json (CTRF), .otlp.json (OpenTelemetry), .inspect.json (inspect_ai), and GitLab's "
        ".codequality.json and .metrics.txt. Repeat it for several files.",
    },
}


def summaries_asked_for(config: pytest.Config) -> list[Path]:
    """The files that are written at the end of the session, which is all of ``--llm-report`` but saved runs."""
    names = [name for name in given(config, "llm_report") or () if name.endswith(REPORTS)]
    return [report_path(config, name) for name in names if not name.endswith(".jsonl")]


def report_path(config: pytest.Config, name: str) -> Path:
    """Where ``--llm-report=NAME`` writes."""
    return config.invocation_params.dir / os.path.expanduser(name)  # noqa: PTH111 - a shell expands only --x ~/y


class _Taken:
    """The options of ours that another plugin has registered before, by destination.

    pytest lets an option be registered once. What another plugin's is worth, or its default, says nothing of models on
    trial: a session that asks no model does not notice, and one that asks is refused, since it could compare something
    else than what was asked for.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        self.options = options


class InConftest:
    """Says in one line that a conftest.py has an option of ours: what it registers comes behind all plugins."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self) -> Generator[None, object, object]:
        """Replace pytest's error, which would be a traceback."""
        try:
            return (yield)
        except ValueError as error:
            words = re.findall(r"--llm-[a-z-]+", str(error))
            option = next((word for word in words if word in _OPTIONS), None)
            if option is None:
                raise
            files = [frame.f_code.co_filename for frame, _ in walk_tb(error.__traceback__)]
            file = next((name for name in files if Path(name).name == "conftest.py"), "a plugin")
            raise pytest.UsageError(
                f"{option} is an option of {Path(file).name} here, and of pytest-llmeval: rename the one of "
                f"{Path(file).name}, or run with -p no:llmeval"
            ) from None


def add_options(parser: pytest.Parser, manager: pytest.PytestPluginManager) -> None:
    """Register every option but those that another plugin has registered before."""
    group = parser.getgroup("llmeval", "regression tests of language models (llmeval)")
    taken = {}
    for name, attributes in _OPTIONS.items():
        try:
            group.addoption(name, **attributes)
        except ValueError:
            taken[_destination(name)] = name.partition("=")[0]
    if taken:
        manager.register(_Taken(taken), _TAKEN)


def given(config: pytest.Config, name: str) -> Any:
    """The value of an option, None where it is another plugin's."""
    return None if name in _taken(config) else config.getoption(name, default=None)


def any_given(config: pytest.Config) -> bool:
    """Whether any of them is on the command line."""
    return any(given(config, _destination(name)) not in (None, False) for name in _OPTIONS)


def refusal_of_taken(config: pytest.Config) -> str:
    """Why a session must not ask a model: an option of ours has a value that is another plugin's; "" where it may."""
    for destination, option in _taken(config).items():
        if config.getoption(destination, default=None) not in (None, False):
            owner = _owner(config, option)
            return (
                f"{option} is an option of {owner or 'another plugin'} here, and of pytest-llmeval: run with "
                f"-p no:{owner or 'NAME'}, or rename the other option"
            )
    return ""


def _destination(name: str) -> str:
    return name.partition("=")[0].removeprefix("--").replace("-", "_")


def _taken(config: pytest.Config) -> Mapping[str, str]:
    taken = config.pluginmanager.get_plugin(_TAKEN)
    return taken.options if isinstance(taken, _Taken) else {}


def _owner(config: pytest.Config, option: str) -> str:
    """The plugin whose source names an option, by the name that ``-p no:`` takes; "" when that cannot be told."""
    for implementation in config.pluginmanager.hook.pytest_addoption.get_hookimpls():
        function = implementation.function
        if function.__module__.partition(".")[0] in ("_pytest", "pytest_llmeval"):
            continue
        with suppress(OSError, TypeError):  # it has no source
            if re.search(rf"""["']{option}["']""", inspect.getsource(function)):
                return str(implementation.plugin_name)
    return ""
