"""Decisions of people on answers, a line each in files that are committed.

An answer that was accepted is known to be good for its case, and passes whenever it comes again. One that was rejected
fails with the category it was rejected for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args

from pytest_llmeval.checks.categories import GENERAL, is_category
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.runs.results import CaseKey
from pytest_llmeval.text import first_line, plural

FOLDER: Final = "reviews"
"""Where decisions lie, beside the project's settings."""

Word = Literal["accepted", "rejected", "better", "worse", "both_fine", "both_bad"]
"""The last four are of an answer beside another: the first is better or worse, both are right or both are wrong."""

WORDS: tuple[Word, ...] = get_args(Word)

_TEXTS = ("test", "case", "content", "answer", "decision", "category", "beside", "model", "reviewer", "at")
_OPTIONAL = {"content", "category", "beside", "model", "reviewer", "at"}


class Decision(NamedTuple):
    """What somebody decided of an answer.

    Attributes:
        key: the case.
        answer: its digest.
        category: why it was rejected, "" otherwise.
        beside: the digest of the answer it was compared with, "" for none.
        model: that gave it, "" when unknown.
        reviewer: who decided, "" when unknown.
        at: ISO date and time, "" when unknown.
        content: digest of the case's row; the decision holds for a case that asks and expects the same. "" for a case
            without a row.
    """

    key: CaseKey
    answer: str
    decision: Word
    category: str = ""
    beside: str = ""
    model: str = ""
    reviewer: str = ""
    at: str = ""
    content: str = ""

    def to_json(self) -> dict[str, str]:
        """The decision as a line's object; what is empty is left out."""
        data = {
            "test": self.key.test,
            "case": self.key.case,
            "content": self.content,
            "answer": self.answer,
            "decision": self.decision,
            "category": self.category,
            "beside": self.beside,
            "model": self.model,
            "reviewer": self.reviewer,
            "at": self.at,
        }
        return {name: text for name, text in data.items() if text or name in ("test", "case")}


def decision_from(data: object) -> Decision:
    """The decision in a JSON object.

    Raises:
        ValueError: a field is missing, unknown or wrong; names it.
    """
    if not isinstance(data, dict):
        raise ValueError("a decision is a JSON object")
    unknown = sorted(set(map(str, data)) - set(_TEXTS))
    if unknown:
        raise ValueError(f"unknown field {first_line(unknown[0], 40)} (known: {', '.join(_TEXTS)})")
    texts = {name: data.get(name, "" if name in _OPTIONAL else None) for name in _TEXTS}
    wrong = next((name for name, text in texts.items() if not isinstance(text, str)), None)
    if wrong is not None:
        raise ValueError(f"{wrong} is missing or no text")
    word = next((word for word in WORDS if word == texts["decision"]), None)
    if word is None:
        raise ValueError(f"unknown decision {first_line(str(texts['decision']), 40)} (known: {', '.join(WORDS)})")
    if not texts["answer"]:
        raise ValueError("answer is empty")
    if word == "rejected" and not texts["category"]:
        raise ValueError("a rejected answer has a category")
    if texts["category"] and (not is_category(str(texts["category"])) or ":" in str(texts["category"])):
        raise ValueError(f"no error category can be named {first_line(repr(texts['category']), 60)}")
    given: dict[str, Any] = {name: texts[name] for name in ("answer", *sorted(_OPTIONAL))}
    return Decision(key=CaseKey(str(texts["test"]), str(texts["case"])), decision=word, **given)


def verdicts(decision: Decision) -> Iterator[Decision]:
    """What a decision says of each answer by itself: ``accepted``, ``rejected``, or nothing.

    That both are fine accepts both, and that both are bad rejects both. That one is better says of neither whether it
    is right.
    """
    match decision.decision:
        case "accepted" | "rejected":
            yield decision
        case "both_fine" | "both_bad" as word:
            said: Word = "accepted" if word == "both_fine" else "rejected"
            category = "" if word == "both_fine" else decision.category or GENERAL
            alone = decision._replace(decision=said, category=category)
            yield alone
            if decision.beside and decision.beside != decision.answer:
                yield alone._replace(answer=decision.beside, beside=decision.answer, model="")


Made = Mapping[tuple[CaseKey, str], Sequence[Decision]]
"""The verdicts on each answer, in the order they were made."""


