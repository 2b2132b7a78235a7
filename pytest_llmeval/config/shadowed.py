"""How ``llmeval shadow`` tells the session that it starts which file is the log."""

from __future__ import annotations

from typing import Final

VARIABLE: Final = "PYTEST_LLMEVAL_SHADOWED_LOG"
"""The environment variable with the whole path."""
