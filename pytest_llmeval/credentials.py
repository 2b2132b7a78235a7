"""What secrets look like: none may go into a recording, and a check finds them in replies."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

# A key starts where no word goes on. The letter of a JSON escape such as \n may come right before it, or the m that
# ends a terminal's colour sequence.
_ESCAPED = r"(?<=\\[bfnrt])|(?<=\\u[0-9a-fA-F]{4})|(?<=[\[0-9;]m)"
_START = rf"(?:(?<![A-Za-z0-9_-])|{_ESCAPED})"
_UNLIKE_BASE64 = rf"(?:(?<![A-Za-z0-9_+/-])|{_ESCAPED})"
SHORTEST_SECRET = 8
"""Characters; a key with a shorter value is a placeholder, such as "local"."""


def find_secrets(text: str, known_values: Mapping[str, str]) -> list[str]:
    """What secrets a text holds, named without showing any.

    Args:
        text: plain text or JSON.
        known_values: values of environment variables that hold secrets, by the variable's name; those of fewer than
            8 characters are ignored.

    Returns:
        One description per kind of secret, as in ``the value of OPENAI_API_KEY`` or ``an AWS access key (AKIA...)``.
    """
    found = [
        f"the value of {name}"
        for name, value in known_values.items()
        if len(value) >= SHORTEST_SECRET and any(form in text for form in _forms(value))
    ]
    return found + [
        shape.name
        for shape in _SHAPES
        if shape.hint in text and any(shape.is_real(match[1]) for match in re.finditer(shape.pattern, text))
    ]


def credential_like(text: str) -> tuple[str, int, int] | None:
    """The name, start and end of the first text in the form of a credential, real or made up."""
    for shape in (*_SHAPES, *_ONLY_FORMS):
        if shape.hint in text and (found := re.search(shape.pattern, text)):
            return shape.name, *found.span()
    return None


def _forms(value: str) -> set[str]:
    """The value in plain text, in JSON, and in JSON within JSON."""
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
    """Whether a long tail has digits, capitals and small letters, as a randomly drawn one has."""
    return all(re.search(kind, tail) for kind in ("[0-9]", "[A-Z]", "[a-z]")) and len(set(tail)) >= 10


def _is_varied(tail: str) -> bool:
    return len(set(tail)) >= 6


class _Shape(NamedTuple):
    """One kind of secret.

    Attributes:
        hint: a text without which the pattern cannot match; looking for it is cheap.
        pattern: compiled when its hint is found: to compile all takes as long as several tests.
        is_real: whether the pattern's group is not a placeholder.
    """

    name: str
    hint: str
    pattern: str
    is_real: Callable[[str], bool] = _is_varied


_SHAPES = (
    _Shape("an Anthropic key (sk-ant-...)", "sk-ant-", _START + r"sk-ant-([A-Za-z0-9_-]{20,})", _is_mixed),
    _Shape(
        "an OpenAI key (sk-proj-..., sk-svcacct-..., sk-admin-...)",
        "sk-",
        _START + r"sk-(?:proj|svcacct|admin)-([A-Za-z0-9_-]{20,})",
        _is_mixed,
    ),
    _Shape("an API key (sk-...)", "sk-", _START + r"sk-(?!ant-)([A-Za-z0-9_-]{20,})", _is_random),
    _Shape("a Google API key (AIza...)", "AIza", _UNLIKE_BASE64 + r"AIza([0-9A-Za-z_-]{35})(?![0-9A-Za-z_-])"),
    _Shape("a GitHub token (ghp_...)", "gh", _START + r"gh[pousr]_([A-Za-z0-9]{36,})"),
    _Shape("a GitHub token (github_pat_...)", "github_pat_", _START + r"github_pat_([A-Za-z0-9_]{40,})"),
    _Shape("an AWS access key (AKIA...)", "IA", _UNLIKE_BASE64 + r"(?:AKIA|ASIA)([A-Z0-9]{16})(?![A-Za-z0-9+/])"),
    _Shape("a Slack token (xoxb-...)", "xox", _START + r"xox[abeoprs]-([0-9A-Za-z-]{20,})"),
    _Shape(
        "a bearer token",
        "earer ",
        _START + r"[Bb]earer (?:\\?[\"'])?(?=[A-Za-z._~+/-]*[0-9])([A-Za-z0-9._~+/-]{20,})",
        _is_random,
    ),
    _Shape(
        "a private key (PEM)",
        "PRIVATE KEY",
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----[^-]{0,200}?([A-Za-z0-9+/]{40,})",
    ),
)

# Examples in documents look like these too, so they do not keep a reply out of a recording.
_ONLY_FORMS = (
    _Shape("a private key", "PRIVATE KEY", r"-----BEGIN (?:[A-Z]{1,20} ){0,3}PRIVATE KEY-----"),
    _Shape("an API key", "k", r"(?<![\w-])(?:sk|rk|pk)[-_](?:[a-z]{1,10}[-_]){0,3}[A-Za-z0-9_-]{20,}"),
    _Shape("a GitHub token", "github_pat_", r"(?<!\w)github_pat_\w{22,}"),
    _Shape("a Slack token", "xox", r"(?<!\w)xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    _Shape("a JSON web token", "eyJ", r"(?<![\w.-])eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    _Shape("a password in an address", "://", r"(?<!\w)[a-z][a-z0-9+.-]{1,15}://[^\s:/@]{1,64}:[^\s:/@]{3,64}@"),
)
