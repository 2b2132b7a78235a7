"""Secrets are found, and ordinary prose is left in peace."""

import base64
import json
import random
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_llmeval.credentials import credential_like, find_secrets, hide_secrets

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
HEX = "0123456789abcdef"
WORD = ALL + "-_"
# One token of every other form that is known; the start and the rest apart, so that no scanner takes them for real.
OTHERS = [
    ("sk-lf-", "9f8e7d6c-1b2c-4d3e-8f90-a1b2c3d4e5f6"),
    ("sk_live_", drawn(ALL, 24)),
    ("rk_test_", drawn(ALL, 99)),
    ("sk_", drawn(HEX, 48)),
    ("gsk_", drawn(ALL, 52)),
    ("xai-", drawn(ALL, 80)),
    ("hf_", drawn(ALL, 34)),
    ("hf_", drawn(string.ascii_letters, 34)),
    ("pplx-", drawn(ALL, 48)),
    ("r8_", drawn(ALL, 37)),
    ("fw_", drawn(ALL, 24)),
    ("tgp_v1_", drawn(WORD, 43)),
    ("csk-", drawn(string.ascii_lowercase + string.digits, 48)),
    ("nvapi-", drawn(WORD, 64)),
    ("pa-", drawn(WORD, 43)),
    ("jina_", drawn(ALL, 60)),
    ("tvly-dev-", drawn(ALL, 32)),
    ("fc-", drawn(HEX, 32)),
    ("lsv2_pt_", drawn(HEX, 32) + "_" + drawn(HEX, 10)),
    ("pcsk_", drawn(ALL, 5) + "_" + drawn(ALL, 64)),
    ("AQ.A", "b8RN6" + drawn(WORD, 43)),
    ("ya29.", drawn(WORD, 120)),
    ("GOCSPX-", drawn(WORD, 28)),
    ("1//0", drawn(WORD, 60)),
    ("aws_secret_access_key = ", drawn(ALL + "+/", 40)),
    ("AWS_SECRET_ACCESS_KEY=", drawn(ALL + "+/", 40)),
    ('"SecretAccessKey": "', drawn(ALL + "+/", 40) + '"'),
    ("ABSK", drawn(ALL + "+/", 128)),
    ("bedrock-api-key-", drawn(ALL + "+/", 100)),
    ("AccountName=a;AccountKey=", drawn(ALL + "+/", 86) + "=="),
    ("https://a.example.com/b?se=2030&sig=", drawn(ALL, 43) + "%3D"),
    ("a1B8Q", "~" + drawn(WORD, 34)),
    (drawn(ALL, 52, 2), "JQQJ99" + drawn(ALL, 26)),
    ("dop_v1_", drawn(HEX, 64)),
    ("dapi", drawn(HEX, 32)),
    ("sbp_", drawn(HEX, 40)),
    ("sb_secret_", drawn(WORD, 31)),
    ("pscale_tkn_", drawn(WORD, 43)),
    ("glpat-", drawn(WORD, 20)),
    ("gldt-", drawn(WORD, 20)),
    ("GR1348941", drawn(WORD, 20)),
    ("ABIA", drawn(string.ascii_uppercase + string.digits, 16)),
    ("//registry.npmjs.org/:_authToken=", "743b294a-cd03-41ec-9d64-0242ac120002"),
    ("npm_", drawn(ALL, 36)),
    ("pypi-AgE", "IcHlwaS5vcmc" + drawn(WORD, 150)),
    ("rubygems_", drawn(HEX, 48)),
    ("dckr_pat_", drawn(WORD, 27)),
    ("ATATT3", drawn(WORD, 186)),
    ("hvs.", drawn(WORD, 95)),
    (drawn(ALL, 14), ".atlasv1." + drawn(WORD, 67)),
    ("pul-", drawn(HEX, 40)),
    ("dp.pt.", drawn(ALL, 43)),
    ("xapp-1-A0B1C2D3E4F-", "1234567890123-" + drawn(HEX, 64)),
    ("https://hooks.slack.com/services/", "T0A1B2C3D/B0A1B2C3D/" + drawn(ALL, 24)),
    ("https://discord.com/api/webhooks/", "123456789012345678/" + drawn(WORD, 68)),
    ("1234567890:AA", drawn(WORD, 33)),
    ("whsec_", drawn(ALL, 32)),
    ("SG.", drawn(WORD, 22) + "." + drawn(WORD, 43)),
    ("SK", drawn(HEX, 32)),
    ("MAILGUN_API_KEY=key-", drawn(HEX, 32)),
    ("api:key-", drawn(HEX, 32)),
    (drawn(HEX, 32), "-us12"),
    ("shpat_", drawn(HEX, 32)),
    ("sq0atp-", drawn(WORD, 22)),
    ("lin_api_", drawn(ALL, 40)),
    ("ntn_", drawn(ALL, 46)),
    ("PMAK-", drawn(HEX, 24) + "-" + drawn(HEX, 34)),
    ("figd_", drawn(WORD, 40)),
    ("glsa_", drawn(ALL, 32) + "_" + drawn(HEX, 8)),
    ("NRAK-", drawn(string.ascii_uppercase + string.digits, 27)),
    ("sntrys_", drawn(ALL, 120)),
    ("pat" + drawn(ALL, 14), "." + drawn(HEX, 64)),
    ("Authorization: Basic ", base64.b64encode(b"admin:s3cretpw99").decode()),
    ("eyJhbGciOiJFUzI1NiJ9", ".eyJpc3MiOiJzaG9wIiwic3ViIjoiNDIifQ." + drawn(WORD, 86)),
    ("postgres://shop:", "tR0ub4dor&3-and-more@"),
    ("redis://:", "p4s$w0rd!-and-more@"),
    ("mongodb+srv://app:", "Zz9%2Fq-7-and-more@"),
    ("-----BEGIN OPENSSH ", "PRIVATE KEY-----\n" + drawn(ALL + "+/", 70) + "\n-----END OPENSSH PRIVATE KEY-----"),
    (
        "-----BEGIN PGP ",
        "PRIVATE KEY BLOCK-----\nVersion: 2\n\n" + drawn(ALL + "+/", 64) + "\n-----END PGP PRIVATE KEY BLOCK-----",
    ),
    (
        "-----BEGIN RSA ",
        "PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B2C\n\n"
        + drawn(ALL + "+/", 64)
        + "\n-----END RSA PRIVATE KEY-----",
    ),
    ("AGE-SECRET-KEY-1", drawn(string.ascii_uppercase + string.digits, 58)),
]
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


