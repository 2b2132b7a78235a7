"""A suite that uses up its file descriptors keeps its results and its summary."""

from __future__ import annotations

import pytest

from tests.sessions import Session

LIMITED = """
import resource

resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
"""
# Behind the first test nothing can be opened any more, and nothing is given back.
HELD = """
import os

held = []

def pytest_runtest_logreport(report):
    if report.when == "teardown":
        try:
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            pass
"""
SUITE = """
import pytest

@pytest.mark.parametrize("number", range(60))
def test_it(llm, number):
    assert llm(f"question {number}") == "Paris"
"""


@pytest.mark.parametrize("mode", ["live", "auto"])
@pytest.mark.parametrize("failing", [False, True], ids=["right", "wrong"])
def test_forty_are_enough_for_the_summary(plain_session: Session, mode: str, failing: bool) -> None:
    pytest.importorskip("resource")
    plain_session.write(LIMITED, "conftest.py")
    plain_session.write(SUITE.replace("Paris", "Rome") if failing else SUITE)
    result = plain_session.run(
        f"--llm-mode={mode}", "--llm-model=candidate", "--llm-baseline=production", subprocess=True
    )
    output = "\n".join([*result.outlines, *result.errlines])
    assert "INTERNALERROR" not in output
    assert "language model evaluation" in output
    assert result.ret in (0, 1)


@pytest.mark.parametrize("mode", ["replay", "live"])
@pytest.mark.parametrize("arguments", [(), ("--llm-model=candidate", "--llm-baseline=production"), ("-vv",)])
def test_a_suite_that_holds_them_all_has_a_summary(
    plain_session: Session, mode: str, arguments: tuple[str, ...]
) -> None:
    pytest.importorskip("resource")
    plain_session.write(SUITE.replace("range(60)", "range(4)"))
    if mode == "replay":
        assert plain_session.run("--llm-record", *arguments).ret == 0
    plain_session.write(LIMITED + HELD, "conftest.py")
    result = plain_session.run(f"--llm-mode={mode}", *arguments, subprocess=True)
    output = "\n".join([*result.outlines, *result.errlines])
    assert "INTERNALERROR" not in output
    assert "language model evaluation" in output
