"""Cases of functions that Keras's results are recorded for.

The name of a case begins with the function's public name.
"""

from __future__ import annotations

import copy
import operator
from typing import Any

import jax
import numpy as np

from tests.tables.arrays import bools, floats, ints, one_hot, probabilities
from tests.tables.cases import SmallCase

X, Y = floats(3, 4, low=-2.0, high=2.0), floats(3, 4, low=-2.0, high=2.0, seed=1)
SQUARE = floats(3, 3, seed=4) + 3 * np.eye(3, dtype="float32")
STEPS, IMAGES, VOLUMES = floats(2, 9, 4), floats(2, 7, 6, 4), floats(2, 4, 4, 4, 3)
FIRST = np.ascontiguousarray(IMAGES.transpose(0, 3, 1, 2))
PIXELS = floats(2, 4, 3, 3, low=0.0, high=255.0)


def case(function: str, variant: str, *args: Any, **kwargs: Any) -> SmallCase:
    """Return a case that calls the function, in one program if it is an operation."""

    def make(k: Any) -> Any:
        def call() -> Any:
            # Keras changes some arrays in place.
            return operator.attrgetter(function)(k)(*copy.deepcopy(args), **kwargs)

        return jax.jit(call)() if function.startswith("ops.") else call()

    return SmallCase(f"{function} {variant}".strip(), make)


def made(function: str, make: Any, variant: str = "") -> SmallCase:
    """Return a case that calls the function in another way, without compiling it."""
    call = lambda k: make(operator.attrgetter(function)(k))  # noqa: E731
    return SmallCase(f"{function} {variant}".strip(), call)


CONVOLUTIONS = [
    case("ops.conv", "1d", STEPS, floats(3, 4, 5), 1, "same"),
    case("ops.conv", "strides", IMAGES, floats(3, 2, 4, 5), (2, 1), "valid"),
    case("ops.conv", "groups", IMAGES, floats(3, 3, 2, 6), padding="same"),
    case("ops.conv", "dilation", VOLUMES, floats(2, 2, 2, 3, 2), dilation_rate=2),
    case("ops.conv", "first", FIRST, floats(3, 3, 4, 2), data_format="channels_first"),
    case("ops.conv_transpose", "1d", STEPS, floats(3, 5, 4), 2),
    case("ops.conv_transpose", "same", IMAGES, floats(3, 3, 5, 4), 2, "same"),
    case(
        "ops.conv_transpose",
        "output padding",
        IMAGES,
        floats(3, 3, 5, 4),
        strides=3,
        output_padding=1,
    ),
    case("ops.depthwise_conv", "", IMAGES, floats(3, 2, 4, 2), padding="same"),
    case("ops.depthwise_conv", "1d", STEPS, floats(3, 4, 2), 2),
    case(
        "ops.separable_conv",
        "",
        IMAGES,
        floats(3, 3, 4, 2),
        floats(1, 1, 8, 5),
        strides=2,
        padding="same",
    ),
    case("ops.average_pool", "same", IMAGES, (3, 2), 2, "same"),
    case("ops.average_pool", "1d", STEPS, 2, 2),
    case("ops.max_pool", "same", IMAGES, 3, 2, "same"),
    case("ops.max_pool", "first", FIRST, 2, 1, data_format="channels_first"),
    case("ops.fold", "", floats(2, 12, 4), (4, 4), 2, stride=2),
    case("ops.fold", "overlap", floats(1, 8, 9), (4, 4), 2),
    case("ops.space_to_depth", "", floats(2, 4, 6, 3), 2),
]

MATRICES = [
    made("ops.eig", lambda f: [abs(part) for part in f(SQUARE @ SQUARE.T)]),
    case("ops.qr", "", floats(4, 3)),
    case("ops.qr", "complete", floats(2, 4, 3), mode="complete"),
    made("ops.jvp", lambda f: f(lambda x, y: (x * y).sum(), (X, Y), (Y, X))),
    made("ops.jvp", lambda f: f(lambda x: (x * x, x), (X,), (Y,), True), "more"),
]

ELEMENTS = [
    case("ops.nextafter", "", X, Y),
    case("ops.in_top_k", "", ints(5, below=4), floats(5, 4), 2),
    case("ops.scatter", "", np.array([[0], [2], [0]]), floats(3, 2), (4, 2)),
    case("ops.scatter_update", "", X, np.array([[0, 1], [2, 3]]), floats(2)),
    case("ops.slice_update", "", X, [1, 2], floats(2, 2)),
    case("ops.is_tensor", "of NumPy", X),
    made("ops.dtype", lambda f: f(X.astype("float16"))),
    made("ops.vectorize", lambda f: f(lambda x, y: (x * y).sum())(X, Y)),
    made(
        "ops.vectorize",
        lambda f: f(lambda a, b: a @ b, signature="(n),(n)->()")(X, Y),
        "signature",
    ),
    case("ops.istft", "", [floats(2, 4, 5), floats(2, 4, 5, seed=1)], 8, 4, 8),
    case(
        "ops.istft",
        "window",
        [floats(2, 6, 5), floats(2, 6, 5, seed=1)],
        6,
        3,
        8,
        length=15,
        window="hamming",
    ),
]

