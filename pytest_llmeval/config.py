"""The table [tool.llmeval] as frozen settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

__all__ = ["CategorySettings", "GateSettings", "ModelSettings", "Prices", "Settings", "load_settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """USD per million tokens; cache reads and writes cost what input costs unless they have a price."""

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """One model that can be put on trial.

    Attributes:
        name: the alias, or ``provider/model`` when it was named directly.
        provider: as in ``openai``.
        model: the provider's name of the model.
        base_url: None for the provider's own.
        api_key_env: name of the environment variable with the key, None for the provider's default.
        params: sampling parameters sent with every call.
        prices: None when unknown.
    """

    name: str
    provider: str
    model: str
    base_url: str | None = None
    api_key_env: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    prices: Prices | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CategorySettings:
    """How an error category is gated.

    Attributes:
        severity: ``high`` is gated with three times the share of alpha, ``low`` is reported only.
        max_increase: allowed rise of the share of failing cases, from 0 to 1; None for the gate's floor.
    """

    severity: Literal["high", "normal", "low"] = "normal"
    max_increase: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """Allowed rises of measured figures, as fractions: 0.2 is +20 %; None is not gated."""

    latency_p50: float | None = None
    latency_p95: float | None = None
    latency_p99: float | None = None
    ttft_p50: float | None = None
    ttft_p95: float | None = None
    cost_per_resolved: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything [tool.llmeval] says.

    Attributes:
        file: where the table stands, None when there is none.
        root: the folder relative paths start from: that of the file, else pytest's rootdir.
        model: default of ``--llm-model``.
        baseline: default of ``--llm-baseline``: a model, or the path of a saved run.
        recordings: the folder of recordings.
        cache: the folder of the local store.
    """

    root: Path
    recordings: Path
    cache: Path
    file: Path | None = None
    model: str | None = None
    baseline: str | None = None
    models: Mapping[str, ModelSettings] = field(default_factory=dict)
    categories: Mapping[str, CategorySettings] = field(default_factory=dict)
    gate: GateSettings = field(default_factory=GateSettings)

    def find_model(self, name: str) -> ModelSettings:
        """The model behind an alias of the table or a ``provider/model``.

        Raises:
            ConfigError: neither; the message names the nearest alias.
        """
        raise NotImplementedError


def load_settings(root: Path) -> Settings:
    """Read ``llmeval.toml``, or [tool.llmeval] of ``pyproject.toml``, from a folder.

    Args:
        root: pytest's rootdir.

    Raises:
        ConfigError: one line per mistake: file, key, what was given, what is allowed, the nearest right name.
    """
    raise NotImplementedError
