"""The table [tool.llmeval]: what it may say, and how every mistake is told."""

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_llmeval.config.settings import (
    CategorySettings,
    GateSettings,
    ModelSettings,
    Prices,
    Settings,
    load_settings,
)
from pytest_llmeval.errors import ConfigError

FULL = """\
[tool.llmeval]
model = "production"
baseline = "runs/main.jsonl"
recordings = "evals/recordings"
cache = "/var/cache/llmeval"

[tool.llmeval.models.production]
model = "openai/gpt-5.6-mini"

[tool.llmeval.models.candidate]
model = "openrouter/anthropic/claude-haiku-5"
api_key_env = "ROUTER_KEY"
base_url = "https://llm.example.com/v1"
params = { max_tokens = 1024, stop = ["END"] }
drop_params = ["temperature", "stream_options"]
rename_params = { max_output_tokens = "max_tokens" }
headers = { x-team = "search", X-Title = "evals" }
prices = { input = 0.8, output = 4, cache_read = 0.08 }

[tool.llmeval.categories.hallucination]
severity = "high"
max_increase = 0.0
[tool.llmeval.categories."refund amount"]
severity = "low"

[tool.llmeval.gate]
latency_p95 = "+20%"
cost_per_resolved = "+7.5%"
max_loss = 0.02
"""


def load(folder: Path, text: str | bytes, name: str = "pyproject.toml") -> Settings:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_settings(folder)


def mistakes(folder: Path, text: str | bytes, name: str = "pyproject.toml") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, name)
    return str(caught.value).splitlines()


def test_a_table_may_use_every_key(tmp_path: Path) -> None:
    expected = Settings(
        root=tmp_path,
        file=tmp_path / "pyproject.toml",
        recordings=tmp_path / "evals" / "recordings",
        cache=Path("/var/cache/llmeval"),
        model="production",
        baseline="runs/main.jsonl",
        models={
            "production": ModelSettings(name="production", provider="openai", model="gpt-5.6-mini"),
            "candidate": ModelSettings(
                name="candidate",
                provider="openrouter",
                model="anthropic/claude-haiku-5",
                base_url="https://llm.example.com/v1",
                api_key_env="ROUTER_KEY",
                params={"max_tokens": 1024, "stop": ["END"]},
                drop_params=("temperature", "stream_options"),
                rename_params={"max_output_tokens": "max_tokens"},
                headers={"x-team": "search", "X-Title": "evals"},
                prices=Prices(input=0.8, output=4, cache_read=0.08),
            ),
        },
        categories={
            "hallucination": CategorySettings(severity="high", max_increase=0.0),
            "refund amount": CategorySettings(severity="low"),
        },
        gate=GateSettings(latency_p95=0.2, cost_per_resolved=0.075, max_loss=0.02),
    )
    assert load(tmp_path, FULL) == expected


