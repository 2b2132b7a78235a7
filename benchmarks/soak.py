"""A long session under every fault at once: workers killed, sessions stopped and resumed, a provider that misbehaves.

    python benchmarks/soak.py [CASES] [--seed=S]

CASES cases (5,000 unless given) ask a server on this machine that answers one request in twenty with each of thirteen
faults. They run plain and with two workers of pytest-xdist. On the way workers are killed, and the session is ended by
SIGINT, SIGTERM and SIGKILL; each time the next session resumes, and the last runs to its end.

It must hold that each case has a verdict or a named error in the end, and that a test whose worker is killed is
reported as failed; that every saved run can be read; that no answer which arrived was paid twice, counted at the server
against the answers it wrote to their end; and that results and verdict are those of a session without faults. Exit code
1 when one of them does not hold. An answer that was written within a second before a kill, or after a signal, may be
asked for again: nobody had stored it yet. The figures count these.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pytest_llmeval.runs.file import load_run
from pytest_llmeval.runs.results import CaseKey, CaseResult
from tests.server import Reply, Request, Server, completion, streamed

# A shell lets what it runs in the background ignore SIGINT, and the sessions would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
CASES = 5_000
SHARE = 0.05  # of the questions that meet each kind of fault, once or twice
LATEST = 1.0  # seconds before a kill: what was written then may not be stored yet
WORKERS = 2
CHANGED = 0.06  # share of the answers that are wrong now and were not in the baseline
MOST_SECONDS = 1_200  # for one session

CONFIGURATION = """
[tool.pytest.ini_options]
addopts = "-p no:cacheprovider"
markers = ["asks: what a test asks"]

[tool.llmeval]
model = "product"
baseline = "before.jsonl"

[tool.llmeval.models.product]
model = "openai/m-1"
base_url = "{base_url}"
timeout = 1
"""
CONFTEST = """
import os
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:
    Path("workers").mkdir(exist_ok=True)
    Path("workers", str(os.getpid())).touch()
"""
# Each asks in another way. What the model answers is its case's verdict.
BODIES = {
    "plain": """
    check(llm(case.input))
""",
    "streamed": """
    check(llm(case.input, stream=True))
""",
    "in_turn": """
    first = llm(f"first {case.input}")
    check(llm(f"{first}, so {case.input}"))
""",
    "sampled": """
    check(llm(case.input))
""",
    "by_fixture": """
    check(asked)
""",
}
SUITE = """
import pytest
from pytest_llmeval import category

def check(reply):
    with category("tone"):
        assert "rude" not in reply
    with category("policy"):
        assert "wrong" not in reply

@pytest.fixture
def asked(llm, case):
    return llm(f"in a fixture {{case.input}}")

