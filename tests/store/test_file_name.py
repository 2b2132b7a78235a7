"""Which file belongs to which module."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.store.recordings import recording_name


@given(st.lists(st.text(max_size=20) | st.sampled_from(["..", "con", "Aux", "a" * 300, "test_x.py"]), max_size=4))
def test_a_file_name_is_a_name_and_never_a_path(parts: list[str]) -> None:
    name = recording_name("/".join(parts))

    assert len(name) < 150
    assert name.endswith(".jsonl")
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-.~")
    assert not name.startswith((".", "-"))
    assert name.split(".")[0] not in ("con", "prn", "aux", "nul", "com1", "lpt1")


MODULES = st.text("aAbB_-./ é\\", max_size=12) | st.sampled_from(["a/b.py", "a.b.py", "a/b", "a/b.py.py", "A/b.py"])


@given(MODULES, MODULES)
def test_two_modules_never_share_a_file_not_even_on_windows(one: str, other: str) -> None:
    assert (recording_name(one).lower() == recording_name(other).lower()) is (one == other)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("tests/test_triage.py", "tests.test_triage.jsonl"),
        ("test_x.py", "test_x.jsonl"),
        ("my-app/tests/test_x.py", "my-app.tests.test_x.jsonl"),
    ],
)
def test_ordinary_modules_have_readable_file_names(module: str, name: str) -> None:
    assert recording_name(module) == name


def test_accents_are_the_same_on_every_system() -> None:
    assert recording_name("tests/test_\u00e9.py") == recording_name("tests/test_e\u0301.py")
