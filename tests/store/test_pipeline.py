"""The store as the pipeline uses it: what is found, what is asked anew, and what is never kept."""

import dataclasses
import re
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.config.settings import ModelSettings, Prices
from pytest_llmeval.engine.fulfilled import Draw, Fulfilled
from pytest_llmeval.engine.pipeline import Mode, Pipeline
from pytest_llmeval.errors import MissingReply, ProviderError, ReplyError, StaleReply
from pytest_llmeval.formats.base import Prompt
from pytest_llmeval.store.cache import Cache
from pytest_llmeval.store.entry import Entry
from pytest_llmeval.store.recordings import Recordings
from pytest_llmeval.store.staleness import Staleness
from pytest_llmeval.store.store import Store
from tests.server import Reply, Server, completion, streamed

MODULE = "tests/test_x.py"
NOW = datetime.now(UTC).replace(microsecond=0)
TIME = re.compile(r"\d\d:\d\d")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def model(server: Server) -> ModelSettings:
    return ModelSettings(
        name="m", provider="local", model="m-1", base_url=server.base_url, prices=Prices(input=1.0, output=10.0)
    )


class Desk:
    """Pipelines over one folder."""

    def __init__(self, folder: Path, model: ModelSettings) -> None:
        self.folder = folder
        self.model = model
        self.warnings: list[str] = []
        self.pipelines: list[Pipeline] = []

    def recordings(self) -> Recordings:
        return Recordings(self.folder / "recordings", self.warnings.append)

    def pipeline(self, mode: Mode, **options: Any) -> Pipeline:
        cache = Cache(self.folder / "cache", self.warnings.append)
        self.pipelines.append(Pipeline(mode=mode, store=Store(lambda: cache, self.recordings()), **options))
        return self.pipelines[-1]

    def ask(self, pipeline: Pipeline, text: str = "Capital?", sample: int = 0, **prompt: Any) -> Future[Fulfilled]:
        asked = Prompt(messages=({"role": "user", "content": text},), **prompt)
        draw = Draw(case=f"{MODULE}::test_x", module=MODULE, sample=sample)
        return pipeline.submit(pipeline.lookups.of_prompt(self.model, asked), draw)

    def record(self, *entries: Entry) -> None:
        self.recordings().write(MODULE, entries)


@pytest.fixture
def desk(tmp_path: Path, model: ModelSettings) -> Iterator[Desk]:
    desk = Desk(tmp_path, model)
    yield desk
    for pipeline in desk.pipelines:
        pipeline.close()


def aged(entry: Entry, **age: float) -> Entry:
    return dataclasses.replace(entry, recorded_at=(NOW - timedelta(**age)).isoformat())


def limit(action: Literal["warn", "fail", "refresh"]) -> Staleness:
    return Staleness(max_age=timedelta(days=30), action=action, now=NOW)


def test_a_replay_has_the_figures_of_the_day_and_costs_nothing(desk: Desk, server: Server) -> None:
    server.then(Reply(chunks=streamed("Par", "is")))
    live = desk.ask(desk.pipeline("auto"), stream=True).result()
    desk.record(live.entry)

    replayed = desk.ask(desk.pipeline("replay"), stream=True).result()

    assert (replayed.measures.source, live.measures.source) == ("recording", "live")
    assert replayed.measures._replace(source="live") == live.measures
    assert (replayed.answer, replayed.entry) == (live.answer, live.entry)
    assert (replayed.spent, live.spent) == (0.0, live.entry.cost)
    assert len(server.requests) == 1


def test_nothing_reaches_the_network_in_replay_whatever_is_asked(desk: Desk, server: Server) -> None:
    pipeline = desk.pipeline("replay", staleness=limit("refresh"))
    desk.record(aged(desk.ask(desk.pipeline("live")).result().entry, days=31))
    asked = len(server.requests)

    failures = [desk.ask(pipeline, text).exception() for text in ("new", "newer", "Capital?")]

    assert [type(failure) for failure in failures] == [MissingReply, MissingReply, StaleReply]
    assert len(server.requests) == asked
    assert pipeline._engine is None


