"""A ceiling on money: no call is started that could pass it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from pytest_llmeval.errors import BudgetExceeded
from pytest_llmeval.reply import Usage

CHARACTERS_PER_TOKEN = 3  # of English about 4; fewer, so that the estimate is rather too high
USUAL_ANSWER = 1000  # tokens, while nothing is known of a model's answers and none are asked for

_ANSWER_LIMITS = ("max_completion_tokens", "max_output_tokens", "max_tokens", "num_predict")


class Budget:
    """The money of one process.

    What is in flight counts at an estimate until its cost is known: the most expensive answer the request allows, or
    else the most expensive seen from that model.

    Args:
        limit: USD.
        workers: processes that share it; each gets its part.
    """

    def __init__(self, limit: float, *, workers: int = 1) -> None:
        self.limit = limit / workers
        self.spent = 0.0
        self._held = 0.0
        self._longest: dict[str, int] = {}
        self._lock = threading.Lock()

    def hold(self, model: str, body: Mapping[str, Any], price: Callable[[Usage], float | None]) -> float:
        """Set money aside for a call.

        Args:
            model: its name, for what is known of its answers and for messages.
            body: the request.
            price: what a call with so many tokens costs, in USD; None when unknown.

        Returns:
            USD set aside, for `settle`.

        Raises:
            BudgetExceeded: the call could pass the limit, or its price is unknown.
        """
        estimate = price(Usage(input_tokens=_tokens_in(body), output_tokens=self._tokens_out(model, body)))
        if estimate is None:
            raise BudgetExceeded(
                f"not asked: the price of {model} is unknown, so no budget can be kept; set prices = "
                f"{{ input = ..., output = ... }} for it in [tool.llmeval.models] (USD per million tokens)"
            )
        with self._lock:
            if self.spent + self._held + estimate > self.limit:
                raise BudgetExceeded(
                    f"the budget of ${self.limit:.4g} is used up (${self.spent:.4g} spent, ${self._held:.4g} in "
                    f"flight, this call up to ${estimate:.4g}): not asked; raise --llm-budget"
                )
            self._held += estimate
        return estimate

    def settle(self, model: str, held: float, cost: float | None, usage: Usage | None) -> None:
        """Replace what was set aside by what the call has cost; None for a call that failed and was not billed."""
        with self._lock:
            self._held -= held
            if usage is None:
                return
            # Without a usage the cost is unknown: the estimate counts.
            self.spent += held if cost is None else cost
            if usage.output_tokens is not None:
                self._longest[model] = max(self._longest.get(model, 0), usage.output_tokens)

    def _tokens_out(self, model: str, body: Mapping[str, Any]) -> int:
        places = [body, body.get("generationConfig"), body.get("options")]
        for place in places:
            for name in (*_ANSWER_LIMITS, "maxOutputTokens"):
                limit = place.get(name) if isinstance(place, Mapping) else None
                if isinstance(limit, int) and limit > 0:
                    return limit
        return max(USUAL_ANSWER, self._longest.get(model, 0))


def _tokens_in(body: Mapping[str, Any]) -> int:
    return len(json.dumps(body, ensure_ascii=False, default=str)) // CHARACTERS_PER_TOKEN + 1