CONTROL = [
    made("ops.cond", lambda f: f(X.sum() > 0, lambda: X, lambda: Y)),
    made("ops.switch", lambda f: f(1, [lambda x: x, lambda x: 2 * x], X)),
    made("ops.while_loop", lambda f: f(lambda i, x: i < 3, step, (0, X))),
    made(
        "ops.while_loop",
        lambda f: f(lambda i, x: i < 9, step, (0, X), maximum_iterations=2),
        "maximum",
    ),
    made("ops.fori_loop", lambda f: f(1, 4, lambda i, x: x * i, X)),
    made("ops.map", lambda f: f(lambda x: x.sum(), X)),
    made("ops.vectorized_map", lambda f: f(lambda x: x * x[0], X)),
    made("ops.scan", lambda f: f(lambda c, x: (c + x, c * x), Y[0], X)),
    made("ops.scan", lambda f: f(running, X[0], Y, reverse=True), "reverse"),
    made("ops.associative_scan", lambda f: f(lambda a, b: a * b, X)),
    made("ops.associative_scan", lambda f: f(np.add, X, True, 1), "reverse"),
    made("ops.custom_gradient", lambda f: f(doubled)(X)),
]


def step(i: Any, x: Any) -> Any:
    return i + 1, 2 * x


def running(carry: Any, x: Any) -> Any:
    return carry * x, carry


def doubled(x: Any) -> Any:
    return 2 * x, lambda *args, upstream: upstream


MERGES = [
    *[
        case(f"layers.{name}", "", [X, Y, X * Y])
        for name in ("add", "average", "concatenate", "maximum", "minimum", "multiply")
    ],
    case("layers.subtract", "", [X, Y]),
    case("layers.concatenate", "axis", [X, Y], axis=0),
    case("layers.dot", "", [X, Y], 1),
    case("layers.dot", "normalize", [STEPS, STEPS[::-1]], (1, 1), normalize=True),
]

CLASSES, CHANCES = one_hot(6, 4), probabilities(6, 4, seed=1)
LABELS = ints(6, below=4)
METRICS = [
    case("metrics.binary_accuracy", "", bools(6, 4), CHANCES, threshold=0.3),
    case("metrics.categorical_accuracy", "", CLASSES, CHANCES),
    case("metrics.sparse_categorical_accuracy", "", LABELS, CHANCES),
    case("metrics.top_k_categorical_accuracy", "", CLASSES, CHANCES, k=2),
    case("metrics.sparse_top_k_categorical_accuracy", "", LABELS, CHANCES, k=2),
    case("metrics.pearson_correlation", "", X, Y),
    case("metrics.pearson_correlation", "axis", X, Y, axis=0),
    case("metrics.concordance_correlation", "", X, Y),
]

PREPARATION = [
    *[
        case("applications.imagenet_utils.preprocess_input", mode, PIXELS, mode=mode)
        for mode in ("caffe", "tf", "torch")
    ],
    *[
        case(f"applications.{name}.preprocess_input", "", PIXELS)
        for name in ("convnext", "densenet", "inception_resnet_v2", "resnet")
    ],
    case("preprocessing.image.smart_resize", "", PIXELS[0], (3, 5)),
    case("preprocessing.image.img_to_array", "", PIXELS[0], "channels_last", "float32"),
    made("preprocessing.image.array_to_img", lambda f: np.asarray(f(PIXELS[0]))),
    made(
        "preprocessing.image.array_to_img",
        lambda f: np.asarray(f(PIXELS[0], scale=False)),
        "unscaled",
    ),
    case("preprocessing.sequence.pad_sequences", "", [[1, 2, 3], [4], [5, 6]]),
    case(
        "preprocessing.sequence.pad_sequences",
        "options",
        [[1, 2, 3], [4]],
        maxlen=2,
        dtype="float32",
        padding="post",
        truncating="post",
        value=9.0,
    ),
    case("utils.normalize", "", X),
    case("utils.normalize", "order", X, order=1),
    case("utils.to_categorical", "", LABELS),
    case("utils.to_categorical", "classes", LABELS[:, None], num_classes=6),
    case("utils.pack_x_y_sample_weight", "", X, Y),
    case("utils.unpack_x_y_sample_weight", "", (X, Y)),
]

NESTED = {"a": [X, (Y,)], "b": STEPS}
TREES = [
    case("tree.flatten", "", NESTED),
    case("tree.flatten_with_path", "", NESTED),
    case("tree.is_nested", "", NESTED),
    case("tree.is_nested", "leaf", X),
    case("tree.lists_to_tuples", "", NESTED),
    case("tree.map_structure", "", np.add, NESTED, NESTED),
    case("tree.map_structure", "stop", len, NESTED),
    case("tree.map_shape_structure", "", np.zeros, {"a": (2, 3), "b": [4, 5]}),
    case("tree.map_structure_up_to", "", [0, 0], len, [[3], [4, 5]]),
    case("tree.pack_sequence_as", "", NESTED, [1, 2, 3]),
    case("tree.traverse", "", lambda x: None if isinstance(x, dict) else 1, NESTED),
]

TYPES = [
    case("backend.result_type", "", "int32", "float16", "bool"),
    case("backend.result_type", "number", "int64", float),
    case("backend.result_type", "unsigned", "uint64", "int64"),
    case("backend.standardize_dtype", "", np.dtype("int8")),
    case("backend.is_float_dtype", "", "bfloat16"),
    case("backend.is_int_dtype", "", "uint8"),
    case("backend.is_int_dtype", "bool", "bool"),
]

FUNCTIONS = [
    *CONVOLUTIONS,
    *MATRICES,
    *ELEMENTS,
    *CONTROL,
    *MERGES,
    *METRICS,
    *PREPARATION,
    *TREES,
    *TYPES,
]
