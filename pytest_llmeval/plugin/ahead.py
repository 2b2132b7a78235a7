"""Imports what judging and the summary need, while there are file descriptors to read modules with.

A suite that uses them up must not cost the results: this is called before the first test runs, and under xdist, in the
process that reports, when the first report comes. What only some sessions need is small.
"""

from __future__ import annotations

from importlib import import_module

__all__ = ["import_all"]

_ALWAYS = (
    "pytest_llmeval.checks.diff",
    "pytest_llmeval.measure",
    "pytest_llmeval.plugin.close_look",
    "pytest_llmeval.plugin.controller",
    "pytest_llmeval.plugin.hooks",
    "pytest_llmeval.plugin.junit",
    "pytest_llmeval.plugin.last_failed",
    "pytest_llmeval.plugin.last_words",
    "pytest_llmeval.plugin.replaced",
    "pytest_llmeval.plugin.short_summary",
    "pytest_llmeval.plugin.status_line",
    "pytest_llmeval.plugin.store_notes",
    "pytest_llmeval.plugin.terminal",
    "pytest_llmeval.report.alone",
    "pytest_llmeval.report.session",
    "pytest_llmeval.run_file",
    "pytest_llmeval.store.recording_file",
    "pytest_llmeval.store.recordings",
)
_COMPARING = (
    "pytest_llmeval.adaptive",
    "pytest_llmeval.compare",
    "pytest_llmeval.report.grouped",
    "pytest_llmeval.report.many",
    "pytest_llmeval.report.measures",
    "pytest_llmeval.report.one",
    "pytest_llmeval.report.routes",
    "pytest_llmeval.report.sensitivity",
    "pytest_llmeval.report.slices",
    "pytest_llmeval.routing",
    "pytest_llmeval.sensitivity",
    "pytest_llmeval.store.staleness",
    "pytest_llmeval.unused",
)


def import_all(*, compares: bool) -> None:
    """Import it all.

    Args:
        compares: whether there is a baseline; what only that needs would cost other sessions a tenth of a second.
    """
    for name in (*_ALWAYS, *(_COMPARING if compares else ())):
        import_module(name)
