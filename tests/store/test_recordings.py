"""Recordings: text files that people, git and other machines may have had their hands on."""

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmeval.errors import RecordingError
from pytest_llmeval.store.entry import Entry
from pytest_llmeval.store.recording_file import file_lines
from pytest_llmeval.store.recordings import Recordings
from tests import entries

MODULE = "tests/test_triage.py"
HEADER = '{"format": "llmeval-recordings", "version": 1}'


def entry(number: int, **changes: Any) -> Entry:
    fields: dict[str, Any] = {
        "model": "gpt-5.6-mini",
        "request": {"messages": [{"role": "user", "content": f"Question {number}"}]},
        "case": f"{MODULE}::test_it[{number:05}]",
        "response": {"choices": [{"message": {"content": f"Answer {number}"}}]},
    }
    return entries.entry(number, **{**fields, **changes})


@pytest.fixture
def recordings(tmp_path: Path, warnings: list[str]) -> Recordings:
    return Recordings(tmp_path / "recordings", warnings.append)


def fresh(recordings: Recordings, **options: Any) -> Recordings:
    return Recordings(recordings.directory, recordings._warn, **options)


def test_what_was_written_is_found_by_its_key(recordings: Recordings) -> None:
    assert recordings.write(MODULE, [entry(1), entry(2)]) == 2

    assert recordings.keys(MODULE) == {entry(1).key, entry(2).key}
    assert recordings.get(MODULE, entry(1).key) == entry(1)
    assert fresh(recordings).get(MODULE, entry(2).key) == entry(2)
    assert fresh(recordings).get(MODULE, entry(3).key) is None
    assert fresh(recordings).get("tests/test_other.py", entry(1).key) is None


def test_a_file_is_a_header_and_one_sorted_line_per_reply_below_its_request(recordings: Recordings) -> None:
    recordings.write(MODULE, [entry(2), entry(1, sample=1), entry(3, case=entry(1).case)])

    content = recordings.path(MODULE).read_bytes()
    lines = content.decode().split("\n")
    replies = [json.loads(line) for line in lines[1:-1] if "key" in json.loads(line)]
    assert recordings.path(MODULE).name == "tests.test_triage.jsonl"
    assert b"\r" not in content
    assert lines[0] == HEADER
    assert [reply["key"] for reply in replies] == [entry(number).key for number in (3, 1, 2)]
    assert [json.loads(line).get("request") for line in lines[1:-1:2]] == [entry(n).request for n in (3, 1, 2)]
    assert [json.loads(line)["digest"] for line in lines[1:-1:2]] == [reply["request"] for reply in replies]
    assert all(list(json.loads(line)) == sorted(json.loads(line)) for line in lines[:-1])


def test_the_samples_and_models_that_answered_a_request_share_its_line(recordings: Recordings) -> None:
    asked = {"messages": [{"role": "user", "content": "Capital of France?"}], "temperature": 0}
    entries = [
        entry(number, model=model, request={**asked, "model": model}, sample=number % 3, case="c")
        for number, model in enumerate(["a", "a", "a", "b", "b", "b"])
    ]
    other = entry(7, case="c", request={**asked, "temperature": 1, "model": "gpt-5.6-mini"})
    recordings.write(MODULE, [*entries, other])

    lines = recordings.path(MODULE).read_text().splitlines()
    assert [line.startswith('{"digest"') for line in lines] == [False, True, *[False] * 6, True, False]
    assert sum("Capital of France" in line for line in lines) == 2
    assert [fresh(recordings).get(MODULE, one.key) for one in [*entries, other]] == [*entries, other]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from(["model", "a", "key"]), st.sampled_from(["", "m", "n", "\ud800"])),
            st.sampled_from(["", "m", "n"]),
        ),
        max_size=8,
    )
)
def test_whatever_was_asked_of_whichever_model_is_read_back(asked: list[tuple[dict[str, str], str]]) -> None:
    entries = {entry(n).key: entry(n, request=body, model=model) for n, (body, model) in enumerate(asked)}
    with tempfile.TemporaryDirectory() as folder:
        recordings = Recordings(Path(folder), print)
        recordings.write(MODULE, entries.values())
        recordings.write(MODULE, [entry(99)])

        assert {key: Recordings(Path(folder), print).get(MODULE, key) for key in entries} == entries


