"""Servers that nobody here wrote: llama.cpp's, with a tiny model of random weights, and litellm's proxy.

Each runs in a process of its own on 127.0.0.1, as long as the ``with`` block that it is made for.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["hypercorn", "litellm_proxy", "llama_cpp", "nginx"]

_LITELLM = """
model_list:
  - model_name: prod-1
    litellm_params: {model: openai/prod-1, api_key: none, mock_response: "Let me see."}
  - model_name: busy
    litellm_params: {model: openai/busy, api_key: none, mock_response: "litellm.RateLimitError"}
"""
_LITELLM_SETTINGS = """
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
    # The time of another thread's line, as in 0.00.125, may stand right behind.
    with _running(command, r"listening on (http://127\.0\.0\.1:\d+?)(?=\s|0\.\d\d\.\d)") as url:
        yield url


@contextmanager
def litellm_proxy(python: Path, folder: Path, models: str = _LITELLM) -> Iterator[str]:
    """Run litellm's proxy; its address, without a version. The key is ``sk-of-the-test``.

    Args:
        python: the interpreter of an environment with ``litellm[proxy]``.
        folder: for its configuration.
        models: that it serves, and further settings; by default some for which it answers by itself.
    """
    configuration = folder / "litellm.yaml"
    configuration.write_text(models + _LITELLM_SETTINGS)
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
def hypercorn(certificate: Path) -> Iterator[str]:
    """Run hypercorn with TLS and the application of `tests.many_answers`; its address.

    Args:
        certificate: its key and its chain, PEM.
    """
    command = [sys.executable, "-m", "hypercorn", "many_answers:app", "--bind", "127.0.0.1:0", "--workers", "0"]
    more = {"PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{os.pathsep.join(filter(None, sys.path))}"}
    keys = ["--certfile", str(certificate), "--keyfile", str(certificate)]
    with _running([*command, *keys], r"Running on (https://127\.0\.0\.1:\d+)", more) as url:
        yield url


_NGINX = """\
daemon off;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder};
  gzip on;
  gzip_types application/json;
  server {{
    listen 127.0.0.1:{port};
    error_page 405 =200 $uri;
    root {folder};
    location /compressed {{ gzip_min_length 1; error_page 405 =200 $uri; }}
    location /cut {{ return 444; }}
  }}
}}
"""


@contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """Run nginx; its address. ``/file`` and ``/compressed`` are there, ``/cut`` hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port))
    for name in ("file", "compressed"):
        (folder / name).write_text('{"text": "%s"}' % ("to be said " * 500))
    with _running(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], "(start worker process) "):
        yield f"http://127.0.0.1:{port}"


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
