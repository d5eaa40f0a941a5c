"""Models drawn as SVG and as images."""

from __future__ import annotations

import struct
from typing import Any
from xml.etree import ElementTree

import pytest

import lamina
from lamina import layers
from lamina.diagrams import model_plot
from lamina.diagrams.diagram import Details
from lamina.diagrams.svg import model_svg
from lamina.errors import ArgumentError, StateError
from lamina.utils import plot_model
from tests.unit.diagrams.test_dot import wired

HOSTILE = "<script>alert('1')<_script>&\"x"


def elements(svg: str, tag: str) -> list[Any]:
    return list(
        ElementTree.fromstring(svg).iter(f"{{http://www.w3.org/2000/svg}}{tag}")
    )


def texts(svg: str) -> list[str]:
    return [text.text for text in elements(svg, "text")]


def place(rectangle: Any) -> tuple[float, ...]:
    x, y, width, height = (
        float(rectangle.get(k)) for k in ("x", "y", "width", "height")
    )
    return x, y, x + width, y + height


def test_each_layer_and_tensor_is_drawn() -> None:
    svg = model_svg(wired())
    shown = texts(svg)
    for title in ("x (InputLayer)", "inner (Sequential)", "multiply (function)"):
        assert title in shown
    assert shown[shown.index("other (Dense)") :][:3] == [
        "other (Dense)", "output: (None, 3)", "15 parameters",
    ]  # fmt: skip
    paths = [path.get("class") for path in elements(svg, "path")]
    assert paths.count("arrow") == paths.count("head") == 5


def test_kinds_of_layers_are_told_apart() -> None:
    model = wired()
    model.get_layer("other").trainable = False
    groups = elements(model_svg(model, Details()), "g")
    tones = {g.findtext("{*}text"): g.get("class") for g in groups}
    assert tones == {
        "x (InputLayer)": "input",
        "inner (Sequential)": "trained",
        "multiply (function)": "plain",
        "other (Dense)": "frozen",
        "sum (Add)": "plain",
    }


def test_layers_of_nested_models_are_inside_a_frame() -> None:
    svg = model_svg(wired(), Details(nested=True))
    found = {g.findtext("{*}text"): g.find("{*}rect") for g in elements(svg, "g")}
    left, top, right, bottom = place(found["inner"])
    for title, rectangle in found.items():
        x, y, to_x, to_y = place(rectangle)
        inside = left <= x and top <= y and to_x <= right and to_y <= bottom
        assert inside == (
            title in ("inner", "first (Dense)", "input_layer (InputLayer)")
        )


@pytest.mark.parametrize(
    ("direction", "axis", "sign"),
    [("TB", 1, 1), ("BT", 1, -1), ("LR", 0, 1), ("RL", 0, -1)],
)
def test_arrows_have_the_direction(direction: str, axis: int, sign: int) -> None:
    model = lamina.Sequential([lamina.Input((2,)), layers.Dense(1), layers.ReLU()])
    places = [
        place(r)[axis] for r in elements(model_svg(model, None, direction), "rect")
    ]
    steps = [b - a for a, b in zip(places, places[1:], strict=False)]
    assert len(steps) == 2 and all(sign * step > 0 for step in steps)


def test_names_with_markup_are_shown_as_text() -> None:
    inputs = lamina.Input((2,))
    outputs = layers.Dense(1, name=HOSTILE)(inputs)
    svg = model_svg(lamina.Model(inputs, outputs, name=HOSTILE))
    assert f"{HOSTILE} (Dense)" in texts(svg)
    assert "<script" not in svg
    assert HOSTILE in ElementTree.fromstring(svg).get("aria-label", "")


def test_long_names_are_shortened_and_complete_in_the_tooltip() -> None:
    name = "a" * 60 + "b" * 60
    model = lamina.Sequential([lamina.Input((2,)), layers.Dense(1, name=name)])
    svg = model_svg(model)
    title = texts(svg)[2]
    assert title.startswith("aaa") and title.endswith("b (Dense)") and "…" in title
    assert len(title) < 50
    assert any(name in (t.text or "") for t in elements(svg, "title"))


def test_layer_called_on_its_own_output_has_a_loop() -> None:
    inputs = lamina.Input((2,))
    shared = layers.Dense(2)
    svg = model_svg(lamina.Model(inputs, shared(shared(inputs))))
    arrows = [p for p in elements(svg, "path") if p.get("class") == "arrow"]
    assert len(arrows) == 2


def test_models_without_a_graph_are_one_box() -> None:
    class Own(lamina.Model):
        def __init__(self) -> None:
            super().__init__(name="own")
            self.dense = layers.Dense(1)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    model = Own()
    with pytest.raises(StateError, match="no graph of layers to draw"):
        model_svg(model)
    model.build((None, 2))
    assert texts(model_svg(model))[0] == "own (Own)"


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("model.png", b"\x89PNG"),
        ("model", b"\x89PNG"),
        ("model.svg", b"<svg "),
        ("model.pdf", b"%PDF"),
    ],
)
def test_file_has_the_format_of_its_extension(
    name: str, start: bytes, tmp_path
) -> None:
    plot_model(wired(), tmp_path / name, show_shapes=True, dpi=50)
    assert (tmp_path / name).read_bytes().startswith(start)


@pytest.mark.parametrize("limit", ["_LARGEST_SIDE", "_MOST_PIXELS"])
def test_images_have_a_largest_size(limit: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(model_plot, limit, 200)
    plot_model(wired(), tmp_path / "model.png")
    header = (tmp_path / "model.png").read_bytes()[16:24]
    width, height = struct.unpack(">II", header)
    assert (max(width, height) if limit == "_LARGEST_SIDE" else width * height) <= 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"to_file": "model.docx"}, "must end in '.png'"),
        ({"rankdir": "up", "to_file": "model.svg"}, "must be 'TB', 'BT', 'LR' or 'RL'"),
    ],
)
def test_unknown_formats_and_directions_are_refused(arguments, words, tmp_path) -> None:
    arguments["to_file"] = tmp_path / arguments["to_file"]
    with pytest.raises(ArgumentError, match=words):
        plot_model(wired(), **arguments)
