"""Sessions: for which error categories each answer was examined, and in which it fails."""

from __future__ import annotations

import json

import pytest

from pytest_llmeval.runs.results import CaseResult, SampleResult
from tests.server import Request, Server, completion
from tests.sessions import Session, told

COMPARE = ("--llm-model=candidate", "--llm-baseline=production")
PLAIN = "wrong_answer"


def samples(session: Session, model: str = "production") -> dict[str, SampleResult]:
    """The first answer of each test by its name."""
    results: dict[str, CaseResult] = {}
    for result in session.results():
        if result.model == model:
            results[result.key.test.rpartition("::")[2].removeprefix("test_") + result.key.case] = result
    return {name: result.samples[0] for name, result in results.items()}


def judged(session: Session) -> dict[str, tuple[tuple[str, ...], set[str]]]:
    """The categories of each test's answer, and those it was examined for beside those of every answer."""
    found = {}
    for name, sample in samples(session).items():
        assert sample.examined is not None
        assert {"exception", "refusal", "truncated"} <= sample.examined
        found[name] = sample.categories, set(sample.examined - {"exception", "refusal", "truncated"})
    return found


def answers(request: Request) -> object:
    asked = request.json["messages"][-1]["content"]
    if asked == "cut":
        body = completion('{"broken')
        body["choices"][0]["finish_reason"] = "length"
        return body
    if asked == "refuse":
        return completion(None, refusal="I must not.")
    return completion(asked)


ONE_BY_ONE = """
    import pytest
    from pytest_llmeval import CheckFailed, assert_contains, assert_json, assert_words, category

    def checked(reply):
        assert_json(reply)
        assert_contains(reply, "30", category="hallucination")

    def test_all_right(llm):
        checked(llm('{"days": 30}'))

    def test_last_fails(llm):
        checked(llm('{"days": 60}'))

    def test_first_fails(llm):
        checked(llm("30 days"))

    def test_json_of_the_reply(llm):
        reply = llm('{"days": 60}')
        assert reply.json()["days"] == 60
        assert_contains(reply, "30", category="hallucination")

    def test_block(llm):
        reply = llm("3")
        with category("amount"):
            assert reply == "3"
        with category("unit"):
            assert "days" in reply
        with category("tone"):
            assert "please" in reply

    def test_plain(llm):
        assert llm("3") == "4"

    @pytest.mark.llm_category("sum")
    def test_plain_with_a_marker(llm):
        assert llm("3") == "3"

    @pytest.mark.llm_category("sum")
    def test_check_with_a_marker(llm):
        reply = llm("3")
        assert_contains(reply, "3")
        assert_json(reply, category="syntax")
        assert_words(reply, at_least=2)

    def test_exception(llm):
        reply = llm("three")
        assert_contains(reply, "three")
        int(reply)

    def test_refused(llm):
        assert_json(llm("refuse"))

    def test_cut(llm):
        reply = llm("cut")
        assert_contains(reply, "cheese", category="hallucination")

    def test_cut_in_its_format(llm):
        reply = llm("cut")
        assert_contains(reply, "broken", category="hallucination")
        assert_words(reply, at_most=10)
        assert_json(reply)

    def test_caught(llm):
        reply = llm("3")
        with pytest.raises(CheckFailed):
            assert_words(reply, at_least=2)

    def test_by_hand(llm):
        raise CheckFailed("rude", category="tone") if llm("3") else None
"""


def test_an_answer_is_examined_for_what_ran_and_for_no_more(session: Session, server: Server) -> None:
    server.answer = answers
    session.write(ONE_BY_ONE)
    session.run()
    assert judged(session) == {
        "all_right": ((), {"format", "hallucination", PLAIN}),
        "last_fails": (("hallucination",), {"format", "hallucination"}),
        "first_fails": (("format",), {"format"}),
        "json_of_the_reply": (("hallucination",), {"format", "hallucination"}),
        "block": (("unit",), {"amount", "unit"}),
        "plain": ((PLAIN,), {PLAIN}),
        "plain_with_a_marker": ((), {"sum"}),
        "check_with_a_marker": (("format",), {"sum", "syntax", "format"}),
        "exception": (("exception",), {PLAIN}),
        "refused": (("refusal",), set()),
        "cut": (("hallucination",), {"hallucination"}),
        "cut_in_its_format": (("truncated",), {"hallucination"}),
        "caught": ((), {"format", PLAIN}),
        "by_hand": (("tone",), {"tone"}),
    }
    lines = [json.loads(line) for line in session.report.read_text().splitlines()]
    saved = {line["test"].rpartition("test_")[2]: line["samples"][0] for line in lines if "samples" in line}
    assert saved["last_fails"]["examined"] == []
    assert saved["block"]["examined"] == ["amount", "unit"]
    assert not any("further_categories" in sample for sample in saved.values())


