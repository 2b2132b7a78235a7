"""Rows without secrets and personal data, before they are written."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_llmeval.checks.personal.personal_data import KINDS, Placeholders
from pytest_llmeval.credentials import hide_secrets
from pytest_llmeval.datasets.foreign.imported import Given
from pytest_llmeval.json_text import lenient_json
from pytest_llmeval.text import plural


def redacted(given: Sequence[Given], *, keep_personal_data: bool) -> tuple[list[Given], list[str]]:
    """Rows without secrets and personal data, and what is to be said of it.

    Args:
        given: the rows, in the order in which placeholders are numbered.
        keep_personal_data: whether only secrets are replaced.
    """
    safe = [one._replace(row=hide_secrets(one.row, {})) for one in given]
    hidden = sum(one.row != before.row for one, before in zip(safe, given, strict=True))
    secrets = f"secrets were hidden in {plural(hidden, 'row')}" if hidden else "no secret was found"
    if keep_personal_data:
        return safe, [f"{secrets}; personal data was kept, so mind who can read the file"]
    made, found = _without_personal_data(safe)
    what = found or "no row"
    return made, [secrets, f"personal data was replaced in {what}; names of people are NOT recognised, so look"]


def remark_about(given: Sequence[Given]) -> list[str]:
    """What is to be said of rows in which personal data stays, of a file that is no log."""
    _, found = _without_personal_data(given)
    return [f"personal data stays in {found}; --personal-data=replace replaces it, and secrets"] if found else []


def _without_personal_data(given: Sequence[Given]) -> tuple[list[Given], str]:
    """The rows with placeholders, and how many there are of what; "" for none."""
    placeholders = Placeholders("\n".join(lenient_json(one.row) for one in given))
    made = [one._replace(row=placeholders.hide(one.row)) for one in given]
    changed = sum(one.row != before.row for one, before in zip(made, given, strict=True))
    kinds = [kind for kind, _ in placeholders.given]
    counts = ", ".join(plural(kinds.count(kind), word) for kind, word in KINDS.items() if kind in kinds)
    return made, f"{plural(changed, 'row')}: {counts}" if kinds else ""
