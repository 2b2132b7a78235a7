"""Which language a text is in, as far as it matters for number words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

# The commonest words of each language that no other of these has as often.
_COMMON: Mapping[str, str] = {
    "en": "the of and to is in that for with you are this it be on as not by at from have has was were will can your",
    "de": "der die das und ist nicht ein eine einen sie ich mit auf für von zu im dem den des wir haben sind kann auch",
    "fr": "le la les des est et une un du dans pour que vous nous pas avec sur au aux ce cette sont il elle votre",
    "es": "el la los las es y una un del en para que con no por se su al lo usted puede son como está más sin",
    "it": "il lo la gli le è e una un del della in per che con non si di dei nel sono può entro alla suo anche",
    "nl": "de het een en is niet van in op te dat die voor met zijn u uw wij we kunt bij aan binnen ook naar",
    "pt": "o os as é e uma um do da em para que com não por se dos das no na você pode são ao seu sua",
    "da": "og er det en et af til på i at den de for med som ikke har vi du kan inden fra om",
}
LANGUAGES = tuple(_COMMON)
_OF_WORD: dict[str, list[str]] = {}
for _language, _words in _COMMON.items():
    for _word in _words.split():
        _OF_WORD.setdefault(_word, []).append(_language)
_WORD = re.compile(r"[^\W\d_]+")
_READ = 5_000  # characters that are enough to tell


def languages_of(text: str) -> tuple[str, ...]:
    """The languages that a text may be in, the likeliest first; all that we know when nothing tells."""
    counted: Counter[str] = Counter()
    for word, count in Counter(_WORD.findall(text[:_READ].casefold())).items():
        for language in _OF_WORD.get(word, ()):
            counted[language] += count
    if not counted:
        return LANGUAGES
    most = max(counted.values())
    return tuple(language for language, count in counted.most_common() if 3 * count >= 2 * most)


def function_words() -> frozenset[str]:
    """The commonest words of all these languages."""
    return frozenset(_OF_WORD)
