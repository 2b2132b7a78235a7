"""The markers of this plugin: their registration and the reading of their arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import pytest

from pytest_llmeval.errors import ConfigError

T = TypeVar("T")


class Samples(NamedTuple):
    """What ``llm_samples`` says: how many answers, and which share of them must pass."""

    n: int = 1
    min_pass_rate: float = 1.0


def add_markers(config: pytest.Config) -> None:
    """Register every marker, as ``pytest --markers`` shows it."""
    for line in (
        (
            "llm_cases(cases, *, fields=None, paraphrases=True, perturb=(), seed=0): run the test once per row of a "
            "dataset (.jsonl, .csv, .yaml; path relative to the test file) or per Case of a list, and once more per "
            "paraphrase of a row. fields maps a file's own column names, as in "
            "{'input': 'question'}. The test takes the row as its argument `case`. Each rule in perturb (case, typos, "
            "whitespace, options) asks every case once more with its input changed; another seed changes it elsewhere."
        ),
        (
            "llm_shadow(log): run the test once per call of a log of production (path relative to the test file) and "
            "compare with what production answered. The test takes the call as its argument `case`."
        ),
        (
            "llm_samples(n, *, min_pass_rate=1.0): ask for n independent answers per case; the case passes when at "
            "least this share of them does."
        ),
        (
            "llm_blocking: let every call of this test wait for its reply, because its body must not run twice; "
            "other tests are left while they wait and run again from their start when the reply is there."
        ),
        "llm_category(name): the error category of a plain assert that fails in this test (default: wrong_answer).",
    ):
        config.addinivalue_line("markers", line)


def _llm_samples(n: int, *, min_pass_rate: float = 1.0) -> Samples:
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise TypeError(f"n must be a whole number from 1, not {n!r}")
    if isinstance(min_pass_rate, bool) or not isinstance(min_pass_rate, (int, float)) or not 0 <= min_pass_rate <= 1:
        raise TypeError(f"min_pass_rate must be a number from 0 to 1, not {min_pass_rate!r}")
    return Samples(n, float(min_pass_rate))


def _llm_category(name: str) -> str:
    if not isinstance(name, str) or not name:
        raise TypeError(f"name must be the name of an error category, not {name!r}")
    return name


def closest_markers(node: pytest.Item) -> dict[str, pytest.Mark]:
    """The markers of a test by name, the closest of each: looked for one by one they take three times as long."""
    return {mark.name: mark for mark in reversed(list(node.iter_markers()))}


def read_marker(
    node: pytest.Item, marks: Mapping[str, pytest.Mark], name: str, signature: Callable[..., T]
) -> T | None:
    """What a marker says, None when the test has none.

    Args:
        signature: takes the marker's arguments; a TypeError of it says what is wrong with them.

    Raises:
        ConfigError: the marker's arguments are wrong.
    """
    mark = marks.get(name)
    if mark is None:
        return None
    try:
        inspect.signature(signature).bind(*mark.args, **mark.kwargs)
        return signature(*mark.args, **mark.kwargs)
    except TypeError as error:
        allowed = str(inspect.signature(signature)).split(" -> ")[0].replace("'", "")
        raise ConfigError(f"{node.nodeid}: @pytest.mark.{name}: {error} (allowed: {name}{allowed})") from None


def samples_of(node: pytest.Item, marks: Mapping[str, pytest.Mark]) -> Samples:
    """How many answers a test wants; the arguments are those of `read_marker`.

    Raises:
        ConfigError: the marker's arguments are wrong.
    """
    return read_marker(node, marks, "llm_samples", _llm_samples) or Samples()


def default_category(node: pytest.Item, marks: Mapping[str, pytest.Mark]) -> str | None:
    """The error category of a test's plain asserts, None when it has no marker; arguments as those of `read_marker`.

    Raises:
        ConfigError: the marker's arguments are wrong.
    """
    return read_marker(node, marks, "llm_category", _llm_category)
