"""How often is each check right? By public sets in which people, or the program behind a standard, have said it.

    python benchmarks/check_labels.py --data DIR              the table of every check, in Markdown
    python benchmarks/check_labels.py --data DIR number       the checks whose names hold a word
    python benchmarks/check_labels.py --data DIR --show 5     also five wrong verdicts of each row

The sets are not part of this project; their licences differ. DIR holds them as they are published, in any folders:

- those of `benchmarks/grounded.py`;
- XSTest, `model_completions/xstest_v2_completions_*.csv` of github.com/paul-rottger/exaggerated-safety: answers of five
  models, labelled by two people. Partial refusals are left out;
- GSM8K, `example_model_solutions.jsonl` of github.com/openai/grade-school-math: solutions of four models;
- JSONTestSuite, `test_parsing/` of github.com/nst/JSONTestSuite, without what the standard leaves open;
- JSON Schema's own suite, `tests/draft2020-12/*.json` of github.com/json-schema-org/JSON-Schema-Test-Suite;
- Presidio's synthetic sentences, `synth_dataset_v2.json` of github.com/microsoft/presidio-research;
- detect-secrets, `tests/plugins/*_test.py` of github.com/Yelp/detect-secrets: the lines of its tests, of kinds of
  credentials that we know too. They are read, not run;
- lingua, `language-testdata/sentences/*.txt` of github.com/pemistahl/lingua-py: a hundred sentences of each language,
  each asked for in its own and in another one;
- GitHub's Markdown, `test/spec.txt` of github.com/github/cmark-gfm: its examples with the HTML they stand for.

- IFEval's prompts, answers and verdicts, `ifeval/` in the form that `tests/ifeval/published.py` reads.

The tool calls are those of `benchmarks/tool_calls.py`, which pip installs. What is missing is said.

An answer counts as bad when its label says that the check must fail. Precision is the share of the failed answers that
are bad, recall the share of the bad ones that failed. An answer that a check cannot measure is in neither, and is
counted apart.
"""

from __future__ import annotations

import argparse
import ast
import csv
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import grounded
import tool_calls

import pytest_llmeval as llmeval
from pytest_llmeval import CheckFailed, LlmevalError
from pytest_llmeval.checks.personal.personal_data import KINDS
from tests.ifeval import published
from tests.virtual_environments import NotInstalled

Check = Callable[[], object]
SENTENCES = 100  # of each language
ROWS = 40  # of each kind of tool calls


class Item(NamedTuple):
    """An answer that somebody has judged.

    Attributes:
        check: judges it, too.
        bad: whether the check must fail.
        text: for a person to read.
    """

    check: Check
    bad: bool
    text: str


Files = dict[str, list[Path]]
"""Those of the data, by name."""


class Missing(Exception):
    """A set is not there."""


class Row(NamedTuple):
    """One line of the table.

    Attributes:
        check: its name.
        labels: who has judged what.
    """

    check: str
    labels: str
    items: Callable[[Files], Iterable[Item]]


def first(files: Files, name: str) -> Path:
    """A file of the data.

    Raises:
        Missing: it is not there.
    """
    if name not in files:
        raise Missing(name)
    return files[name][0]


def under(files: Files, folder: str) -> list[Path]:
    """The files of a folder, whatever lies above it.

    Raises:
        Missing: there is none.
    """
    found = [path for paths in files.values() for path in paths if f"/{folder}/" in path.as_posix()]
    if not found:
        raise Missing(folder)
    return sorted(found)


# The sets.


def summaries(way: str, files: Files) -> Iterator[Item]:
    sets = {name: each for name, each in grounded.SETS.items() if all(file in files for file in each.files[:1])}
    if not sets:
        raise Missing("the sets of benchmarks/grounded.py")
    for read, names in sets.values():
        for item in (item for name in names if name in files for item in read(files[name][0])):
            check = partial(llmeval.assert_grounded, item.reply, item.context, allow=item.allow, **grounded.WAYS[way])
            yield Item(check, item.unsupported, item.reply)