def made_of(decisions: Iterable[Decision]) -> Made:
    """The verdicts by answer."""
    made: dict[tuple[CaseKey, str], list[Decision]] = {}
    for decision in sorted(decisions, key=lambda each: each.at):
        for each in verdicts(decision):
            made.setdefault((each.key, each.answer), []).append(each)
    return made


def read_decisions(name: str, lines: Iterable[str]) -> Iterator[Decision]:
    """The decisions of a file; a last line that was cut off while it was written is left out.

    Args:
        name: of the file, for errors.
        lines: with their ends.

    Raises:
        ConfigError: a line is no decision; names it.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield decision_from(json.loads(line))
        except (ValueError, RecursionError) as error:
            if isinstance(error, json.JSONDecodeError) and not line.endswith("\n"):
                return
            raise ConfigError(f"{name}:{number}: {first_line(str(error))}; remove the line, or fix it") from None


class Decisions:
    """Which answers are known to be right or wrong.

    Args:
        decisions: of one reviewer the last counts, by date; a rejection counts over an acceptance by somebody else.
    """

    def __init__(self, decisions: Iterable[Decision] = ()) -> None:
        self._made = made_of(decisions)

    def __len__(self) -> int:
        return len(self._made)

    def of(self, key: CaseKey, answer: str, content: str) -> Decision | None:
        """What was decided of an answer, None where nothing was.

        Args:
            content: digest of the case's row as it is now, "" without one.
        """
        made = self._made.get((key, answer), ())
        return _counting([each for each in made if each.content in ("", content)])

    def items(self) -> Iterator[tuple[tuple[CaseKey, str, str], Decision]]:
        """What counts of each answer to each row that somebody has decided on: case, answer and digest of the row."""
        for (key, answer), made in self._made.items():
            for content in dict.fromkeys(each.content for each in made):
                if (counting := self.of(key, answer, content)) is not None:
                    yield (key, answer, content), counting


def _counting(made: Iterable[Decision]) -> Decision | None:
    """Of all decisions of one answer, in the order they were made, the one that counts."""
    last: dict[str, Decision] = {}
    for each in made:
        last.pop(each.reviewer, None)  # a reviewer who changes their mind comes last
        last[each.reviewer] = each
    found = list(last.values())
    return next((each for each in found if each.decision == "rejected"), found[-1] if found else None)


def decisions_in(root: Path) -> Decisions:
    """The decisions of a project.

    Args:
        root: the folder of its settings.

    Raises:
        ConfigError: a file cannot be read, or a line of it is no decision.
    """
    return Decisions(decision for file in files_in(root) for decision in decisions_of(file, root))


def files_in(root: Path) -> list[Path]:
    """The files of a project's decisions, in the order of their names."""
    return sorted((root / FOLDER).glob("*.jsonl"))


def decisions_of(file: Path, root: Path) -> Iterator[Decision]:
    """The decisions of one file.

    Raises:
        ConfigError: it cannot be read, or a line of it is no decision.
    """
    name = file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name} cannot be read: {first_line(str(error))}") from None
    yield from named_by_file(file, read_decisions(name, text.splitlines(keepends=True)))


def named_by_file(file: Path, decisions: Iterable[Decision]) -> Iterator[Decision]:
    """The decisions of a file; two people who gave no name are two people where they sent two files."""
    for each in decisions:
        yield each if each.reviewer else each._replace(reviewer=f"somebody in {file.name}")


def _word(decision: Decision | None) -> str:
    return decision.decision if decision is not None else ""


def _moved(before: Decision, after: Decision) -> bool:
    return before.decision == after.decision == "rejected" and before.category != after.category


def added_words(before: Decisions, after: Decisions) -> str:
    """What a change decides, as in ``this change accepts 7 answers and rejects 1``; "" for nothing.

    Args:
        before: the decisions of the branch that it is merged into.
        after: its own.
    """
    old, new = dict(before.items()), dict(after.items())
    told = []
    for word, verb in (("accepted", "accepts"), ("rejected", "rejects")):
        added = [place for place, each in new.items() if each.decision == word and _word(old.get(place)) != word]
        told += [f"{verb} {plural(len(added), 'answer')}"] if added else []
    moved = [place for place in old.keys() & new.keys() if _moved(old[place], new[place])]
    told += [f"rejects {plural(len(moved), 'answer')} for another category"] if moved else []
    gone = sum(place not in new for place in old)
    told += [f"takes back the decisions on {plural(gone, 'answer')}"] if gone else []
    return f"this change {' and '.join(told)}" if told else ""
