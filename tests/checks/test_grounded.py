"""What `assert_grounded` takes for the same fact, and what it does not."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmeval.checks.check import recorder
from pytest_llmeval.checks.facts import number_words as reading
from pytest_llmeval.checks.facts.content_words import sentences
from pytest_llmeval.checks.facts.extracted import facts
from pytest_llmeval.checks.facts.languages import languages_of
from pytest_llmeval.checks.facts.month_names import WHOLE as MONTHS
from pytest_llmeval.checks.facts.number_words import number_words
from pytest_llmeval.checks.facts.quantities import quantities
from pytest_llmeval.checks.facts.weekdays import WHOLE as WEEKDAYS
from pytest_llmeval.checks.grounded import assert_grounded
from pytest_llmeval.errors import CheckFailed, LlmevalError
from pytest_llmeval.score import Claim, Score
from tests.checks.grounded_items import Item, claims_of, items

ITEMS = items()


def claims(reply: str, context: Any, **options: Any) -> list[str]:
    """What of a reply is unsupported."""
    scores: list[Score] = []
    kept = recorder.set(scores)
    try:
        assert_grounded(reply, context, **options)
    except CheckFailed:
        return [claim.text for claim in scores[-1].unsupported]
    finally:
        recorder.reset(kept)
    return []


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: f"{item.kind}: {item.reply[:40]!r}")
def test_our_own_labelled_items(item: Item) -> None:
    found = claims_of(item)
    assert [claim.text for claim in found] == ([item.unsupported] if item.unsupported and item.findable else [])
    assert all(item.reply[claim.start : claim.end] == claim.text for claim in found)


def test_the_items_are_spread_over_kinds_and_languages() -> None:
    assert len(ITEMS) >= 200
    assert min(Counter(item.kind for item in ITEMS).values()) >= 6
    assert len({item.language for item in ITEMS}) >= 10
    assert len({(item.kind, item.context, item.reply) for item in ITEMS}) == len(ITEMS)


MARKS = (
    *("30", "1,000", "10, 000", "7. 8", "80s", "1990-95", "half", "twenty", "[1]", "(2)", "Mon-Fri", "Sunday", "3 pm"),
    *("2 km", "over", "almost", "$", "5 %", "A4", "\n1. ", "\u5341\u4e94", "\u5929", "v1.2.3", "not", "m", "'", '"'),
    *("2nd", "total", "= 8", "1 + 2 = 3", "10:30", "May 5", "x", ".", "\u00b2", "Ab-Cd", "AA&A", "+49 30 555 0182"),
)
HOSTILE = (
    *("\u201e", '"', "1, 000 ", "11-", "A1", "half a ", "(1)", "[1]", "\n1. ", "May 3 ", "3:30 ", "Mon-", "+1 ( "),
    *("about 7 ", "Aa ", "Ab-cd ", "\u4e00", "J.K ", "a, ", "\u2018a ", "1+"),
)


SENTENCES = st.sampled_from(
    [
        "Returns are possible within 30 days of delivery.",
        "Shipping costs 4.90 EUR, or $5, and nothing above 100 EUR.",
        "The shop opened on 14 March 2019 (see https://lumen.example/about).",
        "Almost 400 people came, 12.5% of them from abroad.",
        "We are open Mon-Fri from 9:30 to 18:00.",
        "Our motto is \u201clight for everyone who reads\u201d.",
        "The LX-450 weighs 1.2 kg; the 2nd edition came in 2021-22.",
        "Die Garantie gilt zwei Jahre, der Akku zw\u00f6lf Monate.",
        "Unter 18 Jahren ist der Kauf nicht erlaubt.",
        "La caution de 250 euros est rendue sous quinze jours.",
        "Call +49 30 555 0182 or write to help@lumen.example.",
        "In the 1980s about 14, 500 lamps were sold a year.",
        "\u9001\u6599\u306f490\u5186\u3067\u3059\u3002",
    ]
)


@settings(max_examples=150)
@given(st.lists(SENTENCES, min_size=1, max_size=6, unique=True), st.data())
def test_a_piece_of_the_context_is_always_grounded(context: list[str], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(context) - 1))
    last = data.draw(st.integers(first + 1, len(context)))
    piece = " ".join(context[first:last])
    assert claims(piece, [" ".join(context)], names=True, words=0.5) == []
    assert claims(piece, context, names=True, words=0.5) == []


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(MARKS),
        max_size=12,
    ),
    st.sampled_from(["", " "]),
)
def test_every_text_of_marks_and_figures_is_grounded_in_itself(parts: list[str], between: str) -> None:
    text = between.join(parts)
    assert claims(text, [text, "context"], names=True, words=0.5) == []


@settings(max_examples=40)
@given(st.integers(13, 10**9))
def test_the_same_figure_in_another_notation_is_the_same(number: int) -> None:
    notations = [str(number), f"{number:,}", f"{number:,}".replace(",", "."), f"{number:,}".replace(",", ", ")]
    notations += [f"{number:,}".replace(",", "\u00a0"), f"{number:,}".replace(",", "'")]
    for notation in notations:
        assert claims(f"It has {notation} parts.", f"There are {number} parts.") == []
        assert claims(f"It has {number} parts.", f"There are {notation} parts.") == []


@given(st.integers(13, 10**6), st.integers(13, 10**6))
def test_another_figure_is_another(number: int, other: int) -> None:
    found = claims(f"It has {number:,} parts.", f"There are {other:,} parts.")
    # 1,234 may be a decimal in another language, but 1.234 is not named here.
    assert found == ([] if number == other else [f"{number:,}"])


@given(st.integers(1, 5000), st.sampled_from([("kg", "g", 1000), ("hours", "minutes", 60), ("weeks", "days", 7)]))
def test_a_quantity_is_the_same_in_another_unit_and_no_other(number: int, units: tuple[str, str, int]) -> None:
    large, small, factor = units
    assert claims(f"It takes {number * factor} {small}.", f"It takes {number} {large}.") == []
    assert claims(f"It takes {number * factor + 1} {small}.", f"It takes {number} {large}.") != []
    assert claims(f"It takes {number} {small}.", f"It takes {number} {large}.") == [f"{number} {small}"]


@given(st.dates(), st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%B %d, %Y", "%d %B %Y", "%d %b %Y", "%m/%d/%Y"]))
def test_a_date_is_the_same_in_every_notation(day: Any, notation: str) -> None:
    if 1000 <= day.year <= 2099:
        assert claims(f"It ends on {day.strftime(notation)}.", f"It ends on {day:%Y-%m-%d}.") == []
        assert claims(f"It ends on {day:%Y-%m-%d}.", f"It ends on {day.strftime(notation)}.") == []


@pytest.mark.parametrize(
    ("text", "language", "values"),
    [
        ("thirty days, twenty-four hours, Ninety nine; tenfold", "en", [30, 24, 99]),
        ("nineteen eighty-four", "en", [19, 1984, 84]),
        ("two dozen and half a million", "en", [24, 500_000, 2]),
        ("a few hundred, hundreds of thousands", "en", []),
        ("98 per cent, five cents", "fr", []),
        ("drei\u00dfig Tage, zweihundertf\u00fcnfzig", "de", [30, 250]),
        ("quatre-vingt-dix-neuf jours", "fr", [99]),
        ("treinta y cinco d\u00edas", "es", [35]),
    ],
)
def test_number_words(text: str, language: str, values: list[int]) -> None:
    found = [int(word.value) for word in number_words(text, (language,))]
    assert [value for value in found if value in values] == values or sorted(found) == sorted(values)
    assert bool(found) == bool(values)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("You can return it within 30 days.", "en"),
        ("Sie k\u00f6nnen die Ware innerhalb von 30 Tagen zur\u00fcckgeben.", "de"),
        ("Vous pouvez rendre les articles dans les 30 jours.", "fr"),
        ("Puede devolver los productos en el plazo de 30 d\u00edas.", "es"),
        ("U kunt het artikel binnen 30 dagen terugsturen.", "nl"),
    ],
)
def test_the_language_of_a_text_is_told_by_its_commonest_words(text: str, first: str) -> None:
    assert languages_of(text)[0] == first
    assert len(languages_of("12345")) > 5


def test_month_and_weekday_names_are_those_of_unicode() -> None:
    dates = pytest.importorskip("babel.dates", reason="babel is not installed in this environment")
    for language, names in MONTHS.items():
        assert names.split() == [name.lower() for name in dates.get_month_names("wide", locale=language).values()]
    for language, names in WEEKDAYS.items():
        by_number = dates.get_day_names("wide", locale=language)
        assert names.split() == [by_number[day].lower() for day in range(7)]


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("10-15 degrees", [{"10"}, {"15"}]),
        ("the 2016-20 season", [{"2016"}, {"20", "2020"}]),
        ("1.234", [{"1.234", "1234"}]),
        ("$ 1. 7 million", [{"1.7E+6"}]),
        ("the '80s", [{"80", "1980"}]),
        ("EUR50 for ORD4471", [{"50"}]),
        ("12,34,567", [{"1234567"}]),
        ("3\u4e07\u5186", [{"3E+4"}]),
    ],
)
def test_what_a_quantity_may_mean(text: str, readings: list[set[str]]) -> None:
    found = [{reading.value for reading in one.readings} for one in quantities(text, ("en",))]
    assert found == [{Decimal(value) for value in values} for values in readings]


def test_a_wrong_unit_is_told_with_what_the_context_says() -> None:
    with pytest.raises(CheckFailed) as caught:
        assert_grounded("It lasts 48 days.", "The battery lasts 48 hours.")
    assert str(caught.value) == (
        'not in the context: the number "48 days", the reply says "It lasts 48 days."; '
        'the context says "lasts 48 hours"'
    )


def test_every_claim_has_its_place() -> None:
    reply = "You have 60 days. Call 030 555 0199 on Sunday."
    scores: list[Score] = []
    kept = recorder.set(scores)
    with pytest.raises(CheckFailed):
        assert_grounded(reply, "You have 30 days.")
    recorder.reset(kept)
    assert scores[0].unsupported == (Claim(9, "60"), Claim(23, "030 555 0199"), Claim(39, "Sunday"))
    assert [reply[claim.start : claim.end] for claim in scores[0].unsupported] == ["60", "030 555 0199", "Sunday"]


def test_single_names_are_looked_up_only_when_asked() -> None:
    context = "The bridge was built by Ada Brown."
    assert claims("It was built by Wilkins.", context) == []
    assert claims("It was built by Wilkins.", context, names=True) == ["Wilkins"]
    assert claims("It was built by Tom Wilkins.", context, names=True) == ["Tom Wilkins"]
    assert claims("It was built by Tom Wilkins.", context) == ["Tom Wilkins"]
    assert claims("## Facts About The Bridge\nAda Brown built it.", context, names=True) == []
    assert claims("WE BUILT THE BRIDGE IN LEEDS.", context, names=True) == []


def test_the_word_rule_names_sentences() -> None:
    context = "The lamp needs two batteries. It may get hot."
    reply = "The lamp needs batteries. Every purple elephant dances gracefully."
    assert claims(reply, context) == []
    assert claims(reply, context, words=0.5) == ["Every purple elephant dances gracefully."]
    for words in (0, 1.5, -1, "0.5", True, float("nan")):
        with pytest.raises(LlmevalError, match=r"^assert_grounded: words="):
            assert_grounded(reply, context, words=words)  # type: ignore[arg-type]


class Span(NamedTuple):
    start: int
    end: int


@pytest.mark.parametrize("form", [lambda a, b: (a, b), lambda a, b: {"start": a, "end": b, "text": "x"}, Span, list])
def test_a_detector_of_ones_own_names_parts_of_the_reply(form: Any) -> None:
    asked: list[Any] = []

    def detector(answer: str, context: list[str]) -> list[Any]:
        asked.append((answer, context))
        return [[4, 8] if form is list else form(4, 8)]

    assert claims("The lamp may fly.", ["The lamp."], allow="A question", detector=detector) == ["lamp"]
    assert asked == [("The lamp may fly.", ["The lamp.", "A question"])]
    assert claims("The lamp may fly.", ["The lamp."], detector=lambda answer, context: []) == []


def test_a_detector_counts_for_the_score() -> None:
    with pytest.raises(CheckFailed) as caught:
        assert_grounded("30 days, 40 EUR.", "30 days, 40 EUR", detector=lambda answer, context: [(0, 2)])
    assert caught.value.score == pytest.approx(2 / 3)
    assert str(caught.value).startswith('not in the context: the part "30", the reply says ')


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        ([(3,)], "not a pair of start and end"),
        (["ab"], "not a pair of start and end"),
        ([(1.5, 2)], "not a pair of start and end"),
        ([(True, 2)], "not a pair of start and end"),
        ([{"text": "x"}], "not a pair of start and end"),
        ([(2, 2)], "the place 2 to 2 in a reply of 4 characters"),
        ([(0, 5)], "the place 0 to 5 in a reply of 4 characters"),
        ([(-1, 2)], "the place -1 to 2"),
        (None, "the detector failed with TypeError"),
    ],
)
def test_a_detector_that_fails_is_an_error_and_no_pass(returned: Any, told: str) -> None:
    with pytest.raises(LlmevalError, match=r"^assert_grounded: the detector ") as caught:
        assert_grounded("abcd", "context", detector=lambda answer, context: returned)
    assert told in str(caught.value)


def test_what_a_detector_raises_is_told() -> None:
    def detector(answer: str, context: list[str]) -> list[Any]:
        raise RuntimeError("no weights")

    with pytest.raises(LlmevalError, match="the detector failed with RuntimeError: no weights"):
        assert_grounded("abcd", "context", detector=detector)


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_texts_take_a_time_that_grows_with_the_length(unit: str) -> None:
    """A quadratic search would take minutes here."""
    text = unit * (20_000 // len(unit))
    for reply, context in ((text, "context 5"), ("5 goals, 3-2, about 7 in total", text)):
        with suppress(CheckFailed, LlmevalError):
            assert_grounded(reply, [context, "context"], names=True, words=0.5)


@given(st.text(max_size=200))
def test_sentences_are_in_order_and_lose_no_word(text: str) -> None:
    spans = list(sentences(text))
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    kept = "".join(text[start:end] for start, end in spans)
    assert [sign for sign in kept if sign.isalnum()] == [sign for sign in text if sign.isalnum()]


def test_facts_of_a_text() -> None:
    found = [
        (fact.kind, fact.text) for fact in facts("On 3 May at 10:30 the Q3 report of 40 pages [2]: see www.a.example.")
    ]
    assert sorted(found) == [
        ("date", "3 May"),
        ("link", "www.a.example"),
        ("name", "Q3"),
        ("number", "40"),
        ("time", "10:30"),
    ]


def test_a_name_of_several_words_in_prose_is_looked_up_without_being_asked_for() -> None:
    context = "The song is by Disclosure, a duo from Reigate. It came out in 2015."
    assert claims("It features James Taylor and Sam Smith.", context) == ["James Taylor", "Sam Smith"]
    for text in (
        "It features Disclosure Live.",  # one word of it is there
        "Best regards,\nCustomer Support Team",
        "Dear Valued Listener, ask our Customer Support or the Help Desk.",
        "## Next Steps\nOpen Account Settings.",
        "It does not feature James Taylor, and we don't play by Sam Smith.",
        "Sie ist von Disclosure, mit Kredit Karte Gold.",
    ):
        assert claims(text, context) == [], text


WORDS_OF_NUMBERS = {
    "en": "one two twenty hundred thousand and a first point zero half dozen",
    "de": "ein zwei zwanzig hundert tausend und erste komma null einundzwanzig",
    "fr": "un deux vingt quatre vingts cent mille et virgule zéro soixante dix",
    "es": "uno dos veinte y cien ciento mil primero coma cero",
    "pt": "um dois vinte e trinta cem mil primeiro vírgula zero",
    "da": "en to tyve og hundrede tusind første komma nul",
}


@given(st.sampled_from(sorted(WORDS_OF_NUMBERS)), st.data())
def test_number_words_are_found_where_a_reading_of_the_whole_text_finds_them(
    language: str, data: st.DataObject
) -> None:
    """A text is read around its number words alone, which must change nothing."""
    words = [*WORDS_OF_NUMBERS[language].split(), "casa", "die", "10", ",", "-", "."]
    text = " ".join(data.draw(st.lists(st.sampled_from(words), min_size=1, max_size=30)))
    spans = [found.span() for found in reading._TOKEN.finditer(text)]
    tokens = [reading._Token(text[start:end]) for start, end in spans]
    whole = list(reading._found(text, spans, tokens, language))
    found = [one for one in number_words(text, [language]) if one not in set(reading._own(text))]
    assert found == [one for one in whole if one not in set(reading._own(text))]