def test_llmeval_toml_holds_the_same_keys_at_its_top(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    own = load(here, FULL.replace("[tool.llmeval]\n", "").replace("tool.llmeval.", ""), "llmeval.toml")
    shared = load(there, FULL)
    assert here / "llmeval.toml" == own.file
    assert (own.models, own.categories, own.gate) == (shared.models, shared.categories, shared.gate)


@pytest.mark.parametrize(
    "pyproject", [None, "", "[project]\nname = 'llmeval'\n", "[tool.other]\nx = 1\n", "tool = 3\n"]
)
def test_without_a_table_there_are_defaults_and_no_file(tmp_path: Path, pyproject: str | None) -> None:
    if pyproject is not None:
        (tmp_path / "pyproject.toml").write_text(pyproject)
    (tmp_path / "llmeval.toml").write_text("# nothing yet\n")
    expected = Settings(root=tmp_path, recordings=tmp_path / "recordings", cache=tmp_path / ".llmeval" / "cache")
    assert load_settings(tmp_path) == expected


def test_an_empty_table_is_a_table(tmp_path: Path) -> None:
    assert load(tmp_path, "[tool.llmeval]\n").file == tmp_path / "pyproject.toml"


def test_recordings_stand_in_the_folder_of_tests_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    assert load_settings(tmp_path).recordings == tmp_path / "tests" / "recordings"


def test_two_tables_are_an_error_naming_both(tmp_path: Path) -> None:
    (tmp_path / "llmeval.toml").write_text('model = "a/b"\n')
    assert mistakes(tmp_path, "[tool.llmeval]\n") == [
        "pyproject.toml has a table [tool.llmeval] and there is llmeval.toml too; keep one of them"
    ]


def test_a_broken_pyproject_that_never_names_llmeval_is_left_to_others(tmp_path: Path) -> None:
    assert load(tmp_path, "[project\n").file is None


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[tool.llmeval]\nmodel = \n", "pyproject.toml:2: not TOML: "),
        ("[tool.llmeval]\nmodel = 'a/b'\nmodel = 'c/d'\n", "pyproject.toml:3: not TOML: "),
        (b"[tool.llmeval]\nmodel = '\xfc'\n", "pyproject.toml:2: not UTF-8; save the file as UTF-8"),
        ("[tool.llmeval]\nx = " + "[" * 5000, "pyproject.toml: nested too deep"),
        ("[tool.llmeval]\nx = " + "9" * 5000, "pyproject.toml: not TOML: "),
        ("[tool]\nllmeval = 3\n", "pyproject.toml: [tool] llmeval: is no table; allowed: [tool.llmeval]"),
        (b"# llmeval" + b" " * 10_000_000, "pyproject.toml: the file has over 10,000,000 bytes"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path: Path, text: str | bytes, mistake: str) -> None:
    [only] = mistakes(tmp_path, text)
    assert only.startswith(mistake)


MODEL = '[tool.llmeval.models.candidate]\nmodel = "openai/gpt"\n'
CANDIDATE = "pyproject.toml: [tool.llmeval.models.candidate] "
GATE = "pyproject.toml: [tool.llmeval.gate] "


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            '[tool.llmeval]\nmodle = "a/b"\n',
            (
                'pyproject.toml: [tool.llmeval] modle: unknown key; did you mean "model"? '
                "(allowed: model, baseline, baseline_again, anchor, recordings, "
            ),
        ),
        (
            "[tool.llmeval]\nsamples = 3\n",
            (
                "pyproject.toml: [tool.llmeval] samples: unknown key; it is an option, --llm-samples, "
                "which pytest's addopts may hold (allowed: model, "
            ),
        ),
        (
            MODEL + "temprature = 0.5\n",
            CANDIDATE + 'temprature: unknown key; did you mean "params = { temperature = ... }"? '
            "(allowed: model, api_key_env, base_url, params, thinking_tags, drop_params, rename_params, headers, "
            "timeout, prices, judge)",
        ),
        (MODEL + 'api_key_environment = "X"\n', CANDIDATE + 'api_key_environment: unknown key; did you mean "api_key_'),
        (
            "[tool.llmeval]\nrecordings = 3\n",
            "pyproject.toml: [tool.llmeval] recordings: is the number 3; allowed: tex",
        ),
        (
            '[tool.llmeval]\ncache = ""\n',
            'pyproject.toml: [tool.llmeval] cache: is the text ""; allowed: the path of',
        ),
        (
            '[tool.llmeval]\ncache = "a\\u0000b"\n',
            'pyproject.toml: [tool.llmeval] cache: is the text "a\\u0000b"; allow',
        ),
        (
            "[tool.llmeval]\nignore = ['a.b', 3, 4]\n",
            "pyproject.toml: [tool.llmeval] ignore: is the number 3; allowed: text (a JSON path",
        ),
        (
            "[tool.llmeval]\nmodels = []\n",
            "pyproject.toml: [tool.llmeval] models: is an empty list; allowed: a table",
        ),
        (
            "[tool.llmeval.models]\na = 1\n",
            "pyproject.toml: [tool.llmeval.models] a: is the number 1; allowed: a table",
        ),
        (
            "[tool.llmeval.models.a]\n",
            "pyproject.toml: [tool.llmeval.models.a] model: is missing; it is provider/model",
        ),
        (
            '[tool.llmeval.models."a/b"]\nmodel = "x/y"\n',
            'pyproject.toml: [tool.llmeval.models] "a/b": is not a name allowed here; allowed: letters, digits',
        ),
        (
            '[tool.llmeval.models."a\\n"]\nmodel = "x/y"\n',
            'pyproject.toml: [tool.llmeval.models] "a\\n": is not a name allowed here',
        ),
        (
            '[tool.llmeval.models.a]\nmodel = "gpt"\n',
            'pyproject.toml: [tool.llmeval.models.a] model: is the text "gpt"; allowed: provider/model',
        ),
        (MODEL + 'thinking_tags = ["<think>"]\n', CANDIDATE + "thinking_tags: is a list; allowed: two different"),
        (MODEL + 'thinking_tags = ["a", "a"]\n', CANDIDATE + "thinking_tags: is a list; allowed: two different"),
        (MODEL + 'thinking_tags = ["a", ""]\n', CANDIDATE + "thinking_tags: is a list; allowed: two different"),
        (MODEL + "thinking_tags = true\n", CANDIDATE + "thinking_tags: is true; allowed: a list (what stands before"),
        (MODEL + "thinking_tags = [1, 2]\n", CANDIDATE + "thinking_tags: is the number 1; allowed: text (a text"),
        (MODEL + "judge = 1\n", CANDIDATE + "judge: is the number 1; allowed: true or false (true for a model that"),
        (
            '[tool.llmeval]\nmodel = "candidate"\n' + MODEL + "judge = true\n",
            'pyproject.toml: [tool.llmeval] model: "candidate" has judge = true: it judges answers',
        ),
        (MODEL + "timeout = 0\n", CANDIDATE + "timeout: is the number 0; allowed: from 1 to 86400 (seconds for one"),
        (MODEL + "timeout = -3.5\n", CANDIDATE + "timeout: is the number -3.5; allowed: from 1 to 86400"),
        (MODEL + "timeout = 1e9\n", CANDIDATE + "timeout: is the number 1000000000.0; allowed: from 1 to 86400"),
        (MODEL + "timeout = nan\n", CANDIDATE + "timeout: is the number nan; allowed: a finite number"),
        (MODEL + "timeout = true\n", CANDIDATE + "timeout: is true; allowed: a number (seconds for one answer"),
        (MODEL + 'timeout = "5m"\n', CANDIDATE + 'timeout: is the text "5m"; allowed: a number (seconds for one'),
        (MODEL + "params = 3\n", CANDIDATE + "params: is the number 3; allowed: a table"),
        (
            MODEL + "params = { day = 2024-01-31 }\n",
            CANDIDATE[:-2] + ".params] day: is a date or time; write it as text",
        ),
        (
            MODEL + "drop_parms = []\n",
            CANDIDATE + 'drop_parms: unknown key; did you mean "drop_params"? (allowed: model, api_key_env,',
        ),
        (
            MODEL + 'drop_params = "temperature"\n',
            CANDIDATE + 'drop_params: is the text "temperature"; allowed: a list (names of parameters that are not',
        ),
        (MODEL + "drop_params = [3]\n", CANDIDATE + "drop_params: is the number 3; allowed: text (the name of a"),
        (
            MODEL + 'drop_params = ["top p["]\n',
            CANDIDATE + 'drop_params: names "top p["; allowed: names as in temperature, thinking.budget_tokens',
        ),
        (
            MODEL + 'drop_params = ["messages"]\n',
            CANDIDATE + "drop_params: names messages, which is what a test asks, no parameter; take it out",
        ),
        (
            MODEL + 'drop_params = ["stream"]\n',
            CANDIDATE + "drop_params: names stream; whether an answer is streamed is said by a test, the application",
        ),
        (
            MODEL + 'params = { seed = 1 }\ndrop_params = ["seed"]\n',
            CANDIDATE + 'drop_params: takes out "seed", which params sets; keep one of them',
        ),
        (
            MODEL + 'rename_params = { seed = "start" }\ndrop_params = ["seed"]\n',
            CANDIDATE + 'drop_params: takes out "seed", which rename_params renames; keep one of them',
        ),
        (
            MODEL + 'params = { seed = 1 }\nrename_params = { seed = "start" }\n',
            CANDIDATE + 'rename_params: renames "seed", which params sets; set "start" there',
        ),
        (
            MODEL + 'rename_params = { seed = "model" }\n',
            CANDIDATE + "rename_params: names model, which is what a test asks, no parameter; take it out",
        ),
        (
            MODEL + "rename_params = { seed = 1 }\n",
            CANDIDATE[:-2] + ".rename_params] seed: is the number 1; allowed: text (the name that is sent",
        ),
        (
            MODEL + 'headers = { X-Auth-Token = "t" }\n',
            CANDIDATE[:-2] + ".headers] X-Auth-Token: is where a key stands, and keys do not belong in files; name the "
            'environment variable that holds it: api_key_env = "OPENAI_API_KEY"',
        ),
        (
            MODEL + 'headers = { Proxy-Authorization = "t" }\n',
            CANDIDATE[:-2] + ".headers] Proxy-Authorization: is where a key stands",
        ),
        (MODEL + 'headers = { Cookie = "t" }\n', CANDIDATE[:-2] + ".headers] Cookie: is where a key stands"),
        (
            MODEL + 'headers = { Ocp-Apim-Subscription-Key = "t" }\n',
            CANDIDATE[:-2] + ".headers] Ocp-Apim-Subscription-Key: is where a key stands",
        ),
        (
            MODEL + 'headers = { x-api-key = "t" }\n',
            CANDIDATE[:-2] + ".headers] x-api-key: keys do not belong in files; name the environment variable",
        ),
        (
            MODEL + 'headers = { x-team = "sk-abcdefgh12345" }\n',
            CANDIDATE[:-2] + ".headers] x-team: holds what looks like a key; keys do not belong in files",
        ),
        (
            MODEL + 'headers = { Content-Type = "text/plain" }\n',
            CANDIDATE[:-2] + ".headers] Content-Type: is made for each request; take it out",
        ),
        (
            MODEL + 'headers = { "x team" = "t" }\n',
            CANDIDATE[:-2] + '.headers] "x team": is no name of a header; allowed: letters',
        ),
        (
            MODEL + 'headers = { x-team = "a", X-Team = "b" }\n',
            CANDIDATE[:-2] + ".headers] X-Team: is there twice, since case does not count; keep one of them",
        ),
        (
            MODEL + 'headers = { x-team = "a\\r\\nb: c" }\n',
            CANDIDATE[:-2] + ".headers] x-team: is a text that no header can hold; allowed: printable ASCII",
        ),
        (MODEL + "headers = { x-team = 3 }\n", CANDIDATE[:-2] + ".headers] x-team: is the number 3; allowed: text"),
        (
            MODEL.replace("openai/gpt", "python:bot.ask") + 'headers = { x-team = "a" }\n',
            CANDIDATE + "headers: are never sent: a python: model is called by this process; take them out",
        ),
        (
            MODEL + 'params = { extra_headers = { x-team = "a" } }\n',
            CANDIDATE + "params: sets extra_headers, which would be a field of the body; headers = {",
        ),
        (
            MODEL + 'params = { model = "other" }\n',
            CANDIDATE + "params: sets model, which is what a test asks, no parameter; take it out",
        ),
        (MODEL + "params = { t = [nan] }\n", CANDIDATE[:-2] + ".params] t: is the number nan; allowed: a finite"),
        (
            MODEL + "params = { seed = 0x" + "f" * 9000 + " }\n",
            CANDIDATE[:-2] + ".params] seed: is a very large number; allowed: numbers up to 9223372036854775807",
        ),
        (
            MODEL + "prices = { input = 0x" + "f" * 9000 + ", output = 2 }\n",
            CANDIDATE[:-2] + ".prices] input: is a very large number; allowed:",
        ),
        (MODEL + "prices = { input = 1 }\n", CANDIDATE[:-2] + ".prices] output: is missing; it is USD per million"),
        (
            MODEL + "prices = { input = -1, output = 2 }\n",
            CANDIDATE[:-2] + ".prices] input: is the number -1; allowed: 0",
        ),
        (
            MODEL + "prices = { input = inf, output = 2 }\n",
            CANDIDATE[:-2] + ".prices] input: is the number inf; allowed",
        ),
        (
            MODEL + "prices = { input = true, output = 2 }\n",
            CANDIDATE[:-2] + ".prices] input: is true; allowed: a numb",
        ),
        (
            "[tool.llmeval.categories.format]\nseverity = 'hihg'\n",
            (
                'pyproject.toml: [tool.llmeval.categories.format] severity: is the text "hihg"; did you mean "high"? '
                '(allowed: "high" or "normal" or "low")'
            ),
        ),
        (
            "[tool.llmeval.categories.format]\nmax_increase = 2\n",
            "pyproject.toml: [tool.llmeval.categories.format] max_increase: is the number 2; allowed: from 0 to 1",
        ),
        (
            "[tool.llmeval.categories.format]\nmax_increase = nan\n",
            "pyproject.toml: [tool.llmeval.categories.format] max_increase: is the number nan; allowed:",
        ),
        (
            "[tool.llmeval.gate]\nlatency_p95 = '20 %'\n",
            GATE + 'latency_p95: is the text "20 %"; allowed: a rise, as in',
        ),
        (
            "[tool.llmeval.gate]\nlatency_p95 = 0.2\n",
            GATE + "latency_p95: is the number 0.2; allowed: text (a rise, as",
        ),
        (
            "[tool.llmeval.gate]\nmax_loss = '5%'\n",
            GATE + 'max_loss: is the text "5%"; allowed: a number (a share of the answers',
        ),
        ("[tool.llmeval.gate]\nmax_loss = 5\n", GATE + "max_loss: is the number 5; allowed: from 0 to 1 (a share"),
        ("[tool.llmeval.gate]\nlatency_p96 = '+2%'\n", GATE + 'latency_p96: unknown key; did you mean "latency_p9'),
        (
            MODEL + '[tool.llmeval]\nmodel = "candiate"\n',
            (
                'pyproject.toml: [tool.llmeval] model: unknown model "candiate"; did you mean "candidate"? '
                "(models: candidate, or provider/model)"
            ),
        ),
        (
            MODEL + '[tool.llmeval]\nbaseline = "candiate"\n',
            'pyproject.toml: [tool.llmeval] baseline: unknown model "candiate"; did you mean "candidate"?',
        ),
    ],
)
def test_each_mistake_says_key_given_allowed_and_the_nearest_name(tmp_path: Path, text: str, mistake: str) -> None:
    [only] = mistakes(tmp_path, text)
    assert only.startswith(mistake)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        "[tool.llmeval]\nmodle = 'a/b'\nbaseline = 'nope'\n[tool.llmeval.models.a]\nparams = { x = nan }\n"
        "[tool.llmeval.models.b]\nmodel = 'x/y'\nbase_url = 'ftp://x'\n[tool.llmeval.gate]\nttft_p50 = 3\n"
    )
    places = ["] modle", "] baseline", "models.a] model", "a.params] x", "models.b] base_url", "gate] ttft_p50"]
    found = mistakes(tmp_path, text)
    assert len(found) == len(places)
    assert [place for place, line in zip(places, found, strict=True) if place not in line] == []


