"""The saved run that a session is compared with: what main says, and which of its cases today's tests have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.json_text import lenient_json
from pytest_llmeval.runs.results import CaseKey, CaseResult, Run

if TYPE_CHECKING:
    from pytest_llmeval.case import Case


class SavedBaseline:
    """A baseline run.

    Args:
        run: what was saved.
        name: the model in it that is the baseline.
        file: where it stands in this checkout.
        where: the same in words, as in ``llm-baseline.jsonl of origin/main``.

    Attributes:
        model: what the name stood for.
        results: of that model, by case.
        moved: the tests that have another name now, with the name they had.
    """

    def __init__(self, run: Run, name: str, file: Path, where: str) -> None:
        self.run = run
        self.name = name
        self.file = file
        self.where = where
        self.model = _model(name, run.models.get(name, {}))
        self.results: Mapping[CaseKey, CaseResult] = run.of_model(name)
        self.moved: dict[str, str] = {}

    def saved_key(self, key: CaseKey) -> CaseKey:
        """Under which key a case was saved."""
        return key._replace(test=self.moved.get(key.test, key.test))

    def counterpart(self, key: CaseKey, case: Case | None) -> CaseResult | None:
        """A case as it was saved; None when it is new, as one is whose input changed.

        Args:
            key: of the case now.
            case: its row, None without one.
        """
        saved = self.results.get(self.saved_key(key))
        if saved is None or (case is not None and not _same(saved.input, case.input)):
            return None
        return saved


def model_in(run: Run) -> list[str]:
    """The names of the models of a run, less the saved baseline that it was compared with itself."""
    return [name for name, model in run.models.items() if not model.get("saved")]


def moved_tests(
    results: Mapping[CaseKey, CaseResult], now: Mapping[CaseKey, str], gone: Iterable[str]
) -> dict[str, str]:
    """The tests that have another name than when they were saved, found by their rows.

    A test is taken for a saved one that is gone where most rows of either are the other's and no other test has as many
    of them. Without rows its name decides, in a file of another name.

    Args:
        results: the saved cases.
        now: the cases of this session, each with the digest of its row; "" without one.
        gone: the saved tests that this session would have if they were still there.

    Returns:
        By the name of the test, the name it had.
    """
    old: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    new: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for key, result in results.items():
        old[key.test].add((key.case, result.content))
    for key, content in now.items():
        new[key.test].add((key.case, content))
    missing = [test for test in dict.fromkeys(gone) if test not in new]
    found: dict[str, str] = {}
    for test, rows in new.items():
        if test in old:
            continue
        fitting = [(len(rows & old[other]), other) for other in missing if _alike(test, rows, other, old[other])]
        best = sorted(fitting, reverse=True)[:2]
        if best and (len(best) == 1 or best[0][0] > best[1][0]):
            found[test] = best[0][1]
    taken = list(found.values())
    return {test: other for test, other in found.items() if taken.count(other) == 1}


def _alike(test: str, rows: set[tuple[str, str]], other: str, saved: set[tuple[str, str]]) -> bool:
    if any(content for _, content in rows):
        return 2 * len(rows & saved) > max(len(rows), len(saved))
    same_name = test.partition("::")[2] == other.partition("::")[2]
    return same_name and {case for case, _ in rows} <= {case for case, _ in saved}


def _model(name: str, header: Mapping[str, Any]) -> ModelSettings:
    params = header.get("params")
    return ModelSettings(
        name=name,
        provider=str(header.get("provider", "")),
        model=str(header.get("model", "")),
        base_url="https://127.0.0.1",  # nothing is ever sent there, but a provider that is not ours needs an address
        params=params if isinstance(params, Mapping) else {},
    )


def _same(saved: Any, now: Any) -> bool:
    return lenient_json(saved) == lenient_json(now)
