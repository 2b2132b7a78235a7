"""Which shard a case is in: the same whatever else was collected, and in whichever order.

A case is asked in all its wordings by one machine, under all models. Where the baseline tells how long a case takes,
the longest goes first, to the shard with the least to do. The baseline alone decides that, and not what is collected:
``-k`` or ``--lf`` on one machine moves no case to another shard. All other cases go by a hash of their names.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Iterable, Mapping

from pytest_llmeval.runs.results import CaseKey, CaseResult


def shard_by_hash(case: CaseKey, of: int) -> int:
    """The number of a case's shard, from 1, by its name alone.

    Args:
        case: in the row's own words.
        of: how many shards there are.
    """
    digest = hashlib.sha256(json.dumps(case).encode()).digest()
    return int.from_bytes(digest[:8], "big") % of + 1


def shards_by_time(seconds: Mapping[CaseKey, float], of: int) -> dict[CaseKey, int]:
    """The numbers of the cases' shards, from 1: the longest case first, to the shard with the least to do.

    Args:
        seconds: that each case takes.
        of: how many shards there are.
    """
    least = [(0.0, number) for number in range(1, of + 1)]
    shards: dict[CaseKey, int] = {}
    for case in sorted(seconds, key=lambda case: (-seconds[case], case)):
        load, number = least[0]
        shards[case] = number
        heapq.heapreplace(least, (load + seconds[case], number))
    return shards


def seconds_of(results: Iterable[CaseResult]) -> dict[CaseKey, float]:
    """How long the calls of each case took, all its wordings together; one without a known latency is left out.

    Args:
        results: of one model.
    """
    seconds: dict[CaseKey, float] = {}
    for result in results:
        taken = sum(max(call.measures.latency, 0.0) for call in result.calls)
        if taken > 0:
            seconds[result.row] = seconds.get(result.row, 0.0) + taken
    return seconds
