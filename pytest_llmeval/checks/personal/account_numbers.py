"""Numbers of accounts, cards and people, told from other numbers by their check digits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from pytest_llmeval.checks.personal.written import ENDS, SAYS_ANYTHING, STARTS, Number, stands_for

# Length of an IBAN by country: the registry of SWIFT, release 99.
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
_IBAN = re.compile(rf"(?=[A-Z]{{2}}\d){STARTS}([A-Z]{{2}})\d\d(?=[ -]?[A-Z0-9])", re.IGNORECASE)

_CARD = re.compile(
    rf"(?=\d){STARTS}(?<![.-])(?:\d{{4}}([ -])\d{{4}}\1\d{{4}}\1\d{{4}}|3\d{{3}}([ -])\d{{6}}\2\d{{4,5}}|\d{{14,19}})"
    rf"{ENDS}(?!-)"
)
# First digits and lengths: the ranges that ISO/IEC 7812 issuers publish.
_ISSUERS = re.compile(
    r"4\d{15}(?:\d{3})?|(?:2131|1800)\d{11}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}"
    r"|(?:6011|64[4-9]\d|65\d\d|35(?:2[89]|[3-8]\d))\d{12}|62\d{14,17}|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{12,15}"
)

_SSN = re.compile(rf"(?=\d{{3}}-){STARTS}(?<![.-])(?!000|666)\d{{3}}-(?!00)\d\d-(?!0000)\d{{4}}{ENDS}(?!-)")
_NINO = re.compile(
    rf"(?=[A-Z]{{2}} ?\d){STARTS}(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"
    rf"( ?)\d\d\1\d\d\1\d\d\1[A-D]{ENDS}(?!-)"
)
_CPF = re.compile(rf"(?=\d{{3}}\.){STARTS}\d{{3}}\.\d{{3}}\.\d{{3}}-\d\d{ENDS}")
_FISCAL = re.compile(rf"(?=[A-Z]{{6}}){STARTS}[A-Z]{{6}}\d\d[A-EHLMPRST]\d\d[A-Z]\d{{3}}[A-Z]{ENDS}")
_NIR = re.compile(
    rf"(?=[12]){STARTS}(?<![.-])[12]( ?)\d\d\1(?:0[1-9]|1[0-2])\1(?:\d\d|2[AB])\1\d{{3}}\1\d{{3}}\1\d\d{ENDS}(?!-)"
)
_RESIDENT = re.compile(rf"(?=\d{{17}}){STARTS}(?<![.-])[1-9]\d{{5}}((?:19|20)\d{{6}})\d{{3}}[\dXx]{ENDS}(?!-)")
# An id without a form of its own counts behind its name alone.
_NAMED = re.compile(
    r"(?=[A-Z]{0,4}\d)(?<!\w)(?P<id>[A-Za-z0-9]{1,18}(?:[ .-](?=[A-Za-z]{0,2}\d)[A-Za-z0-9]{1,12}){0,5})(?![\w-])"
)
_NAME = re.compile(
    r"(?<![^\W_])(?:(?i:ssn|social security|national insurance|passport|personal id|driver['\u2019]?s licen[cs]e|"
    r"aadhaar|tax id|steuer-?id|steueridentifikationsnummer|sozialversicherungsnummer|reisepass|personalausweis|"
    r"personnummer|pesel|codice fiscale|numéro de sécurité sociale)|SIN|BSN|DNI|NIE|NIF|TIN|ITIN|CPR|CPF|CURP|NINO)"
    r"(?:[ _-]?(?i:number|numero|nummer|num|no|nr|id)\b\.?)?[ \t\"'(]{0,3}(?:(?i:is|ist|lautet)|[:=#])?[ \t\"']{0,3}$"
)


def ibans(text: str) -> Iterator[Number]:
    """The international account numbers of a text (ISO 13616), by the length of their country and the check digits."""
    for found in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(found[1].upper())
        if length is None:
            continue
        written, end = "", found.start()
        while len(written) < length and end < len(text):
            character = text[end]
            if character.isascii() and character.isalnum():
                written += character.upper()
            elif character not in " -\u00a0" or not text[end - 1].isalnum():
                break
            end += 1
        ends = end == len(text) or not text[end].isalnum()
        if (
            len(written) == length
            and ends
            and int("".join(str(int(c, 36)) for c in written[4:] + written[:4])) % 97 == 1
        ):
            yield Number(found.start(), end, written)


def cards(text: str) -> Iterator[Number]:
    """The numbers of payment cards: an issuer's first digits and length, and Luhn's check digit (ISO/IEC 7812)."""
    for found in _CARD.finditer(text):
        digits = re.sub(r"\D", "", found[0])
        if _ISSUERS.fullmatch(digits) and luhn(digits):
            bare = found[0].isdigit()
            if not (bare and stands_for(text, found.start()) == "thing"):
                yield Number(*found.span(), digits)


def luhn(digits: str) -> bool:
    """Whether the last digit is Luhn's check digit of the others."""
    doubled = (2 * int(digit) if place % 2 else int(digit) for place, digit in enumerate(reversed(digits)))
    return sum(number // 10 + number % 10 for number in doubled) % 10 == 0


def national_ids(text: str) -> Iterator[Number]:
    """The numbers by which states know people, in the forms of some countries, and any behind its name."""
    for found in _SSN.finditer(text):
        # Those that begin with 9 are a taxpayer's (IRS): their middle is 50-65, 70-88, 90-92 or 94-99.
        if found[0][0] != "9" or int(found[0][4:6]) in {*range(50, 66), *range(70, 89), 90, 91, 92, *range(94, 100)}:
            yield _id(found)
    for found in _NINO.finditer(text):
        if stands_for(text, found.start()) != "thing":
            yield _id(found)
    yield from (_id(found) for found in _CPF.finditer(text) if _is_cpf(re.sub(r"\D", "", found[0])))
    yield from (_id(found) for found in _FISCAL.finditer(text) if _is_fiscal(found[0]))
    for found in _NIR.finditer(text):
        digits = found[0].replace(" ", "").replace("2A", "19").replace("2B", "18")
        if len(digits) == 15 and int(digits[:13]) % 97 == 97 - int(digits[13:]):
            yield _id(found)
    yield from (_id(found) for found in _RESIDENT.finditer(text) if _is_resident(found[0], found[1]))
    for found in _NAMED.finditer(text):
        several = sum(map(str.isdigit, found["id"])) >= 6
        before = text[max(0, found.start() - 48) : found.start()]
        if several and SAYS_ANYTHING.search(before) and _NAME.search(before):
            yield Number(*found.span("id"), _folded(found["id"]))


def _id(found: re.Match[str]) -> Number:
    return Number(*found.span(), _folded(found[0]))


def _folded(written: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", written).upper()


def _is_cpf(digits: str) -> bool:
    """Brazil: two check digits, each the rest of a weighted sum by 11."""
    for length in (9, 10):
        rest = sum(int(digit) * (length + 1 - place) for place, digit in enumerate(digits[:length])) * 10 % 11 % 10
        if rest != int(digits[length]):
            return False
    return len(set(digits)) > 1


_ODD_DIGITS = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_ODD_LETTERS = (*_ODD_DIGITS, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_ODD_PLACES = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", (*_ODD_DIGITS, *_ODD_LETTERS), strict=True))


def _is_fiscal(written: str) -> bool:
    """Italy: the last letter is the rest of the values of the others by 26 (decree of 1976-12-23)."""
    values = (
        _ODD_PLACES[character] if place % 2 == 0 else int(character, 36) - (0 if character.isdigit() else 10)
        for place, character in enumerate(written[:15])
    )
    return chr(ord("A") + sum(values) % 26) == written[15]


def _is_resident(written: str, born: str) -> bool:
    """China: a day of birth, and a check digit by ISO 7064, MOD 11-2 (GB 11643)."""
    try:
        date(int(born[:4]), int(born[4:6]), int(born[6:]))
    except ValueError:
        return False
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(written[:17]))
    return "10X98765432"[total % 11] == written[17].upper()