def test_a_reply_whose_request_was_deleted_is_an_error_with_the_way_out(
    recordings: Recordings, warnings: list[str]
) -> None:
    recordings.write(MODULE, [entry(1), entry(2)])
    lines = recordings.path(MODULE).read_text().splitlines()
    recordings.path(MODULE).write_text("\n".join([lines[0], *lines[2:]]))

    with pytest.raises(RecordingError, match=r"jsonl:2: .*the line with its request is missing.*--llm-record"):
        fresh(recordings).get(MODULE, entry(1).key)
    assert fresh(recordings).get(MODULE, entry(2).key) == entry(2)
    repairing = fresh(recordings, repair=True)
    assert repairing.get(MODULE, entry(1).key) is None
    assert repairing.write(MODULE, [entry(1)]) == 1
    assert recordings.path(MODULE).read_text().splitlines() == lines
    assert len(warnings) == 1


@pytest.mark.parametrize(("broken", "reason"), [("{[", "is not JSON"), ('{}, "request": []}', "is not an object")])
def test_a_request_that_is_broken_is_named_by_its_line(recordings: Recordings, broken: str, reason: str) -> None:
    recordings.write(MODULE, [entry(1)])
    header, request, reply = recordings.path(MODULE).read_text().splitlines()
    start = request[: request.index('"request"')]
    recordings.path(MODULE).write_text("\n".join([header, f'{start}"request": {broken}', reply]))

    with pytest.raises(RecordingError, match=rf"jsonl:3: the line is broken: the request on line 2 {reason}"):
        fresh(recordings).get(MODULE, entry(1).key)


def test_a_line_may_hold_its_request_itself(recordings: Recordings) -> None:
    recordings.directory.mkdir()
    recordings.path(MODULE).write_text("\n".join([HEADER, entry(1).to_line(), entry(2).to_line()]))

    assert recordings.get(MODULE, entry(2).key) == entry(2)
    assert recordings.write(MODULE, [entry(3)]) == 1
    assert recordings.path(MODULE).read_text().splitlines() == file_lines([entry(1), entry(2), entry(3)])


def test_removed_entries_are_gone_and_all_others_keep_their_lines(recordings: Recordings) -> None:
    recordings.write(MODULE, [entry(1), entry(2), entry(3, request=entry(1).request)])
    path = recordings.path(MODULE)

    assert recordings.paths() == [path]
    assert recordings.remove(path, {entry(1).key, entry(9).key}) == 1
    assert path.read_text().splitlines() == file_lines([entry(2), entry(3, request=entry(1).request)])
    assert recordings.get(MODULE, entry(1).key) is None
    assert recordings.remove(path, recordings.keys(MODULE)) == 2
    assert recordings.paths() == []


def test_what_the_hook_returns_is_written_instead(recordings: Recordings) -> None:
    def redact(found: Entry) -> Entry | None:
        return replace(found, response={"text": "***"}) if found.key == entry(1).key else None

    fresh(recordings, redact=redact).write(MODULE, [entry(1), entry(2)])

    assert fresh(recordings).get(MODULE, entry(1).key) == entry(1, response={"text": "***"})
    assert fresh(recordings).get(MODULE, entry(2).key) == entry(2)
    assert "Answer 1" not in recordings.path(MODULE).read_text()


@pytest.mark.parametrize("changes", [{"key": "f" * 64}, {"sample": 1}, {"occurrence": 1}])
def test_a_hook_cannot_change_what_a_reply_is_found_by(recordings: Recordings, changes: dict[str, Any]) -> None:
    redacting = fresh(recordings, redact=lambda found: replace(found, **changes))

    with pytest.raises(RecordingError, match=r"1 reply was not recorded: .*changed what the reply is found by"):
        redacting.write(MODULE, [entry(1)])
    assert recordings.paths() == []


def test_what_is_left_after_the_hook_is_searched_for_secrets(recordings: Recordings) -> None:
    token = "gh" + "p_" + "a1B2c3D4e5F6" * 3
    leak = entry(1, response={"text": token})

    with pytest.raises(RecordingError, match="holds a GitHub token"):
        fresh(recordings, redact=lambda _: None).write(MODULE, [leak])
    assert fresh(recordings, redact=lambda found: replace(found, response={})).write(MODULE, [leak]) == 1


