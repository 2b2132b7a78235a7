"""The tables of `false_alarms.py`: what is simulated, and the bar that today's gate must keep."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from pull_requests import Plan, Seen, by_looks, copies, fixed, old_plan, pull_request
from routing_choices import TASKS, simulate_routing
from routing_choices import Setting as Task
from simulated import broken, error_categories, input_categories, one_category, reshuffled, worse
from situations import changed_check, drift, equal_texts, lost, masked, pushed_again, small


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        what: is simulated.
        plan: the numbers of answers.
        simulate: one pull request.
        at_most: the bar of today's gate, in percent; None without one.
        at_least: the same, where much is good.
    """

    what: str
    plan: str
    simulate: Callable[[random.Random], Seen]
    at_most: float | None = None
    at_least: float | None = None


def _pull_request(what: str, plan: Plan, **how) -> Row:
    bars = {name: how.pop(name) for name in ("at_most", "at_least") if name in how}
    return Row(what, plan.name, partial(pull_request, plan=plan, **how), **bars)


SUITES = {"1 category": one_category, "8 error categories": error_categories, "10 of input": input_categories}


def nothing_changed() -> Iterator[Row]:
    for name, suite in SUITES.items():
        for plan in (old_plan(10), fixed(3, 3), fixed(5, 5)):
            yield _pull_request(name, plan, suite=suite, at_most=5)
        yield _pull_request(name, by_looks(10), suite=suite, at_most=3)


def copied() -> Iterator[Row]:
    for locked in (0.05, 0.10, 0.25, 1.0):
        for samples in (3, 10):
            simulate = partial(copies, suite=error_categories, locked=locked, samples=samples)
            yield Row(f"{locked:.0%} of the cases repeat", f"5 + 5 x {samples}", simulate, at_most=8)


def neutral() -> Iterator[Row]:
    for cases, at_most, at_least in ((25, 7.0, 95.0), (75, 2.0, 99.5), (250, 7.0, 99.5)):
        suite = partial(one_category, cases=cases)
        for percent in (5, 10, 30):
            change = partial(reshuffled, percent=percent)
            what = f"{cases} cases, {percent} % other cases fail"
            yield _pull_request(what, fixed(10, 10), suite=suite, change=change, another_model=True, at_most=at_most)
        change = partial(worse, points=10)
        what = f"{cases} cases, +10 points: found"
        how = {"change": change, "planted": True, "another_model": True}
        yield _pull_request(what, fixed(10, 10), suite=suite, **how, at_least=at_least)
    for percent in (5, 10, 30):
        change = partial(reshuffled, percent=percent)
        what = f"same model, 250 cases, {percent} %"
        yield _pull_request(what, fixed(10, 10), suite=error_categories, change=change)


def texts() -> Iterator[Row]:
    for name, suite in (("1 category", one_category), ("8 categories", error_categories)):
        simulate = partial(equal_texts, suite=suite, stored=3, samples=10)
        yield Row(f"{name}, nothing changed", "3 x 10", simulate, at_most=6)
    simulate = partial(equal_texts, suite=one_category, stored=10, samples=10, change=partial(broken, count=3))
    yield Row("3 cases broken: found", "10 x 10", simulate)


def masking() -> Iterator[Row]:
    repaired = partial(masked, formats=(0.30, 0.02), hallucinations=(0.10, 0.10))
    yield Row("format 30 to 2 %: red", "10 x 10", repaired, at_most=6)
    unmasked = partial(masked, formats=(0.05, 0.30), hallucinations=(0.10, 0.13))
    yield Row("format 5 to 30 %, 10 to 13 %: found", "10 x 10", unmasked, at_least=95)


