"""``llmeval add``: what fails becomes a row of a dataset, once and without secrets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_llmeval.checks.production.recorded import recorded_of
from pytest_llmeval.commands.main import main
from pytest_llmeval.datasets.load import load_cases
from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.review.added_rows import WrongAnswer, add_row
from pytest_llmeval.runs.answer_digest import answer_digest
from pytest_llmeval.runs.file import RunWriter
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, Outcome, Run, SampleResult
from tests.plugin.test_shadow import SUITE, write_log
from tests.plugin.test_shadow import answer as shadow_answer
from tests.server import Server, completion
from tests.sessions import Session

KEY = "sk-" + "proj-" + "Zq8wEr2tYu4iOp6aSd1fGh3jKl5z"

TESTS = """
    import pytest
    from pytest_llmeval import Case, category

    def test_river(llm):
        with category("rivers"):
            assert "Danube" in llm("Which river flows through Vienna?", system="Answer in one word.")

    @pytest.mark.parametrize("city", ["Graz", "Linz"])
    def test_city(llm, city):
        assert city == llm(f"Say {city}.")

    @pytest.mark.llm_cases([Case(id="lake", input="A lake?", expected="Attersee", task="lakes", tags=("at",))])
    def test_inline(llm, case):
        assert llm(case.input) == case.expected

    @pytest.mark.llm_cases([Case(id="hill", input="A hill?", checks=({"contains": "Schoeckl"},))])
    def test_checked(llm, case):
        assert "Schoeckl" in llm(case.input)
"""


@pytest.fixture
def failed(plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A project whose tests have no dataset, and whose model answers one of them rightly."""
    plain_session.write(TESTS)
    server.answer = lambda request: completion("Linz" if "Linz" in str(request.json) else "the Rhine")
    plain_session.run("--llm-baseline=none")
    monkeypatch.chdir(plain_session.path)
    return plain_session


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    assert main(["add", "run.jsonl", *arguments]) == code
    told = capsys.readouterr()
    return told.out if code == 0 else told.err


def rows(path: Path) -> list[dict[str, Any]]:
    load_cases(path, path.name)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def test_a_failing_test_without_a_dataset_becomes_a_row_once(
    failed: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "test_river") == (
        'cases.jsonl:1: added "test_river", which failed with rivers\n'
        'name it in a test: @pytest.mark.llm_cases("cases.jsonl")\n'
        "it does not yet say what is right: give it expected or checks\n"
    )
    [row] = rows(failed.path / "cases.jsonl")
    assert row["input"] == [
        {"role": "system", "content": "Answer in one word."},
        {"role": "user", "content": "Which river flows through Vienna?"},
    ]
    recorded = row["metadata"]["recorded"]
    assert recorded.pop("at").startswith("20")
    assert recorded == {
        "output": "the Rhine",
        "model": "m",
        "category": "rivers",
        "test": "test_it.py::test_river",
    }
    assert said(capsys, "river") == 'nothing to add: cases.jsonl already asks the same, as "test_river" on line 1\n'
    assert "cases.jsonl:2" in said(capsys, "test_it.py::test_city[Graz]")
    assert rows(failed.path / "cases.jsonl")[1]["input"] == "Say Graz."


