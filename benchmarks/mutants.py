"""Do the tests notice when the statistics or the analysis is wrong?

    python benchmarks/mutants.py                           a fixed sample; within half an hour on two cores
    python benchmarks/mutants.py --sample 60 --seed 2      another one
    python benchmarks/mutants.py --only gate.py            every mutant of one file

A mutant is the package with one small change, such as `<=` for `<` or 4 for 3. It is killed when a test of its folder
fails or does not end; a survivor is a change that no test sees, or one that changes nothing. Mutants live in temporary
copies. Not changed are texts, decorators, numbers below a millionth, which absorb rounding, and the `strict` of `zip`.

The exit code is 1 when fewer than the bar are killed, and when the tests fail unchanged.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS_OF = {"pytest_llmeval/stats": "tests/stats", "pytest_llmeval/analysis": "tests/analysis"}
COPIED = ("pytest_llmeval", "tests", "pyproject.toml")
BAR = 0.9
SAMPLE = 200
AT_ONCE = 2

PROFILE = """
from hypothesis import HealthCheck, Phase, settings
# The same examples every time, none kept for another mutant, none made smaller once one fails.
phases, allowed = [Phase.explicit, Phase.generate], list(HealthCheck)
options = {"database": None, "deadline": None, "derandomize": True, "phases": phases, "suppress_health_check": allowed}
settings.register_profile("mutants", **options)
"""
PYTEST = ["-x", "-q", "-mquick", "-pno:cacheprovider", "-pmutants_profile", "--hypothesis-profile=mutants"]
PYTEST += ["-Wignore::pytest.PytestAssertRewriteWarning"]  # of modules that are preloaded
PRELOADED = ("hypothesis.strategies", "scipy.stats", "statsmodels.stats.multitest", "statsmodels.stats.proportion")
ROOT = Path(__file__).resolve().parent.parent
OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
}
FUNCTIONS = {"min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor"}


class Mutant(NamedTuple):
    """One change of one file.

    Attributes:
        file: its path from the root of the repository.
        line: the line of the change, from 1.
        change: what stands there, and what the mutant has instead.
        text: the whole file with the change.
    """

    file: str
    line: int
    change: str
    text: str


def nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """The code that a mutant may change, in a fixed order."""
    for node in ast.iter_child_nodes(tree):
        decorator = isinstance(tree, ast.ClassDef | ast.FunctionDef) and node in tree.decorator_list
        if not decorator and not (isinstance(tree, ast.Call) and ast.unparse(node) == "strict=True"):
            yield node
            yield from nodes(node)


def changes(node: ast.AST) -> Iterator[tuple[ast.AST, str, object]]:
    """What makes a mutant of a piece of code: the node to change, its field and the new value."""
    match node:
        case ast.Compare(ops=ops):
            for place, operator in enumerate(ops):
                yield node, "ops", [*ops[:place], OPERATORS[type(operator)](), *ops[place + 1 :]]
        case ast.BoolOp(op=operator) | ast.BinOp(op=operator) | ast.AugAssign(op=operator):
            if type(operator) in OPERATORS:
                yield node, "op", OPERATORS[type(operator)]()
        case ast.UnaryOp(op=ast.USub()):
            yield node, "op", ast.UAdd()
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield node, "operand", ast.UnaryOp(ast.Not(), operand)
        case ast.Return(value=ast.expr() as returned) if ast.unparse(returned) not in ("None", "False", "''"):
            yield node, "value", ast.Constant(None)
        case ast.Call(func=ast.Name(id=name) as function) if name in FUNCTIONS:
            yield function, "id", FUNCTIONS[name]
        case ast.Call(func=ast.Attribute(attr=name) as function) if name in FUNCTIONS:
            yield function, "attr", FUNCTIONS[name]
        case ast.Constant(value=bool(value)):
            yield node, "value", not value
        case ast.Constant(value=int(value)):
            yield node, "value", value + 1
        case ast.Constant(value=float(value)) if value == 0 or abs(value) >= 1e-6:
            yield node, "value", value / 2 if value else 1.0


def mutants_of(file: str) -> Iterator[Mutant]:
    """The mutants of a file, always in the same order."""
    tree = ast.parse((ROOT / file).read_text())
    for shown in list(nodes(tree)):
        for node, field, value in changes(shown):
            before, old = ast.unparse(shown), getattr(node, field)
            setattr(node, field, value)
            line = getattr(shown, "lineno", 0)
            yield Mutant(file, line, f"{before}  ->  {ast.unparse(shown)}", ast.unparse(tree))
            setattr(node, field, old)


def tests_of(file: str) -> list[str]:
    """The tests of a file's folder, its own first."""
    folder = TESTS_OF[str(Path(file).parent)]
    own = f"{folder}/test_{Path(file).name}"
    return [own, folder] if (ROOT / own).exists() else [folder]


