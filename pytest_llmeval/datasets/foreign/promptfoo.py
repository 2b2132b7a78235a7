"""promptfoo: a configuration, a file of tests, or its CSV."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pytest_llmeval.datasets.foreign.columns import CONTEXTS, EXPECTED, first_of
from pytest_llmeval.datasets.foreign.files.source import Record, Source, is_located, read_source
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.foreign.promptfoo_checks import (
    NotMapped,
    checks_of,
    csv_assertion,
    holds_reference,
    shown_assertion,
)
from pytest_llmeval.datasets.foreign.templates import Template, filled, is_template, names_in
from pytest_llmeval.datasets.foreign.values import joined, without
from pytest_llmeval.json_text import canonical_json
from pytest_llmeval.text import json_words, quoted

_MOST_OF_A_TEST = 10_000  # rows that lists among its variables make
_MOST_FILES = 200
_DATA = (".yaml", ".yml", ".json", ".jsonl", ".csv", ".xlsx")
_CONFIG = frozenset(
    {"prompts", "tests", "assertionTemplates", "scenarios", "defaultTest", "description", "evaluateOptions", "$schema"}
)
_ELSEWHERE = {
    "providers": "models are named in [tool.llmeval] of pyproject.toml",
    "targets": "models are named in [tool.llmeval] of pyproject.toml",
}
_TEST = frozenset({"description", "vars", "assert", "threshold", "options", "metadata", "providerOutput"})
_CODE_ON_OUTPUT = ("transform", "postprocess")


class _Test(NamedTuple):
    """A test with what it inherits."""

    place: str
    fields: Mapping[str, Any]
    variables: dict[str, Any]
    metadata: dict[str, Any]
    options: dict[str, Any]
    asserts: list[tuple[str, Any]]


def is_promptfoo(source: Source) -> bool:
    """Whether a file looks like one of promptfoo's."""
    if source.table is not None:
        return any(column.startswith(("__expected", "__metric", "__description")) for column in source.table.columns)
    if isinstance(source.value, dict):
        return bool(source.value.keys() & {"tests", "scenarios"}) and bool(
            source.value.keys() & {"prompts", "providers", "targets", "defaultTest", "scenarios"}
            or _are_tests(source.value["tests"])
        )
    return _are_tests(source.sample())


def _are_tests(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(one, dict) and {"vars", "assert"} & one.keys() for one in value)


def read_promptfoo(source: Source, imported: Imported) -> None:
    """Add the tests of a file to what is imported."""
    value = source.value
    config = value if isinstance(value, dict) and not {"vars", "assert"} & value.keys() else {}
    _Reader(source, imported, config).read()


