"""``llmeval import``: make a dataset of a file of another tool."""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from pathlib import Path

from pytest_llmeval.commands.project import add_field, columns_of
from pytest_llmeval.datasets.foreign.imported import Imported, written
from pytest_llmeval.datasets.foreign.prepared.sampling import Wanted
from pytest_llmeval.datasets.foreign.read_foreign import COLUMNS, ROWS, TOOLS, read_foreign
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.text import first_line, plural, visible

_DONE = 0
_MOST_PLACES = 5
_MOST_NAMES = 5


def add_import(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    text = "Turn another tool's file into a dataset, and list what has no place in it"
    parser = commands.add_parser("import", help=text, description=text)
    parser.add_argument("file", metavar="FILE", help="A file of another tool, or a table")
    parser.add_argument(
        "-o", "--output", metavar="OUT", default="cases.jsonl", help="Where to write the rows (default: cases.jsonl)"
    )
    parser.add_argument(
        "--from",
        dest="tool",
        metavar="TOOL",
        choices=list(TOOLS),
        help=f"The tool that made the file: {', '.join(TOOLS)}",
    )
    add_field(parser, COLUMNS)
    parser.add_argument(
        "--sample", metavar="N", type=int, help="Draw this many rows, the same ones whatever the order of the file"
    )
    parser.add_argument(
        "--by",
        metavar="FIELD",
        help="Give the rows with each value of FIELD their share: task, tags, model, or a field of the metadata "
        "(default: the first of these three that tells rows apart)",
    )
    parser.add_argument("--seed", metavar="NUMBER", type=int, help="Another number draws other rows (default: 0)")
    parser.add_argument(
        "--personal-data",
        choices=["replace", "keep"],
        help="What to do with addresses, phone numbers and the like (default: replace in logs, keep in other files)",
    )
    parser.add_argument("--force", action="store_true", help="Replace OUT if it exists")
    parser.set_defaults(run=_import)


def _import(options: argparse.Namespace) -> int:
    output = Path(options.output)
    if output.suffix.lower() != ".jsonl":
        raise ConfigError(f"-o {options.output}: rows are written as JSON Lines; name a file that ends with .jsonl")
    _refuse_what_is_there(output, Path(options.file), force=options.force)
    imported = read_foreign(
        Path(options.file),
        options.file,
        options.tool,
        _columns(options),
        sample=_sample(options),
        personal_data=options.personal_data,
    )
    _write(output, "".join(f"{written(row)}\n" for row in imported.rows))
    _tell(imported, options.output, options.file, sampled=options.sample is not None)
    return _DONE


def _columns(options: argparse.Namespace) -> dict[str, str]:
    """Our name to theirs, as ``--field`` gives them.

    Raises:
        ConfigError: it is no pair, or goes with another tool.
    """
    columns = columns_of(options, COLUMNS)
    if columns and options.tool not in (None, ROWS):
        raise ConfigError(f"--field goes with --from {ROWS}, not with --from {options.tool}, whose fields are known")
    return columns


def _sample(options: argparse.Namespace) -> Wanted | None:
    """What is drawn, None for all rows.

    Raises:
        ConfigError: there is nothing to draw, or it is not said how many.
    """
    if options.sample is None:
        if options.by is not None or options.seed is not None:
            raise ConfigError("--by and --seed say how --sample draws; give it too, as in --sample 200")
        return None
    if options.sample < 1:
        raise ConfigError(f"--sample {options.sample}: give a whole number from 1")
    return Wanted(options.sample, options.seed or 0, options.by)


def _refuse_what_is_there(output: Path, file: Path, *, force: bool) -> None:
    if "\0" in str(output):
        raise ConfigError(f"-o {output}: no file can have this name")
    exists = output.exists()
    same = exists and file.exists() and output.samefile(file)
    if same:
        raise ConfigError(f"-o {output} is the file that is read; name another one")
    if exists and not force:
        raise ConfigError(f"{output} already exists; name another file with -o, or replace it with --force")
    if exists and not output.is_file():
        raise ConfigError(f"-o {output} is not a file")


def _write(output: Path, text: str) -> None:
    """Write a file whole or not at all."""
    try:
        handle, name = tempfile.mkstemp(dir=output.resolve().parent, prefix=f".{output.name[:40]}.")
    except OSError as error:
        raise ConfigError(f"-o {output}: cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)  # noqa: PTH101 - as of any new file; a temporary one is its owner's alone
        os.replace(name, output.resolve())  # noqa: PTH105
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise


def _tell(imported: Imported, output: str, file: str, *, sampled: bool) -> None:
    print(f"{visible(output)}: {plural(len(imported.rows), 'case')} of {visible(file)} (read as {imported.tool})")
    for line in imported.said:
        print(f"  {visible(line)}")
    print("Write this in a test file beside it, below `import pytest` and `from pytest_llmeval import assert_case`:")
    print(f'  @pytest.mark.llm_cases("{_in_quotes(Path(output).name)}")')
    print(f"  def test_cases(llm, case): assert_case(llm({_prompt(imported)}), case)")
    names = list(
        dict.fromkeys(name for row in imported.rows if isinstance(row["input"], dict) for name in row["input"])
    )
    if names:
        fields = ", ".join(f"{{{visible(name)}}}" for name in names[:_MOST_NAMES])
        print(f"  PROMPT is your prompt, with {fields}{' and others' if len(names) > _MOST_NAMES else ''} in it")
    _tell_about_expectations(imported)
    if imported.kept:
        kept = ", ".join(f"{visible(name)} ({plural(count, 'row')})" for name, count in imported.kept.items())
        of_all = " (of all rows, before the sample)" if sampled else ""
        print(f"Kept in the rows' metadata{of_all}: {kept}")
    if not imported.not_mapped:
        print("Everything else has its place in the rows.")
        return
    print(f"NOT MAPPED: {plural(len(imported.not_mapped), 'thing')}; check whether your tests need them")
    for (what, why), places in imported.not_mapped.items():
        print(f"  {_places(places)}: {first_line(what, 160)}")
        print(f"    {first_line(why, 300)}")


def _tell_about_expectations(imported: Imported) -> None:
    bare = [str(row["id"]) for row in imported.rows if "checks" not in row and "expected" not in row]
    if bare:
        more = f" and {len(bare) - _MOST_NAMES} more" if len(bare) > _MOST_NAMES else ""
        names = ", ".join(visible(name) for name in bare[:_MOST_NAMES]) + more
        print(f"{plural(len(bare), 'case')} without expected and checks, for which assert_case is an error: {names}")
    equal = sum("checks" not in row and "expected" in row for row in imported.rows)
    if equal:
        print(
            f"{plural(equal, 'case')} without checks must equal expected; compare in another way where that is too much"
        )


def _prompt(imported: Imported) -> str:
    """What the test asks: the input itself, or a prompt with the input's fields."""
    objects = [row["input"] for row in imported.rows if isinstance(row["input"], dict)]
    return "PROMPT.format(**case.input)" if objects else "case.input"


def _places(places: dict[str, int]) -> str:
    shown = [visible(place) + (f" ({plural(count, 'row')})" if count > 1 else "") for place, count in places.items()]
    more = f" and {len(shown) - _MOST_PLACES} more" if len(shown) > _MOST_PLACES else ""
    return ", ".join(shown[:_MOST_PLACES]) + more


def _in_quotes(name: str) -> str:
    return visible(name).replace("\\", "\\\\").replace('"', '\\"')