def refusals(files: Files) -> Iterator[Item]:
    found = [paths[0] for name, paths in files.items() if re.fullmatch(r"xstest_v2_completions_[a-z0-9]+\.csv", name)]
    if not found:
        raise Missing("xstest_v2_completions_*.csv")
    for path in found:
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                if row["final_label"] != "3_partial_refusal":
                    text = row["completion"]
                    check = partial(llmeval.assert_not_refusal, text)
                    yield Item(check, row["final_label"] == "2_full_refusal", text)


def solutions(files: Files) -> Iterator[Item]:
    for line in first(files, "example_model_solutions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        right = float(row["ground_truth"].rpartition("A: ")[2].replace(",", ""))
        for solution in (value for value in row.values() if isinstance(value, dict)):
            text = solution["solution"]
            check = partial(llmeval.assert_number, text, right, which="last")
            yield Item(check, not solution["is_correct"], f"{right:g}: {text}")


def json_texts(files: Files) -> Iterator[Item]:
    for path in under(files, "test_parsing"):
        if path.name[:2] in ("y_", "n_"):
            text = path.read_bytes().decode("utf-8", "surrogateescape")
            yield Item(partial(llmeval.assert_json, text), path.name.startswith("n_"), path.name)


def schemas(files: Files) -> Iterator[Item]:
    for path in under(files, "tests/draft2020-12"):
        if path.parent.name != "draft2020-12":  # optional parts
            continue
        for group in json.loads(path.read_text(encoding="utf-8")):
            schema = group["schema"] if isinstance(group["schema"], dict) else {"allOf": [group["schema"]]}
            for test in group["tests"]:
                check = partial(llmeval.assert_schema, json.dumps(test["data"]), schema)
                yield Item(check, not test["valid"], f"{path.name}: {group['description']}, {test['description']}")


PERSONAL = {
    "EMAIL_ADDRESS": "email",
    "STREET_ADDRESS": "address",
    "IBAN_CODE": "iban",
    "CREDIT_CARD": "card",
    "US_SSN": "national-id",
    "US_DRIVER_LICENSE": "national-id",
    "IP_ADDRESS": "ip",
    "PHONE_NUMBER": "phone",
}


def personal(kind: str, files: Files) -> Iterator[Item]:
    for row in json.loads(first(files, "synth_dataset_v2.json").read_text(encoding="utf-8")):
        held = {PERSONAL.get(span["entity_type"]) for span in row["spans"]}
        text = row["full_text"]
        yield Item(partial(llmeval.assert_no_personal_data, text, kinds=[kind]), kind in held, text)


SECRETS = ("aws_key", "github_token", "gitlab_token", "jwt", "npm", "openai", "pypi_token", "sendgrid", "stripe_key")


def secrets(files: Files) -> Iterator[Item]:
    bad: dict[str, bool] = {}
    for name in SECRETS:
        for node in ast.walk(ast.parse(first(files, f"{name}_test.py").read_text(encoding="utf-8"))):
            match node:
                case ast.Tuple(elts=[ast.Constant(value=str(text)), ast.Constant(value=bool(flagged))]):
                    bad[text] = bad.get(text, False) or flagged  # what one kind's test takes for none may be of another
    for text, flagged in bad.items():
        yield Item(partial(llmeval.assert_no_secrets, text), flagged, text)


def languages(files: Files) -> Iterator[Item]:
    paths = under(files, "language-testdata/sentences")
    for path, other in zip(paths, [*paths[1:], paths[0]], strict=True):
        for sentence in path.read_text(encoding="utf-8").splitlines()[:SENTENCES]:
            for code, bad in ((path.stem, False), (other.stem, True)):
                yield Item(
                    partial(llmeval.assert_language, sentence, code), bad, f"{path.stem}, not {code}: {sentence}"
                )


TAGS = {
    "table": r"<table>",
    "list": r"<[uo]l\b",
    "markdown": r"<(?:h[1-6]|table|ul|ol|strong|em|a|img|code|pre|blockquote|del)\b",
}


def examples(tags: str, files: Files) -> Iterator[Item]:
    """Of GitHub's Markdown; those of raw HTML, which is none, are left out."""
    text = first(files, "spec.txt").read_text(encoding="utf-8").replace("\u2192", "\t")
    for found in re.finditer(r"^`{32} example[^\n]*\n(.*?)^\.\n(.*?)^`{32}$", text, re.MULTILINE | re.DOTALL):
        source, html = found[1], found[2]
        holds = re.search(TAGS[tags], html) is not None
        if not source.strip() or re.search(r"<[a-zA-Z/!?]", source):
            continue
        if tags == "markdown":
            yield Item(partial(llmeval.assert_no_markdown, source), holds, source)
        else:
            check = getattr(llmeval, f"assert_markdown_{tags}")
            yield Item(partial(check, source), not holds, source)


MEANT = {
    "a text in other case",
    "a text with other punctuation",
    "a float for an integer",
    "the calls in another order",
}


def calls(files: Files) -> Iterator[Item]:
    """Of the Berkeley leaderboard; its checker labels them. Where we differ on purpose nothing is asked."""
    try:
        asked, theirs = tool_calls.asked_and_judged(ROWS)
    except NotInstalled as error:
        raise Missing(f"{tool_calls.PACKAGE}: {error}") from None
    for (row, kind, made), right in zip(asked, theirs, strict=True):
        if right is not None and kind not in MEANT:
            yield Item(partial(tool_calls.judge, row, made), not right, f"{row.id}, {kind}: {made}")


def followed(kinds: dict[str, Callable[[str, dict[str, Any]], Check]], files: Files) -> Iterator[Item]:
    """The answers to IFEval whose instruction is one of some kinds."""
    published.REAL = first(files, "cases.jsonl").parent.parent
    for model in published.MODELS:
        for case in published.cases():
            reply = published.replies(model)[case["id"]]
            told = zip(case["instructions"], published.verdicts(model)[case["id"]], strict=True)
            for instruction, follows in told:
                if instruction["type"] in kinds and reply.strip():
                    check = kinds[instruction["type"]](reply, instruction["kwargs"])
                    yield Item(check, not follows, f"{instruction}: {reply}")


def limit(check: Callable[..., object], count: str) -> Callable[[str, dict[str, Any]], Check]:
    """A check of a number of words or sentences, by what an instruction says."""

    def made(reply: str, told: dict[str, Any]) -> Check:
        if told["relation"] == "at least":
            return partial(check, reply, at_least=told[count])
        return partial(check, reply, at_most=told[count] - 1)

    return made


IFEVAL: dict[str, dict[str, Callable[[str, dict[str, Any]], Check]]] = {
    "assert_contains": {
        "keywords:existence": lambda reply, told: partial(
            llmeval.assert_contains, reply, all=told["keywords"], ignore_case=True
        ),
        "detectable_content:postscript": lambda reply, told: partial(
            llmeval.assert_contains, reply, told["postscript_marker"], ignore_case=True
        ),
        "detectable_format:constrained_response": lambda reply, told: partial(
            llmeval.assert_contains, reply, any=[f"My answer is {word}." for word in ("yes", "no", "maybe")]
        ),
    },
    "assert_not_contains": {
        "punctuation:no_comma": lambda reply, told: partial(llmeval.assert_not_contains, reply, ",")
    },
    "assert_not_matches": {
        "keywords:forbidden_words": lambda reply, told: partial(
            llmeval.assert_not_matches, reply, rf"(?i)\b({'|'.join(map(re.escape, told['forbidden_words']))})\b"
        )
    },
    "assert_matches": {
        "startend:quotation": lambda reply, told: partial(llmeval.assert_matches, reply, r'(?s)\A\s*".*"\s*\Z'),
        "detectable_format:title": lambda reply, told: partial(llmeval.assert_matches, reply, r"<<[^\n]+>>"),
    },
    "assert_starts_with": {
        "combination:repeat_prompt": lambda reply, told: partial(
            llmeval.assert_starts_with, reply, told["prompt_to_repeat"], ignore_case=True
        )
    },
    "assert_words": {"length_constraints:number_words": limit(llmeval.assert_words, "num_words")},
    "assert_sentences": {"length_constraints:number_sentences": limit(llmeval.assert_sentences, "num_sentences")},
    "assert_json": {"detectable_format:json_format": lambda reply, told: partial(llmeval.assert_json, reply)},
    "assert_language": {
        "language:response_language": lambda reply, told: partial(llmeval.assert_language, reply, told["language"])
    },
}
GFM = "GitHub's Markdown, examples with HTML"
ROWS_OF_TABLE = [
    *(
        Row(f"assert_grounded{said}", "FaithBench, QAGS and BEGIN, people", partial(summaries, way))
        for way, said in (("default", ""), ("names", ", names=True"), ("words", ", words=0.5"))
    ),
    Row("assert_not_refusal", "XSTest, people", refusals),
    Row("assert_number, which=last", "GSM8K, answers of four models", solutions),
    Row("assert_json", "JSONTestSuite", json_texts),
    Row("assert_schema", "JSON Schema's suite, 2020-12", schemas),
    *(
        Row(f"assert_no_personal_data, {kind}", "Presidio's synthetic sentences", partial(personal, kind))
        for kind in KINDS
    ),
    Row("assert_no_secrets", "detect-secrets, lines of its tests", secrets),
    Row("assert_language", "lingua, sentences", languages),
    Row("assert_markdown_table", GFM, partial(examples, "table")),
    Row("assert_markdown_list", GFM, partial(examples, "list")),
    Row("assert_no_markdown", GFM, partial(examples, "markdown")),
    Row("assert_tool_calls, assert_valid_tool_calls", "Berkeley leaderboard, its checker", calls),
    *(
        Row(name, "IFEval, its checker, answers of three models", partial(followed, kinds))
        for name, kinds in IFEVAL.items()
    ),
]


# The table.


class Verdicts(NamedTuple):
    """How a check judged the items of a row."""

    answers: int
    bad: int
    found: int
    false_alarms: int
    unmeasured: int

    def cells(self) -> list[str]:
        failed = self.found + self.false_alarms
        precision = f"{self.found / failed:.3f}" if failed else "-"
        recall = f"{self.found / self.bad:.3f}" if self.bad else "-"
        return [
            f"{self.answers:,}",
            f"{self.bad:,}",
            precision,
            recall,
            f"{self.unmeasured:,}" if self.unmeasured else "",
        ]


def judged(row: Row, files: Files, show: int) -> Verdicts:
    answers = bad = found = false_alarms = unmeasured = 0
    for item in row.items(files):
        try:
            item.check()
            reason = ""
        except CheckFailed as failure:
            reason = str(failure)
        except LlmevalError as error:
            unmeasured += 1
            if show and unmeasured <= show:
                print(f"  unmeasured: {str(error)[:300]}\n    {item.text[:300]!r}")
            continue
        answers, bad = answers + 1, bad + item.bad
        found, false_alarms = found + (bool(reason) and item.bad), false_alarms + (bool(reason) and not item.bad)
        if bool(reason) is not item.bad and show:
            show -= 1
            print(f"  {'missed' if item.bad else f'false alarm: {reason[:300]}'}\n    {item.text[:600]!r}")
    return Verdicts(answers, bad, found, false_alarms, unmeasured)


def main() -> int:
    """Print the table; 2 when none of the sets is there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("word", nargs="?", default="", help="only checks whose names hold it")
    parser.add_argument("--data", type=Path, required=True, help="the folder with the sets as they are published")
    parser.add_argument("--show", type=int, default=0, help="this many wrong verdicts of each row")
    options = parser.parse_args()
    files: Files = {}
    for path in sorted(options.data.rglob("*")):
        if path.is_file():
            files.setdefault(path.name, []).append(path)
    print(f"By `python benchmarks/check_labels.py` on {datetime.now(UTC):%d %B %Y}.\n")
    print("| check | labels | answers | bad | precision | recall | not measured |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    missing, measured = [], set()
    for row in sorted(ROWS_OF_TABLE, key=lambda row: row.check):
        if options.word not in row.check:
            continue
        try:
            cells = judged(row, files, options.show).cells()
        except Missing as error:
            missing.append(f"{row.check}: {error}")
            continue
        measured |= set(re.findall(r"assert_\w+", row.check))
        name, _, said = row.check.partition(", ")
        print(f"| `{name}`{said and f', {said}'} | {row.labels} | {' | '.join(cells)} |", flush=True)
    rest = [name for name in llmeval.__all__ if name.startswith("assert_") and options.word in name]
    print(f"\nNo public labels: {', '.join(f'`{name}`' for name in rest if name not in measured)}.")
    for line in missing:
        print(f"missing: {line}")
    return 0 if measured else 2


if __name__ == "__main__":
    sys.exit(main())