class _Reader:
    def __init__(self, source: Source, imported: Imported, config: dict[str, Any]) -> None:
        self._source = source
        self._imported = imported
        self._config = config
        self._asked = self._names_of_prompts()
        options = config.get("evaluateOptions")
        self._repeat = options.get("repeat") if isinstance(options, dict) else None

    def read(self) -> None:
        config, source = self._config, self._source
        for key in without(config, _CONFIG):
            why = _ELSEWHERE.get(key, "it is no part of a row")
            self._imported.leave(source.place(config[key], key), key, why)
        options = config.get("evaluateOptions")
        if isinstance(options, dict) and options.keys() - {"repeat"}:
            self._imported.leave(source.place(options, "evaluateOptions"), "evaluateOptions", "it is no part of a row")
        default = config.get("defaultTest")
        if default is not None and not isinstance(default, dict):
            self._imported.leave(
                source.place(default, "defaultTest"), f"defaultTest: {json_words(default, 50)}", _UNREAD
            )
            default = None
        self._default = _merged({}, default or {}, source.place(default, "defaultTest"), self)
        tests = config.get("tests") if config else None
        if not config:
            for record in self._own_tests():
                self._add(record, self._default)
        elif tests is not None:
            self._tests(tests, "tests", self._default)
        scenarios = config.get("scenarios")
        for number, scenario in enumerate(scenarios if isinstance(scenarios, list) else []):
            self._scenario(scenario, f"scenarios[{number}]")
        if scenarios is not None and not isinstance(scenarios, list):
            self._unread(scenarios, "scenarios")

    def _own_tests(self) -> Iterator[Record]:
        """The tests of a file that is nothing but tests."""
        source = self._source
        if source.table is not None:
            for line in source.table.lines:
                yield Record(line.place, csv_test(line.cells))
        elif isinstance(source.value, dict):
            yield Record(source.place(source.value, "the test"), source.value)
        elif isinstance(source.value, list):
            yield from source.records()

    def _names_of_prompts(self) -> list[str] | None:
        """The variables that the prompts put in, None when a prompt is not known."""
        prompts = self._config.get("prompts")
        if prompts is None:
            return None
        names: list[str] = []
        known = True
        for number, prompt in enumerate(prompts if isinstance(prompts, list) else [prompts]):
            text = prompt.get("raw", prompt.get("id")) if isinstance(prompt, dict) else prompt
            place = self._source.place(prompt, f"prompts[{number}]")
            if not isinstance(text, str) or holds_reference(text) or _is_a_path(text):
                known = False
                self._imported.leave(place, f"prompt {json_words(text, 60)}", f"{_UNREAD}; write it in the test")
                continue
            names += [name for name in names_in(text) if name not in names]
            if not re.fullmatch(r"\s*\{\{\s*\w+\s*\}\}\s*", text):
                self._imported.leave(place, f"prompt {quoted(text, 60)}", "the test says what the model is asked")
        return names if known and names else None

    def _tests(self, tests: Any, path: str, default: _Test) -> None:
        """The tests under a key: a list, the name of a file, or code that makes them."""
        if isinstance(tests, list):
            for number, test in enumerate(tests):
                where = f"{path}[{number}]"
                if isinstance(test, dict) and not (test.keys() <= {"path", "config"} and "path" in test):
                    self._add(Record(self._source.place(test, where), test), default)
                else:
                    self._file(test, where, default)
        else:
            self._file(tests, path, default)

    def _file(self, name: Any, path: str, default: _Test) -> None:
        """Tests in another file beside this one, if it holds data; code is not run, and nothing outside is read."""
        files = _files_beside(self._source.path, name) if isinstance(name, str) else []
        if not files:
            self._unread(name, path)
        for file in files:
            shown = str(Path(self._source.name).parent / file.relative_to(self._source.path.resolve().parent))
            other = read_source(file, shown, self._imported, words_of_1_1=False)
            reader = _Reader(other, self._imported, {})
            reader._asked, reader._repeat, reader._config = self._asked, self._repeat, self._config
            for record in reader._own_tests():
                reader._add(record, default)

    def _unread(self, value: Any, path: str) -> None:
        self._imported.leave(self._source.place(value, path), f"{path}: {json_words(value, 60)}", _UNREAD)

    def _scenario(self, scenario: Any, path: str) -> None:
        """Every set of data of a scenario with each of its tests."""
        config, tests = (scenario.get("config"), scenario.get("tests")) if isinstance(scenario, dict) else (None, None)
        if not isinstance(config, list) or not isinstance(tests, list):
            self._unread(scenario, path)
            return
        for number, one in enumerate(config):
            if not isinstance(one, dict):
                self._unread(one, f"{path}.config[{number}]")
                continue
            base = _merged(self._default, one, self._source.place(one, f"{path}.config[{number}]"), self)
            self._tests(tests, f"{path}.tests", base)

    def leave(self, place: str, what: str, why: str) -> None:
        self._imported.leave(place, what, why)

    def place(self, value: Any, otherwise: str) -> str:
        return self._source.place(value, otherwise)

    def _add(self, record: Record, default: _Test) -> None:
        test = _merged(default, record.fields, record.place, self)
        left: list[str] = []

        def leave(place: str, what: str, why: str) -> None:
            self._imported.leave(place, what, why)
            left.append(f"{what} ({why})")

        for key in without(test.fields, _TEST):
            leave(test.place, f"{key}: {json_words(test.fields[key], 40)}", "it is no part of a row")
        if test.fields.get("threshold") not in (None, 1):
            words = f"threshold: {json_words(test.fields['threshold'], 20)}"
            leave(test.place, words, "here every check of a row must pass")
        for key in without(test.options, {"repeat", "disableDefaultAsserts", "disableVarExpansion"}):
            leave(test.place, f"options.{key}: {json_words(test.options[key], 40)}", "it is no part of a row")
        repeat = test.options.get("repeat", self._repeat)
        samples = repeat if isinstance(repeat, int) and not isinstance(repeat, bool) and 1 < repeat <= 1000 else None
        for variables in _expanded(test, leave):
            self._row(test, variables, samples, left)

    def _row(self, test: _Test, variables: dict[str, Any], samples: int | None, left: list[str]) -> None:
        own_left = list(left)

        def leave(place: str, what: str, why: str) -> None:
            self._imported.leave(place, what, why)
            own_left.append(f"{what} ({why})")

        variables = _rendered(variables, test.place, leave)
        transformed = any(test.options.get(name) for name in _CODE_ON_OUTPUT)
        checks: list[dict[str, Any]] = []
        for place, assertion in _flat(test.asserts, leave, self._config):
            try:
                checks += checks_of(assertion, variables, transformed=transformed)
            except NotMapped as error:
                leave(place, shown_assertion(assertion), str(error))
        row = self._asked_and_expected(test, variables, leave)
        if row is None:
            return
        metadata = joined(test.metadata, row.pop("metadata"))
        if "providerOutput" in test.fields:
            metadata = joined(metadata, {"providerOutput": test.fields["providerOutput"]})
            self._imported.keep("providerOutput")
        description = test.fields.get("description")
        row |= {"id": description if isinstance(description, str) and description.strip() else None}
        self._imported.add(
            test.place, {**row, "checks": _each_once(checks), "samples": samples, "metadata": metadata}, left=own_left
        )

    def _asked_and_expected(self, test: _Test, variables: dict[str, Any], leave: Any) -> dict[str, Any] | None:
        """What the model is asked, and what beside it the variables say."""
        used = [name for name in self._asked or () if name in variables]
        rest = {name: value for name, value in variables.items() if name not in used}
        expected, context = first_of(rest, EXPECTED), first_of(rest, CONTEXTS)
        if not used:  # unknown prompts: all that does not look like something else
            used = [name for name in variables if name not in (expected, context)] or list(variables)
            expected, context = (name if name not in used else None for name in (expected, context))
        for name in used:
            if holds_reference(variables[name]):
                leave(
                    test.place, f"a row whose variable {quoted(name, 30)} is {json_words(variables[name], 40)}", _UNREAD
                )
                return None
        asked = variables[used[0]] if len(used) == 1 else {name: variables[name] for name in used}
        kept = {name: value for name, value in rest.items() if name not in (*used, expected, context)}
        for name in kept:
            self._imported.keep(f"variable {name}")
        row: dict[str, Any] = {"input": asked, "metadata": {"vars": kept} if kept else {}}
        if expected is not None:
            row["expected"] = variables[expected]
        if context is not None:
            passages = variables[context]
            row["context"] = passages if isinstance(passages, list) else [str(passages)]
        return row


