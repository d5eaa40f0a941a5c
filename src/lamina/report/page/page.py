"""HTML pages about one run and about several."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from importlib.resources import files

from lamina.report.html import Markup, data_script, element, markup
from lamina.report.page import (
    architecture,
    comparison,
    curves,
    findings,
    predictions,
    record,
    time,
    verdict_section,
    weights,
)
from lamina.report.run import Run

# Everything that the page needs is in it; a browser refuses anything else.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'"
)
# `id` of the element with the runs' data, which `lamina report` reads.
DATA_ID = "run-data"


def page(run: Run, drawing: str = "") -> str:
    """Return the report of a run as an HTML page.

    Args:
        run: the run.
        drawing: the graph of the model as SVG, without a script.
    """
    contents = {
        "Findings": findings.section(run),
        "Learning curves": curves.section([curves.Group(run.name, [run])]),
        "Predictions": predictions.section(run),
        "Architecture": architecture.section(run, drawing),
        "Weights": weights.section(run),
        "Time and memory": time.section(run),
        "Record": record.section(run),
    }
    sections = _sections(contents)
    links = [element("a", title, href=f"#{_id(title)}") for title in sections]
    navigation = element("nav", links, aria_label="Sections")
    header = verdict_section.header(run, navigation)
    return document(f"Training report: {run.name}", [header, *sections.values()], [run])


def comparison_page(runs: Sequence[Run]) -> str:
    """Return a page about several runs."""
    contents = {
        "Results": comparison.results(runs),
        "What differs": comparison.differences(runs),
        "Learning curves": curves.section(comparison.grouped(runs)),
        "Records": comparison.records(runs),
    }
    names = ", ".join(run.name for run in runs)
    body = [comparison.header(runs), *_sections(contents).values()]
    return document(f"Runs compared: {names}", body, runs)


def _sections(contents: Mapping[str, Markup | None]) -> dict[str, Markup]:
    """Return sections by title, without those that have no content."""
    return {
        title: element("section", element("h2", title), content, id=_id(title))
        for title, content in contents.items()
        if content is not None
    }


def _id(title: str) -> str:
    return title.lower().replace(" ", "-")


def document(title: str, body: Sequence[Markup], runs: Sequence[Run]) -> str:
    """Return a page with styles, scripts and the runs' data.

    Args:
        title: the title of the window.
        body: the content.
        runs: the runs, whose data other pages may show.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="generator", content="lamina"),
        element("title", title),
        element("style", _asset("vendor/uPlot.min.css"), _asset("assets/page.css")),
    )
    data = data_script(DATA_ID, [run.summary() for run in runs])
    scripts = [
        element("script", _asset(name))
        for name in ("vendor/uPlot.iife.min.js", "assets/page.js")
    ]
    content = element("body", element("main", body), data, scripts)
    return markup(
        Markup("<!doctype html>\n"), element("html", head, content, lang="en")
    )


@functools.cache
def _asset(name: str) -> Markup:
    """Return the text of a file of this package, which is HTML, CSS or a script."""
    return Markup(files("lamina.report").joinpath(name).read_text(encoding="utf-8"))
