"""Cases of every op: name, arguments and a NumPy formula."""

from __future__ import annotations

import numpy as np
from scipy import special

from tests.tables.arrays import bools, floats, ints, one_hot, probabilities
from tests.tables.ops_dtypes import BOOLEAN, COMPLEX
from tests.tables.ops_matrices import MATRICES
from tests.tables.ops_signal import SIGNALS, OpCase

X = floats(3, 4, low=-2.0, high=2.0)
Y = floats(3, 4, low=-2.0, high=2.0, seed=1)
P = floats(3, 4, low=0.1, high=0.9, seed=2)
BOX = floats(2, 3, 4, low=-2.0, high=2.0, seed=3)
SQUARE = floats(3, 3, low=-2.0, high=2.0, seed=4) + 3 * np.eye(3, dtype="float32")
COUNTS = ints(3, 4, below=5, low=1)
FLAGS = bools(3, 4)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def unary(oracle, *names, x=X):
    return [OpCase(name, (x,), oracle) for name in names]


UNARY = [
    *unary(np.abs, "abs", "absolute"),
    *unary(np.angle, "angle", x=X + 1j * Y),
    *unary(np.arccos, "arccos", x=P),
    *unary(np.arccosh, "arccosh", x=P + 1),
    *unary(np.arcsin, "arcsin", x=P),
    *unary(np.arcsinh, "arcsinh"),
    *unary(np.arctan, "arctan"),
    *unary(np.arctanh, "arctanh", x=P),
    *unary(np.cbrt, "cbrt"),
    *unary(np.ceil, "ceil"),
    *unary(np.conj, "conj", "conjugate", x=X + 1j * Y),
    *unary(np.copy, "array", "convert_to_numpy", "convert_to_tensor", "copy"),
    *unary(np.cos, "cos"),
    *unary(np.cosh, "cosh"),
    *unary(np.deg2rad, "deg2rad"),
    *unary(special.erf, "erf"),
    *unary(special.erfc, "erfc"),
    *unary(special.erfinv, "erfinv", x=P),
    *unary(np.exp, "exp"),
    *unary(np.exp2, "exp2"),
    *unary(np.expm1, "expm1"),
    *unary(np.fabs, "fabs"),
    *unary(np.floor, "floor"),
    *unary(np.i0, "i0"),
    *unary(np.imag, "imag", x=X + 1j * Y),
    *unary(np.isfinite, "isfinite", x=np.array([1.0, np.inf, np.nan])),
    *unary(np.isinf, "isinf", x=np.array([1.0, np.inf, np.nan])),
    *unary(np.isnan, "isnan", x=np.array([1.0, np.inf, np.nan])),
    *unary(np.isneginf, "isneginf", x=np.array([1.0, -np.inf, np.nan])),
    *unary(np.isposinf, "isposinf", x=np.array([1.0, np.inf, -np.inf])),
    *unary(np.isreal, "isreal", x=np.array([1 + 2j, 3.0, 0j])),
    *unary(np.log, "log", x=P),
    *unary(np.log10, "log10", x=P),
    *unary(np.log1p, "log1p", x=P),
    *unary(np.log2, "log2", x=P),
    *unary(np.logical_not, "logical_not", x=FLAGS),
    *unary(np.nan_to_num, "nan_to_num", x=np.array([1.0, np.nan], "float32")),
    *unary(np.negative, "negative"),
    *unary(np.rad2deg, "rad2deg"),
    *unary(np.real, "real", x=X + 1j * Y),
    *unary(np.reciprocal, "reciprocal"),
    *unary(np.round, "round"),
    OpCase("round", (X, 1), np.round),
    OpCase("round", (37 * COUNTS, -1), np.round),
    *unary(lambda x: 1 / np.sqrt(x), "rsqrt", x=P),
    *unary(np.sign, "sign"),
    *unary(np.signbit, "signbit"),
    *unary(np.sin, "sin"),
    *unary(np.sinc, "sinc"),
    *unary(np.sinh, "sinh"),
    *unary(np.sqrt, "sqrt", x=P),
    *unary(np.square, "square"),
    *unary(lambda x: x, "stop_gradient"),
    *unary(np.tan, "tan"),
    *unary(np.tanh, "tanh"),
    *unary(np.trunc, "trunc"),
    *unary(np.invert, "bitwise_not", "bitwise_invert", x=COUNTS),
]

