"""Show one case closely: the prompt, every reply in full, and how each was judged.

Nothing is cut. A line of a text starts with ``|``; after ``:`` it continues where the terminal's width broke it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.reply import Answer
from pytest_llmeval.report.cases import passes, side_name
from pytest_llmeval.report.numbers import dollars, seconds
from pytest_llmeval.report.paper import Line, Paper, columns, wrap
from pytest_llmeval.report.prompts import Spoken
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult
from pytest_llmeval.score import Score

_NARROWEST = 16  # columns for a text next to its label
_TAB = "    "


class Seen(NamedTuple):
    """What a session saw and a run does not hold.

    Attributes:
        asked: the prompts, by case and `Call.words_digest`.
        failed_at: by case, model and sample, the statement that failed: ``test_it.py:12: assert reply``.
    """

    asked: dict[tuple[CaseKey, str], Spoken]
    failed_at: dict[tuple[CaseKey, str, int], str]


class LookSide(NamedTuple):
    """A case under one model.

    Attributes:
        name: ``baseline production``.
        saved: whether its replies come from a saved run.
    """

    name: str
    result: CaseResult
    saved: bool = False


class Look(NamedTuple):
    """A case, the baseline's side first."""

    key: CaseKey
    sides: tuple[LookSide, ...]


def looks(comparisons: Sequence[Comparison], results: Sequence[CaseResult], *, passing: bool) -> list[Look]:
    """The cases of a session that fail on any side, or all with ``passing``."""
    sides: dict[CaseKey, list[LookSide]] = {}
    for result in results:
        sides.setdefault(result.key, [])
        if not comparisons:
            sides[result.key].append(LookSide(result.model, result))
    for comparison in comparisons[:1]:
        for key, result in comparison.baseline_results.items():
            if key in sides:
                sides[key].append(
                    LookSide(side_name("baseline", result.model), result, saved=comparison.saved is not None)
                )
    for comparison in comparisons:
        for key, result in comparison.candidate_results.items():
            if key in sides:
                sides[key].append(LookSide(side_name("candidate", result.model), result))
    return [
        Look(key, tuple(each))
        for key, each in sides.items()
        if each and (passing or any(side.result.outcome == "fail" for side in each))
    ]


def look_lines(paper: Paper, look: Look, seen: Seen) -> list[Line]:
    """Everything known of a case."""
    lines = paper.write(str(look.key), "bold", hang=2)
    prompts = [_first_prompt(look.key, side, seen) for side in look.sides]
    shared = next((prompt for prompt in prompts[::-1] if prompt), None)  # the candidate's
    if shared is not None:
        lines += [Line("  prompt"), *_spoken(paper, shared)]
    for side, prompt in zip(look.sides, prompts, strict=True):
        lines.append(Line(""))
        lines += _side(paper, look.key, side, seen, None if prompt == shared else prompt)
        if shared is not None and prompt is None and _asked_otherwise(look, side):
            lines += paper.write("asked with another prompt, which this session did not see", indent=4, hang=2)
    return lines


def _first_prompt(key: CaseKey, side: LookSide, seen: Seen) -> Spoken | None:
    calls = [call for sample in side.result.samples for call in sample.calls[:1]]
    return next((found for call in calls if (found := seen.asked.get((key, call.words_digest)))), None)


def _asked_otherwise(look: Look, side: LookSide) -> bool:
    """Whether a side was asked something that no other side was."""
    others = {call.words_digest for other in look.sides if other is not side for call in other.result.calls}
    calls = side.result.calls
    return (
        bool(calls)
        and "" not in {call.words_digest for call in calls}
        and not others.intersection(call.words_digest for call in calls)
    )


