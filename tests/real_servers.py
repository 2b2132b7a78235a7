"""Servers that nobody here wrote: llama.cpp's, with a tiny model of random weights, and litellm's proxy.

Each runs in a process of its own on 127.0.0.1, as long as the ``with`` block that it is made for.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["litellm_proxy", "llama_cpp"]

_LITELLM = """
model_list:
  - model_name: prod-1
    litellm_params: {model: openai/prod-1, api_key: none, mock_response: "Let me see."}
  - model_name: busy
    litellm_params: {model: openai/busy, api_key: none, mock_response: "litellm.RateLimitError"}
router_settings: {num_retries: 0, disable_cooldowns: true}
general_settings: {master_key: sk-of-the-test}
"""


@contextmanager
def llama_cpp(folder: Path) -> Iterator[str]:
    """Run llama.cpp's server; its address, without a version.

    Args:
        folder: for the model.
    """
    command = [sys.executable, str(Path(__file__).with_name("tiny_llama.py")), str(folder / "tiny.gguf")]
    with _running(command, r"listening on (http://127\.0\.0\.1:\d+)") as url:
        yield url


@contextmanager
def litellm_proxy(python: Path, folder: Path) -> Iterator[str]:
    """Run litellm's proxy, which answers by itself; its address, without a version. The key is ``sk-of-the-test``.

    Args:
        python: the interpreter of an environment with ``litellm[proxy]``.
        folder: for its configuration.
    """
    configuration = folder / "litellm.yaml"
    configuration.write_text(_LITELLM)
    command = [str(python.with_name("litellm")), "--config", str(configuration)]
    more = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "HOME": str(folder),
        "PATH": f"{python.parent}:{os.environ['PATH']}",
    }
    at = r"Uvicorn running on (http://127\.0\.0\.1:\d+)"
    with _running([*command, "--host", "127.0.0.1", "--port", "0"], at, more) as url:
        yield url


@contextmanager
def _running(command: list[str], listening: str, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run a server that says where it listens; whoever waits for that is released when it ends instead."""
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    told, reader = b"", None
    try:
        for line in process.stdout:
            told += line
            if found := re.search(listening.encode(), line):
                break
        else:
            raise RuntimeError(f"{Path(command[0]).name} ended: {told.decode(errors='replace')[-2000:]}")
        reader = threading.Thread(target=process.stdout.read, daemon=True)  # or it would stop when the pipe is full
        reader.start()
        yield found[1].decode()
    finally:
        process.kill()
        process.wait()
        if reader is not None:
            reader.join()
        for pipe in (process.stdin, process.stdout):
            pipe.close()