def test_the_prompt_is_in_the_run_also_where_nothing_was_kept(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain_session.write(TESTS)
    plain_session.run("--llm-baseline=none", "--llm-mode=live", "-k", "Graz")
    monkeypatch.chdir(plain_session.path)
    assert "cases.jsonl:1: added" in said(capsys, "Graz")


def test_what_an_inline_case_expects_goes_along_and_what_a_run_lacks_is_named(
    failed: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("geo.jsonl").write_text('{"id": "a", "input": "b"}\n')
    assert said(capsys, "lake", "--to", "geo.jsonl") == 'geo.jsonl:2: added "lake", which failed with wrong_answer\n'
    row = rows(failed.path / "geo.jsonl")[1]
    assert {name: row[name] for name in ("id", "input", "expected", "task", "tags")} == {
        "id": "lake",
        "input": "A lake?",
        "expected": "Attersee",
        "task": "lakes",
        "tags": ["at"],
    }
    assert "the rest of the case (context, checks, metadata)" in said(capsys, "hill", "--to", "geo.jsonl")


def test_a_wrong_name_is_answered_with_those_that_there_are(
    failed: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    first = said(capsys, "test_rivr", code=2).splitlines()[0]
    assert 'no failing case of the run is test_rivr; did you mean "test_river"?' in first
    assert "test_it.py::test_city[Graz]" in first
    assert "is no single failing case of the run" in said(capsys, "test_it", code=2)
    assert "passed under production" in said(capsys, "Linz", code=2)
    assert "the run has no such model" in said(capsys, "lake", "--model=x", code=2)


def test_a_case_of_a_dataset_is_in_it_already(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(plain_session.path)
    text = '{"id": "a", "input": "Say a."}\n{"id": "b", "input": "Say b."}'
    Path("letters.jsonl").write_text(text)
    plain_session.write("""
        import pytest

        @pytest.mark.llm_cases("letters.jsonl")
        def test_letters(llm, case):
            assert llm(case.input) == case.id

        def test_alone(llm):
            assert llm("Say z.") == "z"
    """)
    plain_session.run("--llm-baseline=none")
    assert said(capsys, "b") == 'nothing to add: "b" is already in letters.jsonl, line 2\n'
    assert "is already in letters.jsonl" in said(capsys, "b", "--to", "others.jsonl")
    assert not Path("others.jsonl").exists()
    # The file of the tests beside it is the dataset, and its last line has no end.
    assert "letters.jsonl:3: added" in said(capsys, "test_alone")
    assert Path("letters.jsonl").read_text().startswith(text + '\n{"id": "test_alone", "input": "Say z."')
    Path("letters.jsonl").write_text('{"id": "a", "input": "Say a."}\n')
    assert "letters.jsonl:2: added" in said(capsys, "test_letters[b]")


@pytest.mark.parametrize("imported", [False, True])
def test_what_a_shadow_test_finds_wrong_becomes_a_case_though_the_log_has_the_request(
    plain_session: Session,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    imported: bool,
) -> None:
    monkeypatch.chdir(plain_session.path)
    write_log(plain_session.path)
    log = "production.jsonl"
    if imported:
        assert main(["import", log, "-o", "shadow.jsonl"]) == 0
        log = "shadow.jsonl"
    plain_session.write(SUITE.replace("production.jsonl", log))
    server.answer = shadow_answer
    plain_session.run("--llm-model=candidate")
    assert said(capsys, "r2").startswith('cases.jsonl:1: added "r2", which failed with format\n')
    assert said(capsys, "r2").startswith("nothing to add: cases.jsonl already asks the same")
    [row] = rows(Path("cases.jsonl"))
    assert row["input"] == [{"role": "user", "content": "Order 2"}]
    assert row["metadata"]["request"] == {"temperature": 0}
    assert row["metadata"]["recorded"]["output"] == "the returns team"
    assert recorded_of(load_cases(Path("cases.jsonl"), "c")[0]) is None  # it is no answer to compare others with
    assert "is unverified under candidate" in said(capsys, "r1", code=2)
    unverified = next(each for each in plain_session.results() if each.key.case == "r1" and each.model == "candidate")
    Path("reviews").mkdir()
    line = {"test": unverified.key.test, "case": "r1", "answer": answer_digest(unverified.samples[0].calls)}
    Path("reviews/r.jsonl").write_text(json.dumps({**line, "decision": "rejected", "category": "team"}) + "\n")
    assert said(capsys, "r1").startswith('cases.jsonl:2: added "r1", which failed with team\n')


def test_a_case_of_a_file_with_other_names_came_from_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("golden.jsonl").write_text('{"key": "c", "question": "Ask c"}\n')
    save([result("c", dataset="golden.jsonl", content="x")])
    assert said(capsys, "c") == 'nothing to add: "c" came from golden.jsonl\n'
    save([result("c", dataset="gone.jsonl", content="x")])
    assert "its dataset gone.jsonl is not here; name one with --to" in said(capsys, "c", code=2)


# ----------------------------------------------------------------- without a session


def result(
    case: str, *, outcome: Outcome = "fail", test: str = "t.py::test_it", model: str = "m", **fields: Any
) -> CaseResult:
    answer = Answer(text=f"no, {case}")
    call = Call("openai", "x", "d", answer, Measures(1.0), recorded_at="2026-05-04T03:02:01+00:00")
    sample = SampleResult(0, outcome, "tone" if outcome != "pass" else None, calls=(call,))
    return CaseResult(CaseKey(test, case), model, (sample,), **{"input": f"Ask {case}", **fields})


def save(results: Sequence[CaseResult], models: Sequence[str] = ("m",)) -> None:
    named = {name: {"provider": "openai", "model": f"{name}-1"} for name in models}
    writer = RunWriter(Path("run.jsonl"), Run(created="2026-05-05", models=named, results=tuple(results)))
    writer.finish(complete=True)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (b"", b'{"id": "c"', 1),
        (b"\xef\xbb\xbf", b'\xef\xbb\xbf{"id": "c"', 1),
        (b'{"id": "a", "input": "x"}', b'{"id": "a", "input": "x"}\n{"id": "c"', 2),
        (b'{"id": "a", "input": "x"}\r\n', b'{"id": "a", "input": "x"}\r\n{"id": "c"', 2),
        (b'\n{"id": "a", "input": "x"}\n\n', b'\n{"id": "a", "input": "x"}\n\n{"id": "c"', 4),
    ],
)
def test_the_row_stands_on_a_line_of_its_own(
    here: Path, capsys: pytest.CaptureFixture[str], before: bytes, after: bytes, line: int
) -> None:
    save([result("c")])
    Path("d.jsonl").write_bytes(before)
    assert f"d.jsonl:{line}: added" in said(capsys, "c", "--to", "d.jsonl")
    text = Path("d.jsonl").read_bytes()
    assert text.startswith(after)
    assert text.endswith(b"\r\n" if b"\r\n" in before else b"}\n")
    assert load_cases(Path("d.jsonl"), "d.jsonl")[-1].line == line


def test_secrets_are_hidden_in_whatever_field(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "swordfish-1234-xyz")
    found = result("c", input={"ask": [f"with {KEY}"]}, expected="swordfish-1234-xyz", task=f"t {KEY}")
    Path("run.jsonl").write_text("")
    save([found])
    # As an older version may have saved it, with nothing hidden.
    text = Path("run.jsonl").read_text()
    for hidden in ("[hidden: an OpenAI API key (sk-proj-...)]",):
        text = text.replace(hidden, KEY)
    Path("run.jsonl").write_text(text)
    assert "a secret or personal data was replaced in it" in said(capsys, "c", "--to", "d.jsonl")
    written = Path("d.jsonl").read_text()
    assert KEY not in written
    assert "swordfish" not in written


def test_an_id_that_is_taken_or_cannot_be_one_is_made_another(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save([result("c"), result("x::y", test="t.py::test_odd")])
    Path("d.jsonl").write_text('{"id": "c", "input": "another"}\n')
    said(capsys, "test_it[c]", "--to", "d.jsonl")
    said(capsys, "test_odd", "--to", "d.jsonl")
    ids = [row["id"] for row in rows(Path("d.jsonl"))]
    assert ids[0] == "c"
    assert ids[1].startswith("c-")
    assert ids[2].startswith("x-y-")
    said(capsys, "test_it[c]", "--to", "d.jsonl")
    assert [row["id"] for row in rows(Path("d.jsonl"))] == ids


def test_of_several_models_the_failing_one_is_meant_or_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save([result("c"), result("c", model="n"), result("d", model="n"), result("d", outcome="pass")], ("m", "n"))
    assert "fails under several models; name one with --model: m, n" in said(capsys, "c", code=2)
    assert "added" in said(capsys, "c", "--model=n", "--to", "d.jsonl")
    assert "added" in said(capsys, "t.py::test_it[d-n]", "--to", "d.jsonl")
    assert [row["metadata"]["recorded"]["model"] for row in rows(Path("d.jsonl"))] == ["n-1", "n-1"]


def test_other_files_are_refused_with_what_helps(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save([result("c"), result("e", outcome="error"), result("p", outcome="pass", input=None)])
    Path("t.csv").write_text("id,input\na,x\n")
    Path("bad.jsonl").write_text('{"id": "a"}\n')
    Path("folder.jsonl").mkdir()
    for to, told in (
        ("t.csv", "llmeval import t.csv -o t.jsonl"),
        ("t.yaml", "appended to JSON Lines alone, and not to .yaml; name another file, as in --to t.jsonl"),
        ("t", "a file without an ending"),
        ("folder.jsonl", "folder.jsonl is a folder"),
        ("no/where.jsonl", "there is no folder no"),
        ("bad.jsonl", "bad.jsonl:1: the row has no input"),
        ("run.jsonl", "is a saved run and no dataset"),
        ("a\0b.jsonl", "no file can have this name"),
    ):
        assert told in said(capsys, "c", "--to", to, code=2).splitlines()[0]
    assert Path("bad.jsonl").read_text() == '{"id": "a"}\n'
    assert "could not be judged under m" in said(capsys, "e", code=2)
    Path("run.jsonl").unlink()
    assert "cannot read the run" in said(capsys, "c", code=2)


def test_a_rejected_answer_that_passed_becomes_a_case_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = result("c", outcome="pass")
    save([found])
    Path("pyproject.toml").write_text("[tool.llmeval]\n")
    Path("reviews").mkdir()
    line = {"test": "t.py::test_it", "case": "c", "answer": answer_digest(found.samples[0].calls)}
    Path("reviews/r.jsonl").write_text(json.dumps({**line, "decision": "rejected", "category": "rude"}) + "\n")
    assert "which failed with rude" in said(capsys, "c")
    assert rows(Path("cases.jsonl"))[0]["metadata"]["recorded"]["output"] == "no, c"


def test_a_prompt_that_no_file_holds_is_told_with_the_command_that_helps(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save([result("c", input=None)])
    assert 'pytest "t.py::test_it[c]"' in said(capsys, "c", "--to", "d.jsonl", code=2)
    assert not Path("d.jsonl").exists()


def test_what_an_application_embeds_is_not_what_it_asks(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = result("c", input=None, asked={"messages": [{"role": "user", "content": "Why?"}], "beside": ["tools look"]})
    [sample] = found.samples
    embedding = sample.calls[0]._replace(provider="other-call", answer=Answer(text="[0.1]"))
    save([found._replace(samples=(sample._replace(calls=(embedding, *sample.calls)),))])
    assert said(capsys, "c", "--to", "d.jsonl").splitlines() == [
        'd.jsonl:1: added "test_it-c", which failed with tone',
        'name it in a test: @pytest.mark.llm_cases("d.jsonl")',
        "it does not yet say what is right: give it expected or checks",
        "not in the row: the request's tools look",
    ]
    [row] = rows(Path("d.jsonl"))
    assert (row["input"], row["metadata"]["recorded"]["output"]) == ("Why?", "no, c")


def test_odd_answers_are_kept_or_refused_in_a_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    half = result("half \ud800", input="half \ud800")
    save([half, result("deep", input=deep), result("nan", input={"x": float("nan")}), result("big", input="x" * 10**6)])
    assert "added" in said(capsys, "half", "--to", "d.jsonl")
    for name, why in (("deep", "nested too deep"), ("nan", "Out of range"), ("big", "at most 1,000,000")):
        told = said(capsys, f"t.py::test_it[{name}]", "--to", "d.jsonl", code=2)
        assert f'"{name}" makes no row: ' in told
        assert why in told
        assert told.count("\n") == 1
    assert len(rows(Path("d.jsonl"))) == 1


def test_personal_data_is_replaced(tmp_path: Path) -> None:
    asked = "I am at mara@example.org, call +49 30 901820. Is mara@example.org in your list?"
    wrong = WrongAnswer("mail", asked, "Yes, mara@example.org is.", "cand-2", "wrong_answer")
    assert add_row(tmp_path / "d.jsonl", wrong, {}).hidden
    row = json.loads((tmp_path / "d.jsonl").read_text())
    assert row["input"] == "I am at <email-1>, call <phone-1>. Is <email-1> in your list?"
    assert row["metadata"]["recorded"]["output"] == "Yes, <email-1> is."
    assert not add_row(tmp_path / "d.jsonl", wrong, {}).new
