"""The store as one: recordings first, then the cache."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_llmeval.errors import RecordingError
from pytest_llmeval.store.cache import Cache
from pytest_llmeval.store.entry import Entry
from pytest_llmeval.store.key import RequestIdentity
from pytest_llmeval.store.recordings import Recordings
from pytest_llmeval.store.store import Store

MODULE = "tests/test_x.py"


def entry(sample: int, **changes: Any) -> Entry:
    body = {"messages": [{"role": "user", "content": "Capital of France?"}]}
    asked: dict[str, Any] = {"provider": "openai", "path": "/chat/completions", "model": "m"}
    fields = {
        "key": RequestIdentity(**asked, body=body).key(sample=sample, occurrence=0),
        "request": body,
        "sample": sample,
        "occurrence": 0,
        "case": f"{MODULE}::test_x",
        "response": {"text": f"Paris {sample}"},
        "latency": 0.25,
        "recorded_at": "2026-11-23T10:00:00Z",
    }
    return Entry(**{**asked, **fields, **changes})


def refuse(text: str) -> None:
    raise AssertionError(text)


def test_recordings_come_before_the_cache(tmp_path: Path) -> None:
    store = Store(lambda: Cache(tmp_path / "cache", refuse), Recordings(tmp_path / "recordings", refuse))
    store.keep(entry(0, latency=9.0))
    store.keep(entry(1))
    Recordings(tmp_path / "recordings", refuse).write(MODULE, [entry(0)])

    assert store.lookup(MODULE, entry(0).key) == (entry(0), "recording")
    assert store.lookup(MODULE, entry(1).key) == (entry(1), "cache")
    assert store.lookup(MODULE, entry(2).key) is None
    store.close()


def test_either_layer_may_be_missing(tmp_path: Path) -> None:
    nothing = Store(None, None)
    nothing.keep(entry(0))
    nothing.close()
    assert nothing.lookup(MODULE, entry(0).key) is None

    cache = Cache(tmp_path / "cache", refuse)
    store = Store(lambda: cache, None)
    store.keep(entry(0))
    assert store.lookup(MODULE, entry(0).key) == (entry(0), "cache")
    store.close()


def test_more_samples_keep_the_first_ones(tmp_path: Path) -> None:
    """Whatever order the answers arrived in."""
    recordings = Recordings(tmp_path / "recordings", refuse)
    recordings.write(MODULE, [entry(sample) for sample in (3, 0, 4, 1, 2)])
    store = Store(None, recordings)

    found = [store.lookup(MODULE, entry(sample).key) for sample in range(8)]

    assert [one and one[0].response["text"] for one in found] == [f"Paris {sample}" for sample in range(5)] + [None] * 3


def test_a_broken_recording_is_an_error_even_where_the_cache_has_the_reply(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path / "recordings", refuse)
    recordings.write(MODULE, [entry(0)])
    recordings.path(MODULE).write_text("<<<<<<< HEAD\n")
    store = Store(lambda: Cache(tmp_path / "cache", refuse), Recordings(tmp_path / "recordings", refuse))
    store.keep(entry(0))

    with pytest.raises(RecordingError, match="conflict markers"):
        store.lookup(MODULE, entry(0).key)
    store.close()


def test_replaying_imports_nothing_heavy(tmp_path: Path) -> None:
    Recordings(tmp_path, refuse).write(MODULE, [entry(0)])
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from pytest_llmeval.store.recordings import Recordings
from pytest_llmeval.store.store import Store
from pytest_llmeval.store.request_difference import explain_difference
from pytest_llmeval.store.key import RequestIdentity
body = {{"messages": [{{"role": "user", "content": "Capital of France?"}}]}}
key = RequestIdentity(provider="openai", path="/chat/completions", model="m", body=body).key(sample=0, occurrence=0)
store = Store(None, Recordings(Path({str(tmp_path)!r}), print))
assert store.lookup({MODULE!r}, key)[0].response == {{"text": "Paris 0"}}
store.close()
print(sorted({{"diskcache", "sqlite3", "httpx", "pytest", "asyncio", "difflib", "rapidfuzz"}} & sys.modules.keys()))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (result.stdout, result.stderr) == ("[]\n", "")
