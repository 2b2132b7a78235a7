"""Merge saved runs: shards of one evaluation, or some cases that were run again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_llmeval.errors import RunFileError
from pytest_llmeval.runs.results import CaseResult, Run, SampleResult, TrialKey, model_words
from pytest_llmeval.runs.rules import RunRules
from pytest_llmeval.runs.shards import Shards
from pytest_llmeval.text import plural

Named = tuple[str, Run]
"""A run with the name of its file."""


def merge_shards(shards: Sequence[Named]) -> Run:
    """Join the runs of shards, which ran a part of the cases each.

    A case of two shards is one case: equal answers count once, answers with different numbers (of ``pytest-repeat``, or
    of more samples) are combined, and a judged answer replaces an error. The run is complete when the shards together
    have every case that any of them left out.

    Shards of ``--llm-shard`` say which they are: the same one twice is an error, and `Run.shards` says what is missing.

    Args:
        shards: at least one, with the names of their files.

    Raises:
        RunFileError: they are not shards of one run; one line for each contradiction.
    """
    (first_name, first), *others = shards
    problems = [text for name, run in others for text in _other_models(first_name, first, name, run)]
    problems += [text for name, run in others for text in _cut_otherwise(first_name, first, name, run)]
    problems += _twice(shards)
    results: dict[TrialKey, tuple[str, CaseResult]] = {}
    for name, run in shards:
        for result in run.results:
            earlier = results.get(result.trial)
            if earlier is None:
                results[result.trial] = name, result
                continue
            united = _united(earlier[1], result)
            if isinstance(united, str):
                problems.append(f"{result.key} under {result.model}: {united} in {earlier[0]} and in {name}")
            else:
                results[result.trial] = name, united
    if problems:
        count = plural(len(problems), "contradiction")
        raise RunFileError("\n".join([f"these are not shards of one run: {count}", *problems[:20]]))
    merged = first._replace(
        created=min(run.created for _, run in shards),
        commit=first.commit if all(run.commit == first.commit for _, run in shards) else None,
        results=tuple(result for _, result in results.values()),
        rules=_rules_of([run.rules for _, run in shards]),
        shards=_joined([run.shards for _, run in shards if run.shards is not None]),
        failed=sum(run.failed for _, run in shards),
        skip_themselves=tuple(dict.fromkeys(key for _, run in shards for key in run.skip_themselves)),
    )
    runs = [run for _, run in shards]
    if any(run.complete is None for run in runs):
        return merged._replace(complete=None, left_out=())
    present = {result.trial for result in merged.results}
    left_out = dict.fromkeys(trial for run in runs for trial in run.left_out)
    missing = tuple(trial for trial in left_out if trial not in present)
    # What a shard lacks for another reason than being deselected, no other shard is known to have.
    known = all(run.complete or run.left_out for run in runs)
    return merged._replace(complete=known and not missing, left_out=missing if known else ())


def with_cases_replaced(old: Run, new: Run) -> Run:
    """A run of one model with the cases of a later run of the model in place of its own.

    A case with an error is not taken over: a provider's outage must not replace a good result.
    """
    sound = {result.trial: result for result in new.results if not any(s.outcome == "error" for s in result.samples)}
    merged = {**{result.trial: result for result in old.results}, **sound}
    return new._replace(complete=old.complete, left_out=old.left_out, results=tuple(merged.values()))


def _other_models(first_name: str, first: Run, name: str, run: Run) -> list[str]:
    problems = []
    if first.baseline != run.baseline:
        problems.append(
            f"{name} is compared with {run.baseline or 'no baseline'}, {first_name} with {first.baseline or 'none'}"
        )
    for model in dict.fromkeys((*first.models, *run.models)):
        old, new = first.models.get(model), run.models.get(model)
        if old is None or new is None:
            problems.append(f"{first_name if old is None else name} has no model {model}")
        elif dict(old) != dict(new) and model_words(old) == model_words(new):
            problems.append(f"{model} is another saved run in {name} than in {first_name}")
        elif dict(old) != dict(new):
            problems.append(f"{model} is {model_words(new)} in {name} and {model_words(old)} in {first_name}")
    return problems


def _cut_otherwise(first_name: str, first: Run, name: str, run: Run) -> Iterator[str]:
    """Why two runs are not shards of one ``--llm-shard``."""
    if first.commit and run.commit and first.shards and run.shards and first.commit != run.commit:
        yield f"{name} is of commit {run.commit[:12]}, {first_name} of {first.commit[:12]}"
    old, new = first.shards, run.shards
    if old is None or new is None:
        if old is not new:
            lone = name if new is None else first_name
            yield f"{lone} is of a session without --llm-shard, {first_name if lone == name else name} of one with it"
    elif old.of != new.of:
        yield f"{name} is of {plural(new.of, 'shard')}, {first_name} of {old.of}"
    elif old.cut != new.cut or old.cases != new.cases:
        yield (
            f"{name} is a shard of other cases than {first_name}: rows, tests, the baseline or an option (-k, -m, "
            "--llm-samples) differ"
        )
    elif _gated(old) != _gated(new):
        yield f"{name} is gated by other settings than {first_name}"
    if first.rules is not None and run.rules is not None and _gated(first.rules) != _gated(run.rules):
        yield f"{name} is gated by other settings than {first_name}"


def _gated(rules: RunRules | Shards) -> tuple[object, ...]:
    return rules.strict, dict(rules.categories), rules.budgets, rules.dispersion


def _twice(shards: Sequence[Named]) -> Iterator[str]:
    """The shards that two runs have."""
    seen: dict[int, str] = {}
    for name, run in shards:
        for number in run.shards.numbers if run.shards is not None else ():
            other = seen.setdefault(number, name)
            if other != name:
                yield f"shard {number} is in {other} and in {name}"


def _joined(shards: Sequence[Shards]) -> Shards | None:
    """The shards of several runs that are of one cut, None where there are none."""
    if not shards:
        return None
    return shards[0]._replace(
        numbers=tuple(sorted(number for each in shards for number in each.numbers)),
        unmeasurable=tuple(dict.fromkeys(reason for each in shards for reason in each.unmeasurable)),
        decided="; ".join(dict.fromkeys(each.decided for each in shards if each.decided)),
    )


def _rules_of(all_rules: Sequence[RunRules | None]) -> RunRules | None:
    """The rules of several runs, None where they differ, unless one of them could not measure something."""
    known = [rules for rules in all_rules if rules is not None]
    reasons = tuple(dict.fromkeys(reason for rules in known for reason in rules.unmeasurable))
    alike = [rules._replace(unmeasurable=reasons) for rules in known]
    same = len(known) == len(all_rules) and all(rules == alike[0] for rules in alike)
    return alike[0] if same or reasons else None


def _united(first: CaseResult, second: CaseResult) -> CaseResult | str:
    """One result of two of the same case, or their contradiction."""
    if first.content != second.content:
        return "its row differs"
    samples = {sample.index: sample for sample in first.samples}
    for sample in second.samples:
        other = samples.setdefault(sample.index, sample)
        if other.outcome == "error" and sample.outcome != "error":
            samples[sample.index] = sample
        elif sample.outcome != "error" and other.outcome != "error" and _said(other) != _said(sample):
            return f"answer {sample.index + 1} differs"
    return first._replace(samples=tuple(samples[index] for index in sorted(samples)))


def _said(sample: SampleResult) -> tuple[object, ...]:
    """What makes two answers the same."""
    calls = tuple(
        (call.words_digest, call.answer.text, call.answer.refusal, call.answer.every_tool_call) for call in sample.calls
    )
    return sample.outcome, sample.category, sample.further, calls
