"""The values of ``format`` in a JSON Schema that are checked; all others say nothing about a text."""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Callable, Mapping

_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_DURATION = re.compile(  # RFC 3339, appendix A
    r"P(?:\d+W|(?=\d|T\d)(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)?"
    r"(?:T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S))?)",
    re.ASCII,
)
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf'{_ATOM}(?:\.{_ATOM})*|"(?:[ !#-\[\]-~]|\\[ -~])*"')
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_ESCAPED = r"%[0-9A-Fa-f]{2}"
_PART = rf"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|{_ESCAPED})*"
_URI = re.compile(
    rf"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?://(?:(?:[A-Za-z0-9._~!$&'()*+,;=:-]|{_ESCAPED})*@)?"
    rf"(?:\[(?P<literal>[^\]]*)\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|{_ESCAPED})*)(?::[0-9]*)?(?=[/?#]|\Z)|(?!//))"
    rf"{_PART}(?:\?(?:[?]|{_PART[:-1]})*)?(?:#(?:[?]|{_PART[:-1]})*)?"
)


def _date(text: str) -> bool:
    """A date of RFC 3339, 5.6."""
    found = _DATE.fullmatch(text)
    if found is None:
        return False
    year, month, day = map(int, found.groups())
    try:
        datetime.date(year or 2000, month, day)  # Python has no year 0, which is a leap year as 2000 is
    except ValueError:
        return False
    return True


def _time(text: str) -> bool:
    """A time of RFC 3339, 5.6, with its zone; a second 60 only where a leap second can be."""
    found = _TIME.fullmatch(text)
    if found is None:
        return False
    hour, minute, second = (int(part) for part in found.groups()[:3])
    away = (int(found[5] or 0), int(found[6] or 0))
    if hour > 23 or minute > 59 or second > 60 or away[0] > 23 or away[1] > 59:
        return False
    minutes = 60 * hour + minute - (1 if found[4] == "+" else -1) * (60 * away[0] + away[1])
    return second < 60 or minutes % (24 * 60) == 24 * 60 - 1


def _date_time(text: str) -> bool:
    return len(text) > 10 and text[10] in "Tt" and _date(text[:10]) and _time(text[11:])


def _hostname(text: str) -> bool:
    """A name of RFC 1123, 2.1."""
    return len(text) <= 253 and all(map(_is_label, text.split(".")))


def _is_label(text: str) -> bool:
    # Two hyphens there mark an encoding, of which there is one; whether it can be decoded is not checked.
    return _LABEL.fullmatch(text) is not None and (text[2:4] != "--" or text[:2].lower() == "xn")


def _email(text: str) -> bool:
    """A mailbox of RFC 5321, 4.1.2."""
    local, at, domain = text.rpartition("@")
    if not at or len(local) > 64 or not _LOCAL.fullmatch(local):
        return False
    if domain.startswith("[") and domain.endswith("]"):
        literal = domain[1:-1]
        return _ipv6(literal[5:]) if literal[:5].lower() == "ipv6:" else _ipv4(literal)
    return _hostname(domain)


def _ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return text.isascii()


def _ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return text.isascii() and "%" not in text


def _uri(text: str) -> bool:
    """An absolute address of RFC 3986, with its scheme."""
    found = _URI.fullmatch(text)
    return found is not None and (found["literal"] is None or _ip_literal(found["literal"]))


def _ip_literal(text: str) -> bool:
    return _ipv6(text) or re.fullmatch(r"[vV][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+", text) is not None


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "date": _date,
    "date-time": _date_time,
    "time": _time,
    "duration": lambda text: _DURATION.fullmatch(text) is not None,
    "email": _email,
    "hostname": _hostname,
    "ipv4": _ipv4,
    "ipv6": _ipv6,
    "uri": _uri,
    "uuid": lambda text: _UUID.fullmatch(text) is not None,
}
"""Whether a text has a format, by its name in a schema."""
