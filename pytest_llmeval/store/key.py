"""The identity of a request: what decides the answer, however and wherever it is sent."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pytest_llmeval.json_text import canonical_json, path_steps, without_path

KEY_VERSION = 1

# Top-level fields that name a user, a bill or a server-side copy, and do not change the answer.
_VOLATILE = frozenset(
    {
        "labels",
        "metadata",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "user",
    }
)


class RequestIdentity:
    """The identity of a request.

    Headers, hosts and keys are not part of it, so a proxy, another SDK or a rotated key changes nothing.

    Args:
        provider: the wire format, with its version where that changes answers, as in ``anthropic 2023-06-01``.
        path: below the base URL, as in ``/chat/completions``.
        model: the provider's name of the model.
        body: the JSON body; ``bytes`` in it (the parts of a form) count by their hash.
        salt: distinguishes servers that serve different weights under one name.
        ignore: JSON paths of fields that do not count, as in ``messages[0].name`` or ``tools[*].description``.

    Raises:
        ValueError: a path in ``ignore`` is invalid.
        TypeError, ValueError: the body holds something that is not JSON.
    """

    __slots__ = ("_body", "_fields", "_known")

    def __init__(
        self,
        *,
        provider: str,
        path: str,
        model: str,
        body: Mapping[str, Any],
        salt: str = "",
        ignore: Iterable[str] = (),
    ) -> None:
        self._body = canonical_json(significant(body, ignore))
        self._fields = provider, path, model, salt
        self._known: dict[str, str] = {}  # looking up, sending and keeping a reply each ask; a body may be megabytes

    @property
    def digest(self) -> str:
        """The same for all samples and occurrences of a request; shows whether a prompt changed between runs."""
        return self._digest(_fields_text(*self._fields))

    def key(self, *, sample: int, occurrence: int) -> str:
        """The key of a stored reply, 64 hexadecimal digits.

        Args:
            sample: index of the answer, from 0.
            occurrence: how many identical requests the sample made before.
        """
        return self._digest(_fields_text(*self._fields, sample=sample, occurrence=occurrence))

    def _digest(self, fields: str) -> str:
        if fields not in self._known:
            # Canonical JSON of the whole: "body" sorts before every other field, so it is written only once.
            whole = f'{{"body":{self._body},{fields[1:]}'
            self._known[fields] = hashlib.sha256(whole.encode("ascii")).hexdigest()
        return self._known[fields]


@functools.lru_cache(maxsize=1024)  # most requests of a session differ in nothing but their body
def _fields_text(provider: str, path: str, model: str, salt: str, **draw: int) -> str:
    return canonical_json({"v": KEY_VERSION, "provider": provider, "path": path, "model": model, "salt": salt, **draw})


def significant(body: Mapping[str, Any], ignore: Iterable[str] = ()) -> dict[str, Any]:
    """The part of a request's body that decides the answer, without what the JSON paths in ``ignore`` lead to.

    Raises:
        ValueError: a path in ``ignore`` is invalid.
    """
    kept: Any = {name: value for name, value in body.items() if name not in _VOLATILE}
    if kept.get("stream") is False:
        del kept["stream"]
    for path in ignore:
        kept = without_path(kept, path_steps(path))
    return kept  # type: ignore[no-any-return]


def normalized(value: Any, change: Callable[[str], str]) -> Any:
    """A copy of a JSON value with ``change`` applied to every text in it, but not to names of fields."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {name: normalized(item, change) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [normalized(item, change) for item in value]
    return value
