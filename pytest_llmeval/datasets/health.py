"""What is wrong with a set of cases beside the form of its rows: cases that repeat each other, and that say nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

from pytest_llmeval.case import Case
from pytest_llmeval.checks.meaning import Embedding, cosine, directions
from pytest_llmeval.credentials import find_secrets
from pytest_llmeval.datasets.rewording import question_of, with_question
from pytest_llmeval.json_text import lenient_json
from pytest_llmeval.text import folded

NEARLY = 0.9
"""The similarity from which two inputs that expect the same are nearly the same."""

NEARLY_BUT_OTHERWISE = 0.97
"""The same for two inputs that expect something else."""

_MOST_PAIRS = 5_000_000
_MOST_PRODUCTS = 2 * 10**8  # of numbers of vectors: about ten seconds
_MOST_WORK = 10**11  # products of lengths in characters: about ten seconds


class Pair(NamedTuple):
    """Two cases whose inputs are nearly the same.

    Attributes:
        similarity: from 0 to 1.
        otherwise: whether they expect something else.
    """

    one: Case
    other: Case
    similarity: float
    otherwise: bool


class Alike(NamedTuple):
    """Cases that are alike.

    Attributes:
        repeated: groups that ask and expect the same.
        contradictory: groups that ask the same and expect something else.
        nearly: pairs that ask nearly the same, the most similar first.
        complete: whether all pairs were compared.
    """

    repeated: list[list[Case]]
    contradictory: list[list[Case]]
    nearly: list[Pair]
    complete: bool


class _Asked(NamedTuple):
    """What a case asks, apart from case and white space.

    Attributes:
        question: the text of the input, or of its last user message.
        rest: what stands around it: earlier messages, names of fields, passages.
    """

    question: str
    rest: str


def alike(cases: Sequence[Case], by: Embedding | None = None, who: str = "") -> Alike:
    """The cases that repeat or contradict each other; those of one cluster may be nearly the same.

    Args:
        by: also finds inputs that mean nearly the same in other words.
        who: names it in errors.

    Raises:
        LlmevalError: the embedding failed.
    """
    by_input: dict[_Asked, list[Case]] = {}
    for case in cases:
        by_input.setdefault(_asked(case), []).append(case)
    repeated, contradictory = [], []
    for same in by_input.values():
        by_expectation: dict[str, list[Case]] = {}
        for case in same:
            by_expectation.setdefault(_expectation(case), []).append(case)
        repeated += [group for group in by_expectation.values() if len(group) > 1]
        if len(by_expectation) > 1:
            contradictory.append([group[0] for group in by_expectation.values()])
    firsts = {asked: same[0] for asked, same in by_input.items()}
    nearly, complete = _nearly(firsts)
    if by is not None:
        told = {(pair.one.id, pair.other.id) for pair in nearly}
        more, whole = _nearly_in_meaning(firsts, by, who)
        nearly = _sorted([*nearly, *(pair for pair in more if told.isdisjoint([_ids(pair), _ids(pair)[::-1]]))])
        complete = complete and whole
    return Alike(repeated, contradictory, nearly, complete)


def _asked(case: Case) -> _Asked:
    given = case.input
    question = question_of(given)
    if question is not None:
        rest = [with_question(given, ""), case.context]
    else:
        texts = list(_texts(given))
        question, rest = " ".join(texts), [_shape(given), case.context]
    return _Asked(folded(question, ignore_case=True), lenient_json(rest))


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for key in sorted(value, key=str):
                yield from _texts(value[key])
        case list() | tuple():
            for one in value:
                yield from _texts(one)


def _shape(value: Any) -> Any:
    """The value without its texts."""
    match value:
        case str():
            return ""
        case Mapping():
            return {str(key): _shape(one) for key, one in value.items()}
        case list() | tuple():
            return [_shape(one) for one in value]
    return value


def _expectation(case: Case) -> str:
    return lenient_json([case.expected, case.checks])


def _nearly(cases: Mapping[_Asked, Case]) -> tuple[list[Pair], bool]:
    from rapidfuzz import fuzz

    groups: dict[str, list[tuple[str, Case]]] = {}
    for asked, case in cases.items():
        groups.setdefault(asked.rest, []).append((asked.question, case))
    found: list[Pair] = []
    pairs = work = 0
    for group in groups.values():
        group.sort(key=lambda one: len(one[0]))
        expectations = [_expectation(case) for _, case in group]
        numbers = [re.findall(r"\d+", question) for question, _ in group]
        for i, (question, case) in enumerate(group):
            longest = len(question) * (2 - NEARLY) / NEARLY
            for j in range(i + 1, len(group)):
                other, its_case = group[j]
                if len(other) > longest:
                    break
                pairs, work = pairs + 1, work + len(question) * len(other)
                if pairs > _MOST_PAIRS or work > _MOST_WORK:
                    return _sorted(found), False
                if numbers[i] != numbers[j] or (case.cluster is not None and case.cluster == its_case.cluster):
                    continue
                otherwise = expectations[i] != expectations[j]
                least = NEARLY_BUT_OTHERWISE if otherwise else NEARLY
                similarity = fuzz.ratio(question, other, score_cutoff=100 * least) / 100
                if similarity >= least:
                    found.append(Pair(case, its_case, similarity, otherwise))
    return _sorted(found), True


def _ids(pair: Pair) -> tuple[str, str]:
    return pair.one.id, pair.other.id


def _nearly_in_meaning(cases: Mapping[_Asked, Case], by: Embedding, who: str) -> tuple[list[Pair], bool]:
    """Pairs whose vectors are near. A vector hardly tells 30 days from 60: the numbers must be the same."""
    groups: dict[tuple[str, tuple[str, ...]], list[tuple[Case, list[float]]]] = {}
    vectors = directions([asked.question for asked in cases], by, who) if cases else []
    for (asked, case), vector in zip(cases.items(), vectors, strict=True):
        numbers = tuple(re.findall(r"\d+", asked.question))
        groups.setdefault((asked.rest, numbers), []).append((case, vector))
    found: list[Pair] = []
    products = 0
    for group in groups.values():
        for (case, vector), (other, its_vector) in combinations(group, 2):
            products += len(vector)
            if products > _MOST_PRODUCTS:
                return found, False
            if case.cluster is not None and case.cluster == other.cluster:
                continue
            otherwise = _expectation(case) != _expectation(other)
            similarity = cosine(vector, its_vector)
            if similarity >= (NEARLY_BUT_OTHERWISE if otherwise else NEARLY):
                found.append(Pair(case, other, similarity, otherwise))
    return found, True


def _sorted(found: list[Pair]) -> list[Pair]:
    return sorted(found, key=lambda pair: -pair.similarity)


def without_expectation(cases: Iterable[Case]) -> list[Case]:
    """The cases that neither expect anything nor have checks."""
    return [case for case in cases if not case.checks and case.expected in (None, "", [], {})]


def secrets_in(case: Case, known_values: Mapping[str, str]) -> list[str]:
    """What secrets a case holds, named without showing any.

    Args:
        case: any.
        known_values: as for `find_secrets`.
    """
    fields = [case.id, case.input, case.expected, case.context, case.task, case.tags, case.metadata, case.checks]
    return find_secrets(lenient_json([*fields, case.paraphrases, case.cluster]), known_values)