@pytest.mark.parametrize(("start", "rest"), OTHERS, ids=[f"{n}-{start[:12]}" for n, (start, _) in enumerate(OTHERS)])
@pytest.mark.parametrize("depth", [0, 1, 2], ids=["plain", "json", "json in json"])
def test_a_token_of_every_other_form_is_found_told_and_hidden(start: str, rest: str, depth: int) -> None:
    text = f"the key is\n{start}{rest}{'host' if rest.endswith('@') else ''} and nothing else"
    for _ in range(depth):
        text = json.dumps(text)

    [name] = find_secrets(text, {})
    like = credential_like(text)
    hidden = hide_secrets({"a": [text, 1, None], text: True}, {})

    assert like is not None
    assert like[0] == name
    shown = hidden["a"][0]
    assert hidden == {"a": [shown, 1, None], shown: True}
    assert rest[-12:-1] not in shown
    assert [part in shown for part in ("the key is", f"[hidden: {name}]", "and nothing else")] == [True] * 3
    assert find_secrets(shown, {}) == []


def test_hiding_leaves_all_else_and_a_check_still_finds_what_was_there() -> None:
    token = SECRETS["a GitHub token (ghp_...)"]
    text = f"{token}, then {token[:12]}, then my-password-1 in mypassword and {'ghp_' + 'x' * 36}"

    hidden = hide_secrets(text, {"SHOP": "my-password-1", "SHORT": "then"})

    assert hidden == (
        f"[hidden: a GitHub token (ghp_...)], then {token[:12]}, then [hidden: the value of SHOP] in mypassword "
        f"and {'ghp_' + 'x' * 36}"
    )
    assert (credential_like("a [hidden: the value of SHOP]") or [""])[0] == "a secret that was hidden"


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
        "postgres://user:password@localhost/db, redis://:<password>@host, https://me:${TOKEN}@github.com, ftp://a:***@b",
        "amqp://guest:guest@localhost, http://localhost:8080/a@b, https://example.com/a?b=c:d@e, mysql://root:xxxx@db",
        "Ids: resp_68a1b2c3d4e5f60718293a4b5c6d7e8f90, call_Ab12Cd34Ef56Gh78Ij90Kl12, toolu_01A09q90qw90lq917835lq9,",
        "chatcmpl-9f8e7d6c5b4a39281706f5e4d3c2b1a0, msg_bdrk_01Ab2Cd3Ef4Gh5Ij6Kl7Mn8Op, a key-" + "a1b2c3d4" * 4,
        "Set GROQ_API_KEY=gsk_" + "x" * 52 + ", HF_TOKEN=hf_" + "x" * 34 + " and glpat-xxxxxxxxxxxxxxxxxxxx.",
        "Authorization: Basic <credentials>; the basic authorization of 1990; sha256-" + "q1W2e3R4" * 5 + "t5Y=",
        "eyJhbGciOiJub25lIn0 is the first part of a token; pa-per, fc-barcelona, hf_hub_download, npm_config_registry",
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


@given(st.integers(0, 10**9))
@example(761482640)  # "...5mrk-I...", whose "5m" ends no colour
def test_random_ids_hashes_and_blobs_are_no_secrets(seed: int) -> None:
    drawer = random.Random(seed)
    kinds = ["resp_", "msg_", "call_", "chatcmpl-", "file-", "key-", "sha256:", "id=", "/", '"']
    texts = [drawer.choice(kinds) + drawn(drawer.choice([ALL, HEX]), drawer.choice([24, 32, 40, 64])) for _ in "12345"]
    blob = drawer.randbytes(3000)
    texts += [base64.b64encode(blob).decode(), base64.urlsafe_b64encode(blob).decode(), blob.hex()]
    assert find_secrets(" ".join(texts), {}) == []


def test_placeholders_in_variables_are_no_secrets() -> None:
    assert find_secrets("this is a test of nothing", {"OPENAI_API_KEY": "test", "EMPTY": ""}) == []
