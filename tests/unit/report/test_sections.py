"""Sections of reports of models: layers, predictions and rows."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from PIL import Image

import lamina
from lamina import layers
from lamina.report.collect.layers import layers_of
from lamina.report.collect.predictions import evaluate
from lamina.report.collect.rows import Rows, png_url, some_rows
from lamina.report.page.page import page
from lamina.report.run import Run
from tests.unit.report.test_page import HOSTILE, Tags

RNG = np.random.default_rng(0)
N = 24


def branched() -> Any:
    image = lamina.Input((4, 4, 1), name="image")
    other = lamina.Input((3,), name="other")
    first = layers.Conv2D(2, 3, padding="same", name="first")(image)
    second = layers.Conv2D(2, 3, padding="same", name="second")(first)
    added = layers.Add(name="sum")([first, second])
    flat = layers.Flatten(name="flat")(added)
    joined = layers.Concatenate(name="both")([flat, other])
    return lamina.Model([image, other], layers.Dense(3, name="out")(joined))


def test_layers_have_shapes_and_parameters_in_the_order_of_calls():
    rows = layers_of(branched())
    names = [row["name"] for row in rows]
    expected = ["image", "other", "first", "second", "sum", "flat", "both", "out"]
    assert names == expected
    assert rows[2]["shape"] == "4×4×2"
    out = rows[-1]
    assert (out["kind"], out["shape"], out["params"]) == ("Dense", "3", 35 * 3 + 3)


def test_layers_of_nested_and_subclassed_models_has_levels():
    inner = lamina.Sequential([layers.Dense(2, name="deep")], name="inner")
    model = lamina.Sequential([lamina.Input((4,)), inner])
    rows = layers_of(model)
    assert [(r["name"], r["level"]) for r in rows[1:]] == [("inner", 0), ("deep", 1)]

    class Own(lamina.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(2, name="own_dense")

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    model = Own()
    model(np.zeros((1, 3), "float32"))
    rows = layers_of(model)
    assert [(r["name"], r["params"]) for r in rows] == [("own_dense", 8)]


def test_shared_layer_is_counted_once():
    inputs = [lamina.Input((3,)), lamina.Input((3,))]
    shared = layers.Dense(3, name="shared")
    model = lamina.Model(inputs, layers.add([shared(i) for i in inputs]))
    counts = [r["params"] for r in layers_of(model) if r["name"] == "shared"]
    assert counts == [12, 0]


def compiled(outputs: int, activation: str | None, loss: Any) -> Any:
    model = lamina.Sequential([lamina.Input((4,)), layers.Dense(outputs, activation)])
    model.compile("sgd", loss, metrics=["accuracy"] if outputs > 1 else ["mae"])
    return model


X = RNG.normal(size=(N, 4)).astype("float32")
CLASSES = RNG.integers(0, 3, N)
BINARY = RNG.integers(0, 2, N)
LOGITS = lamina.losses.SparseCategoricalCrossentropy(from_logits=True)
CASES = {
    "sparse": (3, "softmax", "sparse_categorical_crossentropy", CLASSES, "classes"),
    "logits": (3, None, LOGITS, CLASSES, "classes"),
    "one-hot": (
        3,
        "softmax",
        "categorical_crossentropy",
        np.eye(3)[CLASSES],
        "classes",
    ),
    "binary": (1, "sigmoid", "binary_crossentropy", BINARY, "binary"),
    "labels": (3, "sigmoid", "binary_crossentropy", np.eye(3)[CLASSES], "labels"),
    "numbers": (1, None, "mse", X.sum(1), "numbers"),
    "several numbers": (2, None, "mae", X[:, :2], "numbers"),
}


@pytest.mark.parametrize("case", CASES)
def test_predictions_are_evaluated_by_the_loss(case):
    outputs, activation, loss, y, task = CASES[case]
    model = compiled(outputs, activation, loss)
    logs = model.evaluate(X, y, verbose=0, return_dict=True)
    (result,) = evaluate(model, (X, y), "given")
    assert (result["task"], result["rows"], result["total"]) == (task, N, N)
    if task == "classes":
        assert result["scores"]["accuracy"] == pytest.approx(logs["accuracy"])
        assert np.sum(result["matrix"]) == N
    if case == "numbers":
        assert result["scores"]["mae"] == pytest.approx(logs["mae"], rel=1e-4)
    run = Run("model", epochs=[1], logs={"loss": [1.0]}, evaluation=[result])
    text = Tags(page(run)).text
    assert "Predicted 24 rows." in text


def test_positions_of_sequences_are_classified():
    model = lamina.Sequential([lamina.Input((5,)), layers.Embedding(9, 3)])
    model.compile("sgd", LOGITS)
    x, y = RNG.integers(0, 9, (N, 5)), RNG.integers(0, 3, (N, 5))
    model.evaluate(x, y, verbose=0)
    y[:, -1] = -1  # ignored
    (result,) = evaluate(model, (x, y), "given")
    assert np.sum(result["matrix"]) == N * 4
    wrong = [(np.array(s["true"]) != s["pred"])[:4].sum() for s in result["sequences"]]
    assert wrong == sorted(wrong, reverse=True)
    assert "Sequences with most wrong positions" in page(
        Run("model", evaluation=[result])
    )


def test_targets_that_are_all_ignored_have_no_scores():
    model = compiled(3, None, LOGITS)
    (result,) = evaluate(model, (X, np.full(N, -1)), "given")
    assert result["scores"] == {}
    assert "Predicted 24 rows." in Tags(page(Run("m", evaluation=[result]))).text


class Batches(lamina.utils.PyDataset):
    """Two batches that can be read again."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Any:
        return X, X[:, 0]


