"""What answers the calls of a test that is judged again: the replies of one case of a saved run."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_llmeval.engine.requests import Lookup
from pytest_llmeval.errors import MissingReply
from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.runs.results import Call, CaseResult
from pytest_llmeval.runs.saved_replies import SavedReplies

if TYPE_CHECKING:
    from pytest_llmeval.engine.fulfilled import Draw
    from pytest_llmeval.engine.pipeline import Pipeline


class Given(NamedTuple):
    """A saved reply that was given again; a `Fulfilled` without an entry, since nothing is to be recorded."""

    answer: Answer
    measures: Measures
    call: Call


class SavedAnswers:
    """Takes the pipeline's place in a `Trial`, and sends nothing."""

    def __init__(self, saved: CaseResult, pipeline: Pipeline) -> None:
        self.samples = [SavedReplies(sample.calls) for sample in saved.samples]
        self._pipeline = pipeline

    def words_digest(self, body: Mapping[str, Any]) -> str:
        """As `Lookups.words_digest`."""
        return self._pipeline.lookups.words_digest(body)

    @staticmethod
    def call_of(given: Any) -> Call:
        """The call that a reply was saved with."""
        call: Call = given.call
        return call

    def submit(self, lookup: Lookup, draw: Draw) -> Future[Given]:
        """The saved reply to a prompt, as `Pipeline.submit` gives one."""
        return self.reply(lookup.words_digest, draw.sample)

    def reply(self, words_digest: str, sample: int) -> Future[Given]:
        """The saved reply to what a sample asks; a future that is done."""
        future: Future[Given] = Future()
        call = self.samples[sample].take(words_digest)
        if call is None:
            future.set_exception(MissingReply("the baseline has no reply that could answer this call"))
        else:
            measures = call.measures._replace(source="recording")
            given = call._replace(measures=measures, spent=0.0)
            future.set_result(Given(answer=call.answer, measures=measures, call=given))
        return future
