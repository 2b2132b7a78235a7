"""The units that a quantity may have, in seven languages, and what one is in another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Unit(NamedTuple):
    """A unit of measurement or a currency.

    Attributes:
        dimension: what it measures; units of one dimension can be converted.
        factor: how many of the dimension's base unit it is.
        system: exact units of one system are compared exactly, of two systems as rounded figures are.
    """

    dimension: str
    factor: float = 1.0
    system: str = ""


# Each line: dimension, factor, system, words. Base units: seconds, months, metres, grams, litres, bytes, watts, joules.
_TABLE = """
time 0.001 - ms millisecond milliseconds millisekunden millisecondes
time 1 - s sec secs second seconds sekunde sekunden seconde secondes segundo segundos secondo secondi seconden 秒 초
time 60 - min mins minute minutes minuten minuto minutos minuti minuut minutter 分 分钟 分間 분
time 3600 - h hr hrs hour hours std stunde stunden heure heures hora horas ora ore uur uren timer 小时 時間 시간
time 86400 - day days tag tage tagen tages jour jours día días dia dias giorno giorni dag dagen dage werktag werktage \
werktagen arbeitstag arbeitstage arbeitstagen werkdag werkdagen kalendertage kalendertagen 天 日 日間 일
time 604800 - week weeks wk wks woche wochen semaine semaines semana semanas settimana settimane weken 周 週 週間 주
time 1209600 - fortnight fortnights
months 1 - month months monat monate monaten mois mes meses mese mesi mês maand maanden 个月 ヶ月 か月 개월
months 3 - quarter quarters quartal quartale trimestre trimestres
months 12 - year years yr yrs jahr jahre jahren ans année années año años anno anni ano anos jaar jaren år 年 年間 년
months 120 - decade decades jahrzehnt jahrzehnte década décadas decennio decennia
length 0.001 metric mm millimeter millimeters millimetre millimetres millimètre millimètres milímetros
length 0.01 metric cm centimeter centimeters centimetre centimetres zentimeter centimètre centimètres centímetros
length 1 metric m meter meters metre metres metern mètre mètres metro metros metri
length 1000 metric km kilometer kilometers kilometre kilometres kilometern kilomètre kilomètres kilómetros chilometri
length 0.0254 imperial inch inches ″ zoll
length 0.3048 imperial ft foot feet
length 0.9144 imperial yd yard yards
length 1609.344 imperial mi mile miles meilen milles millas miglia mijl
mass 0.001 metric mg milligram milligrams milligramm
mass 1 metric g gram grams gramm gramme grammes gramos grammi
mass 1000 metric kg kilo kilos kilogram kilograms kilogramm kilogramme kilogrammes kilogramos chilogrammi chili
mass 1000000 metric t tonne tonnes tonnen
mass 28.349523125 imperial oz ounce ounces
mass 453.59237 imperial lb lbs pound pounds
volume 0.001 metric ml milliliter milliliters millilitre millilitres
volume 0.01 metric cl centiliter
volume 0.1 metric dl
volume 1 metric l liter liters litre litres litern litro litros litri
volume 3.785411784 imperial gal gallon gallons
data 1 - byte bytes
data 1000 - kb kilobyte kilobytes
data 1000000 - mb megabyte megabytes
data 1000000000 - gb gigabyte gigabytes
data 1000000000000 - tb terabyte terabytes
power 1 - w watt watts
power 1000 - kw kilowatt kilowatts
power 1000000 - mw megawatt megawatts
energy 1 - wh
energy 1000 - kwh kilowattstunden
speed 1 metric km/h kmh kph
speed 1.609344 imperial mph
celsius 1 metric °c ℃ celsius
fahrenheit 1 imperial °f ℉ fahrenheit
percent 1 - % percent pct prozent pourcent procent \uff05 퍼센트
percent 0.01 - bps
USD 1 - usd us$
EUR 1 - € eur euro euros 欧元 ユーロ 유로
GBP 1 - £ gbp sterling quid
JPY 1 - jpy yen 円
CNY 1 - cny rmb yuan 元 人民币
yen 1 - ¥ ￥
KRW 1 - ₩ krw 원
INR 1 - ₹ inr rupee rupees rs
CHF 1 - chf franken francs sfr
CAD 1 - cad c$
AUD 1 - aud a$
dollar 1 - $ dollar dollars dólar dólares dollari \uff04 美元 ドル 달러
crown 1 - kr kronor kroner sek nok dkk
PLN 1 - pln zł złoty
RUB 1 - rub ₽ rubles roubles
BRL 1 - brl r$ reais
cent 1 - cent cents ¢ ct pence
"""

UNITS: dict[str, list[Unit]] = {}
for _line in _TABLE.replace("\\\n", "").strip().splitlines():
    _dimension, _factor, _system, *_words = _line.split()
    for _word in _words:
        UNITS.setdefault(_word, []).append(Unit(_dimension, float(_factor), _system.strip("-")))
UNITS["pound"].append(Unit("GBP"))
UNITS["pounds"].append(Unit("GBP"))

# Those that are the same, or may be.
_ALIKE = ({"dollar", "USD", "CAD", "AUD"}, {"yen", "JPY"}, {"yen", "CNY"})
_CURRENCIES = {line.split()[0] for line in _TABLE.strip().splitlines() if line.split()[0].isupper()}
MONEY = _CURRENCIES | {"dollar", "yen", "crown"}

# What may stand between a number and its unit. First letters are looked at before words: to try all takes long.
_ADJECTIVES = (
    "working|business|calendar|full|whole|consecutive|more|additional|further|extra|us|us-|american|official|"
    "volle|vollen|weitere|weiteren|ganze|ganzen|zusätzliche|zusätzlichen"
)
_AFTER = re.compile(
    r"(?:[\s\u00a0\u202f-]{0,2}(?:(?=[wbcfmaeuvgz])(?:" + _ADJECTIVES + r")[\s-])?)"
    r"(?P<unit>(?=[kmspu°])(?:(?:kilomet(?:er|re)s?|km|miles)\sper\shour|stundenkilometer|per\s?cent|percentage\spoints?|por\sciento|por\scento|per\scento|pour\scent|km/h|us\$|°\s?[cf])"
    r"|[%\uff05‰€£¥￥₹₩₽¢$\uff04℃℉″]|分钟|分間|小时|時間|日間|週間|年間|个月|ヶ月|か月|개월|시간|人民币|ユーロ|ドル|欧元|美元|달러|유로|퍼센트"
    r"|[秒初초分분天日일周週주年년円元원]|[^\W\d_]{1,20})",
    re.IGNORECASE,
)
_SPEEDS = {
    **dict.fromkeys(("kilometersperhour", "kilometresperhour", "kilometerperhour", "kilometreperhour"), "km/h"),
    "kmperhour": "km/h",
    "stundenkilometer": "km/h",
    "milesperhour": "mph",
}
_SPACELESS = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_BEFORE = re.compile(
    r"(?:(?<![^\W\d_])(?:[A-Za-z]{3}|Rs)\.?|(?:US|[ARC])?\$|[€£¥￥₹₩₽\uff04])[\s\u00a0]?-?$", re.IGNORECASE
)
_PERCENT_WORDS = re.compile(
    r"per\s?cent|por\sciento|por\scento|per\scento|pour\scent|percentage\spoints?", re.IGNORECASE
)


def units_after(text: str, end: int) -> tuple[int, tuple[Unit, ...]]:
    """Where the unit behind a number ends, and what it may be; the number's own end when there is none."""
    found = _AFTER.match(text, end)
    if not found:
        return end, ()
    word = "".join(found["unit"].casefold().split())
    word = _SPEEDS.get(word, word)
    if word[0] == "p" and _PERCENT_WORDS.match(found["unit"]):
        word = "%"
    after = text[found.end() : found.end() + 1]
    if after.isalnum() and not _SPACELESS.match(word) and len(word) > 1:
        return end, ()
    if len(word) == 1 and word.isascii() and word.isalpha() and (after.isalnum() or after in ("'", "\u2019")):
        return end, ()
    if word == "s":  # "the 80s"
        return end, ()
    return (found.end(), tuple(UNITS[word])) if word in UNITS else (end, ())