def _side(paper: Paper, key: CaseKey, side: LookSide, seen: Seen, prompt: Spoken | None) -> list[Line]:
    result = side.result
    words = {
        "pass": "passed",
        "fail": f"failed as {', '.join(result.categories)}",
        "unverified": "unverified",
        "error": f"error: {result.category}",
    }
    told = f"{side.name}: {words[result.outcome]}"
    if len(result.samples) > 1:
        told += f", passed {passes(result)}"
    style = {"pass": "green", "fail": "red", "unverified": "yellow", "error": "red"}[result.outcome]
    lines = paper.write(told, style, "bold", indent=2, hang=2)
    if prompt is not None:
        lines += [Line("    prompt"), *_spoken(paper, prompt, indent=6)]
    for samples in _alike(key, result, seen):
        if len(result.samples) > 1:
            numbers = ", ".join(str(sample.index + 1) for sample in samples)
            outcome = samples[0].outcome
            verdict = {"pass": "passed", "fail": "failed"}.get(outcome, outcome)
            word = "sample" if len(samples) == 1 else "samples"
            lines += paper.write(f"{word} {numbers} of {len(result.samples)}: {verdict}", indent=4, hang=2)
        lines += _sample(paper, key, side, samples[0], seen)
    return lines


def _alike(key: CaseKey, result: CaseResult, seen: Seen) -> list[list[SampleResult]]:
    """The samples, grouped by answers and verdicts; of the groups that passed only the first."""
    groups: dict[object, list[SampleResult]] = {}
    for sample in result.samples:
        answers = [(call.answer.text, call.answer.refusal, repr(call.answer.every_tool_call)) for call in sample.calls]
        scores = [(score.check, score.value) for score in sample.scores]
        alike = repr((answers, scores)), sample.outcome, sample.category, sample.further, sample.detail
        groups.setdefault(alike, []).append(sample)
    passing = [samples for samples in groups.values() if samples[0].outcome == "pass"]
    return [samples for samples in groups.values() if samples[0].outcome != "pass" or samples is passing[0]]


def _sample(paper: Paper, key: CaseKey, side: LookSide, sample: SampleResult, seen: Seen) -> list[Line]:
    lines: list[Line] = []
    asked: Spoken = ()
    for number, call in enumerate(sample.calls):
        before, asked = asked, seen.asked.get((key, call.words_digest), ())
        if number and (new := _new(before, asked)):
            lines += _spoken(paper, new, indent=4)
        several = f" {number + 1}" if len(sample.calls) > 1 else ""
        lines += paper.write(f"reply{several} of {_who(call, side)}", indent=4, hang=2)
        lines += _answer(paper, call.answer)
        lines += paper.write(_facts(paper, call), indent=4, hang=2)
    if not sample.calls and sample.outcome != "error":
        lines += paper.write("asked no model", indent=4)
    for score in sample.scores:
        lines += _score(paper, score)
    # A saved side has the model's name as the side of this session, which alone was seen failing.
    failed_at = None if side.saved else seen.failed_at.get((key, side.result.model, sample.index))
    if failed_at and sample.outcome != "pass":
        lines += paper.write(failed_at, indent=4, hang=2)
    told = {score.reason for score in sample.scores if not score.passed}
    detail = sample.detail or sample.reason
    if detail and sample.outcome != "pass" and detail not in told:
        label = "error" if sample.outcome == "error" else "reason"
        lines += [Line(f"    {label}"), *_whole(paper, detail, indent=6)]
    return lines


def _new(before: Spoken, asked: Spoken) -> Spoken:
    """What a later call of a conversation adds to the earlier ones, without the model's own reply."""
    start = 0
    while start < min(len(before), len(asked)) and before[start] == asked[start]:
        start += 1
    rest = asked[start:]
    ending = [said for said in before[start:] if said[0] in ("tools", "schema")]
    return tuple(said for said in rest if said[0] not in ("assistant", "model") and said not in ending)


def _who(call: Call, side: LookSide) -> str:
    """Who answered, and when."""
    name, model = f"{call.provider}/{call.request_model}", side.result.model
    words = [model] if model == name else [model, name]
    answered = call.answer.response_model
    if answered and answered != call.request_model:
        words.append(f"answered by {answered}")
    if call.measures.source == "live" and not side.saved:
        words.append("asked now")
    else:
        words.append(f"recorded {call.recorded_at[:10]}" if call.recorded_at else "recorded on an unknown day")
    return ", ".join(words)


