"""pydantic-evals: a dataset as YAML or JSON, its evaluators as checks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pytest_llmeval.checks.categories import is_category
from pytest_llmeval.checks.rows.row_forms import validate_checks
from pytest_llmeval.datasets.foreign.files.source import Source
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.foreign.values import as_object, joined, rest_of, without
from pytest_llmeval.text import json_words, quoted

_CASE = ("name", "inputs", "metadata", "expected_output", "evaluators")
_FIRST = {"Equals": "value", "Contains": "value", "MaxDuration": "seconds"}
_BY_HAND = "write it as a check of your own"


def is_pydantic_dataset(source: Source) -> bool:
    """Whether a file looks like a dataset of pydantic-evals."""
    cases = source.value.get("cases") if isinstance(source.value, dict) else None
    return isinstance(cases, list) and any(isinstance(one, dict) and "inputs" in one for one in cases)


def read_pydantic_dataset(source: Source, imported: Imported) -> None:
    """Add the cases of a file to what is imported."""
    dataset = source.value if isinstance(source.value, dict) else {}
    shared = dataset.get("evaluators")
    for key in without(dataset, {"cases", "evaluators", "name", "$schema"}):
        imported.leave(source.place(dataset[key], key), key, "it is no part of a row")
    cases = dataset.get("cases")
    for record in source.records(cases if isinstance(cases, list) else [], "cases"):
        case, left = record.fields, list[str]()
        checks: list[dict[str, Any]] = []
        for path, several in (("evaluators", shared), (record.place.partition(": ")[2], case.get("evaluators"))):
            for evaluator in several if isinstance(several, list) else [several] if several is not None else []:
                made = _checks(evaluator, case.get("expected_output"))
                if isinstance(made, str):
                    what = f"evaluator {json_words(evaluator, 60)}"
                    at = evaluator if isinstance(evaluator, dict) else several
                    imported.leave(source.place(at, path or "evaluators"), what, made)
                    left.append(f"{what} ({made})")
                else:
                    checks += [check for check in made if check not in checks]
        rest = rest_of(case, _CASE)
        for name in rest:
            imported.keep(name)
        row = {
            "id": case.get("name"),
            "input": case.get("inputs"),
            "expected": case.get("expected_output"),
            "checks": checks,
            "metadata": joined(as_object(case.get("metadata")), rest),
        }
        imported.add(record.place, row, left=left)


def _checks(evaluator: Any, expected: Any) -> list[dict[str, Any]] | str:
    """The checks of an evaluator, or why there are none."""
    if isinstance(evaluator, str):
        name, arguments = evaluator, dict[str, Any]()
    elif isinstance(evaluator, dict) and len(evaluator) == 1:
        [(name, given)] = evaluator.items()
        arguments = dict(given) if isinstance(given, dict) and name != "Equals" else {_FIRST.get(name, "value"): given}
        if name == "Equals" and isinstance(given, dict) and given.keys() <= {"value", "evaluation_name"}:
            arguments = dict(given)
    else:
        return "it is no evaluator by name"
    category = arguments.pop("evaluation_name", None)
    made: list[dict[str, Any]] | str
    match name:
        case "Equals":
            made = _equal(arguments.get("value"))
        case "EqualsExpected":
            if expected is None:
                return []  # as in pydantic-evals, where such a case is left out
            made = [{"equal": True}] if isinstance(expected, str) else _equal(expected)
        case "Contains":
            made = _contains(arguments)
        case "MaxDuration":
            made = [{"latency": arguments.get("seconds")}]
        case "LLMJudge" | "GEval":
            return f"it asks another model; {_BY_HAND}"
        case _:
            return f"no check of a row does that; {_BY_HAND}"
    if isinstance(made, str):
        return made
    if category is not None and not (isinstance(category, str) and is_category(category)):
        return f"its name {json_words(category, 40)} cannot be the name of an error category"
    made = [{**check, **({"category": category} if category else {})} for check in made]
    problems = validate_checks(made)
    return problems[0] if problems else made


def _equal(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, (dict, list)):
        return [{"json": value}]
    return [{"equal": value if isinstance(value, str) else json.dumps(value)}]


def _contains(arguments: Mapping[str, Any]) -> list[dict[str, Any]] | str:
    value = arguments.get("value")
    if not isinstance(value, str) or not value.strip():
        return f"it looks for {json_words(value, 40)} in an object, and an answer is a text; {_BY_HAND}"
    further = arguments.keys() - {"value", "case_sensitive", "as_strings"}
    if further:
        return f"its {quoted(min(further), 30)} has no counterpart; {_BY_HAND}"
    if arguments.get("case_sensitive", True) is True:
        return [{"contains": value}]
    return [{"contains": {"text": value, "ignore_case": True}}]
