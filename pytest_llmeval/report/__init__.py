"""Text out of comparisons: pure functions, nothing here prints."""

from __future__ import annotations
