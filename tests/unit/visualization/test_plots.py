"""Figures of predictions and weights."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import layers, visualization
from lamina.errors import ArgumentError, DataError, ShapeError
from lamina.ops import one_hot

TRUE = np.array([0, 0, 0, 1, 2, 2])
PREDICTED = np.array([0, 0, 1, 1, 0, 2])
COUNTS = [[2, 1, 0], [0, 1, 0], [1, 0, 1]]


def cells(figure):
    texts = [text.get_text() for text in figure.axes[0].texts]
    size = round(len(texts) ** 0.5)
    return [texts[i * size :][:size] for i in range(size)]


FORMS = {
    "indices": (TRUE, PREDICTED),
    "columns": (TRUE[:, None], PREDICTED[:, None]),
    "one-hot and probabilities": (one_hot(TRUE, 3), one_hot(PREDICTED, 3) * 0.7 + 0.1),
    "indices as floats": (TRUE.astype("float32"), PREDICTED),
}


@pytest.mark.parametrize("form", FORMS)
def test_confusion_of_each_form_of_labels(form):
    figure = visualization.plot_confusion(*FORMS[form])
    assert cells(figure) == [[str(n) for n in row] for row in COUNTS]
    assert figure.axes[0].get_title() == "66.7% of 6 correct"
    fractions = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(fractions.sum(1), 1)


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_confusion_of_two_classes_by_probability(shape):
    scores = np.array([0.2, 0.5, 0.7, 0.4]).reshape(shape)
    assert cells(visualization.plot_confusion([0, 0, 1, 1], scores)) == [
        ["1", "1"],
        ["1", "1"],
    ]


def test_confusion_has_names_and_shares(tmp_path):
    figure = visualization.plot_confusion(
        TRUE, PREDICTED, ["a", "b", "c", "d"], normalize=True, path=tmp_path / "a.png"
    )
    assert cells(figure)[2] == ["50%", "0%", "50%", "0%"]
    assert cells(figure)[3] == ["0%"] * 4
    names = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert names == ["a", "b", "c", "d"]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_confusion_of_many_classes_has_no_numbers():
    assert (
        visualization.plot_confusion(np.arange(30), np.arange(30)).axes[0].texts[:]
        == []
    )


def test_confusion_needs_a_label_for_each_class():
    with pytest.raises(DataError, match="from 0 to 1"):
        visualization.plot_confusion(TRUE, PREDICTED, ["a", "b"])


@pytest.mark.parametrize("y", [[], ["a", "b"], np.zeros((2, 2, 2))])
def test_confusion_of_values_that_are_no_classes_is_refused(y):
    with pytest.raises(ShapeError, match="Classes must be numbers"):
        visualization.plot_confusion(y, y)


@pytest.mark.parametrize(
    ("y", "labels", "error"),
    [([0], None, ShapeError), (None, ["a"], ArgumentError)],
)
def test_predictions_need_targets_and_names_of_all(y, labels, error):
    x = images([0, 1, 0], [1, 0, 0])
    with pytest.raises(error, match="Received: "):
        visualization.show_predictions(identity(), x, y, labels)


def identity():
    """A model that returns the first row of an image."""
    return lamina.Sequential([layers.Input((2, 3)), layers.Lambda(lambda x: x[:, 0])])


def images(*rows):
    return np.array([[row, np.zeros(len(row))] for row in rows], "float32")


X = images([0.1, 0.7, 0.2], [0.6, 0.3, 0.1])


def titles(figure):
    shown = [axes for axes in figure.axes if axes.images]
    return [(axes.get_title(), axes.title.get_color()) for axes in shown]


def test_predictions_are_named_and_wrong_ones_marked():
    figure = visualization.show_predictions(
        identity(), X, [1, 2], ["ant", "bee", "cat"]
    )
    assert titles(figure) == [
        ("bee (70%)", "black"),
        ("ant (60%)\ntrue: cat", "#c62828"),
    ]
    assert [
        text for text, _ in titles(visualization.show_predictions(identity(), X))
    ] == [
        "1 (70%)",
        "0 (60%)",
    ]


def test_logits_have_no_percentage():
    figure = visualization.show_predictions(identity(), X * 10, [1, 0])
    assert titles(figure) == [("1", "black"), ("0", "black")]


def test_outputs_of_one_value_are_probabilities_or_numbers():
    model = lamina.Sequential(
        [layers.Input((2, 3)), layers.Lambda(lambda x: x[:, 0, :1])]
    )
    shown = titles(visualization.show_predictions(model, X, [0, 0]))
    assert shown == [("0 (90%)", "black"), ("1 (60%)\ntrue: 0", "#c62828")]
    shown = titles(visualization.show_predictions(model, X, [0.5, 2.0]))
    assert shown == [("0.1\ntrue: 0.5", "black"), ("0.6\ntrue: 2", "black")]


def test_only_the_first_images_are_shown():
    many = np.repeat(X, 6, axis=0)
    assert len(titles(visualization.show_predictions(identity(), many, count=9))) == 9


@pytest.mark.parametrize(
    ("make", "x", "words"),
    [
        (identity, np.zeros((4, 3)), "must be images of shape"),
        (lambda: lamina.Sequential([layers.Input((2, 3))]), X, "one vector for each"),
    ],
)
def test_predictions_of_other_data_are_refused(make, x, words):
    with pytest.raises(ShapeError, match=words):
        visualization.show_predictions(make(), x)


KERNELS = {
    "color": (layers.Conv2D(4, 3), (8, 8, 3), 4, (3, 3, 3)),
    "gray": (layers.Conv2D(4, (3, 2)), (8, 8, 1), 4, (3, 2)),
    "one dimension": (layers.Conv1D(5, 3), (8, 2), 5, (1, 3)),
    "depthwise": (layers.DepthwiseConv2D(3, depth_multiplier=2), (8, 8, 2), 4, (3, 3)),
    "transposed": (layers.Conv2DTranspose(5, 3), (8, 8, 2), 5, (3, 3)),
}


@pytest.mark.parametrize("case", KERNELS)
def test_each_filter_is_an_image(case):
    layer, shape, count, size = KERNELS[case]
    layer.build((None, *shape))
    figure = visualization.plot_filters(layer)
    drawn = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert [image.shape for image in drawn] == [size] * count


def test_filters_show_the_chosen_channel_on_one_scale():
    layer = layers.Conv2D(3, 2)
    layer.build((None, 4, 4, 2))
    layer.kernel.assign(np.arange(24.0).reshape(2, 2, 2, 3) - 8)
    figure = visualization.plot_filters(layer, count=2, channel=1)
    assert len(figure.axes) == 2
    drawn = figure.axes[1].images[0]
    np.testing.assert_array_equal(drawn.get_array(), layer.kernel.numpy()[:, :, 1, 1])
    assert drawn.get_clim() == (-14, 14)


@pytest.mark.parametrize(
    ("layer", "channel", "words"),
    [(layers.Dense(2), 0, "must be a built convolution"), (None, 2, "from 0 to 1")],
)
def test_filters_of_other_layers_and_channels_are_refused(layer, channel, words):
    if layer is None:
        layer = layers.Conv2D(3, 2)
    layer.build((None, 4, 4, 2))
    with pytest.raises(ArgumentError, match=words):
        visualization.plot_filters(layer, channel=channel)
