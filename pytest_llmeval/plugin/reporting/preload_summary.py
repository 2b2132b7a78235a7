"""Imports what judging and the summary need, while there are file descriptors to read modules with.

A suite that uses them up must not cost the results: this is called before the first test runs, and under xdist, in the
process that reports, when the first report comes. What only some sessions need is small.
"""

from __future__ import annotations

from importlib import import_module

_ALWAYS = (
    "pytest_llmeval.differences",
    "pytest_llmeval.plugin.reporting.parts",
)

_COMPARING = (
    "pytest_llmeval.analysis.adaptive",
    "pytest_llmeval.analysis.compare",
    "pytest_llmeval.report.category",
    "pytest_llmeval.report.breakdown",
    "pytest_llmeval.report.drift",
    "pytest_llmeval.analysis.routing",
    "pytest_llmeval.analysis.sensitivity",
    "pytest_llmeval.runs.unused",
)


_PUBLISHING = (
    "pytest_llmeval.report.files",
    "pytest_llmeval.report.github",
)


def import_all(*, compares: bool, publishes: bool) -> None:
    """Import it all.

    Args:
        compares: whether there is a baseline; what only that needs would cost other sessions a tenth of a second.
        publishes: whether the summary is written into files too.
    """
    for name in (*_ALWAYS, *(_COMPARING if compares else ()), *(_PUBLISHING if publishes else ())):
        import_module(name)
