"""Do our checks of tool calls agree with those of the Berkeley Function Calling Leaderboard?

    python benchmarks/tool_calls.py                 every row in Python of the leaderboard; a few minutes
    python benchmarks/tool_calls.py --rows 40       the first rows of each kind

The rows and the checker come from the leaderboard's package, `bfcl-eval`, which pip installs into an environment of its
own. Each row says which calls are right. From each one right answer is made, and wrong ones: another value, a missing
argument, one too many, another tool, a call too many. `assert_tool_calls` with `assert_valid_tool_calls` and the
leaderboard's checker judge them all.

Left out are rows that contradict themselves: an argument without any accepted value, or with one that the row's own
tool does not take. Two differences are meant: texts in other case or with other punctuation, which only the leaderboard
accepts, and a float such as 3.0 for an integer, which only we accept. Where a call fits several expected ones, the
leaderboard's verdict also depends on the order of the calls, and ours does not. The exit code is 1 when there are other
differences, and when the package cannot be installed.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pytest_llmeval import CheckFailed, ToolCall, assert_tool_calls, assert_valid_tool_calls
from tests.virtual_environments import NotInstalled, virtual_environment

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "bfcl-eval==2026.3.23"
CATEGORIES = ("simple_python", "multiple", "parallel", "parallel_multiple", "live_simple", "live_multiple")
CATEGORIES += ("live_parallel", "live_parallel_multiple")
TEXTS = "only they accept texts in other case or with other punctuation"
INTEGERS = "only we accept a float such as 3.0 for an integer"
ORDER = "only we accept the right calls in this order"

# The module with every model's client is not needed for the checker, which imports it for the spelling of names.
THEIRS = """
import json, sys, types
from collections import defaultdict
models = types.ModuleType("bfcl_eval.constants.model_config")
models.MODEL_CONFIG_MAPPING = defaultdict(lambda: types.SimpleNamespace(underscore_to_dot=False))
sys.modules[models.__name__] = models
from bfcl_eval.constants.enums import Language
from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker
for line in sys.stdin:
    category, functions, right, calls = json.loads(line)
    try:
        told = ast_checker(functions, calls, right, Language.PYTHON, category, "any")
        print(int(told["valid"]))
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
"""
WHERE = "import importlib.util as u; print(u.find_spec('bfcl_eval').submodule_search_locations[0])"

Call = tuple[str, dict[str, Any]]
Calls = list[Call]


class Row(NamedTuple):
    """A task of the leaderboard: the tools there are, and the calls that are right, with every accepted value."""

    category: str
    id: str
    functions: list[dict[str, Any]]
    right: list[dict[str, dict[str, list[Any]]]]


def main() -> int:
    """Compare the verdicts; say where they differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000, help="how many rows of each kind, by default all")
    options = parser.parse_args()
    try:
        asked, theirs = asked_and_judged(options.rows)
    except NotInstalled as error:
        print(f"{PACKAGE} is missing, and so there is nothing to compare with: {error}")
        return 1
    return told(asked, theirs, [accepted(row, calls) for row, _, calls in asked])


def asked_and_judged(most: int) -> tuple[list[tuple[Row, str, Calls]], list[bool | None]]:
    """Answers made of the first rows of each kind, and what the leaderboard's checker says of them.

    Raises:
        NotInstalled: its package.
    """
    python = virtual_environment(ROOT / ".benchmarks" / "environments" / "bfcl", ["--no-deps", PACKAGE])
    data = Path(subprocess.run([python, "-c", WHERE], capture_output=True, text=True, check=True).stdout.strip())
    every = [row for category in CATEGORIES for row in rows(data / "data", category, most)]
    sound = [row for row in every if agrees_with_itself(row)]
    print(f"{len(sound):,} rows; {len(every) - len(sound)} others contradict themselves", file=sys.stderr)
    asked = [(row, kind, calls) for row in sound for kind, calls in variants(row)]
    return asked, their_verdicts(python, asked)


def rows(data: Path, category: str, most: int) -> Iterator[Row]:
    """The first rows of a category."""
    answers = data / "possible_answer" / f"BFCL_v4_{category}.json"
    right = {one["id"]: one["ground_truth"] for one in map(json.loads, answers.read_text("utf-8").splitlines())}
    tasks = map(json.loads, (data / f"BFCL_v4_{category}.json").read_text("utf-8").splitlines())
    for task, _ in zip((task for task in tasks if task["id"] in right), range(most), strict=False):
        yield Row(category, task["id"], task["function"], right[task["id"]])


