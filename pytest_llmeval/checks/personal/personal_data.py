"""Personal data that can be told by its form: addresses, phone numbers, accounts, cards, ids of states.

Names of people have no form and are not recognised. A number counts only with the check digits, the shape or the word
before it that sets it apart from orders, dates, prices, versions and ids. Every pattern is bounded, so that the time is
linear in the length of a text.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from pytest_llmeval.checks.personal.account_numbers import cards, ibans, national_ids
from pytest_llmeval.checks.personal.phone_numbers import phone_numbers
from pytest_llmeval.checks.personal.written import ENDS, STARTS, Number
from pytest_llmeval.json_text import parsed_row

KINDS = {
    "email": "email address",
    "address": "postal address",
    "iban": "IBAN",
    "card": "card number",
    "national-id": "national id number",
    "ip": "IP address",
    "phone": "phone number",
}
"""What is recognised: its name in placeholders, and in words."""

_DEEPEST_TEXT = 20  # levels; in texts below that, JSON is text like any other


class Found(NamedTuple):
    """Personal data in a text.

    Attributes:
        kind: one of `KINDS`.
        start: where it begins.
        end: where it ends.
        value: the same for all ways of writing it.
    """

    kind: str
    start: int
    end: int
    value: str


def find_personal_data(text: str, name: str = "") -> list[Found]:
    """The personal data of a text, in its order; no two overlap.

    Args:
        text: plain text, code or JSON.
        name: of the field that the text is the value of, such as ``phone``.
    """
    before = f"{name}: " if name else ""
    whole, shift = before + text, len(before)
    taken = bytearray(len(whole))
    taken[:shift] = b"\1" * shift
    kept = []
    searches = _SEARCHES if re.search(r"\d", whole) else {"email": _emails}  # all others hold digits
    for kind, search in searches.items():
        for start, end, value in search(whole):
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                kept.append(Found(kind, start - shift, end - shift, value))
    return sorted(kept, key=lambda found: found.start)


class Placeholders:
    """Stands for personal data by placeholders such as ``<email-1>``: the same one for the same value.

    Args:
        text: all that is going to be replaced in; placeholders that it holds already are not given again.

    Attributes:
        given: by kind and value.
    """

    def __init__(self, text: str = "") -> None:
        self.given: dict[tuple[str, str], str] = {}
        self._there = {found[0] for found in _PLACEHOLDER.finditer(text)}
        self._numbers: dict[str, int] = {}

    def hide(self, value: Any, name: str = "") -> Any:
        """A JSON value with the personal data in its texts and numbers, names of fields included, replaced.

        Args:
            value: of JSON; a text that is itself a JSON object or list stays one.
            name: of the field that it is the value of.
        """
        return self._hide(value, name, 0)

    def _hide(self, value: Any, name: str, depth: int) -> Any:
        match value:
            case str():
                return self._in_text(value, name, depth)
            case list() | tuple():
                return [self._hide(item, name, depth + 1) for item in value]
            case Mapping():
                return {
                    self._in_plain(str(key), ""): self._hide(item, str(key), depth + 1) for key, item in value.items()
                }
            case int() if not isinstance(value, bool) and value.bit_length() < 100:
                hidden = self._in_plain(str(value), name)
                return value if hidden == str(value) else hidden
        return value

    def _in_text(self, text: str, name: str, depth: int) -> str:
        inner = _json_within(text) if depth <= _DEEPEST_TEXT else None
        if inner is None:
            return self._in_plain(text, name)
        hidden = self._hide(inner, name, depth + 1)
        if hidden == inner:
            return text
        separators = None if re.search(r'[:,] ["\d\[{tfn-]', text[:400]) else (",", ":")
        return json.dumps(hidden, ensure_ascii=False, separators=separators)

    def _in_plain(self, text: str, name: str) -> str:
        parts, end = [], 0
        for found in find_personal_data(text, name):
            parts += [text[end : found.start], self._placeholder(found.kind, found.value)]
            end = found.end
        return "".join([*parts, text[end:]])

    def _placeholder(self, kind: str, value: str) -> str:
        if (kind, value) not in self.given:
            number = self._numbers.get(kind, 0) + 1
            while f"<{kind}-{number}>" in self._there:
                number += 1
            self._numbers[kind] = number
            self.given[kind, value] = f"<{kind}-{number}>"
        return self.given[kind, value]


_PLACEHOLDER = re.compile(rf"<({'|'.join(KINDS)})-\d{{1,9}}>")


def without_numbers(text: str) -> str:
    """The text with ``<email>`` for ``<email-1>``, since the number depends on what else is imported."""
    return _PLACEHOLDER.sub(r"<\1>", text)


def _json_within(text: str) -> Any:
    """The object or list that a text is in JSON; None when it is none."""
    if not text[:1] or text[0] not in "{[" or text.rstrip()[-1] not in "}]":
        return None
    try:
        value = parsed_row(text)
    except ValueError:
        return None
    return value if isinstance(value, (dict, list)) else None


_LOCAL = re.compile(r"[A-Za-z0-9À-ÖØ-öø-ɏЀ-ӿ._+'\u2019&~-]")
_AT = re.compile("@|%40")
_DOMAIN = re.compile(
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?:xn--[A-Za-z0-9-]{1,59}|[A-Za-z]{2,24})(?![A-Za-z0-9-])"
)
_NO_DOMAIN = re.compile(r"\d+\.\d|.*\.(?:png|jpe?g|gif|svg|webp|ico|css|js|py|json)$", re.IGNORECASE)
_ESCAPE = re.compile(r"[bfnrt]|u[0-9a-fA-F]{4}")
_LONGEST_LOCAL = 64


def _emails(text: str) -> Iterator[Number]:
    """Addresses of RFC 5321's everyday form, also with letters of other languages."""
    for at in _AT.finditer(text):
        domain = _DOMAIN.match(text, at.end())
        if domain is None or _NO_DOMAIN.match(domain[0]):
            continue
        start = at.start()
        lowest = max(0, start - _LONGEST_LOCAL)
        while start > lowest and _LOCAL.match(text[start - 1]):
            start -= 1
        if start and text[start - 1] == "\\" and (escape := _ESCAPE.match(text, start)):
            start = escape.end()
        while start < at.start() and not text[start].isalnum():
            start += 1
        local = text[start : at.start()]
        if local and local != "git":
            yield Number(start, domain.end(), f"{local}@{domain[0]}".casefold())


