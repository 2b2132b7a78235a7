"""``llmeval judge-agreement``: compare a judge with people, and write the calibration by which it may gate."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_llmeval.checks.judges.asker import JudgeModel, Messages, Usable
from pytest_llmeval.checks.judges.calibration import FEWEST_LABELS, FOLDER, Calibration
from pytest_llmeval.checks.judges.judge_prompt import VERDICTS, Parts, messages_of, schema_of_verdict
from pytest_llmeval.checks.judges.judged import judged, parts_of
from pytest_llmeval.checks.judges.preferred import OTHER, pair_of, preferred, prompts_of_pair
from pytest_llmeval.checks.judges.rubrics import READY, Rubric, rubric_of
from pytest_llmeval.checks.judges.votes import usable, valid_votes
from pytest_llmeval.commands.project import add_config, is_run, settings_of
from pytest_llmeval.config.settings import Settings
from pytest_llmeval.errors import ConfigError, JudgeFailed, LlmevalError, ReplyError
from pytest_llmeval.json_text import parsed_row
from pytest_llmeval.reply import Answer
from pytest_llmeval.review.decisions import decisions_of, files_in
from pytest_llmeval.review.judge_labels import (
    LabelledVerdict,
    agreement_lines,
    biases,
    calibration_of,
    verdicts_in,
)
from pytest_llmeval.score import Judge, Labels
from pytest_llmeval.text import did_you_mean, first_line, harmless, plural, shown, visible

if TYPE_CHECKING:
    from pytest_llmeval.engine.fulfilled import Fulfilled
    from pytest_llmeval.engine.pipeline import Pipeline
    from pytest_llmeval.engine.requests import Lookup

_MAY_GATE, _MAY_NOT = 0, 1
_PARTS = ("question", "context", "expected")
_FIELDS = ("answer", "other", "label", "category", *_PARTS)
_WORDS = {"pass": False, "good": False, "fail": True, "bad": True}
_NAME = "llmeval judge-agreement"


def add_judge_agreement(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    text = "Compare a judge with people's labels, and write the calibration that lets it gate; exit 1 if it may not"
    parser = commands.add_parser("judge-agreement", help=text, description=text)
    parser.add_argument(
        "labels",
        metavar="LABELS",
        help="JSON Lines of answers with labels, or a saved run whose answers have decisions in reviews/",
    )
    parser.add_argument("--rubric", help=f"{', '.join(READY)}, or the text that the tests use")
    parser.add_argument(
        "--judge", metavar="NAME", help="The judge: a model of [tool.llmeval.models], or provider/model"
    )
    parser.add_argument("--votes", type=int, default=1, metavar="N", help="As in the tests (default: 1)")
    parser.add_argument("-o", "--output", metavar="FILE", help=f"Write the calibration, as into {FOLDER}/NAME.json")
    add_config(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    settings, path = settings_of(options), Path(options.labels)
    if not path.is_file():
        folder = path.parent
        guess = did_you_mean(path.name, [each.name for each in folder.iterdir()]) if folder.is_dir() else ""
        raise ConfigError(f"there is no file {options.labels}{guess}")
    found = _in_run(path, settings, options) if is_run(path) else _of_rows(path, settings, options)
    calibration = calibration_of(found.judge, found.verdicts)
    for line in agreement_lines(found.judge, found.verdicts, calibration):
        print(line)
    if found.unjudged:
        print(harmless(f"{plural(len(found.unjudged), 'answer')} without a verdict, left out: {found.unjudged[0]}"))
    lacks = calibration.lacks() if calibration is not None else "all labels and verdicts are the same"
    if calibration is not None and options.output is not None:
        _write(Path(options.output), calibration, found.verdicts, settings)
    print(f"the judge may gate: {'no, ' + lacks if lacks else 'yes'}")
    return _MAY_NOT if lacks else _MAY_GATE


class _Found(NamedTuple):
    judge: Judge
    verdicts: list[LabelledVerdict]
    unjudged: list[str]


def _write(file: Path, calibration: Calibration, verdicts: Sequence[LabelledVerdict], settings: Settings) -> None:
    data = calibration.to_json()
    if found := biases(verdicts):
        data["categories"] = {name: labels._asdict() for name, labels in found.items()}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror or error}") from None
    print(f"wrote {visible(str(file))}")
    if file.suffix != ".json" or file.absolute().parent != (settings.root / FOLDER).absolute():
        print(f"pytest reads only {FOLDER}/*.json beside the project's settings, not this file")


def _in_run(path: Path, settings: Settings, options: argparse.Namespace) -> _Found:
    """The verdicts in a saved run, with the decisions of people on its answers."""
    from pytest_llmeval.runs.file import load_run

    decisions = [each for file in files_in(settings.root) for each in decisions_of(file, settings.root)]
    found = verdicts_in(load_run(path).results, decisions)
    model = settings.find_model(options.judge) if options.judge is not None else None
    wanted = f"{model.provider}/{model.model}" if model is not None else None
    rubric = rubric_of(_NAME, options.rubric).name if options.rubric is not None else None
    judges = [
        each for each in found if (wanted is None or each.model == wanted) and (rubric is None or each.rubric == rubric)
    ]
    if not judges:
        names = ", ".join(f"{each.rubric} by {each.model}" for each in found)
        raise ConfigError(f"{_NAME}: no such judge in {path.name}" + (f" (judges: {names})" if names else ""))
    if len(judges) > 1:
        names = ", ".join(f"{each.rubric} by {each.model}" for each in judges)
        raise ConfigError(f"{_NAME}: {path.name} has several judges, name one by --rubric and --judge: {names}")
    verdicts = list(found[judges[0]].values())
    if not verdicts:
        raise ConfigError(
            f"{_NAME}: no answer of {path.name} that this judge has judged has a decision in reviews/; "
            f"llmeval review {path.name} makes them"
        )
    return _Found(judges[0], verdicts, [])


class _Row(NamedTuple):
    parts: Parts
    bad: bool
    category: str

    @property
    def pair(self) -> bool:
        """Whether two answers are compared."""
        return "second" in self.parts


def _of_rows(path: Path, settings: Settings, options: argparse.Namespace) -> _Found:
    """What the judge says of labelled answers; it is asked now, and what it said before is taken from the cache."""
    if options.rubric is None or options.judge is None:
        raise ConfigError(f"{_NAME}: give the rubric and the judge: --rubric=faithfulness --judge=openai/gpt-5.6")
    rubric, votes = rubric_of(_NAME, options.rubric), valid_votes(_NAME, options.votes)
    rows = _rows(path, rubric)
    asks = _Judges(settings)
    verdicts, unjudged = list[LabelledVerdict](), list[str]()
    judge: Judge | None = None
    try:
        for row in rows:
            prompts = prompts_of_pair(rubric, row.parts) if row.pair else [messages_of(rubric, row.parts)]
            asks.start(options.judge, prompts, schema_of_verdict(pair=row.pair), votes, _usable(row))
        for row in rows:
            try:
                said = (preferred if row.pair else judged)(asks, rubric, row.parts, options.judge, votes)
            except JudgeFailed as error:
                unjudged.append(first_line(str(error)))
                continue
            judge = Judge(said.model, rubric.name, said.prompt)
            verdicts.append(LabelledVerdict(said.votes.deciding in ("fail", OTHER), row.bad, row.category))
        if replayed := asks.replayed():
            print(f"{plural(replayed, 'verdict')} replayed from the cache, and not asked for again")
    finally:
        asks.close()
    if judge is None:
        raise ConfigError(f"{_NAME}: the judge gave no verdict on any answer: {unjudged[0]}")
    return _Found(judge, verdicts, unjudged)


def _rows(path: Path, rubric: Rubric) -> list[_Row]:
    """The labelled answers of a file.

    Raises:
        ConfigError: a line is none, or there is no line.
    """
    rows: list[_Row] = []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name} cannot be read: {first_line(str(error))}") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = _row(parsed_row(line), rubric)
        except (ValueError, LlmevalError) as error:
            raise ConfigError(f"{path.name}:{number}: {first_line(str(error))}") from None
        if rows and row.parts.keys() != rows[0].parts.keys():
            names = {"second": "other", **{name: name for name in _PARTS}}
            parts = " and ".join(name for part, name in names.items() if (part in row.parts) != (part in rows[0].parts))
            raise ConfigError(
                f"{path.name}:{number}: only some rows have {parts}; give the judge the same parts in each row, and in "
                "the tests"
            )
        rows.append(row)
    if not rows:
        raise ConfigError(f"{path.name} has no labelled answer; it takes {FEWEST_LABELS}")
    return rows


def _row(data: object, rubric: Rubric) -> _Row:
    if not isinstance(data, dict):
        raise ValueError('a row is an object, as in {"answer": "...", "context": "...", "label": "pass"}')
    if unknown := sorted(data.keys() - set(_FIELDS)):
        guess = did_you_mean(unknown[0], _FIELDS)
        raise ValueError(f"unknown field {shown(unknown[0], 40)}{guess} (known: {', '.join(_FIELDS)})")
    answer, label, category = data.get("answer"), data.get("label"), data.get("category", "")
    if not isinstance(answer, str):
        raise ValueError("answer is missing or no text")
    bad = (not label) if isinstance(label, bool) else _WORDS.get(label) if isinstance(label, str) else None
    if bad is None:
        raise ValueError(
            f"label={shown(label, 40)}: it is pass, good or true for a good answer; fail, bad or false for a bad one"
        )
    if not isinstance(category, str):
        raise ValueError("category is no text")
    given, other = {name: data.get(name) for name in _PARTS}, data.get("other")
    if other is not None and not isinstance(other, str):
        raise ValueError("other is no text")
    parts = parts_of(_NAME, rubric, answer, given) if other is None else pair_of(_NAME, rubric, answer, other, given)
    return _Row(parts, bad, first_line(category, 60))


def _usable(row: _Row) -> Usable:
    texts = (*row.parts["first"], *row.parts["second"]) if row.pair else row.parts["answer"]
    return usable(texts, VERDICTS["pair" if row.pair else "answer"])


class _Judges:
    """The `Asker` of this command: with the cache, without recordings and calibrations."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: Pipeline | None = None
        self._futures: dict[tuple[str, int], Future[Fulfilled]] = {}

    def model(self, judge: str) -> JudgeModel:
        """The model behind a name."""
        found = self._settings.find_model(judge)
        return JudgeModel(f"{found.provider}/{found.model}", found.params)

    def start(
        self, judge: str, prompts: Sequence[Messages], schema: Mapping[str, Any], votes: int, usable: Usable
    ) -> list[list[Future[Fulfilled]]]:
        """Ask without waiting."""
        from pytest_llmeval.formats.base import Prompt

        model = self._settings.find_model(judge)
        params = {name: value for name, value in model.params.items() if name != "stream"}
        started = []
        for messages in prompts:
            lookup = self._pipeline.lookups.of_prompt(model, Prompt(messages=messages, schema=schema, params=params))
            started.append([self._started(lookup, vote, usable) for vote in range(votes)])
        return started

    def _started(self, lookup: Lookup, vote: int, usable: Usable) -> Future[Fulfilled]:
        from pytest_llmeval.engine.fulfilled import Draw

        if (lookup.digest, vote) not in self._futures:
            draw = Draw("judge-agreement", "", sample=vote)
            self._futures[lookup.digest, vote] = self._pipeline.submit(lookup, draw, usable)
        return self._futures[lookup.digest, vote]

    def ask(
        self, judge: str, prompts: Sequence[Messages], schema: Mapping[str, Any], votes: int, usable: Usable
    ) -> Sequence[Sequence[Answer | ReplyError]]:
        """Ask and wait."""
        started = self.start(judge, prompts, schema, votes, usable)
        return [[_received(future) for future in several] for several in started]

    def replayed(self) -> int:
        """How many verdicts were asked for in an earlier run."""
        answers = [each.result() for each in self._futures.values() if each.exception() is None]
        return sum(answer.measures.source != "live" for answer in answers)

    def labels(self, model: str, prompt: str) -> Labels | None:
        """None: whether it may gate is what is asked here."""
        return None

    def uncalibrated(self, model: str, rubric: str, prompts: Callable[[], Mapping[str, str]]) -> None:
        """Nothing, as for `labels`."""

    def failed(self, error: ReplyError) -> None:
        """Nothing: the error itself is told."""

    @property
    def _pipeline(self) -> Pipeline:
        if self._made is None:
            from pytest_llmeval.engine.pipeline import Pipeline
            from pytest_llmeval.store.cache import Cache
            from pytest_llmeval.store.store import Store

            store = Store(lambda: Cache(self._settings.cache, _warn), None)
            self._made = Pipeline(mode="auto", store=store, ignore=self._settings.ignore)
        return self._made

    def close(self) -> None:
        """Close connections and files."""
        if self._made is not None:
            self._made.close()


def _received(future: Future[Fulfilled]) -> Answer | ReplyError:
    try:
        return future.result().answer
    except ReplyError as error:
        return error


def _warn(text: str) -> None:
    print(f"llmeval: {first_line(text, 500)}", file=sys.stderr)