def test_an_empty_reply_is_no_answer_and_all_other_flaws_are_recorded(recordings: Recordings) -> None:
    flawed = [entry(1, flaw="refusal"), entry(2, flaw="truncated"), entry(3, flaw="content_filter")]

    with pytest.raises(RecordingError, match=r"1 reply was not recorded: .*00004\]: the reply is empty"):
        recordings.write(MODULE, [*flawed, entry(4, flaw="empty")])
    assert [recordings.get(MODULE, one.key) for one in flawed] == flawed
    assert recordings.get(MODULE, entry(4).key) is None


def test_a_full_disk_leaves_the_old_file(recordings: Recordings, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings.write(MODULE, [entry(1)])
    before = recordings.path(MODULE).read_bytes()
    with limited_files(20_000), pytest.raises(RecordingError, match=f"cannot be written: {os.strerror(errno.EFBIG)}"):
        recordings.write(MODULE, [entry(2, response={"text": "x" * 30_000})])

    assert recordings.path(MODULE).read_bytes() == before
    assert list(recordings.directory.iterdir()) == [recordings.path(MODULE)]


@contextmanager
def limited_files(size: int) -> Iterator[None]:
    """No file may become larger than this many bytes."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_looking_makes_no_file(recordings: Recordings) -> None:
    assert recordings.get(MODULE, entry(1).key) is None
    assert recordings.nearest(MODULE, {}, "m") is None
    assert recordings.write(MODULE, []) == 0
    assert not recordings.directory.exists()


def test_writing_again_changes_nothing(recordings: Recordings) -> None:
    recordings.write(MODULE, [entry(1), entry(2)])
    before = recordings.path(MODULE).stat()

    assert fresh(recordings).write(MODULE, [entry(2), entry(1)]) == 0
    assert recordings.path(MODULE).stat().st_mtime_ns == before.st_mtime_ns
    assert recordings.path(MODULE).stat().st_ino == before.st_ino


def test_a_new_entry_changes_no_other_line(recordings: Recordings) -> None:
    recordings.write(MODULE, [entry(1), entry(3)])
    strange = recordings.path(MODULE).read_text().replace('"attempts": 1, ', '"attempts":   1, ')
    recordings.path(MODULE).write_text(strange)

    assert fresh(recordings).write(MODULE, [entry(1), entry(2)]) == 1

    assert recordings.path(MODULE).read_text().splitlines() == [
        *strange.splitlines()[:3],
        *file_lines([entry(2)])[1:],
        *strange.splitlines()[3:],
    ]


def test_the_newer_reply_stays(recordings: Recordings) -> None:
    newer = entry(1, recorded_at="2026-11-23T10:00:00.5Z", latency=0.5)
    older = entry(1, recorded_at="2026-11-23T09:59:59+00:00", latency=0.7)
    recordings.write(MODULE, [entry(1)])

    assert recordings.write(MODULE, [older]) == 0
    assert recordings.write(MODULE, [newer, older]) == 1
    assert recordings.get(MODULE, entry(1).key) == newer


def test_an_older_reply_that_says_the_same_may_keep_its_line(recordings: Recordings) -> None:
    def reply(text: str, number: str, **more: Any) -> dict[str, Any]:
        call = {"type": "tool_use", "id": f"call-{number}", "input": {"id": text}}
        return {"id": number, "created": 17, "usage": {"output_tokens": 3}, "content": [call], **more}

    old = replace(entry(1), response=reply("order-1", "a"))
    recordings.write(MODULE, [old])
    keeping = Recordings(recordings.directory, lambda _: None, keep_alike=True)

    def later(response: dict[str, Any], year: int) -> Entry:
        return replace(old, response=response, recorded_at=f"{year}-01-01T00:00:00Z", latency=9.0)

    assert keeping.write(MODULE, [later(reply("order-1", "b", usage={"output_tokens": 4}), 2030)]) == 0
    assert keeping.get(MODULE, old.key) == old
    for year, response in enumerate((reply("order-2", "b"), reply("order-2", "c", stop_reason="max_tokens")), 2031):
        assert keeping.write(MODULE, [later(response, year)]) == 1
        assert keeping.get(MODULE, old.key) == later(response, year)


def test_nothing_is_left_beside_the_file(recordings: Recordings) -> None:
    recordings.directory.mkdir()
    orphan = recordings.directory / ".tests.test_triage.jsonl.0123abcd.tmp"
    orphan.write_text("half of a")

    recordings.write(MODULE, [entry(1)])

    assert list(recordings.directory.iterdir()) == [recordings.path(MODULE)]


@pytest.mark.parametrize("change", [lambda b: b.replace(b"\n", b"\r\n"), lambda b: b"\xef\xbb\xbf" + b,
                                    lambda b: b"\n" + b.replace(b"\n", b"\n\n"), lambda b: b.rstrip(b"\n")],
                         ids=["crlf", "bom", "blank lines", "no last newline"])  # fmt: skip
def test_what_editors_do_to_files_does_not_matter(recordings: Recordings, warnings: list[str], change: Any) -> None:
    recordings.write(MODULE, [entry(1), entry(2)])
    content = recordings.path(MODULE).read_bytes()
    recordings.path(MODULE).write_bytes(change(content))

    assert fresh(recordings).get(MODULE, entry(2).key) == entry(2)
    assert fresh(recordings).write(MODULE, [entry(3)]) == 1
    assert recordings.path(MODULE).read_bytes() == content + "\n".join([*file_lines([entry(3)])[1:], ""]).encode()
    assert warnings == []


def conflict(recordings: Recordings) -> None:
    ours, theirs = entry(2, latency=0.1), entry(3)
    lines = [HEADER, entry(1).to_line(), "<<<<<<< HEAD", ours.to_line(), "=======", theirs.to_line(), ">>>>>>> branch"]
    recordings.directory.mkdir()
    recordings.path(MODULE).write_text("\n".join(lines) + "\n")


def test_conflict_markers_are_an_error_with_the_line_and_the_way_out(recordings: Recordings) -> None:
    conflict(recordings)

    with pytest.raises(RecordingError, match=r"tests\.test_triage\.jsonl:3: conflict markers .* --llm-record"):
        recordings.get(MODULE, entry(1).key)
    with pytest.raises(RecordingError, match=r":3: conflict markers"):
        fresh(recordings).write(MODULE, [entry(4)])


def test_recording_anew_keeps_both_sides_of_a_conflict(recordings: Recordings, warnings: list[str]) -> None:
    conflict(recordings)
    repairing = fresh(recordings, repair=True)

    assert repairing.get(MODULE, entry(3).key) == entry(3)
    assert repairing.write(MODULE, [entry(4)]) == 1

    assert recordings.path(MODULE).read_text().splitlines() == file_lines(
        [entry(1), entry(2, latency=0.1), entry(3), entry(4)]
    )
    assert len(warnings) == 1
    assert ":3: conflict markers" in warnings[0]
    assert "(and 2 more)" in warnings[0]


BROKEN = {
    "cut": entry(2).to_line()[:-20],
    "no key": '{"a": 1}',
    "not json": "hello",
    "a field is missing": entry(2).to_line().replace('"latency": 0.25, ', ""),
    "NaN": entry(2).to_line().replace("0.25", "NaN"),
    "binary": "\udcff\udcfe",
    "list": "[1]",
    "not utf-8": entry(2).to_line().replace("Answer", "\udcff"),
}


@pytest.mark.parametrize("line", BROKEN.values(), ids=BROKEN)
def test_a_broken_line_is_named_with_the_way_out(recordings: Recordings, line: str) -> None:
    recordings.directory.mkdir()
    content = "\n".join([HEADER, entry(1).to_line(), line]) + "\n"
    recordings.path(MODULE).write_bytes(content.encode("utf-8", "surrogateescape"))

    with pytest.raises(RecordingError, match=r"jsonl:3: the line is broken.*--llm-record") as caught:
        recordings.get(MODULE, entry(2).key)
    assert "\n" not in str(caught.value)
    with pytest.raises(RecordingError, match=r"jsonl:3: the line is broken"):
        fresh(recordings).write(MODULE, [entry(3)])
    assert recordings.path(MODULE).read_bytes() == content.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("line", BROKEN.values(), ids=BROKEN)
def test_recording_anew_drops_a_broken_line(recordings: Recordings, warnings: list[str], line: str) -> None:
    recordings.directory.mkdir()
    content = "\n".join([HEADER, line, entry(1).to_line()]) + "\n"
    recordings.path(MODULE).write_bytes(content.encode("utf-8", "surrogateescape"))
    repairing = fresh(recordings, repair=True)

    assert repairing.get(MODULE, entry(2).key) is None
    assert repairing.get(MODULE, entry(1).key) == entry(1)
    assert repairing.write(MODULE, [entry(2)]) == 1
    assert recordings.path(MODULE).read_text().splitlines() == file_lines([entry(1), entry(2)])
    assert len(warnings) == 1
    assert "jsonl:2: the line is broken" in warnings[0]


@pytest.mark.parametrize("content", ["", "\n", "hello\n", "[]\n", '{"format": "other", "version": 1}\n'])
def test_another_file_is_no_file_of_recordings(recordings: Recordings, content: str) -> None:
    recordings.directory.mkdir()
    recordings.path(MODULE).write_text(content)

    with pytest.raises(RecordingError, match=r"jsonl:1: is not a file of recordings"):
        recordings.get(MODULE, entry(1).key)
    assert fresh(recordings, repair=True).write(MODULE, [entry(1)]) == 1


def test_a_lost_header_costs_no_entry_when_recording_anew(recordings: Recordings) -> None:
    recordings.directory.mkdir()
    recordings.path(MODULE).write_text(f"{entry(1).to_line()}\n{entry(2).to_line()}\n")

    assert fresh(recordings, repair=True).write(MODULE, [entry(3)]) == 1
    assert [fresh(recordings).get(MODULE, entry(number).key) for number in (1, 2, 3)] == [entry(1), entry(2), entry(3)]


@pytest.mark.parametrize("repair", [False, True])
def test_a_newer_version_is_neither_read_nor_overwritten(recordings: Recordings, repair: bool) -> None:
    recordings.directory.mkdir()
    for content in (
        '{"format": "llmeval-recordings", "version": 2}\nsomething else\n',
        f"{HEADER}\n{entry(1).to_line().replace(': 1}', ': 2}')}\n",
    ):
        recordings.path(MODULE).write_text(content)
        with pytest.raises(RecordingError, match=r"made by a newer version.*update pytest-llmeval"):
            fresh(recordings, repair=repair).get(MODULE, entry(1).key)
        with pytest.raises(RecordingError, match="made by a newer version"):
            fresh(recordings, repair=repair).write(MODULE, [entry(2)])
        assert recordings.path(MODULE).read_text() == content


def test_of_two_lines_with_one_key_the_newer_is_used_with_a_warning(
    recordings: Recordings, warnings: list[str]
) -> None:
    newer = entry(1, recorded_at="2026-11-24T00:00:00Z")
    recordings.directory.mkdir()
    lines = [HEADER, newer.to_line(), entry(1).to_line(), entry(2).to_line(), entry(2).to_line(), HEADER]
    recordings.path(MODULE).write_text("\n".join(lines))

    assert recordings.get(MODULE, entry(1).key) == newer
    assert recordings.get(MODULE, entry(2).key) == entry(2)
    assert len(warnings) == 1
    assert ":3: the same request as on line 2" in warnings[0]
    assert recordings.write(MODULE, [entry(3)]) == 1
    assert recordings.path(MODULE).read_text().splitlines() == file_lines([newer, entry(2), entry(3)])


def test_a_key_within_a_request_is_not_taken_for_the_entry_s(recordings: Recordings) -> None:
    inner = entry(1, request={"key": "f" * 64}, case=f'"key": "{"e" * 64}"', response={"key": "d" * 64})
    recordings.write(MODULE, [inner])

    assert fresh(recordings).get(MODULE, inner.key) == inner
    assert fresh(recordings).get(MODULE, "f" * 64) is None


def test_hostile_text_cannot_break_a_file_or_hide_in_it(recordings: Recordings) -> None:
    hostile = entry(1, response={"text": "a\nb\r\x85\u2028<<<<<<< \x1b[31m\u202e\ud800\x00"}, case="x\n=======\n")
    recordings.write(MODULE, [hostile, entry(2)])

    text = recordings.path(MODULE).read_bytes().decode()
    assert len(text.splitlines()) == 5
    assert not set(text) & set("\x1b\u202e\x00\x85\r")
    assert fresh(recordings).get(MODULE, hostile.key) == hostile


def test_an_entry_with_a_secret_is_refused_and_all_others_are_written(recordings: Recordings) -> None:
    token = "gh" + "p_" + "a1B2c3D4e5F6" * 3
    guarded = fresh(recordings, secrets={"MY_PASSWORD": "hunter2-hunter2"})
    leaks = [
        entry(1, request={"messages": [{"content": f"use {token}"}]}),
        entry(2, response={"text": "it is hunter2-hunter2"}),
        entry(3, case=f"test[{token}]"),
    ]

    with pytest.raises(RecordingError) as caught:
        guarded.write(MODULE, [leaks[0], entry(4), leaks[1], leaks[2], entry(5)])

    message = str(caught.value)
    assert "3 replies were not recorded: tests/test_triage.py::test_it[00001] holds a GitHub token" in message
    assert "tests/test_triage.py::test_it[00002] holds the value of MY_PASSWORD" in message
    assert f"a case with the key {entry(3).key[:12]}... holds a GitHub token" in message
    written = recordings.path(MODULE).read_text()
    assert written.splitlines() == file_lines([entry(4), entry(5)])
    assert not [secret for secret in (token, "hunter2") if secret in message + written]


def test_an_entry_that_cannot_be_read_back_is_refused(recordings: Recordings) -> None:
    with pytest.raises(RecordingError, match=r"1 reply was not recorded: .*00001\]: not JSON:"):
        recordings.write(MODULE, [entry(1, latency=float("nan")), entry(2)])
    assert recordings.get(MODULE, entry(2).key) == entry(2)


def test_the_nearest_recorded_request_is_that_with_the_same_words(recordings: Recordings) -> None:
    template = "You are a helpful assistant of a shop. Classify the ticket into billing, delivery or other: "
    tickets = ["the parcel came in pieces", "charged twice for one lamp", "where is the exit", "charged for no lamp"]
    recordings.write(MODULE, [entry(n, request={"prompt": template + text}) for n, text in enumerate(tickets)])
    other = entry(9, model="candidate", request={"prompt": template + "charged twice for one lamp"})
    recordings.write(MODULE, [other])
    asked = {"prompt": template + "charged three times for one lamp"}

    assert recordings.nearest(MODULE, asked, "gpt-5.6-mini") == entry(1, request={"prompt": template + tickets[1]})
    assert recordings.nearest(MODULE, asked, "candidate") == other
    nearest = recordings.nearest(MODULE, asked, "unheard of")
    assert nearest is not None
    assert nearest.request == other.request


def test_the_nearest_request_may_share_no_word_and_stand_beside_a_broken_line(recordings: Recordings) -> None:
    recordings.write(MODULE, [entry(1), entry(2)])
    content = recordings.path(MODULE).read_text().replace('"latency": 0.25', '"latency": -1', 1)
    recordings.path(MODULE).write_text(content)

    assert fresh(recordings).nearest(MODULE, {"完全": "違う"}, "gpt-5.6-mini") == entry(2)
    assert fresh(recordings).nearest(MODULE, {}, "m") == entry(2)


def test_a_directory_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    recordings = Recordings(tmp_path / "file" / "recordings", lambda _: None)

    assert recordings.get(MODULE, entry(1).key) is None
    with pytest.raises(RecordingError, match=f"cannot be written: {os.strerror(errno.ENOTDIR)}"):
        recordings.write(MODULE, [entry(1)])


def test_a_directory_in_the_place_of_a_file_is_an_error(recordings: Recordings) -> None:
    recordings.path(MODULE).mkdir(parents=True)

    for attempt in (lambda: recordings.get(MODULE, "a"), lambda: recordings.write(MODULE, [entry(1)])):
        with pytest.raises(RecordingError, match="is not a file"):
            attempt()


WRITER = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from tests.store.test_recordings import MODULE, entry
from pytest_llmeval.store.recordings import Recordings
first = int(sys.argv[1])
for number in range(first, first + 20):
    Recordings(Path(sys.argv[2]), print).write(MODULE, [entry(number)])
"""


@pytest.mark.slow
def test_two_processes_write_at_once_and_nothing_is_lost(recordings: Recordings, warnings: list[str]) -> None:
    code = WRITER.format(path=[str(Path(__file__).parents[2]), *sys.path])
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(first), str(recordings.directory)]) for first in (0, 20)
    ]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]

    assert [recordings.get(MODULE, entry(n).key) for n in range(40)] == [entry(n) for n in range(40)]
    assert recordings.path(MODULE).read_text().splitlines() == file_lines([entry(n) for n in range(40)])
    assert warnings == []
