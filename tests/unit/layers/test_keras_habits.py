"""Uses of layers that are common in code written for Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from jax.experimental.sparse import BCOO
from scipy import sparse

import lamina
from lamina import layers, ops
from lamina.errors import ArgumentError, MissingMethodError, ShapeError
from tests.events import COMPILATION, recorded_events
from tests.tables.arrays import floats

ROWS = floats(4, 3)


def test_activation_may_be_replaced_by_none_or_a_name():
    for make in (layers.Dense, layers.EinsumDense, layers.SimpleRNN):
        arguments = ("ab,bc->ac", 2) if make is layers.EinsumDense else (2,)
        layer = make(*arguments, activation="relu")
        layer.activation = None
        assert layer.activation is lamina.activations.linear
        layer.activation = "tanh"
        assert layer.get_config()["activation"] == "tanh"


def test_symbolic_calls_leave_no_losses():
    layer = layers.Dense(2, activity_regularizer="l2")
    layer(layers.Input((3,)))
    assert layer.losses == []
    layer(ROWS)
    assert float(layer.losses[0]) > 0


def test_freezing_a_layer_freezes_its_variables():
    model = lamina.Sequential([layers.Input((3,)), layers.BatchNormalization()])
    for value in (False, True):
        model.trainable = value
        assert [v.trainable for v in model.weights] == [value, value, False, False]


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_trainable_is_a_boolean(value):
    with pytest.raises(ArgumentError, match="`trainable` must be True or False"):
        layers.Dense(2, trainable=value)


def test_class_without_call_raises():
    with pytest.raises(MissingMethodError, match="no `call` method"):
        layers.Layer()(ROWS)
    with pytest.raises(NotImplementedError):
        layers.Layer().compute_output_shape((2, 3))


def test_add_weight_takes_the_shape_once_and_the_name_by_name():
    layer = layers.Layer()
    assert layer.add_weight((3, 4), "zeros", "float32").shape == (3, 4)
    assert layer.add_weight(shape=(3,), name="scale").name == "scale"
    with pytest.raises(ArgumentError, match=r"name='scale'"):
        layer.add_weight("scale", shape=(3,))
    with pytest.raises(ArgumentError, match="shape twice"):
        layer.add_weight((3,), shape=(3,))


class TwoInputs(layers.Layer):
    def call(self, foo: Any, bar: Any) -> Any:
        return foo + bar


@pytest.mark.parametrize(
    "build",
    [lambda self, foo_shape, bar: None, lambda self, foo_shape, baz_shape: None],
)
def test_arguments_of_build_are_those_of_call(build):
    made = type("Made", (TwoInputs,), {"build": build})
    with pytest.raises(ArgumentError, match="name of an argument of `call`"):
        made()(ROWS, ROWS)


def test_compute_output_spec_follows_a_users_compute_output_shape():
    class OnTheHost(layers.Layer):
        def call(self, foo: Any, bar: Any) -> Any:
            raise RuntimeError("has no values yet")

        def compute_output_shape(self, foo_shape: Any, bar_shape: Any) -> Any:
            return {"foo": foo_shape, "both": (foo_shape, (*bar_shape, 1))}

    x = lamina.KerasTensor((None, 3))
    spec = OnTheHost().compute_output_spec(x, lamina.KerasTensor((2,)))
    assert spec["foo"].shape == (None, 3)
    assert spec["both"][1].shape == (2, 1)


def test_lengths_stay_unknown_if_a_declared_shape_leaves_them_open():
    class Positions(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.table = self.add_weight((12, input_shape[-1]))

        def call(self, inputs: Any) -> Any:
            return inputs + lamina.ops.slice(self.table, (0, 0), inputs.shape[1:])

        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

    inputs = lamina.Input((None, 2))
    outputs = Positions()(inputs)
    assert outputs.shape == (None, None, 2)
    assert lamina.Model(inputs, outputs)(np.ones((3, 5, 2))).shape == (3, 5, 2)


@pytest.mark.parametrize("name", ["GRU", "LSTM", "SimpleRNN"])
def test_recurrent_layers_ignore_the_implementation_of_older_kerases(name):
    cls = getattr(layers, name)
    layer = cls.from_config({**cls(3).get_config(), "implementation": 0})
    assert layer.get_config() == {**cls(3).get_config(), "name": layer.name}


def test_group_normalization_takes_inputs_beyond_float16():
    layer = layers.GroupNormalization(2, dtype="mixed_float16")
    y = np.asarray(layer(np.full((2, 4, 8), 7e4, "float32")))
    assert y.dtype == "float16" and np.isfinite(y).all()


@pytest.mark.parametrize(
    "clipping", [{"rmax": 0.0, "rmin": 1.0}, {"dmax": -1.0}, {"max": 1.0}]
)
def test_limits_of_renormalization_are_in_order(clipping):
    with pytest.raises(ArgumentError, match="renorm_clipping"):
        layers.BatchNormalization(renorm=True, renorm_clipping=clipping)


def test_configs_keep_the_order_of_their_keys():
    config = layers.Dense(2, trainable=False).get_config()
    again = layers.Dense.from_config(config).get_config()
    assert list(again) == list(config)


def test_inputs_may_be_scalars():
    assert layers.Input(batch_shape=()).shape == ()


@pytest.mark.parametrize("convert", [BCOO.fromdense, sparse.csr_matrix])
def test_layers_and_ops_make_sparse_arrays_dense(convert):
    matrix = convert(ROWS)
    np.testing.assert_array_equal(layers.Flatten()(matrix), ROWS)
    np.testing.assert_array_equal(layers.Add()([matrix, matrix]), 2 * ROWS)
    dense = layers.Dense(2)
    np.testing.assert_array_equal(dense(matrix), dense(ROWS))
    np.testing.assert_allclose(ops.matmul(matrix, ROWS.T), ROWS @ ROWS.T, rtol=1e-6)
    np.testing.assert_array_equal(ops.concatenate([matrix, ROWS]), [*ROWS, *ROWS])
    np.testing.assert_array_equal(ops.convert_to_numpy(matrix), ROWS)


@pytest.mark.parametrize("convert", [BCOO.fromdense, sparse.csr_matrix])
def test_sparse_arrays_may_not_exceed_the_memory(convert):
    limit = lamina.config.memory_limit()
    lamina.config.set_memory_limit(ROWS.nbytes - 1)
    try:
        for function in (layers.Flatten(), ops.abs):
            with pytest.raises(ShapeError, match="A sparse matrix"):
                function(convert(ROWS))
    finally:
        lamina.config.set_memory_limit(limit)


@pytest.mark.parametrize(
    "layer",
    [
        layers.CategoryEncoding(3),
        layers.CategoryEncoding(3, output_mode="count"),
        layers.Discretization([0.5]),
        layers.Normalization(axis=None, mean=1.0, variance=4.0),
        layers.Rescaling(2.0),
    ],
    ids=lambda layer: layer.name,
)
def test_preprocessing_layers_take_lists(layer):
    values = [[0, 1], [2, 2]]
    assert np.array_equal(layer(values), layer(np.array(values)))


@pytest.mark.parametrize("mode", ["multi_hot", "count"])
def test_rows_without_categories_are_zero(mode):
    layer = layers.CategoryEncoding(3, output_mode=mode)
    assert layer(np.zeros((2, 0), int)).tolist() == [[0, 0, 0], [0, 0, 0]]


class ComputesInBuild(layers.Masking):
    def build(self, input_shape: Any) -> None:
        start = lamina.initializers.GlorotUniform()((input_shape[-1], 2))
        self.kernel = lamina.Variable(start)
        self.positions = lamina.ops.arange(2, dtype="float32")

    def call(self, inputs: Any) -> Any:
        return lamina.ops.matmul(inputs, self.kernel) + self.positions


@pytest.mark.parametrize("method", ["__call__", "predict", "fit"])
def test_build_computes_arrays_while_a_program_is_traced(method):
    class Outer(lamina.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = ComputesInBuild()

        def call(self, inputs: Any) -> Any:
            return self.inner(inputs)

    model = Outer()
    model.compile("sgd", "mse")
    options = {"fit": {"y": ROWS[:, :2], "verbose": 0}, "predict": {"verbose": 0}}
    getattr(model, method)(ROWS, **options.get(method, {}))
    assert np.asarray(model.inner.positions).tolist() == [0, 1]


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_convolution_with_a_standardized_kernel(rank):
    base = getattr(layers, f"Conv{rank}D")

    class Standardized(base):
        def convolution_op(self, inputs: Any, kernel: Any) -> Any:
            axes = list(range(rank + 1))
            mean = lamina.ops.mean(kernel, axis=axes, keepdims=True)
            return super().convolution_op(inputs, kernel - mean)

    x = floats(2, *(4,) * rank, 2)
    layer, plain = Standardized(3, 2), base(3, 2)
    found = layer(x)
    plain.build(x.shape)
    kernel = layer.kernel.numpy()
    plain.kernel.assign(kernel - kernel.mean(tuple(range(rank + 1))))
    np.testing.assert_allclose(found, plain(x), rtol=1e-5, atol=1e-6)


def test_layer_that_is_not_built_has_no_shapes_to_build_from():
    layer = layers.Dense(2)
    layer.build_from_config(layer.get_build_config())
    assert not layer.built


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "float64"])
def test_arrays_of_numpy_are_transferred_without_a_program(dtype):
    # No other test has this shape, so that nothing was compiled before.
    with recorded_events(COMPILATION) as compiled:
        output = layers.Activation("linear")(np.ones((3, 17, 29), dtype))
    assert not compiled
    assert output.shape == (3, 17, 29)
