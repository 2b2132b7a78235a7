"""What [tool.llmeval] must not hold: keys, and addresses that must not get prompts."""

from pathlib import Path

import pytest

from pytest_llmeval.config.settings import load_settings
from pytest_llmeval.errors import ConfigError

MODEL = '[tool.llmeval.models.candidate]\nmodel = "openai/gpt"\n'
CANDIDATE = "pyproject.toml: [tool.llmeval.models.candidate] "


def mistakes(folder: Path, text: str) -> list[str]:
    (folder / "pyproject.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(folder)
    return str(caught.value).splitlines()


SECRET = "sk-proj-Abcd1234Efgh5678"


@pytest.mark.parametrize(
    "line",
    [
        f'api_key = "{SECRET}"',
        f'API-Key = "{SECRET}"',
        f'api_key_env = "{SECRET}"',
        'api_key_env = "9f8e7d6c-Abcd1234Efgh5678"',
        f'base_url = "https://{SECRET}.example.com"',
        f'base_url = "https://user:{SECRET}@example.com/v1"',
        'base_url = "https://user:Abcd1234Efgh5678@example.com/v1"',
        'base_url = "http://user:Abcd1234Efgh5678@example.com:port"',
        f'params = {{ extra = {{ x = "Bearer {SECRET}" }} }}',
        f'params = {{ list = ["{SECRET}"] }}',
        'params = { extra = { Authorization = "Abcd1234Efgh5678" } }',
    ],
)
def test_a_key_in_the_file_is_refused_never_shown_and_api_key_env_named(tmp_path: Path, line: str) -> None:
    [only] = mistakes(tmp_path, MODEL + line)
    assert "Abcd1234" not in only
    assert "environment variable" in only


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x/v1",
        "file:///etc/passwd",
        "example.com/v1",
        "",
        "https://",
        "http://[::1",
        "http://x:99999/",
        "http://api.example.com/v1",
        "http://169.254.169.254/latest",
        "https://169.254.169.254/latest",
        "https://[fe80::a9fe:a9fe]/v1",
        "https://metadata.google.internal/",
        "https://metadata.google.internal./",
        "http://2852039166/",
        "https://0xa9fea9fe/",
        "https://100.100.100.200/",
        "https://[fd00:ec2::254]/",
        "http://192.169.1.5:8000/v1",
        "http://vllm.example.com:8000/v1",
    ],
)
def test_an_address_that_must_not_get_prompts_is_refused(tmp_path: Path, url: str) -> None:
    [only] = mistakes(tmp_path, MODEL + f'base_url = "{url}"\n')
    assert only.startswith(CANDIDATE + "base_url: ")


@pytest.mark.parametrize(
    "url",
    [
        "https://x.example.com/v1?api-version=1",
        "http://127.0.0.1:1/v1",
        "http://[::1]:1/",
        "http://localhost",
        "http://192.168.1.5:8000/v1",
        "http://ollama:11434",
        "http://host.docker.internal:8000/v1",
    ],
)
def test_https_and_plain_http_in_private_networks_are_allowed(tmp_path: Path, url: str) -> None:
    (tmp_path / "pyproject.toml").write_text(MODEL + f'base_url = "{url}"\n')
    assert load_settings(tmp_path).models["candidate"].base_url == url


def test_plain_http_to_a_public_machine_says_what_helps(tmp_path: Path) -> None:
    [only] = mistakes(tmp_path, MODEL + 'base_url = "http://93.184.216.34:8000/v1"\n')
    assert only.startswith(CANDIDATE + "base_url: would send prompts to 93.184.216.34 unencrypted; use https://")
