"""What never goes into a recording: secrets. Of headers nothing is kept at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

# A key starts where no word goes on. Right before it there may also stand the letter of a JSON escape such as \n,
# or the m that ends a colour sequence of a terminal.
_ESCAPED = r"(?<=\\[bfnrt])|(?<=\\u[0-9a-fA-F]{4})|(?<=[\[0-9;]m)"

_START = rf"(?:(?<![A-Za-z0-9_-])|{_ESCAPED})"

_UNLIKE_BASE64 = rf"(?:(?<![A-Za-z0-9_+/-])|{_ESCAPED})"

SHORTEST_SECRET = 8

"""Characters; the values of keys that are shorter are taken for placeholders, such as "local"."""


def find_secrets(text: str, known_values: Mapping[str, str]) -> list[str]:
    """What secrets a text holds, named without showing any.

    Args:
        text: plain text or JSON.
        known_values: values of environment variables that hold secrets, by the variable's name; values of fewer
            than 8 characters are taken for placeholders.

    Returns:
        One description per kind of secret, as in ``the value of OPENAI_API_KEY`` or ``an AWS access key (AKIA...)``.
    """
    found = [
        f"the value of {name}"
        for name, value in known_values.items()
        if len(value) >= SHORTEST_SECRET and any(form in text for form in _forms(value))
    ]
    for description, hint, pattern, is_real in _SHAPES:
        if hint in text and any(is_real(match[1]) for match in re.finditer(pattern, text)):
            found.append(description)
    return found


def _forms(value: str) -> set[str]:
    """The value as it stands in plain text, in JSON, and in JSON within JSON."""
    once = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return {value, once, once.replace("\\", "\\\\").replace('"', '\\"')}


def _is_random(tail: str) -> bool:
    """Whether characters look drawn at random: an unbroken run with digits and letters, and no filler like XXXX.

    Kebab-case names, dates and placeholders do not.
    """
    return any(
        re.search(r"\d", run) and re.search(r"[A-Za-z]", run) and len(set(run)) >= 8
        for run in re.findall(r"[A-Za-z0-9]{16,}", tail)
    )


def _is_mixed(tail: str) -> bool:
    """Whether a long tail has digits, capitals and small letters, as one drawn from all of them has."""
    return all(re.search(kind, tail) for kind in ("[0-9]", "[A-Z]", "[a-z]")) and len(set(tail)) >= 10


def _is_varied(tail: str) -> bool:
    return len(set(tail)) >= 6


# What it is; what must stand in the text for a closer look to be worth while; how it looks; whether it is real.
# Compiled when first looked for: making all of them takes as long as several tests.
_SHAPES: list[tuple[str, str, str, Callable[[str], bool]]] = [
    ("an Anthropic key (sk-ant-...)", "sk-ant-", _START + r"sk-ant-([A-Za-z0-9_-]{20,})", _is_mixed),
    (
        "an OpenAI key (sk-proj-..., sk-svcacct-..., sk-admin-...)",
        "sk-",
        _START + r"sk-(?:proj|svcacct|admin)-([A-Za-z0-9_-]{20,})",
        _is_mixed,
    ),
    ("an API key (sk-...)", "sk-", _START + r"sk-(?!ant-)([A-Za-z0-9_-]{20,})", _is_random),
    (
        "a Google API key (AIza...)",
        "AIza",
        _UNLIKE_BASE64 + r"AIza([0-9A-Za-z_-]{35})(?![0-9A-Za-z_-])",
        _is_varied,
    ),
    ("a GitHub token (ghp_...)", "gh", _START + r"gh[pousr]_([A-Za-z0-9]{36,})", _is_varied),
    (
        "a GitHub token (github_pat_...)",
        "github_pat_",
        _START + r"github_pat_([A-Za-z0-9_]{40,})",
        _is_varied,
    ),
    (
        "an AWS access key (AKIA...)",
        "IA",
        _UNLIKE_BASE64 + r"(?:AKIA|ASIA)([A-Z0-9]{16})(?![A-Za-z0-9+/])",
        _is_varied,
    ),
    ("a Slack token (xoxb-...)", "xox", _START + r"xox[abeoprs]-([0-9A-Za-z-]{20,})", _is_varied),
    (
        "a bearer token",
        "earer ",
        _START + r"[Bb]earer (?:\\?[\"'])?([A-Za-z0-9._~+/-]{20,})",
        _is_random,
    ),
    (
        "a private key (PEM)",
        "PRIVATE KEY",
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----[^-]{0,200}?([A-Za-z0-9+/]{40,})",
        _is_varied,
    ),
]
