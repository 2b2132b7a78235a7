"""What a server sends that no model can mean, and that would break what is done with it later."""

from __future__ import annotations

import pytest

from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.reading import count, tool_call


@pytest.mark.parametrize("value", [-1, True, "7", None, 1.5, 10**12, 10**400])
def test_what_is_no_number_of_tokens_is_none(value: object) -> None:
    assert count(value) is None


def test_a_number_of_tokens_is_one() -> None:
    assert [count(0), count(7), count(10**12 - 1)] == [0, 7, 10**12 - 1]


@pytest.mark.parametrize(("levels", "read"), [(1, True), (99, True), (300, False), (900, False), (100_000, False)])
def test_arguments_that_could_not_be_written_again_are_not_read(levels: int, read: bool) -> None:
    raw = '{"a": ' * levels + "1" + "}" * levels
    call = tool_call("f", raw)
    assert (call.arguments is not None, call.raw_arguments) == (read, raw)


def test_an_object_that_could_not_be_written_again_is_malformed() -> None:
    arguments: dict[str, object] = {}
    for _ in range(5000):
        arguments = {"a": [arguments]}
    with pytest.raises(ProviderError, match="nested more than 100 levels"):
        tool_call("f", arguments)
