"""The list of all pages for language models, https://llmstxt.org: each page's title and its first sentence."""

from __future__ import annotations

import re

from docs.tools.pages import ROOT, Page, all_pages

__all__ = ["LLMS", "fresh_llms"]

LLMS = ROOT / "llms.txt"
DOCS = ROOT / "docs"


def fresh_llms() -> str:
    """The file as it should be."""
    readme, *others = all_pages()
    groups: dict[str, list[Page]] = {
        name: [] for name in ("Tutorial", "How-to", "Reference", "Explanation", "Optional")
    }
    for page in others:
        groups[page.path.parent.name.capitalize() if page.path.parent not in (ROOT, DOCS) else "Optional"].append(page)
    parts = [f"# {_title(readme)}", f"> {_first_sentence(readme)}"]
    for name, pages in groups.items():
        parts.append(f"## {name}\n\n" + "\n".join(f"- [{_title(p)}]({p}): {_first_sentence(p)}" for p in pages))
    return "\n\n".join(parts) + "\n"


def _title(page: Page) -> str:
    return page.text.partition("\n")[0].removeprefix("# ")


def _first_sentence(page: Page) -> str:
    """Of its first paragraph, links as words; what is no paragraph is passed over."""
    _, *paragraphs = re.split(r"\n{2,}", re.sub(r"^```.*?^```$", "", page.text, flags=re.MULTILINE | re.DOTALL))
    first = next(each for each in paragraphs if re.match(r"[\w\[`*]", each.strip()))
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(first.split()))
    return re.split(r"(?<=[.?!])\s(?=[A-Z`])", re.sub(r"^\d+\. ", "", words), maxsplit=1)[0].removesuffix(":")
