"""The page: what it says without its script, what its script reads, and that no text of others is markup."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.analysis.measure import measure_each
from pytest_llmeval.reply import Answer
from pytest_llmeval.report.exports import Session
from pytest_llmeval.report.page.html import html
from pytest_llmeval.report.page.page_data import MOST_PLAIN, Reviewing, page_data
from pytest_llmeval.report.page.trials import trials_of
from pytest_llmeval.runs.results import CaseResult, Run, SampleResult
from pytest_llmeval.score import Claim, Score
from tests.analysis.test_compare import Results, call, case, compare, side

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!-- <script> -->",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "</style></title></textarea>",
    "\u2028\u2029\x00\x1b[31m\u202e",
    "javascript:alert(1)",
]


class Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._script: dict[str, str | None] | None = None
        self.scripts: list[tuple[str, str]] = []
        self.styles: list[str] = []
        self._within = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._within = tag

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within == "script":
            self.scripts.append((self.elements[-1][1].get("type") or "", data))
        elif self._within == "style":
            self.styles.append(data)
        else:
            self.words += data

    @property
    def data(self) -> dict[str, Any]:
        kind, text = self.scripts[0]
        if kind == "application/json":
            return dict(json.loads(text))
        return dict(json.loads(gzip.decompress(base64.b64decode(text))))

    @property
    def texts(self) -> list[str]:
        return list(self.data["texts"])


def session_of(before: Results, after: Results, **more: Any) -> Session:
    after = {key: result._replace(model="new") for key, result in after.items()}
    run = Run(
        "2026-11-30T10:00:00+00:00", {"m": {}, "new": {}}, "m", True, None, (), (*before.values(), *after.values())
    )
    compared = compare("m", before, "new", after)
    return Session(run=run, comparisons=[compared], figures=measure_each(run), **more)


def alone(*results: CaseResult, **more: Any) -> Session:
    run = Run("2026-11-30T10:00:00+00:00", {"m": {}}, None, True, None, (), results)
    return Session(run=run, comparisons=[], figures=measure_each(run), **more)


def worse(reply: str = "After 60 days, sorry.", **fields: Any) -> Session:
    """Forty cases, of which twelve fail now."""
    before = side(*(case(f"c{n}", [""], calls=[call("Within 30 days, sorry.")], **fields) for n in range(40)))
    after = side(
        *(
            case(f"c{n}", ["invented"], calls=[call(reply)], **fields) if n < 12 else case(f"c{n}", [""], **fields)
            for n in range(40)
        )
    )
    return session_of(before, after)


def test_without_its_script_the_page_says_the_verdict_the_tables_and_the_misses() -> None:
    page = Page(html(worse(input="When?", expected="30 days")._replace(notes=["a note"])))
    words = " ".join(page.words.split())
    assert "GATE FAILED: invented regressed from 0 of 40 to 12 of 40 answers" in words
    assert "12/40 30%" in words
    assert words.count("When?") == words.count("Expected") == 12
    assert "12 new misses" in words
    assert "a note" in words
    marks = [tag for tag, _ in page.elements if tag in ("ins", "del")]
    assert marks.count("ins") == marks.count("del") == 12


def test_the_script_reads_every_case_worst_first() -> None:
    data = Page(html(worse())).data
    states = [data["states"][trial["state"]] for trial in data["trials"]]
    assert states == ["new"] * 12 + ["pass"] * 28
    first = data["trials"][0]
    assert data["texts"][first["categories"][0]] == "invented"
    reply = data["texts"][data["results"][first["after"]]["groups"][0]["reply"]]
    (removed, added) = first["marks"][0]
    assert (reply, [reply[at:to] for at, to in zip(added[::2], added[1::2], strict=True)]) == (
        "After 60 days, sorry.",
        ["After 60"],
    )
    assert removed == [0, 9]


def test_equal_answers_of_a_case_are_one_with_their_samples() -> None:
    samples = [
        SampleResult(n, "fail" if text == "No" else "pass", "tone" if text == "No" else None, calls=(call(text),))
        for n, text in enumerate(["Yes", "No", "Yes"])
    ]
    session = alone(case("c", ["", "", ""])._replace(samples=tuple(samples)))
    [result] = Page(html(session)).data["results"]
    assert [(group["outcome"], group["samples"]) for group in result["groups"]] == [("fail", [1]), ("pass", [0, 2])]


def test_what_no_source_holds_is_marked_in_the_reply() -> None:
    score = Score(
        value=0.5, passed=False, check="assert_grounded", unsupported=(Claim(99, "60 days"), Claim(0, "gone"))
    )
    sample = SampleResult(0, "fail", "hallucination", scores=(score,), calls=(call("😀 After 60 days."),))
    data = Page(html(alone(case("c", [""])._replace(samples=(sample,))))).data
    start, end = data["results"][0]["groups"][0]["unsupported"]
    assert "😀 After 60 days.".encode("utf-16-le")[2 * start : 2 * end].decode("utf-16-le") == "60 days"


def test_a_run_without_a_baseline_is_not_compared_and_has_its_misses() -> None:
    page = Page(html(alone(case("c1", ["tone"]), case("c2", [""]), case("c3", ["error"]))))
    assert "NOT COMPARED" in page.words
    assert "gate ok" not in page.words
    states = page.data["states"]
    assert [states[trial["state"]] for trial in page.data["trials"]] == ["miss", "error", "pass"]


def test_a_policy_allows_the_two_texts_of_the_page_and_nothing_else() -> None:
    page = Page(html(worse()))
    policy = next(attributes["content"] or "" for tag, attributes in page.elements if attributes.get("http-equiv"))
    script = next(text for kind, text in page.scripts if not kind)

    def digest(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    assert policy == (
        f"default-src 'none'; script-src {digest(script)}; style-src {digest(page.styles[0])}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert not [attributes for _, attributes in page.elements if "style" in attributes]


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_others_wrote_is_text(text: str) -> None:
    plain, hostile = (Page(html(saying(words)._replace(notes=[words]))) for words in ("plain", text))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    assert len(hostile.scripts) == 2
    for _, attributes in hostile.elements:
        assert not [key for key in attributes if key.startswith("on")]
        assert all(not (value or "").lower().startswith(("javascript:", "http")) for value in attributes.values())
    whole = html(saying(text))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]", whole)
    assert "49" not in re.findall(r"<h3>(.*?) ", whole)


def saying(text: str) -> Session:
    """A session in which everything that others can write says this."""
    sample = SampleResult(
        0,
        "fail",
        text or "x",
        text,
        text,
        (Score(value=0, passed=False, reason=text, check=text),),
        (call(text, tool=text),),
    )
    fields: dict[str, Any] = {"input": text, "expected": text, "task": text, "tags": (text,), "file": "t.py"}
    failing = [case(f"{text}{n}", [""])._replace(samples=(sample,), **fields) for n in range(3)]
    before = side(*(case(f"{text}{n}", [""], calls=[call("fine")]) for n in range(3)))
    return session_of(before, side(*failing))


@given(st.text(max_size=40))
def test_a_reply_of_any_characters_reaches_the_script(text: str) -> None:
    page = Page(html(alone(case("c", ["tone"], calls=[call(f"<{text}>")]))))
    shown = [each for each in page.texts if each.startswith("<") and each.endswith(">")]
    assert shown
    if text.isprintable():
        assert f"<{text}>" in shown


def test_a_key_is_hidden_everywhere() -> None:
    key = "k9f2-Zq81-Lm40-Wx77"
    session = saying(f"the key is {key}")._replace(secrets={"MY_KEY": key})
    whole = html(session._replace(notes=[key]))
    assert key not in whole
    assert not [text for text in Page(whole).texts if key in text]
    assert "the value of MY_KEY" in whole


def test_a_redacted_page_holds_no_text_of_models_users_or_tests() -> None:
    secret = "Xanthippe"
    session = saying(secret)
    whole = html(session._replace(notes=[secret]), redacted=True)
    page = Page(whole)
    # The names of categories, tasks, tags and models are of the project itself.
    own = {"categories", "task", "tags"}
    told = {value for trial in page.data["trials"] for name in own for value in _listed(trial.get(name))}
    assert [text for place, text in enumerate(page.texts) if secret in text and place not in told] == []
    assert "gate ok" in page.words
    assert [page.texts[trial["id"]] for trial in page.data["trials"]] == [
        "test_mail #1",
        "test_mail #2",
        "test_mail #3",
    ]
    assert "t.py::test_mail[" not in whole


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_a_redacted_page_names_no_case_since_an_id_may_be_a_text() -> None:
    page = Page(html(alone(case("Ada Lovelace-refund-7", ["tone"], dataset="cases.jsonl")), redacted=True))
    assert [page.texts[trial["id"]] for trial in page.data["trials"]] == ["test_mail #1"]


def test_a_redacted_page_has_no_parameters_of_models_and_no_words_of_providers() -> None:
    stopped = call("x")._replace(answer=Answer(text="x", finish_reason="stopped by Ada\u202e"))
    session = alone(case("c", [""], calls=[stopped]))
    header = {"m": {"provider": "openai", "model": "gpt", "params": {"system": "You serve Ada"}}}
    whole = html(session._replace(run=session.run._replace(models=header)), redacted=True)
    assert "Ada" not in whole
    assert "ended otherwise" in whole
    assert "\u202e" not in html(session)


def test_a_run_that_is_not_green_says_so_first() -> None:
    notes = ["NOT GREEN: 1 test failed in its shards"]
    for redacted in (False, True):
        page = html(worse()._replace(notes=notes), redacted=redacted)
        assert page.index(notes[0]) < page.index("<h1>")


def test_a_redacted_gate_keeps_its_reservations() -> None:
    before, after = (side(*(case(f"c{n}", ["tone" if n < bad else ""]) for n in range(40))) for bad in (1, 2))
    words = Page(html(session_of(before, after), redacted=True)).words
    assert "gate ok, with reservations: see the table" in words


def replies(number: int, words: str) -> list[CaseResult]:
    return [case(f"c{n}", ["" if n else "tone"], calls=[call(f"{n} {words}")]) for n in range(number)]


def test_much_data_is_compressed_and_the_same() -> None:
    many = Page(html(alone(*replies(40, "word " * 8_000))))
    assert many.scripts[0][0] == "application/gzip-base64"
    assert len(many.scripts[0][1]) < MOST_PLAIN / 10
    assert len(many.data["trials"]) == 40


def test_too_much_data_loses_texts_of_cases_that_pass_and_says_so() -> None:
    trials = trials_of([], replies(40, "word " * 1_000))
    made = page_data(trials, "", {}, Reviewing("x"), redacted=False, most_bytes=50_000)
    assert "leaves out the texts of 39 cases that pass" in made.left_out
    data = json.loads(made.text)
    texts: Sequence[str] = data["texts"]
    told = [result["groups"][0].get("reply") for result in data["results"]]
    assert [place is None for place in told] == [False] + [True] * 39
    assert len(texts[told[0]]) < 2_100
    whole = page_data(trials, "", {}, Reviewing("x"), redacted=False)
    assert whole.left_out == ""


def test_a_case_of_several_candidates_has_a_row_for_each() -> None:
    before = side(case("c", [""]))
    others: Mapping[str, Results] = {
        name: {key: result._replace(model=name) for key, result in side(case("c", [verdict])).items()}
        for name, verdict in (("one", ""), ("two", "tone"))
    }
    compared = [compare("m", before, name, after) for name, after in others.items()]
    every = (*before.values(), *(result for after in others.values() for result in after.values()))
    run = Run("2026-11-30T10:00:00+00:00", {"m": {}, "one": {}, "two": {}}, "m", True, None, (), every)
    data = Page(html(Session(run=run, comparisons=compared, figures=measure_each(run)))).data
    assert [(data["texts"][trial["model"]], data["states"][trial["state"]]) for trial in data["trials"]] == [
        ("two", "new"),
        ("one", "pass"),
    ]
    assert len({trial["before"] for trial in data["trials"]}) == 1


def test_a_review_of_a_shadow_test_leaves_out_answers_that_say_the_same() -> None:
    said = ["**Three** days", "three  days", "Four days.", "Five days."]
    made = [case(f"c{number}", [""], calls=[call(text)]) for number, text in enumerate(said)]
    made[2:] = [
        each._replace(samples=tuple(sample._replace(outcome="unverified") for sample in each.samples))
        for each in made[2:]
    ]
    before = side(*(case(each.key.case, [""], calls=[call("Three days", source="recording")]) for each in made))
    trials = trials_of([compare("production", before, "new", side(*made), saved="log.jsonl")], made)
    data = json.loads(page_data(trials, "production", {}, Reviewing("run", seed="1"), redacted=False).text)
    assert [trials[place].key.case for place in data["review"]["queue"]] == ["c2", "c3"]
