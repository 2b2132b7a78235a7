"""The scores of games that a story tells goal by goal."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SCORELINE = re.compile(r"(?<![\w.,/-])(\d{1,2})\s?[-\u2010-\u2013:]\s?(\d{1,2})(?![\w-]|[.,/]\d|\s?[%$€£])")
_GOAL = re.compile(
    r"(?<!\w)(?:goals?|scor\w+|nett\w+|equalis\w+|equaliz\w+|level\w*|headers?|penalt\w+|finish\w*|strikes?|opener|"
    r"opened the|doubled|pulled|one back|made it|make it|tapped|slotted|fired|converted|winner|lead|tore?|treffer|"
    r"traf|trafen|buts?|marqu\w+|gol|goles|gols|doelpunt\w*)(?!\w)",
    re.IGNORECASE,
)
_GAME = re.compile(
    r"(?<!\w)(?:goals?|scor\w+|match|penalt\w+|tore?|spiel|buts|goles|gols?|partita|partido)(?!\w)", re.IGNORECASE
)
_MOST = 15  # goals that are told one by one


def scoreline_at(text: str, start: int) -> tuple[int, int] | None:
    """The score that a number of a text belongs to, None when it is no score."""
    for found in _SCORELINE.finditer(text, max(0, start - 6), start + 10):
        if found.start() <= start < found.end():
            return int(found[1]), int(found[2])
    return None


class Stories:
    """Sources that may tell a game."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._told: list[tuple[tuple[int, int], int]] = []
        for text in texts:
            if not _GAME.search(text):
                continue
            goals = [found.start() for found in _GOAL.finditer(text)]
            self._told.append(((0, 0), len(goals)))
            for found in _SCORELINE.finditer(text):
                after = sum(goal > found.start() for goal in goals[-_MOST:])
                one, other = int(found[1]), int(found[2])
                self._told += [((one, other), after), ((other, one), after)]

    def may_lead_to(self, score: tuple[int, int]) -> bool:
        """Whether the sources tell at least as many goals as a score has, counting from a score of theirs."""
        return any(
            score[0] >= one and score[1] >= other and 0 < score[0] + score[1] - one - other <= min(goals, _MOST)
            for (one, other), goals in self._told
        )
