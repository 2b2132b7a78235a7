"""Which cases of two runs can be compared: what their rows say, and what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_llmeval.run import CaseKey, CaseResult, Run

__all__ = ["Differences", "differences", "model_words", "was_another"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """The cases of two runs that are not the same in both.

    Attributes:
        rows: their row in the dataset changed, so they are other cases.
        replies: the saved replies fail today's tests, as `CaseResult.rejudged` says, so that they excuse nothing.
        prompts: they were asked with another prompt. The effect of that is what one wants to see: they are compared.
    """

    rows: tuple[CaseKey, ...]
    replies: tuple[CaseKey, ...]
    prompts: tuple[CaseKey, ...]

    @property
    def not_comparable(self) -> frozenset[CaseKey]:
        """The cases that must not be compared."""
        return frozenset((*self.rows, *self.replies))


def differences(before: Mapping[CaseKey, CaseResult], after: Mapping[CaseKey, CaseResult]) -> Differences:
    """Find the cases that changed from one run to another.

    Args:
        before: the results of one model by case.
        after: the same of the later run.
    """
    pairs = {key: (before[key], after[key]) for key in after if key in before}
    rows = {key for key, (old, new) in pairs.items() if old.content != new.content}
    replies = {key for key, (old, _) in pairs.items() if old.rejudged == "not_compared"} - rows
    prompts = {
        key
        for key, (old, new) in pairs.items()
        if key not in rows and key not in replies and (asked := _asked(old)) and (ask := _asked(new)) and asked != ask
    }
    rows_, replies_, prompts_ = (tuple(key for key in pairs if key in found) for found in (rows, replies, prompts))
    return Differences(rows=rows_, replies=replies_, prompts=prompts_)


def _asked(result: CaseResult) -> set[str]:
    """The digests of what opens each sample: later prompts of a conversation hold what the model said."""
    return {sample.calls[0].prompt for sample in result.samples if sample.calls}


def was_another(before: Run, after: Run, old: str, new: str) -> bool:
    """Whether two names stand for different models, or one name for another than it did, whatever their parameters."""
    models = before.models.get(old, {}), after.models.get(new, {})
    return old != new or any(models[0].get(key) != models[1].get(key) for key in ("provider", "model"))


def model_words(model: Mapping[str, Any]) -> str:
    """What a model's name stands for in a run's header, in words."""
    params = model.get("params") or {}
    shown = ", ".join(f"{name} = {value}" for name, value in params.items()) if isinstance(params, Mapping) else ""
    return f"{model.get('provider')}/{model.get('model')}" + (f" ({shown})" if shown else "")