ACTIVATIONS = [
    *unary(lambda x: np.where(x > 0, x, np.expm1(x)), "celu", "elu"),
    *unary(lambda x: x * special.ndtr(x), "gelu"),
    *unary(lambda x: x[:, :2] * sigmoid(x[:, 2:]), "glu"),
    *unary(lambda x: np.where(np.abs(x) > 0.5, x, 0), "hard_shrink"),
    *unary(lambda x: np.clip(x / 6 + 0.5, 0, 1), "hard_sigmoid"),
    *unary(lambda x: x * np.clip(x / 6 + 0.5, 0, 1), "hard_silu", "hard_swish"),
    *unary(lambda x: np.clip(x, -1, 1), "hard_tanh"),
    *unary(lambda x: np.where(x < 0, 0.2 * x, x), "leaky_relu"),
    *unary(lambda x: np.log(sigmoid(x)), "log_sigmoid"),
    *unary(lambda x: np.log(softmax(x)), "log_softmax"),
    *unary(lambda x: np.maximum(x, 0), "relu"),
    *unary(lambda x: np.clip(x, 0, 6), "relu6", x=4 * X),
    *unary(lambda x: 1.05070098 * np.where(x > 0, x, 1.67326324 * np.expm1(x)), "selu"),
    *unary(sigmoid, "sigmoid"),
    *unary(lambda x: x * sigmoid(x), "silu", "swish"),
    *unary(lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0), "soft_shrink"),
    *unary(softmax, "softmax"),
    *unary(lambda x: np.log1p(np.exp(x)), "softplus"),
    *unary(lambda x: x / (1 + np.abs(x)), "softsign"),
    *unary(
        lambda x: np.where(x > 1, x, np.where(x > -1, (x + 1) ** 2 / 4, 0)),
        "sparse_plus",
    ),
    *unary(lambda x: np.clip((x + 1) / 2, 0, 1), "sparse_sigmoid"),
    *unary(lambda x: (x + np.sqrt(x * x + 4)) / 2, "squareplus"),
    *unary(lambda x: x - np.tanh(x), "tanh_shrink"),
    OpCase("threshold", (X, 0.5, -1.0), lambda x, t, d: np.where(x > t, x, d)),
    OpCase("softmax", (BOX, (1, 2)), softmax),
]

BINARY = [
    OpCase(name, pair, oracle)
    for oracle, pair, *names in [
        (np.add, (X, Y), "add"),
        (np.arctan2, (X, Y), "arctan2"),
        (np.bitwise_and, (COUNTS, COUNTS.T.reshape(3, 4)), "bitwise_and"),
        (np.bitwise_or, (COUNTS, COUNTS.T.reshape(3, 4)), "bitwise_or"),
        (np.bitwise_xor, (COUNTS, COUNTS.T.reshape(3, 4)), "bitwise_xor"),
        (np.left_shift, (COUNTS, 2), "bitwise_left_shift", "left_shift"),
        (np.right_shift, (COUNTS, 1), "bitwise_right_shift", "right_shift"),
        (np.divide, (X, Y), "divide", "true_divide"),
        (np.equal, (COUNTS, 2), "equal"),
        (np.floor_divide, (X, Y), "floor_divide"),
        (np.fmod, (X, Y), "fmod"),
        (np.gcd, (COUNTS, 6 * COUNTS[::-1]), "gcd"),
        (np.lcm, (COUNTS, -6), "lcm"),
        (np.ldexp, (X, COUNTS - 3), "ldexp"),
        (np.greater, (X, Y), "greater"),
        (np.greater_equal, (COUNTS, 2), "greater_equal"),
        (np.heaviside, (X, 0.5), "heaviside"),
        (np.hypot, (X, Y), "hypot"),
        (np.isclose, (X, X + 1e-7), "isclose"),
        (np.allclose, (X, X + 1e-7), "allclose"),
        (np.isin, (COUNTS, [1, 3]), "isin"),
        (np.less, (X, Y), "less"),
        (np.less_equal, (COUNTS, 2), "less_equal"),
        (np.logaddexp, (X, Y), "logaddexp"),
        (np.logical_and, (FLAGS, X > 0), "logical_and"),
        (np.logical_or, (FLAGS, X > 0), "logical_or"),
        (np.logical_xor, (FLAGS, X > 0), "logical_xor"),
        (np.maximum, (X, Y), "maximum"),
        (np.minimum, (X, 0.5), "minimum"),
        (np.mod, (X, Y), "mod"),
        (np.multiply, (X, Y), "multiply"),
        (np.not_equal, (COUNTS, 2), "not_equal"),
        (np.power, (P, Y), "power"),
        (np.power, (X, 2), "power"),
        (np.subtract, (X, Y), "subtract"),
    ]
    for name in names
]

