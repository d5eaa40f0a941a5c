"""Functions of old `keras.backend`, against NumPy."""

from __future__ import annotations

import itertools

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose

from lamina import ops
from lamina.compat.defaults import Release, use
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, MissingMethodError, ShapeError

X = np.arange(1.0, 7.0, dtype="float32").reshape(2, 3)
CUBE = np.arange(24.0, dtype="float32").reshape(2, 3, 4)
WIDE = CUBE[None].repeat(2, 3)
LOCAL = np.arange(2 * 8 * 5.0).reshape(2, 8, 5)
SEPARABLE = np.full((1, 1, 4, 1), 2, "float32"), np.ones((1, 1, 4, 1), "float32")


def _variable(value):
    return Variable(value.copy())


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
    ("sqrt", (X * [1, -1, 4],), {}, np.sqrt(X * [1, 0, 4])),
    ("l2_normalize", (X,), {}, X / np.linalg.norm(X)),
    ("l2_normalize", (0 * X, 0), {}, 0 * X),
    ("random_bernoulli", ((2, 3), 1.0), {}, np.ones((2, 3))),
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
    ("foldr", (lambda a, b: a - b, X), {}, X[1] - X[0]),
    ("get_value", (X,), {}, X),
    ("zeros", ((2, 3),), {}, np.zeros((2, 3))),
    ("ones", ((2, 3),), {}, np.ones((2, 3))),
    ("eye", (3,), {}, np.eye(3)),
    ("ones_like", (X,), {"name": "ones"}, np.ones_like(X)),
    ("identity", (X,), {}, X),
    ("arange", (1, 7, 2), {}, [1, 3, 5]),
    ("cumsum", (X,), {}, X.cumsum(0)),
    ("cumprod", (X,), {"axis": 1}, X.cumprod(1)),
    ("slice", (X,), {"start": (0, 1), "size": (2, 2)}, X[:, 1:]),
    ("in_top_k", (X, np.array([2, 0]), 1), {}, [True, False]),
    ("lesser", (X, 3), {}, X < 3),
    ("lesser_equal", (X, 3), {}, X <= 3),
    (
        "relu",
        (X,),
        {"threshold": 2.5, "alpha": 0.5},
        np.where(X > 2.5, X, X / 2 - 1.25),
    ),
    ("to_dense", (X,), {}, X),
    ("is_sparse", (X,), {}, False),
    ("random_binomial", ((2, 3), 1.0), {}, np.ones((2, 3))),
    ("dropout", (X, 0.0), {}, X),
    ("moving_average_update", (_variable(X), 0.0, 0.75), {}, 0.75 * X),
    (
        "batch_normalization",
        (X, X[0], X[0], X[1], X[0]),
        {"epsilon": 0.5},
        (X - X[0]) / np.sqrt(X[0] + 0.5) * X[0] + X[1],
    ),
    (
        "batch_normalization",
        (CUBE, X[0], X[0], None, None),
        {"axis": 1, "epsilon": 0.5},
        (CUBE - X[0][:, None]) / np.sqrt(X[0][:, None] + 0.5),
    ),
    (
        "resize_images",
        (CUBE[..., None], 2, 3, "channels_last"),
        {},
        CUBE.repeat(2, 1).repeat(3, 2)[..., None],
    ),
    ("resize_images", (CUBE[None], 1, 2), {"data_format": "channels_first"}, WIDE),
    (
        "resize_volumes",
        (CUBE[None, ..., None], 2, 1, 1),
        {},
        CUBE.repeat(2, 0)[None, ..., None],
    ),
    (
        "spatial_3d_padding",
        (CUBE[None, ..., None],),
        {},
        np.pad(CUBE[None, ..., None], [(0, 0), *[(1, 1)] * 3, (0, 0)]),
    ),
    (
        "conv2d_transpose",
        (X[:, None, None], np.ones((1, 2, 4, 3), "float32"), (2, 1, 2, 4)),
        {},
        X.sum(1).repeat(8).reshape(2, 1, 2, 4),
    ),
    (
        "conv2d_transpose",
        (X[:, None, None], np.ones((1, 2, 4, 3), "float32"), (2, 1, 3, 4), (1, 2)),
        {},
        np.pad(
            X.sum(1).repeat(8).reshape(2, 1, 2, 4), [(0, 0), (0, 0), (0, 1), (0, 0)]
        ),
    ),
    (
        "depthwise_conv2d",
        (CUBE[..., None, :], np.full((1, 1, 4, 1), 2, "float32")),
        {},
        2 * CUBE[..., None, :],
    ),
    (
        "separable_conv2d",
        (CUBE[..., None, :], *SEPARABLE),
        {},
        2 * CUBE.sum(-1)[..., None, None],
    ),
    (
        "local_conv1d",
        (CUBE, np.arange(2 * 8 * 5.0).reshape(2, 8, 5), (2,), (1,)),
        {},
        np.stack([CUBE[:, i : i + 2].reshape(2, 8) @ LOCAL[i] for i in (0, 1)], 1),
    ),
    (
        "local_conv2d",
        (CUBE[:, None, :, :2], np.arange(2 * 2 * 4.0).reshape(4, 2, 2), (2, 1), (1, 1)),
        {"data_format": "channels_first"},
        np.stack(
            [
                CUBE[:, i : i + 2, j] @ np.arange(16.0).reshape(4, 2, 2)[2 * i + j]
                for i in (0, 1)
                for j in (0, 1)
            ],
            -1,
        ).reshape(2, 2, 2, 2),
    ),
    ("constant", (2,), {"shape": (2,)}, [2, 2]),
]


