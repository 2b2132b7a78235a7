"""A time limit for regular expressions and schemas, which can take for ever."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

from pytest_llmeval.errors import LlmevalError

T = TypeVar("T")
SECONDS = 2.0
_START_OF_A_PROCESS = 5.0  # seconds a helper process may take beyond the limit of its work
__tracebackhide__ = True


class TimedOut(Exception):
    """The work did not end in time."""


class _Interrupted(BaseException):
    """Raised by the signal's handler; a BaseException, so that no ``except Exception`` in between swallows it."""


def within_time(function: Callable[..., T], *arguments: Any, seconds: float = SECONDS) -> T:
    """Call a function, but not for longer than a limit.

    On the main thread a signal ends it after so many seconds of processor time: a busy machine makes no difference,
    and the real-time alarm stays free for others. In another thread a helper process does the work.

    Args:
        function: at the top level of a module; it may raise only `LlmevalError`.
        arguments: JSON values; the result must be one too.

    Raises:
        TimedOut: it took longer.
        LlmevalError: the function raised it.
    """
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        return _interrupted_by_signal(function, arguments, seconds)
    return _in_a_process(function, arguments, seconds)


def _interrupted_by_signal(function: Callable[..., T], arguments: tuple[Any, ...], seconds: float) -> T:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise _Interrupted

    previous = None
    try:
        previous = signal.signal(signal.SIGVTALRM, interrupt)
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        try:
            return function(*arguments)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except _Interrupted:
        raise TimedOut from None
    finally:
        signal.signal(signal.SIGVTALRM, previous if previous is not None else signal.SIG_DFL)


def _in_a_process(function: Callable[..., T], arguments: tuple[Any, ...], seconds: float) -> T:
    request = {
        "module": function.__module__,
        "name": function.__qualname__,
        "arguments": arguments,
        "seconds": seconds,
    }
    command = [sys.executable, "-c", "from pytest_llmeval.checks.time_limit import _serve; _serve()"]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and our own code
            command,
            input=json.dumps(request),
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            timeout=seconds + _START_OF_A_PROCESS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TimedOut from None
    try:
        response = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise LlmevalError(f"the helper process of a check died: {last[:200]}") from None
    if "error" in response:
        raise LlmevalError(response["error"])
    if "result" not in response:
        raise TimedOut
    result: T = response["result"]
    return result


def _serve() -> None:
    """Answer one request from standard input on standard output, as the helper process."""
    request = json.load(sys.stdin)
    function = getattr(importlib.import_module(request["module"]), request["name"])
    try:
        response = {"result": within_time(function, *request["arguments"], seconds=request["seconds"])}
    except TimedOut:
        response = {}
    except LlmevalError as error:
        response = {"error": str(error)}
    json.dump(response, sys.stdout)
