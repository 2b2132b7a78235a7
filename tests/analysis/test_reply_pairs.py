"""How often the replies of two sides differ, counted over all pairs of samples, against a plain count."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.analysis.comparison import Differing
from pytest_llmeval.analysis.sides.reply_pairs import differing, reply_pairs, widest
from pytest_llmeval.checks.production.same_answer import same_answer
from pytest_llmeval.runs.results import Call, CaseResult
from pytest_llmeval.stats.means import share_over_cases
from tests.analysis.test_compare import call, case, compare, side

SAYINGS = ["Three days.", "three  days.", "**Three** days.", "Four days.", '{"days": 3}', '{ "days" : 3.0 }']


def said(name: str, *texts: str, **fields: Any) -> CaseResult:
    made = case(name, [""] * len(texts), **fields)
    samples = tuple(sample._replace(calls=(call(text),)) for sample, text in zip(made.samples, texts, strict=True))
    return made._replace(samples=samples)


def found(before: list[CaseResult], after: list[CaseResult]) -> Differing:
    result = differing(reply_pairs(side(*before), side(*after)))
    assert result is not None
    return result


TEXTS = st.lists(st.sampled_from(SAYINGS), min_size=1, max_size=4)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6))
def test_every_pair_of_samples_counts(cases: list[tuple[list[str], list[str]]]) -> None:
    before = [said(f"c{number}", *old) for number, (old, _) in enumerate(cases)]
    after = [said(f"c{number}", *new) for number, (_, new) in enumerate(cases)]
    counts = [
        (sum(not same_answer(one, other) for one in old for other in new), len(old) * len(new)) for old, new in cases
    ]
    assert [(each.differ, each.pairs) for each in reply_pairs(side(*before), side(*after))] == counts
    total = found(before, after).share
    assert total.value == pytest.approx(sum(differ / pairs for differ, pairs in counts) / len(counts))
    assert total.low <= total.value <= total.high


def test_pairs_that_share_a_reply_prove_no_more_than_the_replies() -> None:
    before = [said(f"c{n}", *["a", "b"] * 2) for n in range(5)]
    after = [said(f"c{n}", *["a", "b"] * 2) for n in range(5)]
    as_many = share_over_cases([(2, 4)] * 5)
    assert as_many is not None
    assert found(before, after).share[:3] == as_many[:3]  # of 16 pairs in a case, no more than 4 are independent


def test_other_wordings_of_a_row_are_no_further_cases() -> None:
    before = [said("c0", "a"), said("c0+short", "a", wording="short"), said("c1", "a")]
    after = [said("c0", "b"), said("c0+short", "b", wording="short"), said("c1", "a")]
    share = found(before, after).share
    assert (share.value, share.cases) == (0.5, 2)


def test_tasks_have_their_own_shares() -> None:
    before = [said("c0", "a", task="mail"), said("c1", "a", task="mail"), said("c2", "a", task="chat")]
    after = [said("c0", "A", task="mail"), said("c1", "b", task="mail"), said("c2", "c", task="chat")]
    shares = {name: share.value for name, share in found(before, after).tasks.items()}
    assert shares == {"chat": 1.0, "mail": 0.5}


def test_errors_cases_of_one_side_and_copies_do_not_count() -> None:
    lost = case("c0", ["error"])
    twice = said("c1", "a", "a")
    twice = twice._replace(samples=tuple(s._replace(calls=(call("a", identity="r1"),)) for s in twice.samples))
    pairs = reply_pairs(side(said("c0", "a"), twice, said("c2", "a")), side(lost, said("c1", "b", "a")))
    assert [(each.key.case, each.differ, each.pairs) for each in pairs] == [("c1", 1, 2)]
    assert differing([]) is None


def with_calls(*calls: Call) -> CaseResult:
    made = case("c0", [""])
    return made._replace(samples=(made.samples[0]._replace(calls=calls),))


@pytest.mark.parametrize(
    ("old", "new", "differ"),
    [
        ((call("", tool="find"),), (call("", tool="find"),), 0),
        ((call("", tool="find"),), (call("", tool="refund"),), 1),
        ((call("", tool="find"), call("done")), (call("done"),), 1),
        ((call("done"),), (call("Done"), call("good")._replace(judge=True)), 0),
    ],
)
def test_tools_and_steps_are_part_of_a_reply_and_judges_are_not(
    old: tuple[Call, ...], new: tuple[Call, ...], differ: int
) -> None:
    assert [each.differ for each in reply_pairs(side(with_calls(*old)), side(with_calls(*new)))] == [differ]


def test_the_widest_pair_is_named_and_the_size_is_the_mean() -> None:
    before, after = said("c0", "we ship on Monday"), said("c0", "we ship on Monday", "we ship on Friday", "no idea")
    (pairs,) = reply_pairs(side(before), side(after))
    found = widest(pairs)
    assert found.after.calls[0].answer.text == "no idea"
    assert found.size == pytest.approx((0 + 1 / 4 + 1) / 3)


def test_a_comparison_leaves_out_cases_whose_row_changed() -> None:
    before, after = side(said("c0", "a", content="x"), said("c1", "a")), side(said("c0", "b"), said("c1", "a"))
    compared = compare("m", before, "n", after)
    assert compared.differing is not None
    assert (compared.differing.cases, compared.differing.share.value) == (1, 0.0)


def test_replies_that_nothing_verifies_are_pairs_too() -> None:
    after = said("c0", "Four days.")
    after = after._replace(samples=tuple(sample._replace(outcome="unverified") for sample in after.samples))
    result = found([said("c0", "Three days."), said("c1", "Yes.")], [after, said("c1", "Yes.")])
    assert (result.cases, result.share.value) == (2, 0.5)
