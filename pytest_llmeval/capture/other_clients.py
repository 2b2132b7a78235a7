"""Stands before the HTTP clients other than httpx: those that are imported now, the others as soon as they are.

An application may import them only when it makes a call, and importing them all would cost every session.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def _requests(module: ModuleType) -> None:
    from pytest_llmeval.capture.over_urllib3 import stand_before_requests

    stand_before_requests(module)


def _botocore(module: ModuleType) -> None:
    from pytest_llmeval.capture.over_urllib3 import stand_before_botocore

    stand_before_botocore(module)


def _aiohttp(module: ModuleType) -> None:
    from pytest_llmeval.capture.over_aiohttp import stand_before_aiohttp

    stand_before_aiohttp(module)


_CLIENTS: dict[str, Callable[[ModuleType], None]] = {
    "requests.sessions": _requests,
    "botocore.httpsession": _botocore,
    "aiohttp.client": _aiohttp,
}
_installed: dict[str, ModuleType] = {}


def stand_before_others() -> None:
    """Stand before them; again does nothing, unless a module was imported anew."""
    for name in _CLIENTS:
        if name in sys.modules:
            _stand_before(sys.modules[name])
    if not any(isinstance(finder, _Notices) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Notices())


def _stand_before(module: ModuleType) -> None:
    if _installed.get(module.__name__) is not module:
        _installed[module.__name__] = module
        _CLIENTS[module.__name__](module)


class _Notices(MetaPathFinder):
    """Finds nothing by itself; what others find is told when it has been imported."""

    def __init__(self) -> None:
        self._asking = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _CLIENTS or self._asking:
            return None
        self._asking = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._asking = False
        if spec is not None and spec.loader is not None:
            spec.loader = _Told(spec.loader)
        return spec


class _Told(Loader):
    """Loads a module as another loader does, and tells of it."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _stand_before(module)
