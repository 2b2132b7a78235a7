"""Files of promptfoo."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.checks.structure.ecma_pattern import python_pattern
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.foreign.read_foreign import read_foreign
from pytest_llmeval.errors import DatasetError

CONFIG: dict[str, Any] = {"prompts": ["{{q}}"], "providers": ["echo"]}


def read(folder: Path, value: object, name: str = "shop.yaml", tool: str | None = None) -> Imported:
    path = folder / name
    if isinstance(value, str):
        path.write_text(value, encoding="utf-8")
    else:
        path.write_text(
            yaml.safe_dump(value, sort_keys=False) if path.suffix == ".yaml" else json.dumps(value), encoding="utf-8"
        )
    return read_foreign(path, name, tool)


def one(folder: Path, *assertions: dict[str, Any], **test: Any) -> Imported:
    """One test with these assertions."""
    test = {"vars": {"q": "When do you open?"}, **test}
    return read(folder, {**CONFIG, "tests": [{**test, "assert": list(assertions)}]})


def told(imported: Imported) -> list[str]:
    """What was not mapped, without the providers that every configuration has."""
    return [f"{what}: {why}" for what, why in imported.not_mapped if what != "providers"]


@pytest.mark.parametrize(
    ("assertion", "check"),
    [
        ({"type": "equals", "value": "at nine"}, {"equal": "at nine"}),
        ({"type": "equals", "value": {"open": 9}}, {"json": {"open": 9}}),
        ({"type": "not-equals", "value": "a.b"}, {"not_matches": r"\Aa\.b\Z"}),
        ({"type": "contains", "value": 9}, {"contains": "9"}),
        ({"type": "icontains", "value": "Nine"}, {"contains": {"text": "Nine", "ignore_case": True}}),
        ({"type": "not-contains", "value": "ten"}, {"not_contains": "ten"}),
        ({"type": "not-icontains", "value": "ten"}, {"not_contains": {"text": "ten", "ignore_case": True}}),
        ({"type": "contains-all", "value": ["a", 7]}, {"contains": {"all": ["a", "7"]}}),
        ({"type": "contains-any", "value": 'a, "b, c"'}, {"contains": {"any": ["a", "b, c"]}}),
        ({"type": "icontains-any", "value": ["a"]}, {"contains": {"any": ["a"], "ignore_case": True}}),
        ({"type": "not-contains-any", "value": ["a", "b"]}, {"not_contains": ["a", "b"]}),
        ({"type": "starts-with", "value": "We"}, {"starts_with": "We"}),
        ({"type": "not-starts-with", "value": "We"}, {"not_matches": r"\AWe"}),
        ({"type": "regex", "value": r"\d+$"}, {"matches": r"(?a)\d+\Z"}),
        ({"type": "not-regex", "value": "(?<hour>ten)"}, {"not_matches": "(?P<hour>ten)"}),
        ({"type": "is-json"}, {"json": True}),
        ({"type": "is-json", "value": {"type": "object"}}, {"schema": {"type": "object"}}),
        ({"type": "is-json", "value": '{"type": "object"}'}, {"schema": {"type": "object"}}),
        ({"type": "latency", "threshold": 1500}, {"latency": 1.5}),
        ({"type": "cost", "threshold": 0.01}, {"cost": 0.01}),
        ({"type": "word-count", "value": 5}, {"words": {"at_least": 5, "at_most": 5}}),
        ({"type": "word-count", "value": {"max": 9}}, {"words": {"at_most": 9}}),
        ({"type": "not-is-refusal"}, {"not_refusal": True}),
        ({"type": "finish-reason", "value": "stop"}, {"finish": True}),
        ({"type": "contains", "value": "9", "metric": "hours", "weight": 3}, {"contains": "9", "category": "hours"}),
        ({"type": "contains", "value": "{{ q }}"}, {"contains": "When do you open?"}),
    ],
)
def test_an_assertion_becomes_the_check_that_means_the_same(
    tmp_path: Path, assertion: dict[str, Any], check: dict[str, Any]
) -> None:
    imported = one(tmp_path, assertion)
    assert imported.rows[0]["checks"] == [check]
    assert told(imported) == []


@pytest.mark.parametrize(
    ("assertion", "why"),
    [
        ({"type": "llm-rubric", "value": "friendly"}, "asks another model"),
        ({"type": "javascript", "value": "output.length < 9"}, "code is never run"),
        ({"type": "python", "value": "file://check.py"}, "code is never run"),
        ({"type": "similar", "value": "at nine"}, "another way"),
        ({"type": "levenshtein", "value": "at nine", "threshold": 3}, "another way"),
        ({"type": "is-refusal"}, "no check of a row does that"),
        ({"type": "not-contains-all", "value": ["a"]}, "no check of a row does that"),
        ({"type": "contains-json"}, "no check of a row does that"),
        ({"type": "of-tomorrow", "value": "x"}, "no check of a row does that"),
        ({"type": "contains", "value": "file://expected.txt"}, "in another file"),
        ({"type": "contains", "value": "{{ q | upper }}"}, "templates are not run"),
        ({"type": "contains", "value": "{{ missing }}"}, "no variable is called"),
        ({"type": "contains", "value": ""}, "not a text"),
        ({"type": "contains", "value": "a", "weight": 0}, "never failed"),
        ({"type": "contains", "value": "a", "transform": "output.trim()"}, "transform has no counterpart"),
        ({"type": "contains", "value": "a", "metric": "x" * 90}, "error category"),
        ({"type": "regex", "value": r"\p{L}"}, "regular expression"),
        ({"type": "regex", "value": "(unclosed"}, "regular expression"),
        ({"type": "is-json", "value": {"type": "nonsense"}}, "not a right JSON schema"),
        ({"type": "is-json", "value": {"$ref": "http://127.0.0.1/x.json"}}, "refers to another file"),
        ({"type": "latency", "threshold": "soon"}, "not a number"),
        ({"type": "finish-reason", "value": "length"}, "not looked for"),
        ({"type": ["contains"]}, "no type"),
        ({"type": "assert-set", "threshold": 0.5, "assert": [{"type": "contains", "value": "a"}]}, "may fail"),
    ],
)
def test_an_assertion_without_a_counterpart_is_listed_with_its_place(
    tmp_path: Path, assertion: dict[str, Any], why: str
) -> None:
    imported = one(tmp_path, assertion, {"type": "contains", "value": "nine"})
    [row] = imported.rows
    assert row["checks"] == [{"contains": "nine"}]
    [line] = told(imported)
    assert why in line
    [place] = next(places for (what, _), places in imported.not_mapped.items() if what != "providers")
    assert place.startswith("shop.yaml:")
    assert len(row["metadata"]["import"]["not_mapped"]) == 1


def test_an_assertion_elsewhere_in_the_file_is_followed(tmp_path: Path) -> None:
    templates = {"hour": {"type": "contains", "value": "nine"}, "round": {"$ref": "#/assertionTemplates/round"}}
    asserts = [{"$ref": f"#/assertionTemplates/{name}"} for name in ("hour", "round", "missing")]
    tests = [{"vars": {"q": "When?"}, "assert": [*asserts, {"$ref": "other.yaml#/x"}]}]
    imported = read(tmp_path, {**CONFIG, "assertionTemplates": templates, "tests": tests})
    assert imported.rows[0]["checks"] == [{"contains": "nine"}]
    assert len(imported.rows[0]["metadata"]["import"]["not_mapped"]) == 3


def test_metadata_of_the_same_name_is_not_lost(tmp_path: Path) -> None:
    mine = {"import": "mine", "vars": 7}
    imported = one(tmp_path, {"type": "pi", "value": "x"}, metadata=mine, vars={"q": "When?", "owner": "ops"})
    metadata = imported.rows[0]["metadata"]
    assert mine.items() <= metadata.items()
    assert metadata["vars_2"] == {"owner": "ops"}
    assert len(metadata["import_2"]["not_mapped"]) == 1


def test_what_a_transform_makes_of_the_answer_is_not_what_a_check_sees(tmp_path: Path) -> None:
    measured = {"type": "latency", "threshold": 1000}
    imported = one(tmp_path, {"type": "contains", "value": "a"}, measured, options={"transform": "output.answer"})
    assert imported.rows[0]["checks"] == [{"latency": 1.0}]


def test_a_set_of_assertions_that_must_all_hold_is_its_assertions(tmp_path: Path) -> None:
    inner = [{"type": "contains", "value": "a"}, {"type": "contains", "value": "b", "metric": "own"}]
    imported = one(tmp_path, {"type": "assert-set", "metric": "tone", "assert": inner})
    assert imported.rows[0]["checks"] == [
        {"contains": "a", "category": "tone"},
        {"contains": "b", "category": "own"},
    ]


def test_defaults_are_inherited_unless_a_test_switches_them_off(tmp_path: Path) -> None:
    default = {
        "assert": [{"type": "contains", "value": "{{hour}}"}],
        "metadata": {"suite": "smoke"},
        "vars": {"hour": "nine"},
    }
    tests = [
        {"vars": {"q": "When?", "hour": "ten"}, "metadata": {"owner": "ops"}},
        {"vars": {"q": "And today?"}, "options": {"disableDefaultAsserts": True}},
    ]
    first, second = read(tmp_path, {**CONFIG, "defaultTest": default, "tests": tests}).rows
    assert (first["input"], first["checks"]) == ("When?", [{"contains": "ten"}])
    assert first["metadata"] == {"suite": "smoke", "owner": "ops", "vars": {"hour": "ten"}}
    assert "checks" not in second


def test_lists_among_the_variables_are_a_test_for_each(tmp_path: Path) -> None:
    tests = [{"vars": {"q": ["a", "b"], "lang": ["x", "y"]}, "assert": [{"type": "contains", "value": "{{lang}}"}]}]
    imported = read(tmp_path, {**CONFIG, "tests": tests})
    assert [(row["input"], row["checks"][0]["contains"]) for row in imported.rows] == [
        *(("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"))
    ]
    assert len({row["id"] for row in imported.rows}) == 4


def test_too_many_of_them_are_not_made(tmp_path: Path) -> None:
    many = [str(number) for number in range(200)]
    tests = [{"vars": {"q": many, "lang": many, "tone": many}}, {"vars": {"q": "a"}}]
    imported = read(tmp_path, {**CONFIG, "tests": tests})
    assert len(imported.rows) == 1
    assert "8,000,000 rows" in told(imported)[0]


def test_scenarios_are_each_set_of_data_with_each_test(tmp_path: Path) -> None:
    scenario = {
        "config": [{"vars": {"lang": "French"}}, {"vars": {"lang": "Dutch"}}],
        "tests": [{"vars": {"q": "hello"}, "assert": [{"type": "contains", "value": "{{lang}}"}]}],
    }
    config = {"prompts": ["{{q}} in {{lang}}"], "scenarios": [scenario]}
    imported = read(tmp_path, config)
    assert [row["input"] for row in imported.rows] == [
        {"q": "hello", "lang": "French"},
        {"q": "hello", "lang": "Dutch"},
    ]
    assert [row["checks"] for row in imported.rows] == [[{"contains": "French"}], [{"contains": "Dutch"}]]


def test_a_variable_that_no_prompt_names_is_what_is_expected_or_metadata(tmp_path: Path) -> None:
    tests = [{"vars": {"q": "When?", "expected": "nine", "context": "Open at nine.", "owner": "ops"}}]
    imported = read(tmp_path, {**CONFIG, "tests": tests})
    [row] = imported.rows
    assert (row["input"], row["expected"], row["context"]) == ("When?", "nine", ["Open at nine."])
    assert row["metadata"] == {"vars": {"owner": "ops"}}
    assert imported.kept == {"variable owner": 1}


def test_repeats_are_samples(tmp_path: Path) -> None:
    tests = [{"vars": {"q": "a"}}, {"vars": {"q": "b"}, "options": {"repeat": 5}}]
    imported = read(tmp_path, {**CONFIG, "tests": tests, "evaluateOptions": {"repeat": 3}})
    assert [row["samples"] for row in imported.rows] == [3, 5]


def test_tests_in_files_of_data_beside_it_are_read(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.yaml").write_text("- vars: {q: one}\n  assert: [{type: llm-rubric, value: kind}]\n")
    (tmp_path / "more" / "b.csv").write_text("q,__expected\ntwo,contains:2\n")
    config = {**CONFIG, "tests": ["file://more/*.yaml", "more/b.csv", {"vars": {"q": "three"}}]}
    imported = read(tmp_path, config)
    assert [row["input"] for row in imported.rows] == ["one", "two", "three"]
    assert (
        "more/a.yaml:2"
        in imported.not_mapped['assert llm-rubric: "kind"', "it asks another model; write it as a check of your own"]
    )


@pytest.mark.parametrize(
    "reference",
    [
        "file://make_tests.py:build",
        "file://make_tests.js",
        "../secret.yaml",
        "file:///etc/passwd",
        "/etc/hosts.csv",
        "link.csv",
        "https://127.0.0.1/tests.csv",
        "file://missing.yaml",
        {"path": "file://make_tests.py:build", "config": {"n": 3}},
    ],
)
def test_nothing_else_is_read_or_run(tmp_path: Path, reference: object) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "secret.yaml").write_text("- vars: {q: secret}\n")
    (tmp_path / "secret.csv").write_text("q\nsecret\n")
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "make_tests.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    imported = read(folder, {**CONFIG, "tests": [reference, {"vars": {"q": "kept"}}]})
    assert [row["input"] for row in imported.rows] == ["kept"]
    [line] = told(imported)
    assert line.startswith("tests[0]: ")
    assert not (tmp_path / "ran").exists()


def test_a_variable_in_another_file_makes_no_case_of_its_name(tmp_path: Path) -> None:
    imported = read(tmp_path, {**CONFIG, "tests": [{"vars": {"q": "file://q.txt"}}, {"vars": {"q": "kept"}}]})
    assert [row["input"] for row in imported.rows] == ["kept"]
    assert "file://q.txt" in told(imported)[0]


def test_csv_of_promptfoo(tmp_path: Path) -> None:
    header = "q,reference,__expected,__expected2,__description,__metric,__metadata:team,__metadata:tags[],__prefix"
    row = 'When?,at nine,"contains-any: nine, 9",not-icontains:ten,hours,tone,ops,"a, b",Please:'
    imported = read(tmp_path, f"{header}\n{row}\nAnd?,,Plain text: no type,,,,,,\n", "shop.csv")
    first, second = imported.rows
    assert first["id"] == "hours"
    assert (first["input"], first["expected"]) == ("When?", "at nine")
    assert first["checks"] == [
        {"contains": {"any": ["nine", "9"]}, "category": "tone"},
        {"not_contains": {"text": "ten", "ignore_case": True}, "category": "tone"},
    ]
    assert first["metadata"]["team"] == "ops"
    assert first["metadata"]["tags"] == ["a", "b"]
    assert second["checks"] == [{"equal": "Plain text: no type"}]
    assert told(imported) == ['options.prefix: "Please:": it is no part of a row']


@pytest.mark.parametrize(
    "cell", ["javascript: 1", "fn:1", "eval:1", "python:1", "file://a.py", "grade: kind", "similar(0.8):x"]
)
def test_cells_of_csv_that_have_no_counterpart_are_listed(tmp_path: Path, cell: str) -> None:
    imported = read(tmp_path, f"q,__expected\nWhen?,{cell}\n", "shop.csv")
    assert "checks" not in imported.rows[0]
    [(_, places)] = imported.not_mapped.items()
    assert places == {"shop.csv:2": 1}


def test_anchors_and_merges_of_yaml_are_followed(tmp_path: Path) -> None:
    text = """
