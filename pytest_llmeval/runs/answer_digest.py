"""Names an answer by what it says, so that a decision on it holds whenever it comes again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256

from pytest_llmeval.runs.results import Call


def answer_digest(calls: Iterable[Call]) -> str:
    """The digest of all that the product's model answered in a sample; "" where it was not asked.

    Args:
        calls: of the sample, those of judges included.
    """
    said = [
        [
            call.answer.text,
            call.answer.refusal or "",
            [[tool.name, tool.raw_arguments or tool.arguments] for tool in call.answer.every_tool_call],
        ]
        for call in calls
        if not call.judge
    ]
    if not said:
        return ""
    text = json.dumps(said, sort_keys=True, default=repr)  # ASCII, so that lone surrogates have a digest too
    return sha256(text.encode("ascii")).hexdigest()[:16]
