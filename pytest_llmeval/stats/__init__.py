"""The statistics of the gate and of the report: pure functions, standard library only."""

from __future__ import annotations