_UNREAD = "what is in another file, or is code, is not read"


def _merged(default: _Test | dict[str, Any], fields: Mapping[str, Any], place: str, reader: _Reader) -> _Test:
    """A test with what it inherits: variables, metadata, options and assertions."""
    base = default if isinstance(default, _Test) else _Test("", {}, {}, {}, {}, [])

    def part(name: str) -> dict[str, Any]:
        value = fields.get(name)
        if value is not None and not isinstance(value, dict):
            reader.leave(place, f"{name}: {json_words(value, 50)}", _UNREAD)
        return dict(value) if isinstance(value, dict) else {}

    options = {**base.options, **part("options")}
    asserts = fields.get("assert")
    if asserts is not None and not isinstance(asserts, list):
        reader.leave(place, f"assert: {json_words(asserts, 50)}", _UNREAD)
    own = [
        (_place_within(place, one, number, reader), one)
        for number, one in enumerate(asserts if isinstance(asserts, list) else [])
    ]
    inherited = [] if options.get("disableDefaultAsserts") is True else base.asserts
    threshold = {"threshold": base.fields["threshold"]} if "threshold" in base.fields else {}
    further = {key: value for key, value in base.fields.items() if key not in _TEST and base.fields}
    return _Test(
        place,
        {**threshold, **further, **fields},
        {**base.variables, **part("vars")},
        {**base.metadata, **part("metadata")},
        options,
        [*inherited, *own],
    )


def _place_within(place: str, assertion: Any, number: int, reader: _Reader) -> str:
    """Where an assertion of a test stands; a line of a table or of JSON Lines is the whole test."""
    path = f"{place.partition(': ')[2]}.assert[{number}]"
    return place if re.search(r":\d+$", place) and not is_located(assertion) else reader.place(assertion, path)


def _referred(assertion: Any, config: Mapping[str, Any]) -> Any:
    """The assertion that ``$ref: "#/a/b"`` names within the file; any other as it is."""
    reference = assertion.get("$ref") if isinstance(assertion, dict) else None
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return assertion
    found: Any = config
    for step in reference.removeprefix("#/").split("/"):
        found = found.get(step) if isinstance(found, dict) else None
    own = {key: value for key, value in assertion.items() if key != "$ref"}
    return {**found, **own} if isinstance(found, dict) and "$ref" not in found else assertion


