"""The page in a real browser, from a file: `make browser` runs these."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from pytest_llmeval.review.log import ReviewLog, read_log
from pytest_llmeval.review.server import ReviewServer
from pytest_llmeval.runs.results import CaseKey
from tests.browser.pages import (
    CASES,
    compared_page,
    history_of_runs,
    many_page,
    redacted_page,
    served_page,
    several_page,
)

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make browser installs it")
from playwright.sync_api import Browser, Page, expect  # noqa: E402 - it may be missing

from tests.browser.chromium import CHROMIUM  # noqa: E402

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: apt-get install chromium")


Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


class Watched:
    """A page that is open, with what it asked for and complained of."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page = page
        self.file = file
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, fragment: str = "") -> Page:
        self.page.goto(f"{self.file.as_uri()}{fragment}")
        self.page.wait_for_selector("html[data-ready]")
        return self.page


@pytest.fixture(scope="module")  # while it is there, no other test of the process can run an event loop
def browser() -> Iterator[Browser]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    made = {
        "compared": compared_page(),
        "several": several_page(),
        "redacted": redacted_page(),
        "many": many_page(),
        "history": history_of_runs(),
    }
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


@pytest.fixture
def compared(page: Page, files: dict[str, Path]) -> Iterator[Watched]:
    watched = Watched(page, files["compared"])
    watched.open()
    yield watched
    assert watched.complaints == []
    assert [url for url in watched.requests if not url.startswith(("file://", "data:"))] == []


def chosen(page: Page) -> str:
    return str(page.locator("#detail h3").inner_text())


def test_it_opens_at_the_worst_case_with_both_answers(compared: Watched) -> None:
    page = compared.page
    assert chosen(page) == "c0"
    expect(page.locator("#count")).to_have_text(f"{CASES} cases")
    assert page.locator("#detail ins").all_inner_texts() == ["60"]
    assert page.locator("#detail del").all_inner_texts() == ["30"]
    assert "failed: invented" in page.locator("#detail").inner_text()
    expect(page.locator("#first-misses")).to_be_hidden()


