"""Tracebacks that end where the user's own code ends."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from types import TracebackType

__all__ = ["own_frames"]

_OURS = str(Path(__file__).parents[1])
_INSTALLED = tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), sysconfig.get_path("stdlib")})


def own_frames(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback as far as the user's own code goes: the inside of an SDK tells nothing of a missing reply."""
    frames: list[TracebackType] = []
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if not name.startswith(_OURS):
            if name.startswith(_INSTALLED) and frames:
                break
            frames.append(traceback)
        traceback = traceback.tb_next
    kept: TracebackType | None = None
    for frame in reversed(frames):
        kept = TracebackType(kept, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return kept