@pytest.mark.parametrize(
    ("name", "args", "options", "expected"), EXPECTED, ids=[c[0] for c in EXPECTED]
)
def test_function_equals_numpy(name, args, options, expected):
    from keras import backend as K

    assert_allclose(getattr(K, name)(*args, **options), expected, rtol=1e-6)


def test_batch_dot_multiplied_matrices_until_keras_2_2():
    from keras import backend as K

    y = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    with use(Release.KERAS_2_2):
        assert_allclose(
            K.batch_dot(CUBE, y, [2, 2]), np.einsum("bnm,bnmd->bnd", CUBE, y)
        )
        o = y[:, :, 0]
        assert_allclose(K.batch_dot(o, y, [2, 3]), np.einsum("bnd,bnmd->bnm", o, y))
        assert_allclose(
            K.batch_dot(y, CUBE, [2, 2]), np.einsum("bnmd,bnm->bnd", y, CUBE)
        )
        a, b = K.placeholder((None, 3, 4)), K.placeholder((None, 3, 4, 5))
        assert K.batch_dot(a, b, [2, 2]).shape == (None, 3, 5)
    assert K.batch_dot(CUBE, y, [2, 2]).shape == (2, 3, 3, 5)


@pytest.mark.parametrize("go_backwards", [False, True])
def test_rnn_calls_the_step_function_in_turn(go_backwards):
    from keras import backend as K

    mask = np.array([[1, 1, 0], [0, 1, 1]])

    def step(x, states):
        total, factor = states
        return factor * (total + x), [total + x]

    start = np.zeros((2, 4), "float32")
    last, outputs, (state,) = K.rnn(
        step, CUBE, [start], go_backwards, mask, constants=[2.0]
    )
    order = [2, 1, 0] if go_backwards else [0, 1, 2]
    total, output, expected = start, start, []
    for i in order:
        used = mask[:, i, None] == 1
        total = np.where(used, total + CUBE[:, i], total)
        output = np.where(used, 2 * total, output)
        expected.append(output)
    assert_allclose(outputs, np.stack(expected, 1))
    assert_allclose(last, expected[-1])
    assert_allclose(state, total)
    inputs = K.placeholder((None, 3, 4))
    f = K.function([inputs], [K.rnn(step, inputs, [start], constants=[2.0])[0]])
    assert_allclose(f([CUBE])[0], 2 * CUBE.sum(1))


def test_ctc_sums_the_alignments_and_finds_the_best():
    from keras import backend as K

    p = np.random.default_rng(0).dirichlet(np.ones(3), (1, 3)).astype("float32")
    labels, lengths = np.array([[0, 1]]), (np.array([[3]]), np.array([[2]]))

    def collapsed(path):
        return tuple(c for c, _ in itertools.groupby(path) if c != 2)

    totals = {}
    for path in itertools.product(range(3), repeat=3):
        chance = np.prod([p[0, i, c] for i, c in enumerate(path)])
        totals[collapsed(path)] = totals.get(collapsed(path), 0) + chance
    cost = K.ctc_batch_cost(labels, p, *lengths)
    assert_allclose(cost, [[-np.log(totals[0, 1])]], rtol=1e-5)
    (found,), _ = K.ctc_decode(p, np.array([3]), greedy=False, beam_width=9)
    best = max(totals, key=totals.get)
    assert tuple(np.asarray(found)[0][: len(best)]) == best
    (found,), _ = K.ctc_decode(p, np.array([3]))
    best = collapsed(p[0].argmax(-1))
    assert tuple(np.asarray(found)[0][: len(best)]) == best
    with pytest.raises(ArgumentError, match="at most `beam_width`"):
        K.ctc_decode(p, np.array([3]), greedy=False, beam_width=1, top_paths=2)
    with pytest.raises(MissingMethodError, match=r"ops\.ctc_loss"):
        K.ctc_label_dense_to_sparse(labels, lengths[1])


