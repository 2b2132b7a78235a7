"""The days of the week that a text names, in seven languages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

WHOLE: Mapping[str, str] = {
    "en": "monday tuesday wednesday thursday friday saturday sunday",
    "de": "montag dienstag mittwoch donnerstag freitag samstag sonntag",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
    "it": "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    "nl": "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
    "pt": "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo",
}
"""A text of seven names per language, Monday first, as Unicode's CLDR has them; babel is asked by a test."""

WEEKDAYS: Mapping[str, int] = {
    **{name: number for names in WHOLE.values() for number, name in enumerate(names.split())},
    "sonnabend": 5,
}
_COUNTED = re.compile(
    r"(?<!\w)(\d{1,2})\s(?:working |business )?(?:days?|tage?n?|jours?|días?|giorni|dagen|dias?)\s"
    r"(before|prior|earlier|ahead|after|later|vor|vorher|nach|später|avant|après|antes|después|prima|dopo|voor|na|depois)",
    re.IGNORECASE,
)
_LATER = re.compile(r"after|later|nach|später|après|después|dopo|na|depois", re.IGNORECASE)
_ENDINGS = "(?:s|en|er)?"
_NAMED = re.compile(rf"(?<!\w)({'|'.join(sorted(WEEKDAYS, key=len, reverse=True))}){_ENDINGS}(?!\w)", re.IGNORECASE)
_SHORT = {"mon": 0, "tue": 1, "tues": 1, "wed": 2, "thu": 3, "thur": 3, "thurs": 3, "fri": 4, "sat": 5, "sun": 6}
_SHORT |= {"mo": 0, "di": 1, "mi": 2, "do": 3, "fr": 4, "sa": 5, "so": 6}
_ANY = rf"(?:{'|'.join(sorted((*WEEKDAYS, *_SHORT), key=len, reverse=True))})"
_RANGE = re.compile(
    rf"(?<!\w)({_ANY})(?:s|\.)?\s?(?:[-\u2010-\u2015]|to|through|until|bis|à|au|a|al|t/m|tot)\s?({_ANY})(?:s|\.)?(?!\w)",
    re.IGNORECASE,
)
_SHORT_ALONE = re.compile(r"(?<!\w)(Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)s?\.?(?!\w)")
_SEVERAL = (
    (
        range(5),
        r"weekdays?|workdays?|working days?|business days?|werktags?|werktage[ns]?|wochentags|en semaine|jours ouvr\w+",
    ),
    (range(5, 7), r"weekends?|wochenende[ns]?|week-ends?|fin(?:es)? de semana|fine settimana|fins? de semana"),
    (range(7), r"daily|every day|each day|täglich|jeden tag|tous les jours|todos los días|ogni giorno|elke dag|24/7"),
)
_GROUPS = tuple((days, re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)) for days, words in _SEVERAL)


def counted_weekdays(days: set[int], text: str) -> set[int]:
    """The days that a text counts from others: Saturday for "until 3 days before Tuesday"."""
    steps = [int(found[1]) * (1 if _LATER.match(found[2]) else -1) for found in _COUNTED.finditer(text)]
    return {(day + step) % 7 for day in days for step in steps}


def weekday_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where days of the week stand by their whole name."""
    small = text.lower()
    if any(name in small for name in WEEKDAYS):  # most texts name none
        yield from (found.span() for found in _NAMED.finditer(text))


def weekday_of(written: str) -> int | None:
    """Which day of the week a name is, from 0 for Monday."""
    found = _NAMED.fullmatch(written)
    return WEEKDAYS[found[1].lower()] if found else None


def weekdays(text: str) -> set[int]:
    """The days of the week that a text names, also by a range such as Mon-Fri or as "weekend"."""
    days = {WEEKDAYS[found[1].lower()] for found in _NAMED.finditer(text)}
    days |= {_SHORT[found[1].lower()] for found in _SHORT_ALONE.finditer(text)}
    for found in _RANGE.finditer(text):
        first, last = (WEEKDAYS.get(name.lower(), _SHORT.get(name.lower(), 0)) for name in found.groups())
        days |= {(first + step) % 7 for step in range((last - first) % 7 + 1)}
    for group, pattern in _GROUPS:
        if pattern.search(text):
            days |= set(group)
    return days