def power() -> Iterator[Row]:
    ten, all_cases = partial(worse, points=10, cases=25), partial(worse, points=2)
    tags, labels = ({"suite": suite, "planted": True} for suite in (input_categories, error_categories))
    yield _pull_request("input, +10 in 25 cases", old_plan(10), **tags, change=ten, at_least=88)
    yield _pull_request("input, +10 in 25 cases", by_looks(10), **tags, change=ten, at_least=88)
    yield _pull_request("errors, +10 in 25 cases", old_plan(10), **labels, change=ten)
    yield _pull_request("errors, +10 in 25 cases", by_looks(10), **labels, change=ten, at_least=45)
    yield _pull_request("errors, +10 in 25 cases", by_looks(20), **labels, change=ten, at_least=68)
    yield _pull_request("errors, +2 everywhere", by_looks(10), **labels, change=all_cases)
    for count in (1, 2, 3):
        change = partial(broken, count=count)
        yield _pull_request(f"errors, {count} broken", by_looks(10), **labels, change=change)
    yield _pull_request(
        "errors, 1 broken, severe", old_plan(10), **labels, change=partial(broken, count=1), severe=True
    )
    three = partial(broken, count=3)
    yield _pull_request("errors, 3 broken", old_plan(0), **labels, change=three, at_least=93)
    yield _pull_request("errors, 3 broken", by_looks(0), **labels, change=three, at_least=93)
    yield _pull_request("errors, 3 broken", fixed(3, 3), **labels, change=three)
    twenty = partial(worse, points=20, cases=25)
    yield _pull_request("input, +20 in 25 cases", fixed(5, 5), **tags, change=twenty)
    yield _pull_request("input, 3 broken of 25", fixed(5, 5), **tags, change=three)


def lost_answers() -> Iterator[Row]:
    yield Row("any 75 of 1,000 lost: ok, no word", "10 x 10", partial(lost, points=0))
    yield Row("+7 points, 75 failures lost: the same", "10 x 10", partial(lost, points=7))


def small_suites() -> Iterator[Row]:
    for cases, samples in ((20, 1), (25, 1), (40, 1), (100, 1), (20, 10)):
        for points in (5, 10):
            simulate = partial(small, cases=cases, samples=samples, points=points)
            yield Row(f"{cases} cases, +{points} points: OK", f"{samples} x {samples}", simulate)


def over_time() -> Iterator[Row]:
    for merges in (1, 2):
        what = f"+1 point a merge: {merges} against {'the last' if merges == 1 else 'the anchor'}"
        yield Row(what, "10 x 10", partial(drift, merges=merges, suite=error_categories))
    yield Row("10 pushes, fresh or added: ever red", "10 x 3", partial(pushed_again, suite=error_categories, pushes=10))
    two = partial(pushed_again, suite=error_categories, pushes=3, change=partial(broken, count=2))
    yield Row("2 broken, 3 pushes: ever let through", "10 x 3", two)
    yield Row("false positives 2 to 4 %: red", "10 x 10", partial(changed_check, suite=error_categories))


def _moved(rng: random.Random, names: tuple[str, ...]) -> Seen:
    chosen = simulate_routing(Task(rng.choice(names)), rng)
    return Seen(*(points is not None and points >= 5 for points in chosen))


def routing() -> Iterator[Row]:
    worse_ones = [name for name, candidates in TASKS.items() if any(points >= 5 for _, points in candidates)]
    yield Row("a task moved to a model 5 points worse", "3 x 3", partial(_moved, names=tuple(worse_ones)), at_most=3)


TABLES: dict[str, tuple[str, Callable[[], Iterator[Row]]]] = {
    "nothing": ("red though nothing changed", nothing_changed),
    "copies": ("red though nothing changed, two baseline runs known", copied),
    "neutral": ("red though other cases fail instead, none the more", neutral),
    "texts": ("equal long answers, red", texts),
    "masking": ("format hides hallucination, red in hallucination", masking),
    "power": ("a planted regression, found", power),
    "lost": ("lost answers", lost_answers),
    "small": ("small suites, another model, called OK", small_suites),
    "time": ("over many merges, pushes and checks", over_time),
    "routing": ("routing", routing),
}
