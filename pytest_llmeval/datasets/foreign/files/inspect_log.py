"""A packed log of inspect_ai (``.eval``): a header and a file for each sample."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from pytest_llmeval.datasets.foreign.files.refusal import refusal
from pytest_llmeval.json_text import parsed_row

_LARGEST_LOG = 200_000_000  # bytes unzipped
_MOST_FILES = 100_000


def unpacked_log(path: Path, name: str) -> dict[str, Any]:
    """The header and the samples of a packed log.

    Raises:
        DatasetError: it is no log, or is packed in a way that this Python cannot read.
    """
    try:
        with zipfile.ZipFile(path) as parts:
            inside = [part for part in parts.infolist() if part.filename.endswith(".json")]
            if sum(part.file_size for part in inside) > _LARGEST_LOG or len(inside) > _MOST_FILES:
                raise refusal(name, 0, f"the log has over {_LARGEST_LOG:,} bytes unzipped, or too many samples")
            found = {
                part.filename: parsed_row(parts.read(part).decode())
                for part in inside
                if part.filename == "header.json" or part.filename.startswith("samples/")
            }
    except NotImplementedError:
        raise refusal(name, 0, "it is packed in a new way; write it as JSON: inspect log convert --to json") from None
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, RuntimeError) as error:
        raise refusal(name, 0, f"not a log of inspect_ai that can be read: {error}") from None
    header = found.pop("header.json", {})
    samples = [found[key] for key in sorted(found)]
    return {**(header if isinstance(header, dict) else {}), "samples": samples}
