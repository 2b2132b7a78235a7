"""Write the generated parts of the pages, such as lists, outputs of commands and messages of checks, and a picture.

    python docs/tools/generate.py [--check]

Generated are the lists between `<!-- generated: NAME -->` and `<!-- end -->`, the output below each command of a
console block, the `# fails` lines of Python blocks, docs/picture.svg, llms.txt, and the JSON Schema of datasets in
the package. With --check nothing is written, and the exit code is 1 when something is stale.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from docs.tools import faults, reference
from docs.tools.dataset_schema import SCHEMA, fresh_schema
from docs.tools.llms import LLMS, fresh_llms
from docs.tools.pages import ROOT, Block, Page, Project, all_pages, run_statements
from docs.tools.picture import PICTURE, fresh_picture
from docs.tools.reference import cell, table
from tests.formats.examples import EXAMPLES

__all__ = ["GENERATED", "fresh_dataset_schema", "fresh_lists", "fresh_page"]

_LIST = re.compile(r"(<!-- generated: ([a-z-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def fresh_page(page: Page) -> str:
    """The text of a page as it should be."""
    text = fresh_lists(page.text)
    parts, done, names = [], 0, _names()
    with tempfile.TemporaryDirectory() as folder, Project(Path(folder), page) as project:
        # The lists hold no blocks, so the places of the blocks in the fresh text are found by their order.
        for old, new in zip(page.blocks(), _spans(text), strict=True):
            parts += [text[done : new[0]], _fresh_block(old, project, names)]
            done = new[1]
    return "".join([*parts, text[done:]])


def fresh_lists(text: str) -> str:
    """The text of a page with its lists as they should be."""
    return _LIST.sub(lambda match: f"{match[1]}{GENERATED[match[2]]()}\n{match[4]}", text)


def _fresh_block(block: Block, project: Project, names: dict[str, Any]) -> str:
    if "file" in block.directive:
        project.write(block)
    elif block.language == "console":
        return _lines(project.output_of(block))
    elif block.language == "python" and "with" not in block.directive:
        return _lines(run_statements(block.text, names))
    return block.text


def _lines(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _spans(text: str) -> list[tuple[int, int]]:
    return [match.span(1) for match in re.finditer(r"^```[a-z]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


def _names() -> dict[str, Any]:
    """What Python blocks need not import."""
    import pytest_llmeval

    return {name: getattr(pytest_llmeval, name) for name in pytest_llmeval.__all__}


# The lists.


def _options() -> str:
    """The options of pytest, as ``pytest --help`` tells them."""
    told = _ask("pytest", "--help")
    section = re.search(r"^regression tests of language models.*?:\n(.*?)(?=^\S)", told, re.MULTILINE | re.DOTALL)
    if section is None:
        raise LookupError("pytest --help has no section on this plugin")
    options: list[list[str]] = []
    for line in section[1].splitlines():
        option = re.match(r" {2}(--\S+)(?:\s{2,}(.*))?$", line)
        if option:
            options.append([option[1], option[2] or ""])
        elif line.strip():
            options[-1][1] += f" {line.strip()}"
    return table(("option", "does"), [(cell(f"`{name}`"), cell(text)) for name, text in options])


def _commands() -> str:
    """The subcommands of ``llmeval``."""
    told = _ask("pytest_llmeval", "--help")
    rows = re.findall(r"^ {4}([a-z-]+)(?: {2,}|\n {5,})(.*)$", told, re.MULTILINE)
    return table(("command", "does"), [(f"`llmeval {name}`", cell(text)) for name, text in rows])


def _markers() -> str:
    """The markers, as ``pytest --markers`` tells them."""
    found = re.findall(r"^@pytest\.mark\.(llm_\w+(?:\([^:]*\))?): (.*)$", _ask("pytest", "--markers"), re.MULTILINE)
    return table(("marker", "does"), [(f"`@pytest.mark.{name}`", cell(text)) for name, text in found])


def _captured() -> str:
    """The clients whose calls are captured, as ``make sdks`` found."""
    from tests.sdks.caught import load, rows
    from tests.sdks.environments import ENVIRONMENTS

    beside = {name: environment.beside for name, environment in ENVIRONMENTS.items()}
    return table(("client", "tried with", "captured", "not captured"), rows(load(), beside))


def _plugins() -> str:
    """The plugins that tests were tried beside, as ``make plugins`` found."""
    from tests.other_plugins.found import load, rows

    return table(("plugin", "tried with", "tests run", "to know"), rows(load()))


def _matrix() -> str:
    """The environments in which the tests were run, as ``make matrix`` found."""
    from tests.matrix.found_rows import load, rows

    return table(("row", "tries", "Python", "pytest", "tests"), rows(load()))


def _private_names() -> str:
    """The private names of other packages, from the list that the tests read."""
    from tests.private_names import rows

    return table(("name", "serves", "looked for", "without it"), rows())


def _metrics() -> str:
    """The metrics of other packages that were asked through `check_of`, as ``make adapters`` found."""
    from tests.adapters.found_metrics import load, rows

    return table(("package", "asked with", "judges", "an error, since it cannot judge"), rows(load()))


def _configuration() -> str:
    """Every key of [tool.llmeval], from its JSON Schema."""
    schema = json.loads((ROOT / "pytest_llmeval" / "config" / "config.schema.json").read_text(encoding="utf-8"))
    return table(("key", "allowed"), [(f"`{key}`", cell(allowed)) for key, allowed in _keys(schema, schema, "")])


def _keys(schema: Mapping[str, Any], node: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    if "properties" in node:
        for key, below in node["properties"].items():
            yield from _keys(schema, below, f"{name}.{key}".lstrip("."))
    elif isinstance(node.get("additionalProperties"), dict):
        yield from _keys(schema, node["additionalProperties"], f"{name}.NAME")
    else:
        yield name, _allowed(node)


def _allowed(node: Mapping[str, Any]) -> str:
    words = {"string": "text", "object": "a table", "number": "a number", "integer": "a whole number"}
    words |= {"boolean": "true or false", "array": "a list"}
    if "enum" in node:
        return " or ".join(f"`{value}`" for value in node["enum"])
    limits = [f"{word} {node[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in node]
    text = str(node.get("description") or words.get(str(node.get("type")), "any value"))
    return " ".join([text + ("," if limits else ""), *limits])


def _checks() -> str:
    """Every check with the first sentence of what it is."""
    import pytest_llmeval

    rows = []
    for name in pytest_llmeval.__all__:
        if name.startswith("assert_"):
            sentence = re.split(r"\.(?:\s|$)", inspect.getdoc(getattr(pytest_llmeval, name)) or "", maxsplit=1)[0]
            words = " ".join(sentence.split()).removeprefix("Check ")
            rows.append((f"[`{name}`](#{name})", cell(words)))
    return table(("check", "checks"), rows)


def _grounded_items() -> str:
    """How `assert_grounded` judges our own labelled items, by kind."""
    from tests.checks.grounded_items import rows

    return table(("kind", "languages", "items", "unsupported ones found", "false alarms"), rows())


def _hostile_texts() -> str:
    """What the checks of rows do on texts that were written to break something."""
    from tests.checks.hostile_texts import told

    return table(("check", "an error on"), [(name, cell(words)) for name, words in told() if words])


def _row_checks() -> str:
    """What the checks of a dataset's row are called and take."""
    from pytest_llmeval.checks.rows.row_forms import COMBINED, FORMS

    rows = []
    for name, form in FORMS.items():
        options = [f"`{option}`: {' or '.join(kinds)}" for option, kinds in form.options.items()]
        rows.append((f"`{name}`", cell(" or ".join(form.plain)), cell("; ".join(options))))
    rows += [(f"`{name}`", takes, "") for name, takes in COMBINED.items()]
    return table(("check", "short form takes", "long form takes"), rows)


