"""The branch a change is merged into: the gate's settings and the baseline come from there, so none excuses itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import pytest

from pytest_llmeval.config.place import PYPROJECT, TABLE_FILE
from pytest_llmeval.config.settings import Settings, load_settings
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.plugin.options import given
from pytest_llmeval.text import first_line

if TYPE_CHECKING:
    from pytest_llmeval.checks.judges.calibration import Calibration

_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+@-]{0,200}")


class Base(NamedTuple):
    """A commit of this repository.

    Attributes:
        ref: its name, as in ``origin/main``.
        commit: its hash.
        top: the repository's folder.
    """

    ref: str
    commit: str
    top: Path

    def read(self, path: Path) -> bytes | None:
        """A file of that commit, None when it is not there."""
        path = Path(os.path.abspath(path))  # noqa: PTH100 - a link is looked up as the name it has
        if not path.is_relative_to(self.top):
            return None
        return _git(self.top, "show", f"{self.commit}:{path.relative_to(self.top).as_posix()}")

    def names(self, folder: Path, ending: str) -> list[Path]:
        """The files of a folder of that commit with this ending, in the order of their names."""
        folder = Path(os.path.abspath(folder))  # noqa: PTH100 - as above
        if not folder.is_relative_to(self.top):
            return []
        inside = folder.relative_to(self.top).as_posix()
        listed = _git(self.top, "ls-tree", "--name-only", "-z", self.commit, f"{inside}/") or b""
        found = (self.top / os.fsdecode(name) for name in listed.split(b"\0") if name)
        return sorted(path for path in found if path.suffix == ending)


def named_base(config: pytest.Config) -> str | None:
    """The name of the branch to compare with: by option, else by what GitHub says of a pull request or a merge queue.

    An option in ``addopts`` comes last: a change may edit it.

    Raises:
        ConfigError: it cannot be the name of a branch.
    """
    option: str | None = given(config, "llm_baseline_ref")
    by_ci = os.environ.get("GITHUB_BASE_REF") or _of_merge_queue()
    counts = option if _on_command_line(config, "--llm-baseline-ref") or not by_ci else None
    name = counts or by_ci
    if name is not None and not _REF.fullmatch(name):
        said = "--llm-baseline-ref" if counts else "GITHUB_BASE_REF"
        raise ConfigError(f"{said}={first_line(name, 80)}: no name of a branch, tag or commit (as in main)")
    return name


def brought_by_addopts(config: pytest.Config, base: Base) -> str | None:
    """That a change names its own baseline by ``addopts``, in a sentence; None where it does not."""
    options: list[str] = config.getini("addopts")
    named = [
        option.partition("=")[2] or "".join(options[place + 1 : place + 2])
        for place, option in enumerate(options)
        if option.partition("=")[0] == "--llm-baseline"
    ]
    if not named or config.inipath is None or _on_command_line(config, "--llm-baseline"):
        return None
    theirs = (base.read(config.inipath) or b"").decode("utf-8", "replace")
    between = r"(?:=|[\s\"',]+)"  # as in a line of words, or in TOML's list of texts
    if re.search(rf"--llm-baseline{between}{re.escape(named[-1])}(?=[\s\"',\]]|$)", theirs):
        return None
    return (
        f"this change puts --llm-baseline={first_line(named[-1], 80)} into addopts, where {base.ref} has it not; "
        "name a baseline in [tool.llmeval], or on the command line"
    )


def refuse_to_save_always(config: pytest.Config) -> None:
    """Refuse ``--llm-update-baseline`` in ``addopts``.

    Raises:
        ConfigError: it is there, so that each session would save what it is to be compared with.
    """
    name = "--llm-update-baseline"
    if _is_among(config.getini("addopts"), name) and not _on_command_line(config, name):
        raise ConfigError(f"{name} in addopts would save a baseline in every session and compare none: pass it by hand")


def _on_command_line(config: pytest.Config, option: str) -> bool:
    by_variable = os.environ.get("PYTEST_ADDOPTS", "").split()  # which CI sets, and no change
    return _is_among((*map(str, config.invocation_params.args), *by_variable), option)


def _is_among(arguments: Iterable[str], option: str) -> bool:
    return any(argument.partition("=")[0] == option for argument in arguments)


def _of_merge_queue() -> str | None:
    """The branch that a merge queue of GitHub merges into, None elsewhere; no variable names it."""
    if os.environ.get("GITHUB_EVENT_NAME") != "merge_group":
        return None
    try:
        event = json.loads(Path(os.environ.get("GITHUB_EVENT_PATH", "")).read_bytes())
        return str(event["merge_group"]["base_ref"]).removeprefix("refs/heads/")
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ConfigError("GITHUB_EVENT_PATH does not say which branch this merge queue merges into") from error


def find_base(name: str, folder: Path) -> Base | None:
    """The commit of that name, ``origin/NAME`` before ``NAME``; None when git has neither."""
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None:
        return None
    for ref in (f"origin/{name}", name):
        commit = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        if commit:
            return Base(ref, commit.decode().strip(), Path(os.fsdecode(top).rstrip("\n")))
    return None


def as_base_says(settings: Settings, base: Base) -> tuple[Settings, list[str]]:
    """This checkout's settings with the gate and the baseline of the base.

    Returns:
        The settings, and what differs, a sentence each.

    Raises:
        ConfigError: the base's own settings are wrong.
    """
    root, theirs = _nearest_table(settings.start or settings.root, base)
    if theirs is None:
        return settings, [f"{base.ref} has no [tool.llmeval] yet: the gate goes by the settings of this change"]
    here = theirs.root  # a folder for the time of reading

    def moved(path: Path | None) -> Path | None:
        return root / path.relative_to(here) if path is not None else None

    named = theirs.baseline
    if named and root != settings.root and named not in theirs.models:
        named = str(root / named)
    gated = settings._replace(
        categories=theirs.categories,
        gate=theirs.gate,
        baseline=named or settings.baseline,
        baseline_again=moved(theirs.baseline_again),
        anchor=moved(theirs.anchor) or settings.anchor,
    )
    notes = []
    if (settings.categories, settings.gate) != (theirs.categories, theirs.gate):
        notes.append(f"this change edits the gate's settings; those of {base.ref} count")
    if named and not _same(settings.root, settings.baseline or "", named):
        said = first_line(str(theirs.baseline))
        notes.append(f"this change names another baseline; that of {base.ref} counts: {said}")
    return gated, notes


def _same(root: Path, one: str, other: str) -> bool:
    """Whether two baselines are the same: two names of a model, or two paths of a file."""
    return os.path.normpath(root / one) == os.path.normpath(root / other)


def _nearest_table(start: Path, base: Base) -> tuple[Path, Settings | None]:
    """The settings that the base has for the tests of a folder, and the folder of their table; None without any.

    They are looked for from the tests upwards and not where this change has its own: a table that it adds nearer to the
    tests does not excuse it.

    Raises:
        ConfigError: they are wrong.
    """
    start = Path(os.path.abspath(start))  # noqa: PTH100 - a link is looked up as the name it has
    for root in (start, *start.parents):
        if not root.is_relative_to(base.top):
            break
        with TemporaryDirectory(prefix="llmeval-") as folder:
            Path(folder, ".git").mkdir()  # where the search for a table ends
            for name in (PYPROJECT, TABLE_FILE):
                if (content := base.read(root / name)) is not None:
                    Path(folder, name).write_bytes(content)
            try:
                theirs = load_settings(Path(folder))
            except ConfigError as error:
                raise ConfigError(f"{base.ref}: {error}") from None
        if theirs.file is not None:
            return root, theirs
    return start, None


def calibrations_of(settings: Settings, base: Base) -> dict[tuple[str, str], Calibration]:
    """The calibrations of judges in the base, by judge and prompt.

    Raises:
        ConfigError: one is wrong.
    """
    # Most sessions have no judge, and do not pay for the module.
    from pytest_llmeval.checks.judges.calibration import FOLDER, read_calibrations

    root, _ = _nearest_table(settings.start or settings.root, base)
    files = base.names(root / FOLDER, ".json")
    return read_calibrations((path.name, partial(_content, base, path)) for path in files)


def _content(base: Base, path: Path) -> bytes:
    return base.read(path) or b""


def commit_of(folder: Path) -> str | None:
    """The commit that is checked out, according to git or GitHub; None when neither knows."""
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    if commit:
        return commit.decode("ascii", "replace").strip()
    return os.environ.get("GITHUB_SHA") or None


def _git(folder: Path, *arguments: str) -> bytes | None:
    """What git says; None when it says no, or is not there."""
    command = ["git", "-C", os.fspath(folder), *arguments]
    try:
        done = subprocess.run(  # noqa: S603 - names of branches are checked, and none can be an option
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
