"""Functions of `tensorflow.math`."""

from __future__ import annotations

from lamina.compat import tensorflow
from lamina.lazy import lazy_attributes

_MORE = {
    "erf": "erf",
    "is_nan": "isnan",
    "log": "log",
    "log1p": "log1p",
    "log_sigmoid": "log_sigmoid",
    "logical_xor": "logical_xor",
    "mod": "mod",
    "reciprocal": "reciprocal",
    "reduce_logsumexp": "logsumexp",
    "reduce_std": "std",
    "reduce_variance": "var",
    "rsqrt": "rsqrt",
    "softplus": "softplus",
    "top_k": "top_k",
}
__getattr__ = lazy_attributes(
    __name__,
    **{n: f"lamina.ops:{target}" for n, target in (tensorflow.SAME | _MORE).items()},
)
