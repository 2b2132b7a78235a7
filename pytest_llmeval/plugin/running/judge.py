"""What came out of a test's body → a sample's result.

With an answer there is something to judge: whatever the test's own code raises then, an assertion or not, is a failing
answer. What is no judgement of an answer is an error: no reply, wrong use of this package, an exception before the
first answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_llmeval.analysis.sides.unseen import NOTHING_ASKED
from pytest_llmeval.checks.categories import (
    GENERAL,
    category_of_failure,
    decided_category,
    mark_decided,
    name_by_hook,
    valid_category,
)
from pytest_llmeval.checks.gathered import failures_of
from pytest_llmeval.errors import (
    BudgetExceeded,
    CheckFailed,
    ForkedCall,
    JudgeFailed,
    LlmevalError,
    MissingReply,
    NothingAsked,
    NotRerouted,
    ProviderError,
    RecordingError,
    RefusedInReplay,
    ReplyError,
    StaleReply,
    Unverified,
)
from pytest_llmeval.plugin.running.failing_statement import told as statement_told
from pytest_llmeval.plugin.running.own_frames import place_of
from pytest_llmeval.plugin.running.replies import Unanswered
from pytest_llmeval.reply import Reply, ending_category, without_answer
from pytest_llmeval.runs.results import JUDGE_FAILED, Call, SampleResult
from pytest_llmeval.score import Score
from pytest_llmeval.text import first_line, harmless, without_addresses

ASSERTIONS = (AssertionError, pytest.fail.Exception)


_KINDS: dict[type[LlmevalError], str] = {
    StaleReply: "reply_too_old",  # a kind of the next
    MissingReply: "no_reply_recorded",
    NotRerouted: "not_rerouted",
    NothingAsked: NOTHING_ASKED,
    ForkedCall: "forked",
    BudgetExceeded: "budget",
    RecordingError: "broken_recording",
    JudgeFailed: JUDGE_FAILED,
}


class SamplesFailed(AssertionError):
    """Too few samples of a case passed."""


def sample_result(
    index: int,
    error: BaseException | None,
    *,
    category: str | None,
    scores: Sequence[Score] = (),
    calls: Sequence[Call] = (),
    judging: Sequence[Call] = (),
    examined: Iterable[str] = (),
    ended: bool = False,
    root: Path = Path(),
) -> SampleResult:
    """The result of one sample.

    Args:
        error: what left the test's body, None when nothing did.
        category: the error category of what has none of its own, as the test's marker says.
        examined: the error categories that the answer was examined for, beside those of its scores.
        ended: whether the body came to its end, so that its plain asserts have passed.
    """
    noted = {*examined, category or GENERAL} if ended else {*examined}
    scores, calls, judging = tuple(scores), tuple(calls), tuple(judging)
    if error is None:
        return _noted(SampleResult(index=index, outcome="pass", scores=scores, calls=calls, judging=judging), noted)
    told = _telling(error)
    if isinstance(told, Unverified):
        reason, detail = first_line(str(told)), harmless(str(told))
        unverified = SampleResult(index, "unverified", reason=reason, detail=detail, scores=scores, calls=calls)
        return _noted(unverified._replace(judging=judging), noted)
    if (refused := _refusal_behind(told)) is not None:  # what an SDK makes of it says less
        told = MissingReply(str(refused))
    asserted = isinstance(told, ASSERTIONS)
    message = without_addresses(str(told))  # else a saved baseline would change with every run
    failures = [_telling(each) for each in failures_of(told)]
    raised = next((each for each in failures if not isinstance(each, (*ASSERTIONS, ReplyError))), None)
    if not asserted and not isinstance(told, ReplyError):
        message = f"{type(told).__name__}: {message}" if message else type(told).__name__
    reason = first_line(statement_told(told, message) if asserted else message) or "assertion failed"
    result = SampleResult(
        index=index,
        outcome="fail",
        reason=reason,
        detail=harmless(f"{message}\n{_listed(error)}" if isinstance(error, BaseExceptionGroup) else message),
        scores=scores,
        calls=calls,
        judging=judging,
        raised=_raised(raised, root) if raised is not None else "",
    )
    if not (asserted or _broke_on_an_answer(told, calls)):
        return result._replace(outcome="error", category=_kind(told))
    if told is not error and (decided := decided_category(error)) and not decided_category(told):
        mark_decided(told, decided)  # a ``with category(...)`` around the whole group
    return _failed(result, failures, noted, category)


def named_by_hook(
    error: BaseException, name: Callable[..., Any], calls: Sequence[Call], *, marker: str | None
) -> BaseException:
    """A failure whose category the hook has named, where nothing has decided it.

    Args:
        name: the hook, which takes the error and the reason.
        marker: the category of the test's marker.

    Returns:
        The failure, or an error that says what is wrong with the hook.
    """
    told = _telling(error)
    if isinstance(told, Unverified) or not (isinstance(told, ASSERTIONS) or _broke_on_an_answer(told, calls)):
        return error
    for each in map(_telling, failures_of(told)):
        undecided = decided_category(each) is None and decided_category(error) is None
        if undecided and not (marker and not (isinstance(each, CheckFailed) and each.category)):
            try:
                named = valid_category(name(error=each, reason=_reason(each)))
            except (Exception, SystemExit, pytest.fail.Exception, pytest.skip.Exception) as broken:
                what = first_line(str(broken), 150) or "no message"
                return LlmevalError(f"the hook pytest_llmeval_category failed: {type(broken).__name__}: {what}")
            if named is not None:
                name_by_hook(each, named)
    return error


def _reason(error: BaseException) -> str:
    """The first line of what a failure says."""
    message = without_addresses(str(error))  # else a saved baseline would change with every run
    if isinstance(error, ASSERTIONS):
        return first_line(statement_told(error, message)) or "assertion failed"
    return first_line(f"{type(error).__name__}: {message}" if message else type(error).__name__)


def _failed(
    result: SampleResult, failures: Sequence[BaseException], noted: set[str], marker: str | None
) -> SampleResult:
    """The result with the category of each failure, and with what it was examined for."""
    ending = ending_category(calls[-1].answer) if (calls := result.product_calls) else None
    found: dict[str, None] = {}
    uncategorised = []
    explained = set()  # by the ending: whether the answer has this failure too is unknown
    for each in failures:
        otherwise = "wrong_answer" if isinstance(each, ASSERTIONS) else "exception"
        own = category_of_failure(each, marker=marker, otherwise=otherwise)
        name = category_of_failure(each, marker=marker, ending=ending, otherwise=otherwise)
        found.setdefault(name)
        if name != own:
            explained.add(own)
        if isinstance(each, ASSERTIONS) and not isinstance(each, CheckFailed):
            nothing = category_of_failure(each, marker=marker, ending=ending, otherwise="") == ""
            uncategorised += [_reason(each)] if nothing else []
    main, *further = found
    result = result._replace(category=main, further=tuple(further), uncategorised=tuple(uncategorised))
    return _noted(result, noted, explained)


def _noted(result: SampleResult, noted: set[str], explained: Collection[str] = ()) -> SampleResult:
    """The result with the categories that it was examined for and that do not follow from its scores."""
    scores = [score for score in result.scores if score.gated]
    failing = {score.category for score in scores if not score.passed}
    # A check that failed and whose failure the test caught has examined the answer all the same.
    names = noted | failing.difference(result.categories)
    follow = {score.category for score in scores if score.passed} - failing
    return result._replace(noted=tuple(sorted(names.difference(explained, follow))))


def without_reply(given: Sequence[Reply], calls: Sequence[Call]) -> CheckFailed | None:
    """The failure of a sample without a real answer that no assert noticed: a blocked prompt, endless thoughts.

    Only the last answer counts, and only one that the test itself got: what an application makes of its own is its
    business. A test that has read the reply's ``refusal`` or ``finish_reason`` has judged that already.

    Args:
        given: the replies that the test itself got.
    """
    calls = [call for call in calls if not call.judge]
    if not given or not calls or given[-1].answer is not calls[-1].answer or given[-1].ending_was_read:
        return None
    if (lacking := without_answer(given[-1].answer)) is None:
        return None
    category, reason = lacking
    return CheckFailed(
        f"{reason}; a test that expects it asserts reply.refusal or reply.finish_reason", category=category
    )


def doubted(scores: Sequence[Score]) -> Unverified | None:
    """What becomes of a sample that passes, but for the word of a judge that nobody has compared with people."""
    against = next((score for score in scores if not score.passed and not score.gated), None)
    return Unverified(against.reason) if against is not None else None


def _telling(error: BaseException) -> BaseException:
    """Of a group the exception that decides: what says that nothing was judged, else an assertion, else the first.

    One that says that nothing is verified comes last: beside it an answer fails all the same.
    """
    if isinstance(error, Unanswered):  # in a fixture; in the body nothing is left of it by now
        return error.error
    if not isinstance(error, BaseExceptionGroup):
        return error
    every = [_telling(one) for one in _alone(error)]
    alone = [one for one in every if not isinstance(one, Unverified)] or every
    deciding = (one for kinds in (ReplyError, LlmevalError, ASSERTIONS) for one in alone if isinstance(one, kinds))
    return next(deciding, alone[0])


def _alone(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _alone(inner)
    else:
        yield error


def _listed(group: BaseException) -> str:
    lines = [f"  {type(one).__name__}: {first_line(str(one))}" for one in _alone(group)]
    return "\n".join(["all that was raised together:", *lines])


def _broke_on_an_answer(error: BaseException, calls: Sequence[Call]) -> bool:
    """Whether an exception, which is no assertion, is what the test's own code made of an answer.

    Not what ends a task from outside, such as asyncio's CancelledError; `sys.exit` of an application is a failing test
    to pytest.
    """
    return bool(calls) and isinstance(error, (Exception, SystemExit)) and not isinstance(error, LlmevalError)


def _raised(error: BaseException, root: Path) -> str:
    place = place_of(error, root)
    return harmless(f"{type(error).__name__} at {place}") if place else ""


def _refusal_behind(error: BaseException) -> RefusedInReplay | None:
    behind: BaseException | None = error
    seen = set()
    while behind is not None and id(behind) not in seen:
        if isinstance(behind, RefusedInReplay):
            return behind
        seen.add(id(behind))
        behind = behind.__cause__ or behind.__context__
    return None


def _kind(error: BaseException) -> str:
    """What kept a sample from being judged, in one word."""
    if isinstance(error, ProviderError):
        return error.kind
    return next((kind for of, kind in _KINDS.items() if isinstance(error, of)), "exception")


def failure_message(samples: Sequence[SampleResult], min_pass_rate: float) -> str:
    """Why a case of several samples did not pass; samples that failed alike are named together."""
    judged = [sample for sample in samples if sample.outcome != "error"]
    failed = [sample for sample in judged if sample.outcome == "fail"]
    groups: dict[tuple[str, str], list[SampleResult]] = {}
    for sample in failed:
        groups.setdefault((", ".join(sample.categories), sample.detail), []).append(sample)
    ordered = sorted(groups.values(), key=len, reverse=True)
    worst = ordered[0][0]
    needed = "" if min_pass_rate >= 1 else f", at least {min_pass_rate:.0%} must pass"
    lines = [f"{worst.category}: {worst.reason} ({len(failed)} of {len(judged)} samples failed{needed})"]
    for group in ordered:
        numbers = ", ".join(str(sample.index + 1) for sample in group)
        lines.append(f"{'sample' if len(group) == 1 else 'samples'} {numbers}: {', '.join(group[0].categories)}")
        lines += [f"    {line}" for line in group[0].detail.splitlines()[:12]]
    errors = [sample for sample in samples if sample.outcome == "error"]
    if errors:
        lines.append(f"{len(errors)} of {len(samples)} samples could not be judged: {errors[0].reason}")
    return "\n".join(lines)
