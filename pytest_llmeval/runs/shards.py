"""What a saved run says of the shards that are in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from pytest_llmeval.config.settings import CategorySettings, GateSettings
from pytest_llmeval.stats.dependence import Dispersion
from pytest_llmeval.store.fields import COUNT, LIST, OBJECT, TEXT, TEXTS, Field, Kind, Record, or_null

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


_FLAG = Kind(lambda value: isinstance(value, bool), "true or false")
_OF = Kind(lambda value: type(value) is int and 1 <= value <= MOST_SHARDS, f"a whole number from 1 to {MOST_SHARDS}")
_NUMBERS = Kind(
    lambda value: isinstance(value, list) and bool(value) and all(_OF.holds(each) for each in value),
    f"a list of whole numbers from 1 to {MOST_SHARDS}",
)


def _settings_of(data: Mapping[str, Any]) -> dict[str, CategorySettings]:
    return {name: CategorySettings(**settings) for name, settings in data.items()}


def _budgets_of(data: Mapping[str, Any]) -> GateSettings:
    return GateSettings(**{**data, "by": tuple(data.get("by", GateSettings().by))})


def _dispersion_of(data: Sequence[Any] | None) -> Dispersion | None:
    return None if data is None else Dispersion(*data)


_SHARDS = Record(
    Shards,
    [
        Field("numbers", _NUMBERS, dump=list, load=tuple),
        Field("of", _OF),
        Field("cases", COUNT),
        Field("cut", TEXT),
        Field("strict", _FLAG),
        Field(
            "categories",
            OBJECT,
            dump=lambda found: {name: settings._asdict() for name, settings in found.items()},
            load=_settings_of,
        ),
        Field("budgets", OBJECT, dump=GateSettings._asdict, load=_budgets_of),
        Field("dispersion", or_null(LIST), load=_dispersion_of),
        Field("unmeasurable", TEXTS, dump=list, load=tuple),
    ],
)

shards_to_json, shards_from_json = _SHARDS.to_json, _SHARDS.from_json
"""The shards of a run as a JSON object, and back; a wrong field is a `ValueError` or `TypeError` that names it."""
