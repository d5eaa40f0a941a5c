"""Pages of the website."""

from __future__ import annotations

import posixpath
import re

from tools import docs
from tools.api_snapshot import public_names

PAGES = dict(docs.pages())


def test_every_public_name_has_a_page():
    for name, value in public_names():
        if name in docs.modules():
            assert docs.module_page(name) in PAGES
        else:
            text = PAGES[docs.entries()[name].page]
            assert f"::: {name}\n" in text or f"`{name}`" in text, value


def test_links_of_generated_pages_lead_to_pages():
    pages = {path.name for path in (docs.ROOT / "docs").glob("*.md")}
    for page, text in PAGES.items():
        for target in re.findall(r"\]\(([^)#:]+\.md)", text):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
            assert path in PAGES or path in pages, f"{page} links to {target}"


def test_page_lists_the_differences_from_keras():
    assert "Keras differs" in PAGES["api/lamina/ops/fft.md"]
    assert "`save(zipped=False)`" in PAGES["api/lamina/Model.md"]
    assert "Keras differs" not in PAGES["api/lamina/ops/sin.md"]
