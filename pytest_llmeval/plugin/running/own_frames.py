"""Where in a traceback the user's own code is."""

from __future__ import annotations

from pathlib import Path
from traceback import walk_tb
from types import TracebackType

from pytest_llmeval.plugin.running.failing_statement import INSTALLED

_OURS = str(Path(__file__).parents[2])


def own_frames(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback down to the user's own code: the inside of an SDK explains no missing reply."""
    frames: list[TracebackType] = []
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if not name.startswith(_OURS):
            if name.startswith(INSTALLED) and frames:
                break
            frames.append(traceback)
        traceback = traceback.tb_next
    kept: TracebackType | None = None
    for frame in reversed(frames):
        kept = TracebackType(kept, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return kept


def place_of(error: BaseException, root: Path) -> str:
    """Where an exception came from, as ``tests/test_a.py:12``, in the user's code, or ""."""
    lines = [(frame.f_code.co_filename, number) for frame, number in walk_tb(error.__traceback__)]
    if not lines:
        return ""
    below = [line for line in lines if Path(line[0]).is_relative_to(root)]
    own = [line for line in below if not line[0].startswith((_OURS, *INSTALLED)) and "site-packages" not in line[0]]
    file, number = own[-1] if own else lines[-1]
    return f"{Path(file).relative_to(root).as_posix() if own else Path(file).name}:{number}"
