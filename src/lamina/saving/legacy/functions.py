"""Mapping of TensorFlow functions in tf.keras graphs to `lamina.ops`.

A file refers to a function by its path, such as `"math.reduce_mean"`. Only functions in
this table can be loaded.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lamina.saving.legacy.names import unsupported
from lamina.typing import Config

FUNCTION_LAYERS = ("TFOpLambda", "SlicingOpLambda")


class _Function(NamedTuple):
    """Name of an op and a map from TensorFlow's argument names to lamina's."""

    op: str
    arguments: dict[str, str]


def _parse(names: str, arguments: dict[str, str]) -> dict[str, _Function]:
    """Parse entries `path` or `path=op` that share a map of arguments."""
    pairs = [item.partition("=") for item in names.split()]
    return {
        path: _Function(op or path.rpartition(".")[2], arguments)
        for path, _, op in pairs
    }


_AXES = {"axis": "axis", "keepdims": "keepdims"}
_FUNCTIONS = {
    **_parse(
        "__operators__.add=add math.add math.subtract math.multiply math.divide "
        "math.truediv=divide math.floordiv=floor_divide math.floormod=mod "
        "math.pow=power math.maximum math.minimum math.greater math.greater_equal "
        "math.less math.less_equal math.equal math.not_equal math.logical_and "
        "math.logical_or",
        {"y": "x2"},
    ),
    **_parse(
        "math.abs math.cos math.exp math.floor math.log math.logical_not "
        "math.negative math.round math.rsqrt math.sigmoid math.sign math.sin math.sqrt "
        "math.square math.tanh math.softplus nn.relu nn.relu6 nn.elu nn.selu "
        "nn.softplus nn.sigmoid nn.tanh nn.silu nn.swish=silu identity stop_gradient "
        "zeros_like ones_like",
        {},
    ),
    **_parse(
        "math.reduce_mean=mean math.reduce_sum=sum math.reduce_max=max "
        "math.reduce_min=min math.reduce_prod=prod math.reduce_std=std "
        "math.reduce_variance=var math.reduce_logsumexp=logsumexp",
        _AXES,
    ),
    **_parse(
        "concat=concatenate stack expand_dims squeeze compat.v1.squeeze nn.softmax "
        "nn.log_softmax math.argmax math.argmin",
        {"axis": "axis"},
    ),
    **_parse("linalg.matmul", {"b": "x2"}),
    **_parse("reshape", {"shape": "newshape"}),
    **_parse("transpose compat.v1.transpose", {"perm": "axes"}),
    **_parse("tile", {"multiples": "repeats"}),
    **_parse("cast", {"dtype": "dtype"}),
    **_parse("nn.leaky_relu", {"alpha": "negative_slope"}),
    **_parse("nn.gelu", {"approximate": "approximate"}),
    **_parse(
        "clip_by_value=clip", {"clip_value_min": "x_min", "clip_value_max": "x_max"}
    ),
    **_parse("__operators__.getitem=get_item", {"slice_spec": "key"}),
}


def _find_function(entry: Config) -> _Function:
    path = entry["config"].get("function")
    if not isinstance(path, str) or path not in _FUNCTIONS:
        raise unsupported(f"a call of the TensorFlow function {path!r}")
    return _FUNCTIONS[path]


def function_entry(entry: Config) -> Config:
    """Convert the entry of a function in a graph, without its calls.

    Raises:
        FileFormatError: the function is not in the table.
    """
    config = {"name": entry["name"], "function": _find_function(entry).op}
    return {"module": "lamina.ops", "class_name": "Op", "config": config}


def function_call(entry: Config, first: object, keywords: Config) -> Config:
    """Convert the call of a function.

    Args:
        entry: entry of the function.
        first: the first argument.
        keywords: the other arguments, by TensorFlow's names.

    Raises:
        FileFormatError: lamina's function does not support an argument.
    """
    names = _find_function(entry).arguments
    kwargs: Config = {}
    for key, value in keywords.items():
        if key in names:
            kwargs[names[key]] = _convert_key(value) if key == "slice_spec" else value
        elif value and key != "name":
            path = entry["config"]["function"]
            raise unsupported(f"a call of {path!r} with {key}={value!r}")
    return {"args": [first], "kwargs": kwargs}


def _convert_key(value: object) -> Any:
    """Convert an indexing key."""
    if isinstance(value, list):
        return [_convert_key(item) for item in value]
    if isinstance(value, dict) and "start" in value:
        parts = {k: value.get(k) for k in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": parts}
    is_dots = isinstance(value, dict) and value.get("class_name") == "__ellipsis__"
    return {"class_name": "__ellipsis__", "config": {}} if is_dots else value
