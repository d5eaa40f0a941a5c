"""Layers that no oracle can speak for: Keras has no Maxout, and its lookups need
TensorFlow. The expected outputs are worked out by hand."""

from __future__ import annotations

import numpy as np

from tests.tables.arrays import floats
from tests.tables.cases import LayerCase

ROWS = floats(5, 6)
IMAGES = floats(2, 3, 4, 6)
IMAGES_FIRST = floats(2, 6, 3, 4)

MAXOUT = [
    LayerCase(
        "maxout",
        lambda k: k.layers.Maxout(3),
        (ROWS,),
        expected=np.maximum(np.maximum(ROWS[:, ::3], ROWS[:, 1::3]), ROWS[:, 2::3]),
    ),
    LayerCase(
        "maxout_on_images",
        lambda k: k.layers.Maxout(2),
        (IMAGES,),
        expected=np.maximum(IMAGES[..., ::2], IMAGES[..., 1::2]),
    ),
    LayerCase(
        "maxout_axis_1",
        lambda k: k.layers.Maxout(2, axis=1),
        (IMAGES_FIRST,),
        expected=np.maximum(IMAGES_FIRST[:, ::2], IMAGES_FIRST[:, 1::2]),
    ),
    LayerCase("maxout_of_one", lambda k: k.layers.Maxout(1), (ROWS,), expected=ROWS),
]

PENALTIES = [
    LayerCase(
        "activity_regularization",
        lambda k: k.layers.ActivityRegularization(l1=0.1, l2=0.2),
        (ROWS,),
        expected=ROWS,
    ),
]

LETTERS = np.array([["a", "c", "d", "d"], ["d", "z", "b", "z"]])
KNOWN = ["a", "b", "c", "d"]


def lookup(name, expected, letters=LETTERS, prepare=lambda layer: None, **options):
    return LayerCase(
        f"string_lookup{name}",
        lambda k: k.layers.StringLookup(**options),
        (letters,),
        prepare=prepare,
        traits=frozenset({"host"}),
        expected=np.array(expected),
    )


STRING_LOOKUP = [
    lookup("", [[1, 3, 4, 4], [4, 0, 2, 0]], vocabulary=KNOWN),
    lookup(
        "_masked",
        [[2, 0, 1]],
        np.array([["a", "", "z"]]),
        vocabulary=KNOWN,
        mask_token="",
    ),
    lookup(
        "_without_unknown",
        [[0, 2, 3, 1]],
        np.array([["a", "c", "d", "b"]]),
        vocabulary=KNOWN,
        num_oov_indices=0,
    ),
    lookup(
        "_one_hot",
        [[0, 1, 0, 0, 0], [0, 0, 0, 1, 0], [1, 0, 0, 0, 0]],
        np.array(["a", "c", "z"]),
        vocabulary=KNOWN,
        output_mode="one_hot",
    ),
    lookup(
        "_multi_hot",
        [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]],
        vocabulary=KNOWN,
        output_mode="multi_hot",
    ),
    lookup(
        "_count",
        [[0, 1, 0, 1, 2], [2, 0, 1, 0, 1]],
        vocabulary=KNOWN,
        output_mode="count",
    ),
    # Unknown words weigh the mean of all weights: 0.5.
    lookup(
        "_tf_idf",
        np.array([[0, 0.25, 0, 0.6, 0.8], [1.0, 0, 0.75, 0, 0.4]], "float32"),
        vocabulary=KNOWN,
        idf_weights=[0.25, 0.75, 0.6, 0.4],
        output_mode="tf_idf",
    ),
    lookup(
        "_padded",
        [[0, 1, 0, 1, 2, 0, 0], [2, 0, 1, 0, 1, 0, 0]],
        vocabulary=KNOWN,
        output_mode="count",
        max_tokens=7,
        pad_to_max_tokens=True,
    ),
    lookup(
        "_inverted",
        [["a", "c", "d"], ["d", "[UNK]", "b"]],
        np.array([[1, 3, 4], [4, 0, 2]]),
        vocabulary=KNOWN,
        invert=True,
    ),
    # The commonest words first, equally common ones from the end of the alphabet:
    # z, d, c, b, a.
    lookup(
        "_adapted",
        [[5, 3, 2, 2], [2, 1, 4, 1]],
        prepare=lambda layer: layer.adapt([["a", "c", "d"], ["d", "z", "b"], ["z"]]),
    ),
    lookup(
        "_adapted_to_the_commonest",
        [[0, 0, 2, 2], [2, 1, 0, 1]],
        prepare=lambda layer: layer.adapt([["a", "c", "d"], ["d", "z", "b"], ["z"]]),
        max_tokens=3,
    ),
]

NUMBERS = np.array([[12, 1138, 42], [42, 1000, 36]])


def integers(name, expected, numbers=NUMBERS, **options):
    return LayerCase(
        f"integer_lookup{name}",
        lambda k: k.layers.IntegerLookup(vocabulary=[12, 36, 1138, 42], **options),
        (numbers,),
        traits=frozenset({"host"}),
        expected=np.array(expected),
    )


INTEGER_LOOKUP = [
    integers("", [[1, 3, 4], [4, 0, 2]]),
    integers("_masked", [[2, 4, 5], [5, 1, 3]], mask_token=0),
    integers("_multi_hot", [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]], output_mode="multi_hot"),
    integers(
        "_inverted",
        [[12, 1138], [42, -1]],
        np.array([[1, 3], [4, 0]]),
        invert=True,
    ),
]

# Quarters of one to eight end at two, four and six.
DISCRETIZATION = [
    LayerCase(
        "discretization_adapted",
        lambda k: k.layers.Discretization(num_bins=4),
        (np.array([[1.5, 2.0], [4.5, 9.0]], "float32"),),
        prepare=lambda layer: layer.adapt(np.arange(1.0, 9.0)),
        traits=frozenset({"jumps"}),
        expected=np.array([[0, 1], [2, 3]], "int32"),
    ),
]