def _flat(
    asserts: list[tuple[str, Any]], leave: Any, config: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The assertions, those of a set among them."""
    for place, assertion in ((place, _referred(one, config)) for place, one in asserts):
        if not isinstance(assertion, dict):
            leave(place, shown_assertion(assertion), "it is no object with a type")
        elif assertion.get("type") != "assert-set":
            yield place, assertion
        elif assertion.get("threshold") not in (None, 1) or not isinstance(assertion.get("assert"), list):
            leave(place, "assert-set", "some of its assertions may fail; a row has no check of that kind")
        else:
            metric = {"metric": assertion["metric"]} if "metric" in assertion else {}
            for one in assertion["assert"]:
                if isinstance(one, dict):
                    yield from _flat([(place, {**metric, **one})], leave, config)
                else:
                    leave(place, shown_assertion(one), "it is no object with a type")


def _expanded(test: _Test, leave: Any) -> Iterator[dict[str, Any]]:
    """The variables of each row of a test: a list among them stands for one test per item."""
    if test.options.get("disableVarExpansion") is True:
        yield test.variables
        return
    lists = {name: value for name, value in test.variables.items() if isinstance(value, list)}
    count = math.prod(len(value) for value in lists.values())
    if count > _MOST_OF_A_TEST:
        leave(test.place, "a test", f"its lists of variables make {count:,} rows; at most {_MOST_OF_A_TEST:,} are made")
        return
    if not count:
        leave(test.place, "a test", "one of its variables is an empty list, so it is no case")
    for values in itertools.product(*lists.values()):
        yield test.variables | dict(zip(lists, values, strict=True))


def _rendered(variables: dict[str, Any], place: str, leave: Any) -> dict[str, Any]:
    """The variables with the others that they name."""
    made = {}
    for name, value in variables.items():
        made[name] = value
        if isinstance(value, str) and is_template(value):
            try:
                made[name] = filled(value, {other: one for other, one in variables.items() if other != name})
            except Template as error:
                leave(place, f"variable {quoted(name, 30)}", f"left as it is written: {error}")
    return made


def _each_once(checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({canonical_json(check): check for check in checks}.values())


def _is_a_path(text: str) -> bool:
    """Whether a prompt is the name of a file."""
    return re.fullmatch(r"[^\s{]+\.(?:txt|jsonl?|ya?ml|md|j2|py|js|ts|csv)(?::\w+)?", text) is not None


def _files_beside(config: Path, name: str) -> list[Path]:
    """The files of data that a configuration names, in its own folder or below."""
    folder = config.resolve().parent
    pattern = name.removeprefix("file://").removeprefix("./")
    if (
        not pattern.lower().endswith(_DATA)
        or Path(pattern).is_absolute()
        or ".." in Path(pattern).parts
        or "://" in pattern
    ):
        return []
    try:
        found = sorted(folder.glob(pattern) if re.search(r"[*?\[]", pattern) else [folder / pattern])
        inside = [file for file in found if file.resolve().is_relative_to(folder) and file.is_file()]
    except (OSError, ValueError, NotImplementedError, RuntimeError):
        return []
    return [file for file in inside if file.resolve() != config.resolve()][:_MOST_FILES]


def csv_test(cells: Mapping[str, str]) -> dict[str, Any]:
    """A row of promptfoo's CSV as the test it stands for."""
    test: dict[str, Any] = {"vars": {}, "assert": []}
    metadata: dict[str, Any] = {}
    options: dict[str, Any] = {}
    numbered: dict[str, dict[str, Any]] = {}
    for column, cell in cells.items():
        if re.fullmatch(r"__expected\d*", column):
            assertion = csv_assertion(cell)
            numbered["__expected1" if column == "__expected" else column] = assertion
            test["assert"].append(assertion)
        elif column in ("__prefix", "__suffix"):
            options[column[2:]] = cell
        elif column in ("__description", "__providerOutput", "__metric", "__threshold"):
            test[column[2:]] = cell
        elif column.startswith("__metadata:"):
            key = column.removeprefix("__metadata:")
            several = key.endswith("[]")
            metadata[key.removesuffix("[]")] = [one.strip() for one in cell.split(",")] if several else cell
        elif not column.startswith("__config:"):
            test["vars"][column] = cell
    for column, cell in cells.items():
        if column.startswith("__config:"):
            _, name, option = (*column.split(":", 2), "", "")[:3]
            name = "__expected1" if name == "__expected" else name
            if name in numbered and option:
                numbered[name][option] = _number(cell)
            else:
                test[column] = cell  # listed as what it is: no part of a row
    metric = test.pop("metric", None)
    for assertion in test["assert"]:
        if metric:
            assertion["metric"] = metric
    if "threshold" in test:
        test["threshold"] = _number(test["threshold"])
    return {**test, **({"metadata": metadata} if metadata else {}), **({"options": options} if options else {})}


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text
