"""What a session says where something else than an answer is the matter."""

from __future__ import annotations

import itertools
import json

import pytest

from tests.server import Request, Server, completion
from tests.sessions import Session, told

TWICE = "executed 2 times, since it waits for replies without blocking; mark it @pytest.mark.llm_blocking"


def test_a_test_that_counts_is_told_that_it_ran_twice(session: Session, server: Server) -> None:
    server.answer = lambda _: completion("blue")
    session.write(
        """
        import pytest
        from pytest_llmeval import assert_contains

        times = {}

        def once(name):
            times[name] = times.get(name, 0) + 1
            return times[name]

        def test_counts(llm):
            number = once("counts")
            llm("counts")
            assert number == 1

        @pytest.mark.llm_blocking
        def test_counts_blocking(llm):
            number = once("blocking")
            llm("blocking")
            assert number == 2

        def test_check(llm):
            assert_contains(llm("check"), "green")

        @pytest.fixture
        def unique(llm):
            number = once("unique")
            llm("in a fixture")
            if number > 1:
                raise KeyError("the row is there already")

        def test_setup(unique):
            pass

        def test_other(llm):
            llm("other")

        def test_another(llm):
            llm("another")
        """
    )
    first = session.run()
    first.assert_outcomes(failed=3, errors=1, passed=2)
    assert first.stdout.str().count(TWICE) == 2
    assert TWICE not in session.run("--llm-mode=replay").stdout.str()
    session.write(
        """
        import pytest

        @pytest.mark.parametrize("number", range(9))
        def test_colour(llm, number):
            assert llm(f"colour {number}") == "red"
        """
    )
    assert session.run().stdout.str().count(TWICE) == 5
    assert session.run("-v", "--llm-mode=live").stdout.str().count(TWICE) == 9


@pytest.mark.parametrize(
    ("keyword", "advice"),
    [
        (
            "model='judge-1'",
            "llm(..., model=...): llm asks the model on trial, production. --llm-model=NAME puts",
        ),
        ("api_key='sk-1'", 'stands in the table of a model, [tool.llmeval.models.NAME], as api_key_env = "OPENAI'),
        ("base_url='http://x'", 'stands in the table of a model, [tool.llmeval.models.NAME], as base_url = "https'),
        ("messages=[]", "chat messages are the first argument, as in llm([{'role': 'user', 'content': '...'}])"),
    ],
)
def test_settings_of_a_call_are_not_sent_on(plain_session: Session, server: Server, keyword: str, advice: str) -> None:
    plain_session.write(f"def test_it(llm): llm('Hello', {keyword})")
    result = plain_session.run()
    assert advice in result.stdout.str()
    assert (server.requests, result.ret) == ([], 1)


def test_a_category_is_listed_without_a_comparison(session: Session, server: Server) -> None:
    server.answer = lambda _: completion("It is blue.\nQuite blue.")
    session.write(
        """
        from pytest_llmeval import assert_contains

        def test_colour(llm):
            assert_contains(llm("colour"), "green", category="colour")

        def test_size(llm):
            assert llm("size") == "large"
        """
    )
    for options in ((), ("-q",)):
        result = session.run("--llm-show=colour", *options)
        result.stdout.fnmatch_lines(
            [
                "1 case failed as colour",
                "  test_it.py::test_colour",
                '    the reply does not contain "green"*',
                "    | It is*",
            ]
        )
    assert told(
        session.run("--llm-show=color"),
        '*no case failed as color; did you mean "colour"[?] (error categories of this run: *',
    )


def test_ids_of_any_language_run_replay_and_are_shown_as_written(session: Session, server: Server) -> None:
    server.answer = lambda _: completion("nein")
    ids = ["größe", "東京", "a b", "C++", "50 % [x]"]
    rows = [json.dumps({"id": name, "input": {"frage": name}}, ensure_ascii=False) for name in ids]
    (session.path / "cases.jsonl").write_text("\n".join(rows), encoding="utf-8")
    session.write(
        """
        import pytest
        from pytest_llmeval import assert_contains

        @pytest.mark.llm_cases("cases.jsonl")
        def test_row(llm, case):
            assert_contains(llm(case.input["frage"]), "ja", category="answer")
        """
    )
    session.run("--llm-record").assert_outcomes(failed=len(ids))
    result = session.run("--llm-mode=replay", "--llm-show=answer")
    result.assert_outcomes(failed=len(ids))
    for name in ids:
        result.stdout.fnmatch_lines([f"  test_it.py::test_row[[]{name.replace('[', '[[]')}]"])
    assert sorted(case.key.case for case in session.results()) == sorted(ids)


def test_recording_equal_answers_again_leaves_their_lines(session: Session, server: Server) -> None:
    numbers = itertools.count()
    answers = {"one": "blue", "two": "green"}

    def answer(request: Request) -> object:
        text = answers[request.json["messages"][0]["content"]]
        return {**completion(text), "id": f"answer-{next(numbers)}", "created": 1_700_000_000 + next(numbers)}

    server.answer = answer
    session.write("def test_one(llm): assert llm('one')\ndef test_two(llm): assert llm('two')")
    session.run("--llm-record")
    [file] = (session.path / "recordings").glob("*.jsonl")
    before = file.read_text().splitlines()
    session.run("--llm-record", "--llm-mode=refresh")
    assert file.read_text().splitlines() == before
    answers["two"] = "red"
    session.run("--llm-record", "--llm-mode=refresh")
    after = file.read_text().splitlines()
    assert sum(line != other for line, other in zip(before, after, strict=True)) == 1


def test_memory_addresses_make_no_difference_between_two_saved_runs(plain_session: Session, server: Server) -> None:
    server.answer = lambda _: completion("x")
    plain_session.write("def test_it(llm): assert llm('x') == object()")
    plain_session.run()
    [result] = plain_session.results()
    assert "<object object at 0x...>" in result.samples[0].reason
    assert " at 0x7" not in plain_session.report.read_text().replace("0x...", "")
