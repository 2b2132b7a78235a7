"""What is run: the workloads, and for each the rows of the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

__all__ = ["CONCURRENCY", "ROWS", "WORKLOADS", "Row", "Workload"]

CONCURRENCY = 32  # calls in flight: this plugin's default, given to every tool that can be told


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One piece of work that every tool does.

    Attributes:
        cases: how many there are.
        samples: answers asked for per case.
        least_runs: runs it takes to see what is to be seen.
        ratio: the bar of wall time over the reference row's, None when there is none.
        fastest: whether no peer may be faster.
        seconds: the bar of wall time above the reference row's, None when there is none.
        per_case: the same per case.
        memory: the bar of peak memory, in bytes.
    """

    name: str
    what: str
    cases: int
    samples: int = 1
    least_runs: int = 1
    ratio: float | None = None
    fastest: bool = False
    seconds: float | None = None
    per_case: float | None = None
    memory: float | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to do it.

    Attributes:
        family: for ``--rows``; ``ours``, ``limit`` and ``plain`` are no peers.
        environment: of `environments.PACKAGES`.
        files: the folder below ``workloads`` whose files are put beside the cases.
        command: ``{bin}`` is the folder of the environment's programs.
        says: a regular expression found in the output when all cases passed; ``{cases}`` and ``{samples}`` count them.
        calls: how many are made per case and sample, None for any number.
        prepare: a command that is run once before, with a model that answers at once.
        keep: what of the prepared folder each run is given.
        reference: whether the others are compared with it.
        bar: whether the workload's bar is meant for it.
        slow: run once.
        concurrency: calls in flight, for tools that take it from the environment.
        patience: seconds after which it is stopped.
    """

    workload: str
    family: str
    name: str
    environment: str
    files: str
    command: str
    says: str
    calls: int | None = 1
    prepare: str | None = None
    keep: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    reference: bool = False
    bar: bool = False
    slow: bool = False
    concurrency: int = CONCURRENCY
    patience: float = 600


WORKLOADS = (
    Workload(
        name="W1", what="{cases} cases x 1 call of {latency:g} s", cases=300, least_runs=5, ratio=1.2, fastest=True
    ),
    Workload(
        name="W1-64",
        what="{cases} cases x 1 call of {latency:g} s, 64 in flight",
        cases=300,
        least_runs=5,
        ratio=1.5,
        fastest=True,
    ),
    Workload(
        name="W2",
        what="{cases} cases x 5 samples of {latency:g} s",
        cases=300,
        samples=5,
        least_runs=5,
        ratio=1.05,
        fastest=True,
    ),
    Workload(name="W3", what="{cases} cases replayed", cases=300, least_runs=15, ratio=1.5),
    Workload(name="W4", what="one test that asks no model", cases=1, least_runs=21, seconds=0.030),
    Workload(name="W5", what="{cases} cases replayed", cases=5000, per_case=0.0005, memory=150e6),
    Workload(
        name="W6",
        what="{cases} cases x 1 call of {latency:g} s, 20 ms of computing each",
        cases=300,
        least_runs=5,
        ratio=1.0,
    ),
)

_PYTEST = "{bin}/python -m pytest -q"
_DEEPEVAL = "{bin}/deepeval test run test_cases.py"
_EVALS = _PYTEST + " --run-eval"
_INSPECT = "{bin}/inspect eval cases.py --model openai-api/mock/mock-1 --display plain --log-dir logs"
_PASSED = r"\b{cases} passed"
_RIGHT = r"\b{total} right of {total}\b"
_FROM_DICT = {"FROM_DICT": "1"}

_OURS = Row(
    workload="", family="ours", name="this plugin", environment="ours", files="ours", command=_PYTEST, says=_PASSED
)
_LIMIT = Row(
    workload="",
    family="limit",
    name=f"bare httpx, {CONCURRENCY} in flight",
    environment="httpx",
    files="httpx_limit",
    command="{bin}/python cases.py",
    says=_RIGHT,
    reference=True,
)
_AIOHTTP = replace(_LIMIT, name=f"bare aiohttp, {CONCURRENCY} in flight", environment="aiohttp", files="aiohttp_limit")
_PLAIN = Row(
    workload="",
    family="plain",
    name="plain pytest beside openai, reads a dict",
    environment="openai",
    files="plain",
    command=_PYTEST,
    says=_PASSED,
    calls=0,
    reference=True,
)
_OPENAI = replace(_OURS, family="openai", name="pytest + openai", environment="openai", files="openai", slow=True)
_DEEP = replace(
    _OPENAI, family="deepeval", name="deepeval", environment="deepeval", files="deepeval", command=_DEEPEVAL
)
_PYTEST_EVALS = replace(
    _OPENAI,
    family="pytest-evals",
    name="pytest-evals",
    environment="pytest-evals",
    files="pytest_evals",
    command=_EVALS,
    says=r"\b{cases} passed, 1 skipped",  # the skipped one is the analysis, which has a command of its own
)
_PYDANTIC = replace(
    _LIMIT,
    family="pydantic-evals",
    name="pydantic-evals",
    environment="pydantic-evals",
    files="pydantic_evals",
    reference=False,
)
_INSPECT_AI = replace(
    _LIMIT,
    family="inspect_ai",
    name="inspect_ai",
    environment="inspect_ai",
    files="inspect_ai",
    command=_INSPECT,
    says=r"\bmean\s+1\.000\b",
    reference=False,
    slow=True,
)


def _asking(workload: str, samples: str, epochs: str) -> Iterator[Row]:
    """The rows of a workload in which a model is asked."""
    yield _LIMIT
    yield replace(_AIOHTTP, reference=False)
    yield replace(_OURS, command=_PYTEST + samples, bar=True)
    yield replace(_OURS, name="this plugin, -n 2", command=_PYTEST + samples + " -n 2")
    if workload == "W1":  # one call at a time, W2 would be W1 five times over
        yield _OPENAI
        yield _DEEP
        yield _PYTEST_EVALS
    yield replace(_OPENAI, name="pytest + openai, -n 8", command=_PYTEST + " -n 8")
    yield replace(_DEEP, name="deepeval, -n 8", command=_DEEPEVAL + " -n 8")
    yield replace(_PYTEST_EVALS, name="pytest-evals, -n 8", command=_EVALS + " -n 8")
    yield _PYDANTIC
    yield replace(_INSPECT_AI, command=f"{_INSPECT} --max-connections {CONCURRENCY}{epochs}")


def _asking_64() -> Iterator[Row]:
    """The rows with twice as many calls in flight."""
    for limit in (_AIOHTTP, replace(_LIMIT, reference=False)):
        yield replace(limit, name=limit.name.replace(str(CONCURRENCY), "64"), concurrency=64)
    command = _PYTEST + " --llm-concurrency=64"
    yield replace(_OURS, name="this plugin, 64 in flight", command=command, bar=True)
    yield replace(_OURS, name="this plugin, 64 in flight, -n 2", command=command + " -n 2")
    yield replace(_PYDANTIC, concurrency=64)
    yield replace(_INSPECT_AI, command=f"{_INSPECT} --max-connections 64")


def _computing() -> Iterator[Row]:
    """The rows of tests that compute before they ask."""
    ours = replace(_OURS, files="ours_computing")
    yield replace(ours, reference=True)
    yield replace(ours, name="this plugin, -n 2", command=_PYTEST + " -n 2", bar=True)


def _replaying(workload: str) -> Iterator[Row]:
    """The rows of a workload whose answers are there already."""
    recorded = replace(_OURS, calls=0, prepare=_PYTEST + " --llm-record", keep=("recordings",))
    replay = _PYTEST + " --llm-mode=replay"
    yield _PLAIN
    yield replace(_PLAIN, reference=False, environment="plain", name="the same beside nothing")
    yield replace(recorded, name="this plugin, recordings", command=replay, bar=True)
    yield replace(recorded, name="this plugin, recordings, -n 2", command=replay + " -n 2")
    yield replace(_OURS, name="this plugin, local cache", calls=0, prepare=_PYTEST, keep=(".llmeval",))
    from_dict = replace(_PYTEST_EVALS, calls=0, variables=_FROM_DICT, slow=False)
    yield replace(from_dict, name="pytest-evals, reads a dict")
    yield replace(_PYDANTIC, name="pydantic-evals, reads a dict", calls=0, variables=_FROM_DICT)
    if workload != "W3":  # in W5 these two take minutes and hours
        return
    cached = _INSPECT + " -T cache=true"
    yield replace(_INSPECT_AI, name="inspect_ai, its cache", command=cached, calls=0, prepare=cached, keep=("cache",))
    yield replace(
        _DEEP,
        name="deepeval -c, its cache",
        command=_DEEPEVAL + " -c",
        calls=None,  # the cache holds verdicts, not replies
        prepare=_DEEPEVAL + " -c",
        keep=(".deepeval",),
    )


def _starting() -> Iterator[Row]:
    """The rows of a session that asks no model."""
    plain = replace(_PLAIN, name="plain pytest beside openai", files="trivial")
    installed = replace(plain, reference=False)
    ours = replace(installed, family="ours", environment="ours")
    yield plain
    yield replace(installed, name="plain pytest beside nothing", environment="plain")
    yield replace(ours, name="this plugin installed", bar=True)
    yield replace(ours, name="the same, -p no:llmeval", command=_PYTEST + " -p no:llmeval")
    yield replace(ours, name="the same, -p no:anyio", command=_PYTEST + " -p no:anyio")
    for name in ("deepeval", "pytest-evals"):
        yield replace(installed, family=name, name=f"{name} installed", environment=name)


def _rows() -> Iterator[Row]:
    for row in _asking("W1", "", ""):
        yield replace(row, workload="W1")
    for row in _asking_64():
        yield replace(row, workload="W1-64")
    for row in _asking("W2", " --llm-samples=5", " --epochs 5"):
        yield replace(row, workload="W2")
    for row in _replaying("W3"):
        yield replace(row, workload="W3")
    for row in _starting():
        yield replace(row, workload="W4")
    for row in _replaying("W5"):
        yield replace(row, workload="W5")
    for row in _computing():
        yield replace(row, workload="W6")


ROWS = tuple(_rows())
