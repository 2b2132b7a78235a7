"""Compares each model on trial with the baseline, and decides which cases get more samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.analysis.unseen import nothing_seen
from pytest_llmeval.plugin.baseline import Compared, ModelBaseline, SavedBaseline
from pytest_llmeval.plugin.reporting.gathering import Gathered
from pytest_llmeval.plugin.reporting.new_baseline import changes_of_baseline
from pytest_llmeval.runs.answered import answered_under_one_name
from pytest_llmeval.runs.results import Run, was_another
from pytest_llmeval.runs.saved_when import when_words
from pytest_llmeval.text import harmless

if TYPE_CHECKING:
    from pytest_llmeval.analysis.compare import Rules, Side


class Judging:
    """The verdicts of a session.

    Attributes:
        comparisons: one per candidate, once they are compared; empty without a baseline.
    """

    def __init__(self, gathered: Gathered, notes: list[str]) -> None:
        self.comparisons: list[Comparison] = []
        self._gathered = gathered
        self._evaluation = gathered.evaluation
        self._notes = notes
        self._first_pass: Run | None = None
        self._more: tuple[str, ...] = ()  # the candidates that the first pass left undecided
        self._undecided = ""

    @property
    def failed(self) -> list[Comparison]:
        """The gates that fail the session."""
        return [comparison for comparison in self.comparisons if comparison.gate == "failed"]

    def compare(self, stopped: str | None = None) -> None:
        """Compare each candidate with the baseline.

        Args:
            stopped: why the session did not come to its end, None when it did.
        """
        baseline, gathered = self._evaluation.baseline, self._gathered
        if self._evaluation.shard is not None:
            self._notes.append(gathered.shard_words(self._evaluation.shard, stopped))
            self._note_changes()
            return
        if not isinstance(baseline, Compared):
            return
        from pytest_llmeval.analysis.compare import Extent, compare

        run = gathered.run()
        self._notes += answered_under_one_name([*gathered.results.values(), *gathered.again.values()])
        rules, unmeasurable = (
            self._rules(baseline),
            [*self._evaluation.unmeasurable, *nothing_seen(gathered.results.values())],
        )
        skipped = len(set(gathered.skipped.values()))
        for name in self._evaluation.candidates:
            # A candidate that the first samples decided is judged by these, though the baseline got more for another:
            # a second look at it could fail it by chance.
            decided = self._first_pass if name not in self._more else None
            before, candidate = self._sides(baseline, decided or run, run, name)
            extent = Extent(stopped, gathered.part(len(candidate.results)), unmeasurable, skipped)
            self.comparisons.append(compare(before, candidate, rules, extent))
        self._note_changes()
        if stopped is None:
            self._note_drift(baseline)

    def _note_changes(self) -> None:
        """Say what the change does to a saved baseline, and what it has renamed."""
        baseline = self._evaluation.baseline
        if isinstance(baseline, SavedBaseline):
            moved = self._gathered.selection.moved
            self._notes += [f"baseline: {baseline.pool.words}"] if baseline.pool is not None else []
            self._notes += changes_of_baseline(baseline)
            self._notes += [f"{new} was {old} when the baseline was saved" for new, old in moved]

    def _note_drift(self, baseline: Compared) -> None:
        """Say what is worse than in the anchor, which no gate looks at."""
        anchor = self._evaluation.anchor
        if anchor is None:
            return
        from pytest_llmeval.analysis.compare import Side
        from pytest_llmeval.report.drift import drift_lines

        run, saved = self._gathered.run(), anchor.run
        before = Side(anchor.name, anchor.results, anchor.where, when_words(saved.created, saved.commit))
        rules = self._rules(baseline)
        for name in self._evaluation.candidates:
            another = was_another(saved, run, anchor.name, name)
            self._notes += drift_lines(before, Side(name, run.of_model(name), another=another), rules)

    def second_pass(self) -> tuple[list[str], str]:
        """The ids of the tests that get more samples, and why, in a sentence; none when every category is decided."""
        baseline, gathered = self._evaluation.baseline, self._gathered
        if not isinstance(baseline, Compared) or gathered.missing() is not None:
            return [], ""
        from pytest_llmeval.analysis.adaptive import AT_MOST, look_at

        run = self._first_pass = gathered.run()
        names, rules = self._evaluation.candidates, self._rules(baseline)
        looks = {name: look_at(*self._sides(baseline, run, run, name), rules) for name in names}
        self._more = tuple(name for name, look in looks.items() if look.cases)
        wanted = {(key, name) for name in self._more for key in looks[name].cases}
        cases = len({key for key, _ in wanted})
        if isinstance(baseline, ModelBaseline):
            wanted |= {(key, baseline.name) for key, _ in wanted}
        several = len(looks) > 1
        undecided = [
            f"{name}: {category}" if several else category
            for name, look in looks.items()
            for category in look.categories
        ]
        self._undecided = harmless(", ".join(undecided))
        gathered.owed = gathered.tests_of(wanted)
        return list(gathered.owed), f"undecided: {self._undecided}; all {cases} cases get {AT_MOST} samples"

    def note_samples(self) -> None:
        """Say what ``--llm-samples=auto`` has decided, and what it has saved."""
        if self._evaluation.most_samples is None or self._first_pass is None:
            return
        from pytest_llmeval.analysis.adaptive import AT_FIRST, AT_MOST, calls_saved, unfinished

        lost = len(self._gathered.owed)
        self.comparisons = [unfinished(each, self._more, lost) for each in self.comparisons]
        spared, everything = calls_saved(self._gathered.results.values())
        if self._more:
            said = f"{AT_FIRST} per case, then {AT_MOST} since undecided: {self._undecided}"
        else:
            said = f"{AT_FIRST} per case were enough to decide every category"
        self._notes.append(f"samples: {said}; {spared:,} of {everything:,} calls saved against {AT_MOST} everywhere")

    def _sides(self, baseline: Compared, first: Run, run: Run, name: str) -> tuple[Side, Side]:
        """The baseline as it is in one run, and a model on trial as it is in another."""
        from pytest_llmeval.analysis.compare import Side

        before, after = Side(baseline.name, self._gathered.before(baseline, first)), Side(name, run.of_model(name))
        if isinstance(baseline, ModelBaseline):
            return before, after
        saved = baseline.run
        when = when_words(saved.created, saved.commit, baseline.results.values())
        before = before._replace(saved=baseline.where, saved_when=when)
        return before, after._replace(another=was_another(saved, run, baseline.name, name))

    def _rules(self, baseline: Compared) -> Rules:
        from pytest_llmeval.analysis.compare import Rules

        settings = self._evaluation.settings
        return Rules(settings.categories, settings.gate, self._evaluation.strict, baseline.dispersion)