def test_every_key_does_what_it_says(compared: Watched) -> None:
    page = compared.page

    def after(*keys: str) -> str:
        for key in keys:
            page.keyboard.press(key)
        return chosen(page)

    assert after("j") == "c1"
    assert after("ArrowDown") == "c2"
    assert after("k", "ArrowUp") == "c0"
    assert after("End") == f"c{CASES - 1}"
    assert after("p") == "c3"  # the last of the new misses
    assert after("n") == "c3"
    assert after("Home", "n") == "c1"
    page.keyboard.press("d")
    assert page.locator("#detail ins").count() == 0
    page.keyboard.press("d")
    assert page.locator("#detail ins").count() == 1
    page.keyboard.press("/")
    expect(page.locator("#query")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#list")).to_be_focused()
    page.keyboard.press("c")
    expect(page.locator('.chips button[data-key="category"]').first).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page.locator("#detail")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()


def test_samples_are_folded_and_turned_by_keys(compared: Watched) -> None:
    page = compared.page
    page.fill("#query", "c3")
    detail = page.locator("#detail")
    expect(detail).to_contain_text("answer 1 of 2, in 1 of 3 samples")
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    expect(detail).to_contain_text("answer 2 of 2, in 2 of 3 samples")
    page.keyboard.press("ArrowLeft")
    expect(detail).to_contain_text("answer 1 of 2")
    assert page.locator('.row[aria-selected="true"] .dots').get_attribute("aria-label") == "2 of 3 samples passed"


def test_blind_hides_names_and_verdicts(compared: Watched) -> None:
    page = compared.page
    page.keyboard.press("b")
    text = page.locator("#explorer .panes").inner_text()
    assert "failed" not in text
    assert "baseline" not in text
    assert page.locator(".row .in, .row .dots").count() == 0
    assert page.locator("#detail .who b").all_inner_texts() == ["left", "right"]
    listed = page.locator(".row > span:nth-child(2)").all_inner_texts()
    assert listed != sorted(listed, key=lambda name: int(name[1:]))  # nor does the order tell which fail
    shown = set()
    for _ in range(10):
        shown.add(page.locator("#detail .side").first.inner_text().split("\n")[-1])
        page.keyboard.press("j")
    assert len(shown) > 1  # the sides change places
    page.keyboard.press("b")
    assert "(baseline)" in page.locator("#detail").inner_text()


QUERIES = {
    "state:new": 4,
    "!state:new": CASES - 4,
    "category:invented": 3,
    "category:inv": 3,
    "category:invented category:tone": 4,
    "state:new !category:tone": 3,
    "task:billing": CASES // 2,
    "tag:slow": 1,
    "reply:differs": 4,
    'text:"60 days"': 3,
    '"60 days"': 3,
    "60 nowhere": 0,
    "!60": CASES - 3,
    "c1": 11,
    "state:nothing": 0,
    'state:"new': 4,
}


@pytest.mark.parametrize(("query", "number"), QUERIES.items())
def test_a_query_finds_its_cases(page: Page, files: dict[str, Path], query: str, number: int) -> None:
    watched = Watched(page, files["compared"])
    watched.open()
    page.fill("#query", query)
    words = f"{CASES} cases" if number == CASES else f"{number} of {CASES} cases"
    expect(page.locator("#count")).to_have_text(words)
    if not number:
        expect(page.locator("#list")).to_contain_text("No case matches the filter.")
    assert watched.complaints == []


def test_a_chip_is_a_term_of_the_query(compared: Watched) -> None:
    page = compared.page
    chip = page.locator('.chips button[data-value="new"]')
    expect(chip).to_have_text("new 4")
    chip.click()
    expect(page.locator("#query")).to_have_value("state:new")
    expect(chip).to_have_attribute("aria-pressed", "true")
    chip.click()
    expect(page.locator("#query")).to_have_value("")


def test_a_link_opens_what_was_seen(compared: Watched, browser: Browser) -> None:
    page = compared.page
    page.fill("#query", "state:new")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.wait_for_url(re.compile("c1"))
    again = browser.new_page()
    again.goto(page.url)
    again.wait_for_selector("html[data-ready]")
    expect(again.locator("#query")).to_have_value("state:new")
    assert chosen(again) == "c1"
    again.close()


def test_tabs_open_by_click_by_key_and_by_link(compared: Watched) -> None:
    page = compared.page
    page.click("#tab-latency")
    expect(page.locator("#latency svg").first).to_be_visible()
    expect(page.locator("#cases")).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#cost")).to_be_visible()
    compared.open("#tab=run")
    page.reload()
    expect(page.locator("#run")).to_be_visible()


def test_without_script_it_still_tells_the_main_things(browser: Browser, files: dict[str, Path]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(files["compared"].as_uri())
    expect(page.locator("h1")).to_contain_text("gate")
    expect(page.locator(".miss").first).to_be_visible()
    expect(page.locator("#latency table").first).to_be_visible()
    expect(page.locator("#explorer")).to_be_hidden()
    context.close()


def test_on_paper_the_misses_and_all_tables_are_there(compared: Watched) -> None:
    page = compared.page
    page.emulate_media(media="print")
    expect(page.locator(".miss").first).to_be_visible()
    expect(page.locator("#latency table").first).to_be_visible()
    expect(page.locator("#explorer")).to_be_hidden()


@pytest.mark.parametrize("width", [1400, 800, 380])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_sticks_out_and_nothing_is_hard_to_read(
    browser: Browser, files: dict[str, Path], width: int, scheme: Scheme
) -> None:
    """By axe-core, whose serious findings keep people out."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(files["several"].as_uri())
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for tab in ("cases", "categories", "latency", "cost", "run"):
        page.click(f"#tab-{tab}")
        found = axe.Axe().run(page).response["violations"]
        serious = [each for each in found if each["impact"] in ("serious", "critical")]
        assert [(each["id"], each["nodes"][0]["html"]) for each in serious] == []
    context.close()


@pytest.mark.parametrize("width", [1400, 380])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_history_is_read_at_any_width_without_a_script(
    browser: Browser, files: dict[str, Path], width: int, scheme: Scheme
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(files["history"].as_uri())
    expect(page.locator("figure.chart svg").first).to_be_visible()
    expect(page.locator("td.strip").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = axe.Axe().run(page).response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    assert [(each["id"], each["nodes"][0]["html"]) for each in serious] == []
    context.close()


def test_the_same_case_with_the_next_model(page: Page, files: dict[str, Path]) -> None:
    Watched(page, files["several"]).open()
    first = page.locator("#detail .who b").last.inner_text()
    name = chosen(page)
    page.keyboard.press("m")
    assert chosen(page) == name
    assert page.locator("#detail .who b").last.inner_text() != first
    page.keyboard.press("m")
    assert page.locator("#detail .who b").last.inner_text() == first


def test_hostile_answers_are_text(page: Page, files: dict[str, Path]) -> None:
    """What others wrote runs nothing, loads nothing and is shown as it is."""
    watched = Watched(page, files["compared"])
    watched.open()
    title = page.title()
    page.fill("#query", "onerror")
    expect(page.locator("#count")).to_have_text(f"1 of {CASES} cases")
    shown = page.locator("#detail").inner_text()
    assert "</script><script>alert(1)</script><img src=x onerror=alert(1)>" in shown
    assert "\\u202e" in shown
    assert page.locator("img, iframe, object").count() == 0
    assert page.title() == title
    assert watched.complaints == []
    assert len([url for url in watched.requests if not url.startswith("data:")]) == 1


def test_a_redacted_page_works_and_names_no_text(page: Page, files: dict[str, Path]) -> None:
    watched = Watched(page, files["redacted"])
    watched.open()
    assert "Returns" not in page.content()
    page.keyboard.press("j")
    assert re.fullmatch(r"test_mail #\d+", chosen(page))
    assert watched.complaints == []


def test_five_thousand_cases_are_usable(page: Page, files: dict[str, Path]) -> None:
    watched = Watched(page, files["many"])
    watched.open()
    expect(page.locator("#count")).to_have_text("5,000 cases")
    assert page.locator(".row").count() < 100
    page.keyboard.press("End")
    assert page.locator(".row").count() < 100
    page.fill("#query", "4999")
    expect(page.locator("#count")).to_have_text("1 of 5,000 cases")
    assert watched.complaints == []


def decide(page: Page, *keys: str) -> None:
    """Press keys, each once the page takes decisions on the case."""
    for key in keys:
        page.wait_for_selector("#explorer:not([aria-busy])", state="attached")
        page.keyboard.press(key)


def test_decisions_are_saved_as_a_file_that_is_applied(compared: Watched, tmp_path: Path) -> None:
    page = compared.page
    decide(page, "a", "r", "2", "u")
    expect(page.locator('.chips[data-key="review"]')).to_contain_text("decided 2")
    assert page.locator(".row .in").all_inner_texts()[:2] == ["invented · accepted", "invented · rejected"]
    page.reload()  # they are kept in the browser, too
    page.wait_for_selector("html[data-ready]")
    expect(page.locator('.chips[data-key="review"]')).to_contain_text("decided 2")
    with page.expect_download() as download:
        page.keyboard.press("s")
    file = tmp_path / "review.jsonl"
    download.value.save_as(file)
    found = [(each.key.case, each.decision, each.category) for each in read_log(file).decisions]
    assert found == [("c0", "accepted", ""), ("c1", "rejected", "invented")]


def test_an_answer_that_passes_is_rejected_for_a_category_by_its_number(compared: Watched, tmp_path: Path) -> None:
    page = compared.page
    page.fill("#query", "c5")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    expect(page.locator("#decided")).to_contain_text("Choose why it is wrong, by a number")
    page.keyboard.press("2")
    with page.expect_download() as download:
        page.keyboard.press("s")
    download.value.save_as(tmp_path / "review.jsonl")
    [decision] = read_log(tmp_path / "review.jsonl").decisions
    assert (decision.key.case, decision.decision, decision.category) == ("c5", "rejected", "tone")


def test_the_baselines_answer_is_decided_by_capital_keys(compared: Watched, tmp_path: Path) -> None:
    page = compared.page
    assert "3 wrong_answer" in page.locator(".decide").inner_text()
    decide(page, "R")
    expect(page.locator("#decided")).to_contain_text("Choose why it is wrong, by a number")
    decide(page, "3")
    expect(page.locator("#decided")).to_have_text("c0: decided: baseline rejected, wrong_answer")
    with page.expect_download() as download:
        page.keyboard.press("s")
    download.value.save_as(tmp_path / "review.jsonl")
    [decision] = read_log(tmp_path / "review.jsonl").decisions
    assert (decision.model, decision.decision, decision.category) == ("m", "rejected", "wrong_answer")


def test_a_second_key_decides_nothing_of_the_next_case_and_the_bar_is_in_sight(compared: Watched) -> None:
    page = compared.page
    # Both keys in one turn of the page, however slow the machine.
    page.evaluate(
        "for (const key of 'aa') document.body.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}))"
    )
    expect(page.locator("#decided")).to_have_text("c0: decided: accepted")
    expect(page.locator('.chips[data-key="review"]')).to_contain_text("decided 1")
    page.evaluate("document.querySelector('#detail .text').style.height = '3000px'")
    expect(page.locator("#decided")).to_be_in_viewport()


def added(key: CaseKey, model: str, answer: str) -> str:
    return f"cases.jsonl:1: added {key} of {model}\nit does not yet say what is right"


NODE = "t.py::test_mail[c0]"


def test_without_a_server_a_key_says_which_command_writes_the_case(compared: Watched) -> None:
    compared.page.keyboard.press("w")
    said = f'With the saved run: llmeval add RUN.jsonl "{NODE}" --model="new"'
    expect(compared.page.locator("#decided")).to_have_text(said)


def test_in_a_served_review_a_key_writes_the_case(page: Page, tmp_path: Path) -> None:
    server = ReviewServer(served_page, ReviewLog(tmp_path / "run.jsonl"), added)
    try:
        page.goto(server.address)
        page.wait_for_selector("html[data-ready]")
        page.keyboard.press("w")
        expect(page.locator("#decided")).to_contain_text("Which of the two?")
        page.keyboard.press("b")
        page.keyboard.press("w")
        expect(page.locator("#decided")).to_contain_text(
            re.compile(r"cases\.jsonl:1: added t\.py::test_mail\[c\d+] of new")
        )
    finally:
        server.close()


def test_a_review_is_served_blind_and_keeps_each_key(page: Page, tmp_path: Path) -> None:
    log = ReviewLog(tmp_path / "run.jsonl")
    server = ReviewServer(served_page, log, added)
    try:
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(server.address)
        page.wait_for_selector("html[data-ready]")
        expect(page.locator("#query")).to_have_value("review:queue")
        assert page.locator("#detail .who b").all_inner_texts() == ["left", "right"]
        expect(page.locator(".verdict").first).to_be_hidden()
        expect(page.locator('.chips[data-key="state"]')).to_be_hidden()
        page.fill("#query", 'review:queue "60 days"')
        page.keyboard.press("Escape")
        expected, cases = [], []
        for key in "<>":
            cases.append(page.locator("#detail h3").inner_text())
            assert page.locator("#detail :is(ins, del)").count() == 0  # which would tell the sides apart
            candidate_left = "60" in page.locator("#detail .side").first.locator("u").inner_text()
            expected.append("better" if candidate_left == (key == "<") else "worse")
            decide(page, key)
        assert {*page.locator(".row .in").all_inner_texts()} == {"decided"}  # and not which side is better
        decide(page, "e", "u")
        expect(page.locator('.chips[data-key="review"]')).to_contain_text("decided 2")
        page.reload()
        page.wait_for_selector("html[data-ready]")
        expect(page.locator('.chips[data-key="review"]')).to_contain_text("decided 2")
        assert complaints == []
    finally:
        server.close()
    decisions = log.decisions()
    assert [each.key.case for each in decisions] == cases
    assert [each.decision for each in decisions] == expected
    assert all(each.beside and each.reviewer == "ana" for each in decisions)
    assert len(log.path.read_text().splitlines()) == 4


def test_a_review_says_when_nothing_is_saved(page: Page, tmp_path: Path) -> None:
    server = ReviewServer(served_page, ReviewLog(tmp_path / "run.jsonl"), added)
    page.goto(server.address)
    page.wait_for_selector("html[data-ready]")
    page.keyboard.press("r")
    expect(page.locator("#decided")).to_contain_text("Choose why it is wrong")
    server.close()
    page.keyboard.press("e")
    expect(page.locator("#unsaved")).to_contain_text("NOT SAVED")
    expect(page.locator('.chips[data-key="review"]')).not_to_contain_text("decided")


def test_the_facts_of_the_page_are_json_that_python_reads(files: dict[str, Path]) -> None:
    text = files["compared"].read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert found
    assert len(json.loads(found[1])["trials"]) == CASES
