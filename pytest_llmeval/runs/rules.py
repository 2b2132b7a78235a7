"""What a session was judged by, as its saved run says it.

A session judges by the settings of the branch a change is merged into, which later commands do not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from pytest_llmeval.config.settings import CategorySettings, GateSettings
from pytest_llmeval.stats.dependence import Dispersion
from pytest_llmeval.store.fields import COUNT, FLAG, LIST, NUMBER, OBJECT, TEXT, TEXTS, Field, Record, one_of, or_null


class RunRules(NamedTuple):
    """What a session was judged by.

    Attributes:
        strict: whether INCONCLUSIVE fails the gate.
        categories: how error categories are gated.
        budgets: allowed rises of measured figures.
        dispersion: of two runs of the baseline, None when there are no two.
        unmeasurable: what makes a comparison worthless, a sentence each.
        decided: what people decided of answers by the change, as in ``this change accepts 7 answers``.
    """

    strict: bool = False
    categories: Mapping[str, CategorySettings] = MappingProxyType({})
    budgets: GateSettings = GateSettings()
    dispersion: Dispersion | None = None
    unmeasurable: tuple[str, ...] = ()
    decided: str = ""


_SEVERITY, _RISE = one_of(("high", "normal", "low")), or_null(NUMBER)


def _settings_of(data: Mapping[str, Any]) -> dict[str, CategorySettings]:
    found = {name: CategorySettings(**settings) for name, settings in data.items()}
    for name, each in found.items():
        if not _SEVERITY.holds(each.severity) or not _RISE.holds(each.max_increase):
            raise ValueError(f"the settings of {name} are no severity and no rise")
    return found


def _budgets_of(data: Mapping[str, Any]) -> GateSettings:
    by = data.get("by", [*GateSettings().by])
    found = GateSettings(**{**data, "by": ()})
    if not TEXTS.holds(by) or not all(_RISE.holds(rise) for rise in found if rise != ()) or found.max_loss is None:
        raise ValueError("a budget is no number")
    return found._replace(by=tuple(by))


def _dispersion_of(data: Sequence[Any] | None) -> Dispersion | None:
    if data is None:
        return None
    phi, strata = data
    if not NUMBER.holds(phi) or not COUNT.holds(strata) or not strata:
        raise ValueError("the dispersion is no number with a count")
    return Dispersion(phi, strata)


OF_THE_GATE = (
    Field("strict", FLAG),
    Field(
        "categories",
        OBJECT,
        dump=lambda found: {name: settings._asdict() for name, settings in found.items()},
        load=_settings_of,
    ),
    Field("budgets", OBJECT, dump=GateSettings._asdict, load=_budgets_of),
    Field("dispersion", or_null(LIST), load=_dispersion_of),
    Field("unmeasurable", TEXTS, dump=list, load=tuple),
    Field("decided", TEXT, default="", omit=True),
)
"""The fields of a record that says what a session was judged by."""

rules_to_json, rules_from_json = Record(RunRules, [*OF_THE_GATE]).to_json, Record(RunRules, [*OF_THE_GATE]).from_json
"""The rules as a JSON object, and back; a wrong field is a `ValueError` or `TypeError` that names it."""


def unlike_rules(
    one: tuple[Mapping[str, CategorySettings], GateSettings], other: tuple[Mapping[str, CategorySettings], GateSettings]
) -> Iterator[str]:
    """What two gates do not have in common: the names of categories and of figures."""
    for name in sorted({*one[0], *other[0]}):
        if one[0].get(name, CategorySettings()) != other[0].get(name, CategorySettings()):
            yield name
    for figure, value in one[1]._asdict().items():
        if value != getattr(other[1], figure):
            yield figure