@pytest.mark.parametrize(
    "message",
    [
        {"content": None},
        {"content": ""},
        {"content": "", "refusal": None, "tool_calls": []},
    ],
)
def test_an_empty_reply_is_given_but_neither_cached_nor_recorded(
    desk: Desk, server: Server, message: dict[str, Any]
) -> None:
    empty = completion("")
    empty["choices"][0] |= {"message": {"role": "assistant", **message}, "finish_reason": None}
    server.then(empty)
    pipeline = desk.pipeline("auto")

    first, second = desk.ask(pipeline).result(), desk.ask(pipeline).result()

    assert (first.answer.text, second.answer.text) == ("", "Paris")
    assert (first.entry.flaw, second.measures.source) == ("empty", "live")


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        ({"finish_reason": "length"}, "truncated"),
        ({"finish_reason": "content_filter"}, "content_filter"),
        ({"message": {"role": "assistant", "content": None, "refusal": "I can't."}}, "refusal"),
        ({"message": {"role": "assistant", "content": ""}}, None),
        ({}, None),
    ],
)
def test_what_falls_short_is_kept_and_marked(
    desk: Desk, server: Server, change: dict[str, Any], flaw: str | None
) -> None:
    body = completion("Pa")
    body["choices"][0] |= change
    server.then(body)
    pipeline = desk.pipeline("auto")

    first, second = desk.ask(pipeline).result(), desk.ask(pipeline).result()

    assert (second.measures.source, second.entry.flaw) == ("cache", flaw)
    assert second.entry == first.entry
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "broken",
    [
        Reply(status=400, body={"error": {"message": "no"}}),
        Reply(body={"error": {"message": "no such thing", "type": "invalid_request_error"}}),
        Reply(body="<html>proxy</html>"),
    ],
    ids=["status", "in-band", "html"],
)
def test_an_error_is_never_kept(desk: Desk, server: Server, broken: Reply) -> None:
    server.answer = lambda _: broken
    assert isinstance(desk.ask(desk.pipeline("auto")).exception(), ReplyError)

    server.answer = lambda _: completion("Paris")
    assert desk.ask(desk.pipeline("auto")).result().measures.source == "live"


