"""What the script of a page reads: every case with its answers, as JSON."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pytest_llmeval.analysis.sides.reviewed import is_logged
from pytest_llmeval.checks.production.same_answer import normalised
from pytest_llmeval.reply import FINISHED, ending_category
from pytest_llmeval.report.cases import reply_text, steps_text
from pytest_llmeval.report.numbers import dollars, seconds
from pytest_llmeval.report.page.changed_words import Places, changed, in_utf16
from pytest_llmeval.report.page.drawn import draw
from pytest_llmeval.report.page.texts import Texts
from pytest_llmeval.report.page.trials import STATES, Group, Trial, groups_of
from pytest_llmeval.runs.answer_digest import answer_digest
from pytest_llmeval.runs.results import CaseResult, SampleResult, TrialKey
from pytest_llmeval.score import Score
from pytest_llmeval.text import json_words

MOST_PLAIN = 1_000_000
"""Bytes of JSON that a page holds as they are; more is compressed."""
MOST_BYTES = 25_000_000
"""Of a page's data; above, less is kept."""

_LONGEST = 64_000  # characters of a text
_LONGEST_IN_LARGE = 2_000
_INPUT_WIDTH = 4_000  # characters of an input or an expectation that is no text


class Reviewing(NamedTuple):
    """How a page takes decisions on answers.

    Attributes:
        name: of the run, for the file that the page saves.
        seed: of the draw of passing answers; None where the page shows all and draws none.
        served: whether decisions are sent to the server of the page; else they are saved as a file.
        reviewer: who decides.
        categories: error categories of the project, beside those of the run.
    """

    name: str
    seed: str | None = None
    served: bool = False
    reviewer: str = ""
    categories: tuple[str, ...] = ()


class PageData(NamedTuple):
    """The data of a page.

    Attributes:
        text: JSON without a character that HTML reads, or gzipped and in base64.
        compressed: which of the two.
        left_out: what was left out of it because of its size, "" for nothing.
    """

    text: str
    compressed: bool
    left_out: str = ""


def page_data(
    trials: Sequence[Trial],
    baseline: str,
    secrets: Mapping[str, str],
    reviewing: Reviewing,
    *,
    redacted: bool,
    most_bytes: int = MOST_BYTES,
) -> PageData:
    """The data of a page, without texts of passing cases where there is too much of it.

    Args:
        trials: in the order of the page.
        baseline: the name of its model, "" without one.
        secrets: as in `Session`.
        reviewing: how decisions are taken; a redacted page takes none.
        redacted: whether it holds no text of models, users or tests.
        most_bytes: the most that it may hold.
    """
    review = _review(trials, reviewing) if not redacted else None
    made = _encoded(_Writer(secrets, _LONGEST, redacted=redacted).data(trials, baseline, review))
    if len(made.text) <= most_bytes:
        return made
    number = sum(trial.state == "pass" for trial in trials)
    said = f"The page would be too large: it leaves out the texts of {number} cases that pass, and those of the others"
    said += f" are cut to {_LONGEST_IN_LARGE:,} characters. The saved run (--llm-report=run.jsonl) has all of them."
    writer = _Writer(secrets, _LONGEST_IN_LARGE, redacted=redacted, without_texts=frozenset({"pass"}))
    return _encoded(writer.data(trials, baseline, review))._replace(left_out=said)


def _review(trials: Sequence[Trial], reviewing: Reviewing) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": reviewing.name,
        "served": reviewing.served,
        "reviewer": reviewing.reviewer,
        "categories": reviewing.categories,
    }
    if reviewing.seed is not None:
        places = [place for place, trial in enumerate(trials) if not _says_the_same(trial)]
        drawn = draw(
            [trials[place].state in ("pass", "unverified") and not _waits(trials[place]) for place in places],
            reviewing.seed,
        )
        told |= {"queue": [places[place] for place in drawn.places], "share": drawn.share}
    return told


def _says_the_same(trial: Trial) -> bool:
    """Whether a shadow test's two answers differ in their looks alone, so that people have nothing to compare."""
    if trial.state != "pass" or trial.before is None or trial.after is None or not is_logged(trial.before):
        return False
    samples = [*trial.before.samples, *trial.after.samples]
    return len({(steps_text(sample), normalised(reply_text(sample))) for sample in samples}) == 1


def _waits(trial: Trial) -> bool:
    """Whether somebody has rejected one of two answers, which counts once the other is decided."""
    samples = (sample for result in (trial.before, trial.after) if result is not None for sample in result.samples)
    return any(score.check == "review" and not score.passed for sample in samples for score in sample.scores)


def _encoded(data: Mapping[str, Any]) -> PageData:
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    if len(text) <= MOST_PLAIN:
        return PageData(_inert(text), compressed=False)
    return PageData(base64.b64encode(gzip.compress(text.encode("ascii"), 6, mtime=0)).decode("ascii"), compressed=True)


