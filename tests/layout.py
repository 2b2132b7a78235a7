"""The rules of the package's layout, as a function of a folder: tests try them on folders that break them."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "pytest_llmeval"
FRONT = {"", "__main__"}
# The loose modules, which any folder may import. Every other folder imports only what stands before it.
GROUND = {"case", "clock", "credentials", "differences", "errors", "json_text", "reply", "score", "text"}
FOLDERS = (
    *("stats", "config", "formats", "store", "runs", "checks", "datasets", "engine", "capture", "analysis", "report"),
    *("review", "commands", "plugin"),
)
# What these may import of other folders; the rest of the order above is enough for the others.
ALONE = {"stats": set[str](), "store": {"config"}, "checks": set[str](), "datasets": {"checks"}}
# The process that reports and those that run tests share what lies in plugin/ itself, which imports neither of them,
# but for what pytest registers early and what loads its share late.
EARLY = {"plugin", "plugin.fixtures", "plugin.collect"}
REPORTS = (["reporting"], ["publishing"])  # what runs in the process that reports
MOST_LOOSE, MOST_FILES, MOST_LINES = 11, 20, 600


def modules(package: Path) -> dict[str, Path]:
    """Each module's dotted name below the package, "" for the package itself."""
    found = {}
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports(package: Path) -> dict[str, set[str]]:
    """Which modules each module imports of the package's, wherever in it the import stands."""
    files = modules(package)
    return {name: {each for each in _imported(file, files) if each != name} for name, file in files.items()}


def _imported(file: Path, files: dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] != PACKAGE:
                continue
            module = name.removeprefix(PACKAGE).removeprefix(".")
            yield module if module in files else module.rpartition(".")[0]


def mistakes(package: Path) -> list[str]:
    """What is wrong with a package's layout, a line for each thing."""
    files, arrows = modules(package), imports(package)
    return [
        *_loose(files),
        *_folders(package),
        *_names(files),
        *_long(files),
        *(line for name in sorted(arrows) for target in sorted(arrows[name]) for line in _arrow(name, target)),
        *_circles(arrows),
    ]


def _loose(files: dict[str, Path]) -> Iterator[str]:
    loose = {name for name in files if "." not in name and files[name].stem != "__init__"} | {""}
    if len(loose) > MOST_LOOSE:
        yield f"{len(loose)} loose modules; {MOST_LOOSE} are allowed"
    for name in sorted(loose - GROUND - FRONT):
        yield f"{name}.py belongs into a folder"


def _folders(package: Path) -> Iterator[str]:
    for folder, count in Counter(file.parent for file in package.rglob("*.py")).items():
        if count > MOST_FILES:
            yield f"{folder.name}/ has {count} files; {MOST_FILES} are allowed"
        if folder.parent == package and folder.name not in FOLDERS:
            yield f"{folder.name}/ has no place in the order of the folders"


def _names(files: dict[str, Path]) -> Iterator[str]:
    """A command may be named after what it commands."""
    names = [name for name, file in files.items() if file.stem != "__init__" and not name.startswith("commands.")]
    for stem, count in Counter(name.rpartition(".")[2] for name in names).items():
        if count > 1:
            yield f"{count} files are named {stem}.py"


def _long(files: dict[str, Path]) -> Iterator[str]:
    for name, file in files.items():
        lines = len(file.read_text(encoding="utf-8").splitlines())
        if lines > MOST_LINES:
            yield f"{name} has {lines} lines; {MOST_LINES} are allowed"


def _arrow(name: str, target: str) -> Iterator[str]:
    where, whither = _place(name), _place(target)
    folder, other = name.split(".", maxsplit=1)[0], target.split(".", maxsplit=1)[0]
    if whither > where:
        yield f"{name} imports {target}, which stands above it"
    elif whither > 0 and folder in ALONE and other != folder and other not in ALONE[folder]:
        yield f"{name} imports {target}; {folder}/ is to know nothing of {other}/"
    if folder == other == "plugin":
        wing, other_wing = name.split(".")[1:-1], target.split(".")[1:-1]
        if other_wing and not wing and name not in EARLY:
            yield f"{name} imports {target}, which not every process needs"
        if wing and other_wing and (wing in REPORTS) != (other_wing in REPORTS):
            yield f"{name} imports {target}, which runs in another process"


def _place(name: str) -> int:
    """0 for the ground, then the folders in their order, the front door last."""
    folder = name.split(".", maxsplit=1)[0]
    if name in FRONT:
        return len(FOLDERS) + 1
    return FOLDERS.index(folder) + 1 if folder in FOLDERS else 0


def _circles(arrows: dict[str, set[str]]) -> Iterator[str]:
    """Each module that can be reached from itself, with one way back to it."""
    done: set[str] = set()
    for start in sorted(arrows):
        if start in done:
            continue
        ways = [[start]]
        seen: set[str] = set()
        while ways:
            way = ways.pop(0)
            for target in sorted(arrows.get(way[-1], ())):
                if target == start:
                    yield "circle: " + " -> ".join([*way, start])
                    done.update(way)
                    ways = []
                    break
                if target not in seen:
                    seen.add(target)
                    ways.append([*way, target])
