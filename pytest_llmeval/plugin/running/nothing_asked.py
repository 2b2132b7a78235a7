"""A sample that asked no model, though its test takes a fixture that asks one, says nothing of the model."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_llmeval.errors import NothingAsked, ReplyError
from pytest_llmeval.plugin.items import FIXTURES
from pytest_llmeval.plugin.running.replies import Unanswered
from pytest_llmeval.plugin.running.trial import Trial, trial_key


def review_of(item: pytest.Item) -> Callable[[BaseException | None], BaseException | None]:
    """A review, for `Trial.reviews`, that finds such a sample.

    A test that looks at ``llm_capture.calls`` says itself how many there should be, and passes without one. If it
    fails, no answer is wrong, since none came. One that gets a fixture without asking for it, from an autouse fixture,
    may be about something else.
    """

    def review(error: BaseException | None) -> BaseException | None:
        trial = item.stash[trial_key]
        judged = error is None or isinstance(error, (AssertionError, pytest.fail.Exception))
        if trial.has_asked(trial.sample.index) or not judged or isinstance(error, ReplyError):
            return error
        if (trial.sample.looked and error is None) or trial.sample.failures or not (taken := _taken(item)):
            return error
        return Unanswered(NothingAsked(_words(taken, trial)))  # pytest shows its words alone

    return review


def _words(taken: str, trial: Trial) -> str:
    sample = trial.sample.index
    others = (other for other in range(trial.settings.samples) if other != sample and trial.has_asked(other))
    other = next(others, None)
    if other is not None and (trial.seen_in_setup or trial.shared):
        return (
            f"sample {sample + 1} asked no model: a fixture asks once, before the first sample; ask in the "
            "test's body, so that each sample has an answer of its own"
        )
    though = f", though sample {other + 1} did" if other is not None else ""
    if taken == "llm":
        return (
            f"the test asked no model{though}: it takes llm and has not called it; does it keep replies from another "
            "test, or in a fixture of wider scope?"
        )
    if taken == "llm_gateway":
        return (
            f"no model call was seen{though}: does the application set its own base_url and so go past the "
            "gateway (give it llm_gateway.base_url), make its client before the test, cache answers, or ask in a "
            "fixture of wider scope? (llm_gateway sees what asks by its address, in OPENAI_BASE_URL and its kin; "
            "clear caches before each test; embeddings and their like are no answers)"
        )
    return (
        f"no model call was seen{though}: does the application cache answers, ask in a fixture of wider scope, at "
        "import, from another process, or by another client than httpx, requests, aiohttp and boto3? (llm_gateway sees "
        "other processes and clients by its address, in OPENAI_BASE_URL and its kin; clear caches before each test; "
        "embeddings and their like are no answers)"
    )


def _taken(item: pytest.Item) -> str:
    """The fixture by which a test itself asks a model, directly or by fixtures it takes; "" when none."""
    info = getattr(item, "_fixtureinfo", None)
    if info is None:  # private to pytest; without it, whatever the test takes, also by fixtures that take it unasked
        return next((name for name in reversed(FIXTURES) if name in getattr(item, "fixturenames", ())), "")
    names = list(getattr(info, "argnames", ()))
    names += [name for mark in item.iter_markers("usefixtures") for name in mark.args]
    seen = set()
    while names:
        name = names.pop()
        if name in seen:
            continue
        seen.add(name)
        for definition in getattr(info, "name2fixturedefs", {}).get(name, ()):
            names += definition.argnames
    return next((name for name in reversed(FIXTURES) if name in seen), "")
