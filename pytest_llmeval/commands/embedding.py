"""The embedding function that a project names: ``embed`` of [tool.llmeval]."""

from __future__ import annotations

import sys
from importlib import import_module

from pytest_llmeval.checks.meaning import Embedding
from pytest_llmeval.config.settings import Settings
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.text import did_you_mean, first_line


def named_in(settings: Settings) -> str:
    """The key as a message names it, "" without one."""
    return f'embed = "{settings.embed}" in {settings.place}' if settings.embed else ""


def embedding_of(settings: Settings) -> Embedding | None:
    """The function, None where none is named. Its module is imported, which runs it; the project's folder is searched.

    Raises:
        ConfigError: there is no such function, or its module cannot be imported.
    """
    if settings.embed is None:
        return None
    module_name, _, name = settings.embed.partition(":")
    if str(settings.root) not in sys.path:
        sys.path.insert(0, str(settings.root))
    try:
        module = import_module(module_name)
    except Exception as error:
        told = first_line(f"{type(error).__name__}: {error}", 160)
        raise ConfigError(f"{named_in(settings)}: the module cannot be imported: {told}") from None
    function: Embedding | None = getattr(module, name, None)
    if not callable(function):
        names = [each for each, value in vars(module).items() if callable(value) and not each.startswith("_")]
        raise ConfigError(f"{named_in(settings)}: the module has no such function{did_you_mean(name, names)}")
    return function
