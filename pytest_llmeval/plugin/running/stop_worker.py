"""A worker of xdist stops sending when the process that reports says so, or is gone.

xdist lets a worker go on with the tests it was given, and execnet interrupts it five seconds later: meanwhile every
call that waits for its turn would be paid for, and nobody would see its answer.

Private to xdist: ``WorkerInteractor.handle_command``, which gets commands it does not know too, and a marker in place
of one once the connection to the controller is closed.
"""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmeval.plugin.evaluation import Evaluation
from pytest_llmeval.plugin.guard import STOP_SENDING, xdist_worker


def stop_with_controller(session: pytest.Session, evaluation: Evaluation) -> None:
    """Have this worker end its session behind the test that runs; called before its tests are run."""
    worker = xdist_worker(session.config)
    handle = getattr(worker, "handle_command", None)
    if handle is None:
        return

    def handle_command(command: Any) -> None:
        if not isinstance(command, tuple) or command[0] == STOP_SENDING:
            evaluation.stop()
            session.shouldstop = session.shouldstop or "the session was stopped"
        handle(command)

    worker.handle_command = handle_command
