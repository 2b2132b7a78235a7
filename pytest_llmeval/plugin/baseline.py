"""What a session is compared with, or becomes: nothing, a model, a saved run, a new saved run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.json_text import lenient_json
from pytest_llmeval.runs.results import CaseKey, CaseResult, Run

if TYPE_CHECKING:
    from pytest_llmeval.case import Case
    from pytest_llmeval.runs.pooled import Pool
    from pytest_llmeval.stats.dependence import Dispersion

NO_RESULTS: Mapping[CaseKey, CaseResult] = MappingProxyType({})


@dataclass(frozen=True)
class NoBaseline:
    """Nothing is compared, and a failing case fails its test.

    Attributes:
        alone: whether that is because the model on trial is the baseline itself.
    """

    alone: bool = False
    name: ClassVar[None] = None
    results: ClassVar = NO_RESULTS


@dataclass(frozen=True)
class ModelBaseline:
    """A model that runs in the same session."""

    model: ModelSettings
    alone: ClassVar[bool] = False
    dispersion: ClassVar[None] = None
    results: ClassVar = NO_RESULTS

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name


@dataclass(frozen=True)
class SavedBaseline:
    """A saved run.

    Attributes:
        name: the model in it that is the baseline.
        branch: the branch it was read from, None for this checkout.
        dispersion: how far this run and another of the same model lie apart, None when there is no other.
        pool: this run and the other as one, None when there is no other.
        logged: the answers of production that shadow tests are compared with.
    """

    run: Run
    name: str
    file: Path
    branch: str | None
    dispersion: Dispersion | None = None
    pool: Pool | None = None
    logged: Mapping[CaseKey, CaseResult] = field(default_factory=dict)
    alone: ClassVar[bool] = False

    @property
    def where(self) -> str:
        """Where it lies, in words: ``llm-baseline.jsonl of origin/main``."""
        return f"{self.file.name} of {self.branch}" if self.branch is not None else self.file.name

    @cached_property
    def results(self) -> Mapping[CaseKey, CaseResult]:
        """The results of the model by case, with the answers of the other run and of production."""
        saved = self.pool.results if self.pool is not None else self.run.of_model(self.name)
        return {**saved, **self.logged} if self.logged else saved

    def judged_alike(self, result: CaseResult) -> int:
        """How many of a case's first answers were judged by the tests that its digest names."""
        alike = self.pool.judged_alike.get(result.key) if self.pool is not None else None
        return alike if alike is not None else len(result.samples)

    @property
    def model(self) -> ModelSettings:
        """What the name stood for."""
        header = self.run.models.get(self.name, {})
        params, provider = header.get("params"), str(header.get("provider", ""))
        return ModelSettings(
            name=self.name,
            provider=provider,
            model=str(header.get("model", "")),
            # Nothing is sent there, but a provider that is not ours needs an address, and a function must not have one.
            base_url=None if provider.startswith("python:") else "https://127.0.0.1",
            params=params if isinstance(params, Mapping) else {},
        )

    def counterpart(self, key: CaseKey, case: Case | None) -> CaseResult | None:
        """A case as it was saved; None when it is new, as is one whose input changed.

        Args:
            key: under which it was saved.
        """
        saved = self.results.get(key)
        if saved is None or (case is not None and lenient_json(saved.input) != lenient_json(case.input)):
            return None
        return saved


@dataclass(frozen=True)
class NewBaseline:
    """A file that this session's run is saved as; failing cases become known misses.

    Attributes:
        old: the run the file holds now, None when the file is new.
        merge: whether cases that are not run stay as they are.
        append: whether the file's answers are kept beside this session's.
    """

    file: Path
    old: SavedBaseline | None
    merge: bool
    append: bool = False
    alone: ClassVar[bool] = True
    name: ClassVar[None] = None

    @property
    def results(self) -> Mapping[CaseKey, CaseResult]:
        """The cases that the file holds now."""
        return self.old.results if self.old is not None else NO_RESULTS


PRODUCTION = "production"
"""What the side of a log is called."""
LOG_FORMAT = "openai"
"""Stands for the wire format of a log's answers, in which nothing is sent: they are in no provider's form."""


def production(where: str, created: str, model: str) -> SavedBaseline:
    """Production as the baseline of a session that has no other.

    Args:
        where: the names of the logs.
        created: when the last answer was given, ISO date and time; "" when unknown.
        model: that answered.
    """
    run = Run(created=created, models={PRODUCTION: {"provider": LOG_FORMAT, "model": model, "params": {}}})
    return SavedBaseline(run, PRODUCTION, Path(where), branch=None)


Compared = ModelBaseline | SavedBaseline

Baseline = NoBaseline | Compared | NewBaseline


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