def agrees_with_itself(row: Row) -> bool:
    """Whether each argument has accepted values, and the tool takes them all."""
    if not all(values for one in row.right for args in one.values() for values in args.values()):
        return False
    right = [calls for kind, calls in variants(row) if kind in ("right", "another accepted value")]
    try:
        assert_valid_tool_calls(*as_given(row, [call for calls in right for call in calls]))
    except CheckFailed:
        return False
    return True


# The calls that both judge.


def variants(row: Row) -> Iterator[tuple[str, Calls]]:
    """Answers of a model: a right one, and others that differ from it in one thing, with a word for what differs."""
    calls = [(name, first_values(args)) for one in row.right for name, args in one.items()]
    yield "right", calls
    for place, one in enumerate(row.right):
        for name, accepted_values in one.items():
            for argument, values in accepted_values.items():
                for kind, value in values_for(argument, values, calls[place][1]):
                    yield kind, with_value(calls, place, argument, value)
            for kind, args in whole_arguments(calls[place][1], accepted_values):
                yield kind, [*calls[:place], (name, args), *calls[place + 1 :]]
    yield "another tool", [("another_tool", calls[0][1]), *calls[1:]]
    yield "no call", []
    yield "a call twice", [*calls, calls[-1]]
    if len(calls) > 1:
        yield "a call is missing", calls[:-1]
        yield "the calls in another order", calls[::-1]
        yield "the same call for all", [calls[0]] * len(calls)


MISSING = object()


def values_for(argument: str, values: list[Any], given: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Other values of one argument."""
    for other in values:
        if other != "":
            yield "another accepted value", plain(other)
    yield "left out", MISSING
    value = given.get(argument, next((plain(one) for one in values if one != ""), "x"))
    yield "null", None
    yield "a text for what it is", json.dumps(value)
    if isinstance(value, bool):
        yield "a wrong value", not value
        yield "a number for true or false", int(value)
    elif isinstance(value, int):
        yield "a wrong value", value + 7
        yield "a float for an integer", float(value)
    elif isinstance(value, float):
        yield "a wrong value", value + 0.125
    elif isinstance(value, str):
        yield "a wrong value", f"not {value}"
        yield "a text in other case", value.swapcase()
        yield "a text with other punctuation", f"{value},"
        yield "a number for a text", 7
    elif isinstance(value, list):
        yield "a wrong value", [*value, *value[:1], "more"]
        yield "a list in another order", value[::-1]
    elif isinstance(value, dict):
        yield "a field more", {**value, "colour": "red"}
        yield "a field less", dict(list(value.items())[1:])


def whole_arguments(given: dict[str, Any], accepted_values: dict[str, list[Any]]) -> Iterator[tuple[str, Any]]:
    """Other arguments of one call."""
    yield "an argument that the tool does not have", {**given, "colour": "red"}
    optional = [name for name, values in accepted_values.items() if "" in values]
    yield "without all that may be left out", {name: given[name] for name in given if name not in optional}
    yield "in another order", dict(reversed(list(given.items())))


def first_values(accepted_values: dict[str, list[Any]]) -> dict[str, Any]:
    """The arguments with the first accepted value of each; without those for which no value is named."""
    firsts = {name: next((one for one in values if one != ""), MISSING) for name, values in accepted_values.items()}
    return {name: plain(value) for name, value in firsts.items() if value is not MISSING}


def plain(value: Any) -> Any:
    """An accepted value as a model gives it: objects within have a list of accepted values in each field."""
    if isinstance(value, dict):
        return {
            name: next((plain(one) for one in values if one != ""), "") if isinstance(values, list) else values
            for name, values in value.items()
            if not (isinstance(values, list) and values == [""])
        }
    return [plain(one) for one in value] if isinstance(value, list) else value


def with_value(calls: Calls, place: int, argument: str, value: Any) -> Calls:
    """The calls with another value of one argument."""
    changed = deepcopy(calls)
    if value is MISSING:
        changed[place][1].pop(argument, None)
    else:
        changed[place][1][argument] = value
    return changed


# The verdicts.


def their_verdicts(python: Path, asked: list[tuple[Row, str, Calls]]) -> list[bool | None]:
    """What the leaderboard's checker says; None where it fails itself."""
    lines = [
        json.dumps([row.category, row.functions, row.right, [{name: args} for name, args in calls]])
        for row, _, calls in asked
    ]
    command = [str(python), "-c", THEIRS]
    done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=True)
    return [{"0": False, "1": True}.get(line) for line in done.stdout.splitlines()]


def accepted(row: Row, calls: Calls) -> bool:
    """What our checks say."""
    try:
        judge(row, calls)
    except CheckFailed:
        return False
    return True


