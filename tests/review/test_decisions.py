"""Files of decisions: what counts, and what is no decision."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.review.decisions import (
    WORDS,
    Decision,
    Decisions,
    Word,
    added_words,
    decision_from,
    decisions_in,
    read_decisions,
)
from pytest_llmeval.runs.answer_digest import answer_digest
from pytest_llmeval.runs.results import CaseKey
from tests.analysis.test_compare import call

KEY = CaseKey("t.py::test_mail", "c1")
TEXTS = st.text(max_size=8)
DECISIONS = st.builds(
    Decision,
    key=st.builds(CaseKey, TEXTS, TEXTS),
    answer=st.text(min_size=1, max_size=8),
    decision=st.sampled_from(WORDS),
    category=st.sampled_from(["tone", "wrong answer", "größe"]),
    beside=TEXTS,
    model=TEXTS,
    reviewer=TEXTS,
    at=TEXTS,
    content=TEXTS,
)


def decided(word: Word, *, by: str = "ana", answer: str = "d1") -> Decision:
    return Decision(KEY, answer, word, "tone" if word == "rejected" else "", reviewer=by)


def what_counts(*decisions: Decision) -> str | None:
    found = Decisions(decisions).of(KEY, "d1", "")
    return found.decision if found is not None else None


@given(DECISIONS)
def test_a_decision_is_read_as_it_was_written(decision: Decision) -> None:
    line = json.dumps(decision.to_json())
    assert list(read_decisions("x.jsonl", [line])) == [decision]


def test_of_one_reviewer_the_last_counts_and_a_rejection_counts_over_others() -> None:
    assert what_counts() is None
    assert what_counts(decided("accepted"), decided("rejected")) == "rejected"
    assert what_counts(decided("rejected"), decided("accepted")) == "accepted"
    assert what_counts(decided("rejected", by="bo"), decided("accepted")) == "rejected"
    assert what_counts(decided("accepted"), decided("rejected", by="bo"), decided("accepted")) == "rejected"
    assert what_counts(decided("better"), decided("worse")) is None
    assert what_counts(decided("accepted"), decided("worse")) == "accepted"
    assert what_counts(decided("accepted", answer="d2")) is None


def test_a_decision_on_both_answers_counts_for_each_of_them() -> None:
    for word, verdict in (("both_fine", "accepted"), ("both_bad", "rejected")):
        made = Decisions([Decision(KEY, "d1", word, beside="d2", reviewer="ana")])  # type: ignore[arg-type]
        found = [made.of(KEY, answer, "") for answer in ("d1", "d2")]
        assert [each.decision for each in found if each is not None] == [verdict] * 2
    assert [each.category for each in found if each is not None] == ["wrong_answer"] * 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[]", "a decision is a JSON object"),
        ('{"test": "t"}', "case is missing or no text"),
        ('{"test": "t", "case": "", "answer": "d", "decision": "fine"}', "unknown decision fine (known: accepted, "),
        ('{"test": "t", "case": "", "answer": "d", "decision": "rejected"}', "a rejected answer has a category"),
        ('{"test": "t", "case": "", "answer": "", "decision": "accepted"}', "answer is empty"),
        (
            '{"test": "t", "case": "", "answer": "d", "decision": "rejected", "category": "error:timeout"}',
            "no error category can be named 'error:timeout'",
        ),
        ('{"test": "t", "case": "", "answer": "d", "decision": "rejected", "category": " "}', "no error category"),
        ('{"test": "t", "case": "", "answer": 1, "decision": "accepted"}', "answer is missing or no text"),
        ('{"test": "t", "case": "", "answer": "d", "decision": "accepted", "verdict": "x"}', "unknown field verdict"),
        ("[" * 100_000, ""),
        ("nonsense", ""),
    ],
)
def test_a_line_that_is_no_decision_is_named(line: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"^x\.jsonl:2: ") as raised:
        list(read_decisions("x.jsonl", ["\n", f"{line}\n"]))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_line_that_was_cut_off_while_it_was_written_is_left_out() -> None:
    whole = json.dumps(decided("accepted").to_json())
    assert len(list(read_decisions("x.jsonl", [f"{whole}\n", whole[:40]]))) == 1


def test_the_files_of_a_project_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "reviews").mkdir()
    for name, word in (("a", "accepted"), ("b", "rejected")):
        (tmp_path / "reviews" / f"{name}.jsonl").write_text(json.dumps(decided(word).to_json()) + "\n")  # type: ignore[arg-type]
    found = decisions_in(tmp_path).of(KEY, "d1", "")
    assert found is not None
    assert found.decision == "rejected"
    (tmp_path / "reviews" / "c.jsonl").write_bytes(b"\xff\n")
    with pytest.raises(ConfigError, match=r"^reviews/c\.jsonl cannot be read"):
        decisions_in(tmp_path)
    assert len(decisions_in(tmp_path / "nowhere")) == 0


def test_the_last_by_date_counts_whatever_the_files_are_called(tmp_path: Path) -> None:
    (tmp_path / "reviews").mkdir()
    for name, word, at in (("9", "accepted", "2026-11-01"), ("10", "rejected", "2026-11-20")):
        line = json.dumps(decided(word)._replace(at=f"{at}T10:00:00Z").to_json())  # type: ignore[arg-type]
        (tmp_path / "reviews" / f"release-{name}.jsonl").write_text(line + "\n")
    found = decisions_in(tmp_path).of(KEY, "d1", "")
    assert found is not None
    assert found.decision == "rejected"


def test_two_people_without_a_name_are_two(tmp_path: Path) -> None:
    (tmp_path / "reviews").mkdir()
    words: dict[str, Word] = {"a": "rejected", "b": "accepted"}
    for name, word in words.items():
        (tmp_path / "reviews" / f"{name}.jsonl").write_text(json.dumps(decided(word, by="").to_json()) + "\n")
    found = decisions_in(tmp_path).of(KEY, "d1", "")
    assert found is not None
    assert (found.decision, found.reviewer) == ("rejected", "somebody in a.jsonl")


def test_a_decision_holds_for_the_row_that_it_was_made_on() -> None:
    made = Decisions([decided("accepted")._replace(content="row 1")])
    assert made.of(KEY, "d1", "row 1") is not None
    assert made.of(KEY, "d1", "row 2") is None
    assert Decisions([decided("accepted")]).of(KEY, "d1", "row 2") is not None


def test_what_is_decided_of_another_row_takes_nothing_back() -> None:
    rejected, accepted = decided("rejected")._replace(content="row 1"), decided("accepted")._replace(content="row 2")
    made = Decisions([rejected, accepted])
    assert [found and found.decision for found in (made.of(KEY, "d1", f"row {n}") for n in (1, 2, 3))] == [
        "rejected",
        "accepted",
        None,
    ]


@pytest.mark.parametrize("content", ["", "row 2"])
def test_a_decision_that_a_change_moves_to_another_row_is_told(content: str) -> None:
    """Else a change could accept a wrong answer to the row that it edits, and nobody would read of it."""
    old = Decisions([decided("accepted")._replace(content="row 1")])
    new = Decisions([decided("accepted")._replace(content=content)])
    assert added_words(old, new) == "this change accepts 1 answer and takes back the decisions on 1 answer"


def test_what_a_change_decides_is_told() -> None:
    old = Decisions([decided("accepted"), decided("accepted", answer="d2")])
    new = Decisions([decided("accepted"), *(decided("accepted", answer=f"n{n}") for n in range(7))])
    assert added_words(old, new) == "this change accepts 7 answers and takes back the decisions on 1 answer"
    assert added_words(old, old) == ""
    other = Decisions([decided("rejected")._replace(category="format")])
    assert added_words(Decisions([decided("rejected")]), other) == "this change rejects 1 answer for another category"
    turned = Decisions([decided("rejected"), decided("accepted", answer="d2")])
    assert added_words(old, turned) == "this change rejects 1 answer"


def test_an_answer_is_named_by_all_it_says() -> None:
    one, other = [call("yes")], [call("no")]
    assert answer_digest(one) == answer_digest([call("yes", latency=9.0)]) != answer_digest(other)
    assert answer_digest([*one, *other]) not in (answer_digest(one), answer_digest(other))
    assert answer_digest([call("yes", tool="search")]) != answer_digest(one)
    assert answer_digest([*one, call("judge")._replace(judge=True)]) == answer_digest(one)
    assert answer_digest([call("\ud800")])
    assert answer_digest([]) == ""


def test_a_rejected_answer_has_a_category() -> None:
    with pytest.raises(ValueError, match="category"):
        decision_from({"test": "t", "case": "", "answer": "d", "decision": "rejected", "category": ""})
