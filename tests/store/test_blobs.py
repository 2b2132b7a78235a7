"""What nobody reads, such as an image in base64, is stored once wherever it is used, and comes back as it was."""

from __future__ import annotations

import base64
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.errors import RecordingError, RunFileError
from pytest_llmeval.json_text import canonical_json, parsed_json, readable_json
from pytest_llmeval.runs.file import RunWriter, load_run, save_run
from pytest_llmeval.runs.results import CaseKey, CaseResult, Run
from pytest_llmeval.store.blobs import BLOB, NewBlobs, blob_in, may_change, with_blobs
from pytest_llmeval.store.cache import Cache
from pytest_llmeval.store.entry import Entry
from pytest_llmeval.store.recordings import Recordings
from tests import entries

MODULE = "test_photo.py"


def drawn(number: int, size: int = 3000) -> str:
    return base64.b64encode(random.Random(number).randbytes(size)).decode()


PHOTO, OTHER = f"data:image/png;base64,{drawn(1)}", drawn(2)
texts = st.sampled_from([PHOTO, OTHER, drawn(3, 600), "Tea", "word " * 400, "0123456789abcdef"])
values = st.recursive(
    texts | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([BLOB, "a", "b"]), inner, max_size=2),
    max_leaves=9,
)


@given(st.lists(values, max_size=4))
def test_values_come_back_as_they_were_and_each_blob_has_one_line(several: list[Any]) -> None:
    blobs = NewBlobs()
    pairs = [blobs.taken_from(value) for value in several]
    lines = [line for _, above in pairs for line in above]
    found = dict(filter(None, map(blob_in, lines)))
    assert len(found) == len(lines) == len(set(found.values()))
    for value, (without, _) in zip(several, pairs, strict=True):
        text = readable_json(without)
        assert with_blobs(parsed_json(text), found.__getitem__) == value
        assert not any(blob in text for blob in found.values())
        assert (without is value) or (BLOB in text and may_change(canonical_json(value)))
    assert all(len(text) > 1000 and " " not in text for text in found.values())


def step(number: int, **changes: Any) -> Entry:
    """A step of an agent that looks at a photo: all that was said before is said again."""
    photo = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PHOTO}}]}
    body = {"model": "m-1", "messages": [photo, *({"role": "user", "content": f"Step {n}"} for n in range(number))]}
    fields = {"request": body, "model": "m-1", "case": f"{MODULE}::test_photo"}
    return entries.entry(number, **{**fields, **changes})


def test_a_photo_of_several_steps_is_recorded_once(tmp_path: Path) -> None:
    answer = {"choices": [{"message": {"content": None, "images": [{"b64_json": OTHER}, {"b64_json": PHOTO}]}}]}
    steps = [*map(step, range(4)), step(4, response=answer), step(5, response=answer)]
    recordings = Recordings(tmp_path, pytest.fail)
    assert recordings.write(MODULE, steps) == 6
    [file] = tmp_path.glob("*")
    before = file.read_text()
    assert (before.count(PHOTO), before.count(OTHER)) == (1, 1)
    again = Recordings(tmp_path, pytest.fail)
    assert [again.get(MODULE, each.key) for each in steps] == steps
    assert again.write(MODULE, steps) == 0
    assert again.write(MODULE, [step(6)]) == 1
    assert file.read_text().count(PHOTO) == 1
    assert set(before.splitlines()) < set(file.read_text().splitlines())  # what was there keeps its line
    again.remove(file, {each.key for each in steps[4:]})
    assert (file.read_text().count(PHOTO), file.read_text().count(OTHER)) == (1, 0)


