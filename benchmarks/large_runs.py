"""How the time of `llmeval compare` grows with the number of cases, of saved runs and of tables.

    python benchmarks/large_runs.py [CASES]

Two runs of a quarter of the cases are compared, and two of all of them (50,000 by default), each in a process of its
own. What takes time in proportion takes four times as long; the exit code is 1 when it is over six times, or over 30
seconds of the processor.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pytest_llmeval.reply import Answer, Measures, Usage
from pytest_llmeval.report.exports import Session, as_csv
from pytest_llmeval.runs.file import save_run
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, Run, SampleResult

CASES, MOST_SECONDS, MOST_GROWTH = 50_000, 30.0, 6.0
CATEGORIES = ("tone", "wrong_answer", "invented")


def made(model: str, cases: int, rate: float) -> Run:
    """A run of one answer for each case."""
    rng = random.Random(model)
    results = []
    for number in range(cases):
        failed = rng.choice(CATEGORIES) if rng.random() < rate else None
        call = Call(
            provider="openai",
            request_model=model,
            words_digest=f"{number:x}",
            answer=Answer(
                text=f"Parcel {number} leaves on day {rng.randrange(9)}, in the afternoon.",
                usage=Usage(input_tokens=200, output_tokens=12),
                response_id=f"{model}-{number}",
            ),
            measures=Measures(latency=0.2 + rng.random(), cost=0.0001, source="recording"),
            spent=0.0,
        )
        sample = SampleResult(
            index=0, outcome="fail" if failed else "pass", category=failed, calls=(call,), noted=CATEGORIES
        )
        key = CaseKey("tests/test_parcels.py::test_parcel", f"p{number}")
        results.append(CaseResult(key, model, (sample,), input=f"Where is parcel {number}?", content=f"{number:x}"))
    models = {model: {"provider": "openai", "model": model}}
    return Run("2026-11-30T10:00:00+00:00", models, complete=True, results=tuple(results))


def seconds(before: Path, after: Path) -> float:
    """The processor's time of a comparison."""
    started = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = [sys.executable, "-m", "pytest_llmeval", "compare", str(before), str(after), "-q"]
    done = subprocess.run(command, cwd=before.parent, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1) or done.stderr:
        raise RuntimeError(done.stderr)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - started


def main() -> int:
    """Measure both kinds of files; 1 when one of them takes too long."""
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else CASES
    too_long = False
    with tempfile.TemporaryDirectory(prefix="llmeval-large-") as name:
        folder = Path(name)
        taken: dict[str, list[float]] = {".jsonl": [], ".csv": []}
        for count in (cases // 4, cases):
            for model, rate in (("old", 0.10), ("new", 0.11)):
                run = made(model, count, rate)
                save_run(folder / f"{model}.jsonl", run)
                (folder / f"{model}.csv").write_text(as_csv(Session(run=run, comparisons=[], figures=[])), newline="")
            for kind, times in taken.items():
                times.append(seconds(folder / f"old{kind}", folder / f"new{kind}"))
    for kind, (few, many) in taken.items():
        growth = many / few
        print(f"{kind:6} {cases // 4:7,} cases {few:5.1f} s   {cases:7,} cases {many:5.1f} s   {growth:.1f} times")
        too_long |= growth > MOST_GROWTH or (cases == CASES and many > MOST_SECONDS)
    print(f"the bars are {MOST_GROWTH:.0f} times, and {MOST_SECONDS:.0f} s of the processor for {CASES:,} cases")
    return int(too_long)


if __name__ == "__main__":
    sys.exit(main())
