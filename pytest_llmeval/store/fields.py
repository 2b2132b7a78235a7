"""Records as JSON objects, by a table of their fields."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, Final, Generic, NamedTuple, TypeVar, cast

T = TypeVar("T")


class Kind(NamedTuple):
    """What a field may hold: a test, and words for errors, as in ``text``."""

    holds: Callable[[Any], bool]
    words: str


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300


def _is_path(value: object) -> bool:
    """Whether the file system can be asked for it; whether it is there is another matter."""
    try:
        return isinstance(value, str) and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


ANY = Kind(lambda value: True, "JSON")
TEXT = Kind(lambda value: isinstance(value, str), "text")
PATH = Kind(_is_path, "the path of a file")
NUMBER = Kind(_is_number, "a finite number")
FLAG = Kind(lambda value: isinstance(value, bool), "true or false")
COUNT = Kind(lambda value: type(value) is int and value >= 0, "a whole number from 0")
OBJECT = Kind(lambda value: isinstance(value, dict), "an object")
LIST = Kind(lambda value: isinstance(value, list), "a list")
TEXTS = Kind(lambda value: isinstance(value, list) and all(isinstance(each, str) for each in value), "a list of texts")


def or_null(kind: Kind) -> Kind:
    """The kind, or null."""
    return Kind(lambda value: value is None or kind.holds(value), f"{kind.words} or null")


def one_of(words: Iterable[str]) -> Kind:
    """One of some words."""
    known = tuple(words)
    return Kind(lambda value: value in known, f"one of {', '.join(known)}")


REQUIRED: Final = object()


class Field(NamedTuple):
    """A field of a JSON object.

    Attributes:
        name: in the JSON object.
        kind: what it may hold there.
        path: of the record's attribute, as in ``answer.usage.input_tokens``; "" when it is the name.
        default: the attribute where the field is missing; without one, a missing field is an error.
        omit: whether the default is not written.
        dump: makes the JSON value of the attribute.
        load: makes the attribute of the JSON value.
        derived: whether the attribute follows from others, so that it is written and not read.
    """

    name: str
    kind: Kind = ANY
    path: str = ""
    default: object = REQUIRED
    omit: bool = False
    dump: Callable[[Any], Any] | None = None
    load: Callable[[Any], Any] | None = None
    derived: bool = False


class Record(Generic[T]):
    """How records of a type are written and read.

    Args:
        make: the type.
        fields: in the order they are written.
        parts: the types of attributes whose fields lie in the same JSON object, by their path, inner ones first.
    """

    def __init__(
        self, make: Callable[..., T], fields: Iterable[Field], parts: Mapping[str, Callable[..., Any]] | None = None
    ) -> None:
        self.fields = tuple(fields)
        self._parts = {**(parts or {}), "": make}
        self._getters = [attrgetter(field.path or field.name) for field in self.fields]
        self._readers = [
            (field.name, field.kind, field.load, field.default, *(field.path or field.name).rpartition(".")[::2])
            for field in self.fields
            if not field.derived
        ]

    def to_json(self, record: T) -> dict[str, Any]:
        """The record as a JSON object."""
        data = {}
        for field, get in zip(self.fields, self._getters, strict=True):
            value = get(record)
            if not field.omit or value != field.default:
                data[field.name] = value if field.dump is None else field.dump(value)
        return data

    def from_json(self, data: Mapping[str, Any]) -> T:
        """The record in a JSON object.

        Raises:
            ValueError: a field is missing or wrong; names it.
        """
        if not isinstance(data, dict):
            raise ValueError("not a JSON object")
        attributes: dict[str, dict[str, Any]] = {part: {} for part in self._parts}
        for name, kind, load, default, part, attribute in self._readers:
            value = data.get(name, REQUIRED)
            if value is REQUIRED:
                if default is REQUIRED:
                    raise ValueError(f"the field {name!r} is missing")
                value = default
            elif kind is not ANY and not kind.holds(value):
                raise ValueError(f"the field {name!r} is not {kind.words}")
            elif load is not None:
                value = load(value)
            attributes[part][attribute] = value
        for path, make in self._parts.items():
            made = make(**attributes[path])
            if path:
                outer, _, attribute = path.rpartition(".")
                attributes[outer][attribute] = made
        return cast("T", made)

    def list_to_json(self, records: Iterable[T]) -> list[dict[str, Any]]:
        """The records as a JSON array."""
        return [self.to_json(record) for record in records]

    def list_from_json(self, data: Iterable[Any]) -> tuple[T, ...]:
        """The records in a JSON array.

        Raises:
            ValueError: one of them is wrong.
        """
        return tuple(self.from_json(each) for each in data)
