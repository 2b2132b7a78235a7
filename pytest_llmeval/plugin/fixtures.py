"""The fixtures; everything they need is imported when a test asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_llmeval.plugin.capturing.captured import LlmCapture
    from pytest_llmeval.plugin.capturing.gateway_calls import LlmGateway
    from pytest_llmeval.plugin.running.llm import Llm


@pytest.fixture
def llm_model(request: pytest.FixtureRequest) -> str:
    """Name of the model on trial: the alias from [tool.llmeval], or provider/model.

    A test that asks for it runs once per ``--llm-model``, and once for the baseline.
    """
    from pytest_llmeval.plugin.identity import identity_of
    from pytest_llmeval.plugin.items import WIDE
    from pytest_llmeval.plugin.rejudging.again import again_key

    wide = request.config.pluginmanager.get_plugin(WIDE)
    item = request.node if wide is None else wide.item
    again = item.stash.get(again_key, None)
    return again.model.name if again is not None else identity_of(item).model


@pytest.fixture
def llm() -> Llm:
    """Ask the model on trial.

    ``llm(prompt)`` returns the reply, a ``str`` with ``.json()``, ``.tool_calls``, ``.usage``, ``.latency``,
    ``.ttft``, ``.cost``, ``.finish_reason``, ``.refusal``, ``.cached``. In an async test: ``await llm.acall(prompt)``.
    ``llm.sample(prompt, n)`` returns n independent replies. Replies are recorded and replayed; see ``--llm-mode``.
    A fixture of wider scope may take it too: what it asks belongs to each test that uses it.
    """
    from pytest_llmeval.plugin.collect import shared_trial
    from pytest_llmeval.plugin.items import WIDE, being_set_up
    from pytest_llmeval.plugin.running.llm import Llm

    item = being_set_up[-1] if being_set_up else None
    trial = shared_trial(item, "llm")
    wide = item.config.pluginmanager.get_plugin(WIDE) if item is not None else None
    return Llm(trial if wide is None else wide.shared(trial))


@pytest.fixture
def llm_capture(request: pytest.FixtureRequest) -> Iterator[LlmCapture]:
    """Capture what the unchanged application under test asks models through httpx, requests, aiohttp or boto3.

    While the test runs, calls to OpenAI's, Anthropic's, Google's, Bedrock's and Ollama's APIs are recorded, replayed
    and measured like those of ``llm``, and those that name the model in production go to the model on trial.
    ``llm_capture.model`` is the provider's name of the model on trial; ``llm_capture.calls`` holds each call's
    ``request``, ``reply``, ``usage``, ``latency``, ``ttft``, ``cost``, ``tool_calls``.
    """
    from pytest_llmeval.plugin.build_evaluation import evaluation_of
    from pytest_llmeval.plugin.capturing.fixture import capturing
    from pytest_llmeval.plugin.collect import shared_trial

    trial = shared_trial(request.node, "llm_capture")
    with capturing(trial, evaluation_of(request.config), request.config) as capture:
        yield capture


@pytest.fixture
def llm_gateway(request: pytest.FixtureRequest) -> Iterator[LlmGateway]:
    """Capture what other processes, other languages and other HTTP clients ask models, through a server on 127.0.0.1.

    While the test runs, OPENAI_BASE_URL, ANTHROPIC_BASE_URL, GOOGLE_GEMINI_BASE_URL, GROQ_BASE_URL, OLLAMA_HOST and
    those of litellm lead to it: what SDKs, urllib, curl or node ask there is recorded, replayed, measured
    and sent to the model on trial as by ``llm_capture``. The test waits for its calls; ``-n 8`` overlaps such tests.
    ``llm_gateway.model`` is the provider's name of the model on trial; ``.calls`` holds the calls; ``.base_url`` and
    ``.urls[provider]`` are the addresses; ``.environment`` is for a process that does not inherit this environment.
    """
    from pytest_llmeval.plugin.build_evaluation import evaluation_of
    from pytest_llmeval.plugin.capturing.gateway_calls import serving
    from pytest_llmeval.plugin.collect import shared_trial

    if "llm_capture" in request.node.fixturenames:
        pytest.fail(
            "llm_capture and llm_gateway cannot be used in one test: each call would count twice; "
            "llm_gateway also sees what httpx asks at the addresses of the environment",
            pytrace=False,
        )
    trial = shared_trial(request.node, "llm_gateway")
    with serving(trial, evaluation_of(request.config), request.config) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def llm_gateway_environment(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """Environment variables for a process that outlives tests, such as a server started once per session.

    What it asks of models belongs to the test with ``llm_gateway`` that is running then.
    """
    from pytest_llmeval.errors import LlmevalError
    from pytest_llmeval.plugin.build_evaluation import evaluation_of
    from pytest_llmeval.plugin.capturing.gateway_calls import outliving

    try:
        return outliving(evaluation_of(request.config), request.config)
    except LlmevalError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
