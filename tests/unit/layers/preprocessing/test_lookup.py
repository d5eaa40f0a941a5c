"""Vocabularies: learning, keeping and using them."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.core.module import Untracked
from lamina.errors import (
    ArgumentError,
    DataError,
    FileFormatError,
    MissingFileError,
    StateError,
)

TEXTS = [["a", "c", "d"], ["d", "z", "b"]]


@pytest.mark.parametrize(
    "data",
    [
        TEXTS,
        np.array(TEXTS),
        np.array(TEXTS, object),
        np.array(TEXTS, "S"),
        [np.array(TEXTS[0]), np.array(TEXTS[1])],
        [["a", "c", "d", "d"], ["z", "b"]],
    ],
    ids=["lists", "unicode", "objects", "bytes", "batches", "unequal"],
)
def test_vocabulary_is_by_frequency_then_backwards(data):
    layer = layers.StringLookup()
    layer.adapt(data)
    assert layer.get_vocabulary() == ["[UNK]", "d", "z", "c", "b", "a"]
    assert layer.vocabulary_size() == 6
    assert layer.get_vocabulary(include_special_tokens=False)[0] == "d"


def test_rare_words_are_cut_and_special_ones_skipped():
    layer = layers.StringLookup(max_tokens=4, mask_token="")
    layer.adapt([["b", "b", "a", "a", "a", "c", "", "[UNK]"]])
    assert layer.get_vocabulary() == ["", "[UNK]", "a", "b"]
    np.testing.assert_array_equal(layer(["", "c", "a"]), [0, 1, 2])


def test_weights_of_documents():
    layer = layers.StringLookup(output_mode="tf_idf")
    layer.adapt([["a", "b"], ["a", "c"]])
    common, rare = np.log(1 + 2 / 3), np.log(1 + 2 / 2)
    unknown = (common + 2 * rare) / 3
    expected = [[unknown, 2 * common, 0, 0], [0, common, rare, 0]]
    np.testing.assert_allclose(
        layer([["a", "a", "q"], ["a", "c", "c"]])[0], expected[0]
    )
    copy = layers.StringLookup.from_config(layer.get_config())
    np.testing.assert_allclose(copy([["a", "c"]]), expected[1:], rtol=1e-6)


def test_large_integers_have_distinct_indices():
    layer = layers.IntegerLookup(vocabulary=[2**40, 2**40 + 1])
    np.testing.assert_array_equal(layer(np.array([2**40 + 1, 2**40, 0])), [2, 1, 0])
    back = layers.IntegerLookup(vocabulary=[2**40, 2**40 + 1], invert=True)
    np.testing.assert_array_equal(back(np.array([1, 0])), [2**40, -1])


@pytest.mark.parametrize("options", [{}, {"oov_method": "farmhash"}, {"salt": 5}])
def test_oov_values_share_their_indices(options):
    layer = layers.IntegerLookup(vocabulary=[1], num_oov_indices=3, **options)
    numbers = np.asarray(layer(np.arange(2, 400)))
    assert set(numbers) == {0, 1, 2}


def test_a_vocabulary_from_a_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("a\nb\n", "utf-8")
    layer = layers.StringLookup(vocabulary=str(path))
    assert layer.get_vocabulary() == ["[UNK]", "a", "b"]
    assert layer.get_config()["vocabulary"] == ["a", "b"]
    with pytest.raises(MissingFileError, match="No such file"):
        layers.StringLookup(vocabulary=tmp_path / "missing.txt")


def test_a_config_can_not_open_a_file(tmp_path):
    config = {**layers.StringLookup().get_config(), "vocabulary": str(tmp_path / "x")}
    with pytest.raises(FileFormatError, match="does not open"):
        layers.StringLookup.from_config(config)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"vocabulary": []}, "empty"),
        ({"vocabulary": ["a", "b", "a"]}, "'a'"),
        ({"vocabulary": ["a", "b"], "max_tokens": 2}, "max_tokens=2"),
        ({"vocabulary": ["a", "[UNK]"], "invert": True}, "UNK"),
        ({"vocabulary": ["a", ""], "mask_token": ""}, "after the start"),
        ({"vocabulary": ["a"], "output_mode": "tf_idf"}, "idf_weights"),
        ({"invert": True, "output_mode": "count"}, "invert"),
        ({"sparse": True}, "sparse"),
        ({"pad_to_max_tokens": True}, "max_tokens"),
    ],
)
def test_lookup_refuses_invalid_arguments(options, words):
    with pytest.raises(ArgumentError, match=words):
        layers.StringLookup(**options)


def test_oov_values_raise_without_oov_indices():
    layer = layers.StringLookup(vocabulary=["a"], num_oov_indices=0)
    with pytest.raises(DataError, match="'q'"):
        layer(["a", "q"])


def test_a_compiled_program_is_refused():
    layer = layers.IntegerLookup(vocabulary=[1, 2])
    with pytest.raises(StateError, match="on the host"):
        jax.jit(layer)(np.array([1]))


def test_lookup_has_a_symbolic_output():
    words = layers.Input((3,), dtype="string")
    assert layers.StringLookup(vocabulary=["a"])(words).shape == (None, 3)
    layer = layers.StringLookup(vocabulary=["a"], output_mode="count")
    assert layer(words).shape == (None, 2)


COLORS = np.array([["red"], ["blue"], ["red"]])


def colors_model() -> lamina.Model:
    color = layers.Input((1,), dtype="string")
    vector = layers.StringLookup(
        vocabulary=["red", "green"], output_mode="one_hot", name="colors"
    )(color)
    model = lamina.Model(color, layers.Dense(1)(vector))
    model.compile("sgd", "mse")
    return model


def test_a_model_looks_text_up_before_its_program():
    model = colors_model()
    lookup, head = model.get_layer("colors"), model.layers[-1]
    expected = head(lookup(COLORS))
    np.testing.assert_allclose(model(COLORS), expected, rtol=1e-6)
    np.testing.assert_allclose(model.predict(COLORS), expected, rtol=1e-6)
    model.fit(COLORS, np.zeros((3, 1)), verbose=0)
    assert model.evaluate(iter([(COLORS, np.zeros((3, 1)))]), verbose=0) > 0


def test_a_model_looks_numbers_of_64_bits_up():
    lookup = layers.IntegerLookup(vocabulary=[5, 2**40])
    model = lamina.Sequential([layers.Input((1,), dtype="int64"), lookup])
    assert model.predict(np.array([[2**40], [9]])).tolist() == [[2], [0]]


def test_a_lookup_may_follow_layers_that_are_not_trained():
    inputs = layers.Input((1,), dtype="int32")
    lookup = layers.IntegerLookup(vocabulary=[6])
    model = lamina.Model(inputs, lookup(inputs + 1))
    assert model.predict(np.array([[5], [9]])).tolist() == [[1], [0]]
    model = lamina.Model(inputs, lookup(layers.Dense(1)(inputs)))
    with pytest.raises(StateError, match=f"{lookup.name!r}.*on the host"):
        model.predict(np.array([[5], [9]]))


@pytest.mark.parametrize("name", ["IntegerLookup", "StringLookup", "CategoryEncoding"])
def test_binary_is_another_name_of_multi_hot(name):
    kind = getattr(layers, name)
    options = {"vocabulary": [1, 2]} if name == "IntegerLookup" else {}
    options = {"vocabulary": ["1", "2"]} if name == "StringLookup" else options
    options = options or {"num_tokens": 3}
    data = np.array([[1, 2], [0, 1]])
    data = data.astype("U") if name == "StringLookup" else data
    binary = kind(output_mode="binary", **options)
    expected = kind(output_mode="multi_hot", **options)(data)
    np.testing.assert_array_equal(binary(data), expected)
    np.testing.assert_array_equal(kind.from_config(binary.get_config())(data), expected)


@pytest.mark.parametrize("name", ["StringLookup", "TextVectorization"])
def test_models_do_not_search_vocabularies_for_variables(name):
    layer = getattr(layers, name)()
    layer.adapt(np.arange(100).astype(str))
    searched = [v for v in vars(layer).values() if isinstance(v, (list, tuple, dict))]
    assert layer.vocabulary_size() > 100
    assert all(isinstance(v, Untracked) for v in searched if len(v) >= 100)


def test_indices_may_be_whole_floats():
    layer = layers.StringLookup(vocabulary=["a", "b"], invert=True)
    assert layer(np.array([2.0, 0.0])).tolist() == ["b", "[UNK]"]
