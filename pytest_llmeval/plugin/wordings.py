"""Which cases a test is run on, and in which wordings each is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import pytest

from pytest_llmeval.case import Case
from pytest_llmeval.datasets.rewording import variants
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.plugin.markers import read_marker
from pytest_llmeval.text import did_you_mean, json_words, shortened

PARAPHRASES, OWN = "paraphrases", "own"


class Cases(NamedTuple):
    """What ``llm_cases`` says.

    Attributes:
        source: a dataset, or the cases themselves.
        fields: of a dataset with names of its own, our names to those; None when it has ours.
        paraphrases: whether those of a row are asked too.
        perturb: the rules by which each case is asked too.
    """

    source: str | tuple[Case, ...]
    fields: tuple[tuple[str, str | None], ...] | None = None
    paraphrases: bool = True
    perturb: tuple[str, ...] = ()
    seed: int = 0


def cases_of(node: pytest.Item, marks: Mapping[str, pytest.Mark]) -> Cases | None:
    """The cases a test is run on, None when it has none; the arguments are those of `read_marker`.

    Raises:
        ConfigError: the marker's arguments are wrong.
    """
    return read_marker(node, marks, "llm_cases", _llm_cases)


def asked_in(cases: Sequence[Case], wanted: Cases, option: tuple[str, ...] | None) -> list[Case]:
    """Every case in its own words, each followed by its other wordings.

    Args:
        wanted: by the marker.
        option: by the command line, over the marker; None when it says nothing.

    Raises:
        ConfigError: two cases of a list have the same id.
    """
    paraphrases = wanted.paraphrases if option is None else PARAPHRASES in option
    rules = wanted.perturb if option is None else tuple(name for name in option if name != PARAPHRASES)
    try:
        found = [
            each for case in cases for each in variants(case, paraphrases=paraphrases, rules=rules, seed=wanted.seed)
        ]
    except ValueError as error:  # of a dataset it was found when it was read
        raise ConfigError(f"llm_cases: {error}") from None
    names = [case.name for case in found]
    twice = next((name for name, other in zip(sorted(names), sorted(names)[1:], strict=False) if name == other), None)
    if twice is not None:
        raise ConfigError(f"llm_cases: two cases have the id {twice}; every id must be unique")
    return found


def wordings_option(text: str | None) -> tuple[str, ...] | None:
    """What ``--llm-wordings`` names: () for a case's own words alone, None without the option.

    Raises:
        ConfigError: one of the names is unknown.
    """
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if names == [OWN]:
        return ()
    from pytest_llmeval.datasets.perturb import RULES

    allowed = (PARAPHRASES, *RULES)
    for name in names:
        if name not in allowed:
            guess = did_you_mean(name, (*allowed, OWN))
            raise ConfigError(
                f"--llm-wordings={text}: unknown wording {name!r}{guess} "
                f"(allowed: own, or some of {', '.join(allowed)} with commas between them)"
            )
    return tuple(dict.fromkeys(names))


def _llm_cases(
    cases: str | Iterable[Case],
    *,
    fields: Mapping[str, str | None] | None = None,
    paraphrases: bool = True,
    perturb: Iterable[str] = (),
    seed: int = 0,
) -> Cases:
    listed = isinstance(cases, (list, tuple)) and all(isinstance(case, Case) for case in cases)
    if not cases or not (isinstance(cases, str) or listed):
        raise TypeError(f"cases must be the path of a dataset or a list of Case, not {shortened(repr(cases), 80)}")
    if fields is not None:
        _check_fields(fields, listed=listed)
    if not isinstance(paraphrases, bool):
        raise TypeError(f"paraphrases must be True or False, not {paraphrases!r}")
    if not isinstance(perturb, (list, tuple)):
        raise TypeError(f"perturb must be a list of rules, as in ['typos'], not {perturb!r}")
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise TypeError(f"seed must be a whole number, not {seed!r}")
    if perturb:
        from pytest_llmeval.datasets.perturb import RULES
    for rule in perturb:
        if rule not in RULES:
            guess = did_you_mean(str(rule), RULES)
            raise TypeError(f"perturb has an unknown rule {rule!r}{guess} (rules: {', '.join(RULES)})")
    source = cases if isinstance(cases, str) else tuple(cases)
    named = None if fields is None else tuple(fields.items())
    return Cases(source, named, paraphrases, tuple(dict.fromkeys(perturb)), seed)


def _check_fields(fields: Mapping[str, str | None], *, listed: bool) -> None:
    from pytest_llmeval.datasets.foreign.by_fields import MAPPED

    if listed:
        raise TypeError("fields names the columns of a file, and cases is a list of Case")
    if not isinstance(fields, Mapping):
        raise TypeError(f"fields must be a dict such as {{'input': 'question'}}, not {shortened(repr(fields), 80)}")
    turned = {theirs: str(ours) for ours, theirs in fields.items() if isinstance(theirs, str)}
    if fields and len(turned) == len(fields) and turned.keys() <= {*MAPPED} - fields.keys():
        raise ConfigError(f"@pytest.mark.llm_cases: the wrong way round? fields={json_words(turned, width=500)}")
    for ours, theirs in fields.items():
        if ours not in MAPPED:
            guess = did_you_mean(str(ours), MAPPED)
            raise TypeError(f"fields has an unknown field {ours!r}{guess} (fields: {', '.join(MAPPED)})")
        if theirs is not None and not (isinstance(theirs, str) and theirs):
            raise TypeError(f"fields names the column of {ours} as text, or None for no column, not {theirs!r}")