def start(copy: Path, tests: list[str], limit: int) -> int:
    """Start tests in a copy of the package.

    They run in a fork of this process, which knows scipy and the like already, and the package not yet.

    Args:
        copy: its root.
        tests: files and folders.
        limit: seconds of computing after which they count as failed; a clock would count what else is running.

    Returns:
        The id of the process, which ends with 0 when they pass.
    """
    process = os.fork()
    if process:
        return process
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    signal.alarm(10 * limit)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(silence, stream)
    os.chdir(copy)
    sys.path[:0] = [str(copy)]
    os.environ["PYTHONPATH"] = str(copy)
    os._exit(pytest.main([*PYTEST, *tests]))


def copy_to(folder: Path) -> Path:
    """Copy what the tests need."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    (folder / "mutants_profile.py").write_text(PROFILE)
    return folder


def computing() -> float:
    """The seconds that finished processes have computed."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def limits_of(copy: Path) -> dict[str, int]:
    """Seconds of computing by folder that a mutant gets: more than three times what its tests take unchanged."""
    limits = {}
    for source, tests in TESTS_OF.items():
        before = computing()
        _, status = os.waitpid(start(copy, [tests], 3600), 0)
        if status:
            sys.exit(f"The tests of {source} fail unchanged: pytest -m quick {tests}")
        limits[source] = 10 + round(3 * (computing() - before))
    return limits


def survivors_of(sample: list[Mutant], copies: list[Path], limits: Mapping[str, int]) -> Iterator[Mutant]:
    """Run the tests of every mutant, one in each copy at a time, and give those that pass."""
    free, running = [*copies], dict[int, tuple[Mutant, Path, str]]()
    for mutant in [*sample, *[None] * len(copies)]:
        if not free or mutant is None:
            process, status = os.wait()
            ended, copy, original = running.pop(process)
            (copy / ended.file).write_text(original)
            free.append(copy)
            print(".", end="", file=sys.stderr, flush=True)
            if not status:
                yield ended
        if mutant is not None:
            copy = free.pop()
            path = copy / mutant.file
            original = path.read_text()
            path.write_text(mutant.text)
            # A module of the same size, written in the same second, would be taken for the one compiled before.
            shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)
            process = start(copy, tests_of(mutant.file), limits[str(Path(mutant.file).parent)])
            running[process] = mutant, copy, original


def main() -> int:
    """Run a sample of mutants, and say which survive."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=SAMPLE, help="how many mutants")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--only", help="every mutant of the file of this name")
    options = parser.parse_args()
    files = sorted(str(path.relative_to(ROOT)) for folder in TESTS_OF for path in (ROOT / folder).glob("*.py"))
    everything = [mutant for file in files for mutant in mutants_of(file) if options.only in (None, Path(file).name)]
    sample = everything
    if options.only is None and options.sample < len(everything):
        sample = random.Random(options.seed).sample(everything, options.sample)
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        copies = [copy_to(Path(folder, str(number))) for number in range(AT_ONCE)]
        for mutant in survivors_of(sample, copies, limits_of(copies[0])):
            survivors += 1
            print(f"{mutant.file}:{mutant.line}: {mutant.change}", flush=True)
        limits_of(copies[0])  # tests that fail unchanged by now have killed nothing
    killed = len(sample) - survivors
    print(
        f"{killed} of {len(sample)} mutants killed ({killed / len(sample):.0%}; at least {BAR:.0%} must be), "
        f"of {len(everything)}, in {computing() / 60 / AT_ONCE:.0f} minutes of {AT_ONCE} cores"
    )
    return 0 if killed >= BAR * len(sample) else 1


if __name__ == "__main__":
    for name in PRELOADED:
        importlib.import_module(name)
    sys.exit(main())
