"""Measured rows as one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from measured import Measured
from rows import Row, Workload

__all__ = ["Result", "table"]

_HEAD = ("", "", "runs", "wall s", "(min-max)", "CPU s", "MB", "calls", "in flight", "x ref", "over ref", "bar", "", "")


@dataclass(kw_only=True)
class Result:
    """What one row has given.

    Attributes:
        calls: as the model counted them, in the last run.
        most_in_flight: the most at once, in any run.
        wrong: why its result does not count, None when it does.
    """

    row: Row
    runs: list[Measured] = field(default_factory=list)
    calls: int = 0
    most_in_flight: int = 0
    wrong: str | None = None

    @property
    def wall(self) -> float | None:
        """Median of the runs, in seconds; None when there is no good one."""
        return median(run.wall for run in self.runs) if self.runs and self.wrong is None else None


def table(workloads: Sequence[Workload], results: Sequence[Result]) -> tuple[str, bool]:
    """All results as lines of Markdown, and whether every bar is met."""
    lines: list[tuple[str, ...]] = []
    met = True
    for workload in workloads:
        group = [result for result in results if result.row.workload == workload.name]
        reference = next((result for result in group if result.row.reference and result.wall is not None), None)
        for result in group:
            bar, verdict = _bar(workload, result, group, reference) if result.row.bar else ("", "")
            met = met and verdict in ("", "met") and not (result.row.family == "ours" and result.wrong)
            lines.append((workload.name, result.row.name, *_figures(workload, result, reference), bar, verdict))
            lines[-1] = (*lines[-1], result.wrong or "")
    return _aligned([_HEAD, *lines]), met


def _beside(result: Result, reference: Result | None) -> tuple[float, float] | None:
    """Times the reference row and seconds above it: medians over the rounds, in each of which both ran."""
    if result.wall is None or reference is None:
        return None
    rounds = [(mine.wall, other.wall) for mine, other in zip(result.runs, reference.runs, strict=False)]
    return median(mine / other for mine, other in rounds), median(mine - other for mine, other in rounds)


def _figures(workload: Workload, result: Result, reference: Result | None) -> tuple[str, ...]:
    runs = result.runs
    if not runs:
        return ("0", *[""] * 8)
    walls = [run.wall for run in runs]
    wall = median(walls)
    digits = 3 if workload.name == "W4" else 2
    beside = _beside(result, reference)
    return (
        str(len(runs)),
        f"{wall:.{digits}f}",
        f"({min(walls):.{digits}f}-{max(walls):.{digits}f})",
        f"{median(run.cpu for run in runs):.{digits}f}",
        f"{max(run.memory for run in runs) / 1e6:.0f}",
        str(result.calls),
        str(result.most_in_flight),
        f"{beside[0]:.2f}" if beside else "",
        _over(workload, beside[1]) if beside and not result.row.reference else "",
    )


def _over(workload: Workload, seconds: float) -> str:
    if workload.seconds is not None:
        return f"{1000 * seconds:+.0f} ms"
    if workload.per_case is not None:
        return f"{1000 * seconds / workload.cases:+.2f} ms/case"
    return f"{seconds:+.2f} s"


def _bar(workload: Workload, result: Result, group: Sequence[Result], reference: Result | None) -> tuple[str, str]:
    """The bar in words, and whether it is met."""
    words: list[str] = []
    missed: list[str] = []
    wall = result.wall
    beside = _beside(result, reference)
    times, over = beside or (0.0, 0.0)

    def ask(word: str, good: bool) -> None:
        words.append(word)
        if not good:
            missed.append(word)

    if workload.ratio is not None:
        ask(f"<= {workload.ratio:g} x", times <= workload.ratio)
    if workload.seconds is not None:
        ask(f"<= {1000 * workload.seconds:+.0f} ms", over <= workload.seconds)
    if workload.per_case is not None:
        ask(f"<= {1000 * workload.per_case:g} ms/case", over / workload.cases <= workload.per_case)
    if workload.memory is not None:
        ask(
            f"<= {workload.memory / 1e6:.0f} MB", max((run.memory for run in result.runs), default=0) <= workload.memory
        )
    if workload.fastest:
        peers = [other.wall for other in group if other.row.family not in ("ours", "limit", "plain")]
        ask("no peer faster", all(peer is None or wall is None or wall <= peer for peer in peers))
    if beside is None:
        return ", ".join(words), "NOT MEASURED"
    return ", ".join(words), f"MISSED {', '.join(missed)}" if missed else "met"


def _aligned(lines: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    left = {0, 1, 11, 12, 13}

    def line(cells: tuple[str, ...]) -> str:
        padded = (
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    rule = [
        ("-" * (width - 1) + (":" if place not in left else "-")) if width else "" for place, width in enumerate(widths)
    ]
    rule = [text or "-" for text in rule]
    widths = [max(1, width) for width in widths]
    return "\n".join([line(lines[0]), line(tuple(rule)), *(line(cells) for cells in lines[1:])])
