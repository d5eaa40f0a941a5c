"""Arrays that programs take rows of, in memory that may be the user's."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lamina
from lamina.data.feeds import ArrayFeed
from lamina.data.rows import Rows, cut, gather, on_device
from lamina.data.shuffle import OrderWindows

PLACES = np.array([0, 700, 1, 999, 3])


def placed(shape, dtype, offset):
    """An array of different numbers that begins `offset` bytes after an aligned one."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    buffer = np.empty(size + 128, np.uint8)
    begin = -buffer.ctypes.data % 64 + offset
    array = buffer[begin : begin + size].view(dtype).reshape(shape)
    array[:] = np.arange(array.size).reshape(shape) % 251
    return array


ARRAYS = {
    "aligned": (lambda: placed((1000, 784), "float32", 0), True),
    "NumPy's usual place": (lambda: placed((1000, 784), "float32", 16), True),
    "images": (lambda: placed((1000, 40, 40, 3), "uint8", 17), True),
    "halves of an element": (lambda: placed((1000, 784), "float32", 2), False),
    "rows of few elements": (lambda: placed((400_000, 3), "float32", 16), True),
    "single elements": (lambda: placed((2**20,), "int32", 60), True),
    "wider": (lambda: placed((1000, 784), "float64", 0), False),
    "small": (lambda: placed((1000, 3), "float32", 16), False),
    "a view": (lambda: placed((1000, 784), "float32", 16)[:, ::2], False),
    "of JAX": (lambda: jnp.asarray(placed((1000, 784), "float32", 0)), True),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_rows_are_those_of_the_array(name):
    array, shared = ARRAYS[name][0](), ARRAYS[name][1]
    rows = on_device(array)
    assert rows.shape == array.shape
    assert rows.nbytes == array.size * rows.dtype.itemsize
    expected = np.asarray(array, rows.dtype)
    np.testing.assert_array_equal(jax.jit(gather)(rows, PLACES), expected[PLACES])
    for start in (0, 1, len(array) - 9, len(array) - 7):
        found = jax.jit(cut, static_argnums=2)(rows, start, 7)
        np.testing.assert_array_equal(found, expected[start : start + 7])
    if jax.default_backend() == "cpu":
        buffer = rows.flat if isinstance(rows, Rows) else rows
        pointer = buffer.unsafe_buffer_pointer()
        begin = np.asarray(array).ctypes.data
        assert (begin <= pointer < begin + 64) == shared


@pytest.mark.parametrize("batch_size", [32, 64, 300])
def test_training_does_not_depend_on_alignment(batch_size):
    results = []
    for offset in (0, 16):
        lamina.utils.set_random_seed(3)
        x = placed((1000, 784), "float32", offset) / np.float32(251)
        moved = placed((1000, 784), "float32", offset)
        moved[:] = x
        model = lamina.Sequential([lamina.Input((784,)), lamina.layers.Dense(3)])
        model.compile("sgd", "mse")
        history = model.fit(
            moved, np.ones((1000, 3), "float32"), batch_size, epochs=2, verbose=0
        )
        results.append((history.history["loss"], model.get_weights()[0]))
        results[-1] += (model.predict(moved, verbose=0),)
    for first, second in zip(*results, strict=True):
        np.testing.assert_array_equal(first, second)


def test_alignment_does_not_recompile_the_program():
    places = [placed((1000, 784), "float32", offset) for offset in range(0, 64, 4)]
    arrays = [jax.tree.leaves(on_device(array)) for array in places]
    assert len({tuple((a.shape, a.dtype) for a in leaves) for leaves in arrays}) == 1


def test_small_arrays_are_transferred_for_the_second_dispatch():
    x = placed((10, 3), "float32", 16)
    feed = ArrayFeed((x, None, None), 4, shuffle=True)
    (first,) = jax.tree.leaves(next(feed.segments(0)).data)
    if jax.default_backend() == "cpu":
        assert isinstance(first, np.ndarray)
        assert first.ctypes.data % 64 == 0
    feed.transfer()
    (second,) = jax.tree.leaves(next(feed.segments(1)).data)
    feed.transfer()
    assert isinstance(second, jax.Array)
    assert jax.tree.leaves(next(feed.segments(1)).data)[0] is second
    for array in (first, second):
        assert not np.shares_memory(np.asarray(array), x)
        np.testing.assert_array_equal(array, x)


def test_window_is_transferred_for_the_second_dispatch():
    windows = OrderWindows(10, 5, 1)
    first, second, third = (windows.at(7, 0, i).rows for i in (0, 1, 0))
    assert isinstance(first, np.ndarray)
    assert isinstance(second, jax.Array)
    assert third is second
    np.testing.assert_array_equal(first, second)
