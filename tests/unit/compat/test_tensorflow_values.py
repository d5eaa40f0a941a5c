"""Functions of `tensorflow` whose results differ from NumPy's, against TensorFlow's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lamina.errors import ArgumentTypeError, ShapeError

M = np.arange(8.0, dtype="float32").reshape(2, 2, 2)
Z = np.array([[1 + 2j, 3 - 1j]], "complex64")
# Expressions with `tf`, and what TensorFlow 2.21 returns.
VALUES = [
    ("tf.linalg.diag([[1., 2.], [3., 4.]])", [[[1, 0], [0, 2]], [[3, 0], [0, 4]]]),
    ("tf.linalg.diag([1., 2.], k=1)", [[0, 1, 0], [0, 0, 2], [0, 0, 0]]),
    ("tf.linalg.diag([5.], k=-1)", [[0, 0], [5, 0]]),
    ("tf.linalg.diag_part(M)", [[0, 3], [4, 7]]),
    ("tf.linalg.trace(M)", [3, 11]),
    ("tf.linalg.tensor_diag([[1, 2]])", [[[[1, 0]], [[0, 2]]]]),
    ("tf.linalg.tensor_diag_part(M[0])", [0, 3]),
    ("tf.linalg.set_diag(M, [[9., 8.], [7., 6.]])[1]", [[7, 5], [6, 6]]),
    ("tf.linalg.adjoint(Z)", [[1 - 2j], [3 + 1j]]),
    ("tf.matmul(Z, Z, adjoint_b=True)", [[15]]),
    ("tf.linalg.matvec(M[0], [1., 2.], adjoint_a=True)", [4, 7]),
    ("tf.linalg.inv(M[0], adjoint=True)", [[-1.5, 1], [0.5, 0]]),
    ("tf.linalg.solve(M[0], [[1.], [2.]], adjoint=True)", [[0.5], [0.5]]),
    ("tf.linalg.normalize([[3., 4.]], axis=1)[0]", [[0.6, 0.8]]),
    ("tf.linalg.normalize([[3., 4.]], axis=1)[1]", [[5]]),
    ("tf.norm([[1., -2.], [3., 4.]], ord=1)", 10),
    ("tf.norm([[1., -2.], [3., 4.]], ord=np.inf)", 4),
    ("tf.norm([[3., 4.]], 'euclidean', axis=1)", [5]),
    ("tf.norm(M, axis=[1, 2])", np.sqrt([14, 126])),
    ("tf.norm([[3., 4.]], keepdims=True)", [[5]]),
    ("tf.cumsum([1, 2, 3], exclusive=True)", [0, 1, 3]),
    ("tf.cumsum([1, 2, 3], exclusive=True, reverse=True)", [5, 3, 0]),
    ("tf.math.cumprod([1., 2., 3.], exclusive=True)", [1, 1, 2]),
    ("tf.math.cumprod([[1., 2.], [3., 4.]], axis=1, reverse=True)", [[2, 2], [12, 4]]),
    ("tf.math.cumulative_logsumexp([0., 0.], exclusive=True)", [-np.inf, 0]),
    ("tf.math.bincount([[1, 2, 2], [0, 0, 1]], axis=-1)", [[0, 1, 2], [2, 1, 0]]),
    ("tf.math.bincount([[1, 2, 2]], axis=-1, binary_output=True)", [[0, 1, 1]]),
    ("tf.math.bincount([1, 2, 2], weights=[.5, 1., 2.], maxlength=2)", [0, 0.5]),
    ("tf.math.count_nonzero([1, 0, 2])", 2),
    ("tf.math.count_nonzero([[1., 0.], [0., 0.]], axis=0, keepdims=True)", [[1, 0]]),
    ("tf.truncatediv([-7, 7], [2, 2])", np.array([-3, 3])),
    ("tf.math.segment_max([1., 2., 5.], [0, 0, 2])", [2, 0, 5]),
    ("tf.math.segment_min([1, 2, 5], [0, 0, 2])", np.array([1, 0, 5])),
    ("tf.math.segment_prod([1., 2., 5.], [0, 0, 2])", [2, 1, 5]),
    ("tf.math.segment_mean([[1.], [2.], [5.]], [0, 0, 2])", [[1.5], [0], [5]]),
    (
        "tf.math.unsorted_segment_max([1., 5.], [0, 2], 3)",
        [1, np.finfo("float32").min, 5],
    ),
    ("tf.math.unsorted_segment_min([1], [1], 2)", np.array([2**31 - 1, 1])),
    ("tf.math.unsorted_segment_sum([1., 2., 3.], [0, -1, 0], 2)", [4, 0]),
    (
        "tf.argsort(tf.constant([3, 0, 200], tf.uint8), direction='DESCENDING')",
        np.array([2, 0, 1]),
    ),
    ("tf.argsort([2, 1, 2], direction='DESCENDING')", np.array([0, 2, 1])),
    ("tf.searchsorted([[1, 3], [2, 4]], [[3], [5]], side='right')", [[2], [2]]),
    ("tf.reduce_mean([1, 2, 4])", np.array(2)),
    ("tf.reduce_mean(tf.constant([[-1, -2]]), axis=1)", np.array([-1])),
    ("tf.reduce_mean([[1., 2.]], keep_dims=True)", [[1.5]]),
    ("tf.complex([1.], [2.])", [1 + 2j]),
    ("tf.dynamic_partition([1, 2, 3, 4], [0, 1, 0, 1], 2)[1]", [2, 4]),
    ("tf.linspace([0., 1.], [1., 3.], 3, axis=-1)", [[0, 0.5, 1], [1, 2, 3]]),
    ("tf.tensor_scatter_nd_update([1, 2, 3], [[1]], [9])", [1, 9, 3]),
    ("tf.gather([5, 6, 7], [2, 0])", [7, 5]),
    ("tf.while_loop(lambda i: i < 5, lambda i: (i + 1,), [0])", [5]),
    ("tf.while_loop(lambda i: i < 5, lambda i: i + 1, [0])", 5),
    ("tf.uint8.limits", [0, 255]),
    ("tf.TensorShape([None, 3]).concatenate([4])[1:]", [3, 4]),
    ("tf.TensorShape([2, None]).merge_with([None, 3])", [2, 3]),
    ("tf.TensorShape([2, 3]).num_elements()", 6),
    ("tf.TensorShape([None, 3]).num_elements() is None", True),
    ("tf.constant('a').dtype == tf.string", True),
    ("tf.constant(['a']).dtype != tf.string", False),
    ("tf.constant(1).dtype == tf.string", False),
    ("[tf.float32 == np.float32, tf.float32 == int, tf.int32 != np.int32]", [1, 0, 0]),
    ("tf.constant([[1.]]).shape.as_list()", [1, 1]),
    ("tf.ones([2, 3, 4]).shape[1:].as_list()", [3, 4]),
    ("tf.constant(['a', 'b']).shape.as_list()", [2]),
    ("{3: 1}[tf.constant(3).numpy()]", 1),
    ("{3: 1}[tf.Variable(3).numpy()]", 1),
    ("tf.image.flip_left_right(M).numpy()", M[:, ::-1]),
    ("tf.image.flip_up_down(M).numpy()", M[::-1]),
    (
        "tf.image.central_crop(np.arange(16.).reshape(4, 4, 1), 0.5).numpy().ravel()",
        [5, 6, 9, 10],
    ),
    ("tf.image.psnr(M[:, None], M[:, None] + 1, 10.)", [20, 20]),
    ("tf.image.convert_image_dtype(np.uint8([[[255]]]), tf.uint16)", [[[65280]]]),
    ("tf.image.convert_image_dtype(np.uint16([[[65280]]]), tf.uint8)", [[[255]]]),
    ("tf.image.convert_image_dtype(np.uint8([[[2]]]), tf.int16)", [[[256]]]),
    ("tf.image.resize(M[..., :1], [1, 2], 'area')", [[[2], [4]]]),
    ("tf.image.resize([[[1.], [2.], [6.]]], [1, 2], 'area')", [[[4 / 3], [14 / 3]]]),
    ("tf.strings.length(tf.strings.upper(['é']))", [2]),
    ("tf.reduce_sum(tf.ragged.constant([[1, 2], [3]]), axis=1)", [3, 3]),
    ("tf.reduce_mean(tf.ragged.constant([[1., 2.], [3.]]), -1)", [1.5, 3]),
    ("tf.reduce_max(tf.ragged.constant([[1, 2], [3]]))", 3),
    ("tf.square(tf.ragged.constant([[1, 2], [3]])).to_tensor()", [[1, 4], [9, 0]]),
    ("tf.RaggedTensor.from_row_splits([1, 2, 3], [0, 2, 3])[0]", [1, 2]),
    ("tf.RaggedTensor.from_value_rowids([1, 2], [0, 2]).row_lengths()", [1, 0, 1]),
    ("tf.ragged.constant([[1, 2], [3]]).bounding_shape()", [2, 2]),
    ("(2 - tf.ragged.constant([[1, 2], [3]])).to_tensor()", [[1, 0], [-1, 0]]),
    (
        "(tf.ragged.constant([[1, 2], [3]]) * tf.ragged.constant([[3, 4], [5]]))[0]",
        [3, 8],
    ),
    ("(tf.ragged.constant([[1, 2], [3]]) + [[10], [20]]).flat_values", [11, 12, 23]),
    (
        "(np.int32([[10]]) + tf.ragged.constant([[1, 2], [3]])).flat_values",
        [11, 12, 13],
    ),
    ("(tf.ragged.constant([[1, 2], [3]]) > 1)[0]", [False, True]),
    ("(tf.ragged.constant([[[1], [2, 3]], [[4]]]) + 1).flat_values", [2, 3, 4, 5]),
    ("tf.ragged.constant([[1, 2, 3], [4]])[:, :2].to_tensor()", [[1, 2], [4, 0]]),
    ("tf.ragged.constant([[1, 2, 3], [4]])[0, 1]", 2),
    ("tf.ragged.constant([[[1], [2, 3]], [[4]]])[:, 0].to_tensor()", [[1], [4]]),
    (
        "tf.ragged.constant([[[1], [2, 3]], [[4]], []]).to_tensor()",
        [[[1, 0], [2, 3]], [[4, 0], [0, 0]], [[0, 0], [0, 0]]],
    ),
    ("tf.ragged.constant([[[1], [2, 3]], [[4]]]).ragged_rank", 2),
    ("tf.ragged.constant([[], [3]]).to_tensor()", np.array([[0], [3]])),
    (
        "tf.ragged.map_flat_values(tf.square, tf.ragged.constant([[[2]], [[3]]]))"
        ".flat_values",
        [4, 9],
    ),
    ("tf.strings.length(tf.ragged.constant([['ab'], [], ['c']])).flat_values", [2, 1]),
    ("tf.signal.dct([1., 2., 3.])", [12, -3.4641016, 0]),
    ("tf.ragged.constant([[1, 2], [], [3]]).row_starts()", [0, 2, 2]),
    ("tf.ragged.constant([[1, 2], [], [3]]).row_limits()", [2, 2, 3]),
    ("tf.ragged.constant([[1, 2], [], [3]]).value_rowids()", [0, 0, 2]),
    ("tf.ragged.range([0, 5, 8], [3, 3, 12], 2).flat_values", [0, 2, 8, 10]),
    ("tf.ragged.range([2, 1]).row_lengths()", [2, 1]),
    ("tf.sparse.reduce_max(tf.sparse.from_dense([-5, 0, -3]))", -3),
    ("tf.sparse.reduce_max(tf.sparse.from_dense([[-5, 1], [0, 0]]), 1)", [1, 0]),
    ("tf.nn.bias_add(tf.zeros((1, 2, 3)), [1., 2.], 'NCW')[0, :, 2]", [1, 2]),
    (
        "tf.image.sobel_edges(np.reshape(np.arange(6.), (1, 3, 2, 1)))[0, 1, 0]",
        [[16, 0]],
    ),
    ("tf.strings.to_hash_bucket_fast(['', 'hello', 'x' * 40], 1000)", [263, 296, 852]),
    ("tf.strings.to_hash_bucket_strong(['a'], 1000, key=[1, 2])", [646]),
    ("tf.compat.v1.string_to_hash_bucket_fast(['a'], 1000)", [939]),
    (
        "tf.TensorArray(tf.float32, 3).scatter([2, 0, 1], [1., 2., 3.]).stack()",
        [2, 3, 1],
    ),
    ("tf.TensorArray(tf.float32, 3).unstack([1., 2., 3.]).gather([2, 0])", [3, 1]),
    ("tf.TensorShape([None, 3]).is_compatible_with([2, 3])", True),
    ("tf.TensorShape([None, 3]).is_compatible_with([2, 4])", False),
    ("tf.TensorSpec((None, 2)).is_compatible_with(tf.zeros((3, 2), tf.int32))", False),
    ("tf.TensorSpec.from_tensor(tf.zeros((3, 2))) == tf.TensorSpec((3, 2))", True),
    ("tf.timestamp() > 1.7e9 and tf.timestamp().dtype == tf.float64", True),
    ("iter(tf.data.Dataset.range(3)).next()", 0),
    ("int(tf.keras.__version__.split('.')[0])", 2),
    *(
        (f"tf.Variable([[1., 2.], [3., 4.]]).scatter_{name}(D)", [[1, 2], row])
        for name, row in (
            *(("update", [2, 8]), ("add", [5, 12]), ("sub", [1, -4])),
            *(("mul", [6, 32]), ("div", [1.5, 0.5]), ("max", [3, 8]), ("min", [2, 4])),
        )
    ),
    *(
        (f"tf.Variable([1., 3.]).scatter_nd_{name}([[1]], [2.])", [1, value])
        for name, value in (
            *(("update", 2), ("add", 5), ("sub", 1), ("max", 3), ("min", 2)),
        )
    ),
]


@pytest.mark.parametrize(
    ("expression", "expected"), VALUES, ids=[case[0] for case in VALUES]
)
def test_value_is_that_of_tensorflow(expression, expected):
    import tensorflow as tf

    delta = tf.IndexedSlices(tf.constant([[2.0, 8.0]]), tf.constant([1]))
    found = np.asarray(
        eval(expression, {"tf": tf, "np": np, "M": M, "Z": Z, "D": delta})
    )
    assert found.shape == np.shape(expected)
    assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    if isinstance(expected, np.ndarray) and expected.dtype.kind == "i":
        assert found.dtype.kind in "iu"


TEXTS = [
    ("tf.strings.lower(['AbÉ'])", ["abÉ"]),
    ("tf.strings.lower(['AbÉ'], encoding='utf-8')", ["abé"]),
    ("tf.strings.upper(['abé'])", ["ABé"]),
    ("tf.strings.substr('Hello', -5, 5)", "Hello"),
    ("tf.strings.substr('Hello', -3, 2)", "ll"),
    ("tf.strings.substr(['Hello', 'World'], [0, 2], [2, 3])", ["He", "rld"]),
    ("tf.strings.substr('héllo', 1, 2, unit='UTF8_CHAR')", "él"),
    ("tf.strings.reduce_join([['a', 'b'], ['c', 'd']], axis=[0, 1])", "acbd"),
    ("tf.strings.reduce_join([['a', 'b']], 1, True, ' ')", [["a b"]]),
    ("tf.strings.reduce_join([['a', 'b'], ['c', 'd']])", "abcd"),
    ("tf.strings.as_string([1, -2])", ["1", "-2"]),
    ("tf.strings.as_string([1.5, 2.])", ["1.500000", "2.000000"]),
    ("tf.strings.as_string([1.5, 2.25], precision=1)", ["1.5", "2.2"]),
    ("tf.strings.as_string([True, False])", ["true", "false"]),
    ("tf.strings.as_string(5, width=4, fill='0')", "0005"),
    ("tf.strings.as_string([1.5e10], scientific=True)", ["1.500000e+10"]),
    ("tf.strings.as_string([1.5], shortest=True)", ["1.5"]),
    ("tf.strings.format('v={}', tf.constant('a'))", 'v="a"'),
    ("tf.strings.format('{} {}', (tf.constant([1, 2]), 2.5))", "[1 2] 2.5"),
    ("tf.zeros([2], tf.string)", ["", ""]),
    ("tf.strings.substr(tf.ragged.constant([['abc'], []]), 0, 2)[0]", ["ab"]),
    ("tf.strings.split(tf.ragged.constant([['a b'], ['c']]))[0, 0]", ["a", "b"]),
]


@pytest.mark.parametrize(
    ("expression", "expected"), TEXTS, ids=[case[0] for case in TEXTS]
)
def test_text_is_that_of_tensorflow(expression, expected):
    import tensorflow as tf

    found = np.asarray(eval(expression, {"tf": tf}))
    assert found.shape == np.shape(expected)
    texts = [text.decode() for text in found.reshape(-1)]
    assert texts == np.array(expected, object).reshape(-1).tolist()


def test_ragged_tensor_is_not_reduced_along_its_rows():
    import tensorflow as tf

    with pytest.raises(ArgumentTypeError, match="axis 1 only.*to_tensor"):
        tf.reduce_max(tf.ragged.constant([[1, 2], [3]]), axis=0)
    with pytest.raises(ShapeError, match="differ"):
        tf.TensorShape([2, 3]).merge_with([2, 4])