def test_data_without_targets_or_read_once_has_no_predictions():
    model = compiled(1, None, "mse")
    assert evaluate(model, X, "given") == []
    assert evaluate(model, iter([(X, X[:, 0])]), "given") == []
    (result,) = evaluate(model, Batches(), "given")
    assert (result["rows"], result["total"]) == (2 * N, None)


def test_rows_of_nested_lists_are_those_of_arrays():
    sample = some_rows(([[1.0, 2.0], [3.0, 4.0]], [5, 6]), 10)
    assert sample is not None
    np.testing.assert_array_equal(sample.x, [[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(sample.y, [5, 6])


def test_rows_keep_their_number_when_some_are_taken():
    x = np.arange(100.0)[:, None]
    sample = some_rows((x, x), 5, share=0.4)
    assert sample is not None
    assert sample.total == 40
    assert sample.numbers[0] == 60
    assert Rows(sample.x, sample.numbers).show(4)["row"] == 99


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 2), (5, 7, 3), (5, 7, 4)])
def test_png_is_read_by_pillow(shape):
    pixels = RNG.integers(0, 256, shape).astype(np.uint8)
    data = base64.b64decode(png_url(pixels).partition(",")[2])
    read = np.asarray(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(read, pixels[..., 0] if shape[2:] == (1,) else pixels)


@pytest.mark.parametrize(
    ("x", "kind"),
    [
        (np.zeros((3, 8, 8, 3)), "image"),
        (np.zeros((3, 8, 8)), "image"),
        (np.zeros((3, 8, 2)), "series"),
        (np.ones((3, 20), int), "text"),
        (np.array(["a", "b", "c"]), "text"),
        (np.zeros((3, 4)), "table"),
        ([np.zeros((3, 4)), np.array(["a", "b", "c"])], "text"),
        (scipy.sparse.csr_matrix(np.eye(3, 20)), "table"),
    ],
)
def test_rows_are_shown_by_the_kind_of_data(x, kind):
    assert Rows(x, np.arange(3)).show(0)["kind"] == kind


def test_hostile_texts_and_class_names_are_shown(tmp_path: Path) -> None:
    words = np.array([HOSTILE, "good", "bad", "fine"] * 4)
    lookup = layers.TextVectorization(output_mode="multi_hot")
    lookup.adapt(words)
    model = lamina.Sequential(
        [lamina.Input((), dtype="string"), lookup, layers.Dense(2, "softmax")],
        name="<i>model",
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    path = tmp_path / "run.html"
    report = lamina.callbacks.Report(path, class_names=[HOSTILE, "other"])
    y = np.arange(16) % 2
    model.fit(words, y, verbose=0, report=report)
    tags = Tags(path.read_text(encoding="utf-8"))
    assert "onerror" not in {name for _, attrs in tags.found for name in attrs}
    assert [tag for tag, _ in tags.found].count("i") == 0
    assert tags.text.count(HOSTILE) >= 4
