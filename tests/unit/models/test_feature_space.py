"""Columns of a table, encoded."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.utils import FeatureSpace

NUMBERS = list(range(10))
TABLE = {
    **{f"float_{i}": [n / 10 for n in NUMBERS] for i in (1, 2, 3)},
    **{f"int_{i}": NUMBERS for i in (1, 2, 3)},
    **{f"string_{i}": [str(n) for n in NUMBERS] for i in (1, 2)},
}
ROW = {name: column[3] for name, column in TABLE.items()}
FEATURES = {
    "float_1": "float",
    "float_2": "float_normalized",
    "float_3": "float_discretized",
    "string_1": "string_categorical",
    "string_2": "string_hashed",
    "int_1": "integer_categorical",
    "int_2": "integer_hashed",
    "int_3": "integer_categorical",
}
CROSSES = [("float_3", "string_1"), ("string_2", "int_2")]
# Of the row, by Keras 3.15.1 with TensorFlow: where a number is not 0.
NONZERO = [0, 1, 6, 41, 54, 84, 95, 108, 134, 186]


def space(**options):
    made = FeatureSpace(FEATURES, crosses=CROSSES, **options)
    made.adapt(TABLE)
    return made


def test_encoding_is_that_of_keras():
    made = space()
    row = np.asarray(made(ROW))
    assert np.flatnonzero(row).tolist() == NONZERO
    np.testing.assert_allclose(row[:2], [0.3, -0.5222330], rtol=1e-5)
    np.testing.assert_allclose(made(TABLE)[3], row, rtol=1e-6)


def arrays(rows=slice(None)):
    return {name: np.array(column[rows]) for name, column in TABLE.items()}


def rows():
    return [{n: np.asarray(c[i]) for n, c in TABLE.items()} for i in NUMBERS]


@pytest.mark.parametrize(
    "dataset",
    [rows(), [(row, 1) for row in rows()], [arrays(slice(4)), arrays(slice(4, None))]],
    ids=["rows", "labeled", "batches"],
)
def test_adapt_takes_data_sets(dataset):
    made = FeatureSpace(FEATURES, crosses=CROSSES)
    made.adapt(dataset)
    np.testing.assert_allclose(made(TABLE)[:, :2], space()(TABLE)[:, :2], rtol=1e-5)
    assert made.preprocessors["string_1"].vocabulary_size() == 11


def test_features_have_arguments():
    made = FeatureSpace(
        {
            "float_1": FeatureSpace.float_rescaled(2.0, 1.0),
            "float_3": FeatureSpace.float_discretized(None, [0.25, 0.5], "int"),
            "int_1": FeatureSpace.integer_categorical(5, 2, "int"),
            "string_1": FeatureSpace.string_categorical(output_mode="int"),
            "string_2": FeatureSpace.feature(
                "string", layers.TextVectorization(output_mode="count"), "float"
            ),
        },
        crosses=[FeatureSpace.cross(("float_3", "string_1"), 9, "int")],
        output_mode="dict",
    )
    made.adapt(TABLE)
    encoded = made(ROW)
    assert encoded["float_1"].tolist() == pytest.approx([1.6])
    assert encoded["float_3"].tolist() == [1]
    assert encoded["string_1"].tolist() == [7]
    assert encoded["string_2"].shape == (11,)
    assert encoded["float_3_X_string_1"].dtype == "int32"


def test_a_saved_space_encodes_and_saves_as_before(tmp_path):
    made = space()
    expected = made(TABLE)
    for name in ("once.keras", "twice.keras"):
        made.save(tmp_path / name)
        made = lamina.models.load_model(tmp_path / name)
        np.testing.assert_allclose(made(TABLE), expected, rtol=1e-6)
    model = lamina.Model(made.get_inputs(), made.get_encoded_features())
    np.testing.assert_allclose(model.predict(arrays()), expected, rtol=1e-6)


def test_a_model_trains_on_raw_or_on_encoded_columns():
    made = space()
    inputs, encoded = made.get_inputs(), made.get_encoded_features()
    y = np.arange(10.0)
    model = lamina.Model(inputs, layers.Dense(1)(encoded))
    model.compile("adam", "mse")
    model.fit(arrays(), y, verbose=0, validation_split=0.2)
    vectors = layers.Input((195,))
    model = lamina.Model(vectors, layers.Dense(1)(vectors))
    model.compile("adam", "mse")
    model.fit(iter([(made(TABLE), y)]), verbose=0)


def test_layers_with_given_values_need_no_adapt():
    made = FeatureSpace(
        {
            "int_1": "integer_hashed",
            "float_1": FeatureSpace.feature(
                "float32", layers.Normalization(mean=0.5, variance=4.0), "float"
            ),
        },
        output_mode="dict",
    )
    assert made(ROW)["float_1"].tolist() == pytest.approx([-0.1])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"features": {}}, "cannot be None or empty"),
        ({"crosses": [("a", "b")], "crossing_dim": None}, "`crossing_dim`"),
        ({"crosses": [("a", "unknown")]}, "should be present in"),
        ({"output_mode": "unknown"}, "for argument `output_mode`"),
        ({"features": {"a": "floats"}}, "string_hashed"),
    ],
)
def test_invalid_arguments_are_refused(options, words):
    features = {"a": "integer_categorical", "b": "integer_categorical"}
    with pytest.raises(lamina.errors.ArgumentError, match=words):
        FeatureSpace(**{"features": features} | options)


def test_adapt_comes_before_calls_and_needs_data_that_can_be_read_again():
    made = FeatureSpace({"a": "integer_categorical"})
    with pytest.raises(lamina.errors.StateError, match=r"call `\.adapt"):
        made({"a": [0]})
    with pytest.raises(lamina.errors.DataError, match="iterated again"):
        made.adapt(iter([{"a": 1}]))
    made.adapt({"a": [1, 2]})
    with pytest.raises(lamina.errors.ArgumentError, match="dict of columns"):
        made([1])


def test_integers_cannot_be_concatenated():
    made = FeatureSpace({"a": FeatureSpace.integer_hashed(3, output_mode="int")})
    with pytest.raises(lamina.errors.ArgumentError, match="output_mode='dict'"):
        made({"a": [1]})
