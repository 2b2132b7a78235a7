"""The months by name in seven languages, as Unicode's CLDR has them."""

from __future__ import annotations

from collections.abc import Mapping

WHOLE: Mapping[str, str] = {
    "en": "january february march april may june july august september october november december",
    "de": "januar februar märz april mai juni juli august september oktober november dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
}
"""A text of twelve names per language; babel, when it is installed, is asked by a test."""

# Short names that are no other word: "3 out", "10 set" and "5 ago" are no dates.
_SHORT = {
    "jan": 1, "feb": 2, "fev": 2, "mar": 3, "mrt": 3, "apr": 4, "abr": 4, "jun": 6, "jul": 7, "aug": 8, "sep": 9,
    "sept": 9, "oct": 10, "okt": 10, "nov": 11, "dec": 12, "dez": 12, "dic": 12, "janv": 1, "févr": 2, "avr": 4,
    "juil": 7, "déc": 12, "ene": 1,
}  # fmt: skip

MONTHS: Mapping[str, int] = {
    **_SHORT,
    **{name: number for names in WHOLE.values() for number, name in enumerate(names.split(), start=1)},
    "maerz": 3,
    "jänner": 1,
}
"""The number of each month by each of its names, in small letters."""
