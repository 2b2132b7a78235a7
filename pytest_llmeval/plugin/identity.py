"""Which case a test is: made once for each test, and carried from there."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_llmeval.case import Case
from pytest_llmeval.plugin.evaluation import existing_evaluation
from pytest_llmeval.runs.results import CaseKey, TrialKey

_REPEAT = "__pytest_repeat_step_number"  # private to pytest-repeat


@dataclass(frozen=True)
class Identity:
    """Which case a test is, and under which model.

    Attributes:
        key: the test function and its parameters, less the model and pytest-repeat's count.
        model: name of the model, "" when the session has none.
        case: the row, None without one.
        repeat: which run of the case it is, from 0; more than one with pytest-repeat.
    """

    key: CaseKey
    model: str
    case: Case | None
    repeat: int

    @property
    def trial(self) -> TrialKey:
        """The case under the model."""
        return self.key, self.model

    @functools.cached_property
    def content(self) -> str:
        """Digest of what the case asks and expects, "" without a row."""
        return self.case.digest if self.case is not None else ""


_identity = pytest.StashKey[Identity]()


def identity_of(item: pytest.Item) -> Identity:
    """The identity of a test that asks a model."""
    if _identity not in item.stash:
        item.stash[_identity] = _identified(item)
    return item.stash[_identity]


def _identified(item: pytest.Item) -> Identity:
    evaluation = existing_evaluation(item.config)
    root = evaluation.root if evaluation is not None else item.config.rootpath
    path = _relative(str(item.path), str(root), str(item.config.rootpath))
    classes = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    test = "::".join([path, *classes, getattr(item, "originalname", None) or item.name])
    callspec = getattr(item, "callspec", None)
    params = callspec.params if callspec is not None else {}
    first = evaluation.models[0].name if evaluation is not None and evaluation.models else ""
    model = str(params.get("llm_model") or first)
    case = params["case"] if isinstance(params.get("case"), Case) else None
    if callspec is None:
        name = ""
    elif case is not None and set(params) <= {"case", "llm_model", _REPEAT}:
        name = case.name
    else:
        name = _without_suffixes(callspec.id, params, model)
    return Identity(CaseKey(test, name), model, case, int(params.get(_REPEAT) or 0))


def _without_suffixes(name: str, params: Iterable[str], model: str) -> str:
    """The id of a test's parameters, less those that do not make it another case; these come last."""
    for param in reversed(list(params)):
        if param == _REPEAT:
            name = re.sub(r"(^|-)\d+-\d+$", "", name)
        elif param == "llm_model":
            name = name.removesuffix(model).removesuffix("-")
        else:
            break
    return name


@functools.cache
def _relative(file: str, *folders: str) -> str:
    path = Path(file)
    roots = (Path(folder) for folder in folders)
    return next((path.relative_to(root).as_posix() for root in roots if path.is_relative_to(root)), path.name)
