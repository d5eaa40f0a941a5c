"""Wrong arguments and wrong inputs: the class of the error, and what it must name."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import layers, ops
from lamina.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    LaminaError,
    ShapeError,
    StateError,
)

ROWS, IMAGES = np.ones((2, 3)), np.ones((2, 8, 8, 3))


def built(layer, x):
    layer(x)
    return layer


CASES = {
    "units": (lambda: layers.Dense(-4), ArgumentError, "Dense units -4"),
    "keyword": (
        lambda: layers.Dense(4, actvation="relu"),
        ArgumentTypeError,
        "Dense actvation activation",
    ),
    "keyword_of_a_plain_layer": (
        lambda: layers.Add(axis=1),
        ArgumentTypeError,
        "Add axis",
    ),
    "mask": (
        lambda: layers.LSTM(4)(np.ones((2, 5, 3)), mask=np.ones((2, 4), bool)),
        ShapeError,
        "mask (2, 4) 5 steps",
    ),
    "padding": (
        lambda: layers.Conv2D(4, 3, padding="smae"),
        ArgumentError,
        "Conv2D padding smae 'same'",
    ),
    "causal_images": (
        lambda: layers.Conv2D(4, 3, padding="causal"),
        ArgumentError,
        "Conv2D padding causal",
    ),
    "kernel_size": (
        lambda: layers.Conv2D(4, (3, 3, 3)),
        ArgumentError,
        "Conv2D kernel_size (3, 3, 3)",
    ),
    "groups": (
        lambda: layers.Conv2D(4, 3, groups=3),
        ArgumentError,
        "Conv2D filters groups",
    ),
    "rate": (lambda: layers.Dropout(50), ArgumentError, "Dropout rate 50"),
    "shape_is_a_number": (
        lambda: layers.Input(10),
        ArgumentError,
        "InputLayer shape (10,)",
    ),
    "no_shape": (lambda: layers.Input(), ArgumentError, "shape batch_shape"),
    "dims": (lambda: layers.Permute((0, 1)), ArgumentError, "Permute dims (0, 1)"),
    "mask_without_input": (
        lambda: layers.Add(name="a").compute_mask([ROWS, ROWS], [None]),
        ArgumentError,
        "'a' Add compute_mask",
    ),
    "mask_is_no_list": (
        lambda: layers.Add(name="a").compute_mask([ROWS, ROWS], ROWS),
        ArgumentError,
        "'a' Add compute_mask",
    ),
    "mask_is_larger": (
        lambda: layers.Softmax(name="s")(np.ones((1, 3)), mask=np.ones((2, 3), bool)),
        ShapeError,
        "'s' Softmax (2, 3) (1, 3)",
    ),
    "mask_does_not_broadcast": (
        lambda: layers.Softmax(name="s")(np.ones((1, 3)), mask=np.ones((1, 2), bool)),
        ShapeError,
        "'s' Softmax (1, 2) (1, 3)",
    ),
    "no_channels": (
        lambda: layers.Conv2D(4, 3, name="first")(np.ones((2, 28, 28))),
        ShapeError,
        "'first' Conv2D (2, 28, 28) x[..., None]",
    ),
    "other_channels": (
        lambda: built(layers.Conv2D(4, 3, name="c"), IMAGES)(IMAGES[..., :1]),
        ShapeError,
        "'c' Conv2D 3 (2, 8, 8, 1)",
    ),
    "channels_first_by_mistake": (
        lambda: built(layers.Conv1D(4, 3, data_format="channels_first"), ROWS[None])(
            np.ones((1, 3, 3))
        ),
        ShapeError,
        "Conv1D (1, 3, 3)",
    ),
    "kernel_too_large": (
        lambda: layers.Conv2D(4, 9, name="c")(IMAGES),
        ShapeError,
        "'c' (9, 9) (8, 8) padding='same'",
    ),
    "pool_too_large": (
        lambda: layers.MaxPooling2D(9, name="p")(IMAGES),
        ShapeError,
        "'p' (9, 9) (8, 8)",
    ),
    "other_features": (
        lambda: built(layers.Dense(4, name="d"), ROWS)(np.ones((2, 5))),
        ShapeError,
        "'d' Dense 3 (2, 5)",
    ),
    "features_not_known": (
        lambda: layers.Dense(4, name="d")(layers.Input((None,))),
        ShapeError,
        "'d' Dense None Input(shape=",
    ),
    "a_single_row": (
        lambda: layers.Dense(4)(np.ones(3)),
        ShapeError,
        "Dense (3,) x[None]",
    ),
    "reshape": (
        lambda: layers.Reshape((5, -1))(np.ones((2, 24))),
        ShapeError,
        "Reshape (5, -1) (24,)",
    ),
    "cropping": (
        lambda: layers.Cropping2D(4)(IMAGES),
        ShapeError,
        "Cropping2D (2, 8, 8, 3)",
    ),
    "add": (
        lambda: layers.Add(name="sum")([ROWS, np.ones((2, 4))]),
        ShapeError,
        "'sum' Add (2, 3) (2, 4)",
    ),
    "add_of_one": (lambda: layers.Add()(ROWS), ArgumentError, "Add list (2, 3)"),
    "subtract_of_three": (
        lambda: layers.Subtract()([ROWS] * 3),
        ArgumentError,
        "Subtract 2 3",
    ),
    "concatenate": (
        lambda: layers.Concatenate(axis=1)([np.ones((2, 3, 4)), np.ones((2, 3, 5))]),
        ShapeError,
        "Concatenate (2, 3, 4) (2, 3, 5) axis 1",
    ),
    "dot": (
        lambda: layers.Dot(axes=1)([ROWS, np.ones((2, 4))]),
        ShapeError,
        "Dot (2, 3) (2, 4)",
    ),
    "maxout": (lambda: layers.Maxout(2)(ROWS), ShapeError, "Maxout 2 (2, 3)"),
    "normalization_axis": (
        lambda: layers.BatchNormalization(axis=3)(ROWS),
        ShapeError,
        "axis 3 (2, 3)",
    ),
    "group_normalization": (
        lambda: layers.GroupNormalization(2)(ROWS),
        ShapeError,
        "GroupNormalization 2 (2, 3)",
    ),
    "prelu_of_any_size": (
        lambda: layers.PReLU()(layers.Input((None, 3))),
        ShapeError,
        "PReLU shared_axes",
    ),
    "category": (
        lambda: layers.CategoryEncoding(3)(np.array([[3]])),
        DataError,
        "CategoryEncoding num_tokens 3",
    ),
    "lookup_without_vocabulary": (
        lambda: layers.StringLookup()(["a"]),
        StateError,
        "StringLookup adapt",
    ),
    "lambda_of_a_string": (
        lambda: layers.Lambda("relu"),
        ArgumentError,
        "Lambda function 'relu'",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_error_names_the_layer_and_what_came(case):
    act, error, words = CASES[case]
    with pytest.raises(error) as caught:
        act()
    assert isinstance(caught.value, LaminaError)
    message = str(caught.value)
    for word in words.split():
        assert word in message


def test_an_error_inside_a_call_says_which_layer():
    inner = layers.Lambda(lambda x: x @ np.ones((7, 2), "float32"), name="product")
    with pytest.raises(TypeError) as caught:
        inner(ROWS)
    notes = "".join(caught.value.__notes__)
    assert "'product'" in notes
    assert "(2, 3)" in notes


@pytest.mark.parametrize("name", layers.__all__)
def test_declared_bad_values_are_refused(name):
    for check in getattr(getattr(layers, name), "arguments", {}).values():
        assert not any(check.accepts(value) for value in check.bad)


def test_array_does_not_replace_a_weight():
    layer = layers.Dense(3)
    layer.build((None, 4))
    for array in (np.ones((4, 3)), ops.ones((4, 3))):
        with pytest.raises(ArgumentTypeError, match=r"layer\.kernel\.assign\(array\)"):
            layer.kernel = array
    layer.kernel.assign(np.ones((4, 3)))
    assert layer(np.ones((1, 4))).tolist() == [[4.0, 4.0, 4.0]]
