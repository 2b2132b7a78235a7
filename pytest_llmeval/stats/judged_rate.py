"""The rate of bad answers behind what a judge says, by how people labelled a sample of what it judged."""

from __future__ import annotations

import math

from pytest_llmeval.stats.labels import Estimate
from pytest_llmeval.stats.special import NORMAL_HALF_WIDTH


def corrected_rate(
    flagged: int, answers: int, *, flagged_bad: int, flagged_good: int, passed_bad: int, passed_good: int
) -> Estimate | None:
    """The share of bad answers, where a judge that is not always right flagged some.

    With s the share of bad labelled answers that it flags and t that of good ones that it passes, the rate is
    ``(flagged + t - 1) / (s + t - 1)`` (Rogan and Gladen 1978). The interval is that of Lang and Reiczigel (2014),
    which holds the uncertainty of s and t too: each is moved by one answer found and one missed, and the share of
    flagged answers as Wilson's is. s and t hold for other answers as long as what is bad about them is of the same
    kinds; the labelled answers may be bad more or less often.

    Args:
        flagged: answers that the judge found bad.
        answers: all that it judged.
        flagged_bad: labelled answers that the judge flagged and people found bad; and so on.

    Returns:
        None without an answer, without a bad or a good label, or where the judge is no better than chance.

    Raises:
        ValueError: a number is below 0, or more answers were flagged than there are.
    """
    labels = flagged_bad, flagged_good, passed_bad, passed_good
    if min(*labels, flagged) < 0 or flagged > answers:
        raise ValueError(f"{flagged} flagged of {answers} answers with labels {labels}: each number is from 0 up")
    bad, good = flagged_bad + passed_bad, flagged_good + passed_good
    if not (answers and bad and good):
        return None
    better = flagged_bad / bad + passed_good / good - 1
    z = NORMAL_HALF_WIDTH
    found, kept = (flagged_bad + 1) / (bad + 2), (passed_good + 1) / (good + 2)
    better_than_chance = found + kept - 1
    if better <= 0 or better_than_chance <= 0:
        return None
    value = (flagged / answers + passed_good / good - 1) / better
    share = (flagged + z * z / 2) / (answers + z * z)
    rate = (share + kept - 1) / better_than_chance
    of_found, of_kept = found * (1 - found) / (bad + 2), kept * (1 - kept) / (good + 2)
    of_share = share * (1 - share) / (answers + z * z)
    middle = rate + 2 * z * z * (rate * of_found - (1 - rate) * of_kept)
    half = z * math.sqrt(of_share + rate * rate * of_found + (1 - rate) ** 2 * of_kept) / better_than_chance
    value, low, high = (min(1.0, max(0.0, each)) for each in (value, middle - half, middle + half))
    return Estimate(value, min(low, value), max(high, value))
