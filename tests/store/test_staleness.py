"""How old a reply may be, and how that is configured."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.config.age import AGE, age_words, parsed_age
from pytest_llmeval.config.mistakes import schema
from pytest_llmeval.config.settings import load_settings
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.store.staleness import Staleness, stale_note

NOW = datetime(2026, 11, 23, tzinfo=UTC)
LIMIT = Staleness(max_age=timedelta(days=30), now=NOW)


@pytest.mark.parametrize(
    ("text", "age"),
    [("12h", timedelta(hours=12)), ("30d", timedelta(days=30)), ("4w", timedelta(weeks=4)), ("1d", timedelta(days=1))],
)
def test_an_age_is_a_number_of_hours_days_or_weeks(text: str, age: timedelta) -> None:
    assert parsed_age(text) == age


@pytest.mark.parametrize("text", ["", "30", "d", "0d", "-1d", "1.5d", "30 d", "30d\n", "30D", "1000000d", "٣d"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="as in 12h, 30d or 4w"):
        parsed_age(text)


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(minutes=5), "0 hours"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(hours=47), "47 hours"),
        (timedelta(hours=48), "2 days"),
        (timedelta(days=45, hours=23), "45 days"),
    ],
)
def test_ages_are_told_in_whole_hours_or_days(age: timedelta, words: str) -> None:
    assert age_words(age) == words


@given(st.lists(st.integers(0, 60)))
def test_the_note_counts_what_is_too_old_and_names_the_oldest(days: list[int]) -> None:
    note = stale_note([(NOW - timedelta(days=day)).isoformat() for day in days], LIMIT)

    old = [day for day in days if day > 30]
    if not old:
        assert note is None
    else:
        assert note is not None
        assert note.startswith(f"{len(old)} of the replayed replies ")
        assert f"(30 days), the oldest {max(old)} days;" in note


def test_the_table_says_what_is_ignored_and_how_old_a_reply_may_be(tmp_path: Path) -> None:
    (tmp_path / "llmeval.toml").write_text('ignore = ["trace.id", "tools[*].x"]\nmax_age = "2w"\nstale = "fail"\n')
    settings = load_settings(tmp_path)

    assert (settings.ignore, settings.max_age, settings.stale) == (
        ("trace.id", "tools[*].x"),
        timedelta(weeks=2),
        "fail",
    )


def test_without_a_table_nothing_is_ignored_and_nothing_is_too_old(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert (settings.ignore, settings.max_age, settings.stale) == ((), None, "warn")


@pytest.mark.parametrize("line", ['ignore = "x"', 'ignore = ["a..b"]', "ignore = [1]", 'max_age = "x"', 'stale = "no"'])
def test_a_wrong_value_is_told_with_its_key(tmp_path: Path, line: str) -> None:
    (tmp_path / "llmeval.toml").write_text(line)
    with pytest.raises(ConfigError, match=rf"^llmeval\.toml: .*{line.partition(' ')[0]}.*allowed"):
        load_settings(tmp_path)


def test_the_schema_and_the_reader_agree_on_ages() -> None:
    assert schema()["properties"]["max_age"]["pattern"] == AGE
