"""The table [tool.llmeval] as frozen settings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pytest_llmeval.config.place import PYPROJECT, TABLE_FILE, folders_searched, no_table, shown_path
from pytest_llmeval.errors import ConfigError

if TYPE_CHECKING:
    from pytest_llmeval.stats.gate import CategoryRule

_CACHE = ".llmeval/cache"
_LARGEST_FILE = 10_000_000  # bytes
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]")


class Prices(NamedTuple):
    """USD per million tokens; cache reads and writes cost what input costs unless they have a price."""

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None


class ModelSettings(NamedTuple):
    """One model that can be put on trial.

    Attributes:
        name: the alias, or ``provider/model`` when it was named directly.
        provider: as in ``openai``.
        model: the provider's name of the model.
        base_url: None for the provider's own.
        api_key_env: name of the environment variable with the key, None for the provider's default.
        params: sampling parameters sent with every call.
        drop_params: JSON paths within requests that are not sent.
        rename_params: the names under which parameters are sent, by the names that a test or the application gives.
        headers: sent with every call; no secret is among them.
        timeout: seconds that one answer may take, None for the usual limits.
        prices: None when unknown.
        thinking_tags: before and after thoughts that are in the text of an answer, None when there are none.
        judge: whether it judges the product's answers: its calls are not in the product's cost and latency.
    """

    name: str
    provider: str
    model: str
    base_url: str | None = None
    api_key_env: str | None = None
    params: Mapping[str, Any] = MappingProxyType({})
    drop_params: tuple[str, ...] = ()
    rename_params: Mapping[str, str] = MappingProxyType({})
    headers: Mapping[str, str] = MappingProxyType({})
    timeout: float | None = None
    prices: Prices | None = None
    thinking_tags: tuple[str, str] | None = None
    judge: bool = False

    @property
    def entry(self) -> str | None:
        """The name of its table below [tool.llmeval.models], None for a model that was named directly."""
        return None if self.name == f"{self.provider}/{self.model}" else self.name

    @property
    def full_name(self) -> str:
        """The alias with what it stands for, as messages name it."""
        stands_for = f"{self.provider}/{self.model}"
        return self.name if self.name == stands_for else f"{self.name} ({stands_for})"


class CategorySettings(NamedTuple):
    """How an error category is gated.

    Attributes:
        severity: ``high`` is gated with three times the share of alpha and a floor of half a case, ``low`` is reported
            only.
        max_increase: allowed rise of the share of failing cases, from 0 to 1; None for the gate's floor.
    """

    severity: Literal["high", "normal", "low"] = "normal"
    max_increase: float | None = None

    def rule(self) -> CategoryRule:
        """What the gate and ``llmeval plan`` go by; the one place that knows what a severity weighs."""
        from pytest_llmeval.stats.gate import CategoryRule

        high = self.severity == "high"
        return CategoryRule(
            weight=3.0 if high else 1.0,
            gated=self.severity != "low",
            max_increase=self.max_increase,
            min_cases=0.5 if high else None,
        )


class GateSettings(NamedTuple):
    """What the gate allows besides the rules of the error categories.

    The other attributes are allowed rises of measured figures, as fractions: 0.2 is +20 %; None is not gated.

    Attributes:
        by: what is gated: ``category``, ``task``, ``tag``; all their groups share alpha.
        max_loss: how much larger the share of failing answers of a model may be that a task is routed to, from 0 to 1.
    """

    latency_p50: float | None = None
    latency_p95: float | None = None
    latency_p99: float | None = None
    ttft_p50: float | None = None
    ttft_p95: float | None = None
    cost_per_resolved: float | None = None
    max_loss: float = 0.05
    by: tuple[str, ...] = ("category",)


class Settings(NamedTuple):
    """Everything [tool.llmeval] says.

    Attributes:
        file: the file with the table, None without a table.
        root: the folder relative paths start from: that of the file, else pytest's rootdir.
        model: default of ``--llm-model``.
        baseline: default of ``--llm-baseline``: a model, or the path of a saved run.
        baseline_again: another saved run of the same model, pooled with it; shows how far two runs of it lie apart.
        anchor: a saved run that is never updated, which shows the drift since then.
        recordings: the folder of recordings.
        cache: the folder of the local store.
        ignore: JSON paths within requests that do not count when a reply is looked up.
        max_age: how old a stored reply may be, None for any age.
        stale: what happens when it is older.
        embed: an embedding function, as ``module:function``; two commands of ``llmeval`` import it, and pytest never.
        start: where a table was looked for, when that is not the root.
        base: the folder paths in messages are relative to, None for the start.
    """

    root: Path
    recordings: Path
    cache: Path
    file: Path | None = None
    model: str | None = None
    baseline: str | None = None
    baseline_again: Path | None = None
    anchor: Path | None = None
    models: Mapping[str, ModelSettings] = MappingProxyType({})
    categories: Mapping[str, CategorySettings] = MappingProxyType({})
    gate: GateSettings = GateSettings()
    ignore: tuple[str, ...] = ()
    max_age: timedelta | None = None
    stale: Literal["warn", "fail", "refresh"] = "warn"
    embed: str | None = None
    start: Path | None = None
    base: Path | None = None

    @property
    def place(self) -> str:
        """Where the table is, as a message names it; without a table, where it was looked for."""
        start = self.start or self.root
        if self.file is not None:
            return f"[tool.llmeval] of {shown_path(self.file, self.base or start)}"
        return no_table(tuple(folders_searched(start, self.root)), self.base or start)

    def find_model(self, name: str) -> ModelSettings:
        """The model behind an alias of the table or a ``provider/model``.

        Raises:
            ConfigError: neither; the message names the nearest alias.
        """
        if name in self.models:
            return self.models[name]
        provider, _, model = name.partition("/")
        if provider and (model or provider.startswith("python:")) and not _SPACE.search(name):
            return ModelSettings(name=name, provider=provider, model=model)
        from pytest_llmeval.text import did_you_mean, quoted_ascii

        full = "provider/model, as in openai/gpt-5.6-mini"
        allowed = f"models: {', '.join(self.models)}, or {full}" if self.models else f"allowed: {full}"
        where = f"; {self.place}" if self.file is None or self.base not in (None, self.root) else ""
        raise ConfigError(f"unknown model {quoted_ascii(name)}{did_you_mean(name, self.models)} ({allowed}{where})")


def load_settings(folder: Path, *, otherwise: Path | None = None, base: Path | None = None) -> Settings:
    """Read the nearest table: ``llmeval.toml``, or [tool.llmeval] of ``pyproject.toml``, of a folder or one above it.

    Args:
        folder: where the search begins.
        otherwise: the folder searched last; relative paths start from it when there is no table at all.
        base: what paths in messages are relative to; the folder unless given.

    Raises:
        ConfigError: one line per mistake: file, key, what was given, what is allowed, the nearest right name.
    """
    folder = folder.absolute()
    root = otherwise or folder
    tables = (_settings_in(each, base or folder) for each in folders_searched(folder, otherwise))
    found = next(filter(None, tables), None)
    if found is None:
        found = Settings(root=root, recordings=_default_recordings(root), cache=root / _CACHE)
    return found._replace(start=folder if folder != found.root else None, base=base)


def table_file(folder: Path, *, otherwise: Path | None = None) -> Path | None:
    """The file with the table that counts for the tests of a folder, None without a table.

    Args:
        folder: an absolute path.
        otherwise: the folder searched last.

    Raises:
        ConfigError: a file that may hold it cannot be read.
    """
    for place in folders_searched(folder, otherwise):
        if _table_of_pyproject(place / PYPROJECT, PYPROJECT) is not None:
            return place / PYPROJECT
        if _read(place / TABLE_FILE, TABLE_FILE):
            return place / TABLE_FILE
    return None


def _settings_in(folder: Path, base: Path) -> Settings | None:
    pyproject, own = folder / PYPROJECT, folder / TABLE_FILE
    name, own_name = shown_path(pyproject, base), shown_path(own, base)
    in_pyproject = _table_of_pyproject(pyproject, name)
    in_own = _read(own, own_name) or None
    if in_pyproject is not None and in_own is not None:
        raise ConfigError(f"{name} has a table [tool.llmeval] and there is {own_name} too; keep one of them")
    if in_pyproject is not None:
        return _settings(in_pyproject, pyproject, name, ("tool", "llmeval"))
    return _settings(in_own, own, own_name, ()) if in_own is not None else None


def _table_of_pyproject(file: Path, name: str) -> dict[str, Any] | None:
    tool = _read(file, name, only_with=b"llmeval").get("tool", {})
    if not isinstance(tool, dict) or "llmeval" not in tool:
        return None
    table = tool["llmeval"]
    if not isinstance(table, dict):
        raise ConfigError(f"{name}: [tool] llmeval: is no table; allowed: [tool.llmeval] with keys below it")
    return table


def _read(file: Path, name: str, *, only_with: bytes = b"") -> dict[str, Any]:
    """What a TOML file holds; nothing when there is no such file, or when it lacks some bytes."""
    if not file.is_file():
        return {}
    import tomllib

    try:
        with file.open("rb") as opened:
            raw = opened.read(_LARGEST_FILE + 1)
        if len(raw) > _LARGEST_FILE:
            raise ConfigError(f"{name}: the file has over {_LARGEST_FILE:,} bytes, more than are allowed")
        if only_with not in raw:
            return {}
        return tomllib.loads(raw.decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror or type(error).__name__}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}:{line}: not UTF-8; save the file as UTF-8") from None
    except RecursionError:
        raise ConfigError(f"{name}: nested too deep") from None
    except ValueError as error:
        raise ConfigError(_syntax_error(name, str(error))) from None


def _syntax_error(name: str, message: str) -> str:
    from pytest_llmeval.text import first_line

    text, _, where = message.rpartition(" (at ")
    line = re.match(r"line ([0-9]+), column ([0-9]+)", where)
    if line:
        return f"{name}:{line[1]}: not TOML: {first_line(text)} (column {line[2]})"
    return f"{name}: not TOML: {first_line(message)}"


def _settings(table: dict[str, Any], file: Path, name: str, keys: tuple[str, ...]) -> Settings:
    from pytest_llmeval.config.age import parsed_age
    from pytest_llmeval.config.mistakes import mistakes_of

    try:
        mistakes = mistakes_of(table, keys)
    except RecursionError:
        raise ConfigError(f"{name}: nested too deep") from None
    if mistakes:
        from pytest_llmeval.text import harmless

        lines = [harmless(f"{name}: {mistake}").replace("\n", "\\n") for mistake in mistakes]
        raise ConfigError("\n".join(lines))
    root = file.parent
    models = {alias: _model(alias, **fields) for alias, fields in table.get("models", {}).items()}
    return Settings(
        root=root,
        file=file,
        recordings=root / table["recordings"] if "recordings" in table else _default_recordings(root),
        cache=root / table.get("cache", _CACHE),
        model=table.get("model"),
        baseline=table.get("baseline"),
        baseline_again=root / table["baseline_again"] if "baseline_again" in table else None,
        anchor=root / table["anchor"] if "anchor" in table else None,
        models=models,
        categories={category: CategorySettings(**fields) for category, fields in table.get("categories", {}).items()},
        gate=_gate(**table.get("gate", {})),
        ignore=tuple(table.get("ignore", ())),
        max_age=parsed_age(table["max_age"]) if "max_age" in table else None,
        stale=table.get("stale", "warn"),
        embed=table.get("embed"),
    )


def _model(
    alias: str,
    *,
    model: str,
    prices: dict[str, float] | None = None,
    thinking_tags: list[str] | None = None,
    drop_params: Sequence[str] = (),
    **fields: Any,
) -> ModelSettings:
    provider, _, model_name = model.partition("/")
    return ModelSettings(
        name=alias,
        provider=provider,
        model=model_name,
        prices=Prices(**prices) if prices else None,
        thinking_tags=(thinking_tags[0], thinking_tags[1]) if thinking_tags else None,
        drop_params=tuple(drop_params),
        **fields,
    )


def _gate(
    *, max_loss: float = GateSettings().max_loss, by: Sequence[str] = GateSettings().by, **rises: str
) -> GateSettings:
    budgets = {figure: float(rise.strip("+%")) / 100 for figure, rise in rises.items()}
    return GateSettings(max_loss=max_loss, by=tuple(by), **budgets)


def _default_recordings(root: Path) -> Path:
    return root / "tests" / "recordings" if (root / "tests").is_dir() else root / "recordings"
