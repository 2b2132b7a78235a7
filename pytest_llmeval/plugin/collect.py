"""Which tests are run: a test per case and model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_llmeval.case import Case
from pytest_llmeval.datasets.load import load_cases
from pytest_llmeval.engine.pipeline import Pipeline
from pytest_llmeval.errors import ConfigError, LlmevalError
from pytest_llmeval.plugin.asking.session_judges import judges_of
from pytest_llmeval.plugin.build_evaluation import evaluation_of
from pytest_llmeval.plugin.config_table import check_table
from pytest_llmeval.plugin.evaluation import Evaluation
from pytest_llmeval.plugin.hookspecs import categoriser
from pytest_llmeval.plugin.identity import Identity, identity_of
from pytest_llmeval.plugin.items import FIXTURES
from pytest_llmeval.plugin.markers import closest_markers, default_category, samples_of
from pytest_llmeval.plugin.options import given
from pytest_llmeval.plugin.rejudging.again import Again, again_key, judged_as_error
from pytest_llmeval.plugin.rejudging.saved_answers import SavedAnswers
from pytest_llmeval.plugin.running.nothing_asked import review_of
from pytest_llmeval.plugin.running.replies import Attempts, attempts_key, drawn_key, more_samples_key
from pytest_llmeval.plugin.running.trial import Trial, TrialSettings, trial_key
from pytest_llmeval.plugin.shadowing.logged import SHADOW, log_of, logged_in
from pytest_llmeval.plugin.wordings import Cases, asked_in, cases_of
from pytest_llmeval.text import first_line

_loaded = pytest.StashKey[dict[tuple[Path, object], list[Case]]]()

_WATCH = frozenset({"capsys", "capsysbinary", "capteesys", "capfd", "capfdbinary", "caplog", "recwarn"})
"""Fixtures of pytest that record what a test's body does."""


def runs_once(item: pytest.Item, marks: Mapping[str, pytest.Mark]) -> bool:
    """Whether every call of a test waits: its body must not run twice, or asks from a process that cannot be left."""
    return "llm_blocking" in marks or "llm_gateway" in getattr(item, "fixturenames", ())


def parametrize(metafunc: pytest.Metafunc, evaluation: Evaluation) -> None:
    """One test per case of the test's dataset and per model."""
    try:
        marks = closest_markers(metafunc.definition)
        wanted, log = cases_of(metafunc.definition, marks), log_of(metafunc.definition, marks)
        samples_of(metafunc.definition, marks)
        default_category(metafunc.definition, marks)
        if log is not None:
            _refuse_without_case(metafunc, SHADOW, log)
            logged = logged_in(metafunc.definition, log, evaluation.notes)
            metafunc.parametrize("case", logged, ids=[case.name for case in logged])
            evaluation.shadows = given(metafunc.config, "llm_baseline") not in ("none", "")
        if wanted is not None:
            cases = asked_in(_cases(metafunc, wanted, evaluation), wanted, evaluation.wordings)
            metafunc.parametrize("case", cases, ids=[case.name for case in cases])
    except LlmevalError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    asks = {*FIXTURES, "llm_model"} & set(metafunc.fixturenames)
    if len(evaluation.models) > 1 and asks:
        if "llm_model" not in metafunc.fixturenames:
            # No argument of the fixtures that ask: where one model is run it would be set up 300 times for nothing.
            metafunc.fixturenames.append("llm_model")
        names = [model.name for model in evaluation.models]
        metafunc.parametrize("llm_model", names, ids=names, indirect=True, scope=_widest_that_asks(metafunc))


def asking_fixtures(definitions: Mapping[str, Sequence[pytest.FixtureDef[Any]]]) -> list[pytest.FixtureDef[Any]]:
    """The fixtures of wider scope than a test that ask a model, directly or by others."""
    wide = [each for several in definitions.values() for each in several if each.scope != "function"]
    names, found = {"llm", "llm_model"}, list[pytest.FixtureDef[Any]]()
    while more := [each for each in wide if each not in found and not names.isdisjoint(each.argnames)]:
        found += more
        names |= {each.argname for each in more}
    return [each for each in found if each.argname not in ("llm", "llm_model")]


def _widest_that_asks(metafunc: pytest.Metafunc) -> Any:
    """The scope by which pytest groups the models' tests, so that a fixture that asks is set up once for each model."""
    info: Any = getattr(metafunc.definition, "_fixtureinfo", None)
    taken = {name: info.name2fixturedefs.get(name, ())[-1:] for name in metafunc.fixturenames} if info else {}
    scopes = {each.scope for each in asking_fixtures(taken)}
    return next((scope for scope in ("session", "package", "module", "class") if scope in scopes), None)


