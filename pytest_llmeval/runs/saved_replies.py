"""Give the replies of a saved sample to a test whose requests may have changed."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_llmeval.runs.results import Call


class SavedReplies:
    """The replies of one sample of a saved run, each given once.

    A request gets the reply to the same request. One that was not asked then, as after a change of the prompt, gets the
    next reply that was not given yet.

    Args:
        calls: of the sample, in order.

    Attributes:
        by_place: whether a reply was given to another request than it answered.
        another_way: whether more was asked than was answered then, or in another order; the replies then do not show
            what the test would have done.
    """

    def __init__(self, calls: Sequence[Call]) -> None:
        self.by_place = False
        self.another_way = False
        self._calls = calls
        self._left = list(range(len(calls)))
        self._furthest = -1

    @property
    def left(self) -> int:
        """How many replies were not given."""
        return len(self._left)

    def take(self, words_digest: str) -> Call | None:
        """The reply to a request with this digest (`Call.words_digest`), None when there is none."""
        same = next((place for place in self._left if self._calls[place].words_digest == words_digest), None)
        if same is None:
            if not self._left or self._left[0] < self._furthest:
                self.another_way = True
                return None
            self.by_place = True
        place = self._left[0] if same is None else same
        self._left.remove(place)
        self._furthest = max(self._furthest, place)
        return self._calls[place]