def _inert(text: str) -> str:
    """JSON that ends no element and opens no comment."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


class _Writer:
    def __init__(
        self,
        secrets: Mapping[str, str],
        longest: int,
        *,
        redacted: bool,
        without_texts: frozenset[str] = frozenset(),
    ) -> None:
        self._texts = Texts(secrets, longest)
        self._redacted = redacted
        self._without_texts = without_texts
        self._results: list[dict[str, Any]] = []
        self._places: dict[tuple[str, TrialKey, bool], int] = {}  # of results
        self._bare = False

    def data(self, trials: Sequence[Trial], baseline: str, review: dict[str, Any] | None) -> dict[str, Any]:
        """All of it; whatever repeats is in a list and named by its place there."""
        rows = [self._row(trial, number) for number, trial in enumerate(trials, start=1)]
        return {
            "states": STATES,
            "baseline": self._texts.clean(baseline),
            "redacted": self._redacted,
            "review": review,
            "texts": self._texts.unique,
            "results": self._results,
            "trials": rows,
        }

    def _row(self, trial: Trial, number: int) -> dict[str, Any]:
        self._bare = self._redacted or trial.state in self._without_texts
        result, text = trial.result, self._texts.add
        before = groups_of(trial.before, "pass")
        after = groups_of(trial.after, "fail", trial.categories[0] if trial.categories else "")
        row: dict[str, Any] = {
            "id": text(shown_id(result, number, redacted=self._redacted)),
            "test": text(result.key.test),
            "model": text(trial.model),
            "state": STATES.index(trial.state),
            "categories": [text(name) for name in trial.categories],
            "tags": [text(tag) for tag in result.tags],
            "place": text(f"{result.file}:{result.line}" if result.file else ""),
            "before": self._result(trial.before, before, "before"),
            "after": self._result(trial.after, after, "after"),
        }
        if result.task:
            row["task"] = text(result.task)
        if not self._redacted:
            row["node"] = text(str(result.key))
            row["case"] = text(result.key.case)
            row["content"] = result.content
        if not self._bare:
            row["input"] = text(text_of(result.input))
            row["expected"] = text(text_of(result.expected))
            self._differences(row, before, after)
        return row

    def _differences(self, row: dict[str, Any], before: Sequence[Group], after: Sequence[Group]) -> None:
        """What to mark in each answer of the model on trial, and in the baseline's first beside it."""
        old = self._texts.clean(before[0].reply) if before else ""
        marks = []
        for group in after:
            new = self._texts.clean(group.reply)
            removed, added = changed(old, new)
            marks.append([in_utf16(old, removed), in_utf16(new, added)])
        if any(any(pair) for pair in marks):
            row["marks"] = marks
        if before and after:
            said = {(group.steps, group.reply) for group in (*before, *after)}
            row["differs"] = len(said) > 1 and len({(steps, normalised(reply)) for steps, reply in said}) > 1

    def _result(self, result: CaseResult | None, groups: Iterable[Group], side: str) -> int | None:
        if result is None:
            return None
        identity = side, result.trial, self._bare
        if identity not in self._places:
            self._places[identity] = len(self._results)
            self._results.append({"outcome": result.outcome, "groups": [self._group(group) for group in groups]})
        return self._places[identity]

    def _group(self, group: Group) -> dict[str, Any]:
        sample, text = group.sample, self._texts.add
        told: dict[str, Any] = {
            "samples": group.indexes,
            "outcome": sample.outcome,
            "categories": [text(name) for name in sample.categories or filter(None, [sample.category])],
            "figures": self._texts.clean(
                figures_words(sample)
            ),  # each is another: in the list of texts it would only be searched
        }
        if self._bare:
            return told
        told["reply"] = text(group.reply)
        told["answer"] = answer_digest(sample.calls)
        for name, value in (("steps", group.steps), ("reason", sample.detail or sample.reason)):
            if value:
                told[name] = text(value)
        if sample.scores:
            told["checks"] = [self._check(score) for score in sample.scores]
        places = unsupported(self._texts.clean(group.reply), sample, self._texts)
        if places:
            told["unsupported"] = in_utf16(self._texts.clean(group.reply), places)
        return told

    def _check(self, score: Score) -> list[Any]:
        text = self._texts.add
        return [text(score.check or score.category), int(score.passed), round(score.value, 3), text(score.reason)]


def shown_id(result: CaseResult, number: int, *, redacted: bool) -> str:
    """The case's id, or the test where it has none; redacted the test and a number, since an id may be a text.

    Args:
        number: of the case on the page.
        redacted: whether texts are left out.
    """
    test = result.key.test.rpartition("::")[2]
    if redacted:
        return f"{test} #{number}"
    return result.key.case or test


def text_of(value: object) -> str:
    """What a case asks or expects as text, "" where it says nothing."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json_words(value, width=_INPUT_WIDTH)


def figures_words(sample: SampleResult) -> str:
    """How long the calls of a sample took, with tokens and cost: ``0.42s, 120 tokens in, 33 out, $0.00012``."""
    calls = sample.product_calls
    if not calls:
        return "no call"
    words = [f"{len(calls)} calls"] if len(calls) > 1 else []
    words.append(seconds(sum(call.measures.latency for call in calls)))
    used = [call.answer.usage for call in calls]
    tokens_in, tokens_out = ([getattr(each, f"{way}_tokens") for each in used] for way in ("input", "output"))
    if None not in tokens_in and None not in tokens_out:
        words.append(f"{sum(tokens_in)} tokens in, {sum(tokens_out)} out")
    costs = [call.measures.cost for call in calls]
    if None not in costs:
        words.append(f"${dollars(sum(cost or 0.0 for cost in costs))}")
    ending = calls[-1].answer.finish_reason
    if ending in (None, "stop"):
        return ", ".join(words)
    known = ending in FINISHED or ending_category(calls[-1].answer) is not None
    return ", ".join([*words, f"ended with {ending}" if known else "ended otherwise"])


def unsupported(reply: str, sample: SampleResult, texts: Texts) -> Places:
    """Where the reply, as the page shows it, states what a check found in no source."""
    found = []
    for score in sample.scores:
        for claim in score.unsupported:
            text = texts.clean(claim.text)
            start = claim.start if reply.startswith(text, claim.start) else reply.find(text)
            if text and start >= 0:
                found.append((start, start + len(text)))
    places: Places = []
    for start, end in sorted(found):
        if places and start < places[-1][1]:
            places[-1] = places[-1][0], max(end, places[-1][1])
        else:
            places.append((start, end))
    return places