def fresh_dataset_schema() -> str:
    """The JSON Schema of a dataset as it should be."""
    from pytest_llmeval import Case

    return fresh_schema(_attributes(inspect.getdoc(Case) or ""))


def _case_fields() -> str:
    """The fields of a row, as `Case` describes them."""
    from pytest_llmeval import Case
    from pytest_llmeval.datasets.rows import FIELDS

    told = _attributes(inspect.getdoc(Case) or "")
    return table(("field", "is"), [(f"`{name}`", cell(told[name])) for name in FIELDS])


def _reply_fields() -> str:
    """What a `Reply` knows beside its text."""
    from pytest_llmeval import Reply

    names = ["json", *(name for name, member in vars(Reply).items() if isinstance(member, property))]
    rows = [("`model`", cell(_attributes(inspect.getdoc(Reply) or "")["model"]))]
    for name in names:
        sentence = (inspect.getdoc(getattr(Reply, name)) or "").split("\n\n")[0]
        rows.append((f"`{name}()`" if name == "json" else f"`{name}`", cell(sentence.replace("``", "`"))))
    return table(("reply has", "is"), rows)


def _attributes(docstring: str) -> dict[str, str]:
    section = docstring.partition("Attributes:\n")[2]
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()).replace("``", "`") for name, text in found}


