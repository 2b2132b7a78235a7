"""Which table counts for a session: the nearest one above its tests, whatever pytest's root folder is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server import Server, completion
from tests.sessions import Session, told

TABLE = """
[tool.llmeval]
model = "{alias}"
[tool.llmeval.models.{alias}]
model = "acme/{alias}-1"
base_url = "{url}"
"""
ASKS = "def test_where(llm):\n    assert llm('Where am I?') == llm.model\n"


def package(session: Session, server: Server, name: str) -> Path:
    """A package of a monorepo with tests, and a table of its own."""
    tests = session.path / "packages" / name / "tests"
    tests.mkdir(parents=True)
    (tests.parent / "pyproject.toml").write_text(TABLE.format(alias=name, url=server.base_url))
    (tests / f"test_{name}.py").write_text(ASKS)
    return tests


@pytest.fixture
def monorepo(session: Session, server: Server) -> Session:
    """A repository with the packages ``alpha`` and ``beta``; its root is pytest's root folder and has no table."""
    server.answer = lambda request: completion(request.json["model"].removesuffix("-1"))
    session.configure("")
    package(session, server, "alpha")
    package(session, server, "beta")
    return session


@pytest.mark.parametrize("place", ["packages/alpha", "packages/alpha/tests"])
def test_a_package_is_tested_from_within_and_from_the_root(
    monorepo: Session, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    assert monorepo.run(place).ret == 0
    [result] = monorepo.results()
    assert (result.model, str(result.key)) == ("alpha", "tests/test_alpha.py::test_where")
    assert (monorepo.path / "packages/alpha/.llmeval/cache").is_dir()
    monkeypatch.chdir(monorepo.path / place)
    assert monorepo.run(f"--rootdir={monorepo.path}", "--llm-record").ret == 0
    assert list((monorepo.path / "packages/alpha/tests/recordings").iterdir())
    assert monorepo.run(f"--rootdir={monorepo.path}", "--llm-mode=replay", "--llm-model=alpha").ret == 0


def test_packages_with_tables_of_their_own_do_not_share_a_session(monorepo: Session) -> None:
    result = monorepo.run("packages/alpha", "packages/beta")
    result.assert_outcomes(passed=1, errors=1)
    assert told(
        result,
        "the test goes by [[]tool.llmeval] of packages/beta/pyproject.toml, and this session by "
        "packages/alpha/pyproject.toml; run it in a session of its own: pytest packages/beta*",
    )


def test_packages_below_a_session_without_a_table_say_how_to_run_them(monorepo: Session) -> None:
    result = monorepo.run()
    result.assert_outcomes(errors=2)
    for name in ("alpha", "beta"):
        assert told(result, f"* and this session without any table; * of its own: pytest packages/{name} *")


def test_a_root_folder_of_pytest_below_the_table_does_not_hide_it(session: Session, server: Server) -> None:
    server.answer = lambda _: completion("production")
    tests = session.path / "tests"
    tests.mkdir()
    (tests / "pytest.ini").write_text("[pytest]\n")
    (tests / "test_it.py").write_text(ASKS)
    assert session.run("tests/test_it.py").ret == 0
    assert [str(result.key) for result in session.results()] == ["tests/test_it.py::test_where"]


def test_where_no_table_is_found_the_place_is_told(session: Session) -> None:
    session.configure("[tool.llmevel]\nmodel = 'openai/prod-1'")
    session.write(ASKS)
    assert told(
        session.run(),
        "no model is chosen: give --llm-model=NAME, or set model in [[]tool.llmeval] of pyproject.toml "
        "(NAME is provider/model, such as openai/gpt-5.6-mini); no [[]tool.llmeval] in pyproject.toml; "
        "pyproject.toml has [[]tool.llmevel]: did you mean that[?]*",
    )
    result = session.run("--llm-model=candidate")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "pyproject.toml has [tool.llmevel]: did you mean that?" in result.stderr.str()


def test_a_table_without_a_model_is_named(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.configure("[tool.llmeval.models.local]\nmodel = 'acme/x'\nbase_url = 'http://127.0.0.1:9/v1'")
    (session.path / "deep").mkdir()
    session.write(ASKS, "deep/test_it.py")
    monkeypatch.chdir(session.path / "deep")
    assert told(session.run(), "* or set model in [[]tool.llmeval] of ../pyproject.toml (models: local)*")
