"""Symbolic tensors, and errors in graphs."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers, ops
from lamina.core.graph import SymbolicTensor
from lamina.errors import ArgumentError, ShapeError


class NeedsMask(layers.Layer):
    """A layer that insists on a mask, as users' layers do."""

    supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        assert mask is not None
        return inputs * mask[..., None]


def test_masks_are_available_while_a_graph_is_built() -> None:
    tokens = layers.Input((None,), dtype="int32")
    vectors = layers.Embedding(5, 2, mask_zero=True)(tokens)
    assert vectors.mask == (None, None)
    kept = NeedsMask()(layers.Dense(3)(vectors))
    assert kept.mask == (None, None)
    last = layers.LSTM(4)(kept)
    assert last.mask is None
    model = lamina.Model(tokens, kept)
    values = model.predict(np.array([[1, 2, 0]]), verbose=0)
    assert np.all(values[0, 2] == 0) and np.any(values[0, 1] != 0)


def test_layer_call_gets_none_without_a_mask() -> None:
    with pytest.raises(AssertionError):
        NeedsMask()(layers.Input((3, 2)))


class Positions(layers.Layer):
    """Layer that adds the first rows of a table to a sequence."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.table = self.add_weight((length, 3))

    def call(self, inputs: Any) -> Any:
        sizes = ops.shape(inputs)[-2:]
        return inputs + ops.slice(self.table, (0, 0), sizes)


@pytest.mark.parametrize("length", [10, 200])
def test_table_of_positions_leaves_the_length_unknown(length: int) -> None:
    """Keras infers shapes at lengths 83 and 89."""
    assert Positions(length)(layers.Input((None, 3))).shape == (None, None, 3)


def test_nested_model_has_the_sizes_that_its_layers_declare() -> None:
    class Declared(Positions):
        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

    tokens = layers.Input((None,), dtype="int32")
    vectors = layers.Embedding(5, 3, mask_zero=True)(tokens)
    inner = lamina.Model({"tokens": tokens}, [Declared(4)(vectors)])
    (outer,) = inner({"tokens": layers.Input((None,), dtype="int32")}, training=False)
    assert outer.shape == (None, None, 3)
    model = lamina.Model(inner.input, inner(inner.input))
    x = {"tokens": np.array([[1, 2, 0]])}
    np.testing.assert_array_equal(model.predict(x, verbose=0), inner(x))
    (fixed,) = inner(layers.Input((2,), dtype="int32"))
    assert fixed.shape == (None, 2, 3)


def test_errors_show_unknown_sizes_as_unknown() -> None:
    inner = lamina.Sequential([layers.Input((4,)), layers.Dense(3)], name="inner")
    with pytest.raises(
        lamina.errors.ShapeError, match=r"Received: shape \(None, 2, 4\)"
    ):
        inner(layers.Input((2, 4)))

    class Failing(layers.Layer):
        def call(self, inputs: Any) -> Any:
            raise ZeroDivisionError("in the user's layer")

    with pytest.raises(ZeroDivisionError, match="user's layer") as caught:
        Failing(name="failing")(layers.Input((None, 3)))
    (note, *_) = caught.value.__notes__
    assert "'failing'" in note and "(None, None, 3)" in note


def test_arrays_in_a_call_set_the_size_of_the_batch() -> None:
    class Weighted(layers.Layer):
        def call(self, inputs: Any) -> Any:
            a, b = inputs
            return ops.ones((4, 1)) * a + b

    a, b = layers.Input((3,)), layers.Input((3,))
    assert Weighted()([a, b]).shape == (4, 3)
    assert ops.add(a, np.ones((4, 3))).shape == (4, 3)


def test_errors_show_known_sizes_whatever_they_are() -> None:
    for size in (960, 1920):
        with pytest.raises(
            ShapeError, match=rf"\(None, 3, {size}\), \(None, 4, {size}\)"
        ):
            ops.add(
                lamina.KerasTensor((None, 3, size)), lamina.KerasTensor((None, 4, size))
            )


@pytest.mark.parametrize(
    "call",
    [
        lambda x, size: ops.sum(x, size),
        lambda x, size: ops.sum(x, axis=size),
        lambda x, size: ops.reshape(x, (-1, size)),
        lambda x, size: ops.max_pool(x, 2, strides=[size]),
    ],
)
def test_symbolic_axes_and_sizes_are_refused(call: Any) -> None:
    x, size = lamina.KerasTensor((None, 4, 3)), lamina.KerasTensor((), "int32")
    with pytest.raises(
        lamina.errors.ArgumentTypeError, match="must be integers that are known"
    ):
        call(x, size)


@pytest.mark.parametrize(
    ("function", "shapes", "expected"),
    [
        (ops.add, [(None, 3), (2, None)], (2, 3)),
        (ops.add, [(None, None, 3), (2, None)], (None, 2, 3)),
        (ops.multiply, [(None, 3), (1, None)], (None, 3)),
        (ops.where, [(None, 3), (2, None), (None, None)], (2, 3)),
        (ops.matmul, [(None, None), (4, 5)], (None, 5)),
        (ops.matmul, [(2, 3), (None, 5)], (2, 5)),
        (lambda x, y: ops.concatenate([x, y]), [(2, None), (3, 4)], (5, 4)),
        (lambda x, y: ops.concatenate([x, y], 1), [(None, 4), (3, None)], (3, None)),
        (ops.conv, [(2, 10, None), (3, 5, 4)], (2, 8, 4)),
        (
            lambda x, y: ops.segment_sum(x, y, num_segments=5),
            [(None, 4), (10,)],
            (5, 4),
        ),
    ],
)
def test_unknown_dimensions_take_known_sizes_of_other_tensors(
    function: Any, shapes: Any, expected: Any
) -> None:
    types = ["float32", "float32", "float32"]
    if len(shapes[-1]) == 1:
        types[len(shapes) - 1] = "int32"
    tensors = [lamina.KerasTensor(s, t) for s, t in zip(shapes, types, strict=False)]
    assert function(*tensors).shape == expected


def test_dimensions_that_differ_are_refused_with_the_first_error() -> None:
    x, y = lamina.KerasTensor((None, 3)), lamina.KerasTensor((None, 4))
    with pytest.raises(ShapeError, match=r"\(None, 3\)"):
        ops.add(x, y)


def test_static_parameters_of_ops_exist():
    root = Path(lamina.__file__).parent
    for path in (root / "ops").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                names = {a.arg for a in [*node.args.args, *node.args.kwonlyargs]}
                assert static_names(node) <= names, f"{path.name}: {node.name}"


def static_names(function: ast.FunctionDef) -> set[str]:
    """Return the names in `@op(static=[...])` and `@family(static=[...])`."""
    calls = [d for d in function.decorator_list if isinstance(d, ast.Call)]
    values = [k.value for d in calls for k in d.keywords if k.arg == "static"]
    lists = [value for value in values if isinstance(value, ast.List)]
    return {name for value in lists for name in ast.literal_eval(value)}


def test_symbolic_tensor_keeps_what_it_stands_for():
    x = SymbolicTensor((2, None), ragged=True, ragged_rank=1, row_splits_dtype="int64")
    assert (x.sparse, x.ragged) == (False, True)
    assert (x.ragged_rank, x.row_splits_dtype) == (1, "int64")
    assert SymbolicTensor((2,), sparse=True).sparse
    assert lamina.Input((3,), sparse=True).sparse
    with pytest.raises(ArgumentError, match="`ragged` must be False if `sparse`"):
        SymbolicTensor((2,), sparse=True, ragged=True)


def test_operations_without_history_infer_shapes_only():
    x = SymbolicTensor((None, 3), record_history=False)
    y = ops.exp(ops.sum(x, 1))
    assert y.shape == (None,) and y.node is None
    assert ops.sum(SymbolicTensor((2,))).node is not None


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda x: ops.reshape(x, (3, 2)), (3, 2)),
        (lambda x: ops.broadcast_to(x, (2, 3)), (2, 3)),
        (lambda x: ops.repeat(x, [1, 2, 0], axis=1), (None, 3)),
    ],
)
def test_unknown_dimensions_take_sizes_of_arguments(function, shape):
    assert function(SymbolicTensor((None, 3))).shape == shape


def test_shapes_that_do_not_fit_are_a_value_error():
    with pytest.raises(ShapeError, match=r"incompatible shapes .*\(2, 3\), \(4, 5\)"):
        ops.add(SymbolicTensor((2, 3)), SymbolicTensor((4, 5)))
    with pytest.raises(TypeError, match="does not accept dtype float32"):
        ops.bitwise_and(SymbolicTensor((2,)), SymbolicTensor((2,)))


def test_wrong_arguments_of_an_op_name_the_op():
    with pytest.raises(TypeError, match=r"^add\(x1, x2\): too many positional"):
        ops.add(1, 2, 3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'axes'"):
        ops.sum([1.0], axes=0)


@pytest.mark.parametrize("shape", [(2, -1), (2.0,), ("a",), 3, None])
def test_invalid_shape_of_a_symbolic_tensor_is_an_error(shape):
    with pytest.raises(ArgumentError, match="KerasTensor: `shape` must be a tuple"):
        SymbolicTensor(shape)
