"""Which answers of a run are reviewed: all that fail, and some of the others, drawn at random."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

FEWEST, SHARE = 20, 0.1
"""Of the answers that do not fail, at least so many and this share are reviewed."""


class Drawn(NamedTuple):
    """What is reviewed.

    Attributes:
        places: of the answers, as they were given.
        share: of the answers that do not fail, those that are among them; 1.0 when all are.
    """

    places: tuple[int, ...]
    share: float


def draw(passed: Sequence[bool], seed: str) -> Drawn:
    """Draw the answers to review.

    Args:
        passed: of each answer whether it passes, or nothing says whether it is right.
        seed: the same draws the same.
    """
    passing = [place for place, passes in enumerate(passed) if passes]
    number = min(len(passing), max(FEWEST, round(SHARE * len(passing))))
    chosen = set(random.Random(seed).sample(passing, number))
    places = tuple(place for place, passes in enumerate(passed) if not passes or place in chosen)
    return Drawn(places, number / len(passing) if passing else 1.0)