def test_what_json_cannot_hold_is_told_within_lists_too(tmp_path: Path) -> None:
    table = "[tool.llmeval]\nignore = [{ a = 0x" + "f" * 9000 + ", b = 2024-01-31 }, 'x']\n"
    first, second, third = mistakes(tmp_path, table)
    assert first.startswith("pyproject.toml: [tool.llmeval.ignore] a: is a very large number; allowed:")
    assert second.startswith("pyproject.toml: [tool.llmeval.ignore] b: is a date or time")
    assert third.startswith("pyproject.toml: [tool.llmeval] ignore: is a table; allowed: text (a JSON path")


def test_a_table_in_the_wrong_place_of_llmeval_toml_is_told(tmp_path: Path) -> None:
    [only] = mistakes(tmp_path, '[tool.llmeval]\nmodel = "a/b"\n', "llmeval.toml")
    assert only.startswith(
        "llmeval.toml: tool: unknown key; in llmeval.toml the keys of [tool.llmeval] are at the top level"
    )


def test_what_the_file_says_is_harmless_in_messages(tmp_path: Path) -> None:
    lines = mistakes(tmp_path, '[tool.llmeval]\n"\\u001b]0;x\\n::error::" = 1\nmodel = "\\u202e##[group]\\n::x"\n')
    assert len(lines) == 2
    assert all(line.isprintable() and "##[" not in line for line in lines)


