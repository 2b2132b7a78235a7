"""What a saved run says of the shards that are in it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from pytest_llmeval.config.settings import CategorySettings, GateSettings
from pytest_llmeval.runs.rules import OF_THE_GATE
from pytest_llmeval.stats.dependence import Dispersion
from pytest_llmeval.store.fields import COUNT, TEXT, Field, Kind, Record

MOST_SHARDS = 1000


class Shard(NamedTuple):
    """What ``--llm-shard=2/4`` says: which shard, from 1, and how many there are."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


class Shards(NamedTuple):
    """The shards in a run, and how the whole of them is gated.

    A session judges by the settings of the branch a change is merged into, which a later ``llmeval compare`` does not
    read. So a shard's run holds them.

    Attributes:
        numbers: the shards in the run, from 1, in order.
        of: how many there are.
        cases: how many cases there are, those that no shard was to run included.
        cut: digest of which case is in which shard, and of what makes it the same case.
        strict: whether INCONCLUSIVE fails the gate.
        categories: how error categories are gated.
        budgets: allowed rises of measured figures.
        dispersion: of two runs of the baseline, None when there are no two.
        unmeasurable: what makes a comparison worthless, a sentence each.
        decided: as in `RunRules`.
    """

    numbers: tuple[int, ...]
    of: int
    cases: int
    cut: str
    strict: bool = False
    categories: Mapping[str, CategorySettings] = MappingProxyType({})
    budgets: GateSettings = GateSettings()
    dispersion: Dispersion | None = None
    unmeasurable: tuple[str, ...] = ()
    decided: str = ""

    @property
    def missing(self) -> tuple[int, ...]:
        """The numbers of the shards that are not in the run."""
        return tuple(number for number in range(1, self.of + 1) if number not in self.numbers)

    @property
    def missing_words(self) -> str:
        """As in ``shard 3 of 4 is missing``, "" when none is."""
        numbers = [str(number) for number in self.missing]
        if not numbers:
            return ""
        if len(numbers) == 1:
            return f"shard {numbers[0]} of {self.of} is missing"
        return f"shards {', '.join(numbers[:-1])} and {numbers[-1]} of {self.of} are missing"


_OF = Kind(lambda value: type(value) is int and 1 <= value <= MOST_SHARDS, f"a whole number from 1 to {MOST_SHARDS}")
_NUMBERS = Kind(
    lambda value: isinstance(value, list) and bool(value) and all(_OF.holds(each) for each in value),
    f"a list of whole numbers from 1 to {MOST_SHARDS}",
)


_SHARDS = Record(
    Shards,
    [
        Field("numbers", _NUMBERS, dump=list, load=tuple),
        Field("of", _OF),
        Field("cases", COUNT),
        Field("cut", TEXT),
        *OF_THE_GATE,
    ],
)

shards_to_json, shards_from_json = _SHARDS.to_json, _SHARDS.from_json
"""The shards of a run as a JSON object, and back; a wrong field is a `ValueError` or `TypeError` that names it."""
