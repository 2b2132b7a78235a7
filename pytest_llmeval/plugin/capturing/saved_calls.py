"""The calls of the application under test in a test that is judged again: each gets a saved reply in its own format."""

from __future__ import annotations

import threading

from pytest_llmeval.capture.clients import Asked, Wait
from pytest_llmeval.capture.own_timeouts import Timed
from pytest_llmeval.capture.route import Models
from pytest_llmeval.errors import ConfigError, MissingReply, ReplyError
from pytest_llmeval.formats.other_calls.kept import AS_IT_IS
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.formats.replay import Delivery, delivered
from pytest_llmeval.plugin.capturing.captured import LlmCapture
from pytest_llmeval.plugin.capturing.found_or_sent import unanswered
from pytest_llmeval.plugin.capturing.other_calls import OtherCalls
from pytest_llmeval.plugin.capturing.sending import Sending
from pytest_llmeval.plugin.rejudging.saved_answers import SavedAnswers
from pytest_llmeval.plugin.running.replies import Unanswered
from pytest_llmeval.plugin.running.trial import Trial
from pytest_llmeval.runs.results import Call

_PIECES = 8  # that a streamed answer comes in


class SavedCalls:
    """The `Listener` of a test that is judged again.

    Args:
        trial: what the calls belong to; a `SavedAnswers` answers it.
        answers: those.
        capture: gets each call.
        models: as for `OtherCalls`.
    """

    def __init__(self, trial: Trial, answers: SavedAnswers, capture: LlmCapture, models: Models) -> None:
        self.trial = trial
        self._answers = answers
        self._capture = capture
        self._others = OtherCalls(trial, models)
        self._lock = threading.Lock()

    def begin(self, asked: Asked) -> Delivery | Wait | Sending:
        """The reply to a call in the format the application expects.

        Raises:
            Unanswered: there is none that could be meant.
        """
        __tracebackhide__ = True
        if asked.what.format is AS_IT_IS:  # a saved run holds none of these
            return self._others.begin(asked, may_leave=False)  # each execution would take other replies
        what, words_digest = asked.what, self.trial.pipeline.lookups.words_digest(asked.what.body)
        with self._lock:
            given, place = self._answers.reply(words_digest, self.trial.sample.index), self.trial.next_place()
        try:
            call = given.result()
        except ReplyError as error:
            raise unanswered(self.trial, error) from None
        self._capture.add(what.body, self.trial.model.name, call, place)
        body = call.response
        if body is None or _format_of(call) != what.format.wire_format:
            body = what.format.body_of(call.answer, what.model)
        delivery = delivered(what.format, body, stream=what.stream, pieces=_PIECES)
        seconds, first = call.measures.latency, call.measures.ttft
        offsets = () if first is None else tuple(first + (seconds - first) * n / _PIECES for n in range(_PIECES + 1))
        return Timed.of(delivery, seconds, offsets, lambda: None)

    def passes_by(self, method: str, url: str) -> None:
        """Refuse a call that could not be recorded: a saved baseline asks no model.

        Raises:
            Unanswered: always.
        """
        __tracebackhide__ = True
        raise unanswered(self.trial, MissingReply("a call in a format that is not recorded has no saved reply"))

    def review(self, error: BaseException | None) -> BaseException | None:
        """What really came out of a sample, given what left its body."""
        if isinstance(error, Unanswered):
            return error.error
        troubles = self._others.troubles(self.trial.sample.index) if error is not None else []
        return troubles[0] if troubles else error


def _format_of(call: Call) -> str | None:
    """The wire format in which a reply was given, None when its provider is not known any more."""
    try:  # the address is of no matter, but a provider that is not ours needs one
        return find_provider(call.provider, "https://127.0.0.1").wire_format
    except ConfigError:
        return None
