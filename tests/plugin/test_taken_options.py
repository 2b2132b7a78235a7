"""Another plugin, or a conftest.py, that has an option of ours: what collides and what helps is one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server import Server, completion
from tests.sessions import WITHOUT, Session

OTHER = """
import pytest

def pytest_addoption(parser):
    parser.getgroup("other").addoption("--llm-model", DEFAULT)

@pytest.fixture
def other_model(pytestconfig):
    return pytestconfig.getoption("--llm-model")
"""
TESTS = """
def test_asks(llm):
    assert llm("x") == "yes"
"""
PLAIN = """
def test_plain(other_model):
    assert other_model in ("other-1", "other-2")
"""
COLLIDES = "ERROR: --llm-model is an option of another_plugin here, and of pytest-llmeval: run with "


@pytest.fixture
def beside(plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A project beside another plugin that is installed, and found as every plugin is."""
    server.answer = lambda request: completion("yes")
    installed = plain_session.path / "installed"
    information = installed / "another_plugin-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: another-plugin\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[pytest11]\nanother_plugin = another_plugin\n")
    install(installed, 'default="other-1"')
    monkeypatch.setenv("PYTHONPATH", str(installed))
    return plain_session


def install(folder: Path, default: str) -> None:
    (folder / "another_plugin.py").write_text(OTHER.replace("DEFAULT", default))


def run(session: Session, *options: str) -> pytest.RunResult:
    """A session in a process of its own, without a report, which would be an option of ours that is given."""
    return session.pytester.runpytest_subprocess("-pno:xdist", *(f"-pno:{name}" for name in WITHOUT), *options)


def test_a_session_that_asks_no_model_runs_with_the_option_of_the_other(beside: Session) -> None:
    beside.write(PLAIN)
    for options in ((), ("--llm-model=other-2",)):
        result = run(beside, *options)
        result.assert_outcomes(passed=1)
        assert result.ret == 0


@pytest.mark.parametrize("options", [(), ("--llm-model=candidate",)])
def test_one_that_asks_is_refused_in_one_line_which_helps(beside: Session, options: tuple[str, ...]) -> None:
    """The other plugin's value, or its default, would choose the model on trial."""
    beside.write(TESTS)
    result = run(beside, *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    lines = [line for line in result.errlines if line.startswith("ERROR")]
    assert len(lines) == 1
    assert lines[0].startswith(COLLIDES + "-p no:another_plugin")
    assert not [line for line in [*result.outlines, *result.errlines] if "Traceback" in line]
    helped = run(beside, "-pno:another_plugin", *options)
    helped.assert_outcomes(passed=1)


def test_an_option_of_the_other_that_has_no_value_is_in_nobodys_way(beside: Session) -> None:
    install(beside.path / "installed", "default=None")
    beside.write(TESTS)
    result = run(beside)
    result.assert_outcomes(passed=1)
    assert result.ret == 0


@pytest.mark.parametrize("option", ["--llm-model", "--llm-budget"])
def test_a_conftest_that_registers_it_is_told_so_without_a_traceback(plain_session: Session, option: str) -> None:
    plain_session.write(f"def pytest_addoption(parser):\n    parser.addoption('{option}')\n", "conftest.py")
    plain_session.write(TESTS)
    result = run(plain_session)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    printed = [line for line in [*result.outlines, *result.errlines] if line.strip()]
    collides = f"ERROR: {option} is an option of conftest.py here, and of pytest-llmeval: "
    assert printed == [collides + "rename the one of conftest.py, or run with -p no:llmeval"]


def test_another_mistake_of_a_conftest_stays_as_it_is(plain_session: Session) -> None:
    plain_session.write("def pytest_addoption(parser):\n    raise ValueError('of its own')\n", "conftest.py")
    plain_session.write(TESTS)
    result = run(plain_session)
    assert "ValueError: of its own" in "\n".join([*result.outlines, *result.errlines])
