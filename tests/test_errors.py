"""Errors may quote anything: they are harmless wherever they are shown, and come from another process as they were."""

from __future__ import annotations

import pickle

import pytest

from pytest_llmeval import errors

HOSTILE = "\x1b[2Jgone\r\n::set-output name=x::y\n##[command]z\u202e"


@pytest.mark.parametrize(
    "error",
    [
        errors.ConfigError(HOSTILE),
        errors.DatasetError(HOSTILE, [HOSTILE, HOSTILE]),
        errors.MissingReply(HOSTILE),
        errors.ProviderError(HOSTILE, kind="timeout"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_message_obeys_nobody(error: errors.LlmevalError) -> None:
    for text in (str(error), str(pickle.loads(pickle.dumps(error)))):  # noqa: S301
        assert "\x1b" not in text
        assert "\r" not in text
        assert "\u202e" not in text
        assert "##[" not in text
        assert not any(line.startswith("::") for line in text.splitlines())


def test_a_plain_message_stays_as_it_is() -> None:
    text = "llm_cases: two cases have the id crêpe; every id must be unique\nsecond line\twith a tab"
    assert str(errors.ConfigError(text)) == text
