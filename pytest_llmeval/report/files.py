"""The files that tell of a session, by the endings of their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from pytest_llmeval.report.exports import Session, as_code_quality, as_csv, as_ctrf, as_metrics
from pytest_llmeval.report.markdown import markdown
from pytest_llmeval.report.other_tools.inspect_export import as_inspect_log
from pytest_llmeval.report.other_tools.otlp_export import as_otlp


class Kind(NamedTuple):
    """A kind of file.

    Attributes:
        write: its text.
        redacted: the same without any text of models or users; None for a kind that has no such form.
    """

    write: Callable[[Session], str]
    redacted: Callable[[Session], str] | None = None


def _page(session: Session) -> str:
    from pytest_llmeval.report.page.html import html  # with the library that fills in the page

    return html(session)


def _redacted_page(session: Session) -> str:
    from pytest_llmeval.report.page.html import html

    return html(session, redacted=True)


FILES: Mapping[str, Kind] = MappingProxyType(
    {
        ".html": Kind(_page, _redacted_page),
        ".md": Kind(markdown),
        ".codequality.json": Kind(as_code_quality),
        ".metrics.txt": Kind(as_metrics),
        ".otlp.json": Kind(as_otlp),
        ".inspect.json": Kind(as_inspect_log),
        ".json": Kind(as_ctrf),
        ".csv": Kind(as_csv),
    }
)
"""By the ending of a file's name; the first that fits counts."""


def ending_of(name: str) -> str | None:
    """The ending in `FILES` that a file's name has, None when it has none of them."""
    return next((ending for ending in FILES if name.endswith(ending)), None)
