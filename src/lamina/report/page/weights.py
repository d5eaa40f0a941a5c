"""The section with the distributions of weights, updates and activations."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.report.collect.rows import png_url
from lamina.report.html import Markup, element, markup
from lamina.report.run import Run
from lamina.report.text import number, percent

_BINS = 28
_COLOR = (74, 128, 226)
_TITLES = {
    "weights": "Weights",
    "updates": "Updates in an epoch",
    "activations": "Activations",
}


def section(run: Run) -> Markup | None:
    """Return a picture for each layer and kind of values."""
    layers = run.snapshots.get("layers")
    if not layers:
        return None
    epochs = run.snapshots["epochs"]
    text = (
        f"Each picture has a column for an epoch, from {epochs[0]} to {epochs[-1]}, "
        "and darker cells for more values. A column that narrows to a line, or a layer "
        "whose updates stay at 0, does not learn."
    )
    rows = [_layer(name, kinds) for name, kinds in layers.items()]
    return markup(element("p", text, class_="note"), rows)


def _layer(name: str, kinds: dict[str, Any]) -> Markup:
    figures = [_figure(name, kind, kinds) for kind in _TITLES if kinds.get(kind)]
    return element("div", element("h3", name), figures, class_="weights")


def _figure(name: str, kind: str, kinds: dict[str, Any]) -> Markup:
    quantiles = np.asarray(kinds[kind], float)
    low, high = _range(quantiles)
    title = _TITLES[kind]
    limits = f"{number(low, 2)} to {number(high, 2)}"
    description = f"{title} of {name} by epoch, from {limits}."
    image = element("img", src=_image(quantiles, low, high), alt=description)
    note = _note(kind, kinds)
    caption = [
        title,
        element("small", limits),
        element("small", note) if note else None,
    ]
    return element("figure", image, element("figcaption", caption), class_="heat")


def _range(quantiles: np.ndarray) -> tuple[float, float]:
    """Return limits that contain all but the extreme values of an epoch."""
    low, high = float(quantiles[:, 1].min()), float(quantiles[:, -2].max())
    if high > low:
        return low, high
    margin = abs(low) * 0.1 or 1.0
    return low - margin, high + margin


def _image(quantiles: np.ndarray, low: float, high: float) -> str:
    """Draw the density of each column from its quantiles, the highest value on top."""
    count, size = quantiles.shape
    # One interpolation of all columns: column i is between 2 i and 2 i + 1, with
    # points at both sides where its distribution is 0 and 1.
    inner = np.clip((quantiles - low) / (high - low), -0.4, 1.4)
    sides = np.full((count, 1), 0.45)
    steps = np.concatenate([-sides, inner, 1 + sides], 1)
    # Equal quantiles are one step of the distribution, which must be increasing.
    steps += np.arange(size + 2) * 1e-9 + 2 * np.arange(count)[:, None]
    levels = np.concatenate([[0.0], np.linspace(0, 1, size), [1.0]])
    edges = np.linspace(0, 1, _BINS + 1) + 2 * np.arange(count)[:, None]
    below = np.interp(edges.ravel(), steps.ravel(), np.tile(levels, count))
    density = np.diff(below.reshape(count, -1), axis=1).T[::-1]
    share = density / np.maximum(density.max(0, keepdims=True), 1e-12)
    pixels = np.empty((*share.shape, 4), np.uint8)
    pixels[..., :3] = _COLOR
    pixels[..., 3] = (share**0.6 * 255).astype(np.uint8)
    return png_url(pixels)


def _note(kind: str, kinds: dict[str, Any]) -> str | None:
    """Return the main number about the last epoch."""
    ratio, zeros = kinds.get("ratio"), kinds.get("zeros")
    if kind == "updates" and ratio and ratio[-1] is not None:
        return f"{number(ratio[-1], 2)} of the weights"
    if kind == "activations" and zeros and zeros[-1] > 0.005:
        return f"{percent(zeros[-1])} are 0"
    return None