REDUCTIONS = [
    OpCase(name, (x, axis), oracle)
    for oracle, x, *names in [
        (np.all, BOX > -1, "all"),
        (np.any, BOX > 1, "any"),
        (np.max, BOX, "max", "amax"),
        (np.mean, BOX, "mean"),
        (np.median, BOX, "median"),
        (np.min, BOX, "min", "amin"),
        (np.prod, BOX, "prod"),
        (np.std, BOX, "std"),
        (np.sum, BOX, "sum"),
        (np.var, BOX, "var"),
        (np.count_nonzero, BOX > 0, "count_nonzero"),
        (lambda x, axis: np.log(np.exp(x).sum(axis)), BOX, "logsumexp"),
    ]
    for name in names
    for axis in (None, -1, (0, 2))
] + [
    OpCase("argmax", (X, 1), np.argmax),
    OpCase("argmin", (X, 0), np.argmin),
    OpCase("average", (X, 1, P), lambda x, axis, w: (x * w).sum(axis) / w.sum(axis)),
    OpCase("cumprod", (X, 1), np.cumprod),
    OpCase("cumsum", (X, 0), np.cumsum),
    OpCase("diff", (X,), np.diff),
    OpCase("moments", (BOX, (0, 2)), lambda x, axes: (x.mean(axes), x.var(axes))),
    OpCase("quantile", (X, [0.25, 0.5], 1), lambda x, q, axis: np.quantile(x, q, axis)),
    OpCase(
        "quantile",
        (X, [0.1, 0.5], 0, "higher", True),
        lambda x, q, axis, method, keep: np.quantile(
            x, q, axis, method=method, keepdims=keep
        ),
    ),
    OpCase("trapezoid", (X,), np.trapezoid),
    OpCase("trapezoid", (X, Y[0], 2.0, 1), np.trapezoid),
    OpCase("trapezoid", (X, None, 0.5, 0), np.trapezoid),
]

