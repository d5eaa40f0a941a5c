"""Build the documentation as a website: `python -m tools.docs [--serve]`.

MkDocs reads the pages in docs/ and calls the functions `on_...` of this module, which
add README.md as the first page and a page for each public name. Needs the extra `docs`;
no other server is contacted.
"""

from __future__ import annotations

import argparse
import functools
import inspect
import posixpath
import re
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import lamina
from tools.api_snapshot import public_names

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).parents[1]
DIFFERENCES = ROOT / "docs" / "keras-compatibility.md"
# Pages beside docs/, with their names on the site.
ROOT_PAGES = {
    "README.md": "index.md",
    "README.ko.md": "index.ko.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
LINK = re.compile(r"(?<!!)\[([^]]+)\]\(([^)#]+)(#[^)]*)?\)")


class Entry(NamedTuple):
    """A public function, class or value, which has one page.

    Args:
        names: its full names, such as `"lamina.ops.sin"` and `"lamina.ops.numpy.sin"`.
        value: what it is.
    """

    names: list[str]
    value: Any

    @property
    def page(self) -> str:
        """The path of the page."""
        return f"api/{self.names[0].replace('.', '/')}.md"

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.value) or "").partition("\n")[0]


@functools.cache
def modules() -> dict[str, ModuleType]:
    """Return the public modules by their names."""
    found = {name: value for name, value in public_names() if inspect.ismodule(value)}
    return {"lamina": lamina, **found}


@functools.cache
def entries() -> dict[str, Entry]:
    """Return the entry of each public name that is not a module."""
    found: dict[str, Entry] = {}
    by_value: dict[int, Entry] = {}
    # Shorter names first: `lamina.ops.numpy.sin` is on the page of `lamina.ops.sin`.
    for name, value in sorted(public_names(), key=lambda item: item[0].count(".")):
        if not inspect.ismodule(value):
            same = callable(value) and by_value.get(id(value))
            entry = same or Entry([], value)
            entry.names.append(name)
            found[name] = by_value[id(value)] = entry
    return found


def module_page(module: str) -> str:
    """Return the path of a module's page."""
    return f"api/{module.replace('.', '/')}/index.md"


def differences() -> dict[str, list[str]]:
    """Return the rows of the table of differences from Keras by the names in them."""
    names = {name.rpartition(".")[2] for name in entries()}
    found: dict[str, list[str]] = {}
    for line in DIFFERENCES.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("|") or len(cells) != 3:
            continue
        paths = re.findall(r"`((?:\w+\.)*\w+)(?![\w.*])", cells[0])
        for name in dict.fromkeys(_subject(path, names) for path in paths):
            found.setdefault(name, []).append(f"{cells[0]}: {cells[1]} {cells[2]}")
    return found


def _subject(path: str, names: Collection[str]) -> str:
    """Return the name whose page describes an object, for a method its class."""
    *parents, last = path.split(".")
    for name in (last, *reversed(parents)):
        if name in names:
            return name
    owners = [owner for owner in (lamina.Layer, lamina.Model) if hasattr(owner, last)]
    return owners[0].__name__ if owners else last


def entry_text(entry: Entry, rows: list[str]) -> str:
    """Return the text of the page of an entry."""
    name, *aliases = entry.names
    # Names of the package itself are the base classes; their pages list every member.
    inherited = "true" if name.count(".") == 1 else "false"
    text = f"::: {name}\n    options:\n      inherited_members: {inherited}\n"
    if aliases:
        text += f"\nOther names: {', '.join(f'`{alias}`' for alias in aliases)}\n"
    if rows:
        listed = "\n".join(f"- {row}" for row in rows)
        text += f"\n## Keras differs\n\n{listed}\n"
    return text


def module_text(module: str) -> str:
    """Return the text of a module's page: its docstring and a table of its names."""
    folder = posixpath.dirname(module_page(module))
    rows = ["| name | |", "|---|---|"]
    for name in sorted(modules()[module].__all__, key=str.lower):
        full_name = f"{module}.{name}"
        if full_name in modules():
            page, text = module_page(full_name), f"Module `{full_name}`."
        else:
            page, text = entries()[full_name].page, entries()[full_name].summary
        link = posixpath.relpath(page, folder)
        rows.append(f"| [`{name}`]({link}) | {text.replace('|', '&#124;')} |")
    doc = inspect.getdoc(modules()[module]) or ""
    return "\n".join([f"# {module}", "", doc, "", *rows, ""])


def with_site_links(text: str) -> str:
    """Return a page whose links to files that the site does not have are plain text."""

    def replace(link: re.Match[str]) -> str:
        label, target, anchor = link.groups(default="")
        name = target.removeprefix("../").removeprefix("docs/")
        name = ROOT_PAGES.get(name, name)
        exists = name in ROOT_PAGES.values() or (ROOT / "docs" / name).is_file()
        if "://" not in target and not exists:
            return label
        return f"[{label}]({name}{anchor})"

    return LINK.sub(replace, text)


def pages() -> Iterator[tuple[str, str]]:
    """Yield path and text of each generated page."""
    for source, path in ROOT_PAGES.items():
        yield path, with_site_links((ROOT / source).read_text(encoding="utf-8"))
    for module in modules():
        yield module_page(module), module_text(module)
    rows = differences()
    for name, entry in entries().items():
        if name == entry.names[0]:
            last = name.rpartition(".")[2]
            yield entry.page, entry_text(entry, rows.get(last, []))


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of the modules into the navigation."""
    assert config.nav is not None
    for entry in config.nav:
        if isinstance(entry, dict) and entry.get("API") == "api/":
            entry["API"] = [
                {name: module_page(name)} for name in modules() if name.count(".") < 2
            ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    from mkdocs.structure.files import File

    for path, text in pages():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, **kwargs: Any) -> str:
    """Adapt the links of a page in docs/."""
    return markdown if kwargs["page"].file.generated_by else with_site_links(markdown)


def main() -> None:
    """Build the site into `site/`, or serve it while pages are edited."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--serve", action="store_true", help="serve on port 8000")
    command = "serve" if parser.parse_args().serve else "build"
    subprocess.run([sys.executable, "-m", "mkdocs", command], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
