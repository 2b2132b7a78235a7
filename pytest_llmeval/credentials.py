"""What secrets look like: none may go into a recording or a saved run, and a check finds them in replies."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, overload

# A key starts where no word goes on. The letter of a JSON escape such as \n may come right before it, or the m that
# ends a terminal's colour sequence.
_COLOUR = "|".join(rf"(?<=[\[;:]\d{{{digits}}}m)" for digits in range(4))
_ESCAPED = rf"(?<=\\[bfnrt])|(?<=\\u[0-9a-fA-F]{{4}})|{_COLOUR}"
_START = rf"(?:(?<![A-Za-z0-9_-])|{_ESCAPED})"
_UNLIKE_BASE64 = rf"(?:(?<![A-Za-z0-9_+/-])|{_ESCAPED})"
SHORTEST_SECRET = 8
"""Characters; a key with a shorter value is a placeholder, such as "local"."""

_WORDS = re.compile(r"[a-z]+(?:[-_. ][a-z]+)*")  # as in "anything" and "not-needed", which are placeholders too
_LONGEST_WORDS, _STANDS_ALONE = 20, 16  # characters; a shorter value than the latter counts only where no word goes on


def find_secrets(text: str, known_values: Mapping[str, str]) -> list[str]:
    """What secrets a text holds, named without showing any.

    Args:
        text: plain text or JSON.
        known_values: values of environment variables that hold secrets, by the variable's name; those of fewer than
            8 characters, and plain words such as "anything", are placeholders and ignored.

    Returns:
        One description per kind of secret, as in ``the value of OPENAI_API_KEY`` or ``an AWS access key (AKIA...)``.
    """
    found = [f"the value of {name}" for name, value in known_values.items() if is_secret(value) and _spans(text, value)]
    return found + [
        shape.name for shape in _possible(text) if any(shape.is_real(match[1]) for match in _matches(shape, text))
    ]


@overload
def hide_secrets(value: str, known_values: Mapping[str, str]) -> str: ...


@overload
def hide_secrets(value: Any, known_values: Mapping[str, str]) -> Any: ...


def hide_secrets(value: Any, known_values: Mapping[str, str]) -> Any:
    """A JSON value with each secret in its texts, names of fields included, replaced by what it is.

    Args:
        value: of JSON.
        known_values: as for `find_secrets`.
    """
    match value:
        case str():
            for name, known in known_values.items():
                value = hide_value(value, known, _marked(f"the value of {name}"))
            for shape in _possible(value):
                value = _without(shape, value, lambda found: _marked(found.name))
            return value
        case list() | tuple():
            return [hide_secrets(item, known_values) for item in value]
        case dict():
            return {hide_secrets(key, known_values): hide_secrets(item, known_values) for key, item in value.items()}
    return value


def is_secret(value: str) -> bool:
    """Whether the value of a key may be a real one, and no placeholder."""
    return len(value) >= SHORTEST_SECRET and not (len(value) < _LONGEST_WORDS and _WORDS.fullmatch(value))


def hide_value(text: str, value: str, mark: str = "[hidden]") -> str:
    """The text without a secret value; a short one within a word is left, since it is not the secret."""
    for start, end in reversed(_spans(text, value) if is_secret(value) else []):
        text = text[:start] + mark + text[end:]
    return text


def hide_values(text: str, values: Iterable[str]) -> str:
    """The text without any of these secret values."""
    for value in values:
        text = hide_value(text, value)
    return text


def _spans(text: str, value: str) -> list[tuple[int, int]]:
    """Where a value stands in a text, as it is, in JSON, and in JSON within JSON."""
    forms = [form for form in sorted(_forms(value), key=len, reverse=True) if form in text]
    if not forms:
        return []
    pattern = "|".join(map(re.escape, forms))
    if len(value) < _STANDS_ALONE:
        pattern = rf"(?:(?<![A-Za-z0-9])|{_ESCAPED})(?:{pattern})(?![A-Za-z0-9])"
    return [found.span() for found in re.finditer(pattern, text)]


def hide_likely(text: str, mark: str = "[hidden]") -> str:
    """A message without all that may be a secret: also a placeholder, and a token of a form that nobody documents.

    For what providers say of a request and for settings, where a false alarm costs nothing. Answers of models are
    searched by `find_secrets`.
    """
    text = _likely().sub(lambda match: (match["name"] or "") + mark, text)
    for shape in _possible(text):
        text = _without(shape, text, lambda found: mark, every=True)
    return text


@functools.cache
def _likely() -> re.Pattern[str]:
    """What begins like a form of the list, what stands behind the name of a secret, and long runs of any letters."""
    shown = {found[1] for shape in _SHAPES if (found := re.search(r"\((\S+?)\.\.\.", shape.name))}
    prefixes = sorted(each for each in shown if not each[-1].isalnum() or (len(each) > 3 and not each.islower()))
    begins = "|".join(map(re.escape, [*reversed(prefixes), "pk-"]))
    return re.compile(
        r"(?P<name>\bBearer\s+|\b(?:api[-_]?key|key|token)[=:]\s*)[^\s\"'&,;]{6,}"
        rf"|\b(?=[A-Za-z_-]*\d)(?:{begins})[-_A-Za-z0-9]{{12,}}"
        r"|\b(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])[A-Za-z0-9_-]{40,}",
        re.IGNORECASE,
    )


def credential_like(text: str) -> tuple[str, int, int] | None:
    """The name, start and end of the first text in the form of a credential, real or made up."""
    for shape in _possible(text):
        for found in _matches(shape, text):
            return shape.name, *found.span()
    return None


def _forms(value: str) -> set[str]:
    """The value in plain text, in JSON, and in JSON within JSON."""
    forms = {value}
    for ascii_only in (True, False):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        forms |= {once, json.dumps(once, ensure_ascii=ascii_only)[1:-1]}
    return forms


def _marked(name: str) -> str:
    return f"[hidden: {name}]"


def _without(shape: _Shape, text: str, mark: Callable[[_Shape], str], *, every: bool = False) -> str:
    parts, end = [], 0
    for found in _matches(shape, text):
        if every or shape.is_real(found[1]):
            parts += [text[end : found.start()], mark(shape)]
            end = found.end()
    return "".join([*parts, text[end:]])


def _possible(text: str) -> Iterator[_Shape]:
    return (shape for shape in _SHAPES if shape.hint in text)


def _matches(shape: _Shape, text: str) -> Iterator[re.Match[str]]:
    """All matches. A pattern is only tried where its hint is: to search megabytes of base64 for it takes seconds."""
    pattern = re.compile(shape.pattern)
    at = text.find(shape.hint)
    while at >= 0:
        found = pattern.match(text, at - shape.before) if at >= shape.before else None
        if found:
            yield found
        at = text.find(shape.hint, max(at + 1, found.end() if found else 0))


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


def _has_key(body: str) -> bool:
    """Whether lines of base64 follow the first line of a private key, which documents quote alone."""
    return any(_is_varied(run) for run in re.findall(r"[A-Za-z0-9+/]{40,}", body))


_PLACEHOLDER = (  # compiled when first needed: every session of pytest imports this
    r"(?:(?:my|your|the|a|some|new|db|database|user|admin|root|example|sample|test|super)[-_]?)*"
    r"(?:password|passwd|passw0rd|pass|pwd|pw|secret|token|key|user|username|admin|root|postgres|mysql|guest|test|"
    r"example|changeme|change-me|placeholder|redacted|hidden|here)?(?:[-_]?here)?[0-9]{0,3}"
    r"|(.)\1*|\$[A-Z_]+|\$?\{[^}]*\}|\$\([^)]*\)|%[sd]|%\(\w+\)s|<[^>]*>|\[[^\]]*\]"
)


def _is_password(password: str) -> bool:
    """Whether it is no word that documents write in its place, and no variable such as ``${PASSWORD}``."""
    return not re.fullmatch(_PLACEHOLDER, password, re.IGNORECASE)


def _never(_: str) -> bool:
    return False


class _Shape(NamedTuple):
    """One kind of secret.

    Attributes:
        hint: a text that every match has; looking for it is cheap.
        pattern: compiled when its hint is found: to compile all takes as long as several tests.
        is_real: whether the pattern's group is not a placeholder.
        before: how many characters of a match stand before the hint.
    """

    name: str
    hint: str
    pattern: str
    is_real: Callable[[str], bool] = _is_varied
    before: int = 0


def _prefixed(owner: str, prefix: str, tail: str, is_real: Callable[[str], bool] = _is_varied) -> _Shape:
    """A token that begins with a text of its own."""
    return _Shape(f"{owner} ({prefix}...)", prefix, _START + re.escape(prefix) + f"({tail})", is_real)


_WORD = "[A-Za-z0-9_-]"
_HEX = "[0-9a-f]"

# In the order of what is told first. Most forms are documented by their providers and searched for by gitleaks and
# GitHub's secret scanning. Keys without a form, such as Mistral's and Cohere's, are found by their value alone.
_SHAPES = (
    # Providers of models.
    _Shape("an Anthropic key (sk-ant-...)", "sk-ant-", _START + r"sk-ant-([A-Za-z0-9_-]{20,})", _is_mixed),
    _Shape(
        "an OpenAI key (sk-proj-..., sk-svcacct-..., sk-admin-...)",
        "sk-",
        _START + r"sk-(?:proj|svcacct|admin)-([A-Za-z0-9_-]{20,})",
        _is_mixed,
    ),
    _prefixed("a Langfuse key", "sk-lf-", r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    _Shape(
        "a Stripe key (sk_live_...)",
        "k_",
        _START + r"[sr]k_(?:live|test|prod)_([A-Za-z0-9]{16,})",
        before=1,
    ),
    *(
        _Shape(
            f"an API key ({prefix}...)",
            prefix,
            _START
            + prefix
            + r"(?!ant-|(?<=_)(?:live|test|prod)_)(?=[A-Za-z0-9_-]*[A-Za-z0-9]{16})([A-Za-z0-9_-]{20,})",
            _is_random,
        )
        for prefix in ("sk-", "sk_", "rk-", "rk_")
    ),
    _prefixed("a Groq key", "gsk_", "[A-Za-z0-9]{32,}"),
    _prefixed("an xAI key", "xai-", "[A-Za-z0-9]{40,}"),
    _prefixed("a Hugging Face token", "hf_", "[A-Za-z0-9]{30,}"),
    _prefixed("a Hugging Face token", "api_org_", "[A-Za-z0-9]{30,}"),
    _prefixed("a Perplexity key", "pplx-", "[A-Za-z0-9]{32,}"),
    _prefixed("a Replicate token", "r8_", "[A-Za-z0-9]{30,}"),
    _prefixed("a Fireworks key", "fw_", "[A-Za-z0-9]{20,}", _is_mixed),
    _prefixed("a Together key", "tgp_v1_", _WORD + "{30,}"),
    _prefixed("a Cerebras key", "csk-", "[a-z0-9]{32,}"),
    _prefixed("an NVIDIA key", "nvapi-", _WORD + "{40,}"),
    _prefixed("a Voyage key", "pa-", _WORD + "{40,}", _is_mixed),
    _prefixed("a Jina key", "jina_", "[A-Za-z0-9_]{40,}"),
    _prefixed("a Tavily key", "tvly-", _WORD + "{24,}", _is_random),
    _prefixed("a Firecrawl key", "fc-", _HEX + "{32}(?![A-Za-z0-9])"),
    _Shape("a LangSmith key (lsv2_...)", "lsv2_", _START + r"lsv2_(?:pt|sk)_([A-Za-z0-9_]{32,})"),
    _prefixed("a Weights & Biases key", "wandb_v1_", "[A-Za-z0-9_]{30,}"),
    _prefixed("a Pinecone key", "pcsk_", "[A-Za-z0-9_]{40,}"),
    # Clouds.
    _Shape("a Google API key (AIza...)", "AIza", _UNLIKE_BASE64 + r"AIza([0-9A-Za-z_-]{35})(?![0-9A-Za-z_-])"),
    _Shape("a Google API key (AQ....)", "AQ.A", _START + r"AQ\.(A[0-9A-Za-z_-]{40,})", _is_mixed),
    _prefixed("a Google access token", "ya29.", "[0-9A-Za-z_-]{20,}", _is_mixed),
    _prefixed("a Google client secret", "GOCSPX-", _WORD + "{24,}"),
    _Shape("a Google refresh token (1//0...)", "1//0", _UNLIKE_BASE64 + r"1//0([0-9A-Za-z_-]{38,})", _is_mixed),
    _Shape(
        "an AWS access key (AKIA...)", "IA", _UNLIKE_BASE64 + r"(?:AKIA|ASIA)([A-Z0-9]{16})(?![A-Za-z0-9+/])", before=2
    ),
    *(
        _Shape("an AWS access key (ABIA...)", hint, _UNLIKE_BASE64 + hint + r"([A-Z0-9]{16})(?![A-Za-z0-9+/])")
        for hint in ("ABIA", "ACCA")
    ),
    _Shape(
        "an AWS secret key",
        "ecret",
        r"[Ss]ecret_?[Aa]ccess_?[Kk]ey[^A-Za-z0-9+/]{1,12}([A-Za-z0-9+/]{40})(?![A-Za-z0-9+/])",
        _is_mixed,
        before=1,
    ),
    _Shape(
        "an AWS secret key",
        "AWS_SECRET_",
        r"AWS_SECRET_(?:ACCESS_)?KEY[^A-Za-z0-9+/]{1,12}([A-Za-z0-9+/]{40})(?![A-Za-z0-9+/])",
        _is_mixed,
    ),
    _Shape("an AWS Bedrock key (ABSK...)", "ABSK", _UNLIKE_BASE64 + r"ABSK([A-Za-z0-9+/]{80,})"),
    _prefixed("an AWS Bedrock key", "bedrock-api-key-", "[A-Za-z0-9+/]{40,}"),
    _Shape("an Azure key", "AccountKey=", r"AccountKey=([A-Za-z0-9+/]{42,86})={1,2}", _is_mixed),
    _Shape("an Azure key", "SharedAccessKey=", r"SharedAccessKey=([A-Za-z0-9+/]{42,86})={1,2}", _is_mixed),
    _Shape(
        "an Azure signature (sig=...)", "sig=", r"[?&;]sig=([A-Za-z0-9%+/]{43,}?)(?:%3D|%3d|=)", _is_mixed, before=1
    ),
    _Shape(
        "an Azure client secret",
        "Q~",
        _UNLIKE_BASE64 + r"[A-Za-z0-9_~.]{3}[0-9]Q~([A-Za-z0-9_~.-]{31,34})(?![A-Za-z0-9_~-])",
        _is_mixed,
        before=4,
    ),
    _Shape(
        "an Azure key", "JQQJ9", _UNLIKE_BASE64 + r"([A-Za-z0-9]{52}JQQJ9[A-Za-z0-9]{27})(?![A-Za-z0-9+/])", before=52
    ),
    _Shape("a DigitalOcean token (dop_v1_...)", "_v1_", _START + r"do[opr]_v1_([0-9a-f]{64})", before=3),
    _Shape("a Databricks token (dapi...)", "dapi", _UNLIKE_BASE64 + r"dapi([0-9a-f]{32})(?![A-Za-z0-9+/])"),
    _prefixed("a Supabase token", "sbp_", _HEX + "{40}"),
    _prefixed("a Supabase key", "sb_secret_", _WORD + "{20,}", _is_mixed),
    _Shape("a PlanetScale token (pscale_...)", "pscale_", _START + r"pscale_(?:tkn|pw|oauth)_([\w=.-]{32,})"),
    # Where code and packages live.
    _Shape("a GitHub token (ghp_...)", "gh", _START + r"gh[pousr]_([A-Za-z0-9]{36,})"),
    _prefixed("a GitHub token", "github_pat_", "[A-Za-z0-9_]{22,}"),
    _Shape(
        "a GitLab token (glpat-...)",
        "gl",
        _START + r"gl(?:pat|ptt|dt|rt|rtr|cbt|ft|imt|soat|agent|oas|ffct)-([A-Za-z0-9_-]{20,})",
    ),
    _prefixed("a GitLab token", "GR1348941", _WORD + "{20,}"),
    _prefixed("an npm token", "npm_", "[A-Za-z0-9]{36}"),
    _Shape(
        "an npm token (_authToken=...)", "_authToken=", r"_authToken= ?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    ),
    _prefixed("a PyPI token", "pypi-AgE", _WORD + "{50,}"),
    _prefixed("a RubyGems key", "rubygems_", _HEX + "{48}"),
    _Shape("a Docker token (dckr_pat_...)", "dckr_", _START + r"dckr_[po]at_([A-Za-z0-9_-]{20,})"),
    _prefixed("an Atlassian token", "ATATT3", r"[A-Za-z0-9_=-]{60,}"),
    _prefixed("a HashiCorp Vault token", "hvs.", _WORD + "{24,}", _is_mixed),
    _Shape("a Terraform token", ".atlasv1.", _START + r"[A-Za-z0-9]{14}\.atlasv1\.([A-Za-z0-9_-]{50,})", before=14),
    _prefixed("a Pulumi token", "pul-", _HEX + "{40}"),
    _prefixed("a Doppler token", "dp.pt.", "[A-Za-z0-9]{40,}"),
    # Services.
    _Shape("a Slack token (xoxb-...)", "xox", _START + r"xox[abcdeoprs]-([0-9A-Za-z-]{10,})", _is_random),
    _Shape("a Slack token (xapp-...)", "xapp-", _START + r"xapp-[0-9]-([0-9A-Za-z-]{20,})", _is_random),
    _Shape(
        "a Slack webhook",
        "hooks.slack.com/",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/]{30,})",
        lambda tail: _is_random(tail.rpartition("/")[2]),
    ),
    _Shape("a Discord webhook", "/api/webhooks/", r"/api/webhooks/[0-9]{17,20}/([A-Za-z0-9_-]{60,})"),
    _Shape("a Telegram token", ":AA", r"[0-9]{8}:AA([A-Za-z0-9_-]{33})(?![A-Za-z0-9_-])", before=8),
    _Shape("a Stripe webhook secret (whsec_...)", "whsec_", _START + r"whsec_([A-Za-z0-9+/]{24,})"),
    _prefixed("a SendGrid key", "SG.", r"[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}", _is_mixed),
    _Shape("a Twilio key (SK...)", "SK", _UNLIKE_BASE64 + r"SK([0-9a-f]{32})(?![A-Za-z0-9+/])"),
    *(
        _Shape("a Mailgun key (key-...)", hint, hint + r".{0,40}?key-([0-9a-f]{32})(?![A-Za-z0-9])")
        for hint in ("mailgun", "Mailgun", "MAILGUN", "api:")
    ),
    _Shape("a Mailchimp key", "-us", _START + r"([0-9a-f]{32})-us[0-9]{1,2}(?![A-Za-z0-9-])", before=32),
    _Shape("a Shopify token (shpat_...)", "shp", _START + r"shp(?:at|ca|pa|ss|tka)_([0-9a-fA-F]{32})"),
    _Shape("a Square token (sq0...)", "sq0", _START + r"sq0(?:atp|csp|idp)-([A-Za-z0-9_-]{22,})"),
    _prefixed("a Linear key", "lin_api_", "[A-Za-z0-9]{32,}"),
    _prefixed("a Notion token", "ntn_", "[A-Za-z0-9]{40,}"),
    _Shape("a Postman key (PMAK-...)", "PMAK-", _START + r"PMAK-([0-9a-f]{24}-[0-9a-f]{34})"),
    _prefixed("a Figma token", "figd_", _WORD + "{32,}"),
    _Shape("a Grafana token (glsa_...)", "gl", _START + r"gl(?:sa|c)_([A-Za-z0-9+/_]{32,})", _is_mixed),
    _prefixed("a New Relic key", "NRAK-", "[A-Z0-9]{27}"),
    _Shape("a Sentry token (sntrys_...)", "sntry", _START + r"sntry[su]_([A-Za-z0-9+/=_-]{40,})"),
    _Shape("an Airtable token (pat...)", "pat", _START + r"pat[A-Za-z0-9]{14}\.([0-9a-f]{64})"),
    # Without an owner.
    _Shape(
        "a bearer token",
        "earer ",
        _START + r"[Bb]earer (?:\\?[\"'])?(?=[A-Za-z._~+/-]*[0-9])([A-Za-z0-9._~+/-]{20,})",
        _is_random,
        before=1,
    ),
    _Shape(
        "a password in a header (Basic ...)",
        "uthorization",
        r"[Aa]uthorization[^A-Za-z0-9]{1,8}[Bb]asic ([A-Za-z0-9+/]{12,}={0,2})",
        _is_mixed,
        before=1,
    ),
    _Shape("a JSON web token (eyJ...)", "eyJ", _START + r"eyJ([\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,})", _is_mixed),
    _Shape(
        "a password in an address",
        "://",
        r"://(?<=[a-z0-9]://)[^\s:/@\"'<>\\]{0,64}:([^\s:/@\"'\\]{3,128})@(?=[A-Za-z0-9\[])",
        _is_password,
    ),
    _Shape(
        "a private key (PEM)",
        "-----BEGIN ",
        r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
        r"((?:(?:Proc-Type|DEK-Info): [A-Z0-9,-]{1,80}|[^\"-])*)(?:-----END [A-Z0-9 ]{1,60}-----)?",
        _has_key,
    ),
    _prefixed("an age key", "AGE-SECRET-KEY-1", "[A-Z0-9]{58}"),
    # What a saved run holds in the place of a secret: a check that judges the answer again finds that it held one.
    _Shape("a secret that was hidden", "[hidden: ", r"\[hidden: ([^\]\n]{1,80})\]", _never),
)
