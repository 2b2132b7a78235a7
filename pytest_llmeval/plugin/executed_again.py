"""Says of a test that failed by its own doing that it was executed more than once, which may be why."""

from __future__ import annotations

import pytest

from pytest_llmeval.errors import CheckFailed, ReplyError
from pytest_llmeval.plugin.again import judged_again_key
from pytest_llmeval.plugin.judge import SamplesFailed
from pytest_llmeval.plugin.replies import Unanswered, attempts_key

__all__ = ["tell_of_executions"]

_OF_THE_ANSWER = (CheckFailed, ReplyError, SamplesFailed, Unanswered)


def tell_of_executions(report: pytest.TestReport, item: pytest.Item, error: BaseException | None) -> None:
    """Add a section to the report of a test whose state of its own may have been changed by an earlier execution.

    Args:
        report: of one phase of the test.
        item: the test.
        error: what the phase ended with, None when it passed.
    """
    attempts = item.stash.get(attempts_key, None)
    own = attempts.number if attempts is not None else 1
    again = item.stash.get(judged_again_key, None) is not None
    if not report.failed or own + again < 2 or isinstance(error, _OF_THE_ANSWER):
        return
    told = f"executed {own + again} times, "
    if again:
        told += "once with the baseline's replies (--llm-baseline=none leaves that out)"
    if own > 1:
        told += (
            f"{', then again ' if again else ''}since it waits for replies without blocking; "
            "mark it @pytest.mark.llm_blocking if its body must not run twice"
        )
    report.sections.append(("executed more than once", told))
