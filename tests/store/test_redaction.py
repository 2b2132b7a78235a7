"""Secrets are found, and ordinary prose is left in peace."""

import base64
import json
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.credentials import find_secrets

# Put together here, so that no scanner takes this file for a leak.
ALL = string.ascii_letters + string.digits


def drawn(alphabet: str, length: int, seed: int = 1) -> str:
    return "".join(random.Random(seed).choices(alphabet, k=length))


SECRETS = {
    "an Anthropic key": "sk-" + "ant-api03-" + drawn(ALL + "-_", 93),
    "an OpenAI key": "sk-" + "proj-" + drawn(ALL + "-_", 120),
    "an API key (sk-...)": "sk-" + drawn(ALL, 48),
    "an API key": "sk-" + "or-v1-" + drawn("0123456789abcdef", 64),
    "a Google API key": "AI" + "za" + drawn(ALL + "-_", 35),
    "a GitHub token (ghp_...)": "gh" + "p_" + drawn(ALL, 36),
    "a GitHub token (github_pat_...)": "github" + "_pat_" + drawn(ALL, 22) + "_" + drawn(ALL, 59),
    "an AWS access key": "AK" + "IA" + drawn(string.ascii_uppercase + "234567", 16),
    "a Slack token": "xo" + "xb-" + "123456789012-1234567890123-" + drawn(ALL, 24),
    "a bearer token": "Authorization: Bearer " + drawn(ALL, 40),
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----\n" + drawn(ALL + "+/", 64) + "\n",
}
# Every kind of token that one shape stands for.
KINDS = {
    "an OpenAI key": [f"sk-{kind}-" + drawn(ALL + "-_", 120) for kind in ("proj", "svcacct", "admin")],
    "a GitHub token (ghp_...)": [f"gh{kind}_" + drawn(ALL, 36) for kind in "pousr"],
    "an AWS access key": [f"{kind}IA" + drawn(string.ascii_uppercase + "234567", 16) for kind in ("AK", "AS")],
    "a Slack token": [f"xox{kind}-" + "123456789012-1234567890123-" + drawn(ALL, 24) for kind in "abeoprs"],
}
PLACES = ["{}", "the key is {}.", "a\n{}\nb", '"{}"', "key={}&x=1", "https://{}@host/", "\x1b[1m{}", "日本{}語"]


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        (kind, place)
        for kind in SECRETS
        for place in PLACES
        # After a slash these two are taken for part of a base64 text.
        if not (place.startswith("https") and kind in ("an AWS access key", "a Google API key"))
    ],
)
@pytest.mark.parametrize("depth", [0, 1, 2], ids=["plain", "json", "json in json"])
def test_a_secret_is_found_wherever_it_stands_and_never_shown(kind: str, place: str, depth: int) -> None:
    text = place.format(SECRETS[kind])
    for _ in range(depth):
        text = json.dumps({"text": text})

    found = find_secrets(text, {})

    assert any(description.startswith(kind) for description in found)
    assert not any(SECRETS[kind][-12:] in description for description in found)


@pytest.mark.parametrize(("kind", "secret"), [(kind, secret) for kind, secrets in KINDS.items() for secret in secrets])
def test_every_kind_of_a_token_is_found(kind: str, secret: str) -> None:
    assert [description for description in find_secrets(f"the key is {secret}.", {}) if description.startswith(kind)]


@given(st.integers())
def test_drawn_keys_are_found(seed: int) -> None:
    assert find_secrets("sk-" + "ant-api03-" + drawn(ALL + "-_", 93, seed), {})
    assert find_secrets("sk-" + "proj-" + drawn(ALL + "-_", 120, seed), {})
    assert find_secrets("gh" + "p_" + drawn(ALL, 36, seed), {})


@pytest.mark.parametrize(
    "prose",
    [
        "A risk-averse, task-oriented desk-research-and-development-2024-programme with disk-space-monitoring-v2.",
        "See sk-learn-contrib-imbalanced-datasets-2024 and sk-SK-localisation-of-the-interface-2025-11.",
        "The bearer of this letter. Bearer authentication-and-authorization is described in RFC 6750.",
        "Send `Authorization: Bearer <your-api-key-goes-here>` or Bearer $OPENAI_API_KEY_OF_PRODUCTION.",
        "Set it to sk-XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX, sk-your-key-here-please-and-thank-you or sk-...",
        "sk-ant-api03-XXXXXXXXXXXXXXXXXXXXXXXXXXXX is a placeholder; ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx too.",
        "A PEM file starts with -----BEGIN PRIVATE KEY----- and ends with -----END PRIVATE KEY-----.",
        "-----BEGIN CERTIFICATE-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAx1\n-----END CERTIFICATE-----",
        "AKIA is how AWS access keys start; AIza is how Google's do; xoxb- is Slack's bot prefix.",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b, uuid 123e4567-e89b-12d3-a456-426614174000",
        "Ticket ABCD1234EFGH5678IJKL, IBAN DE89370400440532013000, order no. 100-200-300-400-500-600",
    ],
)
def test_prose_is_no_secret(prose: str) -> None:
    assert find_secrets(prose, {}) == []
    assert find_secrets(json.dumps(prose), {}) == []


def test_pictures_in_a_prompt_are_no_secrets() -> None:
    picture = base64.b64encode(random.Random(3).randbytes(300_000)).decode()

    assert find_secrets(f'{{"url": "data:image/png;base64,{picture}"}}', {}) == []


@given(st.text())
def test_text_is_hardly_ever_a_secret(text: str) -> None:
    assert find_secrets(text, {}) == []


@pytest.mark.parametrize("value", ["correct horse battery", 'with "quotes" and \\ in it', "line one\nline two"])
def test_values_of_known_variables_are_found(value: str) -> None:
    for text in (f"it is {value}!", json.dumps(f"it is {value}!"), json.dumps(json.dumps(f"it is {value}!"))):
        assert find_secrets(text, {"MY_KEY": value, "OTHER": "something else"}) == ["the value of MY_KEY"]


def test_placeholders_in_variables_are_no_secrets() -> None:
    assert find_secrets("this is a test of nothing", {"OPENAI_API_KEY": "test", "EMPTY": ""}) == []
