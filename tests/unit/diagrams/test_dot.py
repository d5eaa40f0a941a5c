"""Models as diagrams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import lamina
from lamina import layers
from lamina.errors import StateError
from lamina.utils import model_to_dot, plot_model

pydot = pytest.importorskip("pydot")


def wired() -> lamina.Model:
    x = lamina.Input((4,), name="x")
    inner = lamina.Sequential(
        [lamina.Input((4,)), layers.Dense(3, activation="relu", name="first")],
        name="inner",
    )
    y = layers.Add(name="sum")([inner(x) * 2, layers.Dense(3, name="other")(x)])
    return lamina.Model(x, y, name="outer")


def edges(dot: Any) -> set[tuple[str, str]]:
    """The arrows by what stands first in the boxes at their ends."""
    titles: dict[str, str] = {}
    arrows: list[Any] = []

    def read(graph: Any) -> None:
        for node in graph.get_nodes():
            if node.get_name() not in ("node", "edge", "graph"):
                label = node.get("label")
                titles[node.get_name()] = label.split("<b>")[1].split(" (")[0]
        arrows.extend(graph.get_edges())
        for inner in graph.get_subgraphs():
            read(inner)

    read(dot)
    return {(titles[a.get_source()], titles[a.get_destination()]) for a in arrows}


def test_arrows_go_from_layer_to_layer() -> None:
    assert edges(model_to_dot(wired())) == {
        ("x", "inner"),
        ("inner", "multiply"),
        ("x", "other"),
        ("multiply", "sum"),
        ("other", "sum"),
    }


def test_nested_models_can_be_expanded() -> None:
    dot = model_to_dot(wired(), expand_nested=True)
    assert [c.get("label") for c in dot.get_subgraphs()] == ["inner"]
    found = edges(dot)
    assert {("first", "multiply"), ("x", "other"), ("other", "sum")} < found
    assert [end for start, end in found if start == "x" and end != "other"] == [
        start for start, end in found if end == "first"
    ]


SAID = {
    "show_shapes": ("input: (None, 4)", "output: (None, 3)"),
    "show_dtype": ("type: float32",),
    "show_layer_activations": ("activation: linear",),
    "show_trainable": (">trained<", ">not trained<"),
}


@pytest.mark.parametrize("option", SAID)
def test_boxes_have_the_requested_options(option: str) -> None:
    model = wired()
    model.get_layer("other").trainable = False
    plain = model_to_dot(model).to_string()
    told = model_to_dot(model, **{option: True}).to_string()
    for text in SAID[option]:
        assert text in told and text not in plain
    assert "other" not in model_to_dot(model, show_layer_names=False).to_string()


def test_options_of_the_whole_and_clusters() -> None:
    dot = model_to_dot(wired(), rankdir="LR", dpi=72)
    assert dot.get("rankdir") == "LR" and dot.get("dpi") == 72
    assert isinstance(model_to_dot(wired(), subgraph=True), pydot.Cluster)


def test_the_diagram_as_text(tmp_path: Path) -> None:
    plot_model(wired(), tmp_path / "model.dot", show_layer_names=True)
    assert "other (Dense)" in (tmp_path / "model.dot").read_text()


def test_unbuilt_model_cannot_be_drawn() -> None:
    with pytest.raises(StateError, match="no graph of layers to draw"):
        model_to_dot(lamina.Sequential([layers.Dense(2)]))
