"""What is shipped, what it exports, and which part may import which."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

import pytest_llmeval
from tests.layout import GROUND, MOST_FILES, MOST_LINES, mistakes, modules
from tests.sessions import Session

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pytest_llmeval"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def imports() -> Iterator[tuple[str, str]]:
    """Which file imports which module, of whatever package."""
    for file in PACKAGE.rglob("*.py"):
        name = file.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield name, str(node.module)


IMPORTS = sorted(set(imports()))


def test_plugin_alone_imports_pytest() -> None:
    users = {file for file, module in IMPORTS if module.split(".")[0] in ("pytest", "_pytest", "pluggy", "xdist")}
    assert {file.split("/")[0] for file in users} == {"plugin"}


def test_pytests_private_modules_are_named_in_two_files_alone() -> None:
    """Those that have no other way; each looks first whether what it needs is there."""
    private = {file for file, module in IMPORTS if module.split(".")[0] == "_pytest"}
    assert private <= {"plugin/reporting/junit.py", "plugin/running/scheduler.py"}


@pytest.mark.parametrize("pure", ["stats", "store", "formats", "checks", "analysis", "report"])
def test_pure_parts_do_no_http(pure: str) -> None:
    assert [file for file, module in IMPORTS if file.startswith(f"{pure}/") and module.split(".")[0] == "httpx"] == []


def test_nothing_is_unpickled_and_no_text_is_run() -> None:
    unsafe = {"pickle", "_pickle", "dill", "marshal", "shelve", "code", "codeop", "runpy"}
    assert [file for file, module in IMPORTS if module.split(".")[0] in unsafe] == []
    called = {
        (file.name, node.func.id)
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert [each for each in called if each[1] in ("compile", "eval", "exec", "__import__")] == []


def test_the_entry_loads_nothing_heavy() -> None:
    """Importing the plugin costs every pytest session of everyone who has it installed."""
    heavy = ["asyncio", "diskcache", "httpx", "jsonschema", "pydantic", "rapidfuzz", "sqlite3", "text_to_num", "yaml"]
    code = (
        "import pytest, sys, json; before = set(sys.modules); import pytest_llmeval.plugin; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    assert [module for module in loaded if module.split(".")[0] in heavy] == []
    assert "pytest_llmeval.plugin" in loaded


def session(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    """A session of its own with one test file, this plugin and no other."""
    (folder / "test_plain.py").write_text(test)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "pytest_llmeval.plugin", "-p", "no:cacheprovider"],
        cwd=folder,
        env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_session_that_asks_no_model_loads_nothing_heavy(tmp_path: Path) -> None:
    """All hooks run, and still none of it is needed."""
    done = session(
        tmp_path,
        "import sys\n\ndef test_plain():\n"
        "    loaded = {name.split('.')[0] for name in sys.modules}\n"
        "    assert not {'asyncio', 'diskcache', 'httpx', 'jsonschema', 'rapidfuzz'} & loaded\n",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "language model" not in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".pyc") in (
        ["__pycache__", "test_plain.py"],
        ["test_plain.py"],
    )


def test_pytest_rewrites_nothing_of_this_package(tmp_path: Path) -> None:
    """It would, as for every package with a plugin; where no byte code can be kept, in every session anew."""
    done = session(
        tmp_path,
        "import sys\nimport pytest_llmeval.plugin.running.runner\n\ndef test_plain():\n"
        "    rewritten = {name for name, module in sys.modules.items() if name.startswith('pytest_llmeval')\n"
        "                 and type(module.__loader__).__name__ == 'AssertionRewritingHook'}\n"
        "    assert rewritten <= {'pytest_llmeval', 'pytest_llmeval.plugin', 'pytest_llmeval.plugin.fixtures',\n"
        "        'pytest_llmeval.plugin.guard', 'pytest_llmeval.plugin.items'}\n"
        "    assert type(sys.modules[__name__].__loader__).__name__ == 'AssertionRewritingHook'\n",
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nor_in_a_later_session_of_one_process(plain_session: Session) -> None:
    """As an editor, or the tests of another plugin, may run many."""
    plain_session.write("""
        def test_it():
            import sys
            from pytest_llmeval.plugin.running import runner

            assert "Rewriting" in type(sys.modules[__name__].__loader__).__name__
            assert "Rewriting" not in type(runner.__loader__).__name__
    """)
    for _ in range(2):
        plain_session.run().assert_outcomes(passed=1)


def test_what_is_exported_is_what_the_modules_hold_also_when_they_are_loaded_anew() -> None:
    code = (
        "import sys, pytest_llmeval\n"
        "from pytest_llmeval import Case\n"
        "for name in [name for name in sys.modules if name.startswith('pytest_llmeval.')]: del sys.modules[name]\n"
        "import pytest_llmeval.datasets.load\n"
        "assert pytest_llmeval.datasets.load.Case is pytest_llmeval.Case is not Case"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_only_the_front_door_says_what_it_exports() -> None:
    named = [
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        if any(
            isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
            for node in ast.parse(file.read_text(encoding="utf-8")).body
        )
    ]
    assert named == ["__init__.py"]


@pytest.mark.parametrize("name", pytest_llmeval.__all__)
def test_every_exported_name_exists_and_tells_what_it_is(name: str) -> None:
    assert inspect.getdoc(getattr(pytest_llmeval, name))


def test_the_exported_names_are_those_that_type_checkers_see() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    guarded = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.name for node in ast.walk(guarded[0]) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert sorted(seen) == sorted(pytest_llmeval.__all__) == dir(pytest_llmeval)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'pytest_llmeval' has no attribute 'assert_funny'"):
        pytest_llmeval.assert_funny  # noqa: B018


def test_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").read_bytes() == b""


def test_pytest_finds_the_plugin_and_the_shell_the_command() -> None:
    points = {(point.group, point.name): point.value for point in metadata.distribution("pytest-llmeval").entry_points}
    assert points == {
        ("pytest11", "llmeval"): "pytest_llmeval.plugin",
        ("console_scripts", "llmeval"): "pytest_llmeval.commands.main:main",
    }


def test_the_changelog_knows_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert PROJECT["version"] in re.findall(r"^## \[([0-9.]+)\]", changelog, re.MULTILINE)


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("hatchling.build", reason="hatchling is not installed in this environment")
    code = f"from hatchling.build import build_wheel; print(build_wheel({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    with zipfile.ZipFile(tmp_path / done.stdout.split()[-1]) as wheel:
        files = wheel.namelist()
        entries = wheel.read(next(name for name in files if name.endswith("entry_points.txt"))).decode()
    info = f"pytest_llmeval-{PROJECT['version']}.dist-info"
    assert {name.split("/")[0] for name in files} == {"pytest_llmeval", info}
    kinds = (".py", ".json", ".jinja", ".css", ".js", ".txt")
    shipped = {path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*") if path.suffix in kinds}
    assert {name for name in files if name.startswith("pytest_llmeval/")} == shipped | {"pytest_llmeval/py.typed"}
    assert f"{info}/licenses/LICENSE" in files
    assert "llmeval = pytest_llmeval.plugin" in entries


def test_the_package_keeps_every_rule() -> None:
    assert mistakes(PACKAGE) == []


def test_the_tests_lie_in_folders_named_as_those_of_the_package() -> None:
    ours = {file.parent.relative_to(PACKAGE) for file in modules(PACKAGE).values()}
    tests = ROOT / "tests"
    theirs = {file.parent.relative_to(tests) for file in tests.rglob("test_*.py")}
    assert {folder.as_posix() for folder in theirs - ours} <= {"browser", "sdks", "ifeval", "ifeval/suite"}


def tree(folder: Path, files: dict[str, str]) -> Path:
    """A package that keeps every rule, with some files more."""
    package = folder / "pytest_llmeval"
    kept = {f"{name}.py": "" for name in sorted(GROUND)}
    kept |= {"__init__.py": "", "stats/__init__.py": "", "stats/gate.py": "", "plugin/__init__.py": ""}
    for name, text in (kept | files).items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return package


def test_a_tree_that_keeps_every_rule_has_no_mistake(tmp_path: Path) -> None:
    assert mistakes(tree(tmp_path, {"engine/call.py": "from pytest_llmeval.errors import LlmevalError"})) == []


@pytest.mark.parametrize(
    ("files", "mistake"),
    [
        ({"helpers.py": ""}, "helpers.py belongs into a folder"),
        ({f"loose{n}.py": "" for n in range(2)}, "12 loose modules; 11 are allowed"),
        ({f"store/part{n}.py": "" for n in range(MOST_FILES + 1)}, "store/ has 21 files; 20 are allowed"),
        ({"extras/one.py": ""}, "extras/ has no place in the order of the folders"),
        ({"report/gate.py": ""}, "2 files are named gate.py"),
        ({"stats/long.py": "x = 1\n" * (MOST_LINES + 1)}, "stats.long has 601 lines; 600 are allowed"),
        (
            {"plugin/trial.py": "", "engine/call.py": "import pytest_llmeval.plugin.trial"},
            "engine.call imports plugin.trial, which stands above it",
        ),
        (
            {"plugin/trial.py": "", "store/key.py": "def f():\n    from pytest_llmeval.plugin import trial"},
            "store.key imports plugin.trial, which stands above it",
        ),
        (
            {"config/age.py": "", "text.py": "from pytest_llmeval.config.age import age_words"},
            "text imports config.age, which stands above it",
        ),
        (
            {"checks/fact.py": "from pytest_llmeval.stats.gate import judge"},
            "checks.fact imports stats.gate; checks/ is to know nothing of stats/",
        ),
        (
            {"engine/call.py": "from pytest_llmeval import Reply"},
            "engine.call imports , which stands above it",
        ),
        (
            {
                "plugin/reporting/terminal.py": "",
                "plugin/options.py": "import pytest_llmeval.plugin.reporting.terminal",
            },
            "plugin.options imports plugin.reporting.terminal, which not every process needs",
        ),
        (
            {
                "plugin/reporting/terminal.py": "",
                "plugin/running/trial.py": "from pytest_llmeval.plugin.reporting.terminal import write",
            },
            "plugin.running.trial imports plugin.reporting.terminal, which runs in another process",
        ),
        (
            {
                "engine/call.py": "from pytest_llmeval.engine.limits import most",
                "engine/limits.py": "def f():\n    from pytest_llmeval.engine.call import Call",
            },
            "circle: engine.call -> engine.limits -> engine.call",
        ),
    ],
)
def test_a_tree_that_breaks_a_rule_is_found_out(tmp_path: Path, files: dict[str, str], mistake: str) -> None:
    assert mistake in mistakes(tree(tmp_path, files))
