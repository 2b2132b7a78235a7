"""What ``pip install pytest-llmeval`` brings: the packages it needs, and theirs, with what they take on disk."""

from __future__ import annotations

from importlib.metadata import distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["installed_size", "needed_packages"]


def needed_packages(name: str) -> list[str]:
    """The packages that one needs, directly or by others, as this environment has them; without extras."""
    found: set[str] = set()
    waiting = [Requirement(name)]
    while waiting:
        asked = waiting.pop()
        for text in distribution(asked.name).requires or ():
            needed = Requirement(text)
            extras = asked.extras or {""}
            wanted = needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras)
            if wanted and canonicalize_name(needed.name) not in found:
                found.add(canonicalize_name(needed.name))
                waiting.append(needed)
    return sorted(found)


def installed_size(name: str) -> int:
    """Bytes that a package's files take, as it says itself; byte code is not among them."""
    files = distribution(name).files or ()
    return sum(file.size or 0 for file in files if file.suffix != ".pyc")
