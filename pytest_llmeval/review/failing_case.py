"""The case of a saved run whose answer is wrong, made a row of a dataset."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pytest_llmeval.case import Case
from pytest_llmeval.checks.production.recorded import recorded_of
from pytest_llmeval.config.settings import Settings
from pytest_llmeval.datasets.foreign.files.source import read_source
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.foreign.logged_cases import logged_cases
from pytest_llmeval.datasets.foreign.logs import is_log
from pytest_llmeval.datasets.load import load_cases
from pytest_llmeval.errors import ConfigError, DatasetError, LlmevalError, RecordingError
from pytest_llmeval.report.cases import reply_text, steps_text
from pytest_llmeval.report.prompts import prompt_of
from pytest_llmeval.review.added_rows import WrongAnswer, add_row, refuse_other_formats
from pytest_llmeval.runs.results import CaseResult, Run, SampleResult
from pytest_llmeval.store.recordings import Recordings
from pytest_llmeval.store.store import Store
from pytest_llmeval.text import first_line, plural, quoted

_NEW = "cases.jsonl"  # beside the test, where the run's tests have no dataset
_MOST_NAMED = 5


class Project(NamedTuple):
    """Where a run's tests and their datasets lie.

    Attributes:
        run_file: the saved run.
        secrets: API keys that go into no file, by the names of their environment variables.
    """

    settings: Settings
    run_file: Path
    secrets: Mapping[str, str]


def add_failing(
    project: Project, run: Run, result: CaseResult, sample: SampleResult, category: str, to: Path | None = None
) -> list[str]:
    """Make a wrong answer's case a row of a dataset, unless it is in one already.

    Args:
        project: of the run.
        run: the saved run.
        result: the case.
        sample: with the answer.
        category: the error category that it fails in.
        to: the dataset; None for that of the run's tests, or a new one where they have none.

    Returns:
        What was done, a line each.

    Raises:
        ConfigError: the case cannot become a row, or it is not clear of which dataset.
        DatasetError: rows of the dataset are wrong.
    """
    if to is not None:
        refuse_other_formats(to)
    there = _in_its_dataset(project, result)
    if there:
        return [f"nothing to add: {there}"]
    path = to if to is not None else _dataset_of(project, run, result)
    wrong, remarks = _wrong_answer(project, run, result, sample, category)
    added = add_row(path, wrong, project.secrets)
    if not added.new:
        return [f"nothing to add: {_near(path)} already asks the same, as {quoted(added.id, 60)} on line {added.line}"]
    lines = [f"{_near(path)}:{added.line}: added {quoted(added.id, 60)}, which failed with {first_line(category, 60)}"]
    if added.line == 1:
        lines.append(f'name it in a test: @pytest.mark.llm_cases("{first_line(path.name)}")')
    if wrong.expected is None:
        lines.append("it does not yet say what is right: give it expected or checks")
    if added.hidden:
        lines.append("a secret or personal data was replaced in it, so it differs from what was asked and answered")
    return [*lines, *remarks]


def wrong_sample(result: CaseResult) -> SampleResult | None:
    """The first failing sample of a case, one of its main category if there is any; None where none fails."""
    failing = [sample for sample in result.judged if sample.outcome == "fail"]
    return next((each for each in failing if each.category == result.category), failing[0] if failing else None)


def _in_its_dataset(project: Project, result: CaseResult) -> str:
    """That the dataset file of a case holds it, "" where none does."""
    for path in _files(project, result):
        try:
            found = next((case for case in load_cases(path, path.name) if case.id == result.row.case), None)
        except DatasetError:  # as where a test reads it by other names of its fields
            return f"{quoted(result.row.case, 60)} came from {_near(path)}"
        if found is not None:
            return f"{quoted(found.id, 60)} is already in {_near(path)}, line {found.line}"
    return ""


def _files(project: Project, result: CaseResult) -> Iterator[Path]:
    """Where the dataset of a case may lie: its name is relative to the test's file, and that to the project.

    A log of production is none, and neither is what an import has made of one.
    """
    for path in _places(project, result):
        if not _is_log(path):
            yield path


def _places(project: Project, result: CaseResult) -> Iterator[Path]:
    if result.dataset:
        folder = Path(result.key.test.split("::")[0]).parent
        for root in dict.fromkeys((project.settings.root, Path.cwd(), project.run_file.parent)):
            path = root / folder / result.dataset
            if path.is_file():
                yield Path(os.path.abspath(path))  # noqa: PTH100 - which folds "..", and follows no link


def _is_log(path: Path) -> bool:
    told = path.stat()
    return _holds_a_log(path, told.st_mtime_ns, told.st_size)


@lru_cache(maxsize=64)
def _holds_a_log(path: Path, _moment: int, _size: int) -> bool:
    """Whether a file tells what production answered, and not what is right."""
    try:
        cases = load_cases(path, path.name)
    except DatasetError:
        try:
            return is_log(read_source(path, path.name, Imported("log")))
        except LlmevalError:
            return False
    return all(recorded_of(case) and case.expected is None and not case.checks for case in cases)


def _dataset_of(project: Project, run: Run, result: CaseResult) -> Path:
    """The dataset that a case belongs to.

    Raises:
        ConfigError: there are several, or that of the case is not here.
    """
    own = next(_files(project, result), None)
    if own is not None and own.suffix.lower() != ".jsonl":
        refuse_other_formats(own)
    if result.dataset and next(_places(project, result), None) is None:
        raise ConfigError(
            f"{result.key}: its dataset {result.dataset} is not here; name one with --to, as in --to {_NEW}"
        )
    module = result.key.test.split("::")[0]
    beside = [each for each in run.results if each.key.test.split("::")[0] == module]
    for results in (beside, run.results):
        found = list(dict.fromkeys(path for each in results for path in _files(project, each)))
        if len(found) > 1:
            named = ", ".join(map(_near, found[:_MOST_NAMED])) + (" and others" if found[_MOST_NAMED:] else "")
            raise ConfigError(f"{result.key}: name its dataset with --to; the tests of the run have {named}")
        if found:
            refuse_other_formats(found[0])
            return found[0]
    folder = (project.settings.root / module).parent
    return (folder if folder.is_dir() else Path.cwd()) / _NEW


def _wrong_answer(
    project: Project, run: Run, result: CaseResult, sample: SampleResult, category: str
) -> tuple[WrongAnswer, list[str]]:
    calls = sample.answering_calls
    given, remarks = result.input, list[str]()
    has_row = given is not None
    logged = _logged(project, result)
    if logged is not None:
        given = logged.input
    elif has_row:
        plain = Case(id=result.key.case, input=given, expected=result.expected)
        if result.content not in ("", plain.digest):
            remarks.append("a run does not hold the rest of the case (context, checks, metadata): copy it by hand")
    elif not calls:
        raise ConfigError(f"{result.key}: no model call was seen in it, so there is no prompt to keep")
    else:
        asked = result.asked or _stored(project, result, sample)
        given = _input_of(asked, result)
        remarks += [f"not in the row: the request's {first_line(each, 100)}" for each in asked.get("beside", ())]
        if len(calls) > 1:
            remarks.append(f"the test asked {plural(len(calls), 'time')}; the row holds what it asked first")
    function = result.key.test.rpartition("::")[2]
    name = result.key.case if has_row else "-".join(filter(None, (function, result.key.case)))
    model = run.models.get(result.model, {}).get("model")
    wrong = WrongAnswer(
        name=name or function,
        input=given,
        answer=reply_text(sample) or steps_text(sample),
        model=(calls[-1].answer.response_model if calls else None) or str(model or result.model),
        category=category,
        at=(calls[-1].recorded_at if calls else None) or run.created,
        test=result.key.test,
        expected=result.expected,
        task=result.task,
        tags=result.tags,
        request=logged.request if logged is not None else {},
    )
    return wrong, remarks


def _logged(project: Project, result: CaseResult) -> Case | None:
    """The logged call that a case is, None where it is none."""
    for path in _places(project, result):
        if _is_log(path):
            cases = logged_cases(path, path.name).cases
            return next((case for case in cases if case.id == result.key.case and case.digest == result.content), None)
    return None


def _input_of(asked: Mapping[str, Any], result: CaseResult) -> Any:
    """What a request asked, as the input of a row: the text alone where it is all there is."""
    messages = asked.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ConfigError(f"{result.key}: nothing that it asked can be the input of a row")
    only = messages[0] if len(messages) == 1 else None
    if isinstance(only, dict) and only.keys() == {"role", "content"} and only["role"] == "user":
        text = only["content"]
        return text if isinstance(text, str) else messages
    return messages


def _stored(project: Project, result: CaseResult, sample: SampleResult) -> Mapping[str, Any]:
    """What a sample asked first, by the recordings or the cache of this machine.

    Raises:
        ConfigError: neither holds it.
    """
    from pytest_llmeval.store.cache import Cache

    def silent(_: str) -> None:
        """A store that cannot be read holds nothing."""

    cache = Cache(project.settings.cache, silent)
    store = Store(lambda: cache, Recordings(project.settings.recordings, silent, root=project.settings.root))
    try:
        for call in sample.answering_calls[:1]:
            found = store.lookup(result.key.test.split("::")[0], call.key, anywhere=True) if call.key else None
            if found is not None:
                return prompt_of(found[0].request)
    except RecordingError as error:
        raise ConfigError(f"what {result.key} asked cannot be read: {error}") from None
    finally:
        cache.close()
    raise ConfigError(
        f"what {result.key} asked is neither in the run nor in the store of this machine; run it here once, "
        f'then add it again: pytest "{result.key}"'
    )


def _near(path: Path) -> str:
    here = Path.cwd()
    path = path.absolute()
    return first_line(str(path.relative_to(here) if path.is_relative_to(here) else path))