def test_a_model_is_found_by_alias_or_named_directly(tmp_path: Path) -> None:
    found = load(tmp_path, FULL)
    assert found.find_model("candidate") is found.models["candidate"]
    assert found.find_model("openrouter/meta/llama:free") == ModelSettings(
        name="openrouter/meta/llama:free", provider="openrouter", model="meta/llama:free"
    )


@pytest.mark.parametrize("name", ["", "/", "a/", "/b", "a b/c", "a/b\n", "a/\x1b", "gpt"])
def test_what_is_neither_alias_nor_provider_and_model_is_unknown(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, FULL).find_model(name)
    assert str(caught.value).startswith("unknown model ")
    assert str(caught.value).isprintable()


def test_an_unknown_model_is_told_what_a_name_looks_like_where_no_alias_is_configured(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "").find_model("gpt-5.6-mini")
    assert str(caught.value) == (
        'unknown model "gpt-5.6-mini" (allowed: provider/model, as in openai/gpt-5.6-mini; '
        "no [tool.llmeval] in pyproject.toml)"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[tool.llmevel]", "pyproject.toml has [tool.llmevel]: did you mean that?"),
        ("[tool.llm-eval.models.a]", "pyproject.toml has [tool.llm-eval]: did you mean that?"),
        ("[tool.pytest-llmeval]", "pyproject.toml has [tool.pytest-llmeval]: did you mean that?"),
        ("[llmeval]", "pyproject.toml has [llmeval]: did you mean that?"),
        ("[tool.mypy]\n[tool.poetry]", "no [tool.llmeval] in ../pyproject.toml, ../../pyproject.toml"),
    ],
)
def test_without_a_table_the_files_that_were_looked_at_are_named_and_the_nearest_names_in_them(
    tmp_path: Path, text: str, told: str
) -> None:
    tests = tmp_path / "part" / "tests"
    tests.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "part" / "pyproject.toml").write_text("")
    (tmp_path / "pyproject.toml").write_text(text)
    assert load_settings(tests).place.endswith(told.replace("pyproject.toml has", "../../pyproject.toml has"))


