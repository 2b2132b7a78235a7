"""The replies of a saved sample, given again to a test whose requests may have changed since."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_llmeval.runs.results import Call


class SavedReplies:
    """What one sample of a saved run was answered, each reply given once.

    A request gets the reply that was given to the same request. One that was not asked then, as after a change of the
    prompt, gets the next reply that was not given yet: so much as the order says which of them is meant.

    Args:
        calls: of the sample, in the order they were asked.

    Attributes:
        by_place: whether a reply was given to a request that is not the one it answered.
        another_way: whether more was asked than was answered then, or in another order: then the replies say nothing of
            what the test would have come to.
    """

    def __init__(self, calls: Sequence[Call]) -> None:
        self.by_place = False
        self.another_way = False
        self._calls = calls
        self._left = list(range(len(calls)))
        self._furthest = -1

    @property
    def left(self) -> int:
        """How many replies nobody has asked for."""
        return len(self._left)

    def take(self, words_digest: str) -> Call | None:
        """The reply to a request; None when there is none that can be meant.

        Args:
            words_digest: of what is asked, as in `Call`.
        """
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
