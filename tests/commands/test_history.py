"""``llmeval history``: the saved runs of a folder, as text and as a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_llmeval.commands.main import main
from pytest_llmeval.runs.file import save_run
from pytest_llmeval.runs.results import Run
from tests.analysis.history.test_timeline import made, many, run

KEY = "sk-" + "proj-" + "Zq8wEr2tYu4iOp6aSd1fGh3jKl5z"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    Path("runs").mkdir()
    return tmp_path


def save(name: str, day: int, saved: Run) -> None:
    save_run(Path("runs") / name, saved._replace(created=f"2026-03-{day:02d}T06:00:00+00:00"))


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> list[str]:
    capsys.readouterr()
    assert main(["history", *arguments]) == code
    printed = capsys.readouterr()
    return (printed.out if code == 0 else printed.err).splitlines()


def failing(number: int, of: int = 40, word: str = "tone") -> Sequence[str]:
    return [word] * number + [""] * (of - number)


def two_runs() -> None:
    # By their names the other way round.
    save("b.jsonl", 1, run(*many(failing(2))))
    save("a.jsonl", 9, run(*many(failing(20))))


def test_runs_are_told_in_the_order_in_which_they_were_saved(capsys: pytest.CaptureFixture[str]) -> None:
    two_runs()
    said = told(capsys, "runs")
    assert said[:2] == [
        "history of runs: 2 runs, 2026-03-01 to 2026-03-09",
        "tone rose under m, run 1 to 2 on 40 cases: 5.0% to 50.0%, +45.0 points (+30.7 to",
    ]
    text = "\n".join(said)
    assert re.search(r"1 +2026-03-01 06:00 +b\.jsonl +40 +- +0\n +2 +2026-03-09 06:00 +a\.jsonl +40 +40 +0\n", text)
    assert re.search(r"m: tone\n +\S+ +highest 50\.0%\n", text)
    assert re.search(r"1 +2/40 +5\.0% +1\.4 to 16\.5\n +2 +20/40 +50% +35\.2 to 64\.8\n", text)
    assert "18 cases began to fail" in text
    assert "t.py::t[c2]: since run 2 (2026-03-09, a.jsonl), tone; passed in 1 run before" in text
    assert all(len(line) <= 80 for line in said)


def test_what_is_no_run_is_named_and_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    two_runs()
    folder = Path("runs")
    (folder / "cut.jsonl").write_text((folder / "a.jsonl").read_text()[:400] + "\n")
    (folder / "rows.jsonl").write_text('{"id": "a", "input": "b"}\n')
    (folder / "copy.jsonl").write_text((folder / "b.jsonl").read_text())
    (folder / "none.jsonl").write_bytes(b"")
    (folder / "page.html").write_text("no run, and not said to be one")
    save("odd.jsonl", 1, run(made("c", [""])))
    odd = (folder / "odd.jsonl").read_text()
    (folder / "odd.jsonl").write_text(odd.replace("2026-03-01T06:00:00+00:00", "yesterday"))
    save("empty.jsonl", 1, Run("", {"m": {}}, complete=True))
    said = told(capsys, "runs")
    assert [line.split(": ")[1] for line in said if line.startswith("not counted: ")] == [
        "copy.jsonl",
        "cut.jsonl",
        "none.jsonl",
        "odd.jsonl",
        "rows.jsonl",
        "empty.jsonl",
    ]
    assert any("it is a copy of b.jsonl" in line for line in said)
    assert any("history of runs: 2 runs" in line for line in said)


def test_a_folder_without_a_run_is_told_with_what_saves_one(capsys: pytest.CaptureFixture[str]) -> None:
    [said] = told(capsys, "runs", code=2)
    assert said == "llmeval: runs holds no run; pytest --llm-report=runs/NAME.jsonl saves one there"
    Path("file").write_text("")
    for name in ("nowhere", "file", "a\0b"):
        [said] = told(capsys, name, code=2)
        assert "cannot be read as a folder of runs" in said
    two_runs()
    assert "ends with .html" in told(capsys, "runs", "-o", "h.jsonl", code=2)[0]
    Path("h.html").mkdir()
    assert "cannot be written" in told(capsys, "runs", "-o", "h.html", code=2)[0]


def test_breaks_are_drawn_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    save("a.jsonl", 1, run(*many(failing(1))))
    save("b.jsonl", 2, run(*many(failing(1)), header={"model": "y"}))
    save("c.jsonl", 3, run(*many(failing(4)), header={"model": "y"}, complete=None))
    text = "\n".join(told(capsys, "runs"))
    assert "▃│▃█  highest 10.0%" in text
    assert "the line breaks before run 2: another model: openai/x, then openai/y" in text
    assert "run 3 is not whole: stopped early" in text
    assert text.count("run 2 to 3 on 40 cases: 2.5% to 10.0%, +7.5 points") == 1
    assert "no change shown" in " ".join(text.split())


def test_many_runs_and_strange_names_fit_any_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(1, 25):
        words = ["tone" if (day + place) % 5 == 0 else "" for place in range(6)]
        results = [made("\x1b[31m" + "long-" * 30 + f"{place} {KEY}", [word]) for place, word in enumerate(words)]
        save(f"{'n' * 60}{day:02d}.jsonl", day, run(*results))
    for columns in (80, 40):
        monkeypatch.setenv("COLUMNS", str(columns))
        said = told(capsys, "runs")
        assert all(len(line) <= columns for line in said)
        text = "\n".join(said)
        assert KEY not in text
        assert "\x1b" not in text
        assert "6 cases with a verdict that comes and goes" in " ".join(text.split())
        assert re.search(r"^ +\.\.\.", text, re.MULTILINE)


def test_the_page_has_all_of_it_and_neither_script_nor_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    two_runs()
    hostile = f"<script>alert(1)</script>{KEY}"
    save("c.jsonl", 10, run(*many(failing(20)), made(hostile, [hostile]), complete=False))
    save("d.jsonl", 11, run(*many(failing(20)), made(hostile, [""])))
    save("e.jsonl", 12, run(*many(failing(20)), made(hostile, ["tone"])))
    assert told(capsys, "runs", "-o", "deep/history.html") == ["wrote deep/history.html"]
    page = Path("deep/history.html").read_text()
    assert "<script" not in page
    assert KEY not in page
    assert "default-src 'none'; style-src 'sha256-" in page
    assert "http://" not in page
    assert "https://" not in page
    assert "any failure rose under m" in page
    assert "run 3 is not whole: a part of the cases" in page
    assert "20/40 50% (35.2 to 64.8)" in page
    assert page.count("<svg") == 3
    assert 'class="strip">--x.x<' in page
    assert page.count('<circle class="point"') == 3 * 5
