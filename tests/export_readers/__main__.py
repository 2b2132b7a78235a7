"""Reads our exports with the packages they are for: ``python tests/export_readers`` installs the newest of them.

A run of the example project is exported, read by inspect_ai and by OpenTelemetry's own messages, and what they hold is
compared with the run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pytest_llmeval.commands.main import main as llmeval
from pytest_llmeval.runs.file import load_run
from tests.virtual_environments import NotInstalled, virtual_environment

ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("inspect-ai", "opentelemetry-proto")
_READER = Path(__file__).with_name("reader.py")


def saved(folder: Path) -> Path:
    """A run of two models of the example project, which its recordings answer."""
    path = folder / "run.jsonl"
    models = ("--llm-model=candidate", "--llm-model=production", "--llm-baseline=none", "--llm-mode=replay")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *models, "tests/evals"]
    done = subprocess.run(
        [*command, f"--llm-report={path}"],
        cwd=ROOT / "example_project",
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if not path.exists():
        raise RuntimeError(done.stdout + done.stderr)
    return path


def expected(path: Path) -> dict[str, int]:
    """What the readers must find."""
    results = load_run(path).results
    samples = [sample for result in results for sample in result.samples]
    calls = sum(len(sample.calls) for sample in samples)
    events = sum(
        len(sample.scores) + (not sample.scores or (sample.outcome == "fail" and all(s.passed for s in sample.scores)))
        for sample in samples
    )
    return {
        "samples": len(samples),
        "correct": sum(sample.outcome == "pass" for sample in samples),
        "scores": sum(len(sample.scores) for sample in samples),
        "output_tokens": sum(
            sample.product_calls[-1].answer.usage.output_tokens or 0 for sample in samples if sample.product_calls
        ),
        "spans": calls + sum(not sample.product_calls for sample in samples),
        "chats": calls,
        "events": events,
    }


def main() -> int:
    """Export and read; 1 when a reader finds something else."""
    try:
        python = virtual_environment(ROOT / ".exports" / "environments" / "readers", ["--upgrade", *_PACKAGES])
    except NotInstalled as error:
        print(error)
        return 1
    with tempfile.TemporaryDirectory(prefix="llmeval-exports-") as name:
        folder = Path(name)
        run = saved(folder)
        files = [folder / f"x{ending}" for ending in (".inspect.json", ".otlp.json")]
        llmeval(["report", str(run), *(part for file in files for part in ("-o", str(file)))])
        done = subprocess.run([python, _READER, *files], capture_output=True, text=True, check=False, timeout=300)
        print(done.stderr, end="")
        if done.returncode:
            return 1
        found, wanted = json.loads(done.stdout), expected(run)
    print("read with", ", ".join(f"{package} {version}" for package, version in found.pop("versions").items()))
    for what, count in wanted.items():
        print(f"  {what}: {found[what]}" + ("" if found[what] == count else f", but the run has {count}"))
    return int(found != wanted)


if __name__ == "__main__":
    sys.exit(main())