prompts: ['{{q}}']
providers: [echo]
shared: &short [{type: word-count, value: {max: 5}}]
tests:
  - &first {vars: {q: no}, assert: *short}
  - {<<: *first, vars: {q: 'on'}}
"""
    imported = read(tmp_path, text)
    assert [row["input"] for row in imported.rows] == ["no", "on"]  # texts, as in YAML 1.2
    assert [row["checks"] for row in imported.rows] == [[{"words": {"at_most": 5}}]] * 2


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{BOMB}tests: [{{vars: {{q: *i}}}}]\nprompts: []\n", "more than 1,000,000 values"),
        ("tests: &a [*a]\nprompts: []\n", "names nothing that ended before it"),
        ("tests:\n  - !!python/object/apply:os.system ['touch ran']\n", 'shop.yaml:2: the tag "!!python/object'),
        ("tests: " + "[" * 101 + "]" * 101, "nested too deep"),
        ("tests: " + "[" * 5000, "nest"),  # in the words of the YAML parser, or in ours
        ("tests: [\n", "not YAML"),
        ("a: 1\n---\nb: 2\n", "a second document"),
        ("? [a]\n: b\n", "a key is a list"),
        ("tests: [{vars: {q: a, q: b}}]\n", "appears twice"),
        ("tests: \x07\n", "not YAML"),
        ("tests: []\nprompts: ['{{q}}']\n", "no case was found"),
        ("tests: file://make.py\nprompts: ['{{q}}']\n", "is not read"),
        ("just text", "no tool is known"),
        ("", "no tool is known"),
        ("[1, 2]", "no tool is known"),
    ],
)
def test_what_is_no_file_of_tests_is_refused_in_one_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read(tmp_path, text)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path("ran").exists()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from(["", "q", "{{q}}", "{% x", "file://x", "contains", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["vars", "assert", "type", "value", "q", "options", "metadata", "threshold", "description"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(["tests", "prompts", "defaultTest", "scenarios", "providers", "evaluateOptions"]), JSON
    )
)
def test_any_json_is_read_or_refused_in_one_line(tmp_path: Path, config: dict[str, Any]) -> None:
    with contextlib.suppress(DatasetError):
        assert read(tmp_path, {"tests": [], **config}, "shop.json", "promptfoo").rows


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (r"^a$", r"^a\Z"),
        (r"[$^]", r"[$^]"),
        (r"\$5", r"\$5"),
        (r"[\w.]+@x", r"(?a)[\w.]+@x"),
        (r"(?<=a)b(?!c)", r"(?<=a)b(?!c)"),
        (r"(?<n>a)\k<n>", r"(?P<n>a)(?P=n)"),
        (r"[[a]", r"[\[a]"),
        (r"\/x\/", r"\/x\/"),
        (r"\u00e9", r"\u00e9"),
        ("[^]", None),
        ("[]", None),
        (r"\p{L}", None),
        (r"(?P<n>a)", None),
        (r"a{,3}", None),
        ("\\", None),
    ],
)
def test_patterns_of_javascript(theirs: str, ours: str | None) -> None:
    assert python_pattern(theirs) == ours


def test_without_pyyaml_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    (tmp_path / "shop.yaml").write_text("tests: []\n")
    with pytest.raises(DatasetError, match=r"^shop\.yaml: reading YAML needs pyyaml: pip install pyyaml$"):
        read_foreign(tmp_path / "shop.yaml", "shop.yaml")
