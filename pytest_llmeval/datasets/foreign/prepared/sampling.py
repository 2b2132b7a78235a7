"""A sample of rows: by a seed, from each stratum its share, the same whatever the order of the file.

Rows are drawn in the order of a digest of their content. So a log that has grown gives most of the same rows again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pytest_llmeval.case import Case
from pytest_llmeval.datasets.foreign.imported import Given
from pytest_llmeval.datasets.health import alike
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.json_text import lenient_json, path_steps
from pytest_llmeval.text import did_you_mean, folded, plural, quoted

DEFAULT_STRATA = ("task", "tags", "model")
"""What rows are told apart by where nobody says: the first that has several values, but not as many as rows."""

_MOST_STRATA = 50
_NONE = "(none)"


class Wanted(NamedTuple):
    """What is to be drawn.

    Attributes:
        rows: how many, from 1.
        seed: another one draws others.
        by: the field whose values are the strata; None for the first of `DEFAULT_STRATA` that tells rows apart.
    """

    rows: int
    seed: int = 0
    by: str | None = None


class Stratum(NamedTuple):
    """Rows with one value of a field.

    Attributes:
        value: in words.
        rows: in the order in which they are drawn.
    """

    value: str
    rows: list[tuple[str, Given]]


def sampled(given: Sequence[Given], wanted: Wanted) -> tuple[list[Given], list[str]]:
    """The rows that are drawn, and what is to be said of them.

    Args:
        given: all rows.
        wanted: how many of them, and how.

    Raises:
        ConfigError: no row has the field, or it has more values than rows are wanted.
    """
    distinct = _distinct(given, wanted.seed)
    by, strata = _strata(distinct, wanted)
    shares = _shares([len(stratum.rows) for stratum in strata], wanted.rows)
    drawn = sorted(
        (one for stratum, share in zip(strata, shares, strict=True) for one in stratum.rows[:share]),
        key=lambda pair: pair[0],
    )
    rows = [one for _, one in drawn]
    repeats = len(given) - len(distinct)
    again = f"; {repeats:,} of {len(given):,} ask again what another asks, and count once" if repeats else ""
    said = [f"a sample with the seed {wanted.seed}: {len(rows):,} of {plural(len(distinct), 'different row')}{again}"]
    if by is not None:
        of_each = (
            f"{quoted(one.value, 40)} {share} of {len(one.rows)}" for one, share in zip(strata, shares, strict=True)
        )
        said.append(f"  by {by}: {', '.join(of_each)}")
    else:
        said.append(
            f"  of all rows alike: {', '.join(DEFAULT_STRATA)} do not tell them apart; --by names another field"
        )
    return rows, [*said, *_nearly(rows)]


def _distinct(given: Iterable[Given], seed: int) -> list[tuple[str, Given]]:
    """One row of those that ask the same, each with its place in the order in which rows are drawn."""
    kept: dict[str, tuple[str, str, Given]] = {}
    for one in given:
        content = [
            _folded(one.row.get("input")),
            one.row.get("context"),
            one.row.get("expected"),
            one.row.get("checks"),
        ]
        asked = _digest(seed, content)
        whole = _digest(seed, one.row)
        if asked not in kept or whole < kept[asked][1]:
            kept[asked] = (asked, whole, one)
    return sorted(((asked, one) for asked, _, one in kept.values()), key=lambda pair: pair[0])


def _folded(value: Any) -> Any:
    """A value whose texts are apart from white space and case what they were."""
    match value:
        case str():
            return folded(value, ignore_case=True)
        case list():
            return [_folded(one) for one in value]
        case dict():
            return {name: _folded(one) for name, one in value.items()}
    return value


def _digest(seed: int, content: Any) -> str:
    return hashlib.sha256(lenient_json([seed, content]).encode()).hexdigest()


def _strata(distinct: Sequence[tuple[str, Given]], wanted: Wanted) -> tuple[str | None, list[Stratum]]:
    for by in [wanted.by] if wanted.by is not None else DEFAULT_STRATA:
        strata = _by_value(distinct, by)
        several = 1 < len(strata) <= min(_MOST_STRATA, wanted.rows)
        if wanted.by is None:
            if several:
                return by, strata
            continue
        if [stratum.value for stratum in strata] == [_NONE]:
            names = _names(one.row for _, one in distinct)
            raise ConfigError(
                f"--by {by}: no row has that{did_you_mean(by, names)} (there are {', '.join(map(quoted, names[:30]))})"
            )
        if len(strata) > wanted.rows:
            told = f"--by {by} has {len(strata)} values, more than --sample {wanted.rows}"
            raise ConfigError(f"{told}; name a field with fewer, or draw more")
        return by, strata
    return None, [Stratum("", list(distinct))]


def _by_value(distinct: Sequence[tuple[str, Given]], by: str) -> list[Stratum]:
    strata: dict[str, list[tuple[str, Given]]] = {}
    for key, one in distinct:
        strata.setdefault(_value(one.row, by), []).append((key, one))
    return [Stratum(value, strata[value]) for value in sorted(strata)]


def _value(row: Mapping[str, Any], by: str) -> str:
    """The value of a field, of one in the metadata, or of one recorded there, in words."""
    metadata = row.get("metadata")
    recorded = metadata.get("recorded") if isinstance(metadata, Mapping) else None
    for fields in (row, metadata, recorded):
        value = _at(fields, by)
        if isinstance(value, (list, tuple)):
            value = ", ".join(sorted(map(str, value)))
        if value not in (None, "", {}):
            return value if isinstance(value, str) else lenient_json(value)
    return _NONE


def _at(fields: Any, path: str) -> Any:
    if isinstance(fields, Mapping) and path in fields:
        return fields[path]
    try:
        steps = path_steps(path)
    except ValueError:
        return None
    for step in steps:
        listed = isinstance(fields, list) and isinstance(step, int) and step < len(fields)
        if not listed and not (isinstance(fields, Mapping) and step in fields):
            return None
        fields = fields[step]
    return fields


def _names(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names of fields, those of the metadata among them."""
    names: dict[str, None] = {}
    for row in rows:
        metadata = row.get("metadata")
        inner = metadata if isinstance(metadata, Mapping) else {}
        recorded = inner.get("recorded")
        there = {**row, **inner, **(recorded if isinstance(recorded, Mapping) else {})}
        names |= {name: None for name, value in there.items() if value not in (None, "", [], {})}
    return [name for name in names if name not in ("metadata", "recorded", "input", "output")]


