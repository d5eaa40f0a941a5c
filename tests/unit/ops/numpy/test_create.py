"""Element types, and conversions at the border."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import lamina
from lamina import config, ops
from lamina.core.variable import Variable
from lamina.errors import ArgumentError


@pytest.mark.parametrize("name", ["zeros", "ones", "empty"])
def test_created_arrays_have_dtype_floatx(name):
    make = getattr(ops, name)
    assert make((2,)).dtype == "float32"
    config.set_floatx("bfloat16")
    assert make((2,)).dtype == "bfloat16"
    assert make((2,), "int8").dtype == "int8"


def test_arange_dtype_follows_its_arguments():
    assert ops.arange(3).dtype == "int32"
    assert ops.arange(3.0).dtype == "float32"
    assert ops.arange(0, 1, 0.5).tolist() == [0.0, 0.5]
    assert ops.arange(3, dtype="float32").tolist() == [0.0, 1.0, 2.0]


def test_float_ops_convert_lists_and_integers_to_floats():
    assert ops.sigmoid([0, 0]).tolist() == [0.5, 0.5]
    assert ops.mean([1, 2]).dtype == "float32"
    assert ops.sum([True, True]).dtype == "int32"


def test_python_numbers_do_not_change_the_dtype_of_arrays():
    half = ops.cast([1.0], "bfloat16")
    assert (half * 2.5).dtype == ops.add(half, 1).dtype == "bfloat16"
    assert ops.where([True], half, 0.0).dtype == "bfloat16"
    assert jax.jit(lambda x: ops.maximum(x, 0.5))(half).dtype == "bfloat16"


def test_mean_of_float16_does_not_overflow():
    x = ops.full((4096,), 60000.0, "float16")
    assert float(ops.mean(x)) == 60000
    assert [float(v) for v in ops.moments(x, 0)] == [60000, 0]


def test_convert_between_numpy_and_jax_arrays():
    variable = Variable([1.0, 2.0])
    assert isinstance(ops.convert_to_numpy(variable), np.ndarray)
    assert ops.convert_to_tensor([1, 2], "float16").dtype == "float16"
    assert ops.dtype(variable) == ops.dtype(np.ones(1, "float32")) == "float32"
    assert ops.is_tensor(variable.value) and not ops.is_tensor([1.0])


def test_one_hot_of_out_of_range_labels_is_zero():
    assert ops.one_hot([-1, 1, 5], 3).tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "float16", "float32"])
def test_one_hot_accepts_labels_of_any_dtype(dtype):
    labels = np.array([0, 1, 1]).astype(dtype)
    assert ops.argmax(ops.one_hot(labels, 300), -1).tolist() == [0, 1, 1]
    assert ops.sum(ops.one_hot(labels, 300)) == 3
    assert ops.multi_hot(labels, 3).tolist() == [1, 1, 0]


def test_one_hot_of_fractional_labels_is_zero():
    assert not ops.one_hot([0.5, float("nan"), float("inf")], 3).any()


@pytest.mark.parametrize("name", ["one_hot", "multi_hot"])
def test_sparse_argument_is_an_error(name):
    with pytest.raises(ArgumentError, match="`sparse` must be False"):
        getattr(ops, name)([0, 1], 3, sparse=True)
    with pytest.raises(ArgumentError, match="`sparse` must be False"):
        ops.bincount([0, 1], sparse=True)
    with pytest.raises(ArgumentError, match="`ragged` must be False"):
        ops.convert_to_tensor([0, 1], ragged=True)


def test_pad_values_with_another_mode_are_an_error():
    with pytest.raises(ArgumentError, match="`mode` must be 'constant'"):
        ops.pad([1.0, 2.0], 1, "reflect", constant_values=1)


def test_windows_have_dtype_floatx_and_a_known_size():
    config.set_floatx("bfloat16")
    assert ops.hamming(5).dtype == ops.kaiser(5, 2.0).dtype == "bfloat16"
    with pytest.raises(TypeError, match="`x` must be integers that are known"):
        ops.hanning(lamina.Input((), dtype="int32"))


def test_multi_hot_needs_the_number_of_classes():
    assert ops.multi_hot([0, 2], num_tokens=3).tolist() == [1, 0, 1]
    with pytest.raises(ArgumentError, match="`num_classes` must be the number"):
        ops.multi_hot([0, 2])
    with pytest.raises(TypeError, match="unknown arguments: classes"):
        ops.multi_hot([0, 2], 3, classes=2)


def test_vandermonde_matrix_of_a_matrix_is_an_error():
    with pytest.raises(ArgumentError, match="vander: `x` must have rank 1"):
        ops.vander([[1.0]])
