"""The limit that pytest-timeout sets a test, which holds for one that waits for replies too.

pytest-timeout's own timer runs while a test is executed, and is off while the test waits without being executed. There
its limit is compared with the time that the test's requests are on their way: neither the time in which other tests
run counts, nor that before a request's turn, both of which a test alone would not have.

Private to pytest-timeout: ``_get_item_settings``; without it, and without that plugin, there is no limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

import pytest

from pytest_llmeval.engine.on_the_way import Asked
from pytest_llmeval.errors import OutOfTime
from pytest_llmeval.plugin.running.own_frames import own_frames


def limit_of(item: pytest.Item) -> float | None:
    """The seconds a test may take, None for any time."""
    settings = _settings_of(item)
    if settings is None:
        return None
    debugging = getattr(_plugin_of(item), "is_debugging", lambda: False)
    return None if debugging() and not settings.disable_debugger_detection else float(settings.timeout)


def starts_anew(item: pytest.Item, *, waits: bool) -> None:
    """Let pytest-timeout's timer start anew: another execution of a test begins, in the same protocol.

    Args:
        item: the test.
        waits: whether this execution waits for its replies. pytest-timeout's method ``thread`` would end the whole
            process then, so that there is no timer.
    """
    settings = _settings_of(item)
    if settings is None or settings.func_only:  # that of the function alone starts with it
        return
    hooks: Any = item.config.pluginmanager.hook
    hooks.pytest_timeout_cancel_timer(item=item)
    if not (waits and settings.method == "thread"):
        hooks.pytest_timeout_set_timer(item=item, settings=settings)


def on_the_wire(futures: Iterable[Future[Any]], now: float) -> float:
    """Seconds since the first request for these replies went out, 0 while none has.

    Args:
        now: on the clock of `Asked.began`.
    """
    began = [future.began for future in futures if isinstance(future, Asked) and future.began is not None]
    return now - min(began) if began else 0.0


def out_of_time(limit: float) -> OutOfTime:
    """The error of a test that waits for longer."""
    return OutOfTime(f"Timeout (>{limit:g}s) from pytest-timeout, while the test was waiting for a reply")


def review(error: BaseException | None) -> BaseException | None:
    """What really came out of a sample that pytest-timeout has ended: an error, since nothing was judged.

    Args:
        error: what left its body.
    """
    if isinstance(error, pytest.fail.Exception) and "from pytest-timeout" in str(error):
        return OutOfTime(str(error)).with_traceback(own_frames(error.__traceback__))
    return error


def _plugin_of(item: pytest.Item) -> object:
    return item.config.pluginmanager.get_plugin("timeout")


def _settings_of(item: pytest.Item) -> Any:
    """How pytest-timeout limits a test; None when it does not."""
    settings_of = getattr(_plugin_of(item), "_get_item_settings", None)
    settings = settings_of(item) if settings_of is not None else None
    return settings if settings is not None and settings.timeout and settings.timeout > 0 else None
