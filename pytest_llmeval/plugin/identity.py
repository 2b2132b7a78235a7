"""Which case a test is: its key, and the digest of its row."""

from __future__ import annotations

import functools
import hashlib
import re
from pathlib import Path

import pytest

from pytest_llmeval.case import Case
from pytest_llmeval.json_text import lenient_json
from pytest_llmeval.plugin.evaluation import existing_evaluation
from pytest_llmeval.runs.results import CaseKey


def case_of(item: pytest.Item) -> Case | None:
    """The row an item is run on, None when it has none."""
    callspec = getattr(item, "callspec", None)
    case = callspec.params.get("case") if callspec is not None else None
    return case if isinstance(case, Case) else None


def case_key(item: pytest.Item, model: str) -> CaseKey:
    """Identity of an item's case: its test function and its parameters, less the model and pytest-repeat's count."""
    evaluation = existing_evaluation(item.config)
    root = evaluation.root if evaluation is not None else item.config.rootpath
    path = _relative(str(item.path), str(root), str(item.config.rootpath))
    names = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    test = "::".join([path, *names, getattr(item, "originalname", None) or item.name])
    callspec = getattr(item, "callspec", None)
    if callspec is None:
        return CaseKey(test, "")
    case = callspec.params.get("case")
    if isinstance(case, Case) and set(callspec.params) <= {"case", "llm_model", "__pytest_repeat_step_number"}:
        return CaseKey(test, case.name)
    parts = str(callspec.id)
    for name in reversed(callspec.params):  # as they stand in the id
        if name == "__pytest_repeat_step_number":
            parts = re.sub(r"(^|-)\d+-\d+$", "", parts)
        elif name == "llm_model":
            parts = parts.removesuffix(model).removesuffix("-")
        else:
            break
    return CaseKey(test, parts)


@functools.cache
def _relative(file: str, *folders: str) -> str:
    path = Path(file)
    roots = (Path(folder) for folder in folders)
    return next((path.relative_to(root).as_posix() for root in roots if path.is_relative_to(root)), path.name)


def content_digest(case: Case | None) -> str:
    """Digest of what a case asks and expects, "" without a case.

    Its paraphrases are cases to themselves: a new one changes none of the others. Its metadata may hold what a test
    expects.
    """
    if case is None:
        return ""
    content = [case.input, case.expected, case.context, case.checks, (), *([case.metadata] if case.metadata else [])]
    return hashlib.sha256(lenient_json(content).encode()).hexdigest()[:16]
