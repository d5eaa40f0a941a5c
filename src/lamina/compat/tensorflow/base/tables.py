"""Declarations of the functions of TensorFlow, by module; see `declare.declared`."""

from __future__ import annotations

from collections.abc import Iterable


def _same(names: Iterable[str], arguments: str) -> dict[str, str]:
    return {name: f"{name} {arguments}" for name in names}


_UNARY = {
    **_same(
        (
            *("ceil", "cos", "cosh", "erf", "exp", "expm1", "floor", "imag", "log"),
            *("log1p", "log_sigmoid", "negative", "real", "reciprocal", "round"),
            *("rsqrt", "sigmoid", "sign", "sin", "sinh", "softplus", "sqrt", "square"),
            *("tan", "tanh", "angle"),
        ),
        "x, /",
    ),
    "abs": "absolute x, /",
    "acos": "arccos x, /",
    "acosh": "arccosh x, /",
    "asinh": "arcsinh x, /",
    "atanh": "arctanh x, /",
    **{
        name: f"jax.scipy.special.{target} x, /"
        for name, target in (
            *(("bessel_i0", "i0"), ("bessel_i1", "i1"), ("erfc", "erfc")),
            *(("ndtri", "ndtri"), ("bessel_i0e", "i0e")),
        )
    },
    "invert_permutation": "argsort x, /",
    "asin": "arcsin x, /",
    "atan": "arctan x, /",
    "conj": "conjugate x, /",
    "is_finite": "isfinite x, /",
    "is_inf": "isinf x, /",
    "is_nan": "isnan x, /",
    "lgamma": "jax.scipy.special.gammaln x, /",
    "digamma": "jax.scipy.special.digamma x, /",
    "logical_not": "logical_not x, /",
    "rint": "round x, /",
    "erfinv": "erfinv x, /",
}
_BINARY = {
    **_same(
        (
            *("add", "subtract", "multiply", "divide", "equal", "not_equal", "greater"),
            *("greater_equal", "less", "less_equal", "logical_and", "logical_or"),
            *("logical_xor", "maximum", "minimum", "mod", "floor_divide"),
        ),
        "x, y, /",
    ),
    "atan2": "arctan2 y, x, /",
    "divide_no_nan": "divide_no_nan x, y, /",
    "floordiv": "floor_divide x, y, /",
    "floormod": "mod x, y, /",
    "pow": "power x, y, /",
    "truediv": "divide x, y, /",
    "realdiv": "divide x, y, /",
    "scalar_mul": "multiply scalar, x, /",
    "truncatemod": "jnp.fmod x, y, /",
    "nextafter": "nextafter x1, x2, /",
    **{
        name: f"jax.scipy.special.{target} {arguments}, /"
        for name, target, arguments in (
            *(("xlogy", "xlogy", "x, y"), ("xlog1py", "xlog1py", "x, y")),
            *(("zeta", "zeta", "x, q"), ("polygamma", "polygamma", "a, x")),
            *(("igamma", "gammainc", "a, x"), ("igammac", "gammaincc", "a, x")),
            ("betainc", "betainc", "a, b, x"),
        )
    },
}
_REDUCE = {
    **{
        f"reduce_{name}": f"{name} input_tensor, /, axis, keepdims"
        for name in ("sum", "max", "min", "prod", "any", "all", "std", "var")
    },
    "reduce_euclidean_norm": "linalg.norm input_tensor, /, axis, keepdims",
    "reduce_variance": "var input_tensor, /, axis, keepdims",
    "reduce_logsumexp": "logsumexp input_tensor, /, axis, keepdims",
}
_ARRAYS = "lamina.compat.tensorflow.base.arrays"
_CALCULATIONS = "lamina.compat.tensorflow.base.calculations"
_MATRICES = "lamina.compat.tensorflow.base.matrices"
_SEQUENCES = "lamina.compat.tensorflow.base.sequences"
_CONTROL = "lamina.compat.tensorflow.base.control"
MATH = {
    **_UNARY,
    **_BINARY,
    **_REDUCE,
    **{
        name: f"{_CALCULATIONS}:{name}"
        for name in (
            *("add_n", "argmax", "argmin", "bincount", "confusion_matrix"),
            *("count_nonzero", "in_top_k", "l2_normalize", "top_k", "cumsum"),
            *("squared_difference", "multiply_no_nan", "truncatediv", "xdivy"),
            *("cumprod", "cumulative_logsumexp", "reduce_mean"),
        )
    },
    **{
        name: f"{_SEQUENCES}:{name}"
        for name in (
            *("is_non_decreasing", "is_strictly_increasing"),
            *(f"segment_{n}" for n in ("max", "mean", "min", "prod", "sum")),
            *(f"unsorted_segment_{n}" for n in ("max", "mean", "min", "prod", "sum")),
        )
    },
    "log_softmax": "log_softmax logits, /, axis",
    "zero_fraction": "lamina.compat.tensorflow.nn:zero_fraction",
    "accumulate_n": f"{_CALCULATIONS}:add_n",
    "polyval": "jnp.polyval coeffs, x, /",
    "cross": "cross a, b, /",
    "softmax": "softmax logits, /, axis",
}
_SHAPES = {
    "broadcast_dynamic_shape": f"{_CALCULATIONS}:broadcast_static_shape",
    "broadcast_to": "broadcast_to input, shape, /",
    "concat": f"{_ARRAYS}:concat",
    "expand_dims": "expand_dims input, /, axis",
    "meshgrid": "lamina.ops:meshgrid",
    "pad": f"{_ARRAYS}:pad",
    "repeat": "repeat input, repeats, /, axis",
    "reshape": f"{_ARRAYS}:reshape",
    "reverse": "flip tensor, /, axis",
    "roll": "roll input, shift, /, axis",
    "sort": f"{_CALCULATIONS}:sort",
    "argsort": f"{_CALCULATIONS}:argsort",
    "squeeze": "squeeze input, /, axis",
    "stack": "stack values, /, axis",
    "tile": "tile input, multiples, /",
    "transpose": "transpose a, /, axes:perm",
    "unstack": f"{_ARRAYS}:unstack",
    "where": f"{_ARRAYS}:where",
}
_PRODUCTS = {
    "einsum": "lamina.ops:einsum",
    "matmul": f"{_MATRICES}:matmul",
    "tensordot": "tensordot a, b, axes, /",
    "norm": f"{_MATRICES}:norm",
}
_OWN = {
    _ARRAYS: (
        *("boolean_mask", "cast", "dynamic_partition", "ensure_shape", "eye", "fill"),
        *("gather", "gather_nd", "identity", "identity_n", "linspace", "one_hot"),
        *("ones", "ones_like", "range", "rank", "saturate_cast", "scatter_nd"),
        *("sequence_mask", "shape_n", "size", "slice", "split", "stop_gradient"),
        *("strided_slice", "tensor_scatter_nd_add", "tensor_scatter_nd_max"),
        *("tensor_scatter_nd_min", "tensor_scatter_nd_sub"),
        *("tensor_scatter_nd_update", "unique", "zeros", "zeros_like"),
    ),
    _CALCULATIONS: (
        *("clip_by_global_norm", "clip_by_norm", "clip_by_value", "complex"),
        *("broadcast_static_shape", "searchsorted"),
    ),
    _SEQUENCES: (
        *("dynamic_stitch", "histogram_fixed_width", "histogram_fixed_width_bins"),
        *("reverse_sequence", "unique_with_counts"),
    ),
    _CONTROL: (
        *("Assert", "TensorArray", "case", "cond", "foldl", "foldr", "map_fn"),
        *("recompute_grad", "switch_case"),
        *("numpy_function", "print", "py_function", "scan", "vectorized_map"),
        "while_loop",
    ),
}
_TENSORS = "lamina.compat.tensorflow.base.tensors"
_RECORDING = "lamina.compat.tensorflow.recording"
_INITIALIZERS = "lamina.initializers"
ROOT = {
    **MATH,
    **_SHAPES,
    **_PRODUCTS,
    **{name: f"{path}:{name}" for path, names in _OWN.items() for name in names},
    **{
        name: f"{_TENSORS}:{name}"
        for name in (
            *("TensorShape", "TensorSpec", "constant", "is_tensor"),
            *("convert_to_tensor", "as_dtype", "shape", "DType"),
        )
    },
    "SparseTensor": "lamina.compat.tensorflow.base.sparse:SparseTensor",
    **{
        name: f"lamina.compat.tensorflow.utilities.debugging:{name}"
        for name in (*("assert_equal", "assert_greater", "assert_less", "assert_rank"),)
    },
    **{
        name: f"lamina.compat.tensorflow.base.variables:{name}"
        for name in (
            *("IndexedSlices", "VariableAggregation", "VariableSynchronization"),
        )
    },
    "RaggedTensor": "lamina.compat.tensorflow.base.ragged:RaggedTensor",
    "Tensor": "jax:Array",
    "Variable": "lamina.compat.tensorflow.base.variables:Variable",
    "GradientTape": f"{_RECORDING}.tape:GradientTape",
    "Module": f"{_RECORDING}.module:Module",
    "UnconnectedGradients": f"{_RECORDING}.tape:UnconnectedGradients",
    "custom_gradient": f"{_RECORDING}.custom_gradient:custom_gradient",
    "function": f"{_RECORDING}.function:function",
    "random_normal_initializer": f"{_INITIALIZERS}:RandomNormal",
    "random_uniform_initializer": f"{_INITIALIZERS}:RandomUniform",
    "constant_initializer": f"{_INITIALIZERS}:Constant",
    "ones_initializer": f"{_INITIALIZERS}:Ones",
    "zeros_initializer": f"{_INITIALIZERS}:Zeros",
}
NN = {
    **_same(
        (
            *("elu", "relu", "relu6", "selu", "sigmoid", "softplus", "softsign"),
            *("tanh",),
        ),
        "features, /",
    ),
    "silu": "silu features, /",
    "swish": "silu features, /",
    "log_softmax": "log_softmax logits, /, axis",
    "softmax": "softmax logits, /, axis",
    "moments": "moments x, axes, /, keepdims",
    "embedding_lookup": f"{_ARRAYS}:gather",
    "in_top_k": f"{_CALCULATIONS}:in_top_k",
    "top_k": f"{_CALCULATIONS}:top_k",
    "l2_loss": f"{_CALCULATIONS}:l2_loss",
    "softmax_cross_entropy_with_logits_v2": (
        "lamina.compat.tensorflow.nn:softmax_cross_entropy_with_logits"
    ),
    "l2_normalize": f"{_CALCULATIONS}:l2_normalize",
}
LINALG = {
    **_PRODUCTS,
    **{
        name: f"{_MATRICES}:{name}"
        for name in (
            *("adjoint", "band_part", "cholesky_solve", "diag", "diag_part"),
            *("global_norm", "inv", "matvec", "normalize", "set_diag", "solve"),
            *("svd", "tensor_diag", "tensor_diag_part", "trace", "triangular_solve"),
        )
    },
    "cholesky": "cholesky input, /",
    "cross": "cross a, b, /",
    "eig": "eig tensor, /",
    "eigvals": "linalg.eigvals tensor, /",
    "eigvalsh": "linalg.eigvalsh tensor, /",
    "expm": "jax.scipy.linalg.expm input, /",
    "logdet": "logdet matrix, /",
    "slogdet": "slogdet input, /",
    "sqrtm": "jax.scipy.linalg.sqrtm input, /",
    "det": "det input, /",
    "eigh": "eigh tensor, /",
    "eye": f"{_ARRAYS}:eye",
    "l2_normalize": f"{_CALCULATIONS}:l2_normalize",
    "lstsq": "lstsq matrix, rhs, /",
    "lu": "lu_factor input, /",
    "matrix_rank": "linalg.matrix_rank a, /",
    "matrix_transpose": "jnp.matrix_transpose a, /",
    "pinv": "linalg.pinv a, /",
    "qr": "qr input, /",
}
SIGNAL = {
    "fft": "jax.numpy.fft.fft input, /",
    "ifft": "jax.numpy.fft.ifft input, /",
    "rfft": "jax.numpy.fft.rfft input, /",
    "irfft": "jax.numpy.fft.irfft input, /",
    "fft2d": "jax.numpy.fft.fft2 input, /",
    "ifft2d": "jax.numpy.fft.ifft2 input, /",
    "rfft2d": "jax.numpy.fft.rfft2 input, /",
    "irfft2d": "jax.numpy.fft.irfft2 input, /",
    "fftshift": "jax.numpy.fft.fftshift x, /, axes",
    "ifftshift": "jax.numpy.fft.ifftshift x, /, axes",
}
BITWISE = {
    **_same(("bitwise_and", "bitwise_or", "bitwise_xor"), "x, y, /"),
    "invert": "bitwise_invert x, /",
    "left_shift": "bitwise_left_shift x, y, /",
    "right_shift": "bitwise_right_shift x, y, /",
}
# Names of TensorFlow 1 that have another path or another name today.
_RENAMED_SINCE_1 = {
    "lamina.compat.tensorflow.random": {
        **{f"random_{n}": n for n in ("gamma", "normal", "shuffle", "uniform")},
        "multinomial": "categorical",
        "set_random_seed": "set_seed",
        "truncated_normal": "truncated_normal",
    },
    "lamina.compat.tensorflow.image": {
        "extract_image_patches": "extract_image_patches",
        "random_crop": "random_crop",
    },
    "lamina.compat.tensorflow.nn": {
        **{n: n for n in ("depth_to_space", "space_to_depth")},
    },
    "lamina.compat.tensorflow.strings": {
        **{n: n for n in ("as_string", "reduce_join", "regex_replace", "substr")},
        **{
            f"string_to_hash_bucket{end}": f"to_hash_bucket{end}"
            for end in ("", "_fast", "_strong")
        },
        **{f"string_{n}": n for n in ("join", "split", "strip", "to_number")},
    },
    "lamina.compat.tensorflow.io": {
        **{n: n for n in ("decode_csv", "decode_raw", "read_file", "write_file")},
        **{n: n for n in ("FixedLenFeature", "VarLenFeature", "parse_example")},
        **{n: n for n in ("decode_base64", "encode_base64", "parse_single_example")},
        "matching_files": "match_filenames",
    },
    _CALCULATIONS: {"arg_max": "argmax", "arg_min": "argmin"},
    _CONTROL: {"py_func": "numpy_function"},
    _ARRAYS: {"lin_space": "linspace", "unpack": "unstack"},
    _INITIALIZERS: {
        "glorot_normal_initializer": "GlorotNormal",
        "glorot_uniform_initializer": "GlorotUniform",
        "orthogonal_initializer": "Orthogonal",
        "truncated_normal_initializer": "TruncatedNormal",
        "variance_scaling_initializer": "VarianceScaling",
    },
}
VERSION_1 = {
    **{
        old: f"{path}:{new}"
        for path, names in _RENAMED_SINCE_1.items()
        for old, new in names.items()
    },
    **{f"matrix_{n}": LINALG[n] for n in ("band_part", "set_diag", "solve")},
    **{f"matrix_{n}": LINALG[n] for n in ("diag", "diag_part")},
    **{n: LINALG[n] for n in ("cholesky", "qr", "svd", "trace")},
    **{n: LINALG[f"tensor_{n}"] for n in ("diag", "diag_part")},
    "matrix_determinant": LINALG["det"],
    "matrix_inverse": LINALG["inv"],
    "matrix_transpose": LINALG["matrix_transpose"],
    "self_adjoint_eig": LINALG["eigh"],
}
