"""Real sessions of pytest, whose verdicts must be those of the gate's functions on the same answers."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pull_requests import LOOKS, after_looks
from simulated import Answers, Suite, broken, draw, error_categories, judged, nothing

from pytest_llmeval.analysis.compare import gate_rules
from pytest_llmeval.analysis.groups import TOGETHER
from pytest_llmeval.runs.results import ALWAYS_EXAMINED
from pytest_llmeval.stats.gate import Verdict, failing, undecided

CASES, STORED = 60, 10
CONFIGURATION = """
[tool.pytest.ini_options]
addopts = "-p no:cacheprovider"

[tool.llmeval]
model = "production"

[tool.llmeval.models.production]
model = "python:shop.answer"
"""
SHOP = """
import itertools
import json
from collections import defaultdict
from pathlib import Path

answers = json.loads(Path(__file__).with_name("answers.json").read_text())
places = defaultdict(itertools.count)


def answer(messages, **params):
    case = messages[-1]["content"]
    place = next(places[case])
    return {"text": answers["texts"][case][place], "id": f"{answers['run']}-{case}-{place}"}
"""
TESTS = """
import pytest
from pytest_llmeval import category

NAMES = {names}


@pytest.mark.llm_cases("cases.jsonl")
def test_support(llm, case):
    answer = llm(case.input)
    for name in NAMES:
        with category(name):
            assert answer != name
"""


def agree(number: int, seed: int) -> bool:
    """Run so many pairs of sessions, one that saves the baseline and one that is compared; print whether they agree.

    Args:
        number: of pairs. Every second one has three broken cases; every third one looks, others draw 5 answers.
        seed: of the random numbers.
    """
    equal = 0
    for place in range(number):
        rng = random.Random(f"{seed} session {place}")
        planted, by_looks = place % 2 == 1, place % 3 == 2
        old = error_categories(rng, CASES)
        new = broken(old, rng, count=3) if planted else nothing(old, rng)
        stored, candidate = draw(old, STORED, rng), draw(new, LOOKS[-1], rng)
        expected = _expected(old, stored, candidate, by_looks=by_looks)
        with tempfile.TemporaryDirectory() as folder:
            seen, code = _session(Path(folder), old, stored, candidate, by_looks=by_looks)
        same = seen == expected and (code == 1) == (Verdict.REGRESSED in expected.values())
        equal += same
        told = "3 broken" if planted else "nothing changed"
        red = ", ".join(name for name, word in expected.items() if word == Verdict.REGRESSED) or "nothing red"
        plan = "10 x auto" if by_looks else "10 x 5"
        print(f"{told:16} {plan:10} {red:24} {'as computed' if same else 'DIFFERS'}", flush=True)
        if not same:
            print(f"  computed {expected}\n  printed  {seen}, exit code {code}")
    print(f"{equal} of {number} sessions say what the functions say")
    return equal == number


def _expected(suite: Suite, stored: Answers, candidate: Answers, *, by_looks: bool) -> dict[str, str]:
    """The words by the functions alone."""
    # The test stops at its first failing block; some categories are looked for in every answer all the same.
    order = {name: ALWAYS_EXAMINED | set(suite.names[: place + 1]) for place, name in enumerate(suite.names)}
    every = frozenset(suite.names)

    def examined(run: Answers) -> Answers:
        return [[a._replace(examined=every if a.passed else order[a.categories[0]]) for a in case] for case in run]

    def verdicts_of(before: Answers, after: Answers):
        return judged(suite, before, after, gate_rules(another_model=False))

    def unsettled(verdicts, look: int) -> list[str]:
        return [*undecided(verdicts, look), *failing(verdicts)]

    looks = LOOKS if by_looks else (5,)
    verdicts, _ = after_looks(suite, examined(stored), examined(candidate), looks, verdicts_of, unsettled, both=False)
    return {name: verdict.verdict.value for name, verdict in verdicts.items() if name != TOGETHER}


def _session(
    folder: Path, suite: Suite, stored: Answers, candidate: Answers, *, by_looks: bool
) -> tuple[dict[str, str], int]:
    """The words that a session prints, and its exit code."""
    (folder / "pyproject.toml").write_text(CONFIGURATION, encoding="utf-8")
    (folder / "shop.py").write_text(SHOP, encoding="utf-8")
    (folder / "test_shop.py").write_text(TESTS.format(names=suite.names), encoding="utf-8")
    rows = [json.dumps({"id": f"case-{case}", "input": f"Question {case}"}) for case in range(len(stored))]
    (folder / "cases.jsonl").write_text("\n".join(rows), encoding="utf-8")
    _answer(folder, "stored", stored)
    _pytest(folder, f"--llm-samples={STORED}", "--llm-report=before.jsonl")
    _answer(folder, "new", candidate)
    samples = "auto" if by_looks else "5"
    code, output = _pytest(folder, f"--llm-samples={samples}", "--llm-baseline=before.jsonl", "-v")
    return _words(output, suite.names), code


def _answer(folder: Path, run: str, answers: Answers) -> None:
    """What the model answers from now on."""
    texts = {
        f"Question {case}": [answer.categories[0] if answer.categories else "fine" for answer in given]
        for case, given in enumerate(answers)
    }
    (folder / "answers.json").write_text(json.dumps({"run": run, "texts": texts}), encoding="utf-8")


def _pytest(folder: Path, *arguments: str) -> tuple[int, str]:
    """The exit code of a session, and what it printed."""
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", "--llm-mode=live", *arguments]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout


def _words(output: str, names: Sequence[str]) -> dict[str, str]:
    """The verdict of every category in the table that a session prints."""
    words = "|".join(word.value for word in Verdict)
    lines = re.findall(rf"^[!~]? *({'|'.join(names)}) .*?({words})", output, re.MULTILINE)
    return dict(lines)
