"""Compares each model on trial with the baseline, and looks which cases need more samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.analysis.examined import answers_seldom_examined, categories_examined, no_longer_examined
from pytest_llmeval.analysis.sides.unseen import nothing_seen
from pytest_llmeval.plugin.baseline import Compared, ModelBaseline, SavedBaseline
from pytest_llmeval.plugin.reporting.gathering import Gathered
from pytest_llmeval.plugin.reporting.new_baseline import changes_of_baseline
from pytest_llmeval.runs.answered import answered_under_one_name
from pytest_llmeval.runs.results import JUDGED_TODAY, Run, was_another
from pytest_llmeval.runs.saved_when import when_words
from pytest_llmeval.text import harmless, plural

if TYPE_CHECKING:
    from pytest_llmeval.analysis.adaptive import Undecided
    from pytest_llmeval.analysis.compare import Rules, Side


class Judging:
    """The verdicts of a session.

    Attributes:
        comparisons: one per candidate, once they are compared; empty without a baseline.
        unexamined: the checks of high severity that tests have lost since the baseline was saved, a sentence each.
    """

    def __init__(self, gathered: Gathered, notes: list[str]) -> None:
        self.comparisons: list[Comparison] = []
        self.unexamined: list[str] = []
        self._lost: list[str] = []  # checks of other kinds that are not made any more, a sentence each
        self._gathered = gathered
        self._evaluation = gathered.evaluation
        self._notes = notes
        self._looks = 0
        self._samples = gathered.evaluation.samples or 0  # per case, of those that were undecided last
        self._wanted: dict[str, int] = {}  # by test the samples that looks have asked for
        self._reasons: dict[str, None] = {}  # categories that were undecided
        self._decided: dict[str, tuple[int, Run]] = {}  # by candidate the samples that decided it, and the results then

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
        if isinstance(baseline, SavedBaseline):
            self._look_for_lost_checks(baseline)
        if self._evaluation.shard is not None:
            self._notes += [*self._lost, gathered.shard_words(self._evaluation.shard, stopped)]
            self._note_changes()
            return
        if not isinstance(baseline, Compared):
            self._notes += filter(None, [self._evaluation.decided_here])
            return
        from pytest_llmeval.analysis.compare import Extent, compare

        run = gathered.run()
        self._notes += answered_under_one_name(gathered.results.values())
        unseen = nothing_seen(gathered.results.values())
        rules, unmeasurable = self._rules(baseline), [*self._evaluation.unmeasurable, *unseen, *self.unexamined]
        skipped, skip_themselves = set(gathered.skipped.values()), gathered.skip_themselves
        for name in self._evaluation.candidates:
            # A candidate that is decided is judged by the samples of then, though the baseline got more for another:
            # one more look at it could fail it by chance.
            _, then = self._decided.get(name, (0, run))
            before, candidate = self._sides(baseline, then, run, name)
            part = gathered.part(len(candidate.results))
            extent = Extent(stopped, part, unmeasurable, len(skipped), skip_themselves)
            compared = compare(before, candidate, rules, extent)
            decided = filter(None, [self._evaluation.decided_here])
            self.comparisons.append(compared._replace(notes=(*decided, *self._lost, *compared.notes)))
        self._note_changes()
        if stopped is None:
            self._note_drift(baseline)

    def _look_for_lost_checks(self, baseline: SavedBaseline) -> None:
        """Find what today's tests no longer examine the saved answers for, or the candidates' where none are judged.

        Find also what the candidates' own answers give these tests nothing to examine for. Where a check of high
        severity is lost, nothing can be measured; any other is named with the verdict.
        """
        now = {old: new for new, old in self._gathered.selection.moved}
        saved = {
            key._replace(test=now.get(key.test, key.test)): result
            for key, result in baseline.run.of_model(baseline.name).items()
        }
        again = {key: each for key, each in self._gathered.again.items() if each.rejudged in JUDGED_TODAY}
        names = categories_examined(saved.values())
        high = {name for name, each in self._evaluation.settings.categories.items() if each.severity == "high"}
        run = self._gathered.run()
        candidates = [run.of_model(name) for name in self._evaluation.candidates]

        def lost(categories: set[str]) -> list[str]:
            told = (
                no_longer_examined(saved, {**own, **again}, name) or answers_seldom_examined(saved, own, name)
                for own in candidates
                for name in sorted(categories)
            )
            return list(dict.fromkeys(filter(None, told)))

        self.unexamined = [f"{sentence}, which is of high severity" for sentence in lost(names & high)]
        self._lost = lost(names - high)

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

    def look(self) -> tuple[dict[str, int], str]:
        """The ids of the tests that get more samples, with their number, and why; none when all is decided."""
        baseline, gathered = self._evaluation.baseline, self._gathered
        if not isinstance(baseline, Compared) or gathered.lost() is not None or gathered.owed:
            return {}, ""
        undecided, run = self._undecided(baseline), gathered.run()
        for name in self._evaluation.candidates:
            if name not in undecided:
                self._decided.setdefault(name, (self._samples, run))
        chosen: dict[str, int] = {}
        reasons: dict[str, None] = {}
        for name, (look, tests) in undecided.items():
            chosen |= dict.fromkeys(sorted(tests), look.samples)
            told = f"{name}: " if len(self._evaluation.candidates) > 1 else ""
            reasons |= dict.fromkeys(harmless(f"{told}{category}") for category in look.categories)
        if chosen:
            self._looks, self._samples = self._looks + 1, max(chosen.values())
        self._wanted |= chosen
        self._reasons |= reasons
        gathered.owed = set(chosen)
        cases = len({key for look, _ in undecided.values() for key in look.cases})
        return chosen, f"undecided: {', '.join(reasons)}; up to {self._samples} samples of {plural(cases, 'case')}"

    def _undecided(self, baseline: Compared) -> dict[str, tuple[Undecided, set[str]]]:
        """By candidate that is undecided what is, and the ids of the tests that were not yet asked for the samples."""
        from pytest_llmeval.analysis.adaptive import look_at

        found, run, rules = {}, self._gathered.run(), self._rules(baseline)
        for name in self._evaluation.candidates:
            if name in self._decided:
                continue
            look = look_at(*self._sides(baseline, run, run, name), rules, self._looks)
            models = (name, baseline.name) if isinstance(baseline, ModelBaseline) else (name,)
            tests = self._gathered.tests_of({(key, model) for key in look.cases for model in models})
            tests = {test for test in tests if self._wanted.get(test, 0) < look.samples}
            if tests:
                found[name] = look, tests
        return found

    def note_samples(self) -> None:
        """Say by how many samples each candidate was decided, and what was saved; a candidate that was not, fails."""
        baseline = self._evaluation.baseline
        if self._evaluation.most_samples is None or not isinstance(baseline, Compared):
            return
        from pytest_llmeval.analysis.adaptive import AT_MOST, SAMPLES, calls_saved, unfinished

        undecided = self._undecided(baseline)
        for place, comparison in enumerate(self.comparisons):
            name = comparison.candidate.model
            if name not in self._decided:
                lost = len(self._gathered.owed) or (len(undecided[name][1]) if name in undecided else 0)
                self.comparisons[place] = unfinished(comparison, lost)
        ends = {
            name: f"decided after {self._decided[name][0]}" if name in self._decided else "not decided"
            for name in self._evaluation.candidates
        }
        same = len(set(ends.values())) == 1
        end = next(iter(ends.values())) if same else ", ".join(f"{harmless(name)} {end}" for name, end in ends.items())
        spared, everything = calls_saved(self._gathered.results.values())
        self._notes.append(
            f"samples: {', '.join(map(str, SAMPLES))} - {end}"
            + (f"; undecided before: {', '.join(self._reasons)}" if self._reasons else "")
            + f"; {spared:,} calls saved of the {everything:,} that {AT_MOST} samples of every case take"
        )

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
