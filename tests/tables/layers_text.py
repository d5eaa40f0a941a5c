"""Cases of the layers that hash values and split texts.

The expected outputs are those of Keras 3.15.1 with TensorFlow, which these layers of
Keras need and the oracle's environment does not have.
"""

from __future__ import annotations

import numpy as np

from tests.tables.cases import LayerCase

HOST = frozenset({"host"})
TEXTS = np.array([["Foo, bar! FOO"], ["the bar's Été"], [""], ["zz foo bar zz"]])
KNOWN = ["foo", "bar", "zz"]


def host(layer, name, expected, inputs, prepare=lambda layer: None, **options):
    def make(k):
        return getattr(k.layers, layer)(**options)

    expected = np.array(expected)
    return LayerCase(
        name, make, inputs, prepare=prepare, traits=HOST, expected=expected
    )


def text(name, expected, prepare=lambda layer: None, **options):
    name = f"text_vectorization{name}"
    case = host("TextVectorization", name, expected, (TEXTS,), prepare, **options)
    # The longest text sets the length of all rows.
    fixed = {"output_mode", "output_sequence_length"} & {*options}
    return case if fixed else case._replace(traits=HOST | {"sized by values"})


def adapt(layer):
    layer.adapt(TEXTS)


TEXT_VECTORIZATION = [
    text("", [[2, 3, 2, 0], [1, 1, 1, 0], [0] * 4, [4, 2, 3, 4]], vocabulary=KNOWN),
    text(
        "_cut",
        [[2, 3], [1, 1], [0, 0], [4, 2]],
        vocabulary=KNOWN,
        output_sequence_length=2,
    ),
    text(
        "_padded",
        [[2, 3, 2, 0, 0], [1, 1, 1, 0, 0], [0] * 5, [4, 2, 3, 4, 0]],
        vocabulary=KNOWN,
        output_sequence_length=5,
    ),
    text(
        "_lower",
        [[2, 1, 1, 0], [1, 3, 1, 0], [0] * 4, [1] * 4],
        vocabulary=["foo,", "bar's"],
        standardize="lower",
    ),
    text(
        "_stripped",
        [[2, 1, 1, 0], [1, 3, 1, 0], [0] * 4, [1] * 4],
        vocabulary=["Foo", "bars"],
        standardize="strip_punctuation",
    ),
    text(
        "_raw",
        [[2, 1, 3, 0], [1, 1, 1, 0], [0] * 4, [1] * 4],
        vocabulary=["Foo,", "FOO"],
        standardize=None,
        encoding="latin-1",
    ),
    text(
        "_characters",
        [[1, 2, 2, 3, 1, 4], [1, 1, 1, 3, 1, 4], [0] * 6, [1, 1, 3, 1, 2, 2]],
        vocabulary=["o", " ", "a"],
        split="character",
        output_sequence_length=6,
    ),
    text("_unsplit", [[1], [1], [0], [2]], vocabulary=["zz foo bar zz"], split=None),
    text(
        "_bigrams",
        [[2, 1, 2, 3, 4, 0, 0], [1] * 5 + [0] * 2, [0] * 7, [1, 2, 1, 1, 1, 3, 1]],
        vocabulary=["foo", "foo bar", "bar foo"],
        ngrams=2,
    ),
    text(
        "_trigrams",
        [[1, 3, 1, 3], [1] * 4, [0] * 4, [2, 1, 1, 3]],
        vocabulary=["zz foo bar", "foo"],
        ngrams=(3, 1),
        output_sequence_length=4,
    ),
    text(
        "_multi_hot",
        [[0, 1, 1, 0], [1, 0, 0, 0], [0] * 4, [0, 1, 1, 1]],
        vocabulary=KNOWN,
        output_mode="multi_hot",
    ),
    text(
        "_count",
        [[0, 2, 1, 0, 0, 0], [3, 0, 0, 0, 0, 0], [0] * 6, [0, 1, 1, 2, 0, 0]],
        vocabulary=KNOWN,
        output_mode="count",
        max_tokens=6,
        pad_to_max_tokens=True,
    ),
    text(
        "_tf_idf",
        [[0, 1.0, 0.25, 0], [1.75, 0, 0, 0], [0] * 4, [0, 0.5, 0.25, 2.0]],
        vocabulary=KNOWN,
        idf_weights=[0.5, 0.25, 1.0],
        output_mode="tf_idf",
    ),
    text(
        "_adapted",
        [[2, 4, 2, 0], [6, 7, 5, 0], [0] * 4, [3, 2, 4, 3]],
        adapt,
    ),
    text(
        "_adapted_tf_idf",
        [
            [0, 1.6945957, 0, 0.8472979],
            [2.7932081, 0, 0, 0],
            [0] * 4,
            [0, 0.8472979, 2.1972246, 0.8472979],
        ],
        adapt,
        output_mode="tf_idf",
        max_tokens=4,
    ),
]

WORDS = np.array([["omar", "stringer"], ["", "skywalker"]])
NUMBERS = np.array([[-3, 0], [7, 123456]])


def hashing(name, expected, values=WORDS, **options):
    return host("Hashing", f"hashing{name}", expected, (values,), **options)


HASHING = [
    hashing("", [[1, 4], [3, 0]], num_bins=5),
    hashing("_masked", [[3, 1], [0, 3]], num_bins=5, mask_value=""),
    hashing("_salted", [[4, 1], [0, 2]], num_bins=5, salt=[133, 137]),
    hashing("_numbers", [[2, 0], [1, 2]], NUMBERS, num_bins=5, salt=7, mask_value=0),
    hashing(
        "_one_hot",
        [[0, 0, 1.0], [0, 0, 1]],
        WORDS[:, :1],
        num_bins=3,
        output_mode="one_hot",
    ),
    hashing(
        "_multi_hot", [[0, 0, 1.0], [1, 0, 1]], num_bins=3, output_mode="multi_hot"
    ),
    hashing(
        "_count", [[1.0, 1, 0], [0, 1, 1]], NUMBERS, num_bins=3, output_mode="count"
    ),
    host(
        "HashedCrossing",
        "hashed_crossing",
        [45, 1],
        (WORDS[:, 0], NUMBERS[:, 0]),
        num_bins=50,
    ),
    host(
        "HashedCrossing",
        "hashed_crossing_one_hot",
        [[0, 0, 1.0], [0, 0, 1]],
        (NUMBERS[:, :1], WORDS[:, :1]),
        num_bins=3,
        output_mode="one_hot",
    ),
]