def _cases(metafunc: pytest.Metafunc, wanted: Cases, evaluation: Evaluation) -> list[Case]:
    function, file = metafunc.definition, wanted.source
    _refuse_without_case(metafunc, "llm_cases", file)
    if not isinstance(file, str):
        return list(file)
    path = function.path.parent / file
    loaded = function.config.stash.setdefault(_loaded, {})
    asked = (path, wanted.fields)
    if asked not in loaded:
        if leads := _leads_out(path, evaluation.root):
            evaluation.notes.append(f"{first_line(file, 80)} is a link out of the project, to {leads}")
        loaded[asked] = load_cases(path, file, None if wanted.fields is None else dict(wanted.fields))
    return loaded[asked]


def _leads_out(path: Path, root: Path) -> str:
    """Where a file of the project really is if a link leads out of it, which a reviewer hardly sees; "" elsewhere."""
    real = os.path.realpath(path)
    inside = Path(os.path.abspath(path)).is_relative_to(os.path.abspath(root))  # noqa: PTH100 - links are kept
    return first_line(real, 120) if inside and not Path(real).is_relative_to(os.path.realpath(root)) else ""


def _refuse_without_case(metafunc: pytest.Metafunc, marker: str, source: object) -> None:
    """Say how a test takes its case.

    Raises:
        ConfigError: it does not.
    """
    if "case" in metafunc.fixturenames:
        return
    function = metafunc.definition
    asks = next((name for name in reversed(FIXTURES) if name in metafunc.fixturenames), FIXTURES[0])
    takes = f"({source!r}) takes its row" if isinstance(source, str) else " takes its case"
    raise ConfigError(
        f"{function.nodeid}: a test with @pytest.mark.{marker}{takes} as an argument: def {function.name}({asks}, case)"
    )


def shared_trial(item: pytest.Item | None, fixture: str) -> Trial:
    """The trial of this execution of a test, which all fixtures that ask share."""
    if item is None or fixture not in getattr(item, "fixturenames", ()):
        pytest.fail(
            f"{fixture} must be an argument of the test or of one of its fixtures; getfixturevalue({fixture!r}) and a "
            f"step of pytest-bdd are too late for it: "
            f"give the module pytestmark = pytest.mark.usefixtures({fixture!r})",
            pytrace=False,
        )
    try:
        if trial_key not in item.stash:
            item.stash[trial_key] = _trial_for(item, evaluation_of(item.config))
    except LlmevalError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    return item.stash[trial_key]


def _trial_for(item: pytest.Item, evaluation: Evaluation) -> Trial:
    """A fresh trial of an item.

    Raises:
        ConfigError: no model is configured, or a marker is wrong.
    """
    check_table(item, evaluation.settings)
    if not evaluation.models:
        settings = evaluation.settings
        known = ", ".join(settings.models)
        where = settings.place if settings.file is not None else "[tool.llmeval] of pyproject.toml"
        raise ConfigError(
            f"no model is chosen: give --llm-model=NAME, or set model in {where} "
            + (f"(models: {known})" if known else "(NAME is provider/model, such as openai/gpt-5.6-mini)")
            + (f"; {settings.place}" if settings.file is None else "")
        )
    marks, identity = closest_markers(item), identity_of(item)
    wanted = samples_of(item, marks)
    samples = evaluation.samples or (identity.case.samples if identity.case is not None else None) or wanted.n
    settings_of_trial = TrialSettings(
        samples=item.stash.get(more_samples_key, samples),
        # Where a repeat's samples begin must not depend on whether more are drawn later.
        first=(evaluation.most_samples or samples) * identity.repeat,
        min_pass_rate=wanted.min_pass_rate,
        category=default_category(item, marks),
        repeatable=not runs_once(item, marks),
        watched=not _WATCH.isdisjoint(getattr(item, "fixturenames", ())),
        root=item.config.rootpath,
        decisions=evaluation.decisions,
        case=identity.case,
        categorise=categoriser(item.ihook),
        judges=judges_of(item.config, evaluation),
    )
    again = item.stash.get(again_key, None)
    if again is not None:
        return _saved_trial(identity, again, settings_of_trial, evaluation.pipeline())
    attempts = item.stash.get(attempts_key, None) or Attempts()
    model = evaluation.model(identity.model)
    trial = Trial(identity, model, settings_of_trial, evaluation.pipeline(), attempts)
    if evaluation.mode == "replay":
        from pytest_llmeval.plugin.capturing import offline

        trial.reviews.append(offline.review_of(item))
    trial.reviews.append(review_of(item))
    if more_samples_key in item.stash:
        earlier = item.stash[drawn_key]
        trial.results.update(earlier.results)
        trial.errors.update(earlier.errors)
        for question, future in earlier.in_setup.items():
            attempts.replies.futures.setdefault(question, future)
    return trial


def _saved_trial(identity: Identity, again: Again, settings: TrialSettings, pipeline: Pipeline) -> Trial:
    """A trial that judges saved replies again."""
    samples = again.saved.samples
    again.answers = SavedAnswers(again.saved)
    settings = settings._replace(samples=len(samples), first=0, repeatable=False)
    trial = Trial(identity, again.model, settings, pipeline, Attempts(), saved=again.answers)
    trial.results = {place: s._replace(index=place) for place, s in enumerate(samples) if judged_as_error(s)}
    return trial