SHAPES = [
    OpCase("append", (X, Y, 0), np.append),
    OpCase("array_split", (X, 3, 1), np.array_split),
    OpCase("broadcast_to", (X[:1], (3, 4)), np.broadcast_to),
    OpCase("concatenate", ([X, Y], 1), np.concatenate),
    OpCase("diag", (X[0], 1), np.diag),
    OpCase("diagflat", (X[:2], -1), np.diagflat),
    OpCase("dsplit", (BOX, 2), np.dsplit),
    OpCase("dstack", ([X, Y],), np.dstack),
    OpCase("diagonal", (X,), np.diagonal),
    OpCase("expand_dims", (X, (0, 2)), np.expand_dims),
    OpCase("flip", (X, 1), np.flip),
    OpCase("fliplr", (X,), np.fliplr),
    OpCase("flipud", (X,), np.flipud),
    OpCase("hsplit", (X, [1, 3]), np.hsplit),
    OpCase("hstack", ([X, Y],), np.hstack),
    OpCase("moveaxis", (BOX, 0, -1), np.moveaxis),
    OpCase("pad", (X, ((1, 0), (0, 2))), np.pad),
    OpCase("ravel", (X,), np.ravel),
    OpCase("repeat", (X, 2, 1), np.repeat),
    OpCase("reshape", (X, (2, -1)), np.reshape),
    OpCase("roll", (X, 2, 1), np.roll),
    OpCase("rot90", (X,), np.rot90),
    OpCase("split", (X, [1, 3], 1), np.split),
    OpCase("squeeze", (X[:, None], 1), np.squeeze),
    OpCase("stack", ([X, Y], 1), np.stack),
    OpCase("swapaxes", (BOX, 0, 2), np.swapaxes),
    OpCase("tile", (X, (2, 1)), np.tile),
    OpCase("transpose", (BOX, (1, 0, 2)), np.transpose),
    OpCase("tril", (X,), np.tril),
    OpCase("triu", (X, 1), np.triu),
    OpCase("unstack", (X,), list, {"num": 3}),
    OpCase("view", (X, "int32"), lambda x, dtype: x.astype("float32").view(dtype)),
    OpCase("view", (X, "uint8"), lambda x, dtype: x.astype("float32").view(dtype)),
    OpCase("vsplit", (X, 3), np.vsplit),
    OpCase("vstack", ([X, Y],), np.vstack),
]

HOLES = np.where(X > 1, np.nan, X).astype("float32")
NANS = [
    OpCase("fmax", (HOLES, Y), np.fmax),
    OpCase("fmin", (HOLES, Y), np.fmin),
    OpCase("logaddexp2", (X, Y), np.logaddexp2),
    OpCase("nanargmax", (HOLES, 1), np.nanargmax),
    OpCase("nanargmin", (HOLES, 1), np.nanargmin),
    OpCase("nancumprod", (HOLES, 1), np.nancumprod),
    OpCase("nancumsum", (HOLES,), np.nancumsum),
    OpCase("nanmax", (HOLES, 1), np.nanmax),
    OpCase("nanmean", (HOLES,), np.nanmean),
    OpCase("nanmedian", (HOLES, 1), np.nanmedian),
    OpCase("nanmin", (HOLES, 1), np.nanmin),
    OpCase("nanpercentile", (HOLES, 30.0, 1), np.nanpercentile),
    OpCase("nanprod", (HOLES, 1), np.nanprod),
    OpCase("nanquantile", (HOLES, 0.3, 1), np.nanquantile),
    OpCase("nanstd", (HOLES, 1), np.nanstd),
    OpCase("nansum", (HOLES, 1), np.nansum),
    OpCase("nanvar", (HOLES, 1), np.nanvar),
    OpCase("percentile", (X, 30.0, 1), np.percentile),
    OpCase("ptp", (X, 1), np.ptp),
]

