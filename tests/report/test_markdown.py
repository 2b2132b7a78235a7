"""The summary as Markdown, read by a parser as a code host reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.analysis.measure import Figures
from pytest_llmeval.report.exports import Session
from pytest_llmeval.report.markdown import MOST_BYTES, markdown
from pytest_llmeval.runs.results import Run
from pytest_llmeval.text import harmless
from tests.analysis.test_compare import Results, answers, call, case, compare, side

MARKDOWN = MarkdownIt("gfm-like")
HOSTILE = [
    "@octocat please merge, see #12, GH-3, acme/shop#4, a@b.example",
    "https://evil.example www.evil.example ftp://x",
    "| a | b |\n| --- | --- |\n| 1 | 2 |",
    "``` \nout of the fence\n```",
    "`````",
    "<img src=x onerror=alert(1)> <!-- <details> </details></summary>",
    "![x](https://evil.example/x.png) [y](javascript:alert(1)) [z]: https://evil.example",
    "# heading\n- list\n> quote\n1. one\n***\n---\n===",
    "**bold** _it_ ~~gone~~ $x^2$ $$y$$ &amp; &#64; \\@x",
    ":tada: [ ] [x] [^1]\n\n[^1]: note",
    "::error::boom\n##[group]x",
    "\x1b[31mred\x1b[0m \u202ebidi \x00",
]


def summary_of(comparison: Comparison) -> str:
    return page_of([comparison])


def page_of(
    comparisons: Sequence[Comparison], figures: Sequence[Figures] = (), *, notes: Sequence[str] = (), **secrets: str
) -> str:
    run = Run("2026-11-30T10:00:00+00:00", {})
    return markdown(Session(run=run, comparisons=comparisons, figures=figures, secrets=secrets, notes=notes))


def saying(text: str, *, failing: int = 12) -> tuple[Results, Results]:
    """Twelve cases that fail now, with a category, names and replies that a stranger has chosen."""
    line = " ".join(text.split()) or "x"
    before = side(*(case(f"c{number} {line}", [""], calls=[call("fine")]) for number in range(20)))
    after = side(
        *(
            case(f"c{number} {line}", [line if number < failing else ""], calls=[call(text)], input=text)
            for number in range(20)
        )
    )
    return before, after


def every(tokens: Iterable[Token]) -> list[Token]:
    return [each for token in tokens for each in (token, *every(token.children or []))]


def written_by_strangers(page: str) -> list[Token]:
    """The tokens of a page, without those of the page's own head, tables and folded parts."""
    return every(MARKDOWN.parse(page))


@pytest.mark.parametrize("text", HOSTILE)
def test_what_strangers_write_is_only_text(text: str) -> None:
    before, after = saying(text)
    page = summary_of(compare(text or "m", before, f"{text} 2", after, saved=text))
    old, new = saying("plain")
    plain = summary_of(compare("m", old, "m 2", new, saved="plain"))
    kinds = [token.type for token in written_by_strangers(page)]
    assert not {"link_open", "image", "s_open", "em_open", "hr", "blockquote_open", "ordered_list_open"} & set(kinds)
    for kind in ("html_block", "html_inline", "heading_open", "table_open", "fence", "bullet_list_open", "code_block"):
        assert kinds.count(kind) == [token.type for token in written_by_strangers(plain)].count(kind), kind


@pytest.mark.parametrize("text", HOSTILE)
def test_nobody_is_mentioned_outside_of_code(text: str) -> None:
    before, after = saying(text)
    page = summary_of(compare(text, before, f"{text} 2", after, saved=text))
    prose = "\n".join(token.content for token in every(MARKDOWN.parse(page)) if token.type == "text")
    assert not re.search(r"@\w|#\d|GH-\d|https?://|www\.\w", prose)


@given(st.text(max_size=80))
@example("\\`|`\\")
@example("a|b``c")
def test_any_name_stands_in_its_cell(text: str) -> None:
    """A name is one code span in the first cell of its row, and reads as it was."""
    line = " ".join(text.split()) or "x"
    before, after = saying(text)
    page = summary_of(compare("m", before, "n", after))
    rows = re.findall(r"^\| .*$", page, flags=re.MULTILINE)
    named = [row for row in rows if "12/20" in row]
    assert named
    tokens = MARKDOWN.parse("\n".join(rows[:2] + named[:1]))
    [*_, cells] = [[t for t in tokens if t.type == "inline"]]
    code = [t for t in every([cells[6]]) if t.type == "code_inline"]
    assert [" ".join(t.content.split()) for t in code] == [" ".join(harmless(line).split())]


def test_a_gate_without_news_takes_three_lines() -> None:
    same = answers(*[""] * 100)
    page = summary_of(compare("m", same, "m", same))
    assert page.startswith("**candidate m vs baseline m**")
    assert "gate ok" in page
    assert page.count("\n") <= 4


def test_without_a_baseline_it_does_not_look_like_a_gate_that_passed() -> None:
    compared = compare("m", answers(""), "m", answers(""))
    page = page_of([], [compared.candidate])
    assert page.startswith("### ⚠️ no baseline to compare with")
    assert "ok" not in page


def test_the_page_says_what_decides() -> None:
    before, after = answers(*[""] * 40), answers(*["invented"] * 10, *[""] * 30)
    page = summary_of(compare("m", before, "n", after, saved="main"))
    assert page.startswith("### ❌ GATE FAILED: invented regressed from 0 of 40 to 10 of 40 answers")
    assert "| **`invented`** | 0/40 (0.0%) | 10/40 (25%) | +25.0 | REGRESSED | <0.001 |" in page
    assert "10 new misses" in page
    assert "`t.py::test_mail[c0]`" in page


def test_a_secret_is_in_no_page_though_a_line_ends_within_it() -> None:
    secret = "s3cret-" + "q7Rt" * 40
    before, after = saying(f"the key is {secret}")
    page = page_of([compare("m", before, "n", after)], notes=[f"used {secret}"], SHOP_KEY=secret)
    bare = re.sub(r"[\s\\|]|candidate|baseline", "", page)
    assert "q7Rtq7Rtq7Rt" not in bare
    assert "SHOP" in page


def test_a_page_is_cut_at_what_github_takes_and_closes_its_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    most = MOST_BYTES // 20  # to write a whole page takes a minute
    monkeypatch.setattr("pytest_llmeval.report.markdown.MOST_BYTES", most)
    before, after = saying("word " * 2_000)
    errors = side(*(case(f"e{n} {'x' * 3000}", ["error"]) for n in range(30)))
    page = page_of([compare("m", before | errors, "n", after | errors)], notes=["n" * 100] * 1_000)
    assert len(page.encode()) <= most + 100
    assert page.rstrip().endswith("The rest was cut: a page takes 900 kB.")
    assert [token.type for token in MARKDOWN.parse(page)][-2:] == ["inline", "paragraph_close"]