TOGETHER = """
    import pytest
    from pytest_llmeval import assert_contains, assert_json, assert_words, all_checks, category, check, Score

    @check
    async def assert_kind(reply):
        return Score(value=0.0, passed="please" in reply, category="tone", reason="not kind")

    def test_checks_and_blocks(llm):
        reply = llm("3 weeks")
        with all_checks():
            assert not assert_json(reply).passed
            with category("amount"):
                assert reply.startswith("30")
                assert "days" in reply
            assert_contains(reply, "weeks", category="hallucination")
            with category("unit"):
                assert "days" in reply
            assert_contains(reply, "days")

    def test_one(llm):
        with all_checks():
            assert_json(llm("3 weeks"))
            assert_words("3", at_least=1)

    def test_none(llm):
        with all_checks():
            assert assert_words(llm("3 weeks"), at_least=2).passed

    def test_plain_ends_the_block(llm):
        reply = llm("3 weeks")
        with all_checks():
            assert_json(reply)
            assert reply == "3 days"
            assert_contains(reply, "days", category="never_reached")

    def test_exception_ends_the_block(llm):
        reply = llm("3 weeks")
        try:
            with all_checks():
                assert_json(reply)
                int(reply)
                assert_contains(reply, "days", category="never_reached")
        except ValueError:
            pass

    def test_fail_ends_the_block(llm):
        reply = llm("3 weeks")
        with all_checks():
            assert_json(reply)
            pytest.fail("enough")

    def test_exit_ends_the_block(llm):
        reply = llm("3 weeks")
        with all_checks():
            assert_json(reply)
            raise SystemExit(1)

    def test_nested(llm):
        reply = llm("3 weeks")
        with all_checks():
            with all_checks():
                assert_json(reply)
                assert reply == "3 days"
            with category("unit"), all_checks():
                assert_contains(reply, "days")
                assert "please" in reply
            assert_contains(reply, "please", category="tone")

    def test_raises(llm):
        reply = llm("3 weeks")
        with pytest.raises(AssertionError, match="first of 2 failed checks"), all_checks():
            assert_json(reply)
            assert_contains(reply, "days", category="unit")
        with all_checks():
            with pytest.raises(ValueError):
                int(reply)
            assert_words(reply, at_least=2)
        assert_contains(reply, "days", category="tone")

    def test_waits_within(llm):
        with all_checks():
            assert_json(llm("3 weeks"))
            with category("unit"):
                assert "days" in llm("4 weeks")
            assert_contains(llm("5 weeks"), "please", category="tone")

    def test_cut(llm):
        reply = llm("cut")
        with all_checks():
            assert_json(reply)
            assert_contains(reply, "cheese", category="hallucination")

    @pytest.fixture
    def around():
        with all_checks():
            yield

    def test_block_of_a_fixture(around, llm):
        assert_json(llm("3 weeks"))
        assert_contains("weeks", "days", category="never_reached")

    @pytest.mark.asyncio
    async def test_awaited(llm):
        with all_checks():
            reply = await llm.acall("3 weeks")
            assert not (await assert_kind(reply)).passed
            assert_json(reply)
"""


def test_all_checks_run_and_the_answer_fails_in_each_category(session: Session, server: Server) -> None:
    server.answer = answers
    session.write(TOGETHER)
    result = session.run(plugins=("asyncio",))
    assert judged(session) == {
        "checks_and_blocks": (
            ("format", "amount", "unit", PLAIN),
            {"format", "amount", "hallucination", "unit", PLAIN},
        ),
        "one": (("format",), {"format", PLAIN}),
        "none": ((), {"format", PLAIN}),
        "plain_ends_the_block": (("format", PLAIN), {"format", PLAIN}),
        "exception_ends_the_block": (("format", "exception"), {"format"}),
        "fail_ends_the_block": (("format", PLAIN), {"format", PLAIN}),
        "exit_ends_the_block": (("format", "exception"), {"format"}),
        "nested": (("format", PLAIN, "unit", "tone"), {"format", PLAIN, "unit", "tone"}),
        "raises": (("tone",), {"format", "unit", "tone", PLAIN}),
        "waits_within": (("format", "unit", "tone"), {"format", "unit", "tone", PLAIN}),
        "cut": (("truncated", "hallucination"), {"hallucination", PLAIN}),
        "block_of_a_fixture": (("format",), {"format"}),
        "awaited": (("tone", "format"), {"tone", "format", PLAIN}),
    }
    found = samples(session)
    assert [len(found[name].calls) for name in ("one", "waits_within")] == [1, 3]
    assert found["exception_ends_the_block"].raised.startswith("ValueError at test_it.py:")
    head, *lines = found["checks_and_blocks"].detail.splitlines()
    assert head == found["checks_and_blocks"].reason
    assert head.endswith("(first of 4 failed checks)")
    assert [line.split(":")[0] for line in lines if "]: " in line] == [
        "assert [amount]",
        "assert [unit]",
        "contains [wrong_answer]",
    ]
    assert "failed checks" not in found["one"].reason
    result.stdout.fnmatch_lines(
        ["> *assert not assert_json(reply).passed", "FAILED *checks_and_blocks* - [[]format] *"]
    )


