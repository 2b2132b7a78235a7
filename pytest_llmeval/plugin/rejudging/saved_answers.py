"""What answers the calls of a test that is judged again: the replies of one case of a saved run."""

from __future__ import annotations

from concurrent.futures import Future

from pytest_llmeval.engine.fulfilled import Draw
from pytest_llmeval.engine.requests import Lookup
from pytest_llmeval.errors import MissingReply
from pytest_llmeval.runs.results import Call, CaseResult
from pytest_llmeval.runs.saved_replies import SavedReplies


class SavedAnswers:
    """Takes the pipeline's place in a `Trial`, and sends nothing."""

    def __init__(self, saved: CaseResult) -> None:
        self.samples = [SavedReplies(sample.calls) for sample in saved.samples]

    def submit(self, lookup: Lookup, draw: Draw) -> Future[Call]:
        """The saved reply to a prompt, as `Pipeline.submit` gives one."""
        return self.reply(lookup.words_digest, draw.sample)

    def reply(self, words_digest: str, sample: int) -> Future[Call]:
        """The saved reply to what a sample asks; a future that is done."""
        future: Future[Call] = Future()
        call = self.samples[sample].take(words_digest)
        if call is None:
            future.set_exception(MissingReply("the baseline has no reply that could answer this call"))
        else:
            future.set_result(call._replace(measures=call.measures._replace(source="recording"), spent=0.0))
        return future