def _facts(paper: Paper, call: Call) -> str:
    usage, measures = call.answer.usage, call.measures
    first = f" (TTFT {seconds(measures.ttft)})" if measures.ttft is not None else ""
    uncounted = usage.input_tokens is None or usage.output_tokens is None
    facts = [
        f"finish reason {call.answer.finish_reason or 'unknown'}",
        _tokens(usage.input_tokens, usage.output_tokens),
        seconds(measures.latency) + first,
        f"${dollars(measures.cost)}" if measures.cost is not None else "cost unknown" if uncounted else "no price",
    ]
    if measures.attempts > 1:
        facts.append(f"{measures.attempts} attempts")
    return f" {paper.dot} ".join(facts)


def _tokens(number_in: int | None, number_out: int | None) -> str:
    if number_in is None and number_out is None:
        return "tokens unknown"
    into, out = ("unknown" if number is None else number for number in (number_in, number_out))
    return f"tokens {into} in, {out} out"


def _answer(paper: Paper, answer: Answer) -> list[Line]:
    """The reply: text, refusal, tool calls with their arguments."""
    lines: list[Line] = []
    if answer.text or not (answer.refusal or answer.every_tool_call):
        lines = _whole(paper, answer.text, indent=6) if answer.text else [Line("      (an empty text)")]
    if answer.refusal:
        lines += [Line("    refusal"), *_whole(paper, answer.refusal, indent=6)]
    for tool in answer.every_tool_call:
        arguments = tool.raw_arguments if tool.arguments is None else _json(tool.arguments)
        lines += paper.write(f"tool call {tool.name}", indent=4, hang=2)
        lines += _whole(paper, arguments or "(no arguments)", indent=6)
    return lines


def _json(arguments: Mapping[str, object]) -> str:
    try:
        return json.dumps(arguments, ensure_ascii=False, indent=2)
    except (TypeError, ValueError, RecursionError):
        return str(arguments)


def _score(paper: Paper, score: Score) -> list[Line]:
    word = "pass" if score.passed else "FAIL"
    named = f"{word} {score.check} {score.value:.2f}"
    if score.passed:
        return paper.write(f"{named} {score.reason}".strip(), indent=4, hang=2)
    return [
        *paper.write(f"{named} ({score.category})", "red", indent=4, hang=2),
        *_whole(paper, score.reason, indent=6),
    ]


def _spoken(paper: Paper, spoken: Spoken, *, indent: int = 4) -> list[Line]:
    """Messages, each next to its role."""
    roles = [paper.clean(role) for role, _ in spoken]
    width = max(map(columns, roles), default=0)
    narrow = paper.width - indent - width - 3 < _NARROWEST
    lines: list[Line] = []
    for role, (_, text) in zip(roles, spoken, strict=True):
        if narrow:
            lines += [*paper.write(role, indent=indent), *_whole(paper, text, indent=indent + 2)]
            continue
        first, *others = _whole(paper, text, indent=indent + width + 1)
        label = " " * indent + role + " " * (width - columns(role) + 1)
        lines += [Line(label + first.text[indent + width + 1 :]), *others]
    return lines


def _whole(paper: Paper, text: str, *, indent: int) -> list[Line]:
    """A whole text with its line breaks."""
    width = max(paper.width - indent - 2, 8)
    lines = []
    for line in paper.harmless(text).replace("\t", _TAB).split("\n"):
        start = len(line) - len(line.lstrip(" "))
        lead = " " * min(start, width // 2)
        first, *others = [lead + piece for piece in wrap(line[start:], width - len(lead))]
        lines.append(Line(" " * indent + f"| {first}".rstrip()))
        lines += [Line(" " * indent + f": {piece}".rstrip()) for piece in others]
    return lines
