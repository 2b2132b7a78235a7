"""Where a number stands in a text: its edges, and the word before it."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

_ESCAPED = r"(?<=\\[bfnrt])|(?<=\\u[0-9a-fA-F]{4})"  # of JSON within a text
STARTS = rf"(?:(?<!\w)|{_ESCAPED})"
"""Pattern of a place where no word goes on."""

ENDS = r"(?!\w|[.,]\d)"
"""Pattern of a place where neither a word nor a number goes on."""

_NUMBER = r"(?:[ _-]?(?:numbers?|num|no|nr|id|code|ref)\b\.?)?"
_THINGS = (
    r"orders?|invoices?|tickets?|ref|reference|articles?|items?|parts?|sku|serial|tracking|parcel|shipment|bookings?|"
    r"transactions?|contract|models?|versions?|releases?|isbn|issn|ean|gtin|upc|asin|doi|uuid|commit|hash|build|lot|"
    r"batch|product|voucher|coupon|id|row|line|timestamp|"
    r"bestell\w{0,8}|auftrags?\w{0,8}|rechnungs?\w{0,8}|artikel\w{0,8}|sendungs?\w{0,8}|vertrags?\w{0,8}|"
    r"serien\w{0,8}|commande|facture|colis|pedido|factura|ordine|fattura"
)
_NAMED_BY_NUMBER = r"customers?|accounts?|cases?|clients?|members?|kunden?|users?"  # "customer 030 1234" has a phone
_THING = re.compile(
    rf"(?:(?<![^\W_])(?:(?:{_THINGS}){_NUMBER}|(?:{_NAMED_BY_NUMBER})[ _-]?(?:number|num|no|nr|id|nummer)\b\.?)"
    r"|(?<!card)(?<!card )#)"
    r"[ \t\"'(:=#]{0,5}(?:is|was|ist|are)?[ \t\"'(:=#]{0,5}$",
    re.IGNORECASE,
)
SAYS_ANYTHING = re.compile(r"[^\W\d_]|#")
"""Finds what may say what a number is: in a table of figures there is nothing."""

_PHONE = re.compile(
    r"(?<![^\W_])(?:(?:tele|mobile[ _-]?|cell[ _-]?|home[ _-]?|work[ _-]?)?phone|tel|mobile|cell|fax|telefax|whatsapp|"
    r"sms|handy|telefon|telefonnummer|handynummer|mobil|mobilnummer|rufnummer|rückruf|téléphone|tél|portable|teléfono|"
    r"móvil|telefono|cellulare|telefone|celular|hotline|msisdn|(?:call|reach|ring|text|phone) (?:me|us|her|him|them)|"
    r"(?:my|his|her|our|their) number|call|dial)(?![^\W_])[^\d\n+]{0,20}$",
    re.IGNORECASE,
)


class Number(NamedTuple):
    """A number in a text.

    Attributes:
        start: where it begins.
        end: where it ends.
        value: its digits and letters, the same for all ways of writing it.
    """

    start: int
    end: int
    value: str


def stands_for(text: str, start: int) -> Literal["phone", "thing", ""]:
    """What the words right before a number say of it: that it is a phone's, or a thing's such as an order."""
    before = text[max(0, start - 48) : start]
    if not SAYS_ANYTHING.search(before):
        return ""
    if _THING.search(before):
        return "thing"
    return "phone" if _PHONE.search(before) else ""