def test_a_stream_that_is_cut_is_never_kept(desk: Desk, server: Server) -> None:
    whole = b"".join(streamed("Par", "is"))
    server.then(Reply(chunks=streamed("Par", "is"), cut_after=len(whole) // 2))

    answered = desk.ask(desk.pipeline("auto"), stream=True).result()

    assert (answered.answer.text, answered.entry.response["choices"][0]["message"]["content"]) == ("Paris", "Paris")
    assert answered.entry.attempts == 2


@pytest.mark.parametrize("action", ["warn", "fail", "refresh"])
def test_a_reply_that_is_young_enough_is_used_whatever_happens_to_old_ones(
    desk: Desk, server: Server, action: Literal["warn", "fail", "refresh"]
) -> None:
    desk.record(aged(desk.ask(desk.pipeline("refresh")).result().entry, days=30))

    assert desk.ask(desk.pipeline("auto", staleness=limit(action))).result().measures.source == "recording"
    assert len(server.requests) == 1


def test_an_old_reply_is_used_failed_or_asked_for_anew(desk: Desk, server: Server) -> None:
    old = aged(desk.ask(desk.pipeline("live")).result().entry, days=45, hours=3)
    desk.record(old)
    server.answer = lambda _: completion("Lyon")

    warned = desk.ask(desk.pipeline("auto", staleness=limit("warn"))).result()
    failed = desk.ask(desk.pipeline("auto", staleness=limit("fail"))).exception()
    refreshed = desk.ask(desk.pipeline("auto", staleness=limit("refresh"))).result()
    again = desk.ask(desk.pipeline("auto", staleness=limit("refresh"))).result()
    in_replay = desk.ask(desk.pipeline("replay", staleness=limit("refresh")), "Capital?").result()

    assert (warned.answer.text, warned.measures.source) == ("Paris", "recording")
    assert str(failed).startswith(
        f"the recording of m for {MODULE}::test_x, sample 0, is 45 days old ({old.recorded_at[:10]}), "
        "more than max_age allows (30 days)"
    )
    assert (refreshed.answer.text, refreshed.measures.source) == ("Lyon", "live")
    assert (again.answer.text, again.measures.source) == ("Lyon", "cache"), "a refreshed reply is bought once"
    assert (in_replay.answer.text, in_replay.measures.source) == ("Lyon", "cache")
    assert len(server.requests) == 2


def test_an_ignored_field_and_a_normalized_text_are_sent_and_do_not_count(desk: Desk, server: Server) -> None:
    options: dict[str, Any] = {"ignore": ("trace.id",), "normalize": lambda text: TIME.sub("<time>", text)}
    live = desk.ask(desk.pipeline("auto", **options), "It is 12:01.", params={"trace": {"id": "a1"}}).result()
    desk.record(live.entry)
    replaying = desk.pipeline("replay", **options)

    assert server.requests[0].json["messages"][0]["content"] == "It is 12:01."
    assert server.requests[0].json["trace"] == {"id": "a1"}
    assert desk.ask(replaying, "It is 23:59.", params={"trace": {"id": "b2"}}).result().answer == live.answer
    assert isinstance(desk.ask(replaying, "It was 23:59.", params={"trace": {"id": "b2"}}).exception(), MissingReply)
    assert isinstance(desk.ask(replaying, "It is 23:59.", params={"trace": {"on": 1}}).exception(), MissingReply)


def test_a_miss_shows_no_difference_that_does_not_count(desk: Desk) -> None:
    options: dict[str, Any] = {"ignore": ("trace.id",), "normalize": lambda text: TIME.sub("<time>", text)}
    desk.record(desk.ask(desk.pipeline("auto"), "At 12:01 in Paris", params={"trace": {"id": "a1"}}).result().entry)

    missed = desk.ask(desk.pipeline("replay", **options), "At 13:02 in Lyon", params={"trace": {"id": "b2"}})

    lines = str(missed.exception()).splitlines()
    assert lines[2:] == ['messages[0].content: recorded "At <time> in Paris", asked "At <time> in Lyon"']


def prompt(text: str, **params: Any) -> Prompt:
    return Prompt(messages=({"role": "user", "content": text},), params=params)


@given(st.text(), st.text())
def test_questions_are_told_apart_by_what_counts(one: str, other: str) -> None:
    pipeline = Pipeline(
        mode="replay", store=Store(None, None), ignore=("trace",), normalize=lambda text: re.sub(r"\d+", "#", text)
    )
    model = ModelSettings(name="m", provider="openai", model="m-1")

    same = re.sub(r"\d+", "#", one) == re.sub(r"\d+", "#", other)
    first, second = (
        pipeline.lookups.of_prompt(model, prompt(text, trace=str(uuid.uuid4()), seed=1)) for text in (one, other)
    )

    reworded = pipeline.lookups.of_prompt(model, prompt(one, seed=2))
    assert (first.digest == second.digest) is same
    assert (first.words_digest == second.words_digest) is same
    assert first.words_digest == reworded.words_digest
    assert first.digest != reworded.digest


def test_requests_with_another_trace_are_one_question_asked_twice() -> None:
    """Else the second of two calls in one case would get the reply to the first."""
    pipeline = Pipeline(mode="replay", store=Store(None, None))
    model = ModelSettings(name="m", provider="openai", model="m-1")

    one = pipeline.lookups.of_prompt(model, prompt("Capital?", metadata={"trace": "1"}, user="a"))
    other = pipeline.lookups.of_prompt(model, prompt("Capital?", metadata={"trace": "2"}, stream=False))

    plain = pipeline.lookups.of_prompt(model, prompt("Capital?"))
    assert (one.words_digest, one.digest) == (other.words_digest, other.digest) == (plain.words_digest, plain.digest)


@pytest.mark.parametrize("status", [200, 404])
def test_the_same_question_asked_while_its_reply_is_on_the_way_is_sent_once(
    desk: Desk, server: Server, status: int
) -> None:
    gate = server.gate()
    server.answer = lambda _: Reply(status=status, body=completion(), gate=gate)
    pipeline = desk.pipeline("auto")
    futures = [desk.ask(pipeline) for _ in range(5)]
    futures.append(desk.ask(pipeline, sample=1))
    gate.open()

    outcomes = [type(future.exception(timeout=20)) for future in futures]
    assert (set(outcomes), len(server.requests)) == ({type(None) if status == 200 else ProviderError}, 2)
    if status == 200:
        assert [future.result().measures.source for future in futures] == ["live", *["cache"] * 4, "live"]


def test_a_request_goes_on_for_those_who_still_wait_and_ends_when_nobody_does(desk: Desk, server: Server) -> None:
    gate = server.gate()
    server.answer = lambda _: Reply(body=completion(), gate=gate)
    pipeline = desk.pipeline("auto", budget=1.0)
    futures = [desk.ask(pipeline) for _ in range(3)]
    given_up = [desk.ask(pipeline, "Rivers?") for _ in range(2)]
    server.wait_for_requests(2)
    futures[0].cancel()
    for future in given_up:
        future.cancel()
    assert all(future.cancelled() for future in given_up)
    anew = desk.ask(pipeline, "Rivers?")
    server.wait_for_requests(3)
    gate.open()

    replies = [future.result(timeout=20) for future in (*futures[1:], anew)]
    assert [(reply.measures.source, bool(reply.spent)) for reply in replies] == [
        ("live", True),
        ("cache", False),
        ("live", True),
    ]
    assert len(server.requests) == 3
    budget = pipeline._budget
    assert budget is not None
    assert budget._held == 0.0
    assert budget.spent == pytest.approx(sum(reply.spent or 0.0 for reply in replies))


def test_an_error_is_not_kept_for_the_next_who_asks(desk: Desk, server: Server) -> None:
    server.then(Reply(status=404))
    pipeline = desk.pipeline("auto")

    assert isinstance(desk.ask(pipeline).exception(timeout=20), ProviderError)
    assert desk.ask(pipeline).result(timeout=20).answer.text == "Paris"


def test_asking_again_sends_the_stored_request_and_keeps_nothing(desk: Desk, server: Server) -> None:
    entry = desk.ask(desk.pipeline("auto"), "Capital?", params={"temperature": 0.5}).result().entry
    server.answer = lambda _: completion("Lyon")

    again = desk.pipeline("live").ask_again(desk.model, entry).result()

    assert again.answer.text == "Lyon"
    assert again.spent == entry.cost
    assert server.requests[1].json == server.requests[0].json
    assert desk.ask(desk.pipeline("auto"), "Capital?", params={"temperature": 0.5}).result().answer.text == "Paris"


def test_an_answer_that_nobody_waits_for_any_more_is_kept_and_settled(desk: Desk, server: Server) -> None:
    pipeline = desk.pipeline("auto", budget=1.0)
    goes_on = threading.Event()
    _, keeper = pipeline._started()
    keeper.submit(goes_on.wait)  # the thread that keeps answers is busy
    future = desk.ask(pipeline)
    while not keeper._work_queue.qsize():  # the answer has come
        threading.Event().wait(0.01)
    assert future.cancel()
    goes_on.set()
    keeper.submit(int).result(20)
    budget = pipeline._budget
    assert budget is not None
    assert (budget.spent > 0, budget._held) == (True, 0.0)
    assert desk.ask(pipeline).result(20).measures.source == "cache"
    assert len(server.requests) == 1


def test_the_money_of_a_request_that_cannot_be_sent_is_given_back(
    desk: Desk, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = desk.pipeline("live", budget=1.0)

    def no_thread(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError):
            desk.ask(pipeline)
    budget = pipeline._budget
    assert budget is not None
    assert budget._held == 0.0
    assert desk.ask(pipeline).result(20).answer.text == "Paris"


def test_an_answer_that_arrives_while_the_store_is_searched_is_not_asked_for_again(
    desk: Desk, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = server.gate()
    server.then(Reply(body=completion("Paris"), gate=gate))
    pipeline = desk.pipeline("auto")
    first = desk.ask(pipeline)
    search = pipeline.store.lookup

    def arrives_meanwhile(*arguments: Any, **options: Any) -> Any:
        found = search(*arguments, **options)
        gate.open()
        first.result()
        return found

    monkeypatch.setattr(pipeline.store, "lookup", arrives_meanwhile)
    second = desk.ask(pipeline)
    gate.open()
    assert (first.result().answer.text, second.result().answer.text) == ("Paris", "Paris")
    assert len(server.requests) == 1