def test_the_nearest_table_above_counts_as_far_as_the_repository_goes(tmp_path: Path) -> None:
    tests = tmp_path / "repository" / "part" / "tests"
    tests.mkdir(parents=True)
    (tmp_path / "repository" / ".git").touch()  # of a worktree it is a file
    (tmp_path / "pyproject.toml").write_text("[tool.llmeval]\nmodel = 'openai/of-somebody-else'")
    assert load_settings(tests).file is None
    assert load_settings(tests, otherwise=tmp_path).model == "openai/of-somebody-else"
    (tmp_path / "repository" / "pyproject.toml").write_text("[tool.llmeval]\nmodel = 'openai/repository'")
    assert load_settings(tests).model == "openai/repository"
    (tmp_path / "repository" / "part" / "llmeval.toml").write_text("model = 'openai/part'")
    found = load_settings(tests, otherwise=tmp_path)
    assert (found.model, found.root, found.place) == ("openai/part", tests.parent, "[tool.llmeval] of ../llmeval.toml")


def test_a_mistake_names_the_file_from_where_pytest_was_started(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.llmeval]\nmodell = 'openai/x'")
    with pytest.raises(ConfigError, match=r"^\.\./pyproject\.toml: \[tool\.llmeval\] modell: unknown key"):
        load_settings(tmp_path / "part")
    with pytest.raises(ConfigError, match=r"^pyproject\.toml: \[tool\.llmeval\] modell: unknown key"):
        load_settings(tmp_path / "part", base=tmp_path)


