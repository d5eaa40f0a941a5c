"""Tables, curves and figures for notebooks."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

import lamina
from lamina import callbacks, layers
from lamina.display import html_table, new_figure, sparkline

HOSTILE = "<script>alert('x')<_script>&"


def cells(html: str, tag: str = "td") -> list[str]:
    """The texts of cells; the HTML must be well-formed."""
    tree = ElementTree.fromstring(f"<div>{html.replace('<br>', '<br/>')}</div>")
    return ["".join(cell.itertext()) for cell in tree.iter(tag)]


def test_table_escapes_cells_and_aligns_columns():
    table = html_table(["a", "b"], [["1 < 2", HOSTILE]], ["left", "right"])
    assert cells(table) == ["1 < 2", HOSTILE]
    assert cells(table, "th") == ["a", "b"]
    assert table.count("text-align:right") == 2
    assert "<script" not in table


CURVES = {
    "falling": ([2.0, 1.0, 0.0], [[(2, 3), (45, 11), (88, 19)]]),
    "constant": ([5.0, 5.0], [[(2, 11), (88, 11)]]),
    "one value": ([5.0], [[(2, 11)]]),
    "gap": ([0.0, math.nan, 1.0, 1.0], [[(2, 19)], [(59.3, 3), (88, 3)]]),
    "nothing": ([], []),
    "nan": ([math.nan, math.inf], []),
}


@pytest.mark.parametrize("case", CURVES)
def test_curve_passes_through_the_values(case):
    values, lines = CURVES[case]
    path = ElementTree.fromstring(sparkline(values)).find("path").get("d")
    found = [
        [tuple(map(float, point.split())) for point in line.split("L")]
        for line in path.removesuffix("h0").split("M")[1:]
    ]
    assert found == lines


def test_layer_shows_arguments_and_weights():
    layer = layers.Dense(3, activation="relu", name=HOSTILE)
    assert "Not built" in layer._repr_html_()
    layer.build((None, 2))
    layer.trainable = False
    html = layer._repr_html_()
    assert cells(html)[:4] == ["units", "3", "activation", "'relu'"]
    kernel = cells(html)[4:9]
    assert kernel[0].endswith("kernel")
    assert kernel[1:] == ["(2, 3)", "float32", "6", "N"]
    assert cells(html, "b") == [f"Dense: {HOSTILE}"]
    assert "<script" not in html


def test_layer_without_arguments_or_weights_is_its_name():
    layer = layers.Flatten(name="flat")
    layer.build((None, 2))
    assert layer._repr_html_() == "<b>Flatten: flat</b>"


def test_layers_of_layers_show_all_weights():
    layer = layers.Bidirectional(layers.SimpleRNN(2))
    layer.build((None, 3, 1))
    shapes = [cell for cell in cells(layer._repr_html_()) if cell.startswith("(")]
    assert shapes == ["(1, 2)", "(2, 2)", "(2,)"] * 2


def test_history_has_a_curve_for_each_metric():
    history = callbacks.History()
    history.epoch = [0, 1]
    history.history = {"loss": [2.0, 1.0], HOSTILE: ["text", "more"]}
    html = history._repr_html_()
    assert cells(html, "th") == ["epoch", "loss", HOSTILE]
    assert cells(html) == ["1", "2", "'text'", "2", "1", "'more'"]
    assert html.count("<svg") == 2


@pytest.mark.parametrize(
    "show",
    [
        lambda: lamina.Sequential([layers.Input((2,)), layers.Dense(1)])._repr_html_(),
        lambda: layers.Dense(1)._repr_html_(),
        lambda: callbacks.History()._repr_html_(),
    ],
)
def test_html_takes_the_colors_of_the_page(show):
    assert not re.search(r"#[0-9a-f]{3}|color:|background", show())


def test_figure_has_axes_row_by_row_and_shows_itself():
    figure, axes = new_figure(3, 2, 1.0, 2.0)
    assert tuple(figure.get_size_inches()) == (3.0, 4.0)
    assert axes == figure.axes and len(axes) == 6
    assert axes[1].get_subplotspec().colspan.start == 1
    assert figure._repr_png_().startswith(b"\x89PNG")