ROWS = [
    {"id": "both", "input": "a long answer", "checks": [{"contains": "30", "category": "fact"}, {"max_words": 2}]},
    {"id": "second", "input": "30 days at most", "checks": [{"contains": "30", "category": "fact"}, {"max_words": 2}]},
    {"id": "right", "input": "30 days", "checks": [{"contains": "30", "category": "fact"}, {"max_words": 2}]},
]


def test_an_answer_fails_in_the_category_of_each_check_of_its_row(session: Session, server: Server) -> None:
    server.answer = answers
    (session.path / "cases.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    session.write(
        """
        import pytest
        from pytest_llmeval import all_checks, assert_case, assert_words

        @pytest.mark.llm_cases("cases.jsonl")
        def test_row(llm, case):
            assert_case(llm(case.input), case)

        @pytest.mark.llm_cases("cases.jsonl")
        def test_among(llm, case):
            with all_checks():
                assert_words("", at_least=1, category="empty")
                assert_case(llm(case.input), case)
        """
    )
    session.run()
    checks = {"fact", "format"}
    assert judged(session) == {
        "rowboth": (("fact", "format"), checks),
        "rowsecond": (("format",), checks),
        "rowright": ((), {*checks, PLAIN}),
        "amongboth": (("empty", "fact", "format"), {*checks, "empty", PLAIN}),
        "amongsecond": (("empty", "format"), {*checks, "empty", PLAIN}),
        "amongright": (("empty",), {*checks, "empty", PLAIN}),
    }


def test_a_table_counts_examined_answers(session: Session, server: Server) -> None:
    """The candidate repairs the format of 10 cases; what comes to light there says nothing of the 30 others."""

    def model(request: Request) -> object:
        number = int(request.json["messages"][-1]["content"].split()[-1])
        if request.json["model"] == "prod-1" and number < 10:
            return completion("no JSON")
        return completion('{"days": 60}' if number % 10 < 5 else '{"days": 30}')

    server.answer = model
    rows = [json.dumps({"id": str(n), "input": f"Question {n}"}) for n in range(40)]
    (session.path / "cases.jsonl").write_text("\n".join(rows))
    session.write(
        """
        import pytest
        from pytest_llmeval import assert_contains, assert_json

        @pytest.mark.llm_cases("cases.jsonl")
        def test_days(llm, case):
            reply = llm(case.input)
            assert_json(reply)
            assert_contains(reply, "30", category="hallucination")
        """
    )
    result = session.run(*COMPARE, "--llm-show=hallucination")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*hallucination *15/30*15/30*", "*format *10/40*0/40*IMPROVED*"])
    assert told(
        result, "hallucination: *; 10 of 40 cases are not compared, as the baseline was not examined for it there; the "
    )
    assert told(result, "; the candidate fails in 5 of 10 answers")
    assert told(result, "gate ok*but hallucination 5/10 where the baseline was not examined for it")
    assert told(result, "NEW   test_it.py::test_days[[]0[]]")


@pytest.mark.parametrize("name", ["format", "unit"])
def test_the_cases_of_each_category_of_an_answer_are_listed(plain_session: Session, server: Server, name: str) -> None:
    server.say("3 weeks")
    plain_session.write(
        """
        from pytest_llmeval import all_checks, assert_contains, assert_json

        def test_days(llm):
            reply = llm("How long?")
            with all_checks():
                assert_json(reply)
                assert_contains(reply, "days", category="unit")
        """
    )
    result = plain_session.run("--llm-baseline=none", f"--llm-show={name}")
    assert told(result, f"1 case failed as {name}")
    assert told(result, "0/1 passed, format 1, unit 1")
    assert told(plain_session.run("-vv"), "failed as format, unit")