def test_an_unknown_model_is_told_with_the_nearest_alias(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, FULL).find_model("candiate")
    assert str(caught.value) == (
        'unknown model "candiate"; did you mean "candidate"? '
        "(models: production, candidate, or provider/model, as in openai/gpt-5.6-mini)"
    )


HEAVY = {"jsonschema", "httpx", "diskcache", "rapidfuzz", "asyncio", "difflib"}


@pytest.mark.parametrize("text", [FULL, "# llmeval\n[tool.other]\n"])
def test_nothing_heavy_is_imported_for_a_configuration_that_is_right(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    code = (
        "import sys; from pathlib import Path; from pytest_llmeval.config.settings import load_settings; "
        f"load_settings(Path({str(tmp_path)!r})); print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_what_is_gated_is_at_least_one_of_three(tmp_path: Path) -> None:
    there = tmp_path / "pyproject.toml"
    there.write_text('[tool.llmeval.gate]\nby = ["category", "task"]\n')
    assert load_settings(tmp_path).gate.by == ("category", "task")
    for wrong, told in (("[]", "an empty list"), ('["tasks"]', '"tasks"; did you mean "task"?')):
        there.write_text(f"[tool.llmeval.gate]\nby = {wrong}\n")
        with pytest.raises(ConfigError) as refused:
            load_settings(tmp_path)
        assert told in str(refused.value)
        assert "\n" not in str(refused.value)
