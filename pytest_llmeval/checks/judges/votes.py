"""What a judge answers, read strictly: a verdict that does not rest on the answer's own words is not used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pytest_llmeval.errors import JudgeFailed, LlmevalError, ReplyError
from pytest_llmeval.json_text import parsed_row
from pytest_llmeval.reply import Answer, ending_category
from pytest_llmeval.text import first_line, folded, quoted, shown

MOST_VOTES = 9
_MAY_BE_CUT = 20  # characters of a quotation that nobody would find in an answer by chance
_FIELDS = {"evidence", "reason", "verdict"}
_MARKUP = str.maketrans("", "", "*_`#")
_TYPOGRAPHY = str.maketrans(
    "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2010\u2011\u2012\u2013\u2014", "''''\"\"\"\"-----"
)


class Vote(NamedTuple):
    """One verdict of a judge.

    Attributes:
        evidence: quotations that stand in what was judged.
    """

    verdict: str
    reason: str
    evidence: tuple[str, ...]


class Votes(NamedTuple):
    """The votes of a judge on one answer.

    Attributes:
        deciding: the verdict of more than half of all votes that were asked for.
        used: those that can be used.
        unused: why each other one cannot.
    """

    deciding: str
    used: tuple[Vote, ...]
    unused: tuple[str, ...] = ()

    @property
    def agreeing(self) -> tuple[Vote, ...]:
        """The votes for the deciding verdict."""
        return tuple(vote for vote in self.used if vote.verdict == self.deciding)

    def words(self) -> str:
        """What decided, how the judge reasoned, and what spoke against it: a line each."""
        asked = len(self.used) + len(self.unused)
        first = self.agreeing[0]
        count = f"{len(self.agreeing)} of {asked} votes: " if asked > 1 else ""
        lines = [f"{count}{first_line(first.reason, 300)}"]
        lines += [f"evidence: {quoted(text, 200)}" for text in first.evidence[:5]]
        others = (vote for vote in self.used if vote.verdict != self.deciding)
        lines += [f"another vote says {vote.verdict}: {first_line(vote.reason, 200)}" for vote in others]
        return "\n".join([*lines, *(f"a vote was not used: {why}" for why in self.unused)])


def valid_votes(check: str, votes: object) -> int:
    """How many votes a test asks for.

    Raises:
        LlmevalError: no odd number from 1 to 9: an even one would often decide nothing.
    """
    if isinstance(votes, bool) or not isinstance(votes, int) or not 1 <= votes <= MOST_VOTES or votes % 2 == 0:
        raise LlmevalError(f"{check}: votes={shown(votes)} is not an odd number from 1 to {MOST_VOTES}")
    return votes


def decided(judge: str, votes: Sequence[Vote | str]) -> Votes:
    """What most votes of a judge say.

    Args:
        judge: its name, for errors.
        votes: in place of one that cannot be used, why it cannot.

    Raises:
        JudgeFailed: no verdict has more than half of all votes.
    """
    used = tuple(vote for vote in votes if isinstance(vote, Vote))
    unused = tuple(first_line(vote) for vote in votes if isinstance(vote, str))
    counts = Counter(vote.verdict for vote in used)
    for verdict, count in counts.items():
        if 2 * count > len(votes):
            return Votes(verdict, used, unused)
    if not used:
        raise JudgeFailed(f"the judge {judge} gave no verdict: {unused[0]}")
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
    lost = f", {len(unused)} not used ({unused[0]})" if unused else ""
    raise JudgeFailed(f"the judge {judge} gave no verdict by most of its {len(votes)} votes: {said}{lost}")


def vote_in(answer: Answer | ReplyError, judged: Sequence[str], verdicts: Sequence[str]) -> Vote | str:
    """The vote in what a judge said; why there is none, where it cannot be used.

    Args:
        answer: or why it said nothing.
        judged: the texts that it may quote.
        verdicts: the words for one.
    """
    if isinstance(answer, ReplyError):
        return str(answer)
    try:
        return _vote(answer, judged, verdicts)
    except ValueError as error:
        return str(error)


def usable(judged: Sequence[str], verdicts: Sequence[str]) -> Callable[[Answer], bool]:
    """Tells whether an answer of a judge holds a verdict; takes what `vote_in` does."""
    return lambda answer: isinstance(vote_in(answer, judged, verdicts), Vote)


def _vote(answer: Answer, judged: Sequence[str], verdicts: Sequence[str]) -> Vote:
    """The verdict in an answer.

    Raises:
        ValueError: there is none that can be used; says why.
    """
    if answer.refusal or ending_category(answer) is not None:
        told = first_line(answer.refusal or f"its answer ended with {answer.finish_reason}", 150)
        raise ValueError(f"it refused or was cut off: {told}")
    try:
        data = parsed_row(answer.text.strip())
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise ValueError(f"it wrote no JSON object: {quoted(answer.text, 100)}")
    if data.keys() != _FIELDS:
        raise ValueError(f"its JSON does not have the fields evidence, reason and verdict: {quoted(answer.text, 100)}")
    verdict, reason, evidence = data["verdict"], data["reason"], data["evidence"]
    if verdict not in verdicts:
        raise ValueError(f"its verdict is {shown(verdict)}, not {' or '.join(verdicts)}")
    if not isinstance(reason, str) or not reason.strip():
        raise ValueError("it gives no reason")
    if not isinstance(evidence, list) or not all(isinstance(text, str) for text in evidence):
        raise ValueError("its evidence is no list of texts")
    sources = [_plain(text) for text in judged]
    if not evidence and any(sources):
        raise ValueError("it quotes nothing of the answer")
    for text in evidence:
        if not stands_in(text, sources):
            raise ValueError(f"it quotes what the answer does not say: {quoted(text, 100)}")
    return Vote(verdict, reason.strip(), tuple(evidence))


def stands_in(quotation: str, sources: Sequence[str]) -> bool:
    """Whether a quotation stands in one of some texts, in whole words.

    A long one may end within a word: judges cut what they quote.

    Args:
        sources: as `_plain` gives them.
    """
    text = _plain(quotation)
    return any(character.isalnum() for character in text) and any(_holds(source, text) for source in sources)


def _holds(source: str, text: str) -> bool:
    start = source.find(text)
    while start >= 0:
        end = start + len(text)
        cut_before = start > 0 and source[start - 1].isalnum() and text[0].isalnum()
        cut_behind = end < len(source) and source[end].isalnum() and text[-1].isalnum()
        long = len(text) >= _MAY_BE_CUT
        if not (cut_before or (cut_behind and not long)) or not text.isascii():  # some scripts write no spaces
            return True
        start = source.find(text, start + 1)
    return False


def _plain(text: str) -> str:
    """A text without what a faithful copy of it may change: case, white space, emphasis, kinds of quotes and dashes."""
    return folded(text.translate(_TYPOGRAPHY).translate(_MARKUP), ignore_case=True)
