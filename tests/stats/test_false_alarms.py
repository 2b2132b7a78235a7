"""The simulations behind the figures of the manual: they run, their bars can be missed, and before is as it was."""

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_llmeval.stats.dependence import Dispersion
from pytest_llmeval.stats.strata import Stratum

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
TABLES = ("nothing", "copies", "neutral", "texts", "masking", "power", "lost", "small", "time", "routing")

BROKEN = Stratum(0, 5, 5, 5)
STABLE = Stratum(0, 5, 0, 5)


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The gate of before."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("before")


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The rows and their bars."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("gate_tables")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("false_alarms")


@pytest.mark.slow
def test_every_table_is_printed_with_its_bars() -> None:
    only = [f"--only={table}" for table in TABLES]
    arguments = [sys.executable, str(BENCHMARKS / "false_alarms.py"), "--repeats=1", *only]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")  # a single pull request misses no bar
    for table in TABLES:
        assert f"\n{table.upper()}: " in ended.stdout
    lines = [line for line in ended.stdout.splitlines() if line.count("+-") == 2]
    assert len(lines) > 60
    assert sum("<=" in line or ">=" in line for line in lines) > 30


@pytest.mark.parametrize(
    ("strata", "p"),
    [
        ([Stratum(1, 1, 1, 1)] * 2 + [Stratum(0, 1, 1, 1)] * 7 + [Stratum(1, 1, 0, 1)], 9 / 256),
        ([BROKEN], 1 / 252),
        ([BROKEN] * 3 + [STABLE] * 20 + [Stratum(2, 5, 3, 5), Stratum(1, 5, 0, 5)], 1.738264e-07),
        ([Stratum(0, 5, 5, 5), STABLE, Stratum(0, 5, 4, 4), Stratum(0, 4, 1, 5), Stratum(0, 0, 3, 5)], 1.749671e-05),
    ],
)
def test_before_is_scored_by_surprise(before: Any, strata: list[Stratum], p: float) -> None:
    assert before.judge_before({"format": strata})["format"].p == pytest.approx(p, rel=1e-6)


def test_before_another_model_had_to_break_three_cases(before: Any) -> None:
    two, three = ({"format": [BROKEN] * count + [STABLE] * 20} for count in (2, 3))
    assert before.judge_before(two)["format"].word == "REGRESSED"
    assert before.judge_before(two, another_model=True)["format"].word == "OK"
    assert before.judge_before(three, another_model=True)["format"].word == "REGRESSED"


def test_before_a_phi_of_one_and_a_half_was_never_a_sign_of_copies(before: Any) -> None:
    [low, high] = (
        before.judge_before({"format": [BROKEN] * 4}, dispersion=Dispersion(phi, 200))["format"].p for phi in (1.4, 1.6)
    )
    assert low < 1e-6
    assert high == 1 / 16


def test_before_a_severe_category_had_three_times_the_weight(before: Any) -> None:
    rises = {name: [Stratum(0, 4, 3, 3), STABLE] for name in ("format", "hallucination")}
    assert before.judge_before(rises)["format"].word == "INCONCLUSIVE"
    assert before.judge_before(rises, severe={"format"})["format"].word == "REGRESSED"


@pytest.mark.parametrize(
    ("bar", "share", "repeats", "missed"),
    [
        ({"at_most": 5}, 0.063, 1000, False),  # the standard error is 0.7 points
        ({"at_most": 5}, 0.065, 1000, True),
        ({"at_least": 88}, 0.861, 1000, False),
        ({"at_least": 88}, 0.855, 1000, True),
        ({"at_least": 99.5}, 0.998, 1000, False),
        ({}, 1.0, 1000, False),
    ],
)
def test_a_bar_is_missed_by_two_standard_errors(
    command: Any, tables: Any, bar: dict[str, float], share: float, repeats: int, missed: bool
) -> None:
    row = tables.Row("a change", "10 x 3", lambda rng: None, **bar)
    assert command.missed(row, share, repeats) is missed