def _shares(sizes: Sequence[int], wanted: int) -> list[int]:
    """How many of each stratum: one at least, then in proportion, by the largest remainder.

    Args:
        sizes: of the strata.
        wanted: of all together; at least as many as there are strata.
    """
    total = sum(sizes)
    if wanted >= total:
        return list(sizes)
    exact = [wanted * size / total for size in sizes]
    shares = [max(1, int(share)) for share in exact]
    order = sorted(range(len(sizes)), key=lambda place: (shares[place] - exact[place], place))
    while sum(shares) < wanted:
        place = next(place for place in order if shares[place] < sizes[place])
        shares[place] += 1
        order.sort(key=lambda place: (shares[place] - exact[place], place))
    while sum(shares) > wanted:
        place = max((place for place in order if shares[place] > 1), key=lambda place: shares[place] - exact[place])
        shares[place] -= 1
    return shares


def _nearly(rows: Sequence[Given]) -> list[str]:
    cases = [Case(id=str(number), input=one.row.get("input"), context=()) for number, one in enumerate(rows)]
    found = alike(cases)
    if not found.nearly and found.complete:
        return []
    more = "" if found.complete else ", of those that were compared"
    count = plural(len(found.nearly), "pair")
    return [f"  {count} of inputs in the sample ask nearly the same{more}; llmeval check lists them"]
