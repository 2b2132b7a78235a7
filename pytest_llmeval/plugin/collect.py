"""Which tests are run: a test per case and model."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_llmeval.cases import Case, load_cases
from pytest_llmeval.errors import ConfigError, LlmevalError
from pytest_llmeval.plugin.evaluation import Evaluation
from pytest_llmeval.plugin.markers import case_file, default_category, samples_of
from pytest_llmeval.plugin.replies import Attempts, attempts_key
from pytest_llmeval.plugin.trial import Trial, case_key

__all__ = ["FIXTURES", "parametrize", "runs_once", "trial_for", "uses_llm"]

FIXTURES = ("llm", "llm_capture", "llm_gateway")

_loaded = pytest.StashKey[dict[Path, list[Case]]]()


def uses_llm(node: pytest.Item) -> bool:
    """Whether a test asks a model, by itself or through the application under test."""
    return any(fixture in getattr(node, "fixturenames", ()) for fixture in FIXTURES)


def runs_once(item: pytest.Item) -> bool:
    """Whether every call of a test waits: its body must not run twice, or asks from a process that cannot be left."""
    return item.get_closest_marker("llm_blocking") is not None or "llm_gateway" in getattr(item, "fixturenames", ())


def parametrize(metafunc: pytest.Metafunc, evaluation: Evaluation) -> None:
    """One test per case of the test's dataset and per model."""
    wrong: LlmevalError | None = None
    try:
        file = case_file(metafunc.definition)
        samples_of(metafunc.definition)
        default_category(metafunc.definition)
        if file is not None:
            cases = _cases(metafunc, file)
            metafunc.parametrize("case", cases, ids=[case.id for case in cases])
    except LlmevalError as error:
        wrong = error
    if wrong is not None:
        pytest.fail(str(wrong), pytrace=False)
    if len(evaluation.models) > 1 and "llm_model" in metafunc.fixturenames:
        names = [model.name for model in evaluation.models]
        metafunc.parametrize("llm_model", names, ids=names, indirect=True)


def _cases(metafunc: pytest.Metafunc, file: str) -> list[Case]:
    function = metafunc.definition
    if "case" not in metafunc.fixturenames:
        raise ConfigError(
            f"{function.nodeid}: a test with @pytest.mark.llm_cases({file!r}) takes its row as an argument: "
            f"def {function.name}({next((name for name in FIXTURES if name in metafunc.fixturenames), 'llm')}, case)"
        )
    path = function.path.parent / file
    loaded = function.config.stash.setdefault(_loaded, {})
    if path not in loaded:
        loaded[path] = load_cases(path, file)
    return loaded[path]


def trial_for(item: pytest.Item, evaluation: Evaluation, name: str) -> Trial:
    """A fresh trial of an item.

    Args:
        item: the test.
        evaluation: the session's.
        name: of the model on trial.

    Raises:
        ConfigError: no model is configured, or a marker is wrong.
    """
    callspec = getattr(item, "callspec", None)
    params = callspec.params if callspec is not None else {}
    if not evaluation.models:
        known = ", ".join(evaluation.settings.models)
        raise ConfigError(
            "no model on trial: give --llm-model=NAME, or set model in [tool.llmeval] of pyproject.toml "
            + (f"(models: {known})" if known else "(NAME is provider/model, such as openai/gpt-5.6-mini)")
        )
    case = params.get("case")
    case = case if isinstance(case, Case) else None
    wanted = samples_of(item)
    key = case_key(item, name)
    samples = evaluation.samples or (case.samples if case is not None else None) or wanted.n
    return Trial(
        first=samples * int(params.get("__pytest_repeat_step_number") or 0),
        attempts=item.stash.get(attempts_key, None) or Attempts(),
        repeatable=not runs_once(item),
        key=key,
        module=key.test.split("::")[0],
        model=evaluation.model(name),
        pipeline=evaluation.pipeline(),
        case=case,
        samples=samples,
        min_pass_rate=wanted.min_pass_rate,
        category=default_category(item),
    )