def judge(row: Row, calls: Calls) -> None:
    """Judge calls by our checks.

    Raises:
        CheckFailed: they are wrong.
    """
    came, tools = as_given(row, calls)
    assert_tool_calls(came, expected_calls(row), exact=True)
    assert_valid_tool_calls(came, tools)


def as_given(row: Row, calls: Calls) -> tuple[list[ToolCall], list[dict[str, Any]]]:
    """The calls and the tools as our checks take them."""
    return [ToolCall(name=name, arguments=args) for name, args in calls], [tool(one) for one in row.functions]


def expected_calls(row: Row) -> list[dict[str, Any]]:
    """The right calls in the form that our checks and the rows of our datasets take."""
    functions = {function["name"]: function["parameters"]["properties"] for function in row.functions}
    return [
        {
            "name": name,
            "args": {
                argument: expected(values, functions[name].get(argument, {}).get("type"))
                for argument, values in args.items()
            },
        }
        for one in row.right
        for name, args in one.items()
    ]


def expected(values: list[Any], kind: str | None = None) -> dict[str, Any]:
    """One of the accepted values; an empty text among them says that the argument may be missing."""
    one_of = {"one_of": [alternative(value, kind) for value in values]}
    return {"if_given": one_of} if "" in values else one_of


def alternative(value: Any, kind: str | None) -> Any:
    """One accepted value; the fields of an object each have a list of accepted ones."""
    if isinstance(value, dict) and kind in ("dict", "array"):
        return {name: expected(values) for name, values in value.items()}
    if isinstance(value, list) and kind == "array":
        return [alternative(one, kind) for one in value]
    return {"equal": value}


KINDS = {"dict": "object", "float": "number", "tuple": "array"}


def tool(function: dict[str, Any]) -> dict[str, Any]:
    """A tool of the leaderboard with a JSON Schema."""
    return {"name": function["name"], "parameters": schema(function["parameters"])}


def schema(given: dict[str, Any]) -> dict[str, Any]:
    """A schema of the leaderboard with the kinds of JSON Schema; of values it knows only the kind."""
    made: dict[str, Any] = {}
    if given.get("type") != "any":
        made["type"] = KINDS.get(given["type"], given["type"])
    if "properties" in given:
        made["properties"] = {name: schema(below) for name, below in given["properties"].items()}
        made["required"] = given.get("required", [])
    return made


# The result.


def told(asked: list[tuple[Row, str, Calls]], theirs: list[bool | None], ours: list[bool]) -> int:
    """Say where the verdicts differ, and whether that is meant."""
    agree, unjudged = 0, 0
    meant: Counter[str] = Counter()
    others = []
    for (row, kind, calls), they, we in zip(asked, theirs, ours, strict=True):
        if they is None:
            unjudged += 1
        elif they == we:
            agree += 1
        elif reason := why(row, calls, they=they):
            meant[reason] += 1
        else:
            who = "only they accept" if they else "only we accept"
            others.append(f"{row.id}, {kind}: {who} {calls}; right is {row.right}"[:800])
    print(f"{len(asked):,} answers made of them; {unjudged} their checker cannot judge")
    print(
        f"{agree:,} verdicts agree, {meant.total() + len(others):,} differ, {len(others):,} of them not as documented"
    )
    for reason, count in meant.most_common():
        print(f"{count:8,}  {reason}")
    for line in others[:20]:
        print(line)
    return 1 if others else 0


def why(row: Row, calls: Calls, *, they: bool) -> str | None:
    """The documented difference that explains why only one of the two accepts these calls."""
    if they:
        alike = row._replace(right=standardized(row.right))
        return TEXTS if accepted(alike, [(name, standardized(args)) for name, args in calls]) else None
    right = [(name, first_values(args)) for one in row.right for name, args in one.items()]
    if sorted(map(repr, calls)) == sorted(map(repr, right)):
        return ORDER
    return INTEGERS if any(has_whole_float(args) for _, args in calls) else None


def standardized(value: Any) -> Any:
    """A value with its texts as the leaderboard compares them."""
    if isinstance(value, str):
        return re.sub(r"[ ,./\-_*^]", "", value).lower().replace("'", '"')
    if isinstance(value, dict):
        return {name: standardized(below) for name, below in value.items()}
    return [standardized(one) for one in value] if isinstance(value, list) else value


def has_whole_float(value: Any) -> bool:
    """Whether a float without a fraction is somewhere in it."""
    if isinstance(value, (dict, list)):
        return any(map(has_whole_float, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and value.is_integer()


if __name__ == "__main__":
    sys.exit(main())
