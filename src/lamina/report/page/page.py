"""The whole page."""

from __future__ import annotations

import functools
from collections.abc import Sequence
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
    body = [
        verdict_section.header(run),
        findings.section(run),
        curves.section([curves.Group(run.name, [run])]),
        predictions.section(run),
        architecture.section(run, drawing),
        weights.section(run),
        time.section(run),
        record.section(run),
    ]
    return document(f"Training report: {run.name}", body, [run])


def comparison_page(runs: Sequence[Run]) -> str:
    """Return a page about several runs."""
    names = ", ".join(run.name for run in runs)
    return document(f"Runs compared: {names}", comparison.sections(runs), runs)


def document(title: str, body: Sequence[Markup | None], runs: Sequence[Run]) -> str:
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
