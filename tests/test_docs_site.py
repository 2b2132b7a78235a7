"""README.md and docs/ become a site: links lead somewhere, its menu has every page, and it asks no network."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from docs.tools.pages import ROOT, all_pages

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, made as ``make site`` does, without a warning."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "-c", "docs/tools"]
    done = subprocess.run([*command, ".", folder], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


class Loads(HTMLParser):
    """What a browser fetches to show a page, and where its menu leads."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.menu: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in ("script", "img", "iframe", "source", "video", "audio", "object", "embed"):
            self.loaded.append(given.get("src") or given.get("data", ""))
        elif tag == "link" and given.get("rel") in ("stylesheet", "preload", "icon", "shortcut icon", "preconnect"):
            self.loaded.append(given["href"])
        elif tag == "a" and "internal" in given.get("class", "") and "reference" in given["class"]:
            self.menu.append(given["href"])


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(all_pages())
    for page in pages:
        found = Loads()
        found.feed(page.read_text(encoding="utf-8"))
        assert found.loaded
        assert [url for url in found.loaded if re.match(r"[a-z]+:|//", url)] == [], page
    for style in site.rglob("*.css"):
        assert (
            re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)\"']*", style.read_text(encoding="utf-8")) == []
        ), style


def test_the_menu_leads_to_every_page(site: Path) -> None:
    found = Loads()
    found.feed((site / "index.html").read_text(encoding="utf-8"))
    assert {page.path.relative_to(ROOT).with_suffix(".html").as_posix() for page in all_pages()[1:]} <= set(found.menu)