def units_before(text: str, start: int) -> tuple[int, tuple[Unit, ...]]:
    """Where the currency before a number starts, and what it may be; the number's own start when there is none."""
    found = _BEFORE.search(text, max(0, start - 6), start)
    if not found:
        return start, ()
    word = found.group().strip("\u00a0 -.").casefold()
    units = tuple(unit for unit in UNITS.get(word, ()) if unit.dimension in MONEY)
    return (found.start(), units) if units else (start, ())


def is_money(readings: Iterable[tuple[object, Unit | None]]) -> bool:
    """Whether a quantity may be an amount of money."""
    return any(unit and unit.dimension in MONEY for _, unit in readings)


def same(one: Unit | None, other: Unit | None) -> bool:
    """Whether two quantities with the same number are the same; those without a unit may be any."""
    if one is None or other is None:
        return True
    if one.dimension == other.dimension:
        return one.factor == other.factor
    return any(one.dimension in alike and other.dimension in alike for alike in _ALIKE) and (
        one.dimension in ("dollar", "yen") or other.dimension in ("dollar", "yen")
    )


class Measured(NamedTuple):
    """A quantity in the base unit of its dimension.

    Attributes:
        slack: how far from it a figure of another system of units may be, which was rounded.
    """

    dimension: str
    base: float
    system: str
    slack: float

    def matches(self, other: Measured) -> bool:
        """Whether two quantities of one dimension are the same."""
        exact = max(abs(self.base), abs(other.base)) * 1e-9
        return abs(self.base - other.base) <= (exact if self.system == other.system else max(self.slack, exact))


def measured(value: float, unit: Unit, step: float) -> Iterator[Measured]:
    """A quantity in base units; several for what may be one of several.

    Args:
        step: what the last written digit stands for.
    """
    base = value * unit.factor
    match unit.dimension:
        case "celsius":
            yield Measured("celsius", value, unit.system, step / 2 + 0.01)
        case "fahrenheit":
            yield Measured("celsius", (value - 32) / 1.8, unit.system, step / 3.6 + 0.01)
        case "cent":
            for currency in ("EUR", "USD", "GBP", "dollar", "CAD", "AUD"):
                yield Measured(currency, value / 100, "", 0.0)
        case _:
            yield Measured(unit.dimension, base, unit.system, min(step * unit.factor / 2, abs(base) * 0.05))
            if unit == Unit("months", 12.0):
                yield Measured("time", value * 365 * 86400, "", 0.0)
