"""The fixtures; everything they need is imported when a test asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_llmeval.plugin.ask import Llm

__all__ = ["llm", "llm_model"]


@pytest.fixture
def llm_model(request: pytest.FixtureRequest) -> str:
    """Name of the model on trial: the alias from [tool.llmeval], or provider/model.

    A test that asks for it runs once per ``--llm-model``, and once for the baseline.
    """
    from pytest_llmeval.plugin.collect import model_of
    from pytest_llmeval.plugin.evaluation import evaluation_of

    return model_of(request.node, evaluation_of(request.config))


@pytest.fixture
def llm(request: pytest.FixtureRequest) -> Llm:
    """Ask the model on trial.

    ``llm(prompt)`` returns the reply, a ``str`` with ``.json()``, ``.tool_calls``, ``.usage``, ``.latency``,
    ``.ttft``, ``.cost``, ``.finish_reason``, ``.refusal``, ``.cached``. In an async test: ``await llm.acall(prompt)``.
    ``llm.sample(prompt, n)`` returns n independent replies. Replies are recorded and replayed; see ``--llm-mode``.
    """
    from pytest_llmeval.errors import LlmevalError
    from pytest_llmeval.plugin.ask import Llm
    from pytest_llmeval.plugin.collect import trial_for
    from pytest_llmeval.plugin.evaluation import evaluation_of
    from pytest_llmeval.plugin.trial import trial_key

    if "llm" not in request.node.fixturenames:
        pytest.fail(
            "llm must be an argument of the test or of one of its fixtures; getfixturevalue('llm') is too late for it",
            pytrace=False,
        )
    wrong: LlmevalError
    try:
        trial = trial_for(request.node, evaluation_of(request.config))
    except LlmevalError as error:
        wrong = error
    else:
        request.node.stash[trial_key] = trial
        return Llm(trial)
    pytest.fail(str(wrong), pytrace=False)