_V4 = re.compile(rf"(?=\d{{1,3}}\.)(?:{STARTS}(?<![.-])(?<![A-Za-z]/))\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?!\w|[.-]\w)")
_V6 = re.compile(
    rf"(?=[0-9A-Fa-f]{{0,4}}:){STARTS}(?<![:.])(?:[0-9A-Fa-f]{{1,4}}:|:){{2,7}}(?:[0-9A-Fa-f]{{1,4}})?(?![\w:])"
)
_VERSION = re.compile(r"(?:version|release|build|[=@^~v]|\bv\.)[ =:\"']{0,3}$", re.IGNORECASE)
_HOST = re.compile(
    r"(?:\bip|ip_?address|addr|address|host|client|remote|server|login|from)\b[^\w\n]{0,4}(?:is )?$", re.IGNORECASE
)


def _ip_addresses(text: str) -> Iterator[Number]:
    """Addresses of computers, but for those of every computer; with four short numbers it is rather a version."""
    for found in _V4.finditer(text):
        address, before = _ip(found[0]), text[max(0, found.start() - 24) : found.start()]
        several = sum(len(part) > 1 for part in found[0].split(".")) > 1 or re.search(r"\d{3}", found[0])
        if address and not _VERSION.search(before) and (several or _HOST.search(before)):
            yield Number(*found.span(), address)
    for found in _V6.finditer(text):
        groups = [group for group in found[0].split(":") if group]
        if len(groups) >= 3 and re.search(r"\d", found[0]) and max(map(len, groups)) > 2 and (address := _ip(found[0])):
            yield Number(*found.span(), address)


def _ip(written: str) -> str | None:
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return None
    of_all = address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local
    mask = written.startswith(("0.", "255."))
    return None if of_all or mask else str(address)


_STREET = r"(?:[A-Z0-9][\w'.-]{0,24}[ \t]){1,4}"
_ENDING = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Pl|Terrace|Circle|Cir|Parkway|"
    r"Pkwy|Highway|Hwy|Square|Sq|Close|Crescent|Gardens)\b\.?(?:[ \t][NSEW]{1,2}\b)?"
)
_NEXT = r"[ \t]{0,2}[,\n][ \t]{0,2}"
_FLAT = rf"(?:(?:{_NEXT}|[ \t])(?:Apt|Apartment|Suite|Ste|Unit|Flat|#)\.?[ \t]?[\w-]{{1,8}})?"
_POSTAL = re.compile(
    rf"(?=\d){STARTS}\d{{1,6}}[A-Za-z]?[ \t]{_STREET}{_ENDING}{_FLAT}(?:{_NEXT}[A-Z][\w .'-]{{1,30}}){{1,2}}?"
    rf"(?:{_NEXT}|[ \t])(?:[A-Z]{{2}}[ \t]\d{{5}}(?:-\d{{4}})?|[A-Z]{{1,2}}\d[A-Z\d]?[ \t]?\d[A-Z]{{2}}){ENDS}"
    rf"|(?=[A-ZÄÖÜ]){STARTS}(?:(?:[A-ZÄÖÜ][\wäöüß.-]{{0,24}}[ \t]){{0,3}}(?:[A-ZÄÖÜ][\wäöüß.-]{{0,24}})?"
    r"(?:straße|strasse|str\.|Straße|Strasse|Str\.|weg|Weg|platz|Platz|allee|Allee|gasse|Gasse|ring|Ring|damm|Damm|ufer|Ufer))"
    rf"[ \t]\d{{1,4}}[ \t]?[a-zA-Z]?{_NEXT}(?:[A-Z]{{1,2}}-)?\d{{4,5}}[ \t][A-ZÄÖÜ][\wäöüß-]{{1,30}}"
)


def _postal_addresses(text: str) -> Iterator[Number]:
    """A street with its number, a town and a code: as in the United States, Britain, Germany, Austria, Switzerland."""
    for found in _POSTAL.finditer(text):
        yield Number(*found.span(), " ".join(re.findall(r"\w+", found[0].casefold())))


_SEARCHES: dict[str, Callable[[str], Iterator[Number]]] = {  # what is told first keeps its place
    "email": _emails,
    "address": _postal_addresses,
    "iban": ibans,
    "card": cards,
    "national-id": national_ids,
    "ip": _ip_addresses,
    "phone": phone_numbers,
}
