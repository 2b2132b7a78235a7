"""``llmeval import`` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_llmeval.commands.main import main
from pytest_llmeval.datasets.load import load_cases
from tests.server import Server, completion
from tests.sessions import Session

TESTS = """
- description: opening hours
  vars: {q: When do you open?}
  assert:
    - {type: icontains, value: nine}
    - {type: llm-rubric, value: is friendly}
"""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def rows(path: str = "cases.jsonl") -> list[dict[str, Any]]:
    load_cases(Path(path), path)
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line about a wrong call, which writes nothing and is no traceback."""
    before = sorted(Path().iterdir())
    assert main(["import", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    [line] = printed.err.splitlines()
    assert sorted(Path().iterdir()) == before
    return line


def test_it_says_what_it_made_what_to_write_and_what_it_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.yaml").write_text(TESTS)
    assert main(["import", "shop.yaml", "-o", "shop.jsonl"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "shop.jsonl: 1 case of shop.yaml (read as promptfoo)",
        "Write this in a test file beside it, below `import pytest` and `from pytest_llmeval import assert_case`:",
        '  @pytest.mark.llm_cases("shop.jsonl")',
        "  def test_cases(llm, case): assert_case(llm(case.input), case)",
        "NOT MAPPED: 1 thing; check whether your tests need them",
        '  shop.yaml:6: assert llm-rubric: "is friendly"',
        "    it asks another model; write it as a check of your own",
    ]
    [row] = rows("shop.jsonl")
    assert row["id"] == "opening hours"
    [left] = row["metadata"]["import"]["not_mapped"]
    assert "is friendly" in left


def test_what_it_prints_is_a_test_that_runs(
    plain_session: Session, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answer = lambda request: completion("At NINE.")
    (plain_session.path / "shop.yaml").write_text(TESTS)
    main(["import", "shop.yaml"])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith(("  @", "  def "))]
    plain_session.write("\n".join(["import pytest", "from pytest_llmeval import assert_case", *lines]))
    plain_session.run().assert_outcomes(passed=1)


def test_nothing_is_overwritten_without_force(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.yaml").write_text(TESTS)
    Path("cases.jsonl").write_text("mine\n")
    assert refused(capsys, "shop.yaml") == (
        "llmeval: cases.jsonl already exists; name another file with -o, or replace it with --force"
    )
    assert Path("cases.jsonl").read_text() == "mine\n"
    assert main(["import", "shop.yaml", "--force"]) == 0
    assert len(rows()) == 1


def test_the_file_itself_is_never_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    Path("cases.jsonl").write_text('{"vars": {"q": "x"}, "assert": [{"type": "equals", "value": "y"}]}\n')
    assert "is the file that is read" in refused(capsys, "cases.jsonl", "--force")


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("cases.csv", "ends with .jsonl"),
        ("nowhere/cases.jsonl", "cannot be written: No such file or directory"),
        ("folder.jsonl", "is not a file"),
        ("a\0.jsonl", "no file can have this name"),
    ],
)
def test_what_cannot_be_written_is_told(capsys: pytest.CaptureFixture[str], output: str, told: str) -> None:
    Path("shop.yaml").write_text(TESTS)
    Path("folder.jsonl").mkdir()
    assert told in refused(capsys, "shop.yaml", "-o", output, "--force")


def test_a_prompt_with_several_variables_is_yours_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.yaml").write_text("prompts: ['{{a}} {{b}}']\ntests: [{vars: {b: x, a: y}}]\nz: 1\ny: 2\nx: 3\n")
    assert main(["import", "shop.yaml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3:5] == [
        "  def test_cases(llm, case): assert_case(llm(PROMPT.format(**case.input)), case)",
        "  PROMPT is your prompt, with {a}, {b} in it",
    ]
    assert [line.split()[-1] for line in lines if line.startswith("  shop.yaml: ")][1:] == ["z", "y", "x"]


def test_columns_are_named_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("fragen.csv").write_text("Frage;Soll\nWo?;hier\n")
    assert main(["import", "fragen.csv", "--field", "input=Frage", "--field", "expected=Soll"]) == 0
    told = capsys.readouterr().out
    assert "  the columns are separated by semicolons\n" in told
    assert '  read by the names of columns: input is "Frage", expected is "Soll"\n' in told
    assert "1 case without checks must equal expected" in told
    [row] = rows()
    assert (row["input"], row["expected"]) == ("Wo?", "hier")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--field", "input"], "--field input: write NAME=COLUMN; NAME is one of id, input, expected"),
        (["--field", "question=Frage"], "write NAME=COLUMN"),
        (["--field", "input=Frage", "--field", "input=Soll"], "input is Frage already"),
        (["--field", "input=Frage", "--from", "deepeval"], "--field goes with --from rows"),
        (["--field", "input=Farge"], 'no row has that; did you mean "Frage"? (there are "Frage", "Soll")'),
        ([], "which column is the input?"),
    ],
)
def test_wrong_names_of_columns_are_told(capsys: pytest.CaptureFixture[str], arguments: list[str], why: str) -> None:
    Path("fragen.csv").write_text("Frage;Soll\nWo?;hier\n")
    assert why in refused(capsys, "fragen.csv", *arguments)


def test_a_file_of_hostile_text_commands_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "\x1b[2J\u202e::error::owned"
    test = {"description": hostile, "vars": {hostile: hostile}, "assert": [{"type": hostile, "value": hostile}]}
    Path("shop.json").write_text(json.dumps([test]))
    assert main(["import", "shop.json"]) == 0
    printed = capsys.readouterr().out
    assert not {"\x1b", "\u202e"} & {*printed}
    assert not any(line.lstrip().startswith("::") for line in printed.splitlines())
    [row] = rows()
    assert row["id"].startswith("2j-error-owned-")
    assert row["input"] == hostile


def test_the_same_thing_in_many_rows_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.yaml").write_text(TESTS * 8)
    assert main(["import", "shop.yaml"]) == 0
    told = capsys.readouterr().out
    assert "shop.yaml:6, shop.yaml:12, shop.yaml:18, shop.yaml:24, shop.yaml:30 and 3 more: assert llm-rubric" in told
    ids = [row["id"] for row in rows()]
    assert len(set(ids)) == 8
    assert ids[0] == "opening hours"
    assert ids[1].startswith("opening-hours-")


def log_of(*asked: str) -> None:
    calls = [{"call_type": "x", "messages": [{"role": "user", "content": one}], "response": "ok"} for one in asked]
    lines = (json.dumps({**call, "model": f"m{n % 2}"}) for n, call in enumerate(calls))
    Path("log.jsonl").write_text("\n".join(lines))


def test_a_sample_of_a_log_says_how_many_of_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    log_of(*(f"Do you have {n * 7919} boats for mia@example.com?" for n in range(10)), "Hi", "hi ")
    assert main(["import", "log.jsonl", "--sample", "4", "--seed", "3", "--by", "model"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "cases.jsonl: 4 cases of log.jsonl (read as log)"
    assert told[2] == (
        "  a sample with the seed 3: 4 of 11 different rows; 1 of 12 ask again what another asks, and count once"
    )
    assert told[3].startswith('    by model: "m0" 2 of ')
    assert any(line.startswith("  personal data was replaced in ") for line in told)
    assert any(line.startswith("Kept in the rows' metadata (of all rows, before the sample)") for line in told)
    before = rows()
    lines = Path("log.jsonl").read_text().splitlines()
    Path("log.jsonl").write_text("\n".join(reversed(lines)))
    assert main(["import", "log.jsonl", "--sample", "4", "--seed", "3", "--by", "model", "--force"]) == 0
    assert rows() == before


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--by", "model"], "--by and --seed say how --sample draws; give it too"),
        (["--seed", "1"], "give it too"),
        (["--sample", "0"], "--sample 0: give a whole number from 1"),
        (["--sample", "1", "--by", "modle"], 'no row has that; did you mean "model"?'),
    ],
)
def test_what_cannot_be_drawn_is_told(capsys: pytest.CaptureFixture[str], arguments: list[str], why: str) -> None:
    log_of("a", "b")
    assert why in refused(capsys, "log.jsonl", *arguments)
