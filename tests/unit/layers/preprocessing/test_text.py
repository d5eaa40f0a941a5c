"""Texts: standardized, split, counted and looked up."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import layers, saving
from lamina.errors import ArgumentError, ShapeError, StateError

TEXTS = ["foo bar", "bar baz", "baz bada boom"]
VOCABULARY = ["", "[UNK]", "baz", "bar", "foo", "boom", "bada"]


def batches():
    yield np.array(TEXTS[:2])
    yield TEXTS[2:]
    while True:
        yield ["never"]


@pytest.mark.parametrize(
    "data",
    [
        TEXTS,
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, "S"),
        np.array(TEXTS)[:, None],
        [np.array(TEXTS[:1]), np.array(TEXTS[1:])],
    ],
    ids=["list", "tuple", "unicode", "bytes", "column", "batches"],
)
def test_adapt_takes_arrays_and_lists(data):
    layer = layers.TextVectorization()
    layer.adapt(data)
    assert layer.get_vocabulary() == VOCABULARY
    assert layer.vocabulary_size() == 7


def test_adapt_takes_texts_one_by_one():
    layer = layers.TextVectorization()
    layer.adapt(iter(TEXTS))
    assert layer.get_vocabulary() == VOCABULARY


def test_adapt_takes_some_steps_of_a_generator():
    layer = layers.TextVectorization()
    layer.adapt(batches(), steps=2)
    assert layer.get_vocabulary() == VOCABULARY


def test_adapt_takes_the_lines_of_a_file(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(TEXTS), "utf-8")
    layer = layers.TextVectorization(output_mode="tf_idf")
    layer.adapt(path)
    expected = layers.TextVectorization(output_mode="tf_idf")
    expected.adapt(TEXTS)
    np.testing.assert_array_equal(layer(TEXTS), expected(TEXTS))


def test_a_string_is_one_text():
    layer = layers.TextVectorization()
    layer.adapt("b a b")
    assert layer.get_vocabulary() == ["", "[UNK]", "b", "a"]


def test_states_of_batches_add_up():
    layer = layers.TextVectorization()
    layer.update_state(["never"])
    layer.reset_state()
    for text in TEXTS:
        layer.update_state([text])
    layer.finalize_state()
    assert layer.get_vocabulary() == VOCABULARY


def test_only_ascii_letters_are_lowered():
    layer = layers.TextVectorization(standardize="lower")
    layer.adapt(["ÉCOLE"])
    assert layer.get_vocabulary(include_special_tokens=False) == ["École"]


def test_functions_get_arrays_of_strings():
    def standardize(texts):
        assert texts.dtype.kind == "U"
        return np.char.replace(texts, "-", " ")

    def split(texts):
        return [text.split("|") for text in texts]

    layer = layers.TextVectorization(standardize=standardize, split=split)
    layer.adapt(["a-b|c"])
    assert layer.get_vocabulary() == ["", "[UNK]", "c", "a b"]
    np.testing.assert_array_equal(layer([["c|a-b"]]), [[2, 3]])


@saving.register_keras_serializable(package="tests")
def by_bar(texts):
    return [text.split("|") for text in texts]


def test_a_registered_function_is_restored_from_a_config():
    layer = layers.TextVectorization(split=by_bar, ngrams=(1, 2), vocabulary=["a b"])
    copy = layers.TextVectorization.from_config(layer.get_config())
    np.testing.assert_array_equal(copy(["a|b"]), layer(["a|b"]))
    assert copy.split is by_bar


def test_a_single_text_has_a_vector():
    layer = layers.TextVectorization(vocabulary=["foo"])
    assert layer("foo zz foo").tolist() == [2, 1, 2]


def test_one_vector_per_token():
    layer = layers.TextVectorization(vocabulary=["foo"], output_mode="one_hot")
    assert layer(["zz foo", "foo"]).tolist() == [[[1, 0], [0, 1]], [[0, 1], [0, 0]]]


def test_tokens_may_hold_unusual_separators(tmp_path):
    tokens = ["a\u2028b", "c\x85d", "e\xa0f"]
    path = tmp_path / "words.txt"
    path.write_text("\n".join(tokens), "utf-8")
    layer = layers.TextVectorization(vocabulary=path)
    assert layer.get_vocabulary(include_special_tokens=False) == tokens
    np.testing.assert_array_equal(layer([" ".join(tokens)]), [[2, 3, 4]])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ragged": True}, "ragged"),
        ({"sparse": True, "output_mode": "count"}, "sparse"),
        ({"ngrams": "two"}, "ngrams"),
        ({"standardize": "upper"}, "standardize"),
        (
            {"output_mode": "count", "output_sequence_length": 3},
            "`output_sequence_length` must not be set if `output_mode` is not",
        ),
    ],
)
def test_invalid_arguments_are_refused(options, words):
    with pytest.raises(ArgumentError, match=words):
        layers.TextVectorization(**options)


def test_texts_need_a_vocabulary_and_a_last_axis_of_one():
    with pytest.raises(StateError, match="adapt"):
        layers.TextVectorization()(TEXTS)
    layer = layers.TextVectorization(vocabulary=["foo"])
    with pytest.raises(ShapeError, match="split=None"):
        layer([["foo", "bar"]])


def test_symbolic_shapes():
    words = layers.Input((1,), dtype="string")
    make = layers.TextVectorization
    assert make(vocabulary=["a"])(words).shape == (None, None)
    assert make(vocabulary=["a"], output_sequence_length=3)(words).shape == (None, 3)
    vectors = make(vocabulary=["a"], output_mode="count")(words)
    assert (vectors.shape, vectors.dtype) == ((None, 2), "float32")