INDICES = [
    OpCase("argpartition", (X[:, :1], 1, 0), np.argpartition),
    OpCase("argpartition", (X[0], 3, None), lambda x, k, _: np.argsort(x)),
    OpCase("argsort", (X, 0), np.argsort),
    OpCase("bincount", (COUNTS[0],), np.bincount),
    OpCase("digitize", (X, [-1.0, 0.0, 1.0]), np.digitize),
    OpCase("get_item", (X, (slice(None), 1)), lambda x, key: x[key]),
    OpCase("histogram", (X[0],), np.histogram),
    OpCase("histogram", (X[0], 3, (-1, 1)), np.histogram),
    OpCase("nonzero", (FLAGS,), np.nonzero),
    OpCase("searchsorted", (np.arange(5.0), X + 2), np.searchsorted),
    OpCase("select", ([X > 1, X > 0], [X, Y], -1.0), np.select),
    OpCase("slice", (X, (1, 1), (2, -1)), lambda x, start, shape: x[1:, 1:]),
    OpCase("sort", (X,), np.sort),
    OpCase("take", (X, [2, 0], 0), np.take),
    OpCase("take_along_axis", (X, COUNTS[:, :2] % 4, 1), np.take_along_axis),
    OpCase("where", (FLAGS, X, 0.0), np.where),
    OpCase("unique", (COUNTS,), np.unique),
    OpCase(
        "unique", (COUNTS, True, True, True, True),
        lambda x, *_: np.unique(x, True, True, True),
    ),
    OpCase("unique", (COUNTS[[0, 1, 0]],), lambda x: np.unique(x, axis=0), {"axis": 0}),
    OpCase(
        "unique", (COUNTS,), lambda x: np.append(np.unique(x), [9] * 3)[:5],
        {"size": 5, "fill_value": 9},
    ),
    OpCase("unravel_index", (COUNTS, (3, 4)), np.unravel_index),
    OpCase(
        "top_k",
        (X, 2),
        lambda x, k: (-np.sort(-x)[:, :k], np.argsort(-x)[:, :k]),
    ),
    OpCase(
        "segment_sum", (X, [0, 0, 1]), lambda x, i: [x[:2].sum(0), x[2]],
        {"num_segments": 2},
    ),
    OpCase(
        "segment_max", (X, [0, 0, 1]), lambda x, i: [x[:2].max(0), x[2]],
        {"num_segments": 2},
    ),
    OpCase(
        "segment_min", (X, [0, 0, 1]), lambda x, i: [x[:2].min(0), x[2]],
        {"num_segments": 2},
    ),
    OpCase(
        "segment_prod", (X, [0, 0, 1]), lambda x, i: [x[:2].prod(0), x[2]],
        {"num_segments": 2},
    ),
]  # fmt: skip

NEW = [
    *[
        OpCase(name, (count,), getattr(np, name))
        for name in ("bartlett", "blackman", "hamming", "hanning")
        for count in (1, 6)
    ],
    OpCase("kaiser", (5, 2.5), np.kaiser),
    OpCase("geomspace", (1.0, 8.0, 4), np.geomspace),
    OpCase("geomspace", (X[0] + 3, 8.0, 4, False, None, 1), np.geomspace),
    OpCase(
        "saturate_cast", (100 * X, "int8"), lambda x, d: np.clip(x, -128, 127).astype(d)
    ),
    OpCase("vander", (X[0], 3, True), np.vander),
    OpCase("vander", (X[0],), np.vander),
    OpCase("arange", (1, 9, 2), np.arange),
    OpCase("arange", (0.0, 1.0, 0.25), np.arange),
    OpCase("cast", (X, "int32"), lambda x, dtype: x.astype(dtype)),
    OpCase("empty", ((2, 3),), np.zeros),
    OpCase("empty_like", (X,), np.zeros_like),
    OpCase("eye", (3, 4, 1), np.eye),
    OpCase("full", ((2, 3), 1.5), np.full),
    OpCase("full_like", (X, 1.5), np.full_like),
    OpCase("identity", (3,), np.identity),
    OpCase("linspace", (0.0, 1.0, 5), np.linspace),
    OpCase("logspace", (0.0, 2.0, 3), np.logspace),
    OpCase("meshgrid", (X[0], Y[:, 0]), np.meshgrid),
    OpCase("multi_hot", (COUNTS, 6), lambda x, n: np.eye(n)[x].max(1)),
    OpCase("ndim", (BOX,), np.ndim),
    OpCase("one_hot", (COUNTS, 6), lambda x, n: np.eye(n)[x]),
    OpCase("one_hot", (COUNTS, 6, 1), lambda x, n, _: np.eye(n)[x].swapaxes(1, 2)),
    OpCase("ones", ((2, 3),), np.ones),
    OpCase("ones_like", (X,), np.ones_like),
    OpCase("shape", (BOX,), np.shape),
    OpCase("size", (BOX,), np.size),
    OpCase("tri", (3, 4, 1), np.tri),
    OpCase("zeros", ((2, 3),), np.zeros),
    OpCase("zeros_like", (X,), np.zeros_like),
]


def crossentropy(target, output):
    return -(target * np.log(output) + (1 - target) * np.log(1 - output))