def _report_files() -> str:
    """The kinds of files that tell of a session, by their endings."""
    from pytest_llmeval.report.files import FILES

    return "\n".join(
        f"- `{ending}`" + (", also `--redacted`" if kind.redacted else "") for ending, kind in FILES.items()
    )


def _providers() -> str:
    """The providers that are known by name."""
    from pytest_llmeval.formats.registry import find_provider, known_providers

    nowhere = {"azure": "needs `base_url`", "bedrock": "in `AWS_REGION`", "vertex": "of `GOOGLE_CLOUD_PROJECT`"}
    rows = []
    for name in known_providers():
        elsewhere = nowhere.get(name.partition("-")[0])
        provider = find_provider(name, "https://example.com/v1" if elsewhere else None)
        address = elsewhere or f"`{provider.base_url}`"
        rows.append((f"`{name}/`", address, f"`{provider.api_key_env}`" if provider.api_key_env else "none"))
    return table(("provider", "address", "key"), rows)


def _ask(module: str, argument: str) -> str:
    """What a command prints about itself, on a terminal wide enough not to break lines."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"COLUMNS": "1000", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONUTF8": "1"}
    environment |= {"PYTEST_PLUGINS": "pytest_llmeval.plugin", "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            [sys.executable, "-m", module, argument],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        ).stdout


def _formats() -> str:
    rows = ["| format | thoughts | tool calls | refusals | tokens told |", "| --- | --- | --- | --- | --- |"]
    for name, example in EXAMPLES.items():
        usage = example.usage
        told = {
            "input, output": usage.output_tokens,
            "cache read": usage.cache_read_tokens,
            "cache written": usage.cache_write_tokens,
            "thinking": usage.reasoning_tokens,
            "total": example.total,
        }
        tokens = ", ".join(kind for kind, number in told.items() if number is not None)
        marks = ("yes" if has else "" for has in (example.thinking, example.calls, example.refusal))
        rows.append(f"| `{name}` | {' | '.join(marks)} | {tokens} |")
    return "\n".join(rows)


GENERATED: Mapping[str, Callable[[], str]] = {
    "options": _options,
    "commands": _commands,
    "markers": _markers,
    "fixtures": reference.fixtures_in_full,
    "hooks": reference.hooks,
    "commands-in-full": reference.commands_in_full,
    "python-names": reference.python_names,
    "captured": _captured,
    "metrics": _metrics,
    "plugins": _plugins,
    "matrix": _matrix,
    "private-names": _private_names,
    "configuration": _configuration,
    "checks": _checks,
    "grounded-items": _grounded_items,
    "hostile-texts": _hostile_texts,
    "row-checks": _row_checks,
    "case-fields": _case_fields,
    "reply-fields": _reply_fields,
    "providers": _providers,
    "report-files": _report_files,
    "formats": _formats,
    "faults": faults.listed,
}


def main() -> int:
    check = "--check" in sys.argv[1:]
    fresh = {page.path: fresh_page(page) for page in all_pages()} | {PICTURE: fresh_picture()}
    fresh[LLMS] = fresh_llms()
    fresh[SCHEMA] = fresh_dataset_schema()
    stale = [path for path, text in fresh.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if not check:
        for path in stale:
            path.write_text(fresh[path], encoding="utf-8")
    lines = [f"{'stale' if check else 'written'}: {path.relative_to(ROOT).as_posix()}" for path in stale]
    print("\n".join(lines) or "all fresh")
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main())
