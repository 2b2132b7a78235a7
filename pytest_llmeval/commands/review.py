"""``llmeval review``: people decide of a run's answers, and what they decided is kept with the project."""

from __future__ import annotations

import argparse
import getpass
import json
import threading
from collections.abc import Callable
from pathlib import Path

from pytest_llmeval.commands.project import add_config, models_of, secrets_of, settings_of
from pytest_llmeval.config.settings import Settings
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.review.decisions import FOLDER, Decision, decisions_of, files_in, verdicts
from pytest_llmeval.review.log import Log, ReviewLog, counted, in_force, read_log
from pytest_llmeval.runs.answer_digest import answer_digest
from pytest_llmeval.runs.results import CaseKey
from pytest_llmeval.text import harmless

DONE = 0


def add_review(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("review", help="Review a run's answers in the browser, and keep the decisions")
    parser.add_argument("run_file", metavar="RUN", help="A saved run; with --apply a file of decisions")
    parser.add_argument(
        "--apply", action="store_true", help=f"Put a file of decisions into {FOLDER}/, which is committed"
    )
    parser.add_argument(
        "--labels",
        action="store_true",
        help="Measure the checks against these decisions, and show whether people agree",
    )
    parser.add_argument("--model", help="With --labels: the model, when the run holds several")
    parser.add_argument("--reviewer", metavar="NAME", help="Who decides (default: your user name)")
    add_config(parser)
    parser.set_defaults(run=_review)


def _review(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    if options.apply:
        return _apply(Path(options.run_file), settings, options.reviewer)
    if options.labels:
        return _labels(Path(options.run_file), settings, options.model)
    return _serve(Path(options.run_file), settings, options.reviewer or _user())


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return ""


def _serve(path: Path, settings: Settings, reviewer: str) -> int:
    from pytest_llmeval.commands.report import session_of
    from pytest_llmeval.report.page.html import html
    from pytest_llmeval.report.page.page_data import Reviewing
    from pytest_llmeval.review.server import ReviewServer
    from pytest_llmeval.runs.file import load_run

    run = load_run(path)
    log = ReviewLog(settings.root / ".llmeval" / FOLDER / f"{path.stem}.jsonl")
    log.decisions()  # a broken file is told now
    named = tuple(settings.categories)
    reviewing = Reviewing(path.stem, seed=run.created, served=True, reviewer=reviewer, categories=named)
    server = ReviewServer(
        lambda: html(session_of(load_run(path), settings), reviewing=reviewing), log, adds_cases(path, settings, log)
    )
    try:
        print(f"review of {harmless(str(path))}: {server.address}", flush=True)
        print("the address works once, in one browser, on this machine; Ctrl-C ends the review", flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.close()
    decisions = in_force(log.decisions())
    keep = f"{counted(decisions)}; to keep them with the project: llmeval review --apply {_near(log.path)}"
    print(f"\n{keep if decisions else 'nothing was decided'}")
    return DONE


def adds_cases(path: Path, settings: Settings, log: ReviewLog) -> Callable[[CaseKey, str, str], str]:
    """What makes an answer's case a row of a dataset: one that was rejected, or that fails.

    Args:
        path: of the saved run.
        settings: of the project.
        log: of the review.
    """
    from pytest_llmeval.review.failing_case import Project, add_failing
    from pytest_llmeval.runs.file import load_run

    def add(key: CaseKey, model: str, answer: str) -> str:
        run = load_run(path)
        found = (
            (result, sample)
            for result in run.results
            if result.trial == (key, model)
            for sample in result.answered
            if answer_digest(sample.calls) == answer
        )
        result, sample = next(found, (None, None))
        if result is None or sample is None:
            raise ConfigError(f"{key}: the run holds no such answer of {model}")
        made = [each for said in log.decisions() for each in verdicts(said) if (each.key, each.answer) == (key, answer)]
        word = made[-1].decision if made else ""
        if word == "accepted":
            raise ConfigError(f"{key}: its answer was accepted, so there is nothing wrong to keep")
        category = made[-1].category if word == "rejected" else sample.category
        if not category:
            raise ConfigError(f"{key}: its answer does not fail; reject it first, by r or by a number")
        project = Project(settings, path, secrets_of(settings))
        return "\n".join(map(harmless, add_failing(project, run, result, sample, category)))

    return add


def _labels(path: Path, settings: Settings, model: str | None) -> int:
    from pytest_llmeval.review.checks_by_labels import label_lines
    from pytest_llmeval.runs.file import load_run

    run = load_run(path)
    names = [name for name in models_of(run, model) if model or name != run.baseline]
    decisions = [each for file in files_in(settings.root) for each in decisions_of(file, settings.root)]
    for name in names:
        if len(names) > 1:
            print(f"{harmless(name)}:")
        for line in label_lines(run.of_model(name).values(), decisions):
            print(harmless(line))
    return DONE


def _near(path: Path) -> str:
    here = Path.cwd()
    return harmless(str(path.relative_to(here) if path.is_relative_to(here) else path))


def _apply(path: Path, settings: Settings, reviewer: str | None) -> int:
    log = read_log(path)
    if reviewer is not None:
        log = Log(*([each._replace(reviewer=reviewer) for each in decisions] for decisions in log))
    file = settings.root / FOLDER / f"{path.stem}.jsonl"
    known = read_log(file).decisions if file.exists() else []
    # In the order of the review, so that what was decided last counts, also where it was decided before.
    others = [each for each in known if each not in log.undone and each not in log.decisions]
    decisions = [*others, *log.decisions]
    if decisions == known:
        print(f"{_near(path)}: nothing new was decided")
        return DONE
    _write(file, decisions)
    new = [each for each in in_force(decisions) if each not in known]
    gone = sum(each not in decisions for each in known)
    said = ", ".join(filter(None, [counted(new), f"{gone} taken back" if gone else ""])) or "decided anew"
    print(f"{_near(file)}: {said}; commit it: these decisions count from now on")
    return DONE


def _write(file: Path, decisions: list[Decision]) -> None:
    text = "".join(f"{json.dumps(each.to_json(), ensure_ascii=True)}\n" for each in decisions)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{_near(file)} cannot be written: {error.strerror or error}") from None
