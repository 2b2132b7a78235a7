"""Replies in the recordings of other test files: of a renamed one, and of those that are still there."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_llmeval.store.recordings import Recordings
from tests.entries import entry
from tests.server import Server
from tests.sessions import Session, told

ASKS = """
    import pytest

    @pytest.mark.parametrize("river", ["Seine", "Loire", "Rhine"])
    @pytest.mark.llm_samples(2)
    def test_mouth(llm, river):
        assert llm(f"Where does the {river} end?") == "Paris"
    """
GONE = "replies of tests/test_rivers.py, which is gone, were replayed for tests/{name}; --llm-record writes them there"


@pytest.fixture
def recorded(session: Session, server: Server) -> Session:
    """A project that has recorded the replies of ``tests/test_rivers.py`` and keeps no cache."""
    (session.path / "tests").mkdir()
    session.write(ASKS, "tests/test_rivers.py")
    session.run("--llm-record").assert_outcomes(passed=3)
    assert len(server.requests) == 6
    return session


@pytest.mark.parametrize("name", ["test_streams.py", "test_Ströme.py"])
def test_a_renamed_file_finds_its_replies(recorded: Session, server: Server, name: str, tmp_path: Path) -> None:
    (recorded.path / ".llmeval").rename(tmp_path / "put-away")
    (recorded.path / "tests/test_rivers.py").rename(recorded.path / "tests" / name)
    result = recorded.run("--llm-mode=replay")
    result.assert_outcomes(passed=3)
    assert result.ret == 0
    assert told(result, f"*{GONE.format(name=name)}*")
    assert str(result.stdout).count("which is gone") == 1
    recorded.run("--llm-record").assert_outcomes(passed=3)
    assert len(server.requests) == 6
    (recorded.path / "tests/recordings/tests.test_rivers.jsonl").unlink()
    again = recorded.run("--llm-mode=replay")
    again.assert_outcomes(passed=3)
    assert not told(again, "*which is gone*")


def test_replies_of_a_file_with_a_name_of_its_own_are_found_too(plain_session: Session, server: Server) -> None:
    plain_session.write(ASKS, "test_Flüsse.py")
    plain_session.run("--llm-record", "--llm-mode=refresh").assert_outcomes(passed=3)
    (plain_session.path / "test_Flüsse.py").rename(plain_session.path / "test_rivers.py")
    (plain_session.path / ".llmeval").rename(plain_session.path / "put-away")
    plain_session.run("--llm-mode=replay").assert_outcomes(passed=3)


def test_one_that_is_still_there_keeps_its_replies_and_is_named(recorded: Session, tmp_path: Path) -> None:
    (recorded.path / ".llmeval").rename(tmp_path / "put-away")
    recorded.write(ASKS, "tests/test_streams.py")
    result = recorded.run("--llm-mode=replay", "tests/test_streams.py")
    result.assert_outcomes(errors=3)
    assert told(result, "*the same request is recorded for another test file, in tests.test_rivers.jsonl*")


def test_a_reply_in_the_cache_is_recorded_for_the_file_that_asks_now(plain_session: Session, server: Server) -> None:
    plain_session.write(ASKS, "test_rivers.py")
    plain_session.write(ASKS, "test_streams.py")
    plain_session.run("test_rivers.py").assert_outcomes(passed=3)
    plain_session.run("test_streams.py", "--llm-record").assert_outcomes(passed=3)
    assert len(server.requests) == 6
    assert [path.name for path in (plain_session.path / "recordings").iterdir()] == ["test_streams.jsonl"]


def test_a_broken_file_of_a_gone_module_stands_in_nobodys_way(recorded: Session, tmp_path: Path) -> None:
    (recorded.path / "tests/recordings/tests.test_lakes.jsonl").write_text("<<<<<<< ours\n")
    (recorded.path / ".llmeval").rename(tmp_path / "put-away")
    (recorded.path / "tests/test_rivers.py").rename(recorded.path / "tests/test_streams.py")
    recorded.run("--llm-mode=replay").assert_outcomes(passed=3)


def test_of_two_gone_modules_the_newer_reply_is_taken(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    for module, day in (("test_a.py", "2026-03-02"), ("test_b.py", "2026-03-09"), ("test_c.py", "2026-03-01")):
        written = entry(0, case=f"{module}::test_x", recorded_at=f"{day}T12:00:00+00:00")
        Recordings(folder, print).write(module, [written])
    found = Recordings(folder, print, root=tmp_path).of_gone_module("test_d.py", written.key)
    assert found is not None
    assert found.case == "test_b.py::test_x"
    (tmp_path / "test_b.py").touch()
    found = Recordings(folder, print, root=tmp_path).of_gone_module("test_d.py", written.key)
    assert found is not None
    assert found.case == "test_a.py::test_x"


class Unasked(Recordings):
    """Recordings whose other files must not be looked at."""

    def paths(self) -> list[Path]:
        raise AssertionError("looked at all files")


def test_nothing_else_is_looked_at_where_nothing_is_missing(tmp_path: Path) -> None:
    from pytest_llmeval.store.store import Store

    written = entry(0)
    module = written.case.partition("::")[0]
    Recordings(tmp_path, print).write(module, [written])
    assert Store(None, Unasked(tmp_path, print, root=tmp_path)).lookup(module, written.key) == (written, "recording")
