"""The calls of a session that providers have billed, whether a result holds their answers or not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self

from pytest_llmeval.runs.results import CaseResult


class Billed(NamedTuple):
    """So many calls, and what they have cost.

    Attributes:
        calls: sent to a provider and answered.
        spent: USD, as far as prices are known.
        unpriced: of the calls, those whose cost is not known.
    """

    calls: int = 0
    spent: float = 0.0
    unpriced: int = 0

    def and_one(self, cost: float | None) -> Self:
        """These and one more call, by its cost in USD, None when unknown."""
        return self._replace(
            calls=self.calls + 1, spent=self.spent + (cost or 0.0), unpriced=self.unpriced + (cost is None)
        )

    def without(self, other: Billed) -> Billed:
        """Those that are not among others."""
        calls = max(0, self.calls - other.calls)
        spent = max(0.0, self.spent - other.spent) if calls else 0.0
        return Billed(calls, spent, min(calls, max(0, self.unpriced - other.unpriced)))


NOTHING_BILLED = Billed()


def billed_together(several: Iterable[Billed]) -> Billed:
    """The sums."""
    columns = list(zip(Billed(), *several, strict=True))
    return Billed(*(sum(column) for column in columns))


def billed_in(results: Iterable[CaseResult]) -> Billed:
    """The live calls that results hold."""
    billed = Billed()
    for result in results:
        for call in result.every_call:
            if call.measures.source == "live":
                billed = billed.and_one(call.spent)
    return billed
