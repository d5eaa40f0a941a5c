"""The READMEs in both languages have the same links."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def links(name: str) -> set[str]:
    return set(re.findall(r"\]\(([^)]+)\)", (ROOT / name).read_text(encoding="utf-8")))


def test_readmes_have_the_same_links():
    assert links("README.md") - {"README.ko.md"} == links("README.ko.md") - {
        "README.md"
    }


def test_links_of_readmes_exist():
    paths = links("README.md") | links("README.ko.md")
    assert [path for path in paths if not (ROOT / path).exists()] == []
