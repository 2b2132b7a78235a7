"""What a test gives as a schema: a JSON Schema itself, a pydantic model, or a type that pydantic knows."""

from __future__ import annotations

import functools
import operator
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.text import first_line

TAKES = "a JSON Schema (a dict), a pydantic model class, or a type such as a TypedDict, list[...] or a union of classes"


def schema_of(given: object, who: str = "llm(..., schema={})") -> Mapping[str, Any] | None:
    """The JSON Schema to send, None for no schema.

    Args:
        given: what a test gives.
        who: takes it, for messages, with ``{}`` for what was given.

    Raises:
        ConfigError: it is none, and none can be made of it.
    """
    if given is None or isinstance(given, Mapping):
        return given
    refuse_unless_type(given, who)
    schema: Mapping[str, Any] = adapter_of(given, who).json_schema()
    if not schema:
        raise ConfigError(f"{who.format(_name(given))}: its JSON Schema allows anything; leave schema= out")
    return schema


def refuse_unless_type(given: object, who: str) -> None:
    """Say what is right where something is neither a schema nor a type.

    Raises:
        ConfigError: it is.
    """
    if _is_type(given):
        return
    if hasattr(type(given), "model_json_schema"):
        kind = first_line(type(given).__name__, 60)
        raise ConfigError(f"{who.format('...')}: an object of {kind} was given; give the class {kind}")
    raise ConfigError(f"{who.format('...')} takes {TAKES}, not {_name(type(given))}")


def adapter_of(given: Any, who: str) -> Any:
    """The pydantic ``TypeAdapter`` of a type, which makes its JSON Schema and judges JSON by it.

    Raises:
        ConfigError: pydantic is not there, or makes none.
    """
    try:
        return _cached(given, who)
    except TypeError:  # it holds something that cannot be hashed, or is wrong in a way that pydantic tells better
        return _made(given, who)


def _is_type(given: object) -> bool:
    alias = getattr(typing, "TypeAliasType", type)  # what a statement ``type Name = ...`` makes, from Python 3.12
    return isinstance(given, (type, types.UnionType, alias)) or typing.get_origin(given) is not None


def _made(given: Any, who: str) -> Any:
    who = who.format(_name(given))
    try:
        import pydantic
    except ImportError:
        raise ConfigError(
            f"{who}: a schema is made of a type by pydantic 2, which is not installed; "
            "pip install pydantic, or give a JSON Schema (a dict)"
        ) from None
    adapter = getattr(pydantic, "TypeAdapter", None)
    if adapter is None:
        raise ConfigError(
            f"{who}: pydantic 2 makes the schema, and {pydantic.VERSION} is installed; "
            'pip install "pydantic>=2", or give a JSON Schema (a dict)'
        )
    try:
        made = adapter(_known(given))
        made.json_schema()
    except Exception as error:  # a model's own code runs there
        why = first_line(str(error), 150) or type(error).__name__
        raise ConfigError(f"{who}: no JSON Schema can be made of it: {why}; it takes {TAKES}") from None
    return made


_cached = functools.lru_cache(maxsize=64)(_made)


def _known(given: Any) -> Any:
    """A type with each ``typing.TypedDict`` made anew: before Python 3.12 pydantic knows only typing_extensions'."""
    if sys.version_info >= (3, 12):
        return given
    if typing.is_typeddict(given) and type(given).__module__ == "typing":
        return _typed_dict(given)
    arguments = typing.get_args(given)
    if not arguments or typing.get_origin(given) is typing.Literal:
        return given
    new = tuple(map(_known, arguments))
    if new == arguments:
        return given
    if typing.get_origin(given) is typing.Annotated:
        return typing.Annotated[new]
    if isinstance(given, types.UnionType):
        return functools.reduce(operator.or_, new)
    return given.copy_with(new) if hasattr(given, "copy_with") else typing.get_origin(given)[new]


def _typed_dict(given: Any) -> Any:
    import typing_extensions  # which pydantic brings

    fields = {}
    for name, hint in typing.get_type_hints(given, include_extras=True).items():
        if typing.get_origin(hint) in (typing.Required, typing.NotRequired):
            mark, hint = typing.get_origin(hint), typing.get_args(hint)[0]
        else:
            mark = typing.Required if name in given.__required_keys__ else typing.NotRequired
        fields[name] = mark[_known(hint)]
    made = typing_extensions.TypedDict(given.__name__, fields)  # type: ignore[misc]
    made.__doc__ = given.__doc__
    return made


def _name(given: object) -> str:
    return first_line(given.__name__ if isinstance(given, type) and not typing.get_args(given) else str(given), 60)
