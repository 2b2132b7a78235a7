"""The words that bound a number: over 400, at most 400, almost 400."""

from __future__ import annotations

import re
from typing import Literal

Bound = Literal["", "over", "under", "almost"]
_OVER = (
    "more than|over|above|at least|no less than|no fewer than|not less than|exceeding|exceeds?|exceeded|beyond|"
    "upwards of|in excess of|minimum of|minimum|from|after|greater than|longer than|older than|higher than|>=?|≥|"
    "mehr als|über|mindestens|ab|nach|wenigstens|länger als|plus de|au moins|supérieure? à|après|dès|más de|al menos|"
    "por lo menos|después de|a partir de|desde|superior a|più di|oltre|almeno|dopo|meer dan|minstens|ten minste|"
    "mais de|pelo menos|no mínimo|após|depois de"
)
_UNDER = (
    "less than|fewer than|under|below|up to|at most|no more than|not more than|no later than|maximum of|maximum|within|"
    "until|before|not exceeding|lower than|shorter than|younger than|smaller than|<=?|≤|"
    "weniger als|unter|höchstens|maximal|bis zu|innerhalb von|innerhalb|binnen|vor|spätestens|moins de|au plus|jusqu'à|"
    "dans les|sous|menos de|como máximo|hasta|dentro de|antes de|meno di|al massimo|fino a|entro|minder dan|hoogstens|"
    "maximaal|tot|até|no máximo"
)
_ALMOST = (
    "almost|nearly|close to|just under|just below|not quite|approaching|fast|beinahe|knapp|presque|près de|casi|quasi|"
    "bijna|quase"
)
_ARTICLES = "the|a|an|les|de|los|den|der|i|gli"
_BOUND_BEFORE = re.compile(
    rf"(?<![^\W_])(?:(?P<almost>{_ALMOST})|(?P<over>{_OVER})|(?P<under>{_UNDER}))\s?(?:(?:{_ARTICLES})\s)?$",
    re.IGNORECASE,
)
# A word that may stand before a bounded number; looked up first, since most numbers have no bound.
_LAST_WORDS = frozenset(
    word
    for phrase in f"{_ALMOST}|{_OVER}|{_UNDER}|{_ARTICLES}".replace("?", "").split("|")
    for word in (phrase.split()[-1], *(("supérieur",) if phrase.startswith("sup") else ()))
) | {">", "<", "exceed", "exceeds", "jusqu'à", "d'ici"}
_BOUND_AFTER = re.compile(
    r"[\s-](?:(?P<over>or (?:more|above|older|longer|over|higher)|and (?:above|over|up|older)|plus|oder mehr|"
    r"ou plus|o más)"
    r"|(?P<under>or (?:less|fewer|under|below|younger|sooner)|oder weniger|ou moins|o menos|at most|maximum))(?!\w)"
    r"|(?P<plus>\+)(?!\d)",
    re.IGNORECASE,
)
_MARKS = ("-", "+")
_DENIAL = re.compile(
    r"(?<!\w)(?:too (?:late|old|young|long)|expir\w+|lapses?|refus\w+|reject\w+|zu spät|verfällt|trop tard|not|no|"
    r"never|without|cannot|none|nobody|free|unless|except|otherwise|nor|only|nicht|kein\w*|ohne|nur|außer|gratis|kostenlos|"
    r"sonst|niemand|ne|pas|sans|sauf|gratuit\w*|sino|sin|nunca|salvo|non|senza|tranne|niet|geen|zonder|não|sem)(?!\w)|"
    r"n['\u2019]t(?!\w)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?;\u3002\uff01\uff1f\n]")
_TURNED = re.compile(r"(?<!\w)(?:not|never|nicht|nie|pas|no|non|niet|não)\s$|n['\u2019]t\s$", re.IGNORECASE)
_RELATIVE = re.compile(
    r"\s(?:before|prior|earlier|ahead|in advance|ago|beforehand|vor|vorher|zuvor|avant|antes|prima|voor|eerder)(?!\w)",
    re.IGNORECASE,
)
_OPPOSITE = {
    "under": re.compile(
        r"(?<!\w)(?:above|over|more|beyond|otherwise|after that|mehr|darüber|ab|sonst|danach|plus|au-delà|"
        r"sinon|más|oltre|meer|mais)(?!\w)",
        re.IGNORECASE,
    ),
    "over": re.compile(
        r"(?<!\w)(?:below|under|less|otherwise|before that|weniger|darunter|unter|sonst|moins|en dessous|"
        r"sinon|menos|sotto|minder)(?!\w)",
        re.IGNORECASE,
    ),
}
_CLAUSE = 60  # characters before and after a number in which a word denies it


def bound_of(text: str, start: int, end: int) -> tuple[Bound, bool]:
    """What bounds a number of a text, and whether a negation stands near it in its sentence.

    Args:
        start: where the number starts, its currency included.
        end: where it ends, its unit included.
    """
    before = text[max(0, start - _CLAUSE) : start]
    last = before.rstrip().rsplit(None, 1)[-1:]
    bound: Bound = ""
    following = text[end : end + 1]
    if following.isspace() and _RELATIVE.match(text, end):  # "until 3 days before" is "at least 3 days before"
        return "", False
    if last and last[0].casefold() in _LAST_WORDS:
        near = _SENTENCE_END.split(before)[-1][-30:]
        if found := _BOUND_BEFORE.search(near):
            bound = "almost" if found["almost"] else "under" if found["under"] else "over"
            if _TURNED.search(near[: found.start()]):  # "not over 30"
                bound = "under" if bound == "over" else "over" if bound == "under" else ""
    if not bound and (following.isspace() or following in _MARKS) and (found := _BOUND_AFTER.match(text, end)):
        bound = "under" if found["under"] else "over"
    if not bound:
        return "", False
    if bound in _OPPOSITE and _OPPOSITE[bound].search(text, end, end + _CLAUSE):  # "4.90 below 50, free above"
        return "", False
    sentence = _SENTENCE_END.split(before)[-1] + " | " + _SENTENCE_END.split(text[end : end + _CLAUSE])[0]
    return bound, bool(_DENIAL.search(sentence))
