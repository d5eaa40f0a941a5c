"""Functions of old `keras.backend`, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

X = np.arange(1.0, 7.0, dtype="float32").reshape(2, 3)
CUBE = np.arange(24.0, dtype="float32").reshape(2, 3, 4)
EXPECTED = [
    ("mean", (X,), {"axis": 1, "keepdims": True}, X.mean(1, keepdims=True)),
    ("sum", (X,), {}, X.sum()),
    ("abs", (-X,), {}, X),
    ("pow", (X, 2), {}, X**2),
    ("argmax", (X,), {}, [2, 2]),
    ("concatenate", ([X, X],), {}, np.concatenate([X, X], -1)),
    ("expand_dims", (X,), {}, X[..., None]),
    ("flatten", (CUBE,), {}, CUBE.ravel()),
    ("batch_flatten", (CUBE,), {}, CUBE.reshape(2, 12)),
    ("permute_dimensions", (CUBE, (2, 0, 1)), {}, CUBE.transpose(2, 0, 1)),
    ("repeat", (X, 3), {}, np.stack([X, X, X], 1)),
    ("repeat_elements", (X, 2, 1), {}, X.repeat(2, 1)),
    ("reverse", (X, 1), {}, X[:, ::-1]),
    ("gather", (X, np.array([1, 1])), {}, X[[1, 1]]),
    ("dot", (CUBE, np.ones((4, 2), "float32")), {}, CUBE @ np.ones((4, 2))),
    ("batch_dot", (X, X), {"axes": 1}, (X * X).sum(1, keepdims=True)),
    ("batch_dot", (CUBE, CUBE), {"axes": 2}, CUBE @ CUBE.transpose(0, 2, 1)),
    ("batch_dot", (CUBE, CUBE), {"axes": [1, 1]}, CUBE.transpose(0, 2, 1) @ CUBE),
    ("relu", (X - 3,), {"alpha": 0.5, "max_value": 2}, [[-1, -0.5, 0], [1, 2, 2]]),
    ("hard_sigmoid", (X - 3,), {}, [[0.1, 0.3, 0.5], [0.7, 0.9, 1]]),
    ("l2_normalize", (X,), {"axis": 1}, X / np.linalg.norm(X, axis=1, keepdims=True)),
    ("clip", (X, 2, 3), {}, X.clip(2, 3)),
    ("switch", (X > 3, X, -X), {}, np.where(X > 3, X, -X)),
    ("in_train_phase", (X, -X), {"training": True}, X),
    ("in_train_phase", (lambda: X, lambda: -X), {"training": False}, -X),
    ("in_test_phase", (X, -X), {"training": True}, -X),
    ("bias_add", (X, X[0]), {}, X + X[0]),
    (
        "bias_add",
        (CUBE, np.arange(3.0)),
        {"data_format": "channels_first"},
        CUBE + np.arange(3.0)[:, None],
    ),
    (
        "conv1d",
        (CUBE, np.ones((2, 4, 1), "float32")),
        {},
        (CUBE[:, :-1] + CUBE[:, 1:]).sum(-1, keepdims=True),
    ),
    (
        "conv2d",
        (CUBE[..., None], np.ones((1, 4, 1, 1), "float32")),
        {},
        CUBE.sum(-1)[..., None, None],
    ),
    (
        "pool2d",
        (CUBE[..., None], (3, 4)),
        {"pool_mode": "avg"},
        CUBE.mean((1, 2)).reshape(2, 1, 1, 1),
    ),
    ("pool2d", (CUBE[..., None], (3, 4)), {}, CUBE.max((1, 2)).reshape(2, 1, 1, 1)),
    (
        "conv3d",
        (CUBE[..., None, None], np.ones((3, 4, 1, 1, 1), "float32")),
        {},
        CUBE.sum((1, 2)).reshape(2, 1, 1, 1, 1),
    ),
    (
        "pool3d",
        (CUBE[..., None, None], (3, 4, 1)),
        {},
        CUBE.max((1, 2)).reshape(2, 1, 1, 1, 1),
    ),
    ("binary_crossentropy", (X > 3, X / 7), {}, -np.log(np.where(X > 3, X, 7 - X) / 7)),
    (
        "categorical_crossentropy",
        (np.eye(3, dtype="float32")[:2], X),
        {},
        -np.log([1 / 6, 5 / 15]),
    ),
    (
        "sparse_categorical_crossentropy",
        (np.array([0, 1]), X / [[6], [15]]),
        {},
        -np.log([1 / 6, 5 / 15]),
    ),
    ("temporal_padding", (CUBE,), {}, np.pad(CUBE, [(0, 0), (1, 1), (0, 0)])),
    (
        "spatial_2d_padding",
        (CUBE[..., None],),
        {"padding": ((1, 0), (0, 2))},
        np.pad(CUBE[..., None], [(0, 0), (1, 0), (0, 2), (0, 0)]),
    ),
    (
        "spatial_2d_padding",
        (CUBE[None],),
        {"data_format": "channels_first"},
        np.pad(CUBE[None], [(0, 0), (0, 0), (1, 1), (1, 1)]),
    ),
    ("map_fn", (lambda row: 2 * row, X), {}, 2 * X),
    ("foldl", (lambda a, b: a - b, X), {}, X[0] - X[1]),
    ("foldl", (lambda a, b: a - b, X), {"initializer": 0.0}, -X[0] - X[1]),
    ("get_value", (X,), {}, X),
    ("constant", (2,), {"shape": (2,)}, [2, 2]),
]


@pytest.mark.parametrize(
    ("name", "args", "options", "expected"), EXPECTED, ids=[c[0] for c in EXPECTED]
)
def test_function_equals_numpy(name, args, options, expected):
    from keras import backend as K

    assert_allclose(getattr(K, name)(*args, **options), expected, rtol=1e-6)


def test_function_computes_symbolic_tensors():
    from keras import backend as K
    from keras.layers import Dense, Input
    from keras.models import Model

    x = Input((3,))
    hidden = Dense(2)(x)
    model = Model(input=x, output=Dense(1)(hidden))
    f = K.function([model.input, K.learning_phase()], [hidden])
    kernel, bias = model.layers[1].get_weights()
    (found,) = f([X, 0])
    assert_allclose(found, X @ kernel + bias, rtol=1e-5)


def test_variables_are_read_and_set():
    from keras import backend as K

    v = K.variable([1, 2])
    K.set_value(v, [3, 4])
    assert_allclose(K.get_value(v), [3, 4])
    assert K.get_value(K.variable(2.0)) == 2.0
    assert K.get_value(K.update_add(v, [1, 1])).tolist() == [4, 5]
    assert K.get_value(K.update_sub(v, [2, 2])).tolist() == [2, 3]
    K.batch_set_value([(K.update(v, [0, 0]), [3, 4])])
    assert K.batch_get_value([v])[0].tolist() == [3, 4]
    assert K.placeholder(ndim=3).shape == (None, None, None)
    assert (K.ndim(v), K.int_shape(v), K.dtype(v)) == (1, (2,), "float32")


def test_data_format_has_its_old_names():
    from keras import backend as K

    K.set_image_dim_ordering("th")
    assert (K.image_dim_ordering(), K.image_data_format()) == ("th", "channels_first")