def test_phase_is_that_of_the_call():
    from keras import backend as K
    from keras.layers import Input, Lambda
    from keras.models import Model

    assert K.learning_phase() == 0
    x = Input((3,))
    model = Model(x, Lambda(lambda x: K.in_train_phase(2 * x, x))(x))
    assert_allclose(model.predict(X, verbose=0), X)
    assert_allclose(model(X, training=True), 2 * X)
    y = K.in_train_phase(2 * x, x)
    f = K.function([x, K.learning_phase()], [y])
    assert_allclose(f([X, 1])[0], 2 * X)
    assert_allclose(K.get_session().run([y], {x: X, K.learning_phase(): 0}), [X])
    K.set_learning_phase(1)
    assert_allclose(K.in_test_phase(X, -X), -X)
    K.set_learning_phase(0)


def test_kinds_of_values():
    from keras import backend as K

    v, x = K.random_uniform_variable((2,), 0, 1), K.placeholder((None, 2))
    assert K.is_variable(v) and not K.is_variable(x)
    assert K.is_placeholder(x) and not K.is_placeholder(2 * x)
    assert K.is_symbolic(2 * x) and not K.is_symbolic(v)
    assert K.is_variable(K.random_normal_variable((2,), 0, 1))
    assert K.batch_flatten(K.placeholder((None, 2, 3))).shape == (None, 6)


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


@pytest.mark.parametrize(
    ("lengths", "padding", "strides", "dilation"),
    [
        ((9, 10), "same", 2, 1),
        ((11, 12), "valid", (2, 3), 1),
        ((10, 7), "valid", (3, 2), 1),
        ((7, 8), "same", 3, 1),
        ((9, 8), "valid", 1, 2),
    ],
)
def test_transposed_convolution_has_the_output_shape(
    lengths, padding, strides, dilation
):
    from keras import backend as K

    kernel = np.random.default_rng(0).normal(size=(3, 2, 2, 4)).astype("float32")
    zeros = np.zeros((1, *lengths, 2), "float32")

    def forward(x):
        return ops.conv(x, kernel, strides, padding, "channels_last", dilation)

    @jax.jit
    def both(x):
        found = K.conv2d_transpose(
            x, kernel, zeros.shape, strides, padding, "channels_last", dilation
        )
        return found, jax.vjp(forward, zeros)[1](x)[0]

    output = jax.eval_shape(forward, zeros)
    x = np.arange(output.size, dtype="float32").reshape(output.shape)
    found, expected = both(x)
    assert_allclose(found, expected, rtol=1e-5)
    inputs = K.placeholder((None, *x.shape[1:]))
    shape = None, None, lengths[1], 2
    symbolic = K.conv2d_transpose(
        inputs, kernel, shape, strides, padding, dilation_rate=dilation
    )
    assert symbolic.shape[2] == lengths[1]


def test_transposed_convolution_refuses_an_output_shape_of_other_inputs():
    from keras import backend as K

    kernel = np.ones((3, 3, 2, 4), "float32")
    with pytest.raises(ShapeError, match="does not lead to an output of shape"):
        K.deconv2d(np.ones((1, 5, 5, 4)), kernel, (1, 12, 9, 2), (2, 2), "same")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"border_mode": "same"}, {"padding": "same"}),
        ({"dim_ordering": "th"}, {"data_format": "channels_first"}),
        ({"filter_dilation": (2, 1)}, {"dilation_rate": (2, 1)}),
        ({"image_shape": None, "filter_shape": (2, 2, 3, 4)}, {}),
    ],
    ids=["border_mode", "dim_ordering", "filter_dilation", "shapes"],
)
def test_convolution_takes_options_of_keras_1(old, new):
    from keras import backend as K

    x = np.random.default_rng(0).normal(size=(1, 3, 5, 3)).astype("float32")
    kernel = np.ones((2, 2, 3, 4), "float32")
    assert_allclose(K.conv2d(x, kernel, **old), K.conv2d(x, kernel, **new))


def test_convolution_refuses_unknown_options():
    from keras import backend as K

    with pytest.raises(TypeError, match="conv2d.*'stride'"):
        K.conv2d(np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1)), stride=2)


def test_resize_images_takes_orders_of_keras_1():
    from keras import backend as K

    x = np.arange(12.0).reshape(1, 2, 2, 3)
    for name, order in (("tf", "channels_last"), ("th", "channels_first")):
        assert_allclose(K.resize_images(x, 2, 2, name), K.resize_images(x, 2, 2, order))


@pytest.mark.parametrize(
    ("since", "name"), [(Release.TF_KERAS_2, "tensorflow"), (Release.KERAS_3, "jax")]
)
def test_backend_is_one_that_programs_know(since, name):
    from keras import backend as K

    with use(since):
        assert K.backend() == name