def test_two_branches_that_recorded_the_same_photo_merge(tmp_path: Path) -> None:
    sides = []
    for name, number in (("ours", 0), ("theirs", 1)):
        Recordings(tmp_path / name, pytest.fail).write(MODULE, [step(number)])
        sides.append(next((tmp_path / name).glob("*")).read_text())
    merged = tmp_path / "merged"
    merged.mkdir()
    (merged / "test_photo.jsonl").write_text("".join(sides))
    recordings = Recordings(merged, pytest.fail)
    assert [recordings.get(MODULE, step(n).key) for n in (0, 1)] == [step(0), step(1)]


@pytest.mark.parametrize("broken", ["", '{"blob": "', "x"])
def test_a_lost_blob_is_an_error_of_the_reply_that_needs_it(tmp_path: Path, broken: str) -> None:
    plain = entries.entry(9, model="m-1", case=f"{MODULE}::test_plain")
    Recordings(tmp_path, pytest.fail).write(MODULE, [step(0), plain])
    [file] = tmp_path.glob("*")
    lines = file.read_text().splitlines()
    place = next(number for number, line in enumerate(lines) if blob_in(line))
    lines[place] = lines[place].replace(PHOTO, f'"{broken}"') if broken == "x" else broken and lines[place][:99]
    file.write_text("\n".join(lines) + "\n")
    recordings = Recordings(tmp_path, pytest.fail)
    with pytest.raises(RecordingError, match="the line with its blob is missing or broken"):
        recordings.get(MODULE, step(0).key)
    assert recordings.get(MODULE, plain.key) == plain
    warned: list[str] = []
    assert Recordings(tmp_path, warned.append, repair=True).write(MODULE, [step(0)]) == 1
    assert "blob" in "".join(warned)
    assert Recordings(tmp_path, pytest.fail).get(MODULE, step(0).key) == step(0)


def test_the_cache_holds_it_once_and_forgets_it_with_the_last_that_used_it(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", pytest.fail)
    steps = [step(number, sample=number) for number in range(40)]
    cache.put(*steps)
    assert [cache.get(each.key) for each in steps] == steps
    assert sorted(cache.keys()) == sorted(each.key for each in steps)
    opened = cache._opened(create=False)
    assert opened is not None
    assert len(opened) == 40 + 1
    cache.remove([each.key for each in steps[1:]])
    assert cache.get(steps[0].key) == steps[0]
    cache.remove([steps[0].key])
    assert len(opened) == 0
    cache.close()


def test_an_entry_whose_blob_is_gone_is_not_trusted(tmp_path: Path) -> None:
    warned: list[str] = []
    cache = Cache(tmp_path / "cache", warned.append)
    cache.put(step(0))
    opened = cache._opened(create=False)
    assert opened is not None
    [key] = [key for key in opened if key.startswith("blob:")]
    opened.set(key, OTHER)
    assert cache.get(step(0).key) is None
    assert "blob" in warned[0]
    cache.put(step(0))
    assert cache.get(step(0).key) == step(0)
    cache.close()


def result(number: int, given: Any) -> CaseResult:
    return CaseResult(key=CaseKey("test_photo.py::test_photo", str(number)), model="m", input=given, samples=())


def test_a_run_holds_the_photo_of_several_cases_once(tmp_path: Path) -> None:
    results = [result(1, {"photo": PHOTO}), result(2, PHOTO), result(3, {BLOB: "0123456789abcdef"}), result(4, "Tea")]
    run = Run(created="2026-11-23", models={"m": {}}, results=tuple(results), complete=True)
    writer = RunWriter(tmp_path / "written.jsonl", run._replace(results=()))
    for each in results:
        writer.add(each)
    writer.finish(complete=True)
    save_run(tmp_path / "saved.jsonl", run)
    for path in (tmp_path / "written.jsonl", tmp_path / "saved.jsonl"):
        assert path.read_text().count(PHOTO) == 1
        assert load_run(path).results == run.results
        path.write_text("".join(f"{line}\n" for line in path.read_text().splitlines() if blob_in(line) is None))
        with pytest.raises(RunFileError, match=r"jsonl:2: the line with its blob is missing"):
            load_run(path)