def layer_normalized(x, gamma, beta):
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-7) * gamma + beta


def batch_normalized(x, mean, variance, axis, offset, scale):
    return (x - mean) / np.sqrt(variance + 1e-3) * scale + offset


CLASSES, CHANCES = one_hot(3, 4), probabilities(3, 4)

LOSSES_AND_NORMS = [
    OpCase("binary_crossentropy", (P, CHANCES), crossentropy),
    OpCase(
        "binary_crossentropy", (P, X, True), lambda t, x, _: crossentropy(t, sigmoid(x))
    ),
    OpCase(
        "categorical_crossentropy", (CLASSES, CHANCES), lambda t, p: -np.log(p[t > 0])
    ),
    OpCase(
        "categorical_crossentropy",
        (CLASSES, X, True),
        lambda t, x, _: -np.log(softmax(x)[t > 0]),
    ),
    OpCase(
        "sparse_categorical_crossentropy",
        (CLASSES.argmax(1), CHANCES),
        lambda t, p: -np.log(p[np.arange(3), t]),
    ),
    OpCase(
        "sparse_categorical_crossentropy",
        (CLASSES.argmax(1)[:, None], X, True),
        lambda t, x, _: -np.log(softmax(x)[np.arange(3), t[:, 0]]),
    ),
    OpCase(
        "batch_normalization",
        (BOX, X[0], P[0], -1, Y[0], Y[1]),
        batch_normalized,
    ),
    OpCase("layer_normalization", (BOX, X[0], Y[0]), layer_normalized),
    OpCase(
        "rms_normalization",
        (X, Y[0]),
        lambda x, scale: x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-7) * scale,
    ),
    OpCase("normalize", (X,), lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)),
    OpCase(
        "normalize",
        (X, 0, 1),
        lambda x, axis, order: x / np.abs(x).sum(0, keepdims=True),
    ),
    OpCase("clip", (X, -1.0, 1.0), np.clip),
    OpCase(
        "divide_no_nan",
        (X, np.sign(Y) * (Y > 0)),
        lambda x, y: np.where(y == 0, 0, x / np.where(y == 0, 1, y)),
    ),
]

QUERIES, KEYS = floats(2, 3, 4, 5, seed=5), floats(2, 6, 2, 5, seed=6)
VALUES, PAIRS = floats(2, 6, 2, 3, seed=7), bools(2, 3, 6) | np.eye(3, 6, dtype=bool)
OFFSETS = floats(4, 1, 6, seed=8)[None]


def attended(q, k, v, bias=0.0, mask=True, scale=5**-0.5, cap=np.inf, **_):
    k, v = np.repeat(k, 2, 2), np.repeat(v, 2, 2)
    scores = np.einsum("btnh,bsnh->bnts", q, k) * scale
    scores = scores / (1 + abs(scores) / cap) + bias
    return np.einsum("bnts,bsnh->btnh", softmax(np.where(mask, scores, -1e30)), v)


ATTENTION = [
    OpCase("dot_product_attention", (QUERIES, KEYS, VALUES, *more), oracle, options)
    for more, oracle, options in [
        ((), attended, {}),
        ((OFFSETS,), attended, {"flash_attention": False}),
        (
            (OFFSETS, PAIRS),
            lambda q, k, v, bias, mask: attended(q, k, v, bias, mask[:, None]),
            {},
        ),
        (
            (),
            lambda q, k, v: attended(q, k, v, mask=np.tri(3, 6), scale=2.0, cap=3.0),
            {"is_causal": True, "scale": 2.0, "attn_logits_soft_cap": 3.0},
        ),
    ]
]

CASES = [
    *ATTENTION,
    *UNARY,
    *ACTIVATIONS,
    *BINARY,
    *REDUCTIONS,
    *NANS,
    *SHAPES,
    *INDICES,
    *NEW,
    *MATRICES,
    *COMPLEX,
    *BOOLEAN,
    *SIGNALS,
    *LOSSES_AND_NORMS,
]