@pytest.mark.llm_cases("{name}.jsonl")
@pytest.mark.llm_samples({samples})
def test_{name}(llm, case{fixture}):{body}"""


def write_project(folder: Path, base_url: str, cases: int) -> None:
    """Write the tests, their cases and the configuration."""
    (folder / "pyproject.toml").write_text(CONFIGURATION.format(base_url=base_url))
    (folder / "conftest.py").write_text(CONFTEST)
    each = cases // len(BODIES)
    for name, body in BODIES.items():
        fixture, samples = (", asked" if name == "by_fixture" else ""), (2 if name == "sampled" else 1)
        (folder / f"test_{name}.py").write_text(
            SUITE.format(name=name, body=body, fixture=fixture, samples=samples), encoding="utf-8"
        )
        rows = [json.dumps({"id": f"{name}-{case}", "input": f"question {name} {case}"}) for case in range(each)]
        (folder / f"{name}.jsonl").write_text("\n".join(rows))


@dataclass(frozen=True, kw_only=True)
class Answer(Reply):
    """One that is to be paid once; faults are none."""


class Provider:
    """What the server answers: faults first, then the answer, which depends on the question alone.

    Attributes:
        server: which sends it.
        faults: how many of each kind were sent.
        written: when an answer to each question was written to its end.
    """

    def __init__(self, server: Server, seed: int, *, share: float, changed: float) -> None:
        self.server = server
        self.faults: Counter[str] = Counter()
        self.written: dict[str, list[float]] = defaultdict(list)
        self._asked: Counter[str] = Counter()
        self._seed, self._share, self._changed = seed, share, changed
        server.answer, server.delivered = self._answer, self._delivered

    def _answer(self, request: Request) -> Reply:
        question = request.json["messages"][-1]["content"]
        rng = random.Random(f"{self._seed} {question}")
        final = self._final(question, rng, stream=bool(request.json.get("stream")))
        planned = [name for name in _FAULTS if rng.random() < self._share for _ in range(rng.choice((1, 1, 1, 2)))]
        rng.shuffle(planned)
        planned = planned[:4]  # a call has five attempts
        number = self._asked[question]
        self._asked[question] += 1
        if number >= len(planned):
            return final
        self.faults[planned[number]] += 1
        return _FAULTS[planned[number]](final)

    def _final(self, question: str, rng: random.Random, *, stream: bool) -> Reply:
        delay, kind, rude = rng.uniform(0.005, 0.03), rng.random(), rng.random()
        if kind < 0.005:
            error = {"message": "too many words", "type": "invalid_request_error"}
            return Reply(status=400, body={"error": error}, delay=delay)
        if kind < 0.01:
            error = {"message": "blocked", "code": "content_filter"}
            return Answer(status=400, body={"error": error}, delay=delay)
        if kind < 0.015:
            body = completion("")
            body["choices"][0]["finish_reason"] = "content_filter"
            return Answer(body=body, delay=delay)
        if kind < 0.02:
            return Answer(body=completion(None, refusal="I can't help with that."), delay=delay)
        text = f"{'wrong' if kind < 0.05 + self._changed else 'right'} and {'rude' if rude < 0.03 else 'kind'}"
        if stream:
            return Answer(chunks=streamed(*re.findall(".{1,4}", text)), delay=delay)
        return Answer(body=completion(text), headers=_content_type(rng), delay=delay)

    def _delivered(self, request: Request, reply: Reply) -> None:
        if isinstance(reply, Answer):
            self.written[request.json["messages"][-1]["content"]].append(time.monotonic())


def _content_type(rng: random.Random) -> dict[str, str]:
    """Now and then a wrong one, about an answer that is right."""
    return {"content-type": "text/plain"} if rng.random() < SHARE else {}


def _cut(final: Reply, *, reset: bool = False, stall: bool = False) -> Reply:
    """The answer, which ends in its middle, or stays away from there."""
    whole = final.chunks if final.chunks is not None else [json.dumps(final.body)]
    middle = sum(map(len, whole)) // 2 + 3
    return replace(final, cut_after=middle, reset=reset, stall=stall, delay=0.0)


def _truncated_gzip(final: Reply) -> Reply:
    packed = gzip.compress(json.dumps(completion("right" * 20)).encode())[:-30]
    return Reply(body=packed, headers={"content-encoding": "gzip"})


def _error(status: int, **headers: str) -> Callable[[Reply], Reply]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Reply(status=status, headers=named, body={"error": {"message": "busy"}})


_PAGE = "<!doctype html><html><head><title>Bad gateway</title></head><body>nginx</body></html>"
_FAULTS: dict[str, Callable[[Reply], Reply]] = {
    "429, Retry-After": _error(429, retry_after="0.1"),
    "500": _error(500),
    "503": _error(503),
    "503, Retry-After": _error(503, retry_after="1"),
    "reset before headers": lambda _: Reply(cut_after=-1, reset=True),
    "reset within the body": lambda final: _cut(final, reset=True),
    "cut within an event": _cut,
    "no answer in time": lambda _: Reply(delay=3_600),
    "silence within the body": lambda final: _cut(final, stall=True),
    "malformed JSON": lambda _: Reply(body='{"choices": [{"message": {"content": "ri'),
    "empty body": lambda _: Reply(body=b""),
    "a page of HTML": lambda _: Reply(body=_PAGE, headers={"content-type": "text/html"}),
    "truncated gzip": _truncated_gzip,
}


class Kill(NamedTuple):
    """What is done to a session.

    Attributes:
        after: share of the questions that have an answer by then.
        what: the signal for pytest, None to kill one of its workers.
    """

    after: float
    what: signal.Signals | None


PLANS: dict[str, tuple[tuple[str, ...], list[list[Kill]]]] = {
    "plain": (
        ("-pno:xdist",),
        [[Kill(0.2, signal.SIGINT)], [Kill(0.45, signal.SIGTERM)], [Kill(0.7, signal.SIGKILL)], []],
    ),
    "two workers": (
        (f"-n{WORKERS}",),
        [
            [Kill(0.1, None), Kill(0.2, None), Kill(0.3, signal.SIGINT)],
            [Kill(0.4, None), Kill(0.5, signal.SIGTERM)],
            [Kill(0.6, None), Kill(0.7, signal.SIGKILL)],
            [Kill(0.8, None)],
            [],
        ],
    ),
}


class Window(NamedTuple):
    """A time in which an answer may arrive without being stored, in seconds of the monotonic clock."""

    since: float
    until: float


class Ended(NamedTuple):
    """One session.

    Attributes:
        code: its exit code.
        windows: of its kills.
        complaints: what must not be.
    """

    code: int
    output: str
    windows: list[Window]
    complaints: list[str]


def run_session(
    folder: Path, options: Sequence[str], kills: Sequence[Kill], answered: Callable[[], int], expected: int
) -> Ended:
    """Run one session, and kill what the plan says."""
    workers = folder / "workers"
    for old in workers.glob("*"):
        old.unlink()
    log = folder / "output.txt"
    windows: list[Window] = []
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("CI", None)
    with log.open("w") as written:
        child = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "--llm-mode=auto", *options],
            cwd=folder,
            env=environment,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + MOST_SECONDS
    try:
        stopped: float | None = None
        for kill in kills:
            while answered() < kill.after * expected and child.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            now = time.monotonic()
            if kill.what is not None:
                stopped = now
                child.send_signal(kill.what)
            elif (pid := _a_worker(workers, child.pid)) is not None:
                os.kill(pid, signal.SIGKILL)
                windows.append(Window(now - LATEST, now + LATEST))
        child.wait(timeout=max(1.0, deadline - time.monotonic()))
        if stopped is not None:
            windows.append(Window(stopped - LATEST, time.monotonic() + LATEST))
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    output = log.read_text(errors="replace")
    words = ("INTERNALERROR", "Exception in thread", "was never retrieved", "Exception ignored")
    complaints = [f"the output says {word!r}" for word in words if word in output]
    return Ended(child.returncode, output, windows, complaints)


def _a_worker(workers: Path, parent: int) -> int | None:
    """The id of a worker of this session that runs."""
    for path in sorted(workers.glob("*"), key=lambda path: path.stat().st_mtime):
        with suppress(OSError):
            state = Path("/proc", path.name, "stat").read_text().rpartition(")")[2].split()
            if state[0] != "Z" and int(state[1]) == parent:
                return int(path.name)
    return None


def _crashed(output: str) -> set[str]:
    """The cases whose tests were reported as failed because their worker crashed."""
    by_xdist = re.findall(r"^worker .* crashed while running '.*\[(.*)\]'$", output, re.MULTILINE)
    return {*by_xdist, *re.findall(r"^_+ test_\w+\[(.*)\] _+\nnot run to its end", output, re.MULTILINE)}


def told(result: CaseResult) -> Any:
    """What must be the same however the session went."""
    return [
        (sample.outcome, sample.categories or sample.category, [call.answer.text for call in sample.calls])
        for sample in result.samples
    ]


def verdict(ended: Ended) -> list[str]:
    """What the gate said."""
    return [line for line in ended.output.splitlines() if line.startswith("GATE") or "→" in line]


def paid_twice(provider: Provider, windows: Sequence[Window]) -> tuple[int, int]:
    """Answers that were paid although they had arrived before, and those that a kill explains."""
    unexplained = explained = 0
    for question, times in provider.written.items():
        again = len(times) - (2 if " sampled " in question else 1)
        if again > 0:
            lost = sum(any(window.since <= moment <= window.until for window in windows) for moment in times)
            unexplained += max(0, again - lost)
            explained += min(again, lost)
    return unexplained, explained


class Calm(NamedTuple):
    """A session without faults.

    Attributes:
        results: by case, what must be the same.
        questions: that had an answer.
        ended: its exit code and output.
        baseline: the run that it was compared with.
    """

    results: dict[CaseKey, Any]
    questions: int
    ended: Ended
    baseline: Path


def without_faults(folder: Path, server: Server, cases: int, seed: int) -> Calm:
    """Save a baseline, and run the session that all others are compared with."""
    folder.mkdir()
    write_project(folder, server.base_url, cases)
    Provider(server, seed, share=0.0, changed=0.0)
    run_session(folder, ("-pno:xdist", "--llm-baseline=none", "--llm-report=before.jsonl"), [], lambda: 0, 0)
    shutil.rmtree(folder / ".llmeval")
    provider = Provider(server, seed, share=0.0, changed=CHANGED)
    ended = run_session(folder, ("-pno:xdist", "--llm-report=run.jsonl"), [], lambda: 0, 0)
    results = {result.key: told(result) for result in load_run(folder / "run.jsonl").of_model("product").values()}
    return Calm(results, len(provider.written), ended, folder / "before.jsonl")


def resumed(
    folder: Path, provider: Provider, arguments: Sequence[str], plan: list[list[Kill]], calm: Calm
) -> list[str]:
    """Run the sessions of a plan one after the other, and print their figures; what must not be."""
    wrong: list[str] = []
    windows: list[Window] = []
    for number, kills in enumerate(plan, 1):
        report = folder / f"run-{number}.jsonl"
        began = time.monotonic()
        ended = run_session(
            folder, (*arguments, f"--llm-report={report.name}"), kills, lambda: len(provider.written), calm.questions
        )
        windows += ended.windows
        wrong += [f"session {number}: {complaint}" for complaint in ended.complaints]
        provider.server.wait_until_idle(60)
        run = list(load_run(report).of_model("product").values())
        stopped = any(kill.what is not None for kill in kills)
        outcomes = Counter(result.category if result.outcome == "error" else "judged" for result in run)
        crashed = _crashed(ended.output)
        outcomes["crashed"] = len(crashed)
        killed = ", ".join(kill.what.name if kill.what is not None else "a worker" for kill in kills) or "nothing"
        print(f"  {number}: {time.monotonic() - began:4.0f} s, killed {killed}; exit code {ended.code}; ", end="")
        print(", ".join(f"{count:,} {word}" for word, count in outcomes.most_common() if count), flush=True)
        if count := sum(result.outcome == "error" and not result.category for result in run):
            wrong.append(f"session {number}: {count} errors have no name")
        missing = {key.case for key in calm.results} - {result.key.case for result in run} - crashed
        if missing and not stopped:
            wrong.append(f"session {number}: {len(missing)} cases are neither in its run nor reported as lost")
    twice, explained = paid_twice(provider, windows)
    faults = sum(provider.faults.values())
    print(f"  {faults:,} faults; {len(provider.written):,} questions answered, {explained} of them twice around a kill")
    wrong += [f"{twice} answers were paid twice"] if twice else []
    results = {result.key: told(result) for result in run}
    differ = [key for key in calm.results if results.get(key) != calm.results[key]]
    wrong += [f"{key}: {results.get(key)} instead of {calm.results[key]}" for key in differ[:5]]
    wrong += [f"{len(differ)} results differ"] if differ else []
    if verdict(ended) != verdict(calm.ended) or ended.code != calm.ended.code:
        wrong.append(f"exit code {ended.code} and verdict {verdict(ended)}")
    return wrong


def soak(cases: int, seed: int) -> list[str]:
    """Run everything and print the figures; what must not be."""
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="llmeval-soak-") as name, Server() as server:
        calm = without_faults(Path(name, "calm"), server, cases, seed)
        print(f"without faults: {len(calm.results):,} cases, {calm.questions:,} questions, exit code {calm.ended.code}")
        print("\n".join(f"  {line}" for line in verdict(calm.ended)), flush=True)
        if len(calm.results) != cases or calm.ended.code != 1 or not verdict(calm.ended) or calm.ended.complaints:
            return ["the session without faults is not what it should be", calm.ended.output[-3000:]]
        for kind, (arguments, plan) in PLANS.items():
            folder = Path(name, kind.replace(" ", "-"))
            folder.mkdir()
            write_project(folder, server.base_url, cases)
            shutil.copy(calm.baseline, folder)
            print(f"{kind}:", flush=True)
            provider = Provider(server, seed, share=SHARE, changed=CHANGED)
            wrong += [f"{kind}, {word}" for word in resumed(folder, provider, arguments, plan, calm)]
    return wrong


def main() -> int:
    """Print the figures; the exit code."""
    parser = argparse.ArgumentParser(description="A long session under every fault at once.")
    parser.add_argument("cases", nargs="?", type=int, default=CASES)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    cases = max(1, arguments.cases // len(BODIES)) * len(BODIES)
    wrong = soak(cases, arguments.seed)
    print("\n".join(f"WRONG {line}" for line in wrong) or "everything holds")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
