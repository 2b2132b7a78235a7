"""Rules that change how a question is typed, and never what it asks."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.datasets.perturb import RULES, perturbed
from pytest_llmeval.errors import ConfigError

QUESTION = "What is the deadline for returning an unused pan of order LK-50101?"

WORDS = st.text(string.ascii_letters, min_size=1, max_size=9)
PROTECTED = st.sampled_from(
    [
        "`do_it(Now)`",
        "{ticket}",
        "{{ Ticket }}",
        "<name>",
        "%(Name)s",
        "$HOME",
        "12.50",
        "LK-50101",
        "1,000",
        "3rd",
        "https://Example.test/Path",
        "Ann@acme.test",
        '"Exact Words"',
        "NASA",
        "snake_case",
        "src/Main.py",
        "```\nSome  Code = here\n```",
    ]
)
PROMPTS = st.lists(st.one_of(WORDS, PROTECTED), min_size=1, max_size=30).map(" ".join)
OPTIONS = st.lists(
    st.text(string.ascii_letters + " ", min_size=1, max_size=12).map(lambda t: f"x{t}"), min_size=2, max_size=8
)
rules = pytest.mark.parametrize("rule", RULES)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("case", "what is the deadline for returning an unused pan of order LK-50101?"),
        ("typos", "What is the deadline for returning an unussed pan of order LK-50101?"),
        ("whitespace", "What is  the deadline for returning  an  unused pan of order LK-50101?\n"),
        ("options", QUESTION),
    ],
)
def test_a_rule_gives_the_same_text_on_every_machine(rule: str, expected: str) -> None:
    """Replies are recorded under it."""
    assert perturbed(QUESTION, rule, case_id="return-window") == expected


@rules
@given(st.text(max_size=200), st.text(max_size=10), st.integers())
def test_any_text_gives_the_same_text_twice_and_never_an_empty_one(rule: str, text: str, case: str, seed: int) -> None:
    changed = perturbed(text, rule, case_id=case, seed=seed)
    assert changed == perturbed(text, rule, case_id=case, seed=seed)
    assert bool(changed.strip()) == bool(text.strip())


@rules
@given(PROMPTS, st.integers(0, 9))
def test_code_numbers_placeholders_and_quotes_stay_as_they_are(rule: str, text: str, seed: int) -> None:
    changed = perturbed(text, rule, seed=seed)
    protected = r'```.*?```|`[^`]+`|\{\{.*?\}\}|\{.*?\}|<\w+>|%\(\w+\)s|\$\w+|"[^"]*"|\S*[\d/@]\S*|NASA|snake_case'
    assert re.findall(protected, changed, re.DOTALL) == re.findall(protected, text, re.DOTALL)


@given(PROMPTS)
def test_case_and_whitespace_leave_every_letter(text: str) -> None:
    assert perturbed(text, "case").casefold() == text.casefold()
    assert perturbed(text, "whitespace").split() == text.split()


@given(PROMPTS, st.integers(0, 9))
def test_typos_keep_the_number_of_words_and_where_they_begin_and_end(text: str, seed: int) -> None:
    words, changed = text.split(), perturbed(text, "typos", seed=seed).split()
    assert [(word[0], word[-1]) for word in words] == [(word[0], word[-1]) for word in changed]
    assert all(abs(len(old) - len(new)) <= 1 for old, new in zip(words, changed, strict=True))


@given(OPTIONS, st.sampled_from(["{}) {}", "({}) {}", "{}. {}", "  {}: {}"]), st.integers(0, 9))
def test_options_come_in_another_order_each_with_its_letter(options: list[str], form: str, seed: int) -> None:
    lines = [form.format(letter, text) for letter, text in zip(string.ascii_uppercase, options, strict=False)]
    changed = perturbed("\n".join(["Which one?", *lines, "Answer with a letter."]), "options", seed=seed).split("\n")
    assert (changed[0], changed[-1]) == ("Which one?", "Answer with a letter.")
    assert changed[1:-1] != lines
    assert sorted(changed[1:-1]) == sorted(lines)


@pytest.mark.parametrize(
    "text",
    [
        "1. Fill in water\n2. Add coffee",
        "A) Paris\nB) None of the above",
        "A) Paris\n\nand so on",
        "C) Paris\nD) Rome",
        "```\nA) Paris\nB) Rome\n```",
    ],
)
def test_what_is_not_a_list_of_options_or_depends_on_its_order_stays(text: str) -> None:
    assert perturbed(text, "options") == text


def test_the_words_of_the_right_answer_stay() -> None:
    text = "Which name stands here: Margarethe Oyelaran, Customer?"
    assert "Margarethe Oyelaran" in perturbed(text, "case", keep=["Margarethe Oyelaran"])
    assert all(
        "Margarethe Oyelaran" in perturbed(text, "typos", seed=n, keep=["margarethe oyelaran"]) for n in range(50)
    )


@pytest.mark.parametrize("rule", ["typos", "whitespace"])
def test_cases_and_seeds_are_changed_in_different_places(rule: str) -> None:
    text = "Please tell me where exactly my second parcel might possibly have ended up yesterday evening"
    assert len({perturbed(text, rule, case_id=str(number)) for number in range(20)}) > 5
    assert len({perturbed(text, rule, seed=number) for number in range(20)}) > 5


def test_what_is_small_already_becomes_large() -> None:
    assert perturbed("where is my parcel", "case") == "WHERE IS MY PARCEL"


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("opening", ["%(", "“", "«", "„", "{", "<", "[["])
def test_openings_without_an_end_take_no_longer_than_their_text(rule: str, opening: str) -> None:
    text = opening * 100_000  # a minute each, were every one of them looked for to the line's end
    assert perturbed(text, rule).strip() == text


def test_an_unknown_rule_is_told_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown rule 'typo'; did you mean \"typos\"\? \(allowed: case, typos,"):
        perturbed("x", "typo")
