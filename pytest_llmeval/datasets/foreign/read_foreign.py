"""Which tool a file is of, and its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from pytest_llmeval.datasets.foreign.any_rows import FIELDS, has_rows, read_rows
from pytest_llmeval.datasets.foreign.deepeval_goldens import is_deepeval, read_deepeval
from pytest_llmeval.datasets.foreign.files.refusal import refusal
from pytest_llmeval.datasets.foreign.files.source import Source, read_source
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.foreign.inspect_ai import is_inspect, read_inspect
from pytest_llmeval.datasets.foreign.langfuse import is_langfuse, read_langfuse
from pytest_llmeval.datasets.foreign.langsmith import is_langsmith, read_langsmith
from pytest_llmeval.datasets.foreign.logs import is_log, read_log
from pytest_llmeval.datasets.foreign.openai_evals import is_openai, read_openai
from pytest_llmeval.datasets.foreign.prepared.redaction import redacted, remark_about
from pytest_llmeval.datasets.foreign.prepared.sampling import Wanted, sampled
from pytest_llmeval.datasets.foreign.promptfoo import is_promptfoo, read_promptfoo
from pytest_llmeval.datasets.foreign.pydantic_dataset import is_pydantic_dataset, read_pydantic_dataset


class Tool(NamedTuple):
    """Another tool.

    Attributes:
        recognise: whether a file looks like one of its files.
        read: adds the rows of a file.
        words_of_1_1: whether ``yes`` and ``no`` of its YAML are true and false.
    """

    recognise: Callable[[Source], bool]
    read: Callable[[Source, Imported], None]
    words_of_1_1: bool = False


TOOLS: Mapping[str, Tool] = {  # in the order in which they are asked
    "promptfoo": Tool(is_promptfoo, read_promptfoo),
    "pydantic-evals": Tool(is_pydantic_dataset, read_pydantic_dataset, words_of_1_1=True),
    "openai-evals": Tool(is_openai, read_openai),
    "langsmith": Tool(is_langsmith, read_langsmith),
    "langfuse": Tool(is_langfuse, read_langfuse),
    "log": Tool(is_log, read_log),
    "deepeval": Tool(is_deepeval, read_deepeval),
    "inspect-ai": Tool(is_inspect, read_inspect),
    "rows": Tool(has_rows, lambda source, imported: read_rows(source, imported, {})),
}
ROWS = "rows"
LOG = "log"
COLUMNS = FIELDS


def read_foreign(
    path: Path,
    name: str,
    tool: str | None = None,
    columns: Mapping[str, str] | None = None,
    *,
    sample: Wanted | None = None,
    personal_data: Literal["replace", "keep"] | None = None,
) -> Imported:
    """The rows of a file of another tool.

    Args:
        path: the file.
        name: the same as the user wrote it.
        tool: one of `TOOLS`; by default the first that recognises the file.
        columns: one of `COLUMNS` to the name of a column; the file is then read as rows.
        sample: what is drawn of the rows; None for all.
        personal_data: what becomes of it; None to replace that of logs, and to keep that of other files and say so.

    Raises:
        DatasetError: the file cannot be read, is of no tool that is known, or has no case; in one line.
        ConfigError: there is no such field to draw by.
    """
    imported = Imported("")
    source = read_source(path, name, imported)
    found = tool or next((known for known, one in TOOLS.items() if one.recognise(source)), None)
    if columns:
        found = ROWS
    if found is None:
        raise refusal(name, 0, f"no tool is known whose file this is; name it: --from {' or '.join(TOOLS)}")
    imported.tool = found
    if TOOLS[found].words_of_1_1:
        source = read_source(path, name, Imported(""), words_of_1_1=True)
    if columns:
        read_rows(source, imported, columns)
    else:
        TOOLS[found].read(source, imported)
    if not imported.rows:
        first = next(iter(imported.not_mapped), None)
        why = f": {first[0]}: {first[1]}" if first else ""
        raise refusal(name, 0, f"no case was found in it, read as {found}{why}")
    if sample is not None:
        given, said = sampled(imported.given, sample)
        imported.take(given)
        imported.said += said
    if found == LOG or personal_data == "replace":
        given, said = redacted(imported.given, keep_personal_data=personal_data == "keep")
        imported.take(given)
        imported.said += said
    elif personal_data is None:
        imported.said += remark_about(imported.given)
    return imported
